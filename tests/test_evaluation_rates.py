"""Intervals for few posts agree with scipy and with published examples, and are honestly wide."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.evaluation.metrics import evaluate
from netral_nlp.evaluation.rates import difference, macro_f1_interval, rate, share_draws

COUNTS = st.integers(1, 2000).flatmap(lambda posts: st.tuples(st.integers(0, posts), st.just(posts)))


@settings(max_examples=150, deadline=None)
@given(COUNTS, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_intervals_agree_with_scipy(counts, confidence):
    from scipy.stats import binomtest

    count, posts = counts
    found = rate(count, posts, confidence=confidence)
    expected = binomtest(count, posts).proportion_ci(confidence, method="wilson")
    assert found.value == count / posts
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_share_of_nothing_or_of_all_keeps_a_wide_interval_with_exact_ends():
    none, every = rate(0, 8), rate(8, 8)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(0.3244, abs=1e-4)
    assert every.low == pytest.approx(1 - none.high, abs=1e-12)


def test_a_share_of_no_posts_is_no_number():
    assert math.isnan(rate(0, 0).value)
    assert math.isnan(rate(0, 0).low)
    assert math.isnan(difference(1, 2, 0, 0).value)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # Newcombe 1998, table II, method 10, rows (a), (b), (c), (g) and (h).
        ((56, 70, 48, 80), (0.2, 0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.6, 0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.5714, 0.0582, 0.8062)),
        ((10, 10, 0, 20), (1.0, 0.6791, 1.0)),
        ((10, 10, 0, 10), (1.0, 0.6075, 1.0)),
    ],
)
def test_newcombes_intervals_agree_with_his_examples(counts, expected):
    found = difference(*counts)
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=5e-5)


@given(COUNTS, COUNTS)
def test_a_difference_turns_its_sign_with_its_groups(first, second):
    one, other = difference(*first, *second), difference(*second, *first)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low), abs=1e-12)
    assert -1 <= one.low <= one.value <= one.high <= 1


def test_draws_of_a_share_follow_jeffreys_posterior():
    from scipy.stats import beta

    draws = share_draws(3, 40, np.random.default_rng(0), 40_000)
    found = np.quantile(draws, [0.025, 0.5, 0.975])
    assert found == pytest.approx(beta(3.5, 37.5).ppf([0.025, 0.5, 0.975]), abs=0.005)


def test_macro_f1_is_that_of_evaluate_and_its_interval_agrees_with_the_bootstrap_on_many_posts():
    rng = np.random.default_rng(1)
    gold = rng.choice(3, 1500, p=[0.6, 0.3, 0.1])
    called = np.where(rng.random(1500) < 0.75, gold, rng.integers(0, 3, 1500))
    metrics = evaluate(gold, called, resamples=2000)
    found, bootstrap = macro_f1_interval(metrics.confusion), metrics["macro_f1"]
    assert found.value == pytest.approx(bootstrap.value, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((bootstrap.low, bootstrap.high), abs=0.008)


def test_macro_f1_of_few_posts_is_wide_even_where_all_are_right():
    found = macro_f1_interval(np.diag([3, 3, 0]))
    assert found.value == found.high == 1.0
    assert found.low < 0.75


def test_macro_f1_counts_the_labels_that_have_gold_posts():
    # supportive: 8 of 10 found, nothing else called so; the neutral calls belong to a label without gold posts.
    found = macro_f1_interval([[0, 0, 0], [2, 8, 0], [0, 0, 0]])
    assert found.value == pytest.approx(16 / 18)
    assert math.isnan(macro_f1_interval(np.zeros((3, 3))).value)


def test_same_seed_same_interval():
    confusion = [[20, 3, 1], [4, 15, 2], [1, 3, 6]]
    assert macro_f1_interval(confusion, seed=4) == macro_f1_interval(confusion, seed=4)
    assert macro_f1_interval(confusion, seed=4) != macro_f1_interval(confusion, seed=5)
