"""The configurations that ship: read whole, right for their base, and trained by on a stand-in of the base's shape."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tokenizers import Tokenizer
from training_support import make_encoder, make_posts, write_posts

from netral_nlp import NeutralityClassifier
from netral_nlp.cli import train as command
from netral_nlp.cli.main import main
from netral_nlp.inference.encoding import PairEncoder
from netral_nlp.labels import LABELS
from netral_nlp.text import PROFILES, Normaliser
from netral_nlp.training.config import TrainingConfig

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
PATHS = ("base_model", "output", "data", "labels", "hydrate", "dev", "test", "unlabelled", "teacher", "replay")
BASES = {
    "indobert-base.yaml": "indobenchmark/indobert-base-p1",
    "indobertweet.yaml": "indolem/indobertweet-base-uncased",
}
MASKS = {"indobert-base.yaml": ("pengguna", "tautan"), "indobertweet.yaml": ("@USER", "HTTPURL")}


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files name the data that ships, from the repository's root."""
    monkeypatch.chdir(ROOT)


def parse(*argv: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    given = vars(parser.parse_args(["train", *argv]))
    return {key: value for key, value in given.items() if key in TrainingConfig.names()}


# -- the files --


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_file_is_read_with_only_its_paths_changed(path: Path, tmp_path: Path) -> None:
    stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    posts = write_posts(tmp_path / "posts.jsonl", make_posts(3))
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(3, seed=1))
    ours: dict[str, object] = {
        "data": [str(posts)], "labels": [str(posts)], "hydrate": [str(posts)], "dev": [str(dev)],
        "test": {"lain": str(posts)}, "replay": [str(posts)],
    }  # fmt: skip
    paths = {key: ours[key] for key in stated if key in ours} | {"output": str(tmp_path / "model")}
    read = TrainingConfig.read(path, paths)
    for key, value in stated.items():
        if key not in PATHS and key != "class_weights":
            assert getattr(read, key) == value, key
    assert read.class_weights == {"neutral": 1.0, "supportive": 1.0, "campaigning": 1.2}
    assert 1e-6 <= read.learning_rate <= 1e-4 <= (read.head_learning_rate or 0) <= 1e-3
    assert 1 <= read.epochs <= 5
    assert read.max_tokens + read.context_tokens < 512
    assert 0.9 <= read.average < 1
    assert not read.resume
    assert not read.overwrite, "whether to replace a folder is for the caller to say"


@pytest.mark.parametrize("name", BASES)
def test_one_line_is_enough_and_public_posts_can_be_added(name: str, tmp_path: Path) -> None:
    path, output = str(CONFIGS / name), str(tmp_path / "model")
    plain = TrainingConfig.read(path, parse("--config", path, "--output", output))
    assert plain.base_model == BASES[name]
    assert plain.data == ["data/posts.jsonl", "data/contrast_sets.jsonl", "data/comments_in_context.jsonl"]
    more = parse(
        "--config", path, "--output", output, "--labels", "data/labels/public_posts.csv", "--hydrate", str(tmp_path)
    )
    assert TrainingConfig.read(path, more).to_dict() == {
        **plain.to_dict(),
        "labels": ["data/labels/public_posts.csv"],
        "hydrate": [str(tmp_path)],
    }


@pytest.mark.parametrize("name", BASES)
def test_the_normaliser_is_the_one_that_suits_the_base(name: str) -> None:
    stated = yaml.safe_load((CONFIGS / name).read_text(encoding="utf-8"))
    assert Normaliser.for_base(stated["base_model"]) == PROFILES[stated["normaliser"]]


@pytest.mark.parametrize("name", BASES)
def test_without_a_network_one_line_says_what_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert main(["train", "--config", str(CONFIGS / name), "--output", str(tmp_path / "model")]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"netral: error: base_model: {BASES[name]} is no folder, and HF_HUB_OFFLINE is set")
    assert f"hf download {BASES[name]} --local-dir FOLDER" in error
    assert "\n" not in error
    assert not (tmp_path / "model").exists()


# -- a run with each --


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BERT of 12 layers of 768 with random weights, as `pytorch_model.bin`."""
    folder = tmp_path_factory.mktemp("bert")
    make_encoder(folder, hidden=768, layers=12, heads=12, positions=512)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    yield folder
    shutil.rmtree(folder)  # hundreds of megabytes, which pytest would keep


def stand_in(bert: Path, folder: Path, masks: tuple[str, str], *, special: bool) -> Path:
    """The encoder with these words among its pieces, in the files of older hub models: vocab.txt, no tokenizer.json."""
    folder.mkdir()
    os.link(bert / "pytorch_model.bin", folder / "pytorch_model.bin")
    shutil.copy(bert / "config.json", folder)
    ids = json.loads((bert / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    pieces = [*sorted(ids, key=ids.__getitem__)[: -len(masks)], *masks]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    if special:  # else lower-casing would take them apart
        named = json.dumps({"additional_special_tokens": list(masks)})
        (folder / "special_tokens_map.json").write_text(named, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", BASES)
def test_a_short_run_gives_a_model_that_knows_its_masks(name: str, bert: Path, tmp_path: Path) -> None:
    profile = PROFILES[yaml.safe_load((CONFIGS / name).read_text(encoding="utf-8"))["normaliser"]]
    base = stand_in(bert, tmp_path / "base", MASKS[name], special=profile.profile == "indobertweet")
    posts = make_posts(24)
    for row, post in enumerate(posts):
        post["split"] = "dev" if row >= 18 else "train"
        post["text"] = f"{post['text']} @Warga.Maju https://kpu.go.id/jadwal" if row % 3 == 0 else post["text"]
    data = write_posts(tmp_path / "posts.jsonl", posts)
    model = tmp_path / "model"
    try:
        argv = ["--base-model", str(base), "--data", str(data), "--output", str(model), "--no-export-onnx"]
        assert main(["train", "--config", str(CONFIGS / name), *argv, "--epochs", "1", "--threads", "1"]) == 0

        record = yaml.safe_load((model / "training.yaml").read_text(encoding="utf-8"))["config"]
        assert (record["learning_rate"], record["layer_decay"], record["average"]) == (3e-5, 0.95, 0.995)
        classifier = NeutralityClassifier.from_pretrained(model, backend="torch", threads=1)
        assert classifier.normaliser == Normaliser.load(model) == profile
        text = "Halo @Joko_W, cek https://bit.ly/Debat2 ya"
        assert classifier.predict(text).label in LABELS

        normalised = profile(text)
        pieces = Tokenizer.from_file(str(model / "tokenizer.json"))
        ids = PairEncoder(model, record["max_tokens"], record["context_tokens"]).encode(normalised, normalised).ids
        read = [pieces.id_to_token(number) for number in ids]
        for mask in MASKS[name]:
            assert mask in normalised
            assert read.count(mask) == 2, "once in the post, once in its context"
    finally:
        shutil.rmtree(model, ignore_errors=True)
        shutil.rmtree(base)
