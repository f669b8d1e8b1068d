"""`netral calibrate` fits a folder's decision anew and changes nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from evaluation_posts import posts, write_jsonl

from netral_nlp.cli.main import main
from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.evaluation.recalibrate import calibrate, fit_on
from netral_nlp.inference.classifier import NeutralityClassifier
from netral_nlp.inference.decision import Decision
from netral_nlp.labels import Label

DECISION = "decision.json"


def own_posts():
    """The posts, each in three wordings, so that there is something to fit to."""
    wordings = ("{}", "{} ya", "Info: {}")
    return [
        {**row, "id": f"{row['id']}-{number}", "text": wording.format(row["text"][:600])}
        for row in posts()
        if row["text"]
        for number, wording in enumerate(wordings)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_jsonl(tmp_path_factory.mktemp("data") / "dev.jsonl", own_posts())


@pytest.fixture
def model(tiny_model, tmp_path):
    """A copy of a model folder, to change."""
    return shutil.copytree(tiny_model, tmp_path / "own")


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(capsys, *arguments):
    code = main(["calibrate", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def error_line(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("netral: error: ")
    assert err.count("\n") == 1
    assert "unexpected" not in err
    return err


def test_the_decision_is_the_one_that_is_fitted_and_nothing_else_changes(model, data, capsys):
    before = files_of(model)
    expected = fit_on(NeutralityClassifier.from_pretrained(model), read_labelled(data))
    code, out, err = run(capsys, "--model", model, "--data", data)
    assert code == 0
    assert f"wrote {model / DECISION}" in err
    after = files_of(model)
    assert after.pop(DECISION) != before.pop(DECISION)
    assert after == before
    found = Decision.load(model)
    assert found.temperature == pytest.approx(expected.temperature)
    assert found.margin == expected.margin
    assert found.review_below == pytest.approx(expected.review_below)
    assert {name: len(steps) for name, steps in found.trade_off.items()} == {
        name: len(steps) for name, steps in expected.trade_off.items()
    }
    assert found.target == {"accused_without_review_rate": 0.05, "campaigning_passed_without_review_rate": 0.05}
    assert found.fitted_on["posts"] == len(own_posts())
    assert found.fitted_on["backend"] == "onnx"
    assert found.fitted_on["files"] == {"dev.jsonl": hashlib.sha256(data.read_bytes()).hexdigest()}
    assert f"temperature {found.temperature:.3f}" in out
    assert f"on {len(own_posts()):,} posts" in out
    for label in Label:
        sure_of = "p_neutral" if label.value == "neutral" else "1 - p_neutral"
        limit = f"{found.review_below[label]:.3f}"
        assert f"{label.value} ({label.indonesian}) is handed over where {sure_of} is below {limit}" in out
    reached = [found.fitted_on[name] for name in (*found.target, "review_rate")]
    assert f"on these posts: {'; '.join(f'{share:.1%}' for share in reached)}\n" in out
    halves = calibrate(Path(shutil.copytree(model, model.parent / "other")), data).held_out
    assert f"measured on the other: {halves.accused.format(percent=True)}; {halves.passed.format(percent=True)}" in out
    assert f"only {len(own_posts()):,} posts" in err  # few: said


def test_what_is_reported_is_what_the_folder_then_does(model, tmp_path, capsys):
    # Short enough for one window: of a longer post's the decision itself has a say in which one counts.
    short = [{**row, "text": " ".join(row["text"].split()[:3]), "context": None} for row in own_posts()]
    short = [row for row in short if "<" not in row["text"]]
    data = write_jsonl(tmp_path / "short.jsonl", short)
    run(capsys, "--model", model, "--data", data, "--target-accused", 0.1, "--target-passed", 0.2)
    frame = read_labelled(data)
    found = NeutralityClassifier.from_pretrained(model).score(frame["text"].tolist())
    assert set(found.windows) == {None}
    neutral = [row for row, label in enumerate(frame["label"]) if label is Label.NEUTRAL]
    accused = sum(found.label_ids[row] != 0 and not found.needs_review[row] for row in neutral)
    fitted = Decision.load(model).fitted_on
    assert accused / len(neutral) == pytest.approx(fitted["accused_without_review_rate"])
    assert accused / len(neutral) <= 0.1
    assert float(found.needs_review.mean()) == pytest.approx(fitted["review_rate"])


def test_labels_stay_as_they_are(model, data, capsys):
    texts = [row["text"] for row in own_posts()]
    before = NeutralityClassifier.from_pretrained(model).score(texts)
    assert run(capsys, "--model", model, "--data", data)[0] == 0
    after = NeutralityClassifier.from_pretrained(model).score(texts)
    assert after.label_ids.tolist() == before.label_ids.tolist()
    assert after.probabilities.tolist() != before.probabilities.tolist()


def test_a_stricter_target_hands_over_more(model, data, capsys):
    rates = {}
    for target in (0.0, 0.05, 1.0):
        assert run(capsys, "--model", model, "--data", data, "--target-accused", target)[0] == 0
        fitted = Decision.load(model)
        assert fitted.fitted_on["accused_without_review_rate"] <= target
        assert fitted.target["accused_without_review_rate"] == target
        rates[target] = fitted.fitted_on["review_rate"]
    assert rates[0.0] >= rates[0.05] >= rates[1.0]
    assert rates[0.0] > rates[1.0]


def test_the_models_own_target_is_kept_where_no_other_is_asked_for(model, data, capsys):
    run(capsys, "--model", model, "--data", data, "--target-accused", 0.2)
    run(capsys, "--model", model, "--data", data, "--target-passed", 0.3)
    assert list(Decision.load(model).target.values()) == [0.2, 0.3]


def test_a_dry_run_prints_the_decision_and_writes_nothing(model, data, capsys):
    before = files_of(model)
    code, out, err = run(capsys, "--model", model, "--data", data, "--dry-run")
    assert (code, err) == (0, "")
    assert files_of(model) == before
    shown = json.loads(out)
    run(capsys, "--model", model, "--data", data)
    assert json.loads((model / DECISION).read_text(encoding="utf-8")) == shown


def test_calibrating_twice_gives_the_same_file(model, data, capsys):
    run(capsys, "--model", model, "--data", data)
    once = (model / DECISION).read_bytes()
    run(capsys, "--model", model, "--data", data)
    assert (model / DECISION).read_bytes() == once


def test_what_is_fitted_does_not_depend_on_what_the_folder_had(model, data, capsys):
    run(capsys, "--model", model, "--data", data)
    once = (model / DECISION).read_bytes()
    Decision(temperature=30.0).save(model)
    run(capsys, "--model", model, "--data", data)
    assert (model / DECISION).read_bytes() == once


def test_a_classifier_keeps_its_decision_while_another_is_fitted(tiny_model, data):
    classifier = NeutralityClassifier.from_pretrained(tiny_model)
    before = classifier.decision
    fit_on(classifier, read_labelled(data))
    assert classifier.decision is before


def test_another_target_can_be_asked_for_afterwards_without_fitting(model, data, capsys):
    texts = [row["text"] for row in own_posts()]
    run(capsys, "--model", model, "--data", data, "--target-accused", 0.0)
    strict = NeutralityClassifier.from_pretrained(model).score(texts).needs_review.sum()
    lenient = NeutralityClassifier.from_pretrained(model, target_accused=1.0).score(texts).needs_review.sum()
    assert lenient < strict


def test_columns_can_be_named(model, capsys, tmp_path):
    rows = [{"komentar": row["text"], "kelas": row["label"]} for row in own_posts()]
    data = write_jsonl(tmp_path / "posts.jsonl", rows)
    code, _, err = run(capsys, "--model", model, "--data", data, "--text-column", "komentar", "--label-column", "kelas")
    assert code == 0, err
    assert Decision.load(model).fitted_on["posts"] == len(rows)


def test_likes_and_blank_posts_play_no_part(tiny_model, data, tmp_path):
    rows = own_posts()
    quiet = [
        {"id": "blank", "text": "", "label": "neutral"},
        {"id": "like", "text": "", "label": "supportive", "action": "like", "context": "Coblos nomor urut dua!"},
    ]
    found = calibrate(tiny_model, write_jsonl(tmp_path / "more.jsonl", rows + quiet)).decision
    expected = calibrate(tiny_model, data).decision
    assert found.temperature == expected.temperature
    assert found.review_below == expected.review_below


def test_a_file_is_no_model_folder(model, data, capsys):
    line = error_line(capsys, "--model", model / DECISION, "--data", data)
    assert "is no folder" in line
    assert "is no folder" in error_line(capsys, "--model", model / "tiada", "--data", data)


def test_a_folder_without_a_model_is_told(tmp_path, data, capsys):
    assert str(tmp_path) in error_line(capsys, "--model", tmp_path, "--data", data)


@pytest.mark.parametrize("left_out", ["campaigning", "neutral"])
def test_posts_without_a_needed_label_are_told_and_nothing_is_written(model, left_out, tmp_path, capsys):
    rows = [row for row in own_posts() if row["label"] != left_out]
    before = files_of(model)
    line = error_line(capsys, "--model", model, "--data", write_jsonl(tmp_path / "few.jsonl", rows))
    assert f"without {left_out} posts" in line
    assert files_of(model) == before


@pytest.mark.parametrize("option", ["--target-accused", "--target-passed"])
@pytest.mark.parametrize("share", ["5", "-0.1", "nan"])
def test_a_target_that_is_no_share_is_told(model, data, option, share, capsys):
    before = files_of(model)
    line = error_line(capsys, "--model", model, "--data", data, option, share)
    assert option.removeprefix("--").replace("-", "_") in line.replace("-", "_")
    assert "share" in line
    assert files_of(model) == before


def test_missing_data_is_told(model, tmp_path, capsys):
    assert "tiada.jsonl" in error_line(capsys, "--model", model, "--data", tmp_path / "tiada.jsonl")


@pytest.mark.parametrize("arguments", [[], ["--model", "m"], ["--data", "d.jsonl"]])
def test_model_and_data_must_be_named(arguments, capsys):
    assert run(capsys, *arguments)[0] == 2
