"""Temperature and thresholds do what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.errors import InputError
from netral_nlp.evaluation.calibration import fit_decision, fit_margin, fit_temperature, negative_log_likelihood
from netral_nlp.evaluation.metrics import evaluate
from netral_nlp.inference.decision import Decision, MarginCalibration
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
    called = chances.argmax(axis=1)
    sure = np.where(called == 0, chances[:, 0], 1 - chances[:, 0])
    neutral = (gold == 0).sum()
    accused = (called != 0) & (gold == 0)
    # One mistake and one post are added, so that the target is kept on new posts too, on average.
    assert ((accused & (sure >= accusing)).sum() + 1) / (neutral + 1) <= 0.02
    # The next lower observed confidence would let one more neutral post stand accused than is allowed.
    lower = sure[(called != 0) & (sure < accusing)].max()
    assert ((accused & (sure >= lower)).sum() + 1) / (neutral + 1) > 0.02


def test_targets_are_kept_on_average_over_new_posts():
    reached = []
    for seed in range(60):
        logits, gold = drawn(100 + seed, 2300)
        decision = fit_decision(logits[:300], gold[:300], target_accused=0.05)
        chances = decision.probabilities(logits[300:])
        review = decision.needs_review(chances)
        figures = evaluate(gold[300:], chances, needs_review=review, resamples=0)
        reached.append(figures["accused_without_review_rate"].value)
    assert 0.03 < np.mean(reached) <= 0.05 + 2 * np.std(reached) / np.sqrt(len(reached))


def test_a_target_that_the_posts_are_too_few_for_lets_no_mistake_through():
    logits, gold = drawn(2, 60)  # 1 / (n + 1) is more than 1 %
    decision = fit_decision(logits, gold, target_accused=0.01)
    assert decision.fitted_on["false_accusation_rate"] > 0
    assert decision.fitted_on["accused_without_review_rate"] == 0


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
    # 0.29 * 100 is 28.999999999999996 in binary; 28 of 99 neutral posts may stay accused: (28 + 1) / (99 + 1) is 0.29.
    logits = np.zeros((100, 3))
    logits[:99, 1] = np.linspace(1, 2, 99)
    logits[99, 2] = 5
    decision = fit_decision(logits, [0] * 99 + [2], target_accused=0.29, temperature=1.0)
    assert decision.fitted_on["accused_without_review_rate"] == pytest.approx(28 / 99)


def test_decision_tells_its_target_its_cost_and_what_the_caller_adds(tmp_path):
    decision = fit_decision(*drawn(5, 300), target_accused=0.03, target_passed=0.1, fitted_on={"file": "dev.jsonl"})
    decision.save(tmp_path)
    loaded = Decision.load(tmp_path)
    assert loaded == decision
    assert loaded.target == {"accused_without_review_rate": 0.03, "campaigning_passed_without_review_rate": 0.1}
    assert loaded.fitted_on["file"] == "dev.jsonl"
    assert loaded.fitted_on["posts"] == sum(loaded.fitted_on["support"].values()) == 300
    assert set(loaded.fitted_on["negative_log_likelihood"]) == {"before", "after"}


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


def test_likelihood_improves_on_overstated_logits_and_hardly_moves_on_sound_ones():
    # The margin calibration fits being right, not the likelihood of all labels, so a speck may be lost.
    overstated = fit_decision(*drawn(5, 300, temperature=3.0)).fitted_on["negative_log_likelihood"]
    assert overstated["after"] < overstated["before"] - 0.1
    sound = fit_decision(*drawn(5, 300)).fitted_on["negative_log_likelihood"]
    assert sound["after"] < sound["before"] + 0.01


def test_likelihood_stays_finite_where_a_probability_is_rounded_to_nothing():
    logits, gold = np.eye(3)[[0, 1, 2] * 20] * 2000.0, np.array([0, 1, 2] * 19 + [0, 1, 0])
    decision = fit_decision(logits, gold, temperature=1.0)
    assert math.isfinite(decision.fitted_on["negative_log_likelihood"]["after"])


# the margin calibration


def by_margin(seed, size, intercept, slope, cube):
    """Logits with margins from 0 to 3, right as often as the sigmoid says."""
    rng = np.random.default_rng(seed)
    margin = rng.uniform(0, 3, size)
    called = rng.integers(0, 3, size)
    logits = np.zeros((size, 3))
    logits[np.arange(size), called] = margin
    right = rng.random(size) < 1 / (1 + np.exp(-(intercept + slope * margin + cube * margin**3)))
    return logits, np.where(right, called, (called + rng.integers(1, 3, size)) % 3)


@pytest.mark.parametrize(("intercept", "slope", "cube"), [(0.0, 1.0, 0.0), (-0.3, 0.2, 0.15), (0.5, 0.0, 0.05)])
def test_the_margin_calibration_finds_the_curve_that_made_the_labels(intercept, slope, cube):
    found = fit_margin(*by_margin(0, 30_000, intercept, slope, cube))
    margins = np.linspace(0, 3, 13)
    expected = 1 / (1 + np.exp(-(intercept + slope * margins + cube * margins**3)))
    confidence = found.confidence(np.stack([margins, np.zeros(13), np.zeros(13)], axis=1))
    assert confidence == pytest.approx(expected, abs=0.02)


def test_the_margin_calibration_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    logits, gold = by_margin(1, 2000, -0.3, 0.4, 0.15)
    found = fit_margin(logits, gold)
    ordered = np.sort(logits, axis=1)
    units = (ordered[:, 2] - ordered[:, 1]) / found.scale
    # C is one over the penalty: half of 0.1 times the squared slopes, as here.
    expected = LogisticRegression(C=10.0, tol=1e-10, max_iter=1000)
    expected.fit(np.stack([units, units**3], axis=1), logits.argmax(axis=1) == gold)
    assert found.intercept == pytest.approx(expected.intercept_[0], abs=1e-4)
    assert (found.slope, found.cube) == pytest.approx(tuple(expected.coef_[0]), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_margins_that_mislead_never_lower_confidence(seed):
    logits, gold = by_margin(seed, 500, 2.0, -1.0, 0.0)  # the surer, the more often wrong
    found = fit_margin(logits, gold)
    assert found.slope >= 0
    assert found.cube >= 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 150), st.floats(0.01, 30))
def test_fitting_never_turns_a_label(seed, size, factor):
    logits, gold = drawn(seed, size, temperature=factor)
    gold[:2] = 0, 2
    chances = fit_decision(logits, gold).probabilities(logits)
    assert chances.argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()
    assert chances.sum(axis=1) == pytest.approx(np.ones(size))


def test_too_few_mistakes_or_no_margins_give_no_margin_calibration():
    logits, gold = by_margin(0, 200, 0.0, 1.0, 0.0)
    called = logits.argmax(axis=1)
    few = called.copy()
    few[:9] = (called[:9] + 1) % 3
    assert fit_margin(logits, few) is None
    few[:10] = (called[:10] + 1) % 3
    assert isinstance(fit_margin(logits, few), MarginCalibration)
    assert fit_margin(np.zeros((60, 3)), [0] * 30 + [1] * 30) is None
    assert fit_decision(logits, gold, temperature=1.2).margin is None


def test_it_mends_what_a_temperature_cannot():
    # Hardly right up to a margin of 2, nearly always right above: one temperature bends both alike.
    logits, gold = by_margin(3, 4000, -0.2, 0.05, 0.14)
    gold[:3] = 0, 1, 2
    fit, rest = slice(0, 2000), slice(2000, 4000)
    both = fit_decision(logits[fit], gold[fit])
    alone = fit_decision(logits[fit], gold[fit], temperature=fit_temperature(logits[fit], gold[fit]))
    mended, bent = (
        evaluate(gold[rest], decision.probabilities(logits[rest]), resamples=0) for decision in (both, alone)
    )
    assert mended["ece"].value < bent["ece"].value / 2
    assert mended["brier"].value < bent["brier"].value


# the trade-off


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(30, 200), st.sampled_from([0.0, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0]))
def test_another_target_gives_what_a_fit_to_it_would_have_given(seed, size, share):
    logits, gold = drawn(seed, size)
    gold[:2] = 0, 2
    chosen = fit_decision(logits, gold).for_target(accused=share, passed=share)
    fitted = fit_decision(logits, gold, target_accused=share, target_passed=share)
    assert chosen.review_below == fitted.review_below
    assert chosen.target == fitted.target


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.0, 0.02, 0.1])
def test_a_target_gets_the_lowest_threshold_that_keeps_it_on_the_fitted_posts(seed, share):
    logits, gold = drawn(seed, 400)
    decision = fit_decision(logits, gold).for_target(accused=share, passed=share)
    chances = decision.probabilities(logits)
    called = chances.argmax(axis=1)
    sure = np.where(called == 0, chances[:, 0], 1 - chances[:, 0])
    for label, judged, gold_label in ((Label.SUPPORTIVE, called != 0, 0), (Label.NEUTRAL, called == 0, 2)):
        wrong, posts = judged & (gold == gold_label), (gold == gold_label).sum()
        # Only an observed confidence or nothing at all can be where posts begin to pass.
        keeping = [t for t in (0.0, *(sure[judged] + 1e-15)) if (wrong & (sure >= t)).sum() + 1 <= share * (posts + 1)]
        none_through = float(sure[wrong].max()) + 1e-15 if wrong.any() else 0.0  # where the posts are too few
        lowest, threshold = min(keeping, default=none_through), decision.review_below[label]
        assert ((sure >= threshold) & judged).tolist() == ((sure >= lowest) & judged).tolist()


def test_steps_say_what_each_threshold_would_have_done():
    logits, gold = drawn(6, 300)
    decision = fit_decision(logits, gold)
    chances = decision.probabilities(logits)
    called = chances.argmax(axis=1)
    sure = np.where(called == 0, chances[:, 0], 1 - chances[:, 0])
    for name, judged, label in (("accused", called != 0, 0), ("passed", called == 0, 2)):
        steps = decision.trade_off[name]
        assert steps[0].threshold == 0
        assert steps[-1].share == pytest.approx(1 / ((gold == label).sum() + 1))  # none of n passed
        for step in steps:
            let_through = judged & (gold == label) & (sure >= step.threshold)
            assert step.share == pytest.approx((let_through.sum() + 1) / ((gold == label).sum() + 1))
            assert step.reviewed == pytest.approx((judged & (sure < step.threshold)).mean())


def test_a_long_trade_off_is_thinned_but_keeps_its_target_exactly(tmp_path):
    logits, gold = drawn(8, 6000)
    posts = (gold == 0).sum()
    for share in (0.0777, 0.1, 0.15, 0.16, 0.17, 0.18):
        decision = fit_decision(logits, gold, target_accused=share)
        allowed = math.floor(share * (posts + 1)) - 1
        assert decision.fitted_on["accused_without_review_rate"] == pytest.approx(allowed / posts)
    wrong = int(((gold == 0) & (logits.argmax(axis=1) != 0)).sum())
    assert wrong > 500
    assert len(decision.trade_off["accused"]) <= 300
    # Targets in between cost a little more than they need, and are kept.
    chances = decision.probabilities(logits)
    for share in (0.005, 0.1234, 0.19):
        review = decision.for_target(accused=share).needs_review(chances)
        reached = evaluate(gold, chances, needs_review=review, resamples=0)["accused_without_review_rate"].value
        assert 0.9 * share - 0.001 <= reached <= share
    decision.save(tmp_path)
    assert Decision.load(tmp_path) == decision
    assert (tmp_path / "decision.json").stat().st_size < 40_000
