"""Training with swapped names, a second answer and a teacher: what reaches the loss and what reaches the folder."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from training_support import make_encoder, make_posts, settings, write_posts

from netral_nlp import NeutralityClassifier
from netral_nlp.errors import ConfigError
from netral_nlp.text import Normaliser
from netral_nlp.training.base import load_base
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.data import load_data
from netral_nlp.training.finetune import train
from netral_nlp.training.loop import Collator, PostDataset, add_direction_head, make_trainer


def directed(count: int, seed: int = 0) -> list[dict[str, object]]:
    """Posts that say for whom they speak."""
    rows = make_posts(count, seed=seed)
    for number, row in enumerate(rows):
        if row["label"] != "neutral" and number % 4:
            row["direction"] = "contra" if "angan" in str(row["text"]) else "pro"
    return rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    write_posts(folder / "posts.jsonl", directed(240))
    write_posts(folder / "dev.jsonl", directed(45, seed=5))
    write_posts(folder / "more.jsonl", [{"text": row["text"]} for row in make_posts(120, seed=8)])
    make_encoder(folder / "base")
    return folder


def config_for(home: Path, output: Path, **more: object) -> TrainingConfig:
    dev = {"dev": [str(home / "dev.jsonl")]}
    return TrainingConfig.read(None, settings(home / "base", home / "posts.jsonl", output, **{**dev, **more}))


@pytest.fixture(scope="module")
def teacher(home: Path) -> Path:
    config = config_for(
        home, home / "teacher", epochs=4, swap_names=0.5, noise=0.3, direction_weight=0.5, average=0.5,
        early_stopping=0,
    )  # fmt: skip
    return train(config)


def test_the_second_answer_and_the_variants_leave_a_stock_classifier_that_learnt(teacher: Path, home: Path) -> None:
    with safe_open(teacher / "model.safetensors", "pt") as weights:
        assert not [name for name in weights.keys() if "direction" in name]  # noqa: SIM118 - no dictionary
    metrics = json.loads((teacher / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["sets"]["dev"]["backends"]["torch"]["macro_f1"]["value"] > 0.8
    assert NeutralityClassifier.from_pretrained(teacher).predict("coblos nomor 2").label in ("neutral", "campaigning")


def test_a_run_with_a_second_answer_resumes_to_the_same_weights(home: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    common = {"direction_weight": 0.5, "swap_names": 0.5, "epochs": 2, "early_stopping": 0, "keep_checkpoints": True}
    whole = train(config_for(home, tmp_path / "whole", **common))
    stopped = train(config_for(home, tmp_path / "stopped", **common))
    checkpoints = sorted((stopped / "checkpoints").glob("checkpoint-*"), key=lambda item: int(item.name.split("-")[1]))
    assert len(checkpoints) == 2
    (checkpoints[-1] / "complete").unlink()  # as if a kill came before it was whole
    for name in ("config.json", "training.yaml"):
        (stopped / name).unlink()
    train(config_for(home, tmp_path / "stopped", **common, resume=True))
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, stopped))
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=0, atol=1e-6)


def test_directions_are_read_and_neutral_posts_speak_for_nobody(home: Path, tmp_path: Path) -> None:
    posts = load_data(config_for(home, tmp_path / "out"), Normaliser()).train
    assert {posts.directions[row] for row, label in enumerate(posts.labels) if label == 0} == {0}
    assert {posts.directions[row] for row, label in enumerate(posts.labels) if label} == {-1, 1, 2}


def test_the_loss_adds_the_direction_of_the_posts_that_have_one(home: Path, tmp_path: Path) -> None:
    plain, both = (config_for(home, tmp_path / "x", dropout=0.0, direction_weight=weight) for weight in (0.0, 0.5))
    losses = []
    for config in (plain, both):
        opened = load_base(config, home / "base")
        if config.direction_weight:
            add_direction_head(opened.model)
            torch.nn.init.zeros_(opened.model.direction_head.weight)
            torch.nn.init.zeros_(opened.model.direction_head.bias)
        data = load_data(config, Normaliser())
        rows = data.train.take(range(12))
        encoded = [opened.features(opened.encoder.encode(text)) for text in rows.texts]
        dataset = PostDataset([encoded], rows)
        trainer = make_trainer(
            opened.model, opened.tokenizer, dataset, dataset, config, class_weights=[1.0, 1.0, 1.0], bf16=False,
            checkpoints=tmp_path / "c", logs=tmp_path / "l", resume_from=None, show_progress=False,
        )  # fmt: skip
        batch = Collator(opened.tokenizer)([dataset[row] for row in range(12)])
        losses.append(float(trainer.compute_loss(trainer.model.train(), batch)))
    # A head that knows nothing spreads its guess over four answers.
    assert losses[1] - losses[0] == pytest.approx(0.5 * np.log(4), rel=1e-4)


def test_each_epoch_sees_its_own_version_of_a_post() -> None:
    from netral_nlp.training.data import Posts

    posts = Posts(["a", "b"], [None] * 2, [0, 1], [1.0] * 2, [None] * 2, [-1] * 2)
    dataset = PostDataset([[{"input_ids": [1]}, {"input_ids": [2]}], [{"input_ids": [3]}, {"input_ids": [4]}]], posts)
    assert [dataset[1]["input_ids"], dataset[1]["labels"]] == [[2], 1]
    dataset.epoch = 1
    assert dataset[1]["input_ids"] == [4]
    dataset.epoch = 2
    assert dataset[1]["input_ids"] == [2]


def test_a_student_learns_what_the_teacher_says_of_unlabelled_posts(
    home: Path, teacher: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = [str(row["text"]) for row in directed(45, seed=5)]
    unlabelled = tmp_path / "unlabelled.jsonl"
    known = [str(row["text"]) for row in directed(240)][:5]
    fresh = [str(row["text"]) for row in make_posts(120, seed=8)]
    write_posts(unlabelled, [{"text": text} for text in [*held, *known, *fresh]])
    config = config_for(
        home, tmp_path / "student", teacher=[str(teacher)], unlabelled=[str(unlabelled)], unlabelled_posts=50,
        unlabelled_weight=0.5,
    )  # fmt: skip
    normaliser = Normaliser.load(teacher)
    with caplog.at_level(logging.INFO):
        posts = load_data(config, normaliser).train
    soft = [row for row in range(len(posts)) if posts.weights[row] == 0.5]
    assert len(soft) == 50
    assert not {posts.texts[row] for row in soft} & {normaliser(text) for text in [*held, *known]}
    logits = NeutralityClassifier.from_pretrained(teacher).logits([posts.texts[row] for row in soft])
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose([posts.shares[row] for row in soft], chances, atol=2e-3)
    assert train(config).is_dir()


def test_a_teacher_needs_posts_and_posts_a_teacher(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="teacher and unlabelled belong together"):
        config_for(home, tmp_path / "out", unlabelled=[str(home / "more.jsonl")])
