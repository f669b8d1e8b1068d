"""Intervals for shares of few posts, where the bootstrap says too little.

A bootstrap cannot imagine a mistake that it has not seen: of 8 right answers out of 8 it makes the interval [1, 1].
Parts of the data are often that small, so their intervals come from formulas and priors that keep them honestly wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from netral_nlp.evaluation.metrics import FloatArray, Interval
from netral_nlp.labels import LABELS

_JEFFREYS = 0.5


def rate(count: int, posts: int, *, confidence: float = 0.95) -> Interval:
    """Return a share with its Wilson score interval (Wilson 1927; Brown, Cai and DasGupta 2001).

    Args:
        count: posts that have it.
        posts: posts in all; of none the share is NaN.
        confidence: coverage.
    """
    if posts == 0:
        return Interval(math.nan)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / posts
    centre = (share + z * z / (2 * posts)) / (1 + z * z / posts)
    reach = z / (1 + z * z / posts) * math.sqrt(share * (1 - share) / posts + z * z / (4 * posts * posts))
    # The ends at 0 and 1 are exact; floating point would leave a speck.
    return Interval(
        share, 0.0 if count == 0 else max(0.0, centre - reach), 1.0 if count == posts else min(1.0, centre + reach)
    )


def difference(count: int, posts: int, other_count: int, other_posts: int, *, confidence: float = 0.95) -> Interval:
    """Return the difference of two independent shares with Newcombe's hybrid score interval (Newcombe 1998, method 10).

    Args:
        count: posts of the first group that have it.
        posts: posts of the first group.
        other_count: posts of the second group that have it.
        other_posts: posts of the second group.
        confidence: coverage.
    """
    first, second = rate(count, posts, confidence=confidence), rate(other_count, other_posts, confidence=confidence)
    gap = first.value - second.value
    if math.isnan(gap):
        return Interval(math.nan)
    low = gap - math.hypot(first.value - first.low, second.high - second.value)
    high = gap + math.hypot(first.high - first.value, second.value - second.low)
    return Interval(gap, low, high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def share_draws(count: int, posts: int, rng: np.random.Generator, draws: int) -> FloatArray:
    """Return draws (draws,) of what a share may be, given what was counted: the posterior under Jeffreys' prior."""
    return rng.beta(count + _JEFFREYS, posts - count + _JEFFREYS, size=draws)


def macro_f1_interval(
    confusion: npt.ArrayLike, *, seed: int = 0, draws: int = 2000, confidence: float = 0.95
) -> Interval:
    """Return macro-F1 over the labels that have gold posts, with a credible interval.

    For each gold label the shares of the three answers are drawn from their posterior (Dirichlet, Jeffreys' prior); the
    gold counts stay as they are. On many posts it agrees with the bootstrap; on few it stays wide.

    Args:
        confusion: (3, 3) counts; rows are gold, columns predicted.
        seed: of the draws.
        draws: from the posterior.
        confidence: coverage.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    gold = counts.sum(axis=1)
    present = np.flatnonzero(gold > 0)
    if present.size == 0:
        return Interval(math.nan)

    def macro(cells: FloatArray) -> FloatArray:
        hits = np.diagonal(cells, axis1=-2, axis2=-1)
        whole = cells.sum(axis=-1) + cells.sum(axis=-2)
        f1 = np.divide(2 * hits, whole, out=np.zeros_like(whole), where=whole > 0)
        mean: FloatArray = f1[..., present].mean(axis=-1)
        return mean

    value = float(macro(counts))
    rng = np.random.default_rng(seed)
    drawn = np.zeros((draws, len(LABELS), len(LABELS)))
    for label in present:
        drawn[:, label] = rng.dirichlet(counts[label] + _JEFFREYS, size=draws) * gold[label]
    low, high = np.quantile(macro(drawn), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, min(value, float(low)), max(value, float(high)))
