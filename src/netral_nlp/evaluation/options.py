"""What an evaluation is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netral_nlp.errors import ConfigError

PARTS = {
    "suites": "the behaviour suites",
    "fairness": "error rates by candidate, party, region, number, religion and gender, on real posts and on templates",
    "explanations": "which words moved the worst mistakes, and whether such explanations hold",
    "problems": "labels that look wrong, conflicts and duplicates",
}
"""The parts of an evaluation that cost more than the figures, and what they are."""


FEW_POSTS = 300
"""Review thresholds that are fitted on fewer posts are rough."""


@dataclass(frozen=True)
class EvaluationOptions:
    """What to measure, and how.

    Attributes:
        parts: of `PARTS`.
        seed: of everything random.
        resamples: bootstrap resamples behind each interval; 0 for none.
        text_column: of the labelled posts; see `read_labelled`.
        label_column: of the labelled posts; see `read_labelled`.
        slice_columns: columns to slice by, besides those that are always sliced by.
        prevalences: further shares of posts that take a side, for which precision is restated.
        compare: models, scored files or baselines (`baselines.BASELINES`) to lay beside the first.
        train: labelled files that the baselines learn from, and among which duplicates are looked for.
        annotator_columns: columns of the labelled posts with one annotator's labels each, for their agreement.
        suites: a folder with other behaviour suites, templates and names than the shipped ones.
        suite_predictions: answers of a scored file to the suites and templates (`answers.write_units`); for scored
            files.
        explained: how many of the worst mistakes are explained, and how many posts the check of explanations uses.
        target_accused: share of neutral posts that may be accused without review, for the check of thresholds; None for
            the model's own target.
    """

    parts: Sequence[str] = ()
    seed: int = 0
    resamples: int = 1000
    text_column: str | None = None
    label_column: str | None = None
    slice_columns: Sequence[str] = ()
    prevalences: Sequence[float] = ()
    compare: Sequence[str] = ()
    train: Sequence[Path] = ()
    annotator_columns: Sequence[str] = ()
    suites: Path | None = None
    suite_predictions: Path | None = None
    explained: int = 50
    target_accused: float | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a look at the data.

        Raises:
            ConfigError: a part is unknown or a number is out of range.
        """
        for part in self.parts:
            if part not in PARTS:
                raise ConfigError(f"unknown part {part!r}; the parts are {', '.join(PARTS)}")
        for prevalence in self.prevalences:
            if not 0 < prevalence < 1:
                raise ConfigError(f"a prevalence is a share between 0 and 1, such as 0.02; got {prevalence:g}")
        if self.target_accused is not None and not 0 <= self.target_accused <= 1:
            raise ConfigError(f"the target is a share within 0 to 1, such as 0.02; got {self.target_accused:g}")
        if self.resamples < 0 or self.explained < 0:
            raise ConfigError("resamples and explained posts are 0 or more")
