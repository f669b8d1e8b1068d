"""Model folders: found, checked, told apart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netral_nlp.errors import ModelFolderError
from netral_nlp.inference.decision import Decision
from netral_nlp.inference.folder import ModelFolder, shipped_models
from netral_nlp.text import Normaliser


@pytest.fixture
def folder(tiny_model, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def _edit(path: Path, **changes) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        if value is None:
            document.pop(key, None)
        else:
            document[key] = value
    path.write_text(json.dumps(document), encoding="utf-8")


def test_a_whole_folder_opens(folder):
    found = ModelFolder.open(folder)
    assert (found.path, found.name, found.kind) == (folder, "model", "encoder")
    assert found.normaliser == Normaliser.load(folder)
    assert found.decision == Decision.load(folder)
    assert found.max_tokens == 32
    assert found.context_tokens > 8
    assert ModelFolder.open(str(folder)).path == folder
    assert ModelFolder.open(found) is found


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "normaliser.json", "decision.json"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(ModelFolderError, match=f"{file} is missing"):
        ModelFolder.open(folder)


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    assert ModelFolder.open(folder).has_onnx
    (folder / "model.int8.onnx").unlink()
    with pytest.raises(ModelFolderError, match=r"model\.safetensors and model\.int8\.onnx are missing"):
        ModelFolder.open(folder)


def test_a_base_model_without_head_is_refused(folder):
    _edit(folder / "config.json", architectures=["BertModel"])
    with pytest.raises(ModelFolderError, match=r"BertModel\) has no classification head.*netral train --base-model"):
        ModelFolder.open(folder)


@pytest.mark.parametrize(
    "labels",
    [
        {"0": "positive", "1": "neutral", "2": "negative"},
        {"0": "supportive", "1": "neutral", "2": "campaigning"},
        {"0": "neutral", "1": "supportive"},
        {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
        {},
    ],
)
def test_other_labels_are_refused(folder, labels):
    _edit(folder / "config.json", id2label=labels)
    with pytest.raises(ModelFolderError, match=r"not \[neutral, supportive, campaigning\]"):
        ModelFolder.open(folder)


def test_no_labels_are_refused(folder):
    _edit(folder / "config.json", id2label=None)
    with pytest.raises(ModelFolderError, match="no id2label"):
        ModelFolder.open(folder)


def test_a_plain_hugging_face_folder_opens_with_defaults_and_says_so(folder):
    for file in ("normaliser.json", "decision.json", "export.json", "model.int8.onnx"):
        (folder / file).unlink()
    with pytest.warns(UserWarning, match=r"no normaliser\.json and no decision\.json"):
        found = ModelFolder.open(folder)
    assert found.decision == Decision.default()
    assert not found.has_onnx


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_damaged_config_is_named(folder, content):
    (folder / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelFolderError, match=r"config\.json"):
        ModelFolder.open(folder)


def test_lengths_come_from_the_config_and_fit_the_positions(folder):
    _edit(folder / "config.json", netral={"max_tokens": 40, "context_tokens": 20})
    found = ModelFolder.open(folder)
    assert (found.max_tokens, found.context_tokens) == (40, 20)
    _edit(folder / "config.json", netral={"max_tokens": 4000, "context_tokens": 3000})
    found = ModelFolder.open(folder)
    assert found.max_tokens + found.context_tokens + 4 <= 128
    _edit(folder / "config.json", netral={"max_tokens": "many"})
    with pytest.raises(ModelFolderError, match=r"netral\.max_tokens must be a whole number"):
        ModelFolder.open(folder)


def test_the_fingerprint_follows_what_shapes_an_answer(folder, tiny_model):
    opened = ModelFolder.open(folder)
    before = opened.fingerprint()
    assert before == ModelFolder.open(tiny_model).fingerprint()
    assert len(before) == 64
    (folder / "README.md").write_text("# kartu model", encoding="utf-8")
    assert opened.fingerprint() == before
    Decision(temperature=3).save(folder)
    assert opened.fingerprint() != before


def test_a_hash_is_kept_while_the_file_stands_still(folder):
    opened = ModelFolder.open(folder)
    before = opened.file_hashes()
    weights = folder / "model.safetensors"
    times = (weights.stat().st_atime_ns, weights.stat().st_mtime_ns)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=times)
    assert opened.file_hashes() == before
    os.utime(weights)
    assert opened.file_hashes() != before


@pytest.mark.parametrize("model", ["./tidak-ada", "/tidak/ada/di/sini", "tidak-ada", "a/b/c", "", "  "])
def test_what_is_nowhere_is_said_to_be_nowhere(model):
    with pytest.raises(ModelFolderError, match=r"no model folder|name is empty") as caught:
        ModelFolder.open(model)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_model(folder):
    with pytest.raises(ModelFolderError, match="is a file"):
        ModelFolder.open(folder / "config.json")


def test_offline_a_hub_id_that_is_not_cached_says_what_to_do():
    with pytest.raises(ModelFolderError, match="the hub's cache lacks it; unset HF_HUB_OFFLINE") as caught:
        ModelFolder.open("contoh-organisasi/tidak-ada")
    assert "\n" not in str(caught.value)


def test_an_unreachable_hub_is_one_line(tmp_path):
    code = (
        "from netral_nlp.errors import ModelFolderError\n"
        "from netral_nlp.inference.folder import ModelFolder\n"
        "try:\n    ModelFolder.open('contoh-organisasi/tidak-ada')\n"
        "except ModelFolderError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "the hub cannot be reached; check the network" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_model_in_the_hubs_cache_opens_offline(tiny_model, tmp_path):
    repository = tmp_path / "hub" / "models--warga--netral-uji"
    revision = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny_model, repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision, encoding="utf-8")
    code = (
        "from netral_nlp.inference.folder import ModelFolder\n"
        "folder = ModelFolder.open('warga/netral-uji')\nprint(folder.name, folder.fingerprint())\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["warga/netral-uji", ModelFolder.open(tiny_model).fingerprint()]


def test_shipped_models_are_whole_folders():
    for name, path in shipped_models().items():
        assert ModelFolder.open(name).path == path
