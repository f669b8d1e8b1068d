"""`netral average`: the mean of models, and what cannot be averaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_support import make_encoder, make_posts, settings, write_posts

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.errors import ConfigError, ModelFolderError
from netral_nlp.training.average import Part, average_models
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.finetune import train


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and one that was trained on from it."""
    folder = tmp_path_factory.mktemp("average")
    data = write_posts(folder / "posts.jsonl", make_posts(120))
    first = train(TrainingConfig.read(None, settings(make_encoder(folder / "base"), data, folder / "first")))
    second = train(TrainingConfig.read(None, settings(first, data, folder / "second", seed=1)))
    return first, second


def test_the_weights_are_the_weighted_mean_and_the_folder_opens(models: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = models
    assert main(["average", f"{first}=3", str(second), "-o", str(tmp_path / "mean")]) == 0
    one, other, mean = (load_file(folder / "model.safetensors") for folder in (first, second, tmp_path / "mean"))
    assert one.keys() == mean.keys()
    for name, weight in mean.items():
        torch.testing.assert_close(
            weight.float(), 0.75 * one[name].float() + 0.25 * other[name].float(), atol=2e-3, rtol=2e-3
        )
    assert not torch.equal(one["classifier.weight"], mean["classifier.weight"])
    classifier = NeutralityClassifier.from_pretrained(tmp_path / "mean")
    assert classifier.backend == "onnx"
    assert classifier.predict("coblos nomor 2").label in ("neutral", "supportive", "campaigning")
    assert json.loads((tmp_path / "mean" / "decision.json").read_text(encoding="utf-8"))["fitted_on"] == {}


def test_a_model_averaged_with_itself_stays_what_it_is(models: tuple[Path, Path], tmp_path: Path) -> None:
    average_models([Part(models[0]), Part(models[0], 0.5)], tmp_path / "same")
    one, same = (load_file(folder / "model.safetensors") for folder in (models[0], tmp_path / "same"))
    for name, weight in one.items():
        torch.testing.assert_close(weight, same[name], atol=1e-3, rtol=1e-3)


def test_what_does_not_fit_is_refused(models: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two or more"):
        average_models([Part(models[0])], tmp_path / "out")
    with pytest.raises(ConfigError, match="exists and is not empty"):
        average_models([Part(models[0]), Part(models[1])], models[0])
    with pytest.raises(ModelFolderError, match="is missing"):
        average_models([Part(models[0]), Part(tmp_path)], tmp_path / "out")
    for text in ("folder=0", "folder=x", "folder=inf"):
        with pytest.raises(ConfigError, match="above 0"):
            Part.read(text)
    data = write_posts(tmp_path / "posts.jsonl", make_posts(60))
    wider = make_encoder(tmp_path / "wide", hidden=48, heads=2)
    other = train(TrainingConfig.read(None, settings(wider, data, tmp_path / "other", epochs=1)))
    shutil.copyfile(models[0] / "tokenizer.json", other / "tokenizer.json")
    with pytest.raises(ConfigError, match="architectures differ"):
        average_models([Part(models[0]), Part(other)], tmp_path / "out")
    unigram = make_encoder(tmp_path / "unigram", "unigram")
    foreign = train(TrainingConfig.read(None, settings(unigram, data, tmp_path / "foreign", epochs=1)))
    with pytest.raises(ConfigError, match=r"another tokenizer.json"):
        average_models([Part(models[0]), Part(foreign)], tmp_path / "out")
    assert not (tmp_path / "out").exists()
