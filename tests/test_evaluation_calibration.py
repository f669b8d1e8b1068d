"""Temperature and thresholds do what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.errors import InputError
from netral_nlp.evaluation.calibration import fit_decision, fit_temperature, negative_log_likelihood
from netral_nlp.evaluation.metrics import evaluate
from netral_nlp.inference.decision import Decision
from netral_nlp.labels import Label


def drawn(seed, size, temperature=1.0, signal=1.5):
    """Logits whose softmax, after the temperature, is exactly the chance of each label."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(size, 3)) * signal + np.array([0.8, 0.4, -0.6])
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = (rng.random((size, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return logits * temperature, gold


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_temperature_of_overstated_logits_is_found(temperature):
    logits, gold = drawn(0, 20_000, temperature)
    assert fit_temperature(logits, gold) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_no_other_temperature_is_likelier(seed):
    logits, gold = drawn(seed, 200, temperature=2.0)
    best = fit_temperature(logits, gold)
    least = negative_log_likelihood(logits, gold, best)
    for other in np.exp(np.linspace(math.log(0.06), math.log(19), 200)):
        assert least <= negative_log_likelihood(logits, gold, other) + 1e-9


def test_likelihood_agrees_with_scikit_learn():
    from sklearn.metrics import log_loss

    logits, gold = drawn(1, 100)
    expected = log_loss(gold, Decision(temperature=1.7).probabilities(logits), labels=[0, 1, 2])
    assert negative_log_likelihood(logits, gold, 1.7) == pytest.approx(expected, abs=1e-9)


def test_fitting_improves_brier_score_and_calibration_on_the_other_half():
    logits, gold = drawn(2, 4000, temperature=2.5)
    decision = fit_decision(logits[::2], gold[::2])
    before = evaluate(gold[1::2], Decision().probabilities(logits[1::2]), resamples=0)
    after = evaluate(gold[1::2], decision.probabilities(logits[1::2]), resamples=0)
    assert after["brier"].value < before["brier"].value
    assert after["ece"].value < before["ece"].value / 2


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(30, 300),
    accused=st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.0]),
    passed=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
)
def test_targets_hold_on_the_posts_they_were_fitted_on(seed, size, accused, passed):
    logits, gold = drawn(seed, size)
    gold[:2] = 0, 2
    decision = fit_decision(logits, gold, target_accused=accused, target_passed=passed)
    chances = decision.probabilities(logits)
    metrics = evaluate(gold, chances, needs_review=decision.needs_review(chances), resamples=0)
    assert metrics["accused_without_review_rate"].value <= accused + 1e-12
    assert metrics["campaigning_passed_without_review_rate"].value <= passed + 1e-12
    for name in ("accused_without_review_rate", "campaigning_passed_without_review_rate", "review_rate"):
        assert decision.fitted_on[name] == pytest.approx(metrics[name].value)


@pytest.mark.parametrize("seed", range(5))
def test_thresholds_are_the_lowest_that_keep_the_target(seed):
    logits, gold = drawn(seed, 400)
    decision = fit_decision(logits, gold, target_accused=0.02)
    chances = decision.probabilities(logits)
    accusing = decision.review_below[Label.SUPPORTIVE]
    sure, called = chances.max(axis=1), chances.argmax(axis=1)
    # The next lower observed confidence would let one more neutral post stand accused than is allowed.
    lower = sure[(called != 0) & (sure < accusing)].max()
    assert np.mean((called[gold == 0] != 0) & (sure[gold == 0] >= lower)) > 0.02


def test_target_holds_on_other_posts_within_its_interval():
    logits, gold = drawn(7, 6000)
    decision = fit_decision(logits[::2], gold[::2], target_accused=0.02)
    chances = decision.probabilities(logits[1::2])
    reached = evaluate(gold[1::2], chances, needs_review=decision.needs_review(chances), resamples=500)
    assert reached["accused_without_review_rate"].low <= 0.02


def test_supportive_and_campaigning_share_one_threshold():
    decision = fit_decision(*drawn(3, 500))
    assert decision.review_below[Label.SUPPORTIVE] == decision.review_below[Label.CAMPAIGNING] > 0


def test_a_model_that_is_never_wrong_hands_nothing_over():
    gold = np.array([0, 1, 2] * 20)
    decision = fit_decision(np.eye(3)[gold] * 4, gold)
    assert set(decision.review_below.values()) == {0.0}
    assert decision.temperature == 1.0
    assert decision.fitted_on["review_rate"] == 0


def test_a_stricter_target_costs_more_reviews():
    logits, gold = drawn(4, 1000)
    costs = [fit_decision(logits, gold, target_accused=share).fitted_on["review_rate"] for share in (0.2, 0.05, 0.005)]
    assert costs[0] < costs[1] < costs[2]


def test_a_share_of_posts_is_counted_as_written():
    # 0.29 * 100 is 28.999999999999996 in binary; 29 of 100 neutral posts may stay accused.
    logits = np.zeros((101, 3))
    logits[:100, 1] = np.linspace(1, 2, 100)
    logits[100, 2] = 5
    decision = fit_decision(logits, [0] * 100 + [2], target_accused=0.29, temperature=1.0)
    assert decision.fitted_on["accused_without_review_rate"] == 0.29


def test_decision_tells_its_target_its_cost_and_what_the_caller_adds(tmp_path):
    decision = fit_decision(*drawn(5, 300), target_accused=0.03, target_passed=0.1, fitted_on={"file": "dev.jsonl"})
    decision.save(tmp_path)
    loaded = Decision.load(tmp_path)
    assert loaded == decision
    assert loaded.target == {"accused_without_review_rate": 0.03, "campaigning_passed_without_review_rate": 0.1}
    assert loaded.fitted_on["file"] == "dev.jsonl"
    assert loaded.fitted_on["posts"] == sum(loaded.fitted_on["support"].values()) == 300
    likelihood = loaded.fitted_on["negative_log_likelihood"]
    assert likelihood["after"] <= likelihood["before"]


@pytest.mark.parametrize(
    ("logits", "gold", "options", "message"),
    [
        (np.zeros((2, 2)), [0, 2], {}, "shape"),
        (np.zeros((0, 3)), [], {}, "no posts"),
        (np.array([[0.0, 1.0, np.inf], [0, 0, 0]]), [0, 2], {}, "not finite"),
        (np.zeros((2, 3)), [0, 1], {}, "campaigning"),
        (np.zeros((2, 3)), [1, 2], {}, "neutral"),
        (np.zeros((2, 3)), [0, 2], {"target_accused": 1.5}, "target_accused"),
        (np.zeros((2, 3)), [0, 2], {"target_passed": -0.1}, "target_passed"),
    ],
)
def test_posts_that_cannot_be_fitted_on_are_refused(logits, gold, options, message):
    with pytest.raises(InputError, match=message):
        fit_decision(logits, gold, **options)
