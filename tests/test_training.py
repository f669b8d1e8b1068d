"""`netral train` from posts to a model folder: what it holds, and that it can be killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from training_support import make_encoder, make_posts, settings, write_posts

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.errors import ConfigError
from netral_nlp.evaluation.evaluate import evaluate_model
from netral_nlp.labels import LABELS
from netral_nlp.text import Normaliser
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.finetune import train

FILES = {
    "README.md", "config.json", "curves.png", "decision.json", "logs", "metrics.json", "model.safetensors",
    "normaliser.json", "tokenizer.json", "tokenizer_config.json", "training.yaml",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 posts, another test set, and a tiny base of each tokenizer kind."""
    folder = tmp_path_factory.mktemp("training")
    write_posts(folder / "posts.jsonl", make_posts(300))
    write_posts(folder / "other.jsonl", make_posts(45, seed=11))
    write_posts(folder / "few.jsonl", make_posts(96, seed=4))
    write_posts(folder / "dev.jsonl", make_posts(30, seed=5))
    make_encoder(folder / "wordpiece")
    make_encoder(folder / "unigram", "unigram")
    return folder


@pytest.fixture(scope="module")
def model(home: Path) -> Path:
    """A model that the command trained with the ONNX export, on a configuration file."""
    values = settings(
        home / "wordpiece", home / "posts.jsonl", home / "model", epochs=5, export_onnx=True, dev_share=0.2,
        test={"lain": str(home / "other.jsonl")},
    )  # fmt: skip
    (home / "train.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert main(["train", "--config", str(home / "train.yaml")]) == 0
    return home / "model"


def run_config(values: dict[str, object]) -> TrainingConfig:
    return TrainingConfig.read(None, values)


# -- the folder --


def test_the_folder_is_whole_and_nothing_else_is_left(model: Path) -> None:
    assert {path.name for path in model.iterdir()} == FILES | {"model.int8.onnx", "export.json"}
    assert list((model / "logs").glob("events.out.tfevents.*"))


def test_it_learns_the_posts(model: Path) -> None:
    metrics = json.loads((model / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["default_backend"] == "onnx"
    for name in ("dev", "lain"):
        for backend in ("onnx", "torch"):
            assert metrics["sets"][name]["backends"][backend]["macro_f1"]["value"] > 0.8


def test_the_figures_are_those_that_evaluating_again_gives(model: Path, home: Path) -> None:
    stated = json.loads((model / "metrics.json").read_text(encoding="utf-8"))["sets"]["lain"]["backends"]
    for backend in ("onnx", "torch"):
        again = evaluate_model(str(model), [home / "other.jsonl"], backend=backend, threads=1).metrics.to_dict()
        assert again["macro_f1"] == stated[backend]["macro_f1"]
        assert again["confusion"] == stated[backend]["confusion"]


def test_plain_transformers_opens_it_and_agrees(model: Path, home: Path) -> None:
    from transformers import pipeline

    texts = [str(post["text"]) for post in make_posts(20, seed=3)]
    normaliser = Normaliser.load(model)
    pipe = pipeline("text-classification", str(model), dtype=torch.float32, top_k=None)
    scores = [{item["label"]: item["score"] for item in items} for items in pipe([normaliser(text) for text in texts])]
    logits = NeutralityClassifier.from_pretrained(model, backend="torch", threads=1).logits(texts)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = [[score[label.value] for label in LABELS] for score in scores]
    np.testing.assert_allclose(chances, expected, atol=1e-4)


def test_weights_are_in_half_precision_and_readable_by_all(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert (model / "model.safetensors").stat().st_mode & 0o044 == 0o044
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    assert config["netral"] == {"max_tokens": 64, "context_tokens": 16}
    assert config["architectures"] == ["BertForSequenceClassification"]


def test_every_value_is_recorded_with_hashes_and_versions(model: Path, home: Path) -> None:
    record = yaml.safe_load((model / "training.yaml").read_text(encoding="utf-8"))
    assert set(record["config"]) == set(TrainingConfig.names()) - {"resume", "overwrite"}
    assert record["config"]["learning_rate"] == 2e-3
    assert set(record["data_sha256"]) == {"posts.jsonl", "other.jsonl"}
    assert str(home) not in (model / "training.yaml").read_text(encoding="utf-8"), "a model tells nothing of our disk"
    assert {"python", "torch", "transformers"} <= set(record["versions"])
    paths = {"base_model": str(home / "wordpiece"), "output": str(home / "again"), "data": [str(home / "posts.jsonl")]}
    paths |= {"test": {"lain": str(home / "other.jsonl")}}
    again = TrainingConfig.read(model / "training.yaml", paths)
    assert again.to_dict() == {**record["config"], **paths, "resume": False, "overwrite": False}


def test_the_card_states_figures_limits_and_the_command(model: Path, home: Path) -> None:
    card = (model / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---")[1])
    assert head["language"] == ["id"]
    assert head["pipeline_tag"] == "text-classification"
    metrics = json.loads((model / "metrics.json").read_text(encoding="utf-8"))
    value = metrics["sets"]["lain"]["backends"]["onnx"]["macro_f1"]["value"]
    assert f"{value:.3f} [" in card
    assert "netral evaluate --model model --data other.jsonl" in card
    assert str(home) not in card
    for part in ("## Intended use", "## Limits", "## Responsible use", "a person decides", "| `campaigning` |"):
        assert part in card
    assert not any(str(post["text"]) in card for post in make_posts(300))


def test_the_decision_is_fitted_on_dev(model: Path) -> None:
    decision = json.loads((model / "decision.json").read_text(encoding="utf-8"))
    assert decision["fitted_on"]["set"] == "dev"
    assert decision["fitted_on"]["backend"] == "onnx"
    assert decision["fitted_on"]["posts"] > 40


def test_the_command_prints_the_dev_table(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["train", "--base-model", "tfidf", "--data", str(home / "posts.jsonl"), "-o", str(tmp_path / "model")]
    assert main(argv) == 0
    shown = capsys.readouterr()
    assert "macro-F1" in shown.out
    assert "dev " in shown.out
    assert "posts to train on" in shown.err


# -- retraining, and the other tokenizer kind --


def test_retraining_goes_on_from_a_model_of_ours(model: Path, home: Path, tmp_path: Path) -> None:
    data = write_posts(tmp_path / "mine.jsonl", make_posts(40, seed=21))
    folder = train(
        run_config(settings(model, data, tmp_path / "retrained", epochs=1, learning_rate=1e-6, dev_share=0.25))
    )
    before, after = load_file(model / "model.safetensors"), load_file(folder / "model.safetensors")
    assert before.keys() == after.keys()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, atol=2e-3, rtol=1e-2)
    assert Normaliser.load(folder) == Normaliser.load(model)


def test_a_unigram_encoder_trains_in_bfloat16_with_every_option(home: Path, tmp_path: Path) -> None:
    values = settings(
        home / "unigram", home / "posts.jsonl", tmp_path / "model", dev=[str(home / "dev.jsonl")], bf16="on",
        average=0.9, layer_decay=0.9, head_learning_rate=3e-3, class_weights="balanced", epochs=5, eval_steps=40,
        freeze_embeddings=True, early_stopping=0, unsure_weight=0.5, dropout=0.05, keep_checkpoints=True,
        normaliser="indobert",
    )  # fmt: skip
    folder = train(run_config(values))
    assert {path.name for path in folder.iterdir()} == FILES | {"checkpoints"}
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["default_backend"] == "torch"
    assert metrics["sets"]["dev"]["backends"]["torch"]["macro_f1"]["value"] > 0.8
    best = folder / "checkpoints" / f"checkpoint-{metrics['training']['best_step']}"
    kept = load_file(folder / "model.safetensors")["classifier.weight"]
    assert torch.equal(kept, load_file(best / "average.safetensors")["classifier.weight"].half())
    assert not torch.equal(kept, load_file(best / "model.safetensors")["classifier.weight"].half())
    frozen = load_file(folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    stored = load_file(home / "unigram" / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert torch.equal(frozen, stored.half())
    assert Normaliser.load(folder).profile == "indobert"


def test_early_stopping_keeps_the_best_and_stops(home: Path, tmp_path: Path) -> None:
    values = settings(
        home / "wordpiece", home / "few.jsonl", tmp_path / "model", epochs=40, early_stopping=1, learning_rate=1e-8,
        dev=[str(home / "dev.jsonl")],
        max_grad_norm=0,
    )  # fmt: skip
    training = json.loads((train(run_config(values)) / "metrics.json").read_text(encoding="utf-8"))["training"]
    figures = [entry["eval_macro_f1"] for entry in training["log"] if "eval_macro_f1" in entry]
    assert len(figures) == 2
    assert training["best_step"] == next(entry["step"] for entry in training["log"] if "eval_macro_f1" in entry)


# -- killed and resumed --


def same_weights(one: Path, other: Path) -> None:
    first, second = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert first.keys() == second.keys()
    for name, weight in first.items():
        torch.testing.assert_close(second[name].float(), weight.float(), atol=1e-5, rtol=1e-3)


def start(values: dict[str, object], folder: Path) -> subprocess.Popen[bytes]:
    path = folder / "killed.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "netral_nlp.cli.main", "train", "--config", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_killed_run_resumes_to_the_same_weights(home: Path, tmp_path: Path) -> None:
    values = settings(
        home / "wordpiece", home / "few.jsonl", tmp_path / "killed", epochs=8, eval_steps=25, average=0.8,
        early_stopping=0, dev=[str(home / "dev.jsonl")],
    )  # fmt: skip
    process = start(values, tmp_path)
    checkpoints = tmp_path / "killed" / "checkpoints"
    try:
        deadline = time.monotonic() + 120
        while len(list(checkpoints.glob("checkpoint-*/complete"))) < 1:
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left == {"checkpoints", "logs"}, "a killed run must not look like a model"

    resumed = train(run_config(values | {"resume": True}))
    whole = train(run_config(values | {"output": str(tmp_path / "whole")}))
    same_weights(whole, resumed)
    logs = [
        [
            (entry["step"], entry.get("loss"), entry.get("eval_macro_f1"))
            for entry in json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["training"]["log"]
            if "loss" in entry or "eval_macro_f1" in entry
        ]
        for folder in (whole, resumed)
    ]
    assert logs[0] == logs[1]

    finished = {path.name: path.stat().st_mtime_ns for path in resumed.iterdir()}
    assert train(run_config(values | {"resume": True})) == resumed.resolve()
    assert {path.name: path.stat().st_mtime_ns for path in resumed.iterdir()} == finished, "resuming it does nothing"


def test_a_run_killed_while_its_folder_was_put_together_ends_the_same(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = settings(home / "wordpiece", home / "few.jsonl", tmp_path / "model", dev=[str(home / "dev.jsonl")])
    whole = train(run_config(values | {"output": str(tmp_path / "whole")}))

    class KilledError(BaseException):
        pass

    moved: list[str] = []
    replace = Path.replace

    def dies(self: Path, target: Path) -> Path:
        if self.parent.name == ".assembling":
            if len(moved) == 4:
                raise KilledError
            moved.append(self.name)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(KilledError):
            train(run_config(values))
    assert not (tmp_path / "model" / "config.json").exists()
    resumed = train(run_config(values | {"resume": True}))
    assert {path.name for path in resumed.iterdir()} == FILES
    same_weights(whole, resumed)


def test_resuming_another_run_is_refused(home: Path, tmp_path: Path) -> None:
    values = settings(
        home / "wordpiece", home / "few.jsonl", tmp_path / "model", epochs=1, dev=[str(home / "dev.jsonl")]
    )
    train(run_config(values))
    with pytest.raises(ConfigError, match="with another learning_rate"):
        train(run_config(values | {"resume": True, "learning_rate": 1e-3}))
    changed = write_posts(tmp_path / "changed.jsonl", make_posts(60, seed=9))
    with pytest.raises(ConfigError, match="the content of the data"):
        train(run_config(values | {"resume": True, "data": [str(changed)]}))
    with pytest.raises(ConfigError, match="base_model"):
        train(run_config(values | {"resume": True, "base_model": str(home / "unigram")}))


def test_resume_with_nothing_to_resume_starts(home: Path, tmp_path: Path) -> None:
    values = settings(home / "wordpiece", home / "few.jsonl", tmp_path / "model", epochs=1, resume=True, dev_share=0.3)
    assert {path.name for path in train(run_config(values)).iterdir()} == FILES


def test_overwrite_replaces_a_model(home: Path, tmp_path: Path) -> None:
    values = settings("tfidf", home / "few.jsonl", tmp_path / "model")
    train(run_config(values))
    again = settings(home / "wordpiece", home / "few.jsonl", tmp_path / "model", epochs=1, dev_share=0.3)
    train(run_config(again | {"overwrite": True}))
    assert {path.name for path in (tmp_path / "model").iterdir()} == FILES


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--epochs", "0"], "epochs is 0"),
        (["--data", "tidak-ada.jsonl"], "tidak-ada.jsonl does not exist"),
        (["--base-model", "./tidak-ada"], "there is no folder ./tidak-ada"),
        (["--text-column", "isi"], "no column 'isi'"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_1(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], part: str
) -> None:
    given = ["--base-model", "tfidf", "--data", str(home / "posts.jsonl"), "-o", str(tmp_path / "model"), *argv]
    assert main(["train", *given]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("netral: error: ")
    assert part in error
    assert not (tmp_path / "model").exists(), "nothing is written before the request is known to be right"


# -- a full-sized encoder --


def test_a_bert_of_indoberts_shape_trains_exports_and_scores(tmp_path: Path) -> None:
    base = make_encoder(tmp_path / "base", hidden=768, layers=12, heads=12)
    data = write_posts(tmp_path / "posts.jsonl", make_posts(4))
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(6, seed=2))
    argv = [
        "train", "--base-model", str(base), "--data", str(data), "--dev", str(dev), "-o", str(tmp_path / "model"),
        "--epochs", "1", "--batch-size", "2", "--max-tokens", "32", "--context-tokens", "16", "--bf16", "off",
        "--learning-rate", "1e-5", "--no-export-onnx",
    ]  # fmt: skip
    assert main(argv) == 0
    # The export by its own command, on a few texts: comparing a hundred on a model of this size takes a minute.
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{post['text']}\n" for post in make_posts(8, seed=3)), encoding="utf-8")
    assert main(["export", "--model", str(tmp_path / "model"), "--texts", str(texts), "--gate", "0.5"]) == 0
    assert (tmp_path / "model" / "model.int8.onnx").is_file()
    scored = tmp_path / "scored.jsonl"
    assert main(["score", str(dev), "-o", str(scored), "--model", str(tmp_path / "model"), "--quiet"]) == 0
    rows = [json.loads(line) for line in scored.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 6
    assert all(row["label"] in list(LABELS) for row in rows)
