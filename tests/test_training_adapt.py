"""`netral adapt`: an encoder reads posts without labels, is killed and resumed, and becomes a base model."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from training_support import make_encoder, make_posts, settings, write_posts

from netral_nlp.cli.main import main
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.text import Normaliser
from netral_nlp.training.adapt import adapt, read_texts
from netral_nlp.training.adaptation import AdaptationConfig
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.finetune import train


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapt")
    posts = make_posts(400)
    write_posts(folder / "posts.jsonl", posts[:300])
    with gzip.open(folder / "more.txt.gz", "wt", encoding="utf-8") as file:
        file.write("".join(f"{post['text']}\n" for post in posts[250:]))
    write_posts(folder / "dev.jsonl", posts[:20])
    make_encoder(folder / "wordpiece")
    make_encoder(folder / "unigram", "unigram")
    return folder


def values_for(home: Path, output: Path, **more: object) -> dict[str, object]:
    values: dict[str, object] = {
        "base_model": str(home / "wordpiece"), "corpus": [str(home / "posts.jsonl"), str(home / "more.txt.gz")],
        "exclude": [str(home / "dev.jsonl")], "output": str(output), "tokens": 30_000, "block_tokens": 48,
        "batch_size": 8, "learning_rate": 2e-3, "bf16": "off", "threads": 1, "checkpoints": 4, "held_out": 30,
    }  # fmt: skip
    return {**values, **more}


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_the_encoder_learns_and_becomes_a_base(home: Path, tmp_path: Path, kind: str) -> None:
    config = tmp_path / "adapt.yaml"
    config.write_text(yaml.safe_dump(values_for(home, tmp_path / "adapted", base_model=str(home / kind))))
    assert main(["adapt", "--config", str(config)]) == 0
    folder = tmp_path / "adapted"
    report = json.loads((folder / "adaptation.json").read_text(encoding="utf-8"))
    assert report["perplexity_after"] < 0.5 * report["perplexity_before"]
    assert report["tokens"] >= 29_000
    settings_of = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert settings_of["architectures"] == ["BertForMaskedLM"]
    before = load_file(home / kind / "model.safetensors")["encoder.layer.0.output.dense.weight"]
    after = load_file(folder / "model.safetensors")["bert.encoder.layer.0.output.dense.weight"]
    assert not torch.equal(before, after)
    model = train(TrainingConfig.read(None, settings(folder, home / "posts.jsonl", tmp_path / "model", epochs=1)))
    assert (model / "config.json").is_file()
    record = (folder / "adaptation.yaml").read_text(encoding="utf-8")
    assert str(home) not in record
    assert set(yaml.safe_load(record)["data_sha256"]) == {"posts.jsonl", "more.txt.gz", "dev.jsonl"}


def test_excluded_posts_their_near_copies_and_copies_are_not_learnt_from(home: Path, tmp_path: Path) -> None:
    posts = [str(post["text"]) for post in make_posts(60, seed=3)]
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join([*posts, posts[5] + " ya", posts[30]]) + "\n", encoding="utf-8")
    barred = write_posts(tmp_path / "dev.jsonl", [{"text": text, "label": "neutral"} for text in posts[:6]])
    values = values_for(home, tmp_path / "out", corpus=[str(corpus)], exclude=[str(barred)], near=0.8)
    normaliser = Normaliser()
    found = read_texts(AdaptationConfig.read(None, values), normaliser)
    learnt = {*found.train, *found.held_out}
    assert not {normaliser(text) for text in [*posts[:6], posts[5] + " ya"]} & learnt
    assert found.copies == 1
    assert found.excluded >= 7
    assert not set(found.train) & set(found.held_out)
    assert len(learnt) + found.excluded + found.copies == found.read == 62


def test_a_killed_run_resumes_to_the_same_weights(home: Path, tmp_path: Path) -> None:
    values = values_for(home, tmp_path / "killed", checkpoints=6, tokens=60_000)
    path = tmp_path / "killed.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    checkpoints = tmp_path / "killed" / "checkpoints"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "netral_nlp.cli.main", "adapt", "--config", str(path)],
        env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not list(checkpoints.glob("checkpoint-*/complete")):
            assert process.poll() is None, "the run was over before its signal"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert {item.name for item in (tmp_path / "killed").iterdir()} == {"checkpoints", "logs"}
    adapt(AdaptationConfig.read(None, {**values, "resume": True}))
    whole = {**values, "output": str(tmp_path / "whole")}
    adapt(AdaptationConfig.read(None, whole))
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("killed", "whole"))
    assert one.keys() == other.keys()
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=0, atol=1e-6)
    reports = [json.loads((tmp_path / name / "adaptation.json").read_text()) for name in ("killed", "whole")]
    assert reports[0]["perplexity_before"] == reports[1]["perplexity_before"]


def test_the_loss_is_that_of_the_whole_model(home: Path) -> None:
    from transformers import AutoModelForMaskedLM

    from netral_nlp.training.masked_loop import masked_loss

    model = AutoModelForMaskedLM.from_pretrained(home / "wordpiece").eval()
    tokens = torch.arange(5, 45).reshape(2, 20)
    labels = torch.full_like(tokens, -100)
    labels[:, 3:7] = tokens[:, 3:7]
    inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    with torch.no_grad():
        expected = model(**inputs, labels=labels).loss
        assert float(masked_loss(model, inputs, labels)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"base_model": ""}, "base_model is not given"),
        ({"corpus": []}, "corpus is not given"),
        ({"corpus": ["gone.txt"]}, "gone.txt does not exist"),
        ({"masked_share": 0.95}, "masked_share is 0.95, but must be from 0.01 to 0.9"),
        ({"block_token": 4}, "did you mean block_tokens?"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    home: Path, tmp_path: Path, more: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem.replace("?", r"\?")):
        AdaptationConfig.read(None, values_for(home, tmp_path / "out", **more))


def test_a_block_longer_than_the_base_reads_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"block_tokens: 300, but .* reads 126 at most"):
        adapt(AdaptationConfig.read(None, values_for(home, tmp_path / "out", block_tokens=300)))


def test_too_small_a_corpus_is_refused(home: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "tiny.txt"
    corpus.write_text("satu kalimat saja\ndua kalimat saja\n", encoding="utf-8")
    with pytest.raises(InputError, match="do not fill one block of 48 tokens"):
        adapt(AdaptationConfig.read(None, values_for(home, tmp_path / "out", corpus=[str(corpus)], exclude=[])))
