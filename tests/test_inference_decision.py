"""Calibration and thresholds."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp import NeutralityClassifier
from netral_nlp.errors import ConfigError, ModelFolderError
from netral_nlp.inference.decision import Decision, MarginCalibration, ReviewPolicy, TradeOffStep
from netral_nlp.inference.samples import SAMPLE_TEXTS
from netral_nlp.labels import LABELS, Label

_LOGITS = st.lists(st.tuples(*[st.floats(-1e4, 1e4)] * 3), min_size=0, max_size=8)
_MARGINS = st.builds(
    MarginCalibration,
    intercept=st.floats(-50, 50),
    slope=st.floats(0, 50),
    cube=st.floats(0, 50),
    scale=st.floats(1e-3, 1e3),
)
MARGIN = {"intercept": 0.1, "slope": 1.0, "cube": 0.5, "scale": 2.0}
SOUND = {"version": 2, "temperature": 1.0, "review_below": {label.value: 0.5 for label in LABELS}}
STEPS = (
    TradeOffStep(0.0, 0.4, 0.0),
    TradeOffStep(0.55, 0.1, 0.05),
    TradeOffStep(0.7, 0.02, 0.2),
    TradeOffStep(0.9, 0.0, 0.5),
)


@given(_LOGITS, st.floats(0.05, 20))
def test_probabilities_sum_to_one_and_keep_the_likeliest_label(logits, temperature):
    array = np.array(logits, dtype=np.float64).reshape(-1, 3)
    found = Decision(temperature=temperature).probabilities(array)
    assert found.shape == array.shape
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    for row, chances in zip(array, found, strict=True):
        assert chances[row.argmax()] == chances.max()


def test_a_higher_temperature_makes_the_model_less_sure():
    logits = [[0.0, 1.0, 3.0]]
    assert Decision(temperature=2).probabilities(logits).max() < Decision(temperature=1).probabilities(logits).max()


def test_temperature_one_is_the_plain_softmax():
    expected = math.exp(3) / (math.exp(0) + math.exp(1) + math.exp(3))
    assert Decision.default().probabilities([[0.0, 1.0, 3.0]])[0, 2] == pytest.approx(expected)


def test_review_is_asked_where_a_side_or_none_is_less_sure_than_the_threshold():
    decision = Decision(review_below={"neutral": 0.5, "supportive": 0.7, "campaigning": 0.9})
    chances = [[0.5, 0.3, 0.2], [0.49, 0.3, 0.21], [0.3, 0.7, 0.0], [0.31, 0.69, 0.0], [0.11, 0.0, 0.89]]
    assert decision.needs_review(chances).tolist() == [False, True, False, True, True]


def test_doubt_between_supporting_and_campaigning_hands_nothing_over():
    decision = Decision(review_below={"neutral": 0.5, "supportive": 0.7, "campaigning": 0.9})
    assert decision.needs_review([[0.02, 0.5, 0.48], [0.02, 0.48, 0.5]]).tolist() == [False, False]
    assert decision.sureness([[0.02, 0.5, 0.48], [0.6, 0.3, 0.1]]).tolist() == pytest.approx([0.98, 0.6])


def test_where_nothing_was_fitted_an_unsure_accusation_is_handed_over():
    assert Decision.default().needs_review([[0.3, 0.6, 0.1], [0.2, 0.1, 0.7], [0.45, 0.3, 0.25]]).tolist() == [
        True, False, True,
    ]  # fmt: skip


def test_thresholds_can_be_replaced_all_or_one_by_one():
    decision = Decision(temperature=1.3)
    assert set(decision.with_review_below(0.8).review_below.values()) == {0.8}
    one = decision.with_review_below({"campaigning": 0.95})
    assert one.review_below == {Label.NEUTRAL: 0.5, Label.SUPPORTIVE: 0.75, Label.CAMPAIGNING: 0.95}
    assert one.temperature == 1.3
    with pytest.raises(ConfigError, match="unknown label 'netrall'"):
        decision.with_review_below({"netrall": 0.5})


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf, "1", True])
def test_an_impossible_temperature_is_refused(temperature):
    with pytest.raises(ConfigError, match="temperature"):
        Decision(temperature=temperature)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, None])
def test_an_impossible_threshold_is_refused(threshold):
    with pytest.raises(ConfigError, match="review_below for supportive"):
        Decision(review_below={"neutral": 0.5, "supportive": threshold, "campaigning": 0.5})


def test_what_is_saved_is_what_is_loaded(tmp_path):
    decision = Decision(
        temperature=np.float64(1.234),
        review_below=dict(zip(LABELS, (0.4, 0.5, np.float32(0.6)), strict=True)),
        target={"precision": np.float64(0.9)},
        fitted_on={"set": "dev", "posts": np.int64(506)},
    )
    path = decision.save(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == 2
    assert Decision.load(tmp_path) == decision


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must hold a JSON object"),
        ('{"version": 99}', "version 99"),
        ('{"version": 2, "temperature": 1}', "lacks review_below"),
        ('{"version": 2, "temperature": 1, "review_below": []}', "review_below must be an object"),
        ('{"version": 2, "temperature": 0, "review_below": {}}', "temperature must be above 0"),
        ('{"version": 2, "temperature": 1, "review_below": {"neutral": 0.5}}', "lacks the label supportive"),
        (SOUND | {"margin": 3}, "margin must be an object of intercept, slope, cube, scale"),
        (SOUND | {"margin": {"intercept": 1}}, "margin must be an object of intercept, slope, cube, scale"),
        (SOUND | {"margin": MARGIN | {"slope": -1}}, "slope and cube must be at least 0"),
        (SOUND | {"margin": MARGIN | {"scale": 0}}, "scale above 0"),
        (SOUND | {"margin": MARGIN | {"cube": math.nan}}, "margin: cube must be finite"),
        (SOUND | {"margin": MARGIN | {"intercept": "1"}}, "margin: intercept must be a number"),
        (SOUND | {"trade_off": []}, "trade_off must be an object"),
        (SOUND | {"trade_off": {"precision": []}}, "trade_off names 'precision'; it holds accused and passed"),
        (SOUND | {"trade_off": {"accused": {}}}, "rows of threshold, share and reviewed"),
        (SOUND | {"trade_off": {"accused": [[0, 1]]}}, "rows of threshold, share and reviewed"),
        (SOUND | {"trade_off": {"accused": [[0, "1", 0]]}}, "trade_off for accused must be a number"),
        (SOUND | {"trade_off": {"passed": [[0, 1.5, 0]]}}, "numbers within 0 to 1"),
        (SOUND | {"trade_off": {"accused": [[0.5, 0.1, 0], [0.4, 0.2, 0]]}}, "thresholds must rise and shares fall"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault(tmp_path, content, message):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "decision.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelFolderError, match=message) as caught:
        Decision.load(tmp_path)
    assert "decision.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFolderError, match=r"decision\.json is missing"):
        Decision.load(tmp_path)


# the margin calibration


@given(_LOGITS, st.floats(0.05, 20), _MARGINS)
def test_the_margin_calibration_never_turns_a_label_and_rows_sum_to_one(logits, temperature, margin):
    array = np.array(logits, dtype=np.float64).reshape(-1, 3)
    found = Decision(temperature=temperature, margin=margin).probabilities(array)
    assert found.shape == array.shape
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found.argmax(axis=1).tolist() == array.argmax(axis=1).tolist()


@given(_LOGITS, _MARGINS)
def test_it_keeps_the_order_of_the_other_labels(logits, margin):
    for row, chances in zip(logits, Decision(margin=margin).probabilities(logits), strict=True):
        best = int(np.argmax(row))
        (one, first), (other, second) = [(row[place], chances[place]) for place in range(3) if place != best]
        assert first >= second if one >= other else first <= second


@given(
    st.lists(st.floats(0, 60), min_size=2, max_size=12), st.floats(0, 30), st.floats(0.05, 20), _MARGINS,
    st.permutations(range(3)),
)  # fmt: skip
def test_a_larger_margin_never_means_less_confidence(leads, behind, temperature, margin, places):
    rows = np.array([[lead, 0.0, -behind] for lead in sorted(leads)])[:, places]
    sure = Decision(temperature=temperature, margin=margin).probabilities(rows).max(axis=1)
    assert (np.diff(sure) >= -1e-12).all()


def test_the_confidence_is_the_sigmoid_of_the_margin():
    # Margin 3, scale 2: u = 1.5; 0.1 + 1.5 + 0.5 * 3.375 = 3.2875.
    found = Decision(temperature=1.7, margin=MarginCalibration(**MARGIN)).probabilities([[0.0, 4.0, 1.0]])[0]
    assert found[1] == pytest.approx(1 / (1 + math.exp(-3.2875)))
    # The others share the rest as the softmax has them.
    assert found[2] / found[0] == pytest.approx(math.exp(1 / 1.7))


def test_the_margin_decides_even_where_the_softmax_leaves_the_others_nothing():
    flat = MarginCalibration(intercept=math.log(4), slope=0.0, cube=0.0, scale=1.0)
    found = Decision(temperature=0.05, margin=flat).probabilities([[900.0, 1.0, 0.0], [0.0, -900.0, -900.0]])
    assert found[:, 0] == pytest.approx([0.8, 0.8])
    assert found[1, 1:] == pytest.approx([0.1, 0.1])


def test_a_label_stays_ahead_where_the_margin_gives_it_less_than_half():
    low = MarginCalibration(intercept=-3.0, slope=0.1, cube=0.0, scale=1.0)
    found = Decision(margin=low).probabilities([[0.2, 0.1, -9.0]])[0]
    assert found.argmax() == 0
    assert found[0] == pytest.approx(0.5, abs=0.01)
    # Even rounded to the six digits of a file.
    assert round(found[0], 6) > round(found[1], 6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"slope": -0.1}, "at least 0"),
        ({"cube": -0.1}, "at least 0"),
        ({"scale": 0}, "above 0"),
        ({"intercept": math.inf}, "margin: intercept must be finite"),
        ({"scale": None}, "margin: scale must be a number"),
    ],
)
def test_an_impossible_margin_calibration_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        MarginCalibration(**MARGIN | wrong)


# targets


def test_margin_and_trade_off_come_back_from_the_file(tmp_path):
    decision = Decision(
        temperature=1.1,
        target={"accused_without_review_rate": 0.05},
        margin=MarginCalibration(*(np.float64(value) for value in MARGIN.values())),
        trade_off={"accused": list(STEPS), "passed": [TradeOffStep(0.0, 0.0, 0.0)]},
    )
    path = decision.save(tmp_path)
    loaded = Decision.load(tmp_path)
    assert loaded == decision
    assert loaded.trade_off["accused"] == STEPS
    text = path.read_text(encoding="utf-8")
    assert "      [0.7, 0.02, 0.2],\n" in text  # one step a line
    assert json.loads(text) == decision.to_dict()
    assert json.loads(text)["margin"] == MARGIN


def test_a_decision_without_them_is_written_as_before(tmp_path):
    document = json.loads(Decision().save(tmp_path).read_text(encoding="utf-8"))
    assert set(document) == {"version", "temperature", "review_below", "target", "fitted_on"}
    assert Decision.load(tmp_path).margin is None
    assert Decision.load(tmp_path).trade_off == {}


@given(st.dictionaries(st.sampled_from(["accused", "passed"]), st.lists(
    st.tuples(*[st.floats(0, 1)] * 3), max_size=6), max_size=2), st.one_of(st.none(), _MARGINS))  # fmt: skip
def test_any_decision_survives_its_file(tmp_path_factory, tables, margin):
    trade_off = {}
    for name, rows in tables.items():
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        rising, falling = sorted(columns[0]), sorted(columns[1], reverse=True)
        trade_off[name] = [TradeOffStep(*row) for row in zip(rising, falling, columns[2], strict=True)]
    decision = Decision(margin=margin, trade_off=trade_off)
    folder = tmp_path_factory.mktemp("decision")
    decision.save(folder)
    assert Decision.load(folder) == decision


@pytest.mark.parametrize(
    ("share", "threshold"), [(1.0, 0.0), (0.4, 0.0), (0.3999, 0.55), (0.1, 0.55), (0.02, 0.7), (0.01, 0.9), (0.0, 0.9)]
)
def test_a_target_picks_the_lowest_threshold_that_keeps_it(share, threshold):
    decision = Decision(temperature=1.3, trade_off={"accused": STEPS, "passed": STEPS})
    accused, passed = decision.for_target(accused=share), decision.for_target(passed=share)
    assert accused.review_below == {Label.NEUTRAL: 0.5, Label.SUPPORTIVE: threshold, Label.CAMPAIGNING: threshold}
    assert passed.review_below == {Label.NEUTRAL: threshold, Label.SUPPORTIVE: 0.75, Label.CAMPAIGNING: 0.75}
    assert accused.target == {"accused_without_review_rate": share}
    assert (accused.temperature, accused.trade_off) == (1.3, decision.trade_off)


def test_without_a_target_the_decision_stays_as_it_is():
    decision = Decision(trade_off={"accused": STEPS})
    assert decision.for_target() == ReviewPolicy().apply(decision) == decision


@pytest.mark.parametrize("share", [-0.01, 1.01, 2, math.nan])
def test_a_target_out_of_range_is_refused(share):
    with pytest.raises(ConfigError, match="the target for accused is a share within 0 to 1"):
        Decision(trade_off={"accused": STEPS}).for_target(accused=share)


def test_a_target_needs_a_trade_off():
    for decision in (Decision(), Decision(trade_off={"passed": STEPS}), Decision(trade_off={"accused": []})):
        with pytest.raises(ConfigError, match=r"holds no trade-off .* `netral calibrate`"):
            decision.for_target(accused=0.02)


def test_a_policys_thresholds_win_over_its_targets():
    policy = ReviewPolicy(target_accused=0.02, review_below={"campaigning": 0.95})
    found = policy.apply(Decision(trade_off={"accused": STEPS}))
    assert found.review_below == {Label.NEUTRAL: 0.5, Label.SUPPORTIVE: 0.7, Label.CAMPAIGNING: 0.95}
    with pytest.raises(ConfigError, match="must be within 0 to 1"):
        ReviewPolicy(review_below=1.5).apply(Decision())


# what the classifier hands on


def test_scores_hold_the_logits_that_their_probabilities_were_made_from(tiny_model):
    model = NeutralityClassifier.from_pretrained(tiny_model, threads=1)
    model.decision = Decision(temperature=1.5, margin=MarginCalibration(**MARGIN))
    long = " ".join(f"Warga RT {number} hadir di debat. Ayo coblos nomor {number % 4}!" for number in range(60))
    texts = [*SAMPLE_TEXTS[:20], long]
    scores = model.score(texts)
    assert scores.windows[-1] is not None
    assert scores.logits.shape == (21, 3)
    assert scores.probabilities == pytest.approx(model.decision.probabilities(scores.logits), abs=1e-12)
    whole = [row for row, window in enumerate(scores.windows) if window is None]
    assert len(whole) > 5
    assert scores.logits[whole] == pytest.approx(model.logits([texts[row] for row in whole]), abs=1e-5)


def test_there_are_no_logits_of_a_blank_text_or_of_a_bare_like(tiny_model):
    model = NeutralityClassifier.from_pretrained(tiny_model, threads=1)
    call = "Ayo coblos nomor 2!"
    scores = model.score(
        ["", call, None, None, call], [None, None, call, call, None], [None, None, "like", "share", None]
    )
    assert np.isnan(scores.logits).all(axis=1).tolist() == [True, False, True, False, False]
    assert scores.logits[3] == pytest.approx(scores.logits[1])
    assert scores.logits[4].tolist() == scores.logits[1].tolist()
    assert model.score([]).logits.shape == (0, 3)


def test_a_target_asked_of_the_classifier_is_the_decisions(tiny_model):
    with pytest.raises(ConfigError, match="no trade-off"):
        NeutralityClassifier.from_pretrained(tiny_model, threads=1, target_accused=0.02)
