"""The risk-coverage curve by hand, its area's bounds, and ties."""

import json

import numpy as np
import pytest

from netral_nlp.errors import InputError
from netral_nlp.evaluation.coverage import risk_coverage
from netral_nlp.evaluation.metrics import bootstrap_indices


def sure_of(confidences, right):
    """Gold labels and probabilities: neutral with these confidences, right or not."""
    chances = [[sure, 1 - sure, 0.0] for sure in confidences]
    return [0 if answer else 1 for answer in right], chances


def random_case(seed, size):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(size, 3)) * 1.5
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = (rng.random((size, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return gold, chances


def direct_area(gold, chances):
    """The mean risk, one prefix after the other; confidences are distinct."""
    order = np.argsort(-chances.max(axis=1))
    wrong = (chances.argmax(axis=1) != gold)[order]
    return np.mean([wrong[:count].mean() for count in range(1, len(wrong) + 1)])


def test_curve_of_a_hand_computed_example():
    found = risk_coverage(*sure_of([0.6, 0.9, 0.8, 0.7], [True, True, False, True]), resamples=0)
    assert found.coverage == pytest.approx((0.25, 0.5, 0.75, 1.0))
    assert found.risk == pytest.approx((0, 1 / 2, 1 / 3, 1 / 4))
    assert found.area.value == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert found.best_area == pytest.approx(1 / 4 / 4)
    assert found.chance_area == 0.25


def test_posts_of_one_confidence_share_their_risk_whatever_their_order():
    # 0.9 right; then three posts of 0.7, one of them wrong, come in no order of their own.
    expected = (0, 1 / 6, 2 / 9, 1 / 4)
    for answers in ([True, False, True, True], [True, True, True, False]):
        found = risk_coverage(*sure_of([0.9, 0.7, 0.7, 0.7], answers), resamples=0)
        assert found.risk == pytest.approx(expected)


def test_equal_confidence_for_all_is_no_better_than_chance():
    found = risk_coverage(*sure_of([0.8] * 50, [True] * 40 + [False] * 10), resamples=0)
    assert found.area.value == pytest.approx(found.chance_area) == 0.2


@pytest.mark.parametrize("seed", range(4))
def test_area_and_interval_agree_with_a_direct_computation(seed):
    gold, chances = random_case(seed, 250)
    found = risk_coverage(gold, chances, resamples=40, seed=3)
    assert found.area.value == pytest.approx(direct_area(gold, chances), abs=1e-12)
    draws = [direct_area(gold[index], chances[index]) for index in bootstrap_indices(gold, 40, 3)]
    assert (found.area.low, found.area.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=1e-9)
    assert found.best_area < found.area.value < found.chance_area


def test_confidence_that_tells_mistakes_lowers_the_area_and_one_that_misleads_raises_it():
    right = [True] * 80 + [False] * 20
    knowing = risk_coverage(*sure_of(np.linspace(0.99, 0.6, 100), right), resamples=0)
    misled = risk_coverage(*sure_of(np.linspace(0.6, 0.99, 100), right), resamples=0)
    assert knowing.area.value == pytest.approx(knowing.best_area)
    assert knowing.area.value < knowing.chance_area == misled.chance_area < misled.area.value


def test_long_curves_are_thinned_and_keep_both_ends():
    gold, chances = random_case(9, 3000)
    found = risk_coverage(gold, chances, resamples=0)
    assert len(found.coverage) == len(found.risk) == 200
    assert found.coverage[0] == pytest.approx(1 / 3000)
    assert found.coverage[-1] == 1.0
    assert found.risk[-1] == pytest.approx(found.chance_area)
    assert list(found.coverage) == sorted(found.coverage)
    json.dumps(found.to_dict(), allow_nan=False)


def test_posts_that_cannot_be_measured_are_refused():
    with pytest.raises(InputError, match="no posts"):
        risk_coverage([], np.zeros((0, 3)))
    with pytest.raises(InputError, match="shape"):
        risk_coverage([0, 1], [[1, 0, 0]])
