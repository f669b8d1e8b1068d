"""Temperature and thresholds: when a model's word stands, and when a person should look.

The temperature makes the probabilities mean what they say: it is the one number that minimises the negative
log-likelihood of the gold labels. It moves no label, only how sure the model claims to be.

The thresholds follow from two stated shares, both counted on labelled posts that the model was not trained on:

* At most `target_accused` of all neutral posts may be called supportive or campaigning without review. One common
  threshold serves both labels: the lowest that keeps this. Below it an accusation goes to a person.
* At most `target_passed` of all campaigning posts may be called neutral without review. The threshold for neutral is
  the lowest that keeps this.

The lowest thresholds are the ones that cost the fewest reviewed posts. Where no threshold is needed it is 0. The price,
posts handed to review, is written beside the thresholds, with the shares that were reached.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FloatArray, evaluate, label_codes
from netral_nlp.inference.decision import Decision
from netral_nlp.labels import LABELS, Label

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
"""A fit that ends here has not converged: the posts are too few, or the logits say nothing."""

_GOLDEN = (math.sqrt(5) - 1) / 2
_PRECISION = 1e-7


def negative_log_likelihood(
    logits: npt.ArrayLike, gold: Sequence[object] | npt.NDArray[Any], temperature: float = 1.0
) -> float:
    """Return the mean negative log-likelihood (nats a post) of the gold labels.

    Args:
        logits: (n, 3).
        gold: n labels.
        temperature: the logits are divided by it.

    Raises:
        InputError: the shapes do not fit.
    """
    scores, truth = _check(logits, gold)
    return _nll(scores, truth, temperature)


def fit_temperature(logits: npt.ArrayLike, gold: Sequence[object] | npt.NDArray[Any]) -> float:
    """Return the temperature that minimises the negative log-likelihood of the gold labels.

    The likelihood has one optimum in 1/T, so a golden-section search over log T finds it.

    Args:
        logits: (n, 3), of posts that the model was not trained on.
        gold: n labels.

    Returns:
        The temperature, between `LOWEST_TEMPERATURE` and `HIGHEST_TEMPERATURE`; 1 where every post is right, since
        without a mistake the likelihood asks for endless confidence, which no finite number of posts can back.

    Raises:
        InputError: the shapes do not fit, there are no posts, or a logit is not finite.
    """
    scores, truth = _check(logits, gold)
    if (scores.argmax(axis=1) == truth).all():
        return 1.0
    low, high = math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = _nll(scores, truth, math.exp(left)), _nll(scores, truth, math.exp(right))
    while high - low > _PRECISION:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = _nll(scores, truth, math.exp(left))
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = _nll(scores, truth, math.exp(right))
    return math.exp((low + high) / 2)


def fit_decision(
    logits: npt.ArrayLike,
    gold: Sequence[object] | npt.NDArray[Any],
    *,
    target_accused: float = 0.05,
    target_passed: float = 0.05,
    temperature: float | None = None,
    fitted_on: Mapping[str, Any] | None = None,
) -> Decision:
    """Fit temperature and thresholds on labelled posts that the model was not trained on.

    The rule is in this module's description.

    Args:
        logits: (n, 3), before any temperature.
        gold: n labels; at least one neutral and one campaigning post.
        target_accused: the share of neutral posts that may be accused without review.
        target_passed: the share of campaigning posts that may pass as neutral without review.
        temperature: use this one instead of fitting it.
        fitted_on: further facts to keep in the decision (file name, hash).

    Returns:
        The decision. Its `target` holds the two shares asked for. Its `fitted_on` holds the posts by label, the shares
        reached, the cost (`review_rate` and `reviewed` by predicted label) and the log-likelihood before and after.

    Raises:
        InputError: shapes do not fit, a share does not lie between 0 and 1, or neutral or campaigning posts lack.
    """
    scores, truth = _check(logits, gold)
    for name, share in (("target_accused", target_accused), ("target_passed", target_passed)):
        if not 0 <= share <= 1:
            raise InputError(f"{name} is a share between 0 and 1; got {share}")
    support = {label: int((truth == label.severity).sum()) for label in LABELS}
    for label in (Label.NEUTRAL, Label.CAMPAIGNING):
        if support[label] == 0:
            raise InputError(f"thresholds cannot be fitted without {label.value} posts; add some to the labelled data")
    if temperature is None:
        temperature = fit_temperature(scores, truth)

    chances = Decision(temperature=temperature).probabilities(scores)
    called, sure = chances.argmax(axis=1), chances.max(axis=1)
    neutral, campaigning = truth == Label.NEUTRAL.severity, truth == Label.CAMPAIGNING.severity
    accused = called != Label.NEUTRAL.severity
    accuse = _lowest_threshold(sure[accused & neutral], sure[accused], _allowed(target_accused, support[Label.NEUTRAL]))
    passing = _lowest_threshold(
        sure[~accused & campaigning], sure[~accused], _allowed(target_passed, support[Label.CAMPAIGNING])
    )
    review_below = {Label.NEUTRAL: passing, Label.SUPPORTIVE: accuse, Label.CAMPAIGNING: accuse}
    review = Decision(temperature=temperature, review_below=review_below).needs_review(chances)
    reached = evaluate(truth, chances, needs_review=review, resamples=0)
    return Decision(
        temperature=temperature,
        review_below=review_below,
        target={
            "accused_without_review_rate": target_accused,
            "campaigning_passed_without_review_rate": target_passed,
        },
        fitted_on={
            "posts": len(truth),
            "support": {label.value: support[label] for label in LABELS},
            "false_accusation_rate": reached["false_accusation_rate"].value,
            "accused_without_review_rate": reached["accused_without_review_rate"].value,
            "campaigning_passed_without_review_rate": reached["campaigning_passed_without_review_rate"].value,
            "review_rate": reached["review_rate"].value,
            "reviewed": {label.value: int((review & (called == label.severity)).sum()) for label in LABELS},
            "negative_log_likelihood": {
                "before": _nll(scores, truth, 1.0),
                "after": _nll(scores, truth, temperature),
            },
            **(fitted_on or {}),
        },
    )


def _allowed(share: float, posts: int) -> int:
    """Return how many of the posts a share allows; 0.29 of 100 is 29, whatever binary fractions say."""
    return math.floor(share * posts + 1e-9)


def _lowest_threshold(wrong: FloatArray, all_sure: FloatArray, allowed: int) -> float:
    """Return the lowest threshold that lets at most `allowed` wrong posts through.

    It lies half-way between two observed confidences, so that rounding (int8 against full precision, six digits in a
    file) does not carry a post over it.

    Args:
        wrong: confidences of the posts that must not pass.
        all_sure: confidences of all posts that the threshold judges; holds those of `wrong`.
        allowed: how many wrong ones may pass.
    """
    if len(wrong) <= allowed:
        return 0.0
    last = float(np.sort(wrong)[::-1][allowed])  # the surest wrong post that must be handed over
    above = all_sure[all_sure > last]
    return (last + (float(above.min()) if above.size else 1.0)) / 2


def _check(
    logits: npt.ArrayLike, gold: Sequence[object] | npt.NDArray[Any]
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    scores = np.asarray(logits, dtype=np.float64)
    truth = label_codes(gold)
    if scores.shape != (len(truth), len(LABELS)):
        raise InputError(f"logits have the shape {scores.shape}; expected ({len(truth)}, {len(LABELS)})")
    if not len(truth):
        raise InputError("no posts to calibrate on")
    if not np.isfinite(scores).all():
        raise InputError("a logit is not finite; the model cannot be calibrated")
    return scores, truth


def _nll(scores: FloatArray, truth: npt.NDArray[np.int64], temperature: float) -> float:
    scaled = scores / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(scaled).sum(axis=1))
    return float((log_sum - scaled[np.arange(len(truth)), truth]).mean())
