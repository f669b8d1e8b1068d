"""The same figures for parts of the data: where a model does worse than its average."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp.evaluation.metrics import Interval
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.evaluation.rates import holm, macro_f1_interval, rate
from netral_nlp.evaluation.suite_data import Names
from netral_nlp.evaluation.traits import TRAITS, cuts
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    import pandas as pd

SLICE_COLUMNS = ("platform", "source", "year", "direction", "action")
"""The columns that are sliced by without being asked, besides the traits that every post has."""

SMALL = 50
"""Figures of a slice with fewer posts are rough, and marked so."""

_BEYOND_CHANCE = 0.05
_POOLED_BELOW = 10
_POOLED_FROM = 12
_NEUTRAL, _CAMPAIGNING = Label.NEUTRAL.severity, Label.CAMPAIGNING.severity


@dataclass(frozen=True)
class Slice:
    """One part of the data.

    Attributes:
        column: what the data is cut by: a column, or one of `TRAITS`.
        value: this part's value.
        posts: how many.
        support: gold posts by label.
        macro_f1: over the labels that the part's gold posts have, so compare parts with the same labels.
        accuracy: share of right labels.
        false_accusation_rate: NaN where the part has no neutral post.
        missed_campaigning_rate: NaN where the part has no campaigning post.
        expected: the accuracy that posts with these labels have on average over all posts.
        worse: whether the accuracy lies below the expected one beyond chance (one-sided score test at 5 %, with Holm's
            correction for the number of parts).
    """

    column: str
    value: str
    posts: int
    support: Mapping[Label, int]
    macro_f1: Interval
    accuracy: Interval
    false_accusation_rate: Interval
    missed_campaigning_rate: Interval
    expected: float
    worse: bool

    @property
    def small(self) -> bool:
        """Whether there are too few posts to say much."""
        return self.posts < SMALL

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "column": self.column,
            "value": self.value,
            "posts": self.posts,
            "small": self.small,
            "clearly_worse": self.worse,
            "support": {label.value: self.support[label] for label in LABELS},
            "macro_f1": self.macro_f1.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "expected_accuracy": self.expected,
            "false_accusation_rate": self.false_accusation_rate.to_dict(),
            "missed_campaigning_rate": self.missed_campaigning_rate.to_dict(),
        }


def slice_metrics(
    posts: pd.DataFrame,
    predictions: Predictions,
    *,
    columns: Sequence[str] = SLICE_COLUMNS,
    names: Names | None = None,
    seed: int = 0,
) -> tuple[Slice, ...]:
    """Measure every part of the data, the worst macro-F1 first; small parts stand after all others.

    The posts are cut by the columns that they have and by the traits of their texts (length, context, script, regional
    words, candidates and parties that they name). A cut with one part only gives nothing. Of a column with many values
    those with fewer than 10 posts are pooled. Intervals are Wilson's for shares and Bayesian for macro-F1 (`rates`), so
    that small parts are told with the wide intervals that they have.

    Args:
        posts: as `read_labelled` returns them, labels present.
        predictions: in the same order.
        columns: of the posts to cut by.
        names: whom to look for in the texts; None looks for nobody.
        seed: of the intervals of macro-F1.
    """
    gold = np.array([label.severity for label in posts["label"]], dtype=np.int64)
    right = gold == predictions.labels
    # What each label's posts have on average: a part with more of a hard label is not worse for that alone.
    average = np.array([right[gold == code].mean() if (gold == code).any() else 0.0 for code in range(len(LABELS))])
    parts: list[Slice] = []
    for column, groups in cuts(posts, columns, names).items():
        if column not in TRAITS or column in columns:
            groups = _pooled(groups)
        if len(groups) < 2:
            continue
        for value, rows in groups.items():
            confusion = np.zeros((len(LABELS), len(LABELS)), dtype=np.int64)
            np.add.at(confusion, (gold[rows], predictions.labels[rows]), 1)
            support = confusion.sum(axis=1)
            accuracy = rate(int(np.trace(confusion)), len(rows))
            parts.append(
                Slice(
                    column=column,
                    value=value,
                    posts=len(rows),
                    support={label: int(support[label.severity]) for label in LABELS},
                    macro_f1=macro_f1_interval(confusion, seed=seed),
                    accuracy=accuracy,
                    false_accusation_rate=rate(int(confusion[_NEUTRAL, 1:].sum()), int(support[_NEUTRAL])),
                    missed_campaigning_rate=rate(
                        int(confusion[_CAMPAIGNING, :_CAMPAIGNING].sum()), int(support[_CAMPAIGNING])
                    ),
                    expected=float(average[gold[rows]].mean()),
                    worse=False,
                )
            )
    chances = holm([_chance(part) for part in parts])
    parts = [replace(part, worse=chance < _BEYOND_CHANCE) for part, chance in zip(parts, chances, strict=True)]
    return tuple(sorted(parts, key=lambda part: (part.small, part.macro_f1.value, part.column, part.value)))


def _chance(part: Slice) -> float:
    """Return how often a part that is no worse than expected has as few right labels, or fewer.

    A score test: normal approximation with continuity correction.
    """
    spread = math.sqrt(part.expected * (1 - part.expected) * part.posts)
    if spread == 0:
        return 1.0
    return NormalDist().cdf((part.accuracy.value * part.posts + 0.5 - part.expected * part.posts) / spread)


def _pooled(groups: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Pool the values with few posts, where there are many values."""
    few = [value for value, rows in groups.items() if len(rows) < _POOLED_BELOW]
    if len(groups) < _POOLED_FROM or len(few) < 2:
        return dict(groups)
    kept = {value: rows for value, rows in groups.items() if value not in few}
    pooled = sorted(row for value in few for row in groups[value])
    return {**kept, f"({len(few)} values with fewer than {_POOLED_BELOW} posts each)": pooled}
