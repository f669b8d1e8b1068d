"""`--target-accused`, `--target-passed` and `--review-below`: when a person should look, as the caller wants it."""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.cli.policy import add_policy_options, parse_review_below, policy_from
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.evaluation.calibration import fit_decision
from netral_nlp.evaluation.options import PARTS, EvaluationOptions
from netral_nlp.inference.decision import Decision, ReviewPolicy
from netral_nlp.inference.samples import SAMPLE_TEXTS
from netral_nlp.labels import LABELS


def test_review_below_takes_one_probability_or_one_a_label():
    assert parse_review_below("0.8") == 0.8
    assert parse_review_below("supportive=0.9, berkampanye=0.75") == {"supportive": 0.9, "campaigning": 0.75}


@pytest.mark.parametrize("value", ["", "1.5", "-0.1", "nan", "tinggi", "supportive=0.9,campaigning", "neutral=2"])
def test_review_below_refuses_what_is_no_probability(value):
    with pytest.raises(ConfigError, match="review-below"):
        parse_review_below(value)


def test_review_below_refuses_unknown_and_repeated_labels():
    with pytest.raises(InputError, match="the labels are neutral"):
        parse_review_below("positive=0.9")
    with pytest.raises(ConfigError, match="twice"):
        parse_review_below("supportive=0.9,memihak=0.8")


def policy_of(*arguments):
    parser = argparse.ArgumentParser()
    add_policy_options(parser)
    return policy_from(parser.parse_args(arguments))


def test_options_make_a_policy():
    assert policy_of() == ReviewPolicy()
    assert policy_of("--target-accused", "0.02") == ReviewPolicy(target_accused=0.02)
    assert policy_of("--target-passed", "0", "--review-below", "neutral=0.6") == ReviewPolicy(
        target_passed=0.0, review_below={"neutral": 0.6}
    )


@pytest.mark.parametrize("value", ["2", "-0.1", "nan", "inf"])
@pytest.mark.parametrize("option", ["--target-accused", "--target-passed"])
def test_a_target_that_is_no_share_is_refused_with_an_example(option, value):
    with pytest.raises(ConfigError, match=rf"{option} is a share within 0 to 1, not .*; 2 % is written 0\.02"):
        policy_of(f"{option}={value}")


@pytest.fixture(scope="module")
def calibrated(tiny_model, tmp_path_factory):
    """A copy of the tiny model whose decision was fitted, with a trade-off, on labels that it finds hard."""
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("fitted") / "tiny")
    model = NeutralityClassifier.from_pretrained(folder, threads=1)
    logits = model.logits(SAMPLE_TEXTS)
    # Every second accusation and acquittal is wrong, whatever its confidence: each target has its own threshold.
    gold = logits.argmax(axis=1)
    accused, acquitted = np.flatnonzero(gold), np.flatnonzero(gold == 0)
    gold[accused[::2]], gold[acquitted[::2]] = 0, 2
    fit_decision(logits, gold, target_accused=0.5, target_passed=0.5, temperature=1.5).save(folder)
    return folder


def scored(tmp_path, model, *options):
    """Run `netral score` on the sample texts; gives its rows."""
    asked, output = tmp_path / "posts.csv", tmp_path / "scored.csv"
    with asked.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(SAMPLE_TEXTS)])
    arguments = ["score", str(asked), "--output", str(output), "--model", str(model), "--threads", "1", "--overwrite"]
    assert main([*arguments, *options]) == 0
    with output.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), json.loads((tmp_path / "scored.csv.meta.json").read_text(encoding="utf-8"))


def test_a_stricter_target_changes_who_needs_review_as_the_trade_off_says(calibrated, tmp_path):
    decision = Decision.load(calibrated)
    counts = []
    for share in (None, 0.3, 0.02, 0.0):
        options = () if share is None else ("--target-accused", str(share))
        rows, meta = scored(tmp_path, calibrated, *options)
        chosen = decision.for_target(accused=share)
        chances = np.array([[float(row[f"p_{label}"]) for label in LABELS] for row in rows])
        assert [row["needs_review"] == "true" for row in rows] == chosen.needs_review(chances).tolist()
        assert meta["decision"]["review_below"] == {label.value: chosen.review_below[label] for label in LABELS}
        assert meta["decision"]["target"] == chosen.target
        counts.append(sum(row["needs_review"] == "true" for row in rows))
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2]


def test_a_target_for_passed_posts_moves_the_neutral_threshold_alone(calibrated, tmp_path):
    decision = Decision.load(calibrated)
    _, meta = scored(tmp_path, calibrated, "--target-passed", "0")
    below = meta["decision"]["review_below"]
    assert below["neutral"] == decision.for_target(passed=0.0).review_below[LABELS[0]]
    assert below["neutral"] > decision.review_below[LABELS[0]]
    assert below["campaigning"] == decision.review_below[LABELS[2]]


def test_explicit_thresholds_win_over_a_target(calibrated, tmp_path):
    decision = Decision.load(calibrated)
    _, meta = scored(tmp_path, calibrated, "--target-accused", "0.02", "--review-below", "campaigning=0.123")
    below = meta["decision"]["review_below"]
    assert below["campaigning"] == 0.123
    assert below["supportive"] == decision.for_target(accused=0.02).review_below[LABELS[1]]


def test_predict_takes_a_target_too(calibrated, capsys):
    texts = list(SAMPLE_TEXTS[:40])
    found = {}
    for share in ("0", "1"):
        arguments = ["predict", "--model", str(calibrated), "--json", "--target-accused", share, "--threads", "1"]
        assert main([*arguments, *texts]) == 0
        found[share] = [json.loads(line)["needs_review"] for line in capsys.readouterr().out.splitlines()]
        model = NeutralityClassifier.from_pretrained(calibrated, threads=1, target_accused=float(share))
        assert found[share] == [answer.needs_review for answer in model.predict(texts)]
    assert sum(found["0"]) > sum(found["1"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target-accused", "2"), "--target-accused is a share within 0 to 1, not 2; 2 % is written 0.02"),
        (("--target-passed=-0.5",), "--target-passed is a share within 0 to 1"),
        (("--review-below", "80"), "--review-below wants a probability within 0 to 1"),
    ],
)
@pytest.mark.parametrize("command", ["score", "predict"])
def test_out_of_range_is_one_clear_line_and_exit_code_one(command, options, message, tiny_model, tmp_path, capsys):
    asked, output = tmp_path / "posts.csv", tmp_path / "scored.csv"
    asked.write_text("id,text\n1,Debat Rabu malam\n", encoding="utf-8")
    arguments = [str(asked), "--output", str(output)] if command == "score" else ["Debat Rabu malam"]
    assert main([command, *arguments, "--model", str(tiny_model), *options]) == 1
    lines = capsys.readouterr().err.strip().split("\n")
    assert len(lines) == 1
    assert message in lines[0]
    assert not output.exists()


def test_a_target_of_a_model_without_a_trade_off_is_one_clear_line(tiny_model, capsys):
    assert main(["predict", "--model", str(tiny_model), "--target-accused", "0.02", "Debat Rabu malam"]) == 1
    lines = capsys.readouterr().err.strip().split("\n")
    assert len(lines) == 1
    assert "no trade-off" in lines[0]
    assert "netral calibrate" in lines[0]


# what an evaluation is asked for


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"parts": ["suites", "horoscope"]}, "unknown part 'horoscope'; the parts are suites"),
        ({"prevalences": [0.02, 1]}, "a prevalence is a share between 0 and 1"),
        ({"prevalences": [0]}, "a prevalence is a share between 0 and 1"),
        ({"prevalences": [float("nan")]}, "a prevalence is a share between 0 and 1"),
        ({"target_accused": 2}, "the target is a share within 0 to 1"),
        ({"target_accused": float("nan")}, "the target is a share within 0 to 1"),
        ({"resamples": -1}, "resamples and explained posts are 0 or more"),
        ({"explained": -1}, "resamples and explained posts are 0 or more"),
    ],
)
def test_an_evaluation_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        EvaluationOptions(**wrong)


def test_an_evaluation_may_ask_for_any_part_and_for_targets_at_the_ends():
    options = EvaluationOptions(parts=tuple(PARTS), prevalences=[0.001, 0.999], resamples=0, explained=0)
    assert replace(options, target_accused=0).target_accused == 0
    assert replace(options, target_accused=1).target_accused == 1
