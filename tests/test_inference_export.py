"""The int8 export: what it keeps, what it refuses, and which families it can do."""

from __future__ import annotations

import builtins
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from netral_nlp import NeutralityClassifier
from netral_nlp.errors import ConfigError, InputError, MissingExtraError, ModelFolderError, NetralError
from netral_nlp.inference.export import export_onnx
from netral_nlp.inference.quantise import WEIGHT_LIMIT, quantise_columns, quantise_rows
from netral_nlp.inference.samples import SAMPLE_TEXTS

_TENSORS = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12), elements=st.floats(-100, 100, width=32)
)


@pytest.fixture
def folder(tiny_model, tmp_path) -> Path:
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "model.int8.onnx").unlink()
    (copy / "export.json").unlink()
    return copy


# --- quantisation ----------------------------------------------------------------------------------------------------


@given(_TENSORS)
def test_rounded_columns_are_within_half_a_step(weights):
    integers, scales = quantise_columns(weights)
    assert integers.dtype == np.int8
    assert np.abs(integers.astype(int)).max() <= WEIGHT_LIMIT
    assert (np.abs(integers * scales - weights) <= scales * 0.501).all()


@pytest.mark.parametrize("channels", [20, 200])
def test_rounding_in_turn_beats_rounding_to_the_nearest(channels):
    random = np.random.default_rng(7)
    inputs = (
        random.normal(size=(900, channels))
        @ random.normal(size=(channels, channels))
        * random.exponential(size=channels)
    )
    weights = random.normal(size=(channels, 12)).astype(np.float32)

    def error(integers, scales):
        return np.square(inputs @ (integers * scales.astype(np.float64) - weights)).mean()

    in_turn, nearest = quantise_columns(weights, inputs.T @ inputs), quantise_columns(weights)
    assert in_turn[0].dtype == np.int8
    assert np.abs(in_turn[0].astype(int)).max() <= WEIGHT_LIMIT
    np.testing.assert_array_equal(in_turn[1], nearest[1])
    assert error(*in_turn) < 0.7 * error(*nearest)


@pytest.mark.parametrize("products", [np.zeros((6, 6)), np.ones((6, 6)), np.diag([1e12, 0, 0, 0, 0, 1e-12])])
def test_channels_that_say_nothing_do_no_harm(products):
    weights = np.linspace(-1, 1, 18, dtype=np.float32).reshape(6, 3)
    integers, scales = quantise_columns(weights, products)
    assert np.isfinite(integers * scales).all()
    assert np.abs(integers * scales - weights).max() < 0.7


def test_no_processor_overflows():
    # Without VNNI, two products of an unsigned activation and a weight are added in 16 bits.
    assert np.iinfo(np.int16).max >= 2 * 255 * WEIGHT_LIMIT


@given(_TENSORS)
def test_rounded_rows_are_within_half_a_step(table):
    integers, scales = quantise_rows(table)
    assert scales.shape == (len(table), 1)
    assert (np.abs(integers * scales - table) <= scales * 0.501).all()


# --- export ----------------------------------------------------------------------------------------------------------


def test_the_report_says_what_was_measured(folder):
    report = export_onnx(folder, gate=0.9)
    assert Path(report.file) == folder / "model.int8.onnx"
    assert report.texts == 2 * len(SAMPLE_TEXTS)
    assert 0.9 <= report.agreement <= 1
    assert 0 < report.largest_difference < 0.5
    assert report.batch_difference <= 1e-5
    assert report.bytes_int8 == Path(report.file).stat().st_size
    assert report.ms_int8 > 0
    assert report.ms_full > 0
    document = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    assert document["file"] == "model.int8.onnx"
    assert document["agreement"] == report.agreement
    assert {"netral-nlp", "onnx", "onnxruntime", "torch", "transformers"} == set(document["versions"])
    assert sorted(file.name for file in folder.iterdir() if file.name.startswith(".")) == []
    assert NeutralityClassifier.from_pretrained(folder).backend == "onnx"


def test_exporting_twice_gives_the_same_bytes(folder):
    export_onnx(folder, gate=0.9)
    first = (folder / "model.int8.onnx").read_bytes()
    export_onnx(folder, gate=0.9)
    assert (folder / "model.int8.onnx").read_bytes() == first


def test_weights_take_one_byte_each(folder):
    import onnx

    export_onnx(folder, gate=0.9)
    graph = onnx.load(str(folder / "model.int8.onnx")).graph
    kinds = {entry.name: entry.data_type for entry in graph.initializer}
    large = [entry for entry in graph.initializer if np.prod(entry.dims) > 1500]
    assert large
    assert {kinds[entry.name] for entry in large if len(entry.dims) == 2 and 128 not in entry.dims} == {
        onnx.TensorProto.INT8
    }
    assert not [node.name for node in graph.node if node.op_type == "MatMul" and kinds.keys() & set(node.input)]
    assert "MultiHeadAttention" in {node.op_type for node in graph.node}


def test_another_folder_becomes_a_whole_model(folder, tmp_path):
    output = tmp_path / "new" / "model"
    report = export_onnx(folder, output=output, gate=0.9)
    assert Path(report.file) == output / "model.int8.onnx"
    assert not (folder / "model.int8.onnx").exists()
    (output / "model.safetensors").unlink()
    assert NeutralityClassifier.from_pretrained(output).predict("Ayo coblos nomor 2!").label


def test_a_missed_gate_writes_nothing(folder):
    texts = [f"{text} {number}" for number in range(12) for text in SAMPLE_TEXTS]
    with pytest.raises(
        NetralError, match=r"gives [89]\d\.\d% of \d+ sample texts .* below the gate of 100\.0%"
    ) as caught:
        export_onnx(folder, gate=1.0, texts=texts)
    assert "\n" not in str(caught.value)
    assert not (folder / "model.int8.onnx").exists()
    assert not (folder / "export.json").exists()
    assert not [file for file in folder.iterdir() if file.name.startswith(".")]


def test_sample_texts_come_from_a_file(folder, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("\ufeffAyo coblos nomor 2!\n\n  \nKPU tetapkan jadwal debat.\n", encoding="utf-8")
    assert export_onnx(folder, gate=0, texts=file).texts == 1  # the other one guides the rounding
    file.write_text("\n\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no text"):
        export_onnx(folder, texts=file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8"):
        export_onnx(folder, texts=file)
    with pytest.raises(InputError, match="does not exist"):
        export_onnx(folder, texts=tmp_path / "tidak-ada.txt")


def test_an_impossible_gate_is_refused(folder):
    with pytest.raises(ConfigError, match="gate must be within 0 to 1"):
        export_onnx(folder, gate=98)


def test_a_folder_without_full_weights_is_refused(tiny_model, tmp_path):
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelFolderError, match=r"model\.safetensors is missing"):
        export_onnx(copy)


@pytest.mark.parametrize("library", ["onnx", "torch", "transformers"])
def test_a_missing_library_names_the_extra(folder, monkeypatch, library):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name.split(".")[0] == library:
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'netral-nlp\[train\]'"):
        export_onnx(folder)


# --- families --------------------------------------------------------------------------------------------------------

_SHAPE = {"vocab_size": 0, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_FAMILIES = {
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 128},
    "roberta": {**_SHAPE, "max_position_embeddings": 130, "type_vocab_size": 1},
    "xlm-roberta": {**_SHAPE, "max_position_embeddings": 130, "type_vocab_size": 1},
    "electra": {**_SHAPE, "embedding_size": 16, "max_position_embeddings": 128},
    "albert": {**_SHAPE, "embedding_size": 16, "max_position_embeddings": 128},
    "modernbert": {**_SHAPE, "max_position_embeddings": 128, "local_attention": 8},
}


@pytest.mark.parametrize("family", _FAMILIES)
def test_other_families_export_and_agree(tiny_model, tmp_path, family):
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "model.int8.onnx").unlink()
    old = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    settings = {**_FAMILIES[family], "vocab_size": old["vocab_size"], "pad_token_id": old["pad_token_id"]}
    labels = {int(key): value for key, value in old["id2label"].items()}
    config = AutoConfig.for_model(family, **settings, id2label=labels, label2id=old["label2id"])
    torch.manual_seed(3)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(copy)
    report = export_onnx(copy, gate=0.0)
    assert report.largest_difference < 0.05
    assert report.batch_difference <= 1e-5
    onnx, full = (NeutralityClassifier.from_pretrained(copy, backend=backend) for backend in ("onnx", "torch"))
    texts = list(SAMPLE_TEXTS[:20])
    np.testing.assert_allclose(onnx.logits(texts, texts[::-1]), full.logits(texts, texts[::-1]), atol=0.1)
