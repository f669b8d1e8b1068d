"""Precision among flagged posts, restated for dumps in which few posts take a side.

A labelled set is usually richer in posts that take a side than a dump is, and precision falls with their share: where
2 of 100 posts take a side, even a small share of accused neutral posts outnumbers them. What does not depend on the
share are the two rates that precision is made of, so they are measured, and the share is put in by whoever knows the
dump.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FloatArray, Interval, label_codes
from netral_nlp.evaluation.rates import rate, share_draws
from netral_nlp.labels import Label

STATED_PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Shares of posts that take a side for which precision is always stated."""

_DRAWS = 20_000


@dataclass(frozen=True)
class FlaggedAt:
    """What flagging would do in a dump with a given share of posts that take a side.

    Attributes:
        prevalence: the share of posts that are supportive or campaigning.
        precision: flagged posts that do take a side, among flagged posts.
        flagged: posts that are flagged, among all posts.
    """

    prevalence: float
    precision: Interval
    flagged: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "prevalence": self.prevalence,
            "precision": self.precision.to_dict(),
            "flagged": self.flagged.to_dict(),
        }


@dataclass(frozen=True)
class Flagging:
    """How flagging works on neutral posts and on the others, and what follows at any prevalence.

    Attributes:
        unreviewed: whether only posts count as flagged that are not handed to review.
        caught: supportive and campaigning posts that are flagged, among all of them.
        accused: neutral posts that are flagged, among all of them.
        measured: the share of posts that take a side in the measured posts.
        stated: by prevalence, in rising order.
    """

    unreviewed: bool
    caught: Interval
    accused: Interval
    measured: float
    stated: tuple[FlaggedAt, ...]

    def at(self, prevalence: float) -> FlaggedAt:
        """Return the row of a stated prevalence."""
        return next(row for row in self.stated if math.isclose(row.prevalence, prevalence))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "unreviewed": self.unreviewed,
            "caught": self.caught.to_dict(),
            "accused": self.accused.to_dict(),
            "measured_prevalence": self.measured,
            "stated": [row.to_dict() for row in self.stated],
        }


def restate_precision(
    gold: Sequence[object] | npt.NDArray[Any],
    predicted: Sequence[object] | npt.NDArray[Any],
    *,
    needs_review: npt.ArrayLike | None = None,
    prevalences: Sequence[float] = STATED_PREVALENCES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Flagging | None:
    """Measure flagging and restate its precision.

    A post is flagged when its label is supportive or campaigning. The mix of the two among posts that take a side is
    taken to be as in the measured posts. Intervals: both rates are drawn from their posteriors under Jeffreys' prior.

    Args:
        gold: n labels.
        predicted: n labels.
        needs_review: n booleans; where given, only posts that are not handed over count as flagged.
        prevalences: shares of posts that take a side, between 0 and 1.
        seed: of the draws.
        confidence: coverage of the intervals.

    Returns:
        None where the posts are all neutral or all not: one of the rates cannot be measured then.

    Raises:
        InputError: a prevalence does not lie between 0 and 1, or lengths differ.
    """
    truth, called = label_codes(gold), label_codes(predicted)
    if len(truth) != len(called):
        raise InputError(f"{len(truth):,} gold labels but {len(called):,} predictions")
    for prevalence in prevalences:
        if not 0 < prevalence < 1:
            raise InputError(f"a prevalence is a share between 0 and 1, such as 0.02; got {prevalence:g}")
    flagged = called != Label.NEUTRAL.severity
    if needs_review is not None:
        review = np.asarray(needs_review, dtype=bool)
        if review.shape != truth.shape:
            raise InputError(f"needs_review has the shape {review.shape}; expected {truth.shape}")
        flagged &= ~review
    takes_side = truth != Label.NEUTRAL.severity
    sided, neutral = int(takes_side.sum()), int((~takes_side).sum())
    if not sided or not neutral:
        return None
    hits, accusations = int((flagged & takes_side).sum()), int((flagged & ~takes_side).sum())
    rng = np.random.default_rng(seed)
    caught, accused = share_draws(hits, sided, rng, _DRAWS), share_draws(accusations, neutral, rng, _DRAWS)

    def interval(value: float, draws: FloatArray) -> Interval:
        if math.isnan(value):
            return Interval(value)
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Interval(value, min(value, float(low)), max(value, float(high)))

    rows = []
    for prevalence in sorted(set(prevalences)):
        right, all_flagged = prevalence * caught, prevalence * caught + (1 - prevalence) * accused
        point_right = prevalence * hits / sided
        point = point_right + (1 - prevalence) * accusations / neutral
        rows.append(
            FlaggedAt(
                prevalence,
                interval(point_right / point if point else math.nan, right / all_flagged),
                interval(point, all_flagged),
            )
        )
    return Flagging(
        needs_review is not None,
        rate(hits, sided, confidence=confidence),
        rate(accusations, neutral, confidence=confidence),
        sided / len(truth),
        tuple(rows),
    )
