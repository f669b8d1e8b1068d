"""Does a decision keep its word on posts that it was not fitted on? Fit on one half, measure on the other.

Thresholds fitted and measured on the same posts look a little too good. Here temperature and thresholds are fitted
anew on one half of the posts and measured on the other, in both directions, so that every post is measured once by a
decision that never saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.evaluation.calibration import fit_decision
from netral_nlp.evaluation.metrics import (
    FloatArray,
    IntArray,
    Interval,
    bin_starts,
    check_probabilities,
    evaluate,
    label_codes,
)
from netral_nlp.evaluation.rates import rate
from netral_nlp.inference.decision import Decision
from netral_nlp.labels import LABELS, Label

_LEAST = 2  # neutral and campaigning posts that each half must have
_SMALLEST = 1e-6  # files hold six digits: a smaller probability is a rounded 0


@dataclass(frozen=True)
class HalvesCheck:
    """How decisions did on the halves that they were not fitted on, both together.

    Attributes:
        posts: how many were measured.
        temperatures: fitted on either half.
        brier_before: Brier score of the probabilities without any temperature.
        brier_after: with the fitted one.
        ece_before: expected calibration error without any temperature.
        ece_after: with the fitted one.
        ece_if_perfect: the mean calibration error of labels drawn from the fitted probabilities: what perfect
            calibration scores on this many posts, with the range that holds 95 % of the draws.
        ece_p_value: how often perfect calibration scores as high as `ece_after`.
        target_accused: the share of neutral posts that the thresholds were to let through.
        accused: the share that they let through.
        target_passed: the share of campaigning posts that the thresholds were to let through as neutral.
        passed: the share that they let through.
        reviewed: posts handed to review.
    """

    posts: int
    temperatures: tuple[float, float]
    brier_before: float
    brier_after: float
    ece_before: float
    ece_after: float
    ece_if_perfect: Interval
    ece_p_value: float
    target_accused: float
    accused: Interval
    target_passed: float
    passed: Interval
    reviewed: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        plain = {
            name: getattr(self, name) for name in ("posts", "brier_before", "brier_after", "ece_before", "ece_after")
        }
        return {
            **plain,
            "temperatures": list(self.temperatures),
            "ece_if_perfect": self.ece_if_perfect.to_dict(),
            "ece_p_value": self.ece_p_value,
            "target_accused": self.target_accused,
            "accused": self.accused.to_dict(),
            "target_passed": self.target_passed,
            "passed": self.passed.to_dict(),
            "reviewed": self.reviewed.to_dict(),
        }


def logits_of(probabilities: npt.ArrayLike, temperature: float = 1.0) -> FloatArray:
    """Return logits (n, 3) whose softmax at a temperature gives these probabilities; their level is arbitrary.

    Args:
        probabilities: (n, 3); zeros are taken as a millionth.
        temperature: the one that the probabilities were made with.
    """
    chances = np.maximum(np.asarray(probabilities, dtype=np.float64), _SMALLEST)
    logits: FloatArray = np.log(chances) * temperature
    return logits


def check_by_halves(
    gold: Sequence[object] | npt.NDArray[Any],
    logits: npt.ArrayLike,
    *,
    target_accused: float = 0.05,
    target_passed: float = 0.05,
    bins: int = 10,
    seed: int = 0,
    draws: int = 1000,
) -> HalvesCheck | None:
    """Fit a decision on either half and measure it on the other.

    Args:
        gold: n labels.
        logits: (n, 3), before any temperature.
        target_accused: see `fit_decision`.
        target_passed: see `fit_decision`.
        bins: of the calibration error.
        seed: of the split, stratified by label, and of the draws.
        draws: simulated sets of perfectly calibrated labels.

    Returns:
        None where neutral or campaigning posts are too few for two halves.

    Raises:
        InputError: the shapes do not fit.
    """
    truth = label_codes(gold)
    scores = np.asarray(logits, dtype=np.float64)
    if scores.shape != (len(truth), len(LABELS)):
        raise InputError(f"logits have the shape {scores.shape}; expected ({len(truth)}, {len(LABELS)})")
    for label in (Label.NEUTRAL, Label.CAMPAIGNING):
        if int((truth == label.severity).sum()) < 2 * _LEAST:
            return None
    side = _halves(truth, seed)
    chances = np.empty_like(scores)
    review = np.empty(len(truth), dtype=bool)
    temperatures = []
    for half in (0, 1):
        fitted = fit_decision(
            scores[side != half], truth[side != half], target_accused=target_accused, target_passed=target_passed
        )
        chances[side == half] = fitted.probabilities(scores[side == half])
        review[side == half] = fitted.needs_review(chances[side == half])
        temperatures.append(fitted.temperature)
    before = evaluate(truth, Decision().probabilities(scores), resamples=0, bins=bins)
    after = evaluate(truth, chances, needs_review=review, resamples=0, bins=bins)
    perfect = simulated_ece(chances, bins=bins, draws=draws, seed=seed)
    reached = after["ece"].value
    low, high = np.quantile(perfect, [0.025, 0.975])
    neutral, campaigning = truth == Label.NEUTRAL.severity, truth == Label.CAMPAIGNING.severity
    called = chances.argmax(axis=1)
    accused = int((neutral & (called != Label.NEUTRAL.severity) & ~review).sum())
    passed = int((campaigning & (called == Label.NEUTRAL.severity) & ~review).sum())
    return HalvesCheck(
        posts=len(truth),
        temperatures=(temperatures[0], temperatures[1]),
        brier_before=before["brier"].value,
        brier_after=after["brier"].value,
        ece_before=before["ece"].value,
        ece_after=reached,
        ece_if_perfect=Interval(float(perfect.mean()), float(low), float(high)),
        ece_p_value=float((np.count_nonzero(perfect >= reached) + 1) / (draws + 1)),
        target_accused=target_accused,
        accused=rate(accused, int(neutral.sum())),
        target_passed=target_passed,
        passed=rate(passed, int(campaigning.sum())),
        reviewed=rate(int(review.sum()), len(truth)),
    )


def simulated_ece(probabilities: npt.ArrayLike, *, bins: int = 10, draws: int = 1000, seed: int = 0) -> FloatArray:
    """Return calibration errors (draws,) of labels drawn from the probabilities themselves: perfect calibration.

    Even a perfectly calibrated model has a calibration error above 0 on a finite set; a model is badly calibrated only
    where its own error is larger than these (Vaicenavicius et al. 2019).

    Args:
        probabilities: (n, 3).
        bins: calibration bins, each with equally many posts.
        draws: how many sets of labels to draw.
        seed: of the draws.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    chances = check_probabilities(chances, len(chances))
    rng = np.random.default_rng(seed)
    sure = np.sort(chances.max(axis=1))
    starts = bin_starts(len(sure), bins)
    # As in `evaluate`, posts of one confidence share their mean gap.
    _, ties, sizes = np.unique(sure, return_inverse=True, return_counts=True)
    errors = np.empty(draws)
    for draw in range(draws):
        gaps = sure - (rng.random(len(sure)) < sure)
        if len(sizes) < len(sure):
            gaps = (np.bincount(ties, weights=gaps) / sizes)[ties]
        errors[draw] = np.abs(np.add.reduceat(gaps, starts)).sum() / len(sure)
    return errors


def _halves(truth: IntArray, seed: int) -> IntArray:
    """Return 0 or 1 for each post; each label is split evenly (to one post)."""
    rng = np.random.default_rng(seed)
    side = np.zeros(len(truth), dtype=np.int64)
    for label in LABELS:
        rows = np.flatnonzero(truth == label.severity)
        rng.shuffle(rows)
        side[rows[len(rows) // 2 :]] = 1
    return side
