"""Two models on the same posts: differences agree with a computation by hand, and chance is not taken for skill."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from netral_nlp.errors import InputError
from netral_nlp.evaluation.compare import (
    COMPARED,
    EXACT_BELOW,
    LOWER_IS_BETTER,
    compare,
    compare_many,
    mcnemar,
    side_by_side,
)
from netral_nlp.evaluation.metrics import FIGURES, bootstrap_indices, evaluate
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.labels import LABELS, Label


def gold_labels(size=300, seed=0):
    gold = np.random.default_rng(seed).choice(3, size, p=[0.5, 0.35, 0.15])
    gold[:3] = [0, 1, 2]
    return gold


def model(gold, skill, seed):
    """Probabilities that lean towards the gold label by `skill`, and a hand-over of the unsure ones."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(gold), 3)) * 1.5
    logits[np.arange(len(gold)), gold] += skill
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(chances.argmax(axis=1), chances, chances.max(axis=1) < 0.5)


def only_labels(codes):
    return Predictions(np.asarray(codes), None, None)


def figure_of(metrics, name):
    label, _, figure = name.partition(".")
    return (metrics.per_class[Label(label)][figure] if figure else metrics[name]).value


def test_differences_agree_with_direct_computation_on_the_same_resampled_posts():
    gold = gold_labels(160)
    first, second = model(gold, 1.5, 1), model(gold, 1.0, 2)
    found = compare(gold, first, second, resamples=80, seed=7, confidence=0.9)
    assert set(found.differences) == set(COMPARED)
    assert list(found.differences) == [*FIGURES, *(f"{label.value}.f1" for label in LABELS)]

    def measured(predictions, rows):
        part = predictions.take(rows)
        metrics = evaluate(
            gold[rows], part.labels, probabilities=part.probabilities, needs_review=part.needs_review, resamples=0
        )
        return {name: figure_of(metrics, name) for name in COMPARED}

    whole = np.arange(len(gold))
    on_first, on_second = measured(first, whole), measured(second, whole)
    draws = [(measured(first, rows), measured(second, rows)) for rows in bootstrap_indices(gold, 80, 7)]
    for name, difference in found.differences.items():
        assert difference.first == pytest.approx(on_first[name], abs=1e-9)
        assert difference.second == pytest.approx(on_second[name], abs=1e-9)
        assert difference.difference.value == pytest.approx(on_first[name] - on_second[name], abs=1e-9)
        apart = np.array([one[name] - other[name] for one, other in draws])
        ends = np.quantile(apart[~np.isnan(apart)], [0.05, 0.95])
        assert (difference.difference.low, difference.difference.high) == pytest.approx(ends, abs=1e-9), name
        below, above = np.mean(apart <= 1e-12), np.mean(apart >= -1e-12)
        expected = min(1.0, 2 * (min(below, above) * len(apart) + 1) / (len(apart) + 1))
        assert difference.p_value == pytest.approx(expected, abs=1e-9), name


def test_a_model_compared_with_itself_differs_in_nothing():
    gold = gold_labels()
    same = model(gold, 1.0, 3)
    found = compare(gold, same, same, resamples=100)
    for difference in found.differences.values():
        interval = difference.difference
        assert (interval.value, interval.low, interval.high) == (0.0, 0.0, 0.0)
        assert difference.p_value == 1.0
        assert difference.better is None
    assert found.mcnemar.p_value == 1.0
    assert (found.mcnemar.only_first_right, found.mcnemar.only_second_right) == (0, 0)
    assert found.differing.empty
    assert found.to_dict()["differing"] == 0


def test_a_planted_better_model_is_found_and_the_sides_can_be_swapped():
    gold = gold_labels(500)
    better, worse = model(gold, 3.0, 4), model(gold, 1.0, 5)
    found = compare(gold, better, worse, names=("baik", "lemah"), resamples=300)
    for name in ("macro_f1", "accuracy", "mcc", "false_accusation_rate", "campaigning.f1", "brier"):
        assert found[name].better == "first", name
        assert found[name].p_value < 0.02
        assert (found[name].difference.value < 0) is (name in LOWER_IS_BETTER)
    assert found.mcnemar.p_value < 0.001
    assert found.mcnemar.only_first_right > found.mcnemar.only_second_right
    swapped = compare(gold, worse, better, resamples=300)
    for name, difference in swapped.differences.items():
        assert difference.difference.value == pytest.approx(-found[name].difference.value, abs=1e-12)
        assert difference.p_value == pytest.approx(found[name].p_value, abs=1e-12)
        assert difference.better == {"first": "second", "second": "first", None: None}[found[name].better]
    assert swapped.mcnemar.p_value == found.mcnemar.p_value


def test_the_paired_interval_is_narrower_than_that_of_unpaired_models():
    gold = gold_labels(400)
    first = model(gold, 1.2, 6)
    nearly = first.labels.copy()
    nearly[:12] = gold[:12]
    found = compare(gold, only_labels(nearly), only_labels(first.labels), resamples=300)
    alone = evaluate(gold, first.labels, resamples=300)["accuracy"]
    width = found["accuracy"].difference.high - found["accuracy"].difference.low
    assert width < 0.5 * (alone.high - alone.low)


def test_equally_good_models_rarely_seem_different():
    small = []
    for seed in range(60):
        gold = gold_labels(120, seed)
        found = compare(gold, model(gold, 1.5, 1000 + seed), model(gold, 1.5, 2000 + seed), resamples=100)
        small.append((found["accuracy"].p_value < 0.05, found.mcnemar.p_value < 0.05))
    # 5 % are expected; ten or more of sixty would be a one-in-a-thousand chance.
    assert np.sum(small, axis=0).max() < 10


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from([0, 1, 2])] * 3), min_size=1, max_size=40),
    st.integers(0, 2**32 - 1),
)
def test_any_labels_give_sane_numbers_and_clean_json(rows, seed):
    gold, first, second = np.array(rows).T
    found = compare(gold, only_labels(first), only_labels(second), resamples=20, seed=seed)
    for difference in found.differences.values():
        if math.isnan(difference.difference.value):
            assert math.isnan(difference.p_value)
        else:
            assert 0 < difference.p_value <= 1
            assert difference.difference.low <= difference.difference.high
    assert 0 < found.mcnemar.p_value <= 1
    assert found.labels.sum() == len(gold)
    assert len(found.differing) == np.sum(first != second) == found.labels.sum() - np.trace(found.labels)
    right = found.differing["right"].tolist()
    assert right.count("first") == found.mcnemar.only_first_right
    assert right.count("second") == found.mcnemar.only_second_right
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.table()


@given(st.integers(0, EXACT_BELOW - 1), st.integers(0, EXACT_BELOW - 1))
def test_few_discordant_posts_are_tested_exactly_as_scipy_does(first, second):
    if first + second >= EXACT_BELOW:
        second = EXACT_BELOW - 1 - first
    found = mcnemar(first, second)
    expected = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert found.p_value == pytest.approx(expected, abs=1e-12)
    assert found.statistic is None
    assert found.method == "exact binomial"


@given(st.integers(0, 5000), st.integers(EXACT_BELOW, 5000))
def test_many_discordant_posts_are_tested_by_chi_square(first, second):
    found = mcnemar(first, second)
    assert found.statistic == pytest.approx(max(abs(first - second) - 1, 0) ** 2 / (first + second))
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1), abs=1e-12)
    assert found.method == "chi-square with continuity correction"
    # The continuity correction is there to come near the exact test.
    assert found.p_value == pytest.approx(stats.binomtest(first, first + second, 0.5).pvalue, abs=0.02)


def test_mcnemar_gives_the_numbers_of_a_textbook_example():
    # Agresti, Categorical Data Analysis: approval of the prime minister, 150 and 86 who changed their mind.
    found = mcnemar(150, 86)
    assert found.statistic == pytest.approx(63**2 / 236)
    assert found.p_value == pytest.approx(4.11e-5, rel=0.01)
    with pytest.raises(InputError, match="0 or more"):
        mcnemar(-1, 3)


def test_differing_posts_say_which_side_is_right():
    gold = ["neutral", "supportive", "campaigning", "neutral", "campaigning"]
    found = compare(gold, only_labels([0, 1, 0, 1, 2]), only_labels([0, 2, 2, 2, 2]), resamples=10)
    assert found.differing.to_dict("list") == {
        "row": [1, 2, 3],
        "gold": [Label.SUPPORTIVE, Label.CAMPAIGNING, Label.NEUTRAL],
        "first": [Label.SUPPORTIVE, Label.NEUTRAL, Label.SUPPORTIVE],
        "second": [Label.CAMPAIGNING, Label.CAMPAIGNING, Label.CAMPAIGNING],
        "right": ["first", "second", "neither"],
    }
    assert found.labels.tolist() == [[1, 0, 1], [0, 0, 2], [0, 0, 1]]


def test_only_figures_that_both_sides_have_are_compared():
    gold = gold_labels(60)
    full = model(gold, 1.0, 8)
    bare = only_labels(full.labels)
    labels_only = set(compare(gold, bare, bare, resamples=5).differences)
    assert set(compare(gold, full, bare, resamples=5).differences) == labels_only
    assert {"brier", "ece", "review_rate"}.isdisjoint(labels_only)
    assert {"macro_f1", "neutral.f1"} <= labels_only


def test_without_resamples_there_are_differences_but_no_intervals():
    gold = gold_labels(60)
    found = compare(gold, model(gold, 2.0, 9), model(gold, 0.5, 10), resamples=0)
    record = found.to_dict()["figures"]["accuracy"]
    assert record["difference"] == {"value": record["first"] - record["second"], "low": None, "high": None}
    assert record["p_value"] is None
    assert record["better"] is None
    assert "resamples" not in found.table()


def test_a_rate_over_no_posts_is_left_open():
    found = compare([0, 0, 1], only_labels([0, 1, 1]), only_labels([0, 0, 1]), resamples=10)
    record = found.to_dict()["figures"]["missed_campaigning_rate"]
    assert record == {
        "first": None,
        "second": None,
        "difference": {"value": None, "low": None, "high": None},
        "p_value": None,
        "better": None,
    }
    assert "–" in found.table()


def test_the_table_shows_both_sides_signs_and_the_test():
    gold = gold_labels(400)
    text = compare(gold, model(gold, 3.0, 11), model(gold, 0.8, 12), names=("netral", "kata"), resamples=100).table()
    lines = {line.split("  ")[0].strip(): line for line in text.splitlines()}
    assert "netral - kata on the same 400 posts" in text
    assert "+0." in lines["macro-F1"]
    assert lines["macro-F1"].endswith("netral")
    assert " pp [-" in lines["false accusations"]
    assert lines["false accusations"].endswith("netral")
    assert "McNemar p < 0.001" in text
    assert "-0.0 " not in text
    assert "+0.000 [+0.000, +0.000]" in compare([0, 1, 2], only_labels([0, 1, 2]), only_labels([0, 1, 2])).table()


def test_many_are_held_against_the_first_with_the_same_numbers_as_in_pairs():
    gold = gold_labels(200)
    named = {
        "satu": model(gold, 2.0, 13),
        "dua": model(gold, 1.0, 14),
        "tiga": only_labels(model(gold, 0.2, 15).labels),
    }
    found = compare_many(gold, named, resamples=50, seed=3)
    assert [comparison.names for comparison in found] == [("satu", "dua"), ("satu", "tiga")]
    for comparison in found:
        first, second = comparison.names
        alone = compare(gold, named[first], named[second], names=(first, second), resamples=50, seed=3)
        assert comparison.to_dict() == alone.to_dict()
    text = side_by_side(found)
    heading, *rows = text.splitlines()
    assert heading.split() == ["figure", "satu", "dua", "tiga"]
    assert rows[0].split()[0] == "macro-F1"
    assert rows[0].rstrip().endswith("*")
    assert any(row.startswith("Brier") and "–" in row for row in rows)


def test_the_same_seed_gives_the_same_comparison():
    gold = gold_labels(100)
    first, second = model(gold, 1.0, 16), model(gold, 1.0, 17)
    one, same, other = (compare(gold, first, second, resamples=40, seed=seed).to_dict() for seed in (5, 5, 6))
    assert one == same
    assert one["figures"] != other["figures"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare([0, 1], only_labels([0, 1]), only_labels([0])), "second: 2 gold labels but 1 predictions"),
        (lambda: compare([], only_labels([]), only_labels([])), "no posts"),
        (lambda: compare([0], only_labels([0]), only_labels([0]), names=("a", "a")), "different names"),
        (lambda: compare([0], only_labels([0]), only_labels([0]), resamples=-1), "resamples"),
        (lambda: compare([0], only_labels([0]), only_labels([0]), confidence=1.0), "confidence"),
        (lambda: compare_many([0], {"satu": only_labels([0])}), "at least two"),
        (lambda: side_by_side([]), "compare_many"),
    ],
)
def test_requests_that_make_no_sense_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
