"""Temperature and thresholds: when a model's word stands, and when a person should look.

The calibration makes the probabilities mean what they say and moves no label. First the temperature: the one number
that minimises the negative log-likelihood of the gold labels (Guo et al. 2017). Then the margin calibration: a logistic
regression of being right on the lead of the likeliest label's logit and on its third power, kept monotone, which mends
what one temperature for all cannot (`MarginCalibration`; calibrating the likeliest label alone is after Gupta and
Ramdas 2022).

The thresholds follow from two stated shares, both counted on labelled posts that the model was not trained on:

* At most `target_accused` of all neutral posts may be called supportive or campaigning without review. One common
  threshold serves both labels: the lowest that keeps this. It is held against the probability that the post is not
  neutral (`Decision.sureness`). Below it an accusation goes to a person.
* At most `target_passed` of all campaigning posts may be called neutral without review. The threshold for neutral is
  the lowest that keeps this.

The lowest thresholds are the ones that cost the fewest reviewed posts. Where no threshold is needed it is 0. A
threshold that lets k of n posts through is taken to let (k + 1) / (n + 1) of new ones through: so the target is kept
on average over new posts of the same kind, and not only on those that the threshold was chosen on (conformal risk
control, Angelopoulos et al. 2022). Where n is too small for a target, the threshold that lets none of them through is
taken. The price, posts handed to review, is written beside the thresholds, with the shares that were reached, and so
are all the other thresholds that could have been chosen (`trade_off`), so that another target needs no new fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FloatArray, evaluate, label_codes
from netral_nlp.inference.decision import ACCUSED, PASSED, Decision, MarginCalibration, TradeOffStep
from netral_nlp.labels import LABELS, Label

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
"""A fit that ends here has not converged: the posts are too few, or the logits say nothing."""

_GOLDEN = (math.sqrt(5) - 1) / 2
_PRECISION = 1e-7
_MOST_STEPS = 200
_FEWEST_TO_FIT = 10
_PENALTY = 0.1
_NEWTON_STEPS = 100
_LEAST_CHANCE = float(np.finfo(np.float64).tiny)

Mask = npt.NDArray[np.bool_]


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


def fit_margin(logits: npt.ArrayLike, gold: Sequence[object] | npt.NDArray[Any]) -> MarginCalibration | None:
    """Return the margin calibration that best tells right from wrong labels.

    Penalised logistic regression (Newton's method) with slopes of at least 0.

    Args:
        logits: (n, 3), of posts that the model was not trained on.
        gold: n labels.

    Returns:
        None where fewer than ten posts are wrong or fewer than ten right: too little to fit three numbers to.

    Raises:
        InputError: the shapes do not fit, there are no posts, or a logit is not finite.
    """
    scores, truth = _check(logits, gold)
    right = (scores.argmax(axis=1) == truth).astype(np.float64)
    if min(right.sum(), len(right) - right.sum()) < _FEWEST_TO_FIT:
        return None
    ordered = np.sort(scores, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    scale = float(margin.mean())
    if scale <= 0:
        return None
    units = margin / scale
    features = np.stack([np.ones_like(units), units, units**3], axis=1)
    used = [0, 1, 2]
    while True:  # a slope that would be negative is left out: more margin must not mean less confidence
        weights = _logistic(features[:, used], right)
        negative = [place for place, weight in zip(used, weights, strict=True) if place and weight < 0]
        if not negative:
            break
        used = [place for place in used if place != negative[-1]]
    found = dict.fromkeys(range(3), 0.0) | dict(zip(used, weights.tolist(), strict=True))
    return MarginCalibration(found[0], found[1], found[2], scale)


def _logistic(features: FloatArray, right: FloatArray) -> FloatArray:
    """Return the weights of a logistic regression; the slopes carry a small penalty, so that they stay finite."""
    weights = np.zeros(features.shape[1])
    penalty = np.full(len(weights), _PENALTY)
    penalty[0] = 0.0
    for _ in range(_NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(features @ weights, -30, 30)))
        gradient = features.T @ (right - chance) - penalty * weights
        spread = np.maximum(chance * (1 - chance), 1e-6)
        step = np.linalg.solve((features * spread[:, None]).T @ features + np.diag(penalty + 1e-9), gradient)
        weights = weights + np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < _PRECISION:
            break
    return weights


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
        temperature: use this one alone, instead of fitting it and the margin calibration.
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
        margin = fit_margin(scores, truth)
    else:
        margin = None

    calibrated = Decision(temperature=temperature, margin=margin)
    chances = calibrated.probabilities(scores)
    called, sure = chances.argmax(axis=1), calibrated.sureness(chances)
    neutral, campaigning = truth == Label.NEUTRAL.severity, truth == Label.CAMPAIGNING.severity
    accused = called != Label.NEUTRAL.severity

    def table(wrong: Mask, judged: Mask, label: Label, share: float) -> tuple[TradeOffStep, ...]:
        return _trade_off(sure[wrong], sure[judged], support[label], len(truth), share)

    fitted = replace(
        calibrated,
        trade_off={
            ACCUSED: table(accused & neutral, accused, Label.NEUTRAL, target_accused),
            PASSED: table(~accused & campaigning, ~accused, Label.CAMPAIGNING, target_passed),
        },
    ).for_target(accused=target_accused, passed=target_passed)
    review = fitted.needs_review(chances)
    reached = evaluate(truth, chances, needs_review=review, resamples=0)
    return replace(
        fitted,
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
                # A chance that was rounded to 0 would make it infinite, which JSON lacks.
                "after": float(-np.log(np.maximum(chances[np.arange(len(truth)), truth], _LEAST_CHANCE)).mean()),
            },
            **(fitted_on or {}),
        },
    )


def _trade_off(
    wrong: FloatArray, judged: FloatArray, posts: int, everything: int, target: float
) -> tuple[TradeOffStep, ...]:
    """Return every threshold worth choosing, from the one that hands nothing over to the one that lets nothing through.

    Args:
        wrong: sureness of the mistakes that should not pass without review.
        judged: sureness of all posts that the threshold judges; holds those of `wrong`.
        posts: of the label that the mistakes are counted among.
        everything: all posts.
        target: the share of mistakes that was asked for; its own threshold is never thinned out.
    """
    counts: Sequence[int] = range(len(wrong), -1, -1)
    if len(counts) > _MOST_STEPS:  # the low counts, where targets lie, all stay; the high ones are thinned out
        spread = np.geomspace(1, len(wrong), _MOST_STEPS)
        asked = min(len(wrong), max(0, math.floor(target * (posts + 1) + _PRECISION) - 1))
        counts = sorted({0, asked, *range(_MOST_STEPS // 4), *np.rint(spread).astype(int).tolist()}, reverse=True)
    steps: list[TradeOffStep] = []
    for allowed in counts:
        threshold = _lowest_threshold(wrong, judged, allowed)
        passes = int((wrong >= threshold).sum())
        step = TradeOffStep(threshold, (passes + 1) / (posts + 1), int((judged < threshold).sum()) / everything)
        if not steps or step != steps[-1]:
            steps.append(step)
    return tuple(steps)


def _lowest_threshold(wrong: FloatArray, all_sure: FloatArray, allowed: int) -> float:
    """Return the lowest threshold that lets at most `allowed` wrong posts through.

    It lies half-way between two observed values, so that rounding (int8 against full precision, six digits in a
    file) does not carry a post over it.

    Args:
        wrong: sureness of the posts that must not pass.
        all_sure: sureness of all posts that the threshold judges; holds those of `wrong`.
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
