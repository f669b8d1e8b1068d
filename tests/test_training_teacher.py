"""Training with swapped names, a second answer and a teacher: what reaches the loss and what reaches the folder."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from training_support import NAMES, make_encoder, make_posts, settings, write_posts

from netral_nlp import NeutralityClassifier
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.evaluation.suites import suite_texts
from netral_nlp.text import Normaliser
from netral_nlp.training.augment import known_figures
from netral_nlp.training.base import load_base
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.data import Posts, class_weights, load_data
from netral_nlp.training.finetune import train
from netral_nlp.training.loop import Collator, PostDataset, add_direction_head, make_trainer
from netral_nlp.training.run import Run


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
    values = settings(home / "base", home / "posts.jsonl", output, **dev)
    return TrainingConfig.read(None, {**values, **more})


@pytest.fixture(scope="module")
def teacher(home: Path) -> Path:
    config = config_for(
        home, home / "teacher", epochs=6, swap_names=0.5, noise=0.3, direction_weight=0.5, average=0.5,
        early_stopping=0,
    )  # fmt: skip
    return train(config)


def test_the_second_answer_and_the_variants_leave_a_stock_classifier_that_learnt(teacher: Path, home: Path) -> None:
    with safe_open(teacher / "model.safetensors", "pt") as weights:
        assert not [name for name in weights.keys() if "direction" in name]  # noqa: SIM118 - no dictionary
    metrics = json.loads((teacher / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["sets"]["dev"]["backends"]["torch"]["macro_f1"]["value"] > 0.8
    assert NeutralityClassifier.from_pretrained(teacher).predict("coblos nomor 2").label in ("neutral", "campaigning")


KNOWN = dict(
    zip(NAMES, ("Prabowo", "Anies", "Ganjar", "Muhaimin", "Gibran", "Sandiaga", "Ahok", "Suswono"), strict=True)
)
"""Names that the swapper knows, for those of the other tests."""


@pytest.fixture(scope="module")
def swapped(home: Path) -> Path:
    """A whole run whose epochs see other names, with its checkpoints: 6 steps an epoch, saved after 4, 8 and 12."""
    rows = directed(48)
    for row in rows:
        row["text"] = re.sub("|".join(NAMES), lambda name: KNOWN[name[0]], str(row["text"]))
    write_posts(home / "named.jsonl", rows)
    return train(swap_config(home, home / "swapped"))


def swap_config(home: Path, output: Path, **more: object) -> TrainingConfig:
    return config_for(
        home, output, data=[str(home / "named.jsonl")], direction_weight=0.5, swap_names=1.0, epochs=2, eval_steps=4,
        early_stopping=0, keep_checkpoints=True, **more,
    )  # fmt: skip


def test_the_swapper_knows_the_names_of_the_run(home: Path, swapped: Path) -> None:
    names = {form for figure in known_figures() for form in figure.forms}
    assert {name.lower() for name in KNOWN.values()} <= names
    rows = (home / "named.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum(any(name in row for name in KNOWN.values()) for row in rows) > 20


@pytest.mark.parametrize("step", [4, 8])
def test_a_run_with_a_second_answer_resumes_in_an_epoch_to_the_same_weights(
    home: Path, swapped: Path, tmp_path: Path, step: int
) -> None:
    stopped = Path(shutil.copytree(swapped, tmp_path / "stopped"))
    for later in range(step + 4, 13, 4):
        shutil.rmtree(stopped / "checkpoints" / f"checkpoint-{later}")
    for name in ("config.json", "training.yaml"):
        (stopped / name).unlink()
    train(swap_config(home, stopped, resume=True))
    # The last checkpoint, since the best one may be older than the point where the run went on.
    whole, resumed = (
        load_file(folder / "checkpoints" / "checkpoint-12" / "model.safetensors") for folder in (swapped, stopped)
    )
    assert any("direction_head" in name for name in whole)
    for name, weight in whole.items():
        torch.testing.assert_close(weight, resumed[name], rtol=0, atol=1e-6)


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


def test_posts_weigh_in_the_direction_loss_as_in_the_other(home: Path, tmp_path: Path) -> None:
    config = config_for(home, tmp_path / "x", dropout=0.0, direction_weight=1.0)
    opened = load_base(config, home / "base")
    add_direction_head(opened.model)
    torch.nn.init.zeros_(opened.model.direction_head.weight)
    opened.model.direction_head.bias.data = torch.tensor([0.0, 3.0, 0.0, 0.0])
    encoded = [opened.features(opened.encoder.encode(text)) for text in ("coblos nomor 2", "jangan pilih", "hadir")]

    def loss(directions: list[int], weights: list[float]) -> float:
        posts = Posts(["", "", ""], [None] * 3, [2, 2, 0], weights, [None] * 3, directions)
        dataset = PostDataset([encoded], posts)
        trainer = make_trainer(
            opened.model, opened.tokenizer, dataset, dataset, config, class_weights=[1.0, 1.0, 5.0], bf16=False,
            checkpoints=tmp_path / "c", logs=tmp_path / "l", resume_from=None, show_progress=False,
        )  # fmt: skip
        batch = Collator(opened.tokenizer)([dataset[row] for row in range(3)])
        return float(trainer.compute_loss(trainer.model.train(), batch))

    total = np.log(np.exp(3) + 3)
    pro, contra, unknown = total - 3, total, [-1, -1, -1]
    for weights, expected in (([1.0, 3.0, 1.0], (pro + 3 * contra) / 4), ([1.0, 0.0, 1.0], pro), ([0.0, 0.0, 1.0], 0)):
        assert loss([1, 2, -1], weights) - loss(unknown, weights) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_each_epoch_sees_its_own_version_of_a_post() -> None:
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
    folder = train(config)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "240 labelled posts (and 50 posts without labels that a teacher labelled)" in card
    assert "| 80 |" in card
    assert sum(posts.counts().values()) == 240
    record = (folder / "training.yaml").read_text(encoding="utf-8")
    assert "teacher_sha256" in record
    assert str(home) not in record


def test_a_teacher_needs_posts_and_posts_a_teacher(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="teacher and unlabelled belong together"):
        config_for(home, tmp_path / "out", unlabelled=[str(home / "more.jsonl")])


def test_the_teacher_labels_no_post_that_is_held_out_anywhere(home: Path, teacher: Path, tmp_path: Path) -> None:
    rows = make_posts(300, seed=11)
    trained = [{**row, "split": ("train", "train", "dev", "test")[number % 4]} for number, row in enumerate(rows[:160])]
    old = [{**row, "split": "test" if number % 2 else "train"} for number, row in enumerate(rows[160:240])]
    case = max(suite_texts(), key=len)
    held = [str(row["text"]) for row in (*trained, *old) if row["split"] in ("dev", "test")]
    fresh = [str(row["text"]) for row in rows[240:]]
    unlabelled = write_posts(
        tmp_path / "unlabelled.jsonl",
        [{"text": text} for text in (*held, *(f"{text}!!" for text in (case, *held)), *fresh)],
    )
    config = config_for(
        home, tmp_path / "student", data=[str(write_posts(tmp_path / "data.jsonl", trained))],
        replay=[str(write_posts(tmp_path / "old.jsonl", old))], teacher=[str(teacher)], unlabelled=[str(unlabelled)],
    )  # fmt: skip
    normaliser = Normaliser.load(teacher)
    posts = load_data(config, normaliser).train
    labelled = {text for text, taught in zip(posts.texts, posts.taught, strict=True) if taught}
    assert labelled
    assert labelled <= {normaliser(text) for text in fresh}
    assert not labelled & {normaliser(text) for text in held}


def test_only_posts_that_people_labelled_are_balanced_and_counted() -> None:
    people = Posts(["a"] * 4, [None] * 4, [0, 0, 1, 2], [1.0] * 4, [None] * 4, [-1] * 4)
    taught = Posts(["b"] * 6, [None] * 6, [2] * 6, [1.0] * 6, [(0.0, 0.0, 1.0)] * 6, [-1] * 6, [True] * 6)
    both = people + taught
    assert both.counts() == people.counts()
    assert class_weights("balanced", both, auto="none") == class_weights("balanced", people, auto="none")
    assert both.take([0, 5]).taught == [False, True]


def test_a_teacher_does_not_hide_that_people_gave_one_label(home: Path, teacher: Path, tmp_path: Path) -> None:
    neutral = [row for row in make_posts(60) if row["label"] == "neutral"]
    config = config_for(
        home, tmp_path / "out", data=[str(write_posts(tmp_path / "one.jsonl", neutral))], teacher=[str(teacher)],
        unlabelled=[str(home / "more.jsonl")],
    )  # fmt: skip
    with pytest.raises(InputError, match="all training posts have one label"):
        load_data(config, Normaliser())


def test_folders_of_teachers_are_checked_before_any_work(home: Path, tmp_path: Path) -> None:
    inner = tmp_path / "models" / "teacher"
    inner.mkdir(parents=True)
    more = {"unlabelled": [str(home / "more.jsonl")]}
    with pytest.raises(ConfigError, match=r"^teacher: \S+teacher is no model folder"):
        config_for(home, tmp_path / "out", teacher=[str(inner)], **more)
    (inner / "config.json").write_text("{}", encoding="utf-8")
    (inner / "training.yaml").write_text("", encoding="utf-8")
    for way in ("overwrite", "resume"):
        with pytest.raises(ConfigError, match="is a teacher; write to another folder"):
            config_for(home, inner, teacher=[str(inner)], **{way: True}, **more)
    (tmp_path / "models" / "training.yaml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"overwrite: the teacher .* would be deleted"):
        config_for(home, tmp_path / "models", teacher=[str(inner)], overwrite=True, **more)


def test_a_run_is_not_resumed_with_another_teacher(home: Path, tmp_path: Path) -> None:
    teachers = [tmp_path / "one", tmp_path / "moved"]
    for folder in teachers:
        folder.mkdir()
        (folder / "config.json").write_text("{}", encoding="utf-8")
    more = {"unlabelled": [str(home / "more.jsonl")]}
    begun = Run.begin(config_for(home, tmp_path / "out", teacher=[str(teachers[0])], **more), {}, None)
    begun.prepare()
    assert begun.record["config"]["teacher"] == ["one"]
    again = config_for(home, tmp_path / "out", teacher=[str(teachers[1])], resume=True, **more)
    Run.begin(again, {}, None)  # the same one elsewhere
    (teachers[1] / "config.json").write_text('{"other": 1}', encoding="utf-8")
    with pytest.raises(ConfigError, match="was started with another teacher;"):
        Run.begin(again, {}, None)


def test_a_record_from_before_teachers_were_hashed_is_resumed(home: Path, tmp_path: Path) -> None:
    begun = Run.begin(config_for(home, tmp_path / "out"), {}, None)
    assert "teacher_sha256" not in begun.record
    begun.prepare()
    Run.begin(config_for(home, tmp_path / "out", resume=True), {}, None)


def test_the_baseline_says_which_keys_it_does_without(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_data(config_for(home, tmp_path / "out", base_model="tfidf", swap_names=0.5, noise=0.1), Normaliser())
    assert "swap_names, noise: tfidf does without" in caplog.text
    caplog.clear()
    load_data(config_for(home, tmp_path / "out", swap_names=0.5), Normaliser())
    assert "does without" not in caplog.text
