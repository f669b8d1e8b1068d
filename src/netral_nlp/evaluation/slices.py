"""The same figures for parts of the data: where a model does worse than its average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netral_nlp.evaluation.metrics import Interval, evaluate
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    import pandas as pd

SLICE_COLUMNS = ("platform", "source", "year", "direction")
"""The columns that are sliced by without being asked."""

SMALL = 50
"""Figures of a slice with fewer posts are rough, and marked so."""

_POOLED_BELOW = 20
_NOT_STATED = "(not stated)"


@dataclass(frozen=True)
class Slice:
    """One part of the data.

    Attributes:
        column: what the data is cut by.
        value: this part's value.
        posts: how many.
        support: gold posts by label.
        macro_f1: over the labels that the part's gold posts have, so compare parts with the same labels.
        accuracy: share of right labels.
        false_accusation_rate: NaN where the part has no neutral post.
    """

    column: str
    value: str
    posts: int
    support: Mapping[Label, int]
    macro_f1: Interval
    accuracy: Interval
    false_accusation_rate: Interval

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
            "support": {label.value: self.support[label] for label in LABELS},
            "macro_f1": self.macro_f1.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "false_accusation_rate": self.false_accusation_rate.to_dict(),
        }


def slice_metrics(
    posts: pd.DataFrame,
    predictions: Predictions,
    *,
    columns: Sequence[str] = SLICE_COLUMNS,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Slice, ...]:
    """Measure every part of the data, by column; within a column the worst macro-F1 first.

    Values with fewer than 20 posts are pooled into one part. A column that the data lacks, or that has one value only,
    gives nothing. Neutral posts take no direction: they are no part of `direction`.

    Args:
        posts: as `read_labelled` returns them, labels present.
        predictions: in the same order.
        columns: what to cut by.
        resamples: bootstrap resamples of each interval.
        seed: of the resamples.
    """
    import numpy as np

    parts: list[Slice] = []
    gold = np.array([label.severity for label in posts["label"]], dtype=np.int64)
    for column in dict.fromkeys(columns):
        if column not in posts:
            continue
        groups: dict[str, list[int]] = {}
        for row, value in enumerate(posts[column].tolist()):
            if value is not None or column != "direction":
                groups.setdefault(_NOT_STATED if value is None else str(value), []).append(row)
        few = [value for value, rows in groups.items() if len(rows) < _POOLED_BELOW]
        if len(few) > 1:
            pooled = sorted(row for value in few for row in groups.pop(value))
            groups[f"({len(few)} values with fewer than {_POOLED_BELOW} posts each)"] = pooled
        if len(groups) < 2:
            continue
        cut = []
        for value, rows in groups.items():
            metrics = evaluate(gold[rows], predictions.labels[rows], resamples=resamples, seed=seed)
            cut.append(
                Slice(
                    column,
                    value,
                    metrics.posts,
                    metrics.support,
                    metrics["macro_f1"],
                    metrics["accuracy"],
                    metrics["false_accusation_rate"],
                )
            )
        parts += sorted(cut, key=lambda part: (part.macro_f1.value, part.value))
    return tuple(parts)
