"""`netral info` and `netral export`."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from netral_nlp import __version__
from netral_nlp.cli.main import main
from netral_nlp.inference.folder import ModelFolder

_METRICS = {
    "default_backend": "onnx",
    "sets": {
        "dev": {
            "files": {},
            "backends": {
                "onnx": {
                    "posts": 506,
                    "macro_f1": {"value": 0.7512, "low": 0.701, "high": 0.79},
                    "false_accusation_rate": {"value": 0.21, "low": None, "high": None},
                    "missed_campaigning_rate": {"value": None, "low": None, "high": None},
                },
                "torch": {"posts": 506, "macro_f1": {"value": 0.1, "low": 0.0, "high": 0.2}},
            },
        }
    },
    "training": {},
}


@pytest.fixture
def folder(tiny_model, tmp_path) -> Path:
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "metrics.json").write_text(json.dumps(_METRICS), encoding="utf-8")
    (copy / "training.yaml").write_text("config:\n  base_model: contoh/dasar-kecil\n", encoding="utf-8")
    return copy


def test_info_tells_what_the_model_is(folder, capsys):
    assert main(["info", "--model", str(folder)]) == 0
    shown = capsys.readouterr().out
    for part in (
        str(folder), "encoder, bert 2x32", "contoh/dasar-kecil", "neutral       netral        review below 0.500",
        "campaigning   berkampanye   review below 0.700", "temperature   1.5", ModelFolder.open(folder).fingerprint(),
        "model.int8.onnx", "dev (506 posts, onnx): macro-F1 0.751 [0.701, 0.790], neutral posts accused 0.210",
        "campaigning missed –", f"netral-nlp {__version__}", "onnxruntime ", "32 tokens of a text at once",
        "of 204 sample texts",
    ):  # fmt: skip
        assert part in shown


def test_info_as_json_has_the_hashes(folder, capsys):
    assert main(["info", "--model", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    for name, file in document["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert {"config.json", "tokenizer.json", "model.int8.onnx", "model.safetensors"} <= set(document["files"])
    assert document["figures"]["dev"]["macro_f1"]["value"] == 0.7512
    assert document["review_below"] == {"neutral": 0.5, "supportive": 0.6, "campaigning": 0.7}
    assert list(document["labels"]) == ["neutral", "supportive", "campaigning"]


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_info_does_without_figures(folder, capsys, content):
    (folder / "training.yaml").unlink()
    (folder / "metrics.json").unlink()
    if content is not None:
        (folder / "metrics.json").write_text(content, encoding="utf-8")
    assert main(["info", "--model", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "\nfigures (" not in shown
    assert "base model    not stated" in shown


def test_export_prints_the_comparison(folder, tmp_path, capsys):
    output = tmp_path / "baru"
    assert main(["export", "--model", str(folder), "--gate", "0.9", "--output", str(output)]) == 0
    shown = capsys.readouterr().out
    assert f"{output}/model.int8.onnx: 0.1 MB" in shown
    assert "same label as the full model: " in shown
    assert main(["export", "--model", str(folder), "--gate", "0.9", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gate"] == 0.9


def test_export_errors_are_one_line(folder, capsys, tmp_path):
    for arguments, message in (
        (["--gate", "2"], "gate must be within 0 to 1"),
        (["--texts", str(tmp_path / "tidak-ada.txt")], "does not exist"),
    ):
        assert main(["export", "--model", str(folder), *arguments]) == 1
        shown = capsys.readouterr().err
        assert shown.startswith("netral: error: ")
        assert message in shown
        assert shown.count("\n") == 1
