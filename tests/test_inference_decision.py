"""Calibration and thresholds."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.errors import ConfigError, ModelFolderError
from netral_nlp.inference.decision import Decision
from netral_nlp.labels import LABELS, Label

_LOGITS = st.lists(st.tuples(*[st.floats(-1e4, 1e4)] * 3), min_size=0, max_size=8)


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


def test_review_is_asked_below_the_threshold_of_the_likeliest_label():
    decision = Decision(review_below={"neutral": 0.5, "supportive": 0.7, "campaigning": 0.9})
    chances = [[0.5, 0.3, 0.2], [0.49, 0.3, 0.21], [0.3, 0.7, 0.0], [0.31, 0.69, 0.0], [0.0, 0.11, 0.89]]
    assert decision.needs_review(chances).tolist() == [False, True, False, True, True]


def test_thresholds_can_be_replaced_all_or_one_by_one():
    decision = Decision(temperature=1.3)
    assert set(decision.with_review_below(0.8).review_below.values()) == {0.8}
    one = decision.with_review_below({"campaigning": 0.95})
    assert one.review_below == {Label.NEUTRAL: 0.5, Label.SUPPORTIVE: 0.5, Label.CAMPAIGNING: 0.95}
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
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == 1
    assert Decision.load(tmp_path) == decision


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must hold a JSON object"),
        ('{"version": 99}', "version 99"),
        ('{"version": 1, "temperature": 1}', "lacks review_below"),
        ('{"version": 1, "temperature": 1, "review_below": []}', "review_below must be an object"),
        ('{"version": 1, "temperature": 0, "review_below": {}}', "temperature must be above 0"),
        ('{"version": 1, "temperature": 1, "review_below": {"neutral": 0.5}}', "lacks the label supportive"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault(tmp_path, content, message):
    (tmp_path / "decision.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelFolderError, match=message) as caught:
        Decision.load(tmp_path)
    assert "decision.json" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFolderError, match=r"decision\.json is missing"):
        Decision.load(tmp_path)
