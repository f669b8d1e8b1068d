"""How right labels and probabilities are, with bootstrap intervals.

Every figure is a function of a few sums over posts: the counts by gold label, predicted label and hand-over to review,
the squared error, the calibration bins. One pass gives them for the posts as they are and, with the same code, for
every bootstrap resample, so that thousands of resamples cost about a second. `bootstrap_indices` gives the resampled
posts themselves, for paired comparisons and for checks by hand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS, Label

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_N = len(LABELS)
_NEUTRAL = Label.NEUTRAL.severity
_CAMPAIGNING = Label.CAMPAIGNING.severity
_SUM_TOLERANCE = 0.02
"""Probabilities that were rounded for a file may miss 1 by this much."""


@dataclass(frozen=True)
class FigureInfo:
    """What a figure is called and what it says."""

    title: str
    meaning: str
    percent: bool = True


FIGURES: dict[str, FigureInfo] = {
    "macro_f1": FigureInfo("macro-F1", "the mean of the labels' F1", percent=False),
    "macro_precision": FigureInfo("macro precision", "the mean of the labels' precision", percent=False),
    "macro_recall": FigureInfo("macro recall", "the mean of the labels' recall", percent=False),
    "accuracy": FigureInfo("accuracy", "posts with the right label", percent=False),
    "mcc": FigureInfo("Matthews correlation", "1 is perfect, 0 is chance", percent=False),
    "quadratic_kappa": FigureInfo(
        "quadratic-weighted kappa", "agreement in order of severity; far misses weigh more", percent=False
    ),
    "false_accusation_rate": FigureInfo(
        "false accusations", "neutral posts that are called supportive or campaigning, among all neutral posts"
    ),
    "missed_campaigning_rate": FigureInfo(
        "missed campaigning", "campaigning posts that are called anything else, among all campaigning posts"
    ),
    "campaigning_called_neutral_rate": FigureInfo(
        "campaigning called neutral", "campaigning posts that are called neutral, among all campaigning posts"
    ),
    "review_rate": FigureInfo("handed to review", "posts that a person is asked to look at, among all posts"),
    "false_accusation_rate_unreviewed": FigureInfo(
        "false accusations, unreviewed posts",
        "the same share counted only among neutral posts that are not handed to review",
    ),
    "accused_without_review_rate": FigureInfo(
        "accused without review",
        "neutral posts that are called supportive or campaigning and not handed to review, among all neutral posts",
    ),
    "campaigning_passed_without_review_rate": FigureInfo(
        "campaigning passed without review",
        "campaigning posts that are called neutral and not handed to review, among all campaigning posts",
    ),
    "accuracy_unreviewed": FigureInfo(
        "accuracy, unreviewed posts", "right labels among the posts that are not handed to review", percent=False
    ),
    "ece": FigureInfo(
        "expected calibration error",
        "mean gap between stated confidence and share right, over bins of equally many posts",
        percent=False,
    ),
    "brier": FigureInfo(
        "Brier score", "squared error of the probabilities, summed over labels; 0 is perfect, 2 worst", percent=False
    ),
}
"""Every figure but those of one label, in the order of tables."""

PER_CLASS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval.

    Attributes:
        value: the figure on the posts as they are; NaN where it has no meaning (a rate over no posts).
        low: lower end; NaN where no interval was asked for or the figure has none.
        high: upper end.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def to_dict(self) -> dict[str, float | None]:
        """Return the three numbers; None stands for NaN, which JSON lacks."""
        return {
            name: None if math.isnan(number) else float(number)
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }

    def format(self, *, percent: bool = False) -> str:
        """Return the figure for a reader: `0.741 [0.690, 0.789]` or `4.2 % [2.1, 6.8]`."""
        if math.isnan(self.value):
            return "–"
        scale, digits, unit = (100, 1, " %") if percent else (1, 3, "")
        text = f"{self.value * scale:.{digits}f}{unit}"
        if math.isnan(self.low):
            return text
        return f"{text} [{self.low * scale:.{digits}f}, {self.high * scale:.{digits}f}]"


@dataclass(frozen=True)
class ReliabilityBin:
    """Posts of similar confidence: how sure the model was and how often it was right."""

    posts: int
    lowest: float
    highest: float
    confidence: float
    accuracy: float

    def to_dict(self) -> dict[str, float | int]:
        """Return the fields."""
        return {
            "posts": self.posts,
            "lowest": self.lowest,
            "highest": self.highest,
            "confidence": self.confidence,
            "accuracy": self.accuracy,
        }


@dataclass(frozen=True)
class Metrics:
    """Every figure of one evaluation.

    Attributes:
        posts: how many posts were measured.
        support: gold posts by label.
        confusion: (3, 3) counts; rows are gold, columns predicted, both in the order of `LABELS`.
        figures: the figures of `FIGURES` that the input allows (calibration needs probabilities, the unreviewed ones
            need needs_review).
        per_class: precision, recall and F1 by label.
        reliability: the calibration bins, from unsure to sure; empty without probabilities.
        resamples: bootstrap resamples behind each interval; 0 when none was asked for.
        seed: the resamples' seed.
        confidence: the intervals' coverage.
    """

    posts: int
    support: Mapping[Label, int]
    confusion: IntArray
    figures: Mapping[str, Interval]
    per_class: Mapping[Label, Mapping[str, Interval]]
    reliability: tuple[ReliabilityBin, ...]
    resamples: int
    seed: int
    confidence: float

    def __getitem__(self, name: str) -> Interval:
        """Return a figure by its name in `FIGURES`."""
        return self.figures[name]

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready, each figure as `{"value", "low", "high"}`."""
        return {
            "posts": self.posts,
            "support": {label.value: self.support[label] for label in LABELS},
            **{name: interval.to_dict() for name, interval in self.figures.items()},
            "per_class": {
                label.value: {name: interval.to_dict() for name, interval in self.per_class[label].items()}
                for label in LABELS
            },
            "confusion": {
                "labels": [label.value for label in LABELS],
                "rows": "gold",
                "columns": "predicted",
                "counts": self.confusion.tolist(),
            },
            "reliability": [part.to_dict() for part in self.reliability],
            "interval": {
                "method": "stratified percentile bootstrap",
                "resamples": self.resamples,
                "seed": self.seed,
                "confidence": self.confidence,
            },
        }

    def table(self) -> str:
        """Return the figures as plain text for a terminal."""
        interval = f", {self.confidence:.0%} intervals from {self.resamples:,} resamples" if self.resamples else ""
        lines = [f"{self.posts:,} posts{interval}", ""]
        rows = [["label", "precision", "recall", "F1", "posts"]]
        rows += [
            [
                label.value,
                *(self.per_class[label][name].format() for name in PER_CLASS),
                f"{self.support[label]:,}",
            ]
            for label in LABELS
        ]
        lines += [*align(rows), ""]
        lines += align(
            [
                [FIGURES[name].title, interval.format(percent=FIGURES[name].percent)]
                for name, interval in self.figures.items()
            ],
            left=2,
        )
        counts = [
            ["gold \\ predicted", *(label.value for label in LABELS)],
            *([label.value, *(f"{count:,}" for count in self.confusion[label.severity])] for label in LABELS),
        ]
        return "\n".join([*lines, "", *align(counts)])


def align(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Return rows of cells as lines of even columns; the first `left` columns are flush left, the others right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def percent(part: float, whole: float) -> str:
    """Return a share as `12.5 %`; a dash where there is nothing to share."""
    if not whole:
        return "–"
    share = 100 * part / whole
    # A few in a million are not none, and all but a few are not all.
    return "< 0.1 %" if 0 < share < 0.05 else "> 99.9 %" if 99.95 <= share < 100 else f"{share:.1f} %"


def label_codes(labels: Sequence[object] | npt.NDArray[Any]) -> IntArray:
    """Return labels (names, `Label` or severities 0, 1, 2) as an (n,) array of severities.

    Raises:
        InputError: a value is no label.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise InputError(f"labels are a flat list; got {array.ndim} dimensions")
    if array.dtype.kind in "iu":
        if array.size and (array.min() < 0 or array.max() >= _N):
            raise InputError(f"label codes run from 0 to {_N - 1}; got {array.min()} to {array.max()}")
        return array.astype(np.int64)
    known: dict[object, int] = {label: label.severity for label in LABELS}
    return np.array([known[v] if v in known else Label.parse(v).severity for v in array.tolist()], dtype=np.int64)


def evaluate(
    gold: Sequence[object] | npt.NDArray[Any],
    predictions: Sequence[Any] | npt.NDArray[Any],
    *,
    probabilities: npt.ArrayLike | None = None,
    needs_review: npt.ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    bins: int = 10,
) -> Metrics:
    """Measure predictions against gold labels.

    The intervals are percentile intervals of a bootstrap that draws posts with replacement within each gold label, so
    the label shares stay as they are. They tell how much the figures would move with other posts of the same kind; they
    do not tell how the model does on other sources.

    Two things to know when reading them: resampling adds noise of its own to the calibration error, so its interval
    leans upwards; and a rate of exactly 0 or 1 has no spread to resample, so its interval is a single point.

    Args:
        gold: n labels: names, `Label` or severities 0, 1, 2.
        predictions: n labels, or an (n, 3) array of probabilities, of which the largest decides.
        probabilities: (n, 3), where `predictions` are labels and probabilities are known too.
        needs_review: n booleans: which posts are handed to a person.
        resamples: bootstrap resamples; 0 for no intervals.
        seed: of the resamples; the same seed gives the same intervals.
        confidence: coverage of the intervals.
        bins: calibration bins, each with equally many posts (to one).

    Returns:
        The figures. A macro figure averages over the labels that the gold posts have. Precision without a predicted
        post counts 0, as in scikit-learn with `zero_division=0`; a rate over no posts is NaN.

    Raises:
        InputError: lengths differ, there are no posts, or a probability is none.
    """
    if resamples < 0 or not 0 < confidence < 1:
        raise InputError("resamples are 0 or more, confidence lies between 0 and 1")
    truth, sums = _checked_sums(gold, predictions, probabilities, needs_review, bins)
    whole = sums.whole()
    figures = _figures(whole)
    resampled: dict[str, FloatArray] = {}
    if resamples:
        resampled = _figures(sums.resample_each(bootstrap_indices(truth, resamples, seed)))

    def interval(name: str) -> Interval:
        value = float(figures[name][0])
        draws = resampled.get(name)
        # A resample may leave a rate without posts (nobody handed over); the interval is over those that have it.
        draws = draws[~np.isnan(draws)] if draws is not None else None
        if draws is None or draws.size == 0 or math.isnan(value):
            return Interval(value)
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Interval(value, float(low), float(high))

    confusion = whole.counts[0].sum(axis=2).astype(np.int64)
    return Metrics(
        posts=len(truth),
        support={label: int(confusion[label.severity].sum()) for label in LABELS},
        confusion=confusion,
        figures={name: interval(name) for name in FIGURES if name in figures},
        per_class={label: {name: interval(f"{label.value}.{name}") for name in PER_CLASS} for label in LABELS},
        reliability=sums.reliability(),
        resamples=resamples,
        seed=seed,
        confidence=confidence,
    )


def resampled_figures(
    gold: Sequence[object] | npt.NDArray[Any],
    predictions: Sequence[Any] | npt.NDArray[Any],
    indices: Iterable[IntArray],
    *,
    probabilities: npt.ArrayLike | None = None,
    needs_review: npt.ArrayLike | None = None,
    bins: int = 10,
) -> dict[str, FloatArray]:
    """Return every figure of `evaluate` for each of several choices of posts.

    Two models measured on the same indices can be compared choice by choice.

    Args:
        gold: as in `evaluate`.
        predictions: as in `evaluate`.
        indices: at least one array of post positions, each with the same labels present in gold: what
            `bootstrap_indices` yields, or `numpy.arange(n)` for the posts as they are.
        probabilities: as in `evaluate`.
        needs_review: as in `evaluate`.
        bins: as in `evaluate`.

    Returns:
        (r,) arrays, one number for each of the r choices: the figures of `FIGURES` that the input allows, and those of
        one label as `label.name`, such as `neutral.f1`. NaN where a choice leaves a rate without posts.

    Raises:
        InputError: as `evaluate`.
    """
    _, sums = _checked_sums(gold, predictions, probabilities, needs_review, bins)
    return _figures(sums.resample_each(indices))


def _checked_sums(
    gold: Sequence[object] | npt.NDArray[Any],
    predictions: Sequence[Any] | npt.NDArray[Any],
    probabilities: npt.ArrayLike | None,
    needs_review: npt.ArrayLike | None,
    bins: int,
) -> tuple[IntArray, _Sums]:
    """Return the gold labels as codes, and the posts ready to be summed.

    Raises:
        InputError: see `evaluate`.
    """
    truth = label_codes(gold)
    size = len(truth)
    if size == 0:
        raise InputError("no posts to measure")
    if bins < 1:
        raise InputError("bins are 1 or more")
    array = np.asarray(predictions)
    chances = None if probabilities is None else check_probabilities(probabilities, size)
    if array.ndim == 2:
        if chances is not None:
            raise InputError("probabilities were given twice: as predictions and by name")
        chances = check_probabilities(array, size)
        called = chances.argmax(axis=1).astype(np.int64)
    else:
        called = label_codes(array)
    if len(called) != size:
        raise InputError(f"{size:,} gold labels but {len(called):,} predictions")
    review = None
    if needs_review is not None:
        review = np.asarray(needs_review).astype(bool)
        if review.shape != (size,):
            raise InputError(f"needs_review has the shape {review.shape}; expected ({size},)")
    return truth, _Sums.of(truth, called, chances, review, bins)


def check_probabilities(probabilities: npt.ArrayLike, size: int) -> FloatArray:
    """Return probabilities as an (n, 3) float64 array.

    Raises:
        InputError: the shape is another, or a row holds no probabilities (out of range, not finite, sum far from 1).
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    if chances.shape != (size, _N):
        raise InputError(f"probabilities have the shape {chances.shape}; expected ({size}, {_N})")
    sound = ((chances >= 0) & (chances <= 1)).all(axis=1) & (np.abs(chances.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    if not sound.all():
        row = int(np.flatnonzero(~sound)[0]) + 1
        raise InputError(f"row {row}: the probabilities do not lie between 0 and 1 or do not sum to 1")
    return chances


def bootstrap_indices(gold: Sequence[object] | npt.NDArray[Any], resamples: int, seed: int) -> Iterator[IntArray]:
    """Yield stratified bootstrap resamples: each an (n,) array of post positions, drawn within each gold label.

    `evaluate` uses exactly these; two models compared on the same gold labels with the same seed see the same posts.
    """
    truth = label_codes(gold)
    strata = [np.flatnonzero(truth == code) for code in range(_N)]
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.concatenate(
            [stratum[rng.integers(len(stratum), size=len(stratum))] for stratum in strata if len(stratum)]
        )


@dataclass(frozen=True)
class _Totals:
    """The sums behind every figure, for r resamples (or for the posts as they are: r = 1)."""

    counts: FloatArray
    """(r, gold 3, predicted 3, handed to review 2)."""
    has_review: bool
    brier: FloatArray | None
    """(r,) mean squared error."""
    ece: FloatArray | None
    """(r,)."""

    @classmethod
    def stack(cls, parts: Sequence[_Totals]) -> _Totals:
        def join(pick: Callable[[_Totals], FloatArray | None]) -> FloatArray | None:
            arrays = [array for part in parts if (array := pick(part)) is not None]
            return np.concatenate(arrays) if arrays else None

        counts = np.concatenate([part.counts for part in parts])
        return cls(counts, parts[0].has_review, join(lambda part: part.brier), join(lambda part: part.ece))


@dataclass(frozen=True)
class _Sums:
    """Posts as small codes and numbers, ready to be summed over any choice of posts."""

    cells: IntArray
    """(n,) gold, predicted and review as one code."""
    has_review: bool
    squared: FloatArray | None
    """(n,) squared error summed over labels."""
    rank: IntArray | None
    """(n,) position in order of confidence."""
    gaps: FloatArray | None
    """(n,) confidence minus 1 if right, in order of confidence."""
    sure: FloatArray | None
    """(n,) confidence, in order."""
    ties: IntArray | None
    """(n,) number of the distinct confidence, in order; None where no two posts share one."""
    bins: int

    @classmethod
    def of(
        cls,
        truth: IntArray,
        called: IntArray,
        chances: FloatArray | None,
        review: npt.NDArray[np.bool_] | None,
        bins: int,
    ) -> _Sums:
        cells = (truth * _N + called) * 2 + (0 if review is None else review.astype(np.int64))
        if chances is None:
            return cls(cells, review is not None, None, None, None, None, None, bins)
        squared = ((chances - np.eye(_N)[truth]) ** 2).sum(axis=1)
        sure = chances[np.arange(len(called)), called]
        right = (truth == called).astype(np.float64)
        order = np.argsort(sure, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        distinct, ties = np.unique(sure[order], return_inverse=True)
        tied = ties.astype(np.int64) if len(distinct) < len(sure) else None
        return cls(cells, review is not None, squared, rank, (sure - right)[order], sure[order], tied, bins)

    def whole(self) -> _Totals:
        return self.resample(np.arange(len(self.cells)))

    def resample(self, index: IntArray) -> _Totals:
        counts = np.bincount(self.cells[index], minlength=_N * _N * 2).astype(np.float64).reshape(1, _N, _N, 2)
        if self.squared is None or self.rank is None or self.gaps is None:
            return _Totals(counts, self.has_review, None, None)
        times = np.bincount(self.rank[index], minlength=len(self.rank))
        gaps = self._even_gaps(times)
        starts = bin_starts(len(gaps), self.bins)
        ece = np.abs(np.add.reduceat(gaps, starts)).sum() / len(gaps)
        brier = self.squared[index].mean()
        return _Totals(counts, self.has_review, np.array([brier]), np.array([ece]))

    def _even_gaps(self, times: IntArray) -> FloatArray:
        """Return each post's gap as often as it was drawn, in order of confidence.

        Posts of one confidence come in no order of their own, and a bin may end among them: each takes their mean gap,
        so that the bins depend neither on the order of the posts nor on who of them was right.
        """
        assert self.gaps is not None
        gaps = self.gaps
        if self.ties is not None:
            drawn = np.bincount(self.ties, weights=times)
            whole = np.bincount(self.ties, weights=times * gaps)
            gaps = np.divide(whole, drawn, out=np.zeros_like(whole), where=drawn > 0)[self.ties]
        repeated: FloatArray = np.repeat(gaps, times)
        return repeated

    def resample_each(self, indices: Iterable[IntArray]) -> _Totals:
        return _Totals.stack([self.resample(index) for index in indices])

    def reliability(self) -> tuple[ReliabilityBin, ...]:
        if self.sure is None or self.gaps is None:
            return ()
        edges = [*bin_starts(len(self.sure), self.bins).tolist(), len(self.sure)]
        gaps = self._even_gaps(np.ones(len(self.sure), dtype=np.int64))
        parts = []
        for start, end in itertools.pairwise(edges):
            sure, gap = self.sure[start:end], gaps[start:end]
            mean = float(sure.mean())
            parts.append(ReliabilityBin(end - start, float(sure[0]), float(sure[-1]), mean, mean - float(gap.mean())))
        return tuple(parts)


def bin_starts(size: int, bins: int) -> IntArray:
    """Return where each of the equal-mass bins starts; their sizes differ by at most one post."""
    bins = min(bins, size)
    return (np.arange(bins) * size) // bins


def _ratio(part: FloatArray, whole: FloatArray, empty: float) -> FloatArray:
    ratio: FloatArray = np.divide(part, whole, out=np.full(np.shape(whole), empty), where=whole != 0)
    return ratio


def _figures(totals: _Totals) -> dict[str, FloatArray]:
    """Return every figure as an (r,) array, those of one label as `label.name`."""
    split = totals.counts
    counts = split.sum(axis=3)  # (r, gold, predicted)
    gold, called = counts.sum(axis=2), counts.sum(axis=1)  # (r, 3)
    hits = np.diagonal(counts, axis1=1, axis2=2)
    size = gold.sum(axis=1)
    right = hits.sum(axis=1)
    precision, recall = _ratio(hits, called, 0.0), _ratio(hits, gold, 0.0)
    f1 = _ratio(2 * hits, gold + called, 0.0)
    present = gold[0] > 0  # resampling is stratified: the same labels are present in every resample
    figures = {
        "macro_f1": f1[:, present].mean(axis=1),
        "macro_precision": precision[:, present].mean(axis=1),
        "macro_recall": recall[:, present].mean(axis=1),
        "accuracy": right / size,
    }
    covariance = right * size - (gold * called).sum(axis=1)
    spread = np.sqrt((size**2 - (called**2).sum(axis=1)) * (size**2 - (gold**2).sum(axis=1)))
    figures["mcc"] = _ratio(covariance, spread, 0.0)
    distance = np.subtract.outer(np.arange(_N), np.arange(_N)) ** 2
    expected = gold[:, :, None] * called[:, None, :] / size[:, None, None]
    figures["quadratic_kappa"] = 1 - _ratio(
        (counts * distance).sum(axis=(1, 2)), (expected * distance).sum(axis=(1, 2)), math.nan
    )
    accused = split[:, _NEUTRAL, _NEUTRAL + 1 :].sum(axis=1)  # (r, review)
    figures["false_accusation_rate"] = _ratio(accused.sum(axis=1), gold[:, _NEUTRAL], math.nan)
    campaigning = gold[:, _CAMPAIGNING]
    figures["missed_campaigning_rate"] = _ratio(campaigning - hits[:, _CAMPAIGNING], campaigning, math.nan)
    figures["campaigning_called_neutral_rate"] = _ratio(counts[:, _CAMPAIGNING, _NEUTRAL], campaigning, math.nan)
    if totals.has_review:
        kept = split[..., 0]
        figures["review_rate"] = split[..., 1].sum(axis=(1, 2)) / size
        figures["false_accusation_rate_unreviewed"] = _ratio(accused[:, 0], kept[:, _NEUTRAL].sum(axis=1), math.nan)
        figures["accused_without_review_rate"] = _ratio(accused[:, 0], gold[:, _NEUTRAL], math.nan)
        figures["campaigning_passed_without_review_rate"] = _ratio(
            kept[:, _CAMPAIGNING, _NEUTRAL], campaigning, math.nan
        )
        kept_right = np.trace(kept, axis1=1, axis2=2)
        figures["accuracy_unreviewed"] = _ratio(kept_right, kept.sum(axis=(1, 2)), math.nan)
    if totals.ece is not None and totals.brier is not None:
        figures |= {"ece": totals.ece, "brier": totals.brier}
    for label in LABELS:
        code = label.severity
        figures |= {
            f"{label.value}.precision": precision[:, code],
            f"{label.value}.recall": recall[:, code],
            f"{label.value}.f1": f1[:, code],
        }
    return figures
