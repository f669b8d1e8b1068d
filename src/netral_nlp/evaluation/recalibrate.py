"""Fit a model's decision on labelled posts, with its texts read as scoring reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.evaluation.calibration import fit_decision
from netral_nlp.evaluation.halves import HalvesCheck, check_by_halves
from netral_nlp.evaluation.subjects import file_sha256
from netral_nlp.inference.decision import Decision

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.inference.backends import BackendName
    from netral_nlp.inference.classifier import NeutralityClassifier

_TARGET = 0.05


def fit_on(
    classifier: NeutralityClassifier,
    posts: pd.DataFrame,
    *,
    target_accused: float = 0.05,
    target_passed: float = 0.05,
    fitted_on: Mapping[str, Any] | None = None,
) -> Decision:
    """Fit a decision on posts that the model was not trained on; see `fit_decision`.

    Posts that the model does not judge by itself (blank ones, likes and follows) play no part.

    Args:
        classifier: the model.
        posts: as `read_labelled` returns them.
        target_accused: see `fit_decision`.
        target_passed: see `fit_decision`.
        fitted_on: further facts to keep in the decision.

    Raises:
        InputError: see `fit_decision`.
    """
    return _fit(classifier, posts, target_accused, target_passed, fitted_on).decision


@dataclass(frozen=True)
class Calibration:
    """A decision, and what to expect of it.

    Attributes:
        decision: fitted on all the posts.
        held_out: the same fitted on one half and measured on the other, both ways; None where the posts are too few.
    """

    decision: Decision
    held_out: HalvesCheck | None


def calibrate(
    model: str | Path | None,
    data: str | Path | Sequence[str | Path],
    *,
    target_accused: float | None = None,
    target_passed: float | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    backend: BackendName = "auto",
    threads: int | None = None,
) -> Calibration:
    """Fit a model's decision on labelled files; nothing is written (`Decision.save` does).

    Args:
        model: what `NeutralityClassifier.from_pretrained` takes.
        data: files that `read_labelled` reads.
        target_accused: see `fit_decision`; None keeps the model's own target, 0.05 where it has none.
        target_passed: the same.
        text_column: see `read_labelled`.
        label_column: see `read_labelled`.
        backend: what runs the model; fit with the one that will score.
        threads: processor threads.

    Raises:
        NetralError: model or data cannot be read, or the data cannot be fitted on.
    """
    from netral_nlp.inference.classifier import NeutralityClassifier

    paths = [Path(path) for path in ([data] if isinstance(data, str | Path) else data)]
    posts = read_labelled(paths, text_column=text_column, label_column=label_column)
    classifier = NeutralityClassifier.from_pretrained(model, backend=backend, threads=threads)
    about = {
        "backend": classifier.backend,
        "files": {path.name: file_sha256(path) for path in paths if path.is_file()},
    }
    own = classifier.decision.target
    accused = own.get("accused_without_review_rate", _TARGET) if target_accused is None else target_accused
    passed = own.get("campaigning_passed_without_review_rate", _TARGET) if target_passed is None else target_passed
    return _fit(classifier, posts, accused, passed, about)


def _fit(
    classifier: NeutralityClassifier,
    posts: pd.DataFrame,
    accused: float,
    passed: float,
    fitted_on: Mapping[str, Any] | None,
) -> Calibration:
    columns = {name: posts[name].tolist() if name in posts else None for name in ("context", "action")}
    found = classifier.score(posts["text"].tolist(), columns["context"], columns["action"])
    rows = np.flatnonzero(~np.isnan(found.logits).any(axis=1))
    logits, gold = found.logits[rows], [posts["label"].iloc[row] for row in rows]
    decision = fit_decision(logits, gold, target_accused=accused, target_passed=passed, fitted_on=fitted_on)
    return Calibration(decision, check_by_halves(gold, logits, target_accused=accused, target_passed=passed))
