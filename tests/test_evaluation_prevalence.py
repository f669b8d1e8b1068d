"""Precision among flagged posts, restated for dumps that are mostly neutral."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.errors import InputError
from netral_nlp.evaluation.prevalence import STATED_PREVALENCES, restate_precision
from netral_nlp.evaluation.rates import rate


def hand_case():
    """100 neutral posts, 5 accused; 50 with a side, 40 caught (10 of them under the other label)."""
    gold = [0] * 100 + [1] * 30 + [2] * 20
    called = [0] * 95 + [1, 1, 1, 2, 2] + [1] * 20 + [2] * 5 + [0] * 5 + [2] * 10 + [1] * 5 + [0] * 5
    return gold, called


def test_precision_at_a_prevalence_agrees_with_a_computation_by_hand():
    found = restate_precision(*hand_case(), prevalences=[0.02])
    # Of 10,000 posts 200 take a side: 160 are flagged, and so are 490 of the 9,800 neutral ones.
    row = found.at(0.02)
    assert row.precision.value == pytest.approx(160 / 650)
    assert row.flagged.value == pytest.approx(650 / 10_000)
    assert found.caught == rate(40, 50)
    assert found.accused == rate(5, 100)
    assert found.measured == pytest.approx(50 / 150)
    assert not found.unreviewed


def test_posts_handed_to_review_do_not_count_as_flagged():
    gold, called = hand_case()
    review = np.zeros(150, dtype=bool)
    review[95:99] = True  # four of the five accused neutral posts
    review[100:110] = True  # ten of the forty that were caught
    found = restate_precision(gold, called, needs_review=review, prevalences=[0.1])
    assert found.unreviewed
    assert found.at(0.1).precision.value == pytest.approx(0.1 * 0.6 / (0.1 * 0.6 + 0.9 * 0.01))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=60))
def test_at_the_measured_prevalence_it_is_the_measured_precision(pairs):
    gold, called = np.array([*pairs, (0, 0), (1, 1)]).T
    measured = float((gold != 0).mean())
    row = restate_precision(gold, called, prevalences=[measured]).at(measured)
    assert row.precision.value == pytest.approx((gold[called != 0] != 0).mean(), abs=1e-12)
    assert row.flagged.value == pytest.approx((called != 0).mean(), abs=1e-12)
    assert 0 <= row.precision.low <= row.precision.value <= row.precision.high <= 1


def test_precision_rises_with_the_share_of_posts_that_take_a_side():
    found = restate_precision(*hand_case())
    assert [row.prevalence for row in found.stated] == list(STATED_PREVALENCES)
    values = [row.precision.value for row in found.stated]
    assert values == sorted(values)
    assert values[0] < 0.2 < 0.9 < values[-1]


def test_the_interval_covers_the_true_precision_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    gold = np.repeat([0, 1], [150, 80])
    truth = 0.02 * 0.8 / (0.02 * 0.8 + 0.98 * 0.06)
    inside = 0
    for seed in range(100):
        called = (rng.random(230) < np.where(gold == 1, 0.8, 0.06)).astype(int)
        interval = restate_precision(gold, called, prevalences=[0.02], seed=seed).at(0.02).precision
        inside += interval.low <= truth <= interval.high
    assert 88 <= inside <= 100


def test_without_an_accused_post_the_precision_is_one_with_a_wide_interval():
    found = restate_precision([0] * 30 + [1] * 30, [0] * 30 + [1] * 30, prevalences=[0.02])
    precision = found.at(0.02).precision
    assert precision.value == precision.high == 1.0
    assert precision.low < 0.5


def test_a_model_that_flags_nothing_has_no_precision():
    found = restate_precision([0, 1, 2], [0, 0, 0], prevalences=[0.05])
    assert math.isnan(found.at(0.05).precision.value)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["stated"][0]["precision"]["value"] is None


def test_posts_of_one_kind_only_cannot_be_restated():
    assert restate_precision([0, 0], [0, 1]) is None
    assert restate_precision([1, 2], [0, 1]) is None


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 2, math.nan])
def test_a_prevalence_that_is_no_share_is_refused(prevalence):
    with pytest.raises(InputError, match="share between 0 and 1"):
        restate_precision(*hand_case(), prevalences=[0.02, prevalence])


def test_lengths_that_differ_are_refused():
    with pytest.raises(InputError, match="3 gold labels but 2 predictions"):
        restate_precision([0, 1, 2], [0, 1])
    with pytest.raises(InputError, match="needs_review has the shape"):
        restate_precision([0, 1, 2], [0, 1, 2], needs_review=[True])
