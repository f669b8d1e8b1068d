"""`netral adapt`: an encoder reads posts without labels, is killed and resumed, and becomes a base model."""

from __future__ import annotations

import gzip
import json
import os
import shutil
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

from netral_nlp.cli.main import main
from netral_nlp.corpus.duplicates import near_duplicates_across
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.text import Normaliser
from netral_nlp.training.adapt import adapt, count_steps, make_trainer, read_texts
from netral_nlp.training.adaptation import AdaptationConfig
from netral_nlp.training.base import load_base, one_device, readable_positions
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.finetune import train
from netral_nlp.training.masking import Blocks


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
    assert report["perplexity_after"] < 0.6 * report["perplexity_before"]
    assert 30_000 <= report["tokens"] < 30_000 + 8 * 48
    settings_of = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert settings_of["architectures"] == ["BertForMaskedLM"]
    before = load_file(home / kind / "model.safetensors")["encoder.layer.0.output.dense.weight"]
    after = load_file(folder / "model.safetensors")["bert.encoder.layer.0.output.dense.weight"]
    assert not torch.equal(before, after)
    pooler = load_file(home / kind / "model.safetensors")["pooler.dense.weight"]
    assert torch.equal(load_file(folder / "model.safetensors")["bert.pooler.dense.weight"], pooler)
    start = load_base(TrainingConfig.read(None, settings(folder, home / "posts.jsonl", tmp_path / "m")), folder).model
    assert torch.equal(start.bert.pooler.dense.weight, pooler)
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
    corpus.write_text(corpus.read_text(encoding="utf-8") + "...\n?!\n", encoding="utf-8")
    values = values_for(home, tmp_path / "out", corpus=[str(corpus)], exclude=[str(barred)], near=0.8, held_out=2)
    normaliser = Normaliser()
    found = read_texts(AdaptationConfig.read(None, values), normaliser)
    learnt = {*found.train, *found.held_out}
    assert not {normaliser(text) for text in [*posts[:6], posts[5] + " ya"]} & learnt
    assert (found.copies, found.blank) == (1, 2)
    assert found.excluded >= 7
    assert not set(found.train) & set(found.held_out)
    assert len(learnt) + found.excluded + found.near_held_out + found.copies + found.blank == found.read == 64


def test_near_copies_of_held_out_texts_are_not_learnt_from(home: Path, tmp_path: Path) -> None:
    posts = [
        f"{text} {number}" for number in range(3) for text in ("jangan lupa coblos " * 4, "debat publik malam " * 4)
    ]
    posts += [f"{letter * 9} {letter * 7} {letter * 8}" for letter in "abcdefghijklmnop"]
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(posts) + "\n", encoding="utf-8")
    dropped = 0
    for seed in range(8):
        values = values_for(home, tmp_path / "out", corpus=[str(corpus)], exclude=[], held_out=2, seed=seed)
        found = read_texts(AdaptationConfig.read(None, values), Normaliser())
        assert not near_duplicates_across(found.train, found.held_out, 0.7)
        assert len(found.train) + len(found.held_out) + found.near_held_out == len(posts)
        dropped += found.near_held_out
    assert dropped


def test_excluded_files_are_read_by_the_named_column_where_they_have_it(home: Path, tmp_path: Path) -> None:
    texts = [str(post["text"]) for post in make_posts(40, seed=5)]
    rows = [{"isi": text, "text": "lain"} for text in texts]
    corpus = write_posts(tmp_path / "corpus.jsonl", rows)
    with_column = write_posts(tmp_path / "one.jsonl", [*rows[:2]])
    without = write_posts(tmp_path / "two.jsonl", [{"text": texts[2]}])
    plain = tmp_path / "three.txt"
    plain.write_text(texts[3] + "\n", encoding="utf-8")
    values = values_for(
        home, tmp_path / "out", corpus=[str(corpus)], exclude=[str(with_column), str(without), str(plain)],
        text_column="isi", near=1.0,
    )  # fmt: skip
    found = read_texts(AdaptationConfig.read(None, values), Normaliser())
    assert found.excluded == 4


@pytest.mark.parametrize(
    ("blocks", "tokens", "steps", "trained"),
    [(12, 0, 2, 12), (12, 90, 2, 9 + 3), (12, 160, 3, 20), (3, 1, 1, 3), (8, 0, 1, 8)],
)
def test_every_block_is_read_and_tokens_are_those_trained_on(
    home: Path, tmp_path: Path, blocks: int, tokens: int, steps: int, trained: int
) -> None:
    config = AdaptationConfig.read(None, values_for(home, tmp_path / "out", tokens=tokens, block_tokens=10))
    assert count_steps(blocks, config) == (steps, 10 * trained)


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


TINY = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 64, "pad_token_id": 1,
}  # fmt: skip
TINY_DISTILBERT = {"vocab_size": 60, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("bert", TINY),
        ("roberta", TINY),
        ("distilbert", TINY_DISTILBERT),
        ("electra", {**TINY, "embedding_size": 16}),
        ("deberta-v2", {**TINY, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
        ("modernbert", {**TINY, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}),
    ],
)
def test_the_loss_is_that_of_the_whole_model(kind: str, more: dict[str, object]) -> None:
    from transformers import AutoConfig, AutoModelForMaskedLM

    from netral_nlp.training.masked_loop import masked_loss

    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, **more)).eval()
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
    with pytest.raises(ConfigError, match=r"block_tokens: 300, but .* reads 128 at most"):
        adapt(AdaptationConfig.read(None, values_for(home, tmp_path / "out", block_tokens=300)))


def test_too_small_a_corpus_is_refused(home: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "tiny.txt"
    corpus.write_text("satu kalimat saja\ndua kalimat saja\n", encoding="utf-8")
    with pytest.raises(InputError, match="1 texts to learn from do not fill one block of 48 tokens"):
        adapt(AdaptationConfig.read(None, values_for(home, tmp_path / "out", corpus=[str(corpus)], exclude=[])))
    with pytest.raises(InputError, match=r"held_out: the 1 held-out texts do not fill .* raise held_out"):
        adapt(AdaptationConfig.read(None, values_for(home, tmp_path / "out", held_out=1)))


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("bert", {"max_position_embeddings": 512}, 512),
        ("roberta", {"max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ("modernbert", {"max_position_embeddings": 8192}, 8192),
        ("funnel", {}, None),
    ],
)
def test_the_positions_that_a_base_reads(kind: str, more: dict[str, int], expected: int | None) -> None:
    from transformers import AutoConfig

    assert readable_positions(AutoConfig.for_model(kind, **more)) == expected


def test_a_tokenizer_with_more_pieces_than_embeddings_is_refused(home: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    base = shutil.copytree(home / "wordpiece", tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens([f"qxz{number}" for number in range(5)])
    tokenizer.save_pretrained(base)
    with pytest.raises(ConfigError, match="more pieces than the model has embeddings"):
        adapt(AdaptationConfig.read(None, values_for(home, tmp_path / "out", base_model=str(base))))


def test_several_gpus_are_refused(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_device()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=r"2 GPUs are visible.*CUDA_VISIBLE_DEVICES"):
        adapt(AdaptationConfig.read(None, values_for(home, tmp_path / "out")))


@pytest.mark.parametrize(("bf16", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bf16_reaches_the_encoder_and_the_head(home: Path, tmp_path: Path, bf16: bool, expected: torch.dtype) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    model = AutoModelForMaskedLM.from_pretrained(home / "wordpiece")
    chance = np.random.default_rng(0)
    ids = chance.integers(5, 50, (8, 16), dtype=np.int32)
    words = np.tile(np.arange(16, dtype=np.int16), (8, 1))
    seen: set[torch.dtype] = set()
    for part in (model.bert.encoder.layer[1].output.dense, model.cls.predictions.decoder):
        part.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    trainer = make_trainer(
        model, AutoTokenizer.from_pretrained(home / "wordpiece"), Blocks(ids, words), Blocks(ids, words),
        AdaptationConfig.read(None, values_for(home, tmp_path / "out")),
        steps=1, bf16=bf16, checkpoints=tmp_path / "checkpoints", logs=tmp_path / "logs",
    )  # fmt: skip
    trainer.perplexity()
    assert seen == {expected}
    seen.clear()
    trainer.train()
    assert seen == {expected}
    assert next(model.parameters()).dtype == torch.float32
    measured = trainer.perplexity()
    trainer.perplexity = lambda: pytest.fail("measured again")
    assert trainer.last_perplexity() == measured


def test_one_of_our_classifiers_becomes_a_base_without_labels(home: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    source = TrainingConfig.read(None, settings(home / "wordpiece", home / "posts.jsonl", tmp_path / "m"))
    classifier = load_base(source, home / "wordpiece")
    classifier.model.save_pretrained(tmp_path / "classifier")
    classifier.tokenizer.save_pretrained(tmp_path / "classifier")
    base, pooler = tmp_path / "classifier", classifier.model.bert.pooler.dense.weight
    for output in (tmp_path / "once", tmp_path / "twice"):  # what comes out can be adapted on
        base = adapt(AdaptationConfig.read(None, values_for(home, output, base_model=str(base), tokens=400)))
        assert {"netral", "id2label", "label2id"}.isdisjoint(json.loads((base / "config.json").read_text()))
        assert torch.equal(load_file(base / "model.safetensors")["bert.pooler.dense.weight"], pooler)
    loaded, found = AutoModelForSequenceClassification.from_pretrained(base, output_loading_info=True)
    assert set(found["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    assert torch.equal(loaded.bert.pooler.dense.weight, pooler)
    assert not load_base(source, base).has_our_head
