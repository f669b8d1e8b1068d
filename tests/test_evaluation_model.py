"""`evaluate_model` and `netral evaluate` measure what the classifier says."""

import argparse
import json
import subprocess
import sys

import pytest

from netral_nlp.cli import evaluate as command
from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.errors import InputError, NetralError
from netral_nlp.evaluation.evaluate import evaluate_model, evaluate_predictions
from netral_nlp.evaluation.options import EvaluationOptions
from netral_nlp.inference.classifier import NeutralityClassifier
from netral_nlp.labels import LABELS
from netral_nlp.training.baseline import train_tfidf
from netral_nlp.training.config import TrainingConfig

PLACES = ["Garut", "Sleman", "Kupang", "Jambi", "Palu", "Ambon", "Solok", "Medan", "Lebak", "Tegal"]
TEMPLATES = {
    "neutral": ["KPU {} tetapkan jadwal debat", "TPS di {} buka pukul tujuh pagi", "Warga {} cek daftar pemilih"],
    "supportive": ["Bangga punya calon asal {}, sehat terus Pak", "Hati kami di {} tetap untuk beliau"],
    "campaigning": ["Ayo {} coblos nomor 2 tanggal 27!", "Yuk relawan {} kumpul, bagikan kaos gratis"],
}


def posts(places):
    return [
        {
            "id": f"{label}-{place}-{number}",
            "text": template.format(place),
            "label": label,
            "platform": "facebook" if number else "twitter",
        }
        for place in places
        for label, templates in TEMPLATES.items()
        for number, template in enumerate(templates)
    ]


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A TF-IDF model, trained on a few posts, and posts that it has not seen."""
    folder = tmp_path_factory.mktemp("model")
    train = write_jsonl(folder / "train.jsonl", posts(PLACES[:6]))
    gold = write_jsonl(
        folder / "gold.jsonl",
        [
            *posts(PLACES[6:]),
            {
                "id": "like",
                "text": "",
                "label": "supportive",
                "action": "like",
                "context": "Ayo Ambon coblos nomor 2 tanggal 27!",
                "platform": "facebook",
            },
            {
                "id": "comment",
                "text": "Bagikan ke grup RT ya",
                "label": "campaigning",
                "action": "comment",
                "context": "Bangga punya calon asal Palu, sehat terus Pak",
                "platform": "facebook",
            },
        ],
    )
    config = TrainingConfig(
        base_model="tfidf", data=[str(train)], dev=[str(gold)], output=str(folder / "tfidf"), seed=0
    )
    return train_tfidf(config), gold


def run(capsys, *arguments):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["evaluate", *map(str, arguments)])
    assert args.run(args) == 0
    return capsys.readouterr()


def test_a_model_is_measured_by_what_its_classifier_predicts(trained):
    model, gold = trained
    evaluation = evaluate_model(model, gold, EvaluationOptions(resamples=50))
    frame = read_labelled(gold)
    predictions = NeutralityClassifier.from_pretrained(model).predict(
        frame["text"].tolist(), contexts=frame["context"].tolist(), actions=frame["action"].tolist()
    )
    assert evaluation.posts["predicted"].tolist() == [prediction.label for prediction in predictions]
    for label in LABELS:
        expected = [prediction.probabilities[label] for prediction in predictions]
        assert evaluation.posts[f"p_{label.value}"].tolist() == pytest.approx(expected)
    assert evaluation.posts["needs_review"].tolist() == [prediction.needs_review for prediction in predictions]
    right = sum(label == prediction.label for label, prediction in zip(frame["label"], predictions, strict=True))
    assert evaluation.metrics["accuracy"].value == pytest.approx(right / len(frame))


def test_a_like_is_judged_on_what_was_liked(trained):
    evaluation = evaluate_model(*trained, EvaluationOptions(resamples=0))
    like = evaluation.posts.set_index("id").loc["like"]
    assert like["predicted"] == "supportive"


def test_the_stamp_names_the_model_by_its_fingerprint(trained):
    model, gold = trained
    stamp = evaluate_model(model, gold, EvaluationOptions(resamples=0)).to_dict()["model"]
    folder = NeutralityClassifier.from_pretrained(model).folder
    assert stamp["fingerprint"] == folder.fingerprint()
    assert stamp["name"] == folder.name
    assert set(stamp["review_below"]) == {"neutral", "supportive", "campaigning"}
    json.dumps(stamp)


def test_thresholds_of_the_users_own_are_measured_and_stamped(trained):
    model, gold = trained
    strict = NeutralityClassifier.from_pretrained(model, review_below=1.0)
    evaluation = evaluate_model(strict, gold, EvaluationOptions(resamples=0))
    assert evaluation.metrics["review_rate"].value == 1
    assert evaluation.to_dict()["model"]["review_below"]["neutral"] == 1.0


def test_a_loaded_classifier_and_a_data_frame_do_as_well(trained):
    model, gold = trained
    by_path = evaluate_model(model, gold, EvaluationOptions(resamples=30, seed=4))
    by_object = evaluate_model(
        NeutralityClassifier.from_pretrained(model),
        read_labelled(gold).sample(frac=1, random_state=0),
        EvaluationOptions(resamples=30),
    )
    assert by_object.metrics["macro_f1"].value == pytest.approx(by_path.metrics["macro_f1"].value)
    assert by_path.to_dict()["seed"] == 4


def test_a_data_frame_without_labels_is_refused(trained):
    model, gold = trained
    with pytest.raises(InputError, match="'label'"):
        evaluate_model(model, read_labelled(gold).drop(columns="label"))


def test_a_scored_file_gives_the_same_figures_as_the_model(trained, tmp_path):
    model, gold = trained
    direct = evaluate_model(model, gold, EvaluationOptions(resamples=50))
    columns = ["id", "predicted", "p_neutral", "p_supportive", "p_campaigning", "needs_review"]
    rows = direct.posts[columns].rename(columns={"predicted": "label"}).to_dict("records")
    scored = evaluate_predictions(write_jsonl(tmp_path / "scored.jsonl", rows), gold, EvaluationOptions(resamples=50))
    assert scored.metrics.to_dict() == direct.metrics.to_dict()
    assert scored.slices == direct.slices


def test_the_command_prints_the_table(trained, capsys):
    model, gold = trained
    shown = run(capsys, "--model", model, "--data", gold, "--resamples", 50).out
    assert f"{NeutralityClassifier.from_pretrained(model).folder.name}: 30 posts" in shown
    assert "false accusations" in shown
    assert "macro-F1" in shown


def test_the_command_writes_the_report_and_prints_json(trained, capsys, tmp_path):
    model, gold = trained
    shown = run(
        capsys,
        "--model",
        model,
        "--data",
        gold,
        "--report",
        tmp_path / "out",
        "--json",
        "--resamples",
        20,
        "--texts",
        "none",
        "--parts",
        "none",
    )
    assert json.loads(shown.out) == json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Bagikan ke grup RT ya" not in report
    assert "report.html" in shown.err


def test_the_command_measures_predictions_with_named_columns_and_slices(capsys, tmp_path):
    gold = tmp_path / "gold.csv"
    gold.write_text("komentar,kelas,wilayah\nAyo coblos 2,berkampanye,Garut\nTPS buka,netral,Garut\n", encoding="utf-8")
    scored = tmp_path / "scored.csv"
    scored.write_text("komentar,label\nAyo coblos 2,campaigning\nTPS buka,supportive\n", encoding="utf-8")
    shown = run(
        capsys,
        *("--predictions", scored, "--data", gold, "--text-column", "komentar", "--label-column", "kelas"),
        *("--slice", "wilayah", "--resamples", 0, "--json"),
    ).out
    assert json.loads(shown)["metrics"]["false_accusation_rate"]["value"] == 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--texts", "some"],
        ["--data", "a.jsonl", "--model", "m", "--predictions", "p.csv"],
        ["--data", "a.jsonl", "--resamples", "-5"],
        ["--data", "a.jsonl", "--explained", "-1"],
        ["--data", "a.jsonl", "--explained", "semua"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["evaluate", *arguments])
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_missing_data_file_is_an_error_of_ours_before_the_model_is_loaded(tmp_path, capsys):
    with pytest.raises(NetralError, match="tiada"):
        run(capsys, "--model", tmp_path / "no-model", "--data", tmp_path / "tiada.jsonl")


def test_the_command_module_loads_nothing_heavy():
    code = (
        "import sys, netral_nlp.cli.evaluate; "
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'torch', 'onnxruntime') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_posts_can_be_sliced_by_their_label(tiny_model, tmp_path):
    data = tmp_path / "posts.jsonl"
    texts = {"neutral": "Rapat KPU ditunda", "supportive": "Bangga sama beliau", "campaigning": "Ayo coblos nomor 2"}
    rows = [{"text": f"{text} {number}", "label": label} for label, text in texts.items() for number in range(30)]
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    result = evaluate_model(tiny_model, data, EvaluationOptions(slice_columns=["label"], resamples=10))
    assert {part.value for part in result.slices if part.column == "label"} == {label.value for label in LABELS}
