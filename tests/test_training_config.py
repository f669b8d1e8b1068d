"""The training configuration: read from YAML and flags, checked as a whole before any work starts."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.cli import train as command
from netral_nlp.errors import ConfigError, NetralError
from netral_nlp.training.config import TrainingConfig


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "KPU buka pendaftaran saksi", "label": "neutral"}\n', encoding="utf-8")
    return path


def make(data_file: Path, **more: object) -> TrainingConfig:
    values = {"base_model": "tfidf", "data": [str(data_file)], "output": str(data_file.parent / "model"), **more}
    return TrainingConfig.read(None, values)


def parse(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["train", *argv])


def test_every_key_is_a_flag() -> None:
    for key in TrainingConfig.names():
        flag = "--" + key.replace("_", "-")
        kind = str(TrainingConfig.__dataclass_fields__[key].type)
        choices = TrainingConfig.__dataclass_fields__[key].metadata.get("choices")
        words = [flag] if kind == "bool" else [flag, choices[0] if choices else "x=1"]
        assert key in vars(parse(*words)), flag


def test_flags_win_over_the_file(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "train.yaml"
    config.write_text(
        f"base_model: tfidf\ndata: {data}\noutput: {tmp_path / 'model'}\nepochs: 7\nseed: 3\n", encoding="utf-8"
    )
    args = parse("--config", str(config), "--epochs", "2", "--export-onnx")
    given = {key: value for key, value in vars(args).items() if key in TrainingConfig.names()}
    read = TrainingConfig.read(args.config, given)
    assert (read.epochs, read.seed, read.data) == (2, 3, [str(data)])


def test_flags_take_text_for_every_kind_of_value(data: Path) -> None:
    args = parse(
        "--base-model", "tfidf", "--data", str(data), str(data), "-o", str(data.parent / "model"),
        "--learning-rate", "5e-5", "--class-weights", "campaigning=1.6,netral=0.5", "--test", f"other={data}",
        "--context-column", "none", "--dropout", "0.2", "--no-export-onnx", "--average", "0.99",
    )  # fmt: skip
    config = TrainingConfig.read(None, {key: vars(args)[key] for key in TrainingConfig.names() if key in vars(args)})
    assert config.learning_rate == 5e-5
    assert config.class_weights == {"neutral": 0.5, "supportive": 1.0, "campaigning": 1.6}
    assert config.test == {"other": str(data)}
    assert config.context_column is None
    assert config.dropout == 0.2
    assert config.export_onnx is False
    assert config.average == 0.99


def test_numbers_that_yaml_reads_as_text_are_numbers(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "train.yaml"
    config.write_text("learning_rate: 5e-5\nbf16: off\n", encoding="utf-8")  # YAML 1.1: text, and a boolean
    values = {"base_model": "tfidf", "data": [str(data)], "output": str(tmp_path / "model")}
    read = TrainingConfig.read(config, values)
    assert read.learning_rate == 5e-5
    assert read.bf16 == "off"


@pytest.mark.parametrize(("key", "near"), [("epoch", "epochs"), ("learning-rate", "learning_rate"), ("Seed", "seed")])
def test_an_unknown_key_names_the_nearest(tmp_path: Path, key: str, near: str) -> None:
    config = tmp_path / "train.yaml"
    config.write_text(f"{key}: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"unknown key '{key}', did you mean {near}?"):
        TrainingConfig.read(config)


def test_all_problems_are_said_at_once_on_one_line(tmp_path: Path) -> None:
    values = {"data": [str(tmp_path / "none.jsonl")], "epochs": 0, "dropout": 2, "average": 1.0}
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.read(None, values)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("base_model", "output", "none.jsonl does not exist", "epochs is 0", "dropout is 2", "average is 1"):
        assert part in message


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("epochs", "many", "epochs: must be a number"),
        ("epochs", 1.5, "epochs: must be a whole number"),
        ("batch_size", True, "batch_size: must be a number"),
        ("learning_rate", 0, "learning_rate is 0"),
        ("learning_rate", float("nan"), "learning_rate: must be a number"),
        ("export_onnx", "yes", "export_onnx: must be true or false"),
        ("bf16", "maybe", "bf16 is 'maybe'"),
        ("normaliser", "indobart", "normaliser is 'indobart'"),
        ("class_weights", "balance", "class_weights is 'balance'"),
        ("class_weights", {"sarcastic": 2}, "class_weights: unknown label 'sarcastic'"),
        ("class_weights", {"neutral": 0}, "the weight of neutral is 0"),
        ("test", ["other.jsonl"], "NAME=FILE"),
        ("data", [3], "data: must be text"),
        ("seed", -1, "seed is -1"),
    ],
)
def test_a_wrong_value_names_its_key(data: Path, key: str, value: object, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(data, **{key: value})
    assert part in str(caught.value)


def test_resume_and_overwrite_contradict_each_other(data: Path) -> None:
    with pytest.raises(ConfigError, match="resume and overwrite"):
        make(data, resume=True, overwrite=True)


def test_training_data_cannot_choose_the_epoch(data: Path) -> None:
    with pytest.raises(ConfigError, match="also training data"):
        make(data, dev=[str(data)])


def test_an_output_that_exists_is_refused_with_the_ways_out(data: Path) -> None:
    output = data.parent / "model"
    output.mkdir()
    make(data)  # an empty folder is as good as none
    (output / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"not empty; name another folder, or give resume .* or overwrite"):
        make(data)


def test_overwrite_spares_a_folder_that_is_not_ours(data: Path) -> None:
    output = data.parent / "model"
    output.mkdir()
    (output / "skripsi.docx").write_text("bab satu", encoding="utf-8")
    with pytest.raises(ConfigError, match="was not written by netral train"):
        make(data, overwrite=True)


def test_overwrite_spares_a_folder_with_the_data_in_it(data: Path) -> None:
    (data.parent / "training.yaml").write_text("config: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="would be deleted"):
        make(data, overwrite=True, output=str(data.parent))


def test_the_output_is_not_the_base_model(data: Path) -> None:
    base = data.parent / "base"
    base.mkdir()
    with pytest.raises(ConfigError, match="is the base model"):
        make(data, base_model=str(base), output=str(base))


@pytest.mark.parametrize(
    ("content", "part"),
    [("epochs: [1\n", "not valid YAML at line 2"), ("- epochs\n", "must hold keys and values"), (b"\xff\xfe\x00", "")],
)
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, content: str | bytes, part: str) -> None:
    config = tmp_path / "train.yaml"
    config.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.read(config)
    assert str(config) in str(caught.value)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml does not exist"):
        TrainingConfig.read(tmp_path / "nothing.yaml")


def test_what_is_saved_can_be_read_again(data: Path, tmp_path: Path) -> None:
    config = make(data, class_weights={"campaigning": 2}, test={"lain": str(data)}, epochs=4)
    saved = tmp_path / "training.yaml"
    saved.write_text(yaml.safe_dump({"netral_nlp": "0", "config": config.to_dict()}), encoding="utf-8")
    assert TrainingConfig.read(saved) == config


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@given(key=st.sampled_from(TrainingConfig.names()), value=_anything)
def test_whatever_a_file_holds_is_taken_or_refused_in_one_line(key: str, value: object) -> None:
    values = {"base_model": "tfidf", "data": [__file__], "output": "/nonexistent/x", key: value}
    refused = ""
    try:
        taken = TrainingConfig.read(None, values)
    except NetralError as error:
        refused = str(error)
    else:
        assert TrainingConfig(**taken.to_dict()) == taken
    assert "\n" not in refused
