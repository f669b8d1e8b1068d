"""A decision keeps its word on the half of the posts that it was not fitted on."""

import json
import math

import numpy as np
import pytest

from netral_nlp.errors import InputError
from netral_nlp.evaluation.halves import check_by_halves, logits_of, simulated_ece
from netral_nlp.evaluation.metrics import evaluate
from netral_nlp.evaluation.rates import rate
from netral_nlp.inference.decision import Decision


def draw_gold(rng, chances):
    return (rng.random((len(chances), 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2)


def overconfident(seed, size, factor=2.5):
    """Logits that overstate by a factor: gold labels are drawn from the softmax before it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(size, 3)) * 1.6 + np.array([1.2, 0.3, -0.6])
    return draw_gold(rng, Decision().probabilities(logits)), logits * factor


def saturated(seed, size):
    """Margins as after label smoothing: they crowd below a ceiling, and the last tenth of them tells most.

    Returns gold labels and logits.
    """
    rng = np.random.default_rng(seed)
    margin = 3.4 * rng.beta(3.0, 0.7, size)
    sure = 1 / (1 + np.exp(-(-0.2 + 0.4 * margin + 0.055 * margin**3)))
    called = rng.choice(3, size, p=[0.5, 0.3, 0.2])
    others = np.array([[1, 2], [0, 2], [0, 1]])[called]
    rng.permuted(others, axis=1, out=others)
    logits = np.empty((size, 3))
    rows = np.arange(size)
    logits[rows, called] = margin
    logits[rows, others[:, 0]] = 0.0
    logits[rows, others[:, 1]] = -0.5
    second = rng.random(size) < 1 / (1 + math.exp(-0.5))
    wrong = np.where(second, others[:, 0], others[:, 1])
    return np.where(rng.random(size) < sure, called, wrong), logits


@pytest.mark.parametrize("make", [overconfident, saturated])
@pytest.mark.parametrize("seed", range(3))
def test_fitted_probabilities_improve_and_are_as_good_as_perfect_ones(make, seed):
    gold, logits = make(seed, 1000)
    found = check_by_halves(gold, logits, target_accused=0.02, target_passed=0.05, seed=seed)
    assert found.brier_after < found.brier_before
    assert found.ece_after < found.ece_before
    assert found.ece_after <= found.ece_if_perfect.high
    assert found.ece_p_value > 0.025


@pytest.mark.parametrize("make", [overconfident, saturated])
@pytest.mark.parametrize("target", [0.01, 0.02, 0.05])
def test_the_target_is_delivered_on_the_other_half_within_its_interval(make, target):
    kept = 0
    for seed in range(4):
        gold, logits = make(seed + 20, 1200)
        found = check_by_halves(gold, logits, target_accused=target, draws=10, seed=seed)
        kept += found.accused.low <= found.target_accused
        assert found.accused.value < target + 0.03
        assert found.reviewed.value < 0.8
    assert kept >= 3  # an interval of 95 % may miss once


def test_uncalibrated_confidence_is_told_from_perfect_calibration():
    gold, logits = overconfident(0, 800, factor=6.0)
    uncalibrated = evaluate(gold, Decision().probabilities(logits), resamples=0)
    perfect = simulated_ece(Decision().probabilities(logits), draws=300)
    assert uncalibrated["ece"].value > perfect.max()
    found = check_by_halves(gold, logits)
    assert found.ece_before == pytest.approx(uncalibrated["ece"].value)
    assert found.ece_p_value > 0.025


def test_every_post_is_measured_once_and_by_a_decision_of_the_other_half():
    gold, logits = overconfident(3, 301)
    found = check_by_halves(gold, logits, target_accused=1.0, target_passed=1.0, draws=10)
    assert found.posts == 301
    assert found.temperatures[0] != found.temperatures[1]
    # Nothing needs review at these targets, so all accusations count.
    called = logits.argmax(axis=1)
    assert found.accused == rate(int(((gold == 0) & (called != 0)).sum()), int((gold == 0).sum()))
    assert found.passed == rate(int(((gold == 2) & (called == 0)).sum()), int((gold == 2).sum()))
    assert found.reviewed == rate(0, 301)


def test_thresholds_that_let_nothing_pass_on_their_own_half_let_a_little_pass_on_the_other():
    reached = []
    for seed in range(5):
        gold, logits = overconfident(seed, 600)
        lax, strict = (check_by_halves(gold, logits, target_accused=share, draws=10) for share in (0.2, 0.0))
        assert strict.reviewed.value > lax.reviewed.value
        reached.append(strict.accused.value)
    assert 0 < max(reached) < 0.03


def test_same_seed_same_check():
    gold, logits = overconfident(5, 300)
    first, again, other = (check_by_halves(gold, logits, seed=seed, draws=50) for seed in (1, 1, 2))
    assert first == again
    assert first.temperatures != other.temperatures
    assert json.loads(json.dumps(first.to_dict(), allow_nan=False))["posts"] == 300


def test_too_few_posts_for_two_halves_give_no_check():
    gold = np.array([0] * 20 + [1] * 20 + [2] * 3)
    assert check_by_halves(gold, np.zeros((43, 3))) is None


def test_logits_of_another_shape_are_refused():
    with pytest.raises(InputError, match="shape"):
        check_by_halves([0, 1, 2], np.zeros((3, 2)))


def test_logits_of_probabilities_give_them_back():
    chances = Decision(temperature=1.7).probabilities([[0.3, -1.0, 2.0], [5.0, 0.0, -2.0]])
    assert Decision(temperature=1.7).probabilities(logits_of(chances, 1.7)) == pytest.approx(chances, abs=1e-12)
    assert np.isfinite(logits_of([[1.0, 0.0, 0.0]])).all()


def test_simulated_errors_are_those_of_labels_drawn_from_the_probabilities():
    _, logits = overconfident(6, 400, factor=1.0)
    chances = Decision().probabilities(logits)
    rng = np.random.default_rng(1)
    direct = [evaluate(draw_gold(rng, chances), chances, resamples=0)["ece"].value for _ in range(300)]
    found = simulated_ece(chances, draws=2000)
    assert found.mean() == pytest.approx(np.mean(direct), rel=0.06)
    assert np.quantile(found, 0.95) == pytest.approx(np.quantile(direct, 0.95), rel=0.1)


def test_simulated_errors_of_tied_confidences_are_measured_as_evaluate_measures():
    # All posts equally sure: bins do not exist, the error is that of one share.
    chances = np.tile([0.8, 0.15, 0.05], (400, 1))
    found = simulated_ece(chances, draws=2000)
    assert found.mean() == pytest.approx(math.sqrt(2 / math.pi * 0.8 * 0.2 / 400), rel=0.05)
