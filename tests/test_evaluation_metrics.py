"""The figures agree with scikit-learn, the intervals with a computation by hand."""

import itertools
import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FIGURES, Interval, bootstrap_indices, evaluate, label_codes
from netral_nlp.labels import LABELS, Label

CODES = [0, 1, 2]


def random_case(seed, size=300):
    rng = np.random.default_rng(seed)
    gold = rng.choice(3, size, p=[0.5, 0.4, 0.1])
    gold[:3] = CODES
    logits = rng.normal(size=(size, 3)) * 1.5
    logits[np.arange(size), gold] += 1.2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return gold, chances, rng.random(size) < 0.3


def direct(gold, called, review=None):
    """Every figure by scikit-learn or by counting posts one by one."""
    labels = sorted(set(gold.tolist()))
    figures = {
        "accuracy": sk.accuracy_score(gold, called),
        "mcc": sk.matthews_corrcoef(gold, called),
        "quadratic_kappa": sk.cohen_kappa_score(gold, called, labels=CODES, weights="quadratic"),
        "false_accusation_rate": np.mean(called[gold == 0] != 0),
        "missed_campaigning_rate": np.mean(called[gold == 2] != 2),
        "campaigning_called_neutral_rate": np.mean(called[gold == 2] == 0),
    }
    parts = sk.precision_recall_fscore_support(gold, called, labels=CODES, zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), parts, strict=False):
        figures |= {f"{label.value}.{name}": values[label.severity] for label in LABELS}
        figures[f"macro_{name}"] = np.mean([values[code] for code in labels])
    if review is not None:
        kept = ~review
        figures |= {
            "review_rate": review.mean(),
            "false_accusation_rate_unreviewed": np.mean(called[(gold == 0) & kept] != 0),
            "accused_without_review_rate": np.mean((called[gold == 0] != 0) & kept[gold == 0]),
            "campaigning_passed_without_review_rate": np.mean((called[gold == 2] == 0) & kept[gold == 2]),
            "accuracy_unreviewed": sk.accuracy_score(gold[kept], called[kept]),
        }
    return figures


def direct_ece(gold, chances, bins=10):
    called = chances.argmax(axis=1)
    pairs = sorted(zip(chances.max(axis=1), called == gold, strict=True))
    size = len(pairs)
    edges = [size * part // bins for part in range(bins + 1)]
    error = 0.0
    for start, end in itertools.pairwise(edges):
        error += abs(sum(sure - right for sure, right in pairs[start:end])) / size
    return error


def tied_ece(gold, chances, bins=10):
    """The same where posts share a confidence: each of them takes the mean gap of its tie."""
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == gold
    order = np.argsort(sure, kind="stable")
    gaps = [sure[post] - right[sure == sure[post]].mean() for post in order]
    edges = [len(gaps) * part // min(bins, len(gaps)) for part in range(min(bins, len(gaps)) + 1)]
    return sum(abs(sum(gaps[start:end])) for start, end in itertools.pairwise(edges)) / len(gaps)


def rounded_case(seed, size):
    """Probabilities in tenths, as some files hold them."""
    gold, _, _ = random_case(seed, size)
    tenths = np.random.default_rng(seed).multinomial(10, [0.6, 0.3, 0.1], size=size)
    return gold, tenths / 10


def value(metrics, name):
    label, _, figure = name.partition(".")
    return metrics.per_class[Label(label)][figure] if figure else metrics[name]


@pytest.mark.parametrize("seed", range(8))
def test_figures_agree_with_scikit_learn(seed):
    gold, chances, review = random_case(seed, size=40 + 60 * seed)
    metrics = evaluate(gold, chances, needs_review=review, resamples=0)
    called = chances.argmax(axis=1)
    for name, expected in direct(gold, called, review).items():
        assert value(metrics, name).value == pytest.approx(expected, abs=1e-9), name
    assert (metrics.confusion == sk.confusion_matrix(gold, called, labels=CODES)).all()
    brier = np.mean(((chances - np.eye(3)[gold]) ** 2).sum(axis=1))
    assert metrics["brier"].value == pytest.approx(brier, abs=1e-9)
    assert metrics["ece"].value == pytest.approx(direct_ece(gold, chances), abs=1e-9)


@pytest.mark.filterwarnings("ignore:A single label was found", "ignore:.*only one label in common")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)), min_size=1, max_size=40))
def test_any_labels_agree_with_scikit_learn_and_write_as_json(pairs):
    gold, called = np.array(pairs).T
    metrics = evaluate(gold, called, resamples=3)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(gold, called, labels=CODES, zero_division=0)
    for label in LABELS:
        found = metrics.per_class[label]
        expected = [precision[label.severity], recall[label.severity], f1[label.severity]]
        assert [found[name].value for name in ("precision", "recall", "f1")] == pytest.approx(expected, abs=1e-12)
    assert metrics["mcc"].value == pytest.approx(sk.matthews_corrcoef(gold, called), abs=1e-9)
    assert metrics["accuracy"].value == pytest.approx(sk.accuracy_score(gold, called), abs=1e-9)
    kappa = sk.cohen_kappa_score(gold, called, labels=CODES, weights="quadratic")
    assert metrics["quadratic_kappa"].value == pytest.approx(kappa, abs=1e-9, nan_ok=True)
    if set(gold) == set(CODES):
        for name, average in (("precision", precision), ("recall", recall), ("f1", f1)):
            assert metrics[f"macro_{name}"].value == pytest.approx(average.mean(), abs=1e-9)
        parts = sk.precision_recall_fscore_support(gold, called, labels=CODES, average="macro", zero_division=0)
        found = [metrics[f"macro_{name}"].value for name in ("precision", "recall", "f1")]
        assert found == pytest.approx(parts[:3], abs=1e-9)
    assert metrics["macro_f1"].value == pytest.approx(np.mean([f1[code] for code in set(gold.tolist())]), abs=1e-12)
    json.dumps(metrics.to_dict(), allow_nan=False)
    assert metrics.table()


def test_intervals_agree_with_direct_computation_on_the_same_resamples():
    gold, chances, review = random_case(3, size=150)
    called = chances.argmax(axis=1)
    metrics = evaluate(gold, chances, needs_review=review, resamples=60, seed=11)
    draws = []
    for index in bootstrap_indices(gold, 60, 11):
        figures = direct(gold[index], called[index], review[index])
        figures["ece"] = direct_ece(gold[index], chances[index])
        figures["brier"] = np.mean(((chances[index] - np.eye(3)[gold[index]]) ** 2).sum(axis=1))
        draws.append(figures)
    for name in draws[0]:
        low, high = np.quantile([draw[name] for draw in draws], [0.025, 0.975])
        found = value(metrics, name)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9), name


def test_interval_of_accuracy_agrees_with_scipy():
    from scipy.stats import bootstrap

    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.8
    gold = np.zeros(400, dtype=int)
    metrics = evaluate(gold, np.where(right, 0, 1), resamples=4000, seed=1)
    found = bootstrap((right.astype(float),), np.mean, n_resamples=4000, method="percentile", rng=2)
    expected = (found.confidence_interval.low, found.confidence_interval.high)
    assert (metrics["accuracy"].low, metrics["accuracy"].high) == pytest.approx(expected, abs=0.005)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(CODES), st.tuples(*[st.integers(1, 1000)] * 3)), min_size=1, max_size=30
    )
)  # fmt: skip
def test_any_probabilities_agree_with_scikit_learn(posts):
    gold = np.array([code for code, _ in posts])
    weights = np.array([parts for _, parts in posts], dtype=float)
    chances = weights / weights.sum(axis=1, keepdims=True)
    metrics = evaluate(gold, chances, resamples=2)
    expected = sk.brier_score_loss(gold, chances, labels=CODES, scale_by_half=False)
    assert metrics["brier"].value == pytest.approx(expected, abs=1e-9)
    assert metrics["accuracy"].value == pytest.approx(sk.accuracy_score(gold, chances.argmax(axis=1)), abs=1e-9)
    assert metrics["ece"].value == pytest.approx(tied_ece(gold, chances), abs=1e-9)
    assert sum(part.posts for part in metrics.reliability) == len(posts)
    gaps = [part.posts * abs(part.confidence - part.accuracy) for part in metrics.reliability]
    assert sum(gaps) / len(posts) == pytest.approx(metrics["ece"].value, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_intervals_agree_with_direct_computation_where_confidences_are_tied(seed):
    gold, chances = rounded_case(seed, 120)
    metrics = evaluate(gold, chances, resamples=50, seed=seed)
    assert metrics["ece"].value == pytest.approx(tied_ece(gold, chances), abs=1e-9)
    draws = [tied_ece(gold[index], chances[index]) for index in bootstrap_indices(gold, 50, seed)]
    expected = np.quantile(draws, [0.025, 0.975])
    assert (metrics["ece"].low, metrics["ece"].high) == pytest.approx(expected, abs=1e-9)


def stratified(name):
    """A figure for scipy: from the answers to neutral, supportive and campaigning posts, along an axis."""

    def statistic(*answers, axis=-1):
        cells = np.stack(
            [np.stack([(own == code).sum(axis=axis) for code in CODES], axis=-1) for own in answers], axis=-2
        ).astype(float)
        gold, called, hits = cells.sum(axis=-1), cells.sum(axis=-2), np.diagonal(cells, axis1=-2, axis2=-1)
        size = gold.sum(axis=-1)
        if name == "accuracy":
            return hits.sum(axis=-1) / size
        if name == "macro_f1":
            return (2 * hits / (gold + called)).mean(axis=-1)
        if name == "mcc":
            above = hits.sum(axis=-1) * size - (gold * called).sum(axis=-1)
            return above / np.sqrt((size**2 - (called**2).sum(axis=-1)) * (size**2 - (gold**2).sum(axis=-1)))
        if name == "quadratic_kappa":
            far = np.subtract.outer(np.arange(3), np.arange(3)) ** 2
            chance = gold[..., :, None] * called[..., None, :] / size[..., None, None]
            return 1 - (cells * far).sum(axis=(-1, -2)) / (chance * far).sum(axis=(-1, -2))
        if name == "false_accusation_rate":
            return 1 - cells[..., 0, 0] / gold[..., 0]
        return 1 - cells[..., 2, 2] / gold[..., 2]

    return statistic


@pytest.mark.parametrize(
    "name", ["accuracy", "macro_f1", "mcc", "quadratic_kappa", "false_accusation_rate", "missed_campaigning_rate"]
)
def test_stratified_intervals_agree_with_scipy(name):
    from scipy.stats import bootstrap

    gold, chances, _ = random_case(12, size=900)
    called = chances.argmax(axis=1)
    found = evaluate(gold, called, resamples=10_000, seed=1)[name]
    answers = tuple(called[gold == code] for code in CODES)
    expected = bootstrap(
        answers, stratified(name), n_resamples=10_000, method="percentile", vectorized=True, batch=1000, rng=2
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_resamples_keep_the_count_of_each_label():
    gold = np.array([0] * 7 + [1] * 4 + [2])
    for index in bootstrap_indices(gold, 20, 0):
        assert np.bincount(gold[index]).tolist() == [7, 4, 1]


def test_same_seed_same_intervals_and_another_seed_others():
    gold, chances, _ = random_case(1)
    first, again, other = (evaluate(gold, chances, resamples=200, seed=seed).to_dict() for seed in (5, 5, 6))
    assert first == again
    assert first["macro_f1"] != other["macro_f1"]


def test_interval_holds_the_value_and_narrows_with_more_posts():
    few, many = (evaluate(*random_case(2, size)[:2], resamples=400)["macro_f1"] for size in (100, 4000))
    for figure in (few, many):
        assert figure.low < figure.value < figure.high
    assert many.high - many.low < (few.high - few.low) / 3


def test_calibration_error_of_a_hand_computed_example():
    # Two bins of two posts: (0.5, 0.6) with one right, (0.9, 1.0) with one right: (0.05 + 0.45) / 2.
    chances = [[0.5, 0.3, 0.2], [0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [1.0, 0.0, 0.0]]
    metrics = evaluate(["neutral", "supportive", "supportive", "neutral"], chances, bins=2, resamples=0)
    assert metrics["ece"].value == pytest.approx(0.25)
    assert [part.posts for part in metrics.reliability] == [2, 2]
    assert [part.confidence for part in metrics.reliability] == pytest.approx([0.55, 0.95])
    assert [part.accuracy for part in metrics.reliability] == pytest.approx([0.5, 0.5])
    assert (metrics.reliability[1].lowest, metrics.reliability[1].highest) == (0.9, 1.0)


def test_calibration_error_with_ties_of_a_hand_computed_example():
    # Confidences 0.6, 0.8, 0.8, 0.9; right, wrong, right, right. The tie's mean gap is 0.3, and a bin ends within it:
    # (0.6 - 1 + 0.3) / 2 and (0.3 + 0.9 - 1) / 2, so (0.1 + 0.2) / 4.
    chances = np.array([[0.6, 0.4, 0.0], [0.8, 0.2, 0.0], [0.8, 0.2, 0.0], [0.9, 0.1, 0.0]])
    gold = np.array([0, 1, 0, 0])
    for order in itertools.permutations(range(4)):
        rows = list(order)
        metrics = evaluate(gold[rows], chances[rows], bins=2, resamples=0)
        assert metrics["ece"].value == pytest.approx(0.075)
        assert [part.accuracy for part in metrics.reliability] == pytest.approx([0.75, 0.75])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 12))
def test_calibration_error_never_depends_on_the_order_of_posts(seed, size, bins):
    gold, chances = rounded_case(seed, size + 3)
    order = np.random.default_rng(seed).permutation(size + 3)
    one = evaluate(gold, chances, bins=bins, resamples=0)
    two = evaluate(gold[order], chances[order], bins=bins, resamples=0)
    assert one["ece"].value == pytest.approx(two["ece"].value, abs=1e-12)


def test_calibration_error_does_not_depend_on_the_order_of_tied_posts():
    gold, chances, _ = random_case(4, size=90)
    chances = np.round(chances, 1)
    chances[:, 2] = 1 - chances[:, 0] - chances[:, 1]
    chances = np.abs(chances)
    order = np.random.default_rng(0).permutation(90)
    called = chances.argmax(axis=1)
    one = evaluate(gold, called, probabilities=chances, resamples=0)
    two = evaluate(gold[order], called[order], probabilities=chances[order], resamples=0)
    assert one["ece"].value == pytest.approx(two["ece"].value, abs=1e-12)


def test_given_labels_decide_even_where_probabilities_say_otherwise():
    chances = [[0.2, 0.7, 0.1], [0.1, 0.8, 0.1]]
    metrics = evaluate(["neutral", "neutral"], ["neutral", "neutral"], probabilities=chances, resamples=0)
    assert metrics["accuracy"].value == 1
    assert metrics.reliability[0].confidence == pytest.approx(0.1)


def test_labels_are_read_in_english_indonesian_and_as_codes():
    assert label_codes(["neutral", "Memihak", Label.CAMPAIGNING]).tolist() == [0, 1, 2]
    assert label_codes([2, 0]).tolist() == [2, 0]


def test_a_rate_over_no_posts_is_null_in_json_and_a_dash_in_the_table():
    metrics = evaluate(["supportive", "campaigning"], ["supportive", "neutral"], resamples=10)
    assert math.isnan(metrics["false_accusation_rate"].value)
    assert metrics.to_dict()["false_accusation_rate"] == {"value": None, "low": None, "high": None}
    assert "–" in metrics.table()
    assert metrics["macro_f1"].value == pytest.approx(0.5)


def test_perfect_labels_are_perfect():
    metrics = evaluate([0, 1, 2, 0], [0, 1, 2, 0], needs_review=[False] * 4, resamples=20)
    for name in ("macro_f1", "accuracy", "mcc", "quadratic_kappa"):
        assert metrics[name] == Interval(1.0, 1.0, 1.0)
    assert metrics["false_accusation_rate"].value == metrics["review_rate"].value == 0


def test_dictionary_has_every_figure_with_its_interval():
    gold, chances, review = random_case(5)
    figures = evaluate(gold, chances, needs_review=review, resamples=50).to_dict()
    for name in FIGURES:
        assert set(figures[name]) == {"value", "low", "high"}, name
        assert figures[name]["low"] <= figures[name]["high"]
    assert set(figures["per_class"]) == {"neutral", "supportive", "campaigning"}
    assert figures["interval"]["resamples"] == 50


def test_table_names_labels_figures_and_counts():
    gold, chances, review = random_case(6)
    table = evaluate(gold, chances, needs_review=review, resamples=50).table()
    for expected in (
        "300 posts",
        "neutral",
        "campaigning",
        "macro-F1",
        "accused without review",
        "[",
        "gold \\ predicted",
    ):
        assert expected in table


def test_without_resamples_there_are_no_intervals():
    figure = evaluate([0, 1], [0, 0], resamples=0)["accuracy"]
    assert figure.to_dict() == {"value": 0.5, "low": None, "high": None}
    assert figure.format() == "0.500"
    assert figure.format(percent=True) == "50.0 %"


@pytest.mark.parametrize(
    ("gold", "predictions", "options", "message"),
    [
        ([], [], {}, "no posts"),
        ([0, 1], [0], {}, "2 gold labels but 1 predictions"),
        ([0, 1], [[0.5, 0.5, 0.0]], {}, "shape"),
        ([0], [[0.5, 0.6, 0.2]], {}, "row 1"),
        ([0, 1], [[1, 0, 0], [float("nan"), 0, 1]], {}, "row 2"),
        ([0], [0], {"needs_review": [True, False]}, "needs_review"),
        ([0], ["positive"], {}, "unknown label"),
        ([3], [0], {}, "label codes"),
        ([0], [0], {"resamples": -1}, "resamples"),
        ([0], [[1, 0, 0]], {"probabilities": [[1, 0, 0]]}, "twice"),
    ],
)
def test_input_that_cannot_be_measured_is_refused(gold, predictions, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(gold, predictions, **options)


def test_fifteen_thousand_posts_with_a_thousand_resamples_take_seconds_at_most():
    gold, chances, review = random_case(0, size=15_000)
    start = time.perf_counter()
    evaluate(gold, chances, needs_review=review, resamples=1000)
    assert time.perf_counter() - start < 8  # about half a second on a free core
