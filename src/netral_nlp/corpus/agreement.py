"""How far annotators agree: what a label is worth before any model sees it.

Krippendorff's alpha ("Computing Krippendorff's Alpha-Reliability", 2011) is 1 where annotators always agree and 0 where
they agree as often as chance would have it; it copes with gaps and any number of annotators. Nominal alpha counts every
disagreement alike; ordinal alpha counts neutral against campaigning as worse than against supportive. Only posts that
at least two annotators have labelled say anything about agreement.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, repeat
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.evaluation.metrics import Interval, align
from netral_nlp.labels import LABELS, LABELS_LISTED, Label, shown_value

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Ratings = Mapping[str, Sequence[object]]

MOST_PAIRED = 300
"""With more annotators no pairs are measured: a crowd has millions of them, nearly all without a common post."""
RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff's conventional borders of alpha (see `Agreement.verdict`)."""
_N = len(LABELS)
_GAP = -1
_SKIPPED = "skip"
"""The labelling guide's word for a post that takes no label; the annotator leaves a gap there."""


@dataclass(frozen=True)
class LabelAgreement:
    """How far annotators agree on one label.

    Attributes:
        ratings: how often the label was given, on posts with two ratings or more.
        agreement: where one annotator gave this label, the share of the other ratings of the post that are the same
            (specific agreement, Cicchetti and Feinstein 1990); NaN where nobody gave it.
        alpha: Krippendorff's alpha of this label against the other two; NaN where all or none of the ratings are it.
    """

    ratings: int
    agreement: Interval
    alpha: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {"ratings": self.ratings, "agreement": self.agreement.to_dict(), "alpha": _number(self.alpha)}


@dataclass(frozen=True)
class PairAgreement:
    """How far two annotators agree on the posts that both have labelled.

    Attributes:
        first: one annotator.
        second: the other.
        posts: that both have labelled.
        agreement: share of them with the same label; NaN without any.
        kappa: Cohen's kappa; NaN where both gave one and the same label throughout.
        quadratic_kappa: Cohen's kappa in which a disagreement weighs by the square of its distance in severity.
    """

    first: str
    second: str
    posts: int
    agreement: float
    kappa: float
    quadratic_kappa: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "first": self.first,
            "second": self.second,
            "posts": self.posts,
            "agreement": _number(self.agreement),
            "kappa": _number(self.kappa),
            "quadratic_kappa": _number(self.quadratic_kappa),
        }


@dataclass(frozen=True)
class AnnotatorAgreement:
    """One annotator against the majority of the others, or against a consensus.

    Attributes:
        annotator: the name.
        ratings: labels given.
        posts: how many of them could be compared.
        unclear: labelled posts that could not: nobody else labelled them, the others are split evenly, or the
            consensus has a gap.
        agreement: share of the compared posts with the same label; NaN without any.
        severity_shift: mean of own severity minus the reference's, in steps; above 0 is a stricter eye.
        confusion: (3, 3) counts; rows are the reference, columns the annotator, in the order of `LABELS`.
    """

    annotator: str
    ratings: int
    posts: int
    unclear: int
    agreement: float
    severity_shift: float
    confusion: IntArray

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "annotator": self.annotator,
            "ratings": self.ratings,
            "posts": self.posts,
            "unclear": self.unclear,
            "agreement": _number(self.agreement),
            "severity_shift": _number(self.severity_shift),
            "confusion": {
                "labels": [label.value for label in LABELS],
                "rows": "reference",
                "columns": "annotator",
                "counts": self.confusion.tolist(),
            },
        }


@dataclass(frozen=True)
class DisputedPost:
    """A post on which annotators differ.

    Attributes:
        row: its position (from 0).
        labels: what each annotator who labelled it said.
        distance: mean distance in severity between two of them: 2 is neutral against campaigning, 1 one step.
        majority: the label that most of them gave; None where there is no such label.
    """

    row: int
    labels: Mapping[str, Label]
    distance: float
    majority: Label | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready; `row` counts from 1, as in messages."""
        return {
            "row": self.row + 1,
            "labels": {name: label.value for name, label in self.labels.items()},
            "distance": self.distance,
            "majority": None if self.majority is None else self.majority.value,
        }


@dataclass(frozen=True)
class Agreement:
    """How far annotators agree.

    Attributes:
        annotators: their names.
        posts: all posts, labelled or not.
        shared_posts: posts that at least two annotators have labelled; only they count below.
        ratings: labels on the shared posts.
        alpha_nominal: Krippendorff's alpha, every disagreement alike; NaN where only one label was ever given.
        alpha_ordinal: the same with distances in order of severity.
        percent: share of the pairs of ratings of one post that are equal.
        unanimous: share of the shared posts on which all ratings are equal.
        per_label: agreement on each label.
        pairs: every two annotators; none with more than `MOST_PAIRED` annotators.
        per_annotator: each annotator against `reference`.
        reference: "majority of the others" or "consensus".
        disputed: the most disputed posts, the farthest apart first.
        disputed_posts: how many posts are disputed in all.
        resamples: bootstrap resamples (of posts) behind each interval.
        seed: of the resamples.
        confidence: the intervals' coverage.
    """

    annotators: tuple[str, ...]
    posts: int
    shared_posts: int
    ratings: int
    alpha_nominal: Interval
    alpha_ordinal: Interval
    percent: Interval
    unanimous: Interval
    per_label: Mapping[Label, LabelAgreement]
    pairs: tuple[PairAgreement, ...]
    per_annotator: tuple[AnnotatorAgreement, ...]
    reference: str
    disputed: tuple[DisputedPost, ...]
    disputed_posts: int
    resamples: int
    seed: int
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready; None stands for NaN."""
        return {
            "annotators": list(self.annotators),
            "posts": self.posts,
            "shared_posts": self.shared_posts,
            "ratings": self.ratings,
            "alpha_nominal": self.alpha_nominal.to_dict(),
            "alpha_ordinal": self.alpha_ordinal.to_dict(),
            "percent": self.percent.to_dict(),
            "unanimous": self.unanimous.to_dict(),
            "per_label": {label.value: self.per_label[label].to_dict() for label in LABELS},
            "pairs": [pair.to_dict() for pair in self.pairs],
            "reference": self.reference,
            "per_annotator": [one.to_dict() for one in self.per_annotator],
            "disputed_posts": self.disputed_posts,
            "disputed": [post.to_dict() for post in self.disputed],
            "interval": {
                "method": "percentile bootstrap over posts",
                "resamples": self.resamples,
                "seed": self.seed,
                "confidence": self.confidence,
            },
        }

    def verdict(self) -> str:
        """Return what the nominal alpha means, in one line.

        The borders are Krippendorff's ("Content Analysis: An Introduction to Its Methodology", 2004, chapter 11): rely
        on labels from 0.800 on, draw tentative conclusions from 0.667 on, none below.
        """
        alpha = self.alpha_nominal.value
        if math.isnan(alpha):
            return "only one label was given: alpha says nothing"
        if alpha >= RELIABLE:
            said = f"is at least {RELIABLE:g}: such labels can be relied on"
        elif alpha >= TENTATIVE:
            said = f"is below {RELIABLE:g}: such labels allow tentative conclusions only; talk about the disputed posts"
        else:
            said = f"is below {TENTATIVE:g}: such labels cannot be relied on; mend the guide, and label again"
        return f"a nominal alpha of {self.alpha_nominal.value:.3f} {said} (Krippendorff's convention)"

    def table(self, *, disputed: int = 10, annotators: int | None = None) -> str:
        """Return the figures as plain text for a terminal.

        Args:
            disputed: how many of the most disputed posts to list.
            annotators: with more than so many, only the pairs and the annotators that agree least have their tables.
        """
        pairs, shown_annotators = self.pairs, self.per_annotator
        if cut := annotators is not None and len(self.annotators) > annotators:
            pairs = tuple(sorted(pairs, key=lambda pair: (math.isnan(pair.kappa), pair.kappa))[:annotators])
            shown_annotators = tuple(
                sorted(shown_annotators, key=lambda one: (math.isnan(one.agreement), one.agreement))[:annotators]
            )
        interval = f", {self.confidence:.0%} intervals from {self.resamples:,} resamples" if self.resamples else ""
        lines = [
            f"{self.posts:,} posts, {len(self.annotators)} annotators, "
            f"{self.shared_posts:,} posts with two labels or more{interval}",
            "",
        ]
        lines += align(
            [
                ["Krippendorff's alpha, nominal", self.alpha_nominal.format()],
                ["Krippendorff's alpha, ordinal", self.alpha_ordinal.format()],
                ["equal pairs of labels", self.percent.format(percent=True)],
                ["unanimous posts", self.unanimous.format(percent=True)],
            ],
            left=2,
        )
        rows = [["label", "agreement", "alpha", "labels"]]
        for label in LABELS:
            one = self.per_label[label]
            rows.append(
                [label.value, one.agreement.format(percent=True), Interval(one.alpha).format(), f"{one.ratings:,}"]
            )
        lines += ["", *align(rows)]
        if cut:
            of = f"{len(shown_annotators):,} of {len(self.annotators):,}"
            if pairs:
                of = f"{len(pairs):,} of {len(self.pairs):,} pairs and {of}"
            lines += ["", f"the {of} annotators that agree least"]
        rows = [["annotators", "agreement", "kappa", "quadratic kappa", "posts"]]
        for pair in pairs:
            figures = [Interval(pair.agreement).format(percent=True)]
            figures += [Interval(value).format() for value in (pair.kappa, pair.quadratic_kappa)]
            rows.append([f"{pair.first}, {pair.second}", *figures, f"{pair.posts:,}"])
        lines += ["", *(align(rows) if pairs else [f"pairs are measured with up to {MOST_PAIRED:,} annotators"])]
        rows = [[f"against the {self.reference}", "agreement", "severity shift", "posts", "unclear"]]
        for who in shown_annotators:
            shift = "–" if math.isnan(who.severity_shift) else f"{round(who.severity_shift, 2) + 0.0:+.2f}"
            share = Interval(who.agreement).format(percent=True)
            rows.append([who.annotator, share, shift, f"{who.posts:,}", f"{who.unclear:,}"])
        lines += ["", *align(rows)]
        for who in shown_annotators:
            rows = [[f"{self.reference} \\ {who.annotator}", *(label.value for label in LABELS)]]
            rows += [
                [label.value, *(f"{count:,}" for count in who.confusion[label.severity].tolist())] for label in LABELS
            ]
            lines += ["", *align(rows)]
        if shown := self.disputed[:disputed]:
            rows = [["row", "distance", "labels"]]
            for post in shown:
                said = ", ".join(f"{name}: {label.value}" for name, label in post.labels.items())
                rows.append([f"{post.row + 1:,}", f"{post.distance:.2f}", said])
            widths = [max(len(row[column]) for row in rows) for column in range(2)]
            lines += ["", f"most disputed posts ({len(shown)} of {self.disputed_posts:,})"]
            lines += [f"{row.rjust(widths[0])}  {distance.rjust(widths[1])}  {said}" for row, distance, said in rows]
        return "\n".join(lines)


def agreement(
    ratings: pd.DataFrame | Ratings,
    *,
    consensus: Sequence[object] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    disputed: int | None = 100,
) -> Agreement:
    """Measure how far annotators agree.

    The intervals resample posts with replacement, among those with two labels or more.

    Args:
        ratings: annotator -> one label a post, or a data frame with one column an annotator. A label is a `Label`, its
            English or Indonesian name, or its severity 0, 1, 2. None, NaN, blank and "skip" are gaps.
        consensus: one label (or gap) a post that was agreed on or adjudicated; each annotator is compared with it
            instead of with the majority of the others.
        resamples: bootstrap resamples; 0 for no intervals.
        seed: of the resamples.
        confidence: coverage of the intervals.
        disputed: keep this many of the most disputed posts; None for all.

    Raises:
        InputError: fewer than two annotators, columns of different length, an unknown label, or no post with two
            labels.
        MissingExtraError: krippendorff or scikit-learn is not installed.
    """
    if resamples < 0 or not 0 < confidence < 1 or (disputed is not None and disputed < 0):
        raise InputError("resamples and disputed are 0 or more, confidence lies between 0 and 1")
    names, codes = rating_codes(ratings)
    if len(names) < 2:
        raise InputError(f"agreement needs at least two annotators; got {len(names)}")
    counts = _counts(codes)
    shared = counts.sum(axis=1) >= 2
    if not shared.any():
        raise InputError("no post has labels from two annotators, so agreement cannot be measured")
    figures = _point_figures(counts[shared])
    drawn = _resampled_figures(counts[shared], resamples, seed) if resamples else {}

    def interval(name: str) -> Interval:
        value = figures[name]
        draws = drawn.get(name)
        draws = draws[~np.isnan(draws)] if draws is not None else None
        if draws is None or not draws.size or math.isnan(value):
            return Interval(value)
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Interval(value, float(low), float(high))

    totals = counts[shared].sum(axis=0)
    per_label = {
        label: LabelAgreement(
            int(totals[label.severity]),
            interval(f"agreement.{label.value}"),
            _alpha(np.stack([counts[shared, label.severity], _others(counts[shared], label)], axis=1), "nominal"),
        )
        for label in LABELS
    }
    references: Iterable[IntArray]
    if consensus is None:
        references = (_majority(counts - _one_hot(column)) for column in codes)
    else:
        agreed = label_column("consensus", consensus)
        if len(agreed) != codes.shape[1]:
            raise InputError(f"the consensus has {len(agreed):,} rows but there are {codes.shape[1]:,} posts")
        references = repeat(agreed, len(names))
    posts = _disputed(counts)
    return Agreement(
        annotators=names,
        posts=codes.shape[1],
        shared_posts=int(shared.sum()),
        ratings=int(totals.sum()),
        alpha_nominal=interval("alpha_nominal"),
        alpha_ordinal=interval("alpha_ordinal"),
        percent=interval("percent"),
        unanimous=interval("unanimous"),
        per_label=per_label,
        pairs=tuple(
            _pair(names[one], codes[one], names[other], codes[other])
            for one, other in (combinations(range(len(names)), 2) if len(names) <= MOST_PAIRED else ())
        ),
        per_annotator=tuple(
            _annotator(name, own, reference) for name, own, reference in zip(names, codes, references, strict=True)
        ),
        reference="majority of the others" if consensus is None else "consensus",
        disputed=tuple(_described(names, codes, counts, posts[:disputed])),
        disputed_posts=len(posts),
        resamples=resamples,
        seed=seed,
        confidence=confidence,
    )


def majority(ratings: pd.DataFrame | Ratings) -> list[Label | None]:
    """Return for each post the label that more annotators gave than any other; None where there is no such label.

    Args:
        ratings: see `agreement`; one annotator is enough.

    Raises:
        InputError: columns of different length, or an unknown label.
    """
    _, codes = rating_codes(ratings)
    return [None if code == _GAP else LABELS[code] for code in _majority(_counts(codes)).tolist()]


def rating_codes(ratings: pd.DataFrame | Ratings) -> tuple[tuple[str, ...], IntArray]:
    """Return the annotators' names and an (annotators, posts) array of severities, -1 where there is a gap.

    Args:
        ratings: see `agreement`.

    Raises:
        InputError: no annotators, columns of different length, a name twice, or an unknown label; the message names
            annotator and row (from 1).
    """
    named = [(str(name), values) for name, values in ratings.items()]
    names = tuple(name for name, _ in named)
    if not names:
        raise InputError("agreement needs at least two annotators; got 0")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the annotator {twice!r} is there twice; give each column its own name")
    columns = [label_column(f"annotator {name!r}", list(values)) for name, values in named]
    for name, column in zip(names, columns, strict=True):
        if len(column) != len(columns[0]):
            raise InputError(
                f"annotator {name!r} has {len(column):,} rows but {names[0]!r} has {len(columns[0]):,}; "
                "give one row a post to each, None where there is no label"
            )
    return names, np.stack(columns)


def label_column(name: str, values: Sequence[object]) -> IntArray:
    """Return labels with gaps as severities, -1 for a gap.

    Args:
        name: what the column is, for messages.
        values: see `agreement`.

    Raises:
        InputError: an unknown label; the message names column and row (from 1).
    """
    known: dict[object, int] = {}
    codes = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        # The type is part of the key: True and 1 and 1.0 are equal but only the numbers are labels.
        key = (type(value), value) if isinstance(value, str | int | float | None) else None
        code = known.get(key) if key is not None else None
        if code is None:
            code = _code(name, row, value)
            if key is not None:
                known[key] = code
        codes[row] = code
    return codes


def _code(name: str, row: int, value: object) -> int:
    if value is None or type(value).__name__ == "NAType" or value != value:  # NaN and NaT differ from themselves
        return _GAP
    if isinstance(value, str):
        text = value.strip()
        if not text or text.lower() == _SKIPPED:
            return _GAP
        try:
            return Label.parse(text).severity
        except InputError:
            pass
    elif (
        isinstance(value, int | float | np.integer | np.floating) and value in range(_N) and not isinstance(value, bool)
    ):
        return int(value)  # a column with gaps holds 2 as 2.0
    raise InputError(f"{name}, row {row + 1:,}: unknown label {shown_value(value)}; {LABELS_LISTED}; leave a gap empty")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _one_hot(codes: IntArray) -> IntArray:
    """(n,) codes with gaps as (n, 3) counts."""
    hot: IntArray = (codes[:, None] == np.arange(_N)).astype(np.int64)
    return hot


def _counts(codes: IntArray) -> IntArray:
    """(annotators, n) codes as (n, 3): how many annotators gave each label."""
    counts = np.zeros((codes.shape[1], _N), dtype=np.int64)
    for column in codes:
        counts += _one_hot(column)
    return counts


def _majority(counts: IntArray) -> IntArray:
    """The most frequent label of each post; a gap where none is."""
    most = counts.max(axis=1)
    clear = (most > 0) & ((counts == most[:, None]).sum(axis=1) == 1)
    return np.where(clear, counts.argmax(axis=1), _GAP)


def _others(counts: IntArray, label: Label) -> IntArray:
    others: IntArray = counts.sum(axis=1) - counts[:, label.severity]
    return others


def _alpha(counts: IntArray, level: Literal["nominal", "ordinal"]) -> float:
    """Krippendorff's alpha of (n, values) counts, each post with two ratings or more."""
    try:
        import krippendorff
    except ImportError:
        raise MissingExtraError("measuring agreement", "train") from None
    if (counts.sum(axis=0) > 0).sum() < 2:  # no disagreement is possible, so alpha has no meaning
        return math.nan
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement=level))


def _point_figures(counts: IntArray) -> dict[str, float]:
    figures = {"alpha_nominal": _alpha(counts, "nominal"), "alpha_ordinal": _alpha(counts, "ordinal")}
    shares = _shares(*_share_sums(counts), len(counts))
    return figures | {name: float(value) for name, value in shares.items()}


def _resampled_figures(counts: IntArray, resamples: int, seed: int) -> dict[str, FloatArray]:
    """Return every figure for each resample, shape (resamples,).

    Posts with the same counts are alike to every figure, so a resample is a draw of how often each kind of post occurs.
    krippendorff takes no such weights; its formula is repeated here on the weighted coincidences.
    """
    kinds, posts = np.unique(counts, axis=0, return_counts=True)
    size = int(posts.sum())
    drawn = np.random.default_rng(seed).multinomial(size, posts / size, size=resamples).astype(np.float64)
    rated = kinds.sum(axis=1)
    each = (kinds[:, :, None] * kinds[:, None, :] - kinds[:, :, None] * np.eye(_N, dtype=np.int64)) / (
        rated - 1
    ).reshape(-1, 1, 1)
    coincidences = (drawn @ each.reshape(len(kinds), -1)).reshape(-1, _N, _N)
    pairs, same, unanimous = _kind_sums(kinds)
    shares = _shares(drawn @ pairs, drawn @ same, drawn @ unanimous, size)
    return {
        "alpha_nominal": _alphas(coincidences, ordinal=False),
        "alpha_ordinal": _alphas(coincidences, ordinal=True),
        **shares,
    }


def _alphas(coincidences: FloatArray, *, ordinal: bool) -> FloatArray:
    """Krippendorff's alpha of (r, 3, 3) coincidence matrices; NaN where only one label occurs."""
    values = coincidences.sum(axis=2)
    expected = values[:, :, None] * values[:, None, :] - values[:, :, None] * np.eye(_N)
    expected /= (values.sum(axis=1) - 1).reshape(-1, 1, 1)
    distance = np.ones_like(coincidences) - np.eye(_N)
    if ordinal:
        for one, other in combinations(range(_N), 2):
            between = values[:, one : other + 1].sum(axis=1) - (values[:, one] + values[:, other]) / 2
            distance[:, one, other] = distance[:, other, one] = between**2
    by_chance = (expected * distance).sum(axis=(1, 2))
    alphas = np.full(len(values), np.nan)
    spread = by_chance > 0
    alphas[spread] = 1 - (coincidences * distance).sum(axis=(1, 2))[spread] / by_chance[spread]
    return alphas


def _kind_sums(counts: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return of each post the ordered pairs of ratings that start at each label (n, 3), the equal ones, unanimity."""
    pairs = counts * (counts.sum(axis=1, keepdims=True) - 1)
    same = counts * (counts - 1)
    unanimous = (counts > 0).sum(axis=1) == 1
    return pairs.astype(np.float64), same.astype(np.float64), unanimous.astype(np.float64)


def _share_sums(counts: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    pairs, same, unanimous = _kind_sums(counts)
    return pairs.sum(axis=0), same.sum(axis=0), unanimous.sum(axis=0)


def _shares(pairs: FloatArray, same: FloatArray, unanimous: FloatArray, posts: int) -> dict[str, FloatArray]:
    """Return the shares of equal ratings from sums over posts: (..., 3), (..., 3) and (...)."""
    shares = np.divide(same, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
    return {
        "percent": np.asarray(same.sum(axis=-1) / pairs.sum(axis=-1)),
        "unanimous": np.asarray(unanimous / posts),
        **{f"agreement.{label.value}": np.asarray(shares[..., label.severity]) for label in LABELS},
    }


def _pair(first: str, one: IntArray, second: str, other: IntArray) -> PairAgreement:
    try:
        from sklearn.metrics import cohen_kappa_score
    except ImportError:
        raise MissingExtraError("measuring agreement", "train") from None
    both = (one != _GAP) & (other != _GAP)
    one, other = one[both], other[both]
    if not one.size:
        return PairAgreement(first, second, 0, math.nan, math.nan, math.nan)
    same = float((one == other).mean())
    if len(np.unique(np.concatenate([one, other]))) == 1:  # chance alone would agree always: no kappa
        return PairAgreement(first, second, len(one), same, math.nan, math.nan)
    codes = list(range(_N))
    kappa, quadratic = (float(cohen_kappa_score(one, other, labels=codes, weights=w)) for w in (None, "quadratic"))
    return PairAgreement(first, second, len(one), same, kappa, quadratic)


def _annotator(name: str, own: IntArray, reference: IntArray) -> AnnotatorAgreement:
    rated = own != _GAP
    both = rated & (reference != _GAP)
    confusion = np.bincount(reference[both] * _N + own[both], minlength=_N * _N).reshape(_N, _N)
    posts = int(both.sum())
    return AnnotatorAgreement(
        annotator=name,
        ratings=int(rated.sum()),
        posts=posts,
        unclear=int(rated.sum()) - posts,
        agreement=float(np.trace(confusion) / posts) if posts else math.nan,
        severity_shift=float((own - reference)[both].mean()) if posts else math.nan,
        confusion=confusion.astype(np.int64),
    )


def _distances(counts: IntArray) -> FloatArray:
    """Mean distance in severity between two ratings of each post; 0 with fewer than two."""
    total = np.zeros(len(counts))
    for one, other in combinations(range(_N), 2):
        total += counts[:, one] * counts[:, other] * (other - one)
    rated = counts.sum(axis=1)
    pairs = rated * (rated - 1) / 2
    distances: FloatArray = np.divide(total, pairs, out=np.zeros(len(counts)), where=pairs > 0)
    return distances


def _disputed(counts: IntArray) -> IntArray:
    """Return the rows of the disputed posts: the farthest apart first, then those with more labels, then by row."""
    distances = _distances(counts)
    order = np.lexsort((-counts.sum(axis=1), -np.round(distances, 9)))
    return order[distances[order] > 0]


def _described(names: Sequence[str], codes: IntArray, counts: IntArray, rows: IntArray) -> list[DisputedPost]:
    distances, clear = _distances(counts[rows]), _majority(counts[rows])
    return [
        DisputedPost(
            row=row,
            labels={name: LABELS[code] for name, code in zip(names, codes[:, row].tolist(), strict=True) if code >= 0},
            distance=float(distance),
            majority=None if code == _GAP else LABELS[code],
        )
        for row, distance, code in zip(rows.tolist(), distances, clear.tolist(), strict=True)
    ]
