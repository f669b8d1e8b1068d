"""Two models on the same posts: how far apart they are, and whether that can be chance.

Both are measured on the same resampled posts, so what makes a resample easy or hard falls out of the difference. The
interval of a difference is therefore narrower than what two separate intervals suggest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import (
    FIGURES,
    FigureInfo,
    FloatArray,
    IntArray,
    Interval,
    align,
    bootstrap_indices,
    label_codes,
    resampled_figures,
)
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    import pandas as pd

LOWER_IS_BETTER = frozenset(
    {
        "false_accusation_rate",
        "missed_campaigning_rate",
        "campaigning_called_neutral_rate",
        "review_rate",
        "false_accusation_rate_unreviewed",
        "accused_without_review_rate",
        "campaigning_passed_without_review_rate",
        "ece",
        "brier",
    }
)
"""The figures of which less is better: mistakes, and the work of reviewers."""

COMPARED: dict[str, FigureInfo] = {
    **FIGURES,
    **{
        f"{label.value}.f1": FigureInfo(f"F1 of {label.value}", f"F1 of the label {label.value}", percent=False)
        for label in LABELS
    },
}
"""Every figure that is compared, in the order of tables: those of `FIGURES`, then each label's F1 as `label.f1`."""

EXACT_BELOW = 25
"""McNemar's test is exact where fewer posts than this tell the two models apart."""

_SMALLEST_P = 0.001
_NOTHING = 1e-12
"""A smaller difference is rounding: the same figure, summed in another order."""

Side = Literal["first", "second"]


@dataclass(frozen=True)
class Difference:
    """One figure of two models, and how far they are apart.

    Attributes:
        figure: its name in `COMPARED`.
        first: the first model's figure.
        second: the second model's.
        difference: first minus second, with its paired bootstrap interval. NaN where a side has no such figure.
        p_value: two-sided, from the bootstrap: twice the smaller share of resamples in which the difference is at most
            or at least 0, each counted with one resample more (Davison and Hinkley 1997, chapter 4), at most 1. It
            inverts the percentile interval, so it is below 1 - confidence about where the interval leaves out 0; its
            smallest value is 2 / (resamples + 1). NaN without resamples. It is not adjusted for looking at many
            figures, and where a figure rests on very few posts it says too much, as every bootstrap does.
    """

    figure: str
    first: float
    second: float
    difference: Interval
    p_value: float

    @property
    def better(self) -> Side | None:
        """Which side is better beyond chance: the interval leaves out 0. None where that cannot be said."""
        low, high = self.difference.low, self.difference.high
        if math.isnan(low) or low <= 0 <= high:
            return None
        return "first" if (low > 0) is not (self.figure in LOWER_IS_BETTER) else "second"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready; None stands for NaN."""
        return {
            "first": _number(self.first),
            "second": _number(self.second),
            "difference": self.difference.to_dict(),
            "p_value": _number(self.p_value),
            "better": self.better,
        }

    def format(self) -> str:
        """Return the difference for a reader: `+0.041 [+0.012, +0.070]` or `-1.5 pp [-3.0, +0.0]`."""
        interval = self.difference
        if math.isnan(interval.value):
            return "–"
        scale, digits, unit = (100, 1, " pp") if COMPARED[self.figure].percent else (1, 3, "")

        def signed(number: float) -> str:
            # Adding 0 turns a negative zero, which rounding leaves, into a plain one.
            return f"{round(number * scale, digits) + 0.0:+.{digits}f}"

        text = f"{signed(interval.value)}{unit}"
        if math.isnan(interval.low):
            return text
        return f"{text} [{signed(interval.low)}, {signed(interval.high)}]"


@dataclass(frozen=True)
class McNemar:
    """McNemar's test (1947): whether one of two models is right more often on the same posts.

    Attributes:
        only_first_right: posts that only the first model has right.
        only_second_right: posts that only the second has right. Posts that both have right or wrong tell nothing.
        p_value: two-sided; how often models that are equally often right would part at least as unevenly.
        statistic: chi-square with Edwards' continuity correction (1948), one degree of freedom; None of the exact test.
    """

    only_first_right: int
    only_second_right: int
    p_value: float
    statistic: float | None

    @property
    def method(self) -> str:
        """Which form of the test was used."""
        return "exact binomial" if self.statistic is None else "chi-square with continuity correction"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the method."""
        return {
            "only_first_right": self.only_first_right,
            "only_second_right": self.only_second_right,
            "p_value": self.p_value,
            "statistic": self.statistic,
            "method": self.method,
        }


def mcnemar(only_first_right: int, only_second_right: int) -> McNemar:
    """Test whether two models are right equally often, from the posts that only one of them has right.

    Under that hypothesis each such post is a fair coin's throw. Below `EXACT_BELOW` of them the p-value is the exact
    two-sided binomial one; from there on it comes from chi-square with continuity correction.

    Args:
        only_first_right: posts that only the first has right.
        only_second_right: posts that only the second has right.

    Raises:
        InputError: a count is negative.
    """
    if min(only_first_right, only_second_right) < 0:
        raise InputError("counts of posts are 0 or more")
    posts = only_first_right + only_second_right
    if posts < EXACT_BELOW:
        fewer = min(only_first_right, only_second_right)
        tail = sum(math.comb(posts, count) for count in range(fewer + 1)) / 2**posts
        return McNemar(only_first_right, only_second_right, min(1.0, 2 * tail), None)
    # The correction may not turn a difference of nothing into one.
    distance = max(abs(only_first_right - only_second_right) - 1, 0)
    statistic = distance**2 / posts
    # With one degree of freedom chi-square is a squared normal variable, so its tail is that of the error function.
    return McNemar(only_first_right, only_second_right, math.erfc(math.sqrt(statistic / 2)), statistic)


@dataclass(frozen=True)
class Comparison:
    """Two models, or predictions files, on the same posts.

    Attributes:
        names: of the first and the second.
        posts: how many posts were compared.
        differences: by figure, those of `COMPARED` that both sides have.
        mcnemar: the test on right and wrong labels.
        labels: (3, 3) counts; rows are what the first said, columns what the second said, in the order of `LABELS`.
        differing: the posts with different labels, in their order: `row` (0-based place among the posts), `gold`,
            `first`, `second` (labels) and `right` ("first", "second" or "neither").
        resamples: behind each interval; 0 when none was asked for.
        seed: the resamples' seed.
        confidence: the intervals' coverage.
    """

    names: tuple[str, str]
    posts: int
    differences: Mapping[str, Difference]
    mcnemar: McNemar
    labels: IntArray
    differing: pd.DataFrame
    resamples: int
    seed: int
    confidence: float

    def __getitem__(self, figure: str) -> Difference:
        """Return the difference of a figure by its name in `COMPARED`."""
        return self.differences[figure]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the single posts, JSON-ready; None stands for NaN."""
        return {
            "first": self.names[0],
            "second": self.names[1],
            "posts": self.posts,
            "differing": len(self.differing),
            "figures": {name: difference.to_dict() for name, difference in self.differences.items()},
            "mcnemar": self.mcnemar.to_dict(),
            "labels": {
                "labels": [label.value for label in LABELS],
                "rows": "first",
                "columns": "second",
                "counts": self.labels.tolist(),
            },
            "interval": {
                "method": "paired stratified percentile bootstrap of first - second",
                "resamples": self.resamples,
                "seed": self.seed,
                "confidence": self.confidence,
            },
        }

    def table(self) -> str:
        """Return the comparison as plain text for a terminal."""
        first, second = self.names
        interval = f", {self.confidence:.0%} intervals from {self.resamples:,} resamples" if self.resamples else ""
        lines = [f"{first} - {second} on the same {self.posts:,} posts{interval}", ""]
        rows = [["figure", first, second, "difference", "p", "better"]]
        rows += [
            [
                COMPARED[name].title,
                _shown(name, found.first),
                _shown(name, found.second),
                found.format(),
                _shown_p(found.p_value),
                {"first": first, "second": second, None: ""}[found.better],
            ]
            for name, found in self.differences.items()
        ]
        lines += [*align(rows), ""]
        differ = self.posts and len(self.differing) / self.posts
        lines.append(f"Labels differ on {len(self.differing):,} posts ({differ:.1%}).")
        test = self.mcnemar
        lines.append(
            f"Right only in {first}: {test.only_first_right:,}; only in {second}: {test.only_second_right:,}; "
            f"McNemar p {'' if test.p_value < _SMALLEST_P else '= '}{_shown_p(test.p_value)} ({test.method})."
        )
        counts = [
            [f"{first} \\ {second}", *(label.value for label in LABELS)],
            *([label.value, *(f"{count:,}" for count in self.labels[label.severity])] for label in LABELS),
        ]
        return "\n".join([*lines, "", *align(counts)])


def compare(
    gold: Sequence[object] | npt.NDArray[Any],
    first: Predictions,
    second: Predictions,
    *,
    names: tuple[str, str] = ("first", "second"),
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two models on the same posts.

    The bootstrap draws posts with replacement within each gold label, the same ones for both, exactly those that
    `evaluate` draws with this seed.

    Args:
        gold: n labels: names, `Label` or severities 0, 1, 2.
        first: of n posts, in the same order.
        second: of the same posts.
        names: what to call the two.
        resamples: bootstrap resamples; 0 for no intervals and no bootstrap p-values.
        seed: of the resamples.
        confidence: coverage of the intervals.

    Raises:
        InputError: there are no posts, the sides hold other numbers of posts, or an option makes no sense.
    """
    if names[0] == names[1]:
        raise InputError(f"both sides are called {names[0]!r}; give them different names")
    return compare_many(
        gold,
        {names[0]: first, names[1]: second},
        resamples=resamples,
        seed=seed,
        confidence=confidence,
    )[0]


def compare_many(
    gold: Sequence[object] | npt.NDArray[Any],
    named: Mapping[str, Predictions],
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[Comparison, ...]:
    """Compare the first of several models with each of the others, on the same posts and the same resamples.

    The p-values are not adjusted for the number of models: with many of them some look different by chance.

    Args:
        gold: as in `compare`.
        named: at least two, by name; the first is the one that the others are held against.
        resamples: as in `compare`.
        seed: as in `compare`.
        confidence: as in `compare`.

    Returns:
        One comparison for each of the others, in their order.

    Raises:
        InputError: fewer than two are given, or as in `compare`.
    """
    if len(named) < 2:
        raise InputError("a comparison needs at least two models or predictions files")
    if resamples < 0 or not 0 < confidence < 1:
        raise InputError("resamples are 0 or more, confidence lies between 0 and 1")
    truth = label_codes(gold)
    figures: dict[str, dict[str, FloatArray]] = {}
    for name, predictions in named.items():
        try:
            # The posts as they are come first, then the resamples.
            figures[name] = resampled_figures(
                truth,
                predictions.labels,
                itertools.chain([np.arange(len(truth))], bootstrap_indices(truth, resamples, seed)),
                probabilities=predictions.probabilities,
                needs_review=predictions.needs_review,
            )
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    main, *others = named
    comparisons = []
    for other in others:
        first, second = label_codes(named[main].labels), label_codes(named[other].labels)
        right = [truth == first, truth == second]
        comparisons.append(
            Comparison(
                names=(main, other),
                posts=len(truth),
                differences={found.figure: found for found in _differences(figures[main], figures[other], confidence)},
                mcnemar=mcnemar(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())),
                labels=np.bincount(first * len(LABELS) + second, minlength=len(LABELS) ** 2).reshape(
                    len(LABELS), len(LABELS)
                ),
                differing=_differing(truth, first, second),
                resamples=resamples,
                seed=seed,
                confidence=confidence,
            )
        )
    return tuple(comparisons)


def side_by_side(comparisons: Sequence[Comparison]) -> str:
    """Return the figures of several models beside each other, as plain text for a terminal.

    Args:
        comparisons: as `compare_many` returns them. A star marks a model that differs from the first beyond chance.

    Raises:
        InputError: there is no comparison, or they do not share their first model.
    """
    if not comparisons or len({comparison.names[0] for comparison in comparisons}) > 1:
        raise InputError("side by side stand comparisons of one model with others; compare_many gives them")
    main = comparisons[0].names[0]
    rows = [["figure", main, *(comparison.names[1] for comparison in comparisons)]]
    for name, info in COMPARED.items():
        found = [comparison.differences.get(name) for comparison in comparisons]
        known = next((difference for difference in found if difference is not None), None)
        if known is None:
            continue
        cells = [
            # A space where no star stands keeps the digits under each other.
            "–  " if difference is None else _shown(name, difference.second) + (" *" if difference.better else "  ")
            for difference in found
        ]
        rows.append([info.title, _shown(name, known.first), *cells])
    lines = align(rows)
    if comparisons[0].resamples:
        lines.append(f"* differs from {main}: the {comparisons[0].confidence:.0%} interval leaves out 0")
    return "\n".join(lines)


def _differences(
    first: Mapping[str, FloatArray], second: Mapping[str, FloatArray], confidence: float
) -> Iterator[Difference]:
    """Yield the differences; each array holds the posts as they are, then the resamples."""
    for name in COMPARED:
        if name not in first or name not in second:
            continue
        apart = first[name] - second[name]
        apart[np.abs(apart) < _NOTHING] = 0.0
        value = float(apart[0])
        # A resample may leave a rate without posts on one side; the interval is over those that both have.
        draws = apart[1:][~np.isnan(apart[1:])]
        interval, p_value = Interval(value), math.nan
        if draws.size and not math.isnan(value):
            low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
            interval = Interval(value, float(low), float(high))
            p_value = _bootstrap_p(draws)
        yield Difference(name, float(first[name][0]), float(second[name][0]), interval, p_value)


def _bootstrap_p(draws: FloatArray) -> float:
    """Return the two-sided p-value of a difference of 0; see `Difference`."""
    smaller = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (len(draws) + 1))


def _differing(truth: IntArray, first: IntArray, second: IntArray) -> pd.DataFrame:
    import pandas as pd

    rows = np.flatnonzero(first != second)
    columns: dict[str, Any] = {"row": rows}
    for name, codes in (("gold", truth), ("first", first), ("second", second)):
        columns[name] = pd.Series([LABELS[code] for code in codes[rows]], dtype=object)
    right = np.where(first == truth, "first", np.where(second == truth, "second", "neither"))
    columns["right"] = pd.Series(right[rows].tolist(), dtype=object)
    return pd.DataFrame(columns)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _shown(name: str, value: float) -> str:
    return Interval(value).format(percent=COMPARED[name].percent)


def _shown_p(p_value: float) -> str:
    if math.isnan(p_value):
        return "–"
    return f"< {_SMALLEST_P}" if p_value < _SMALLEST_P else f"{p_value:.3f}"
