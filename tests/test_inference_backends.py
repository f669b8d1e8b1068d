"""ONNX Runtime and PyTorch: agreement, threads, forks, and what they load."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from netral_nlp import NeutralityClassifier
from netral_nlp.errors import ModelFolderError
from netral_nlp.inference.encoding import PairEncoder
from netral_nlp.inference.processes import available_cpus
from netral_nlp.inference.samples import SAMPLE_TEXTS
from netral_nlp.labels import LABELS

TEXTS = list(SAMPLE_TEXTS)
SHORT = [text for text in TEXTS if len(text) < 60]


@pytest.fixture(params=["tiny_model", "tiny_wordpiece_model"])
def folder(request) -> Path:
    return request.getfixturevalue(request.param)


def _open(folder: Path, backend: str, threads: int = 1) -> NeutralityClassifier:
    return NeutralityClassifier.from_pretrained(folder, backend=backend, threads=threads)


# --- encoding --------------------------------------------------------------------------------------------------------


def test_encoding_is_that_of_the_tokenizer_file(folder):
    encoder = PairEncoder(folder, 512, 512)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text, context in itertools.pairwise(SHORT):
        alone, pair = tokenizer.encode(text), tokenizer.encode(text, context)
        found = encoder.encode(text), encoder.encode(text, context)
        assert [(item.ids, item.type_ids) for item in found] == [
            (alone.ids, alone.type_ids), (pair.ids, pair.type_ids)
        ]  # fmt: skip


def test_text_and_context_are_cut_apart_from_each_other(folder):
    encoder = PairEncoder(folder, 12, 5)
    long = " ".join(TEXTS)
    found = encoder.encode(long, long)
    assert found.text_cut
    assert found.context_cut
    assert len(encoder.encode(long)) == 12
    assert len(found) == (12 - encoder.special_tokens(pair=False)) + 5 + encoder.special_tokens(pair=True)


def test_the_second_segment_has_its_type(tiny_wordpiece_model):
    found = PairEncoder(tiny_wordpiece_model, 32, 16).encode("gas", "ayo coblos nomor 2")
    assert set(found.type_ids) == {0, 1}


def test_a_long_text_with_a_long_context_is_encoded_at_once(folder):
    encoder = PairEncoder(folder, 12, 5)
    long = " ".join(TEXTS * 20)
    start = time.process_time()
    encoder.encode(long, long)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("content", [None, "", "{}", '{"version": "1.0"}'])
def test_a_damaged_tokenizer_is_named(tiny_model, tmp_path, content):
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "tokenizer.json").unlink()
    if content is not None:
        (copy / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelFolderError, match=r"tokenizer\.json") as caught:
        NeutralityClassifier.from_pretrained(copy)
    assert "\n" not in str(caught.value)


# --- agreement -------------------------------------------------------------------------------------------------------


def test_int8_agrees_with_full_weights(folder):
    onnx, torch = (_open(folder, backend).score(TEXTS, TEXTS[::-1]) for backend in ("onnx", "torch"))
    assert (onnx.label_ids == torch.label_ids).mean() > 0.9
    assert np.abs(onnx.probabilities - torch.probabilities).mean() < 0.05


def test_torch_gives_a_text_the_same_answer_in_every_batch(folder):
    torch = _open(folder, "torch")
    together = torch.score(TEXTS, TEXTS[::-1]).probabilities
    alone = np.concatenate(
        [torch.score([text], [context]).probabilities for text, context in zip(TEXTS, TEXTS[::-1], strict=True)]
    )
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_onnx_gives_a_text_the_same_answer_in_every_batch(folder):
    onnx = _open(folder, "onnx")
    together = onnx.score(TEXTS, TEXTS[::-1]).probabilities
    alone = np.concatenate(
        [onnx.score([text], [context]).probabilities for text, context in zip(TEXTS, TEXTS[::-1], strict=True)]
    )
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_pipeline_of_transformers_agrees(folder):
    import torch
    from transformers import pipeline

    classifier = _open(folder, "torch")
    pipe = pipeline("text-classification", model=str(folder), dtype=torch.float32, device="cpu", top_k=None)
    texts = [classifier.normaliser(text) for text in SHORT]
    logits = classifier.logits(texts).astype(np.float64)
    ours = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for chances, answer in zip(ours, pipe(texts), strict=True):
        theirs = {entry["label"]: entry["score"] for entry in answer}
        assert [theirs[label.value] for label in LABELS] == pytest.approx(chances.tolist(), abs=1e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_torch_runs_in_other_precisions(tiny_model, precision):
    found = NeutralityClassifier.from_pretrained(tiny_model, precision=precision)
    assert found.backend == "torch"
    assert np.isfinite(found.logits(TEXTS)).all()


# --- loading ---------------------------------------------------------------------------------------------------------


def test_auto_takes_onnx_where_it_is_and_torch_where_not(tiny_model, tmp_path):
    assert NeutralityClassifier.from_pretrained(tiny_model).backend == "onnx"
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "model.int8.onnx").unlink()
    assert NeutralityClassifier.from_pretrained(copy).backend == "torch"
    with pytest.raises(ModelFolderError, match=r"model\.int8\.onnx is missing; write it with `netral export"):
        NeutralityClassifier.from_pretrained(copy, backend="onnx")


def test_onnx_needs_no_full_weights_and_torch_says_so(tiny_model, tmp_path):
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "model.safetensors").unlink()
    assert NeutralityClassifier.from_pretrained(copy).predict(TEXTS[0]).label in LABELS
    with pytest.raises(ModelFolderError, match=r"model\.safetensors is missing"):
        NeutralityClassifier.from_pretrained(copy, backend="torch")


@pytest.mark.parametrize("keep", [0, 1000, 0.5])
@pytest.mark.parametrize(("file", "backend"), [("model.int8.onnx", "onnx"), ("model.safetensors", "torch")])
def test_a_damaged_weights_file_is_one_clear_line(tiny_model, tmp_path, file, backend, keep):
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(ModelFolderError) as caught:
        NeutralityClassifier.from_pretrained(copy, backend=backend)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_without_head_are_refused(tiny_model, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    weights = load_file(copy / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelFolderError, match=r"lacks classifier\.weight: its answers would be random"):
        NeutralityClassifier.from_pretrained(copy, backend="torch")


def test_the_light_path_imports_nothing_heavy(tiny_model):
    code = (
        "import sys\nfrom netral_nlp import NeutralityClassifier\n"
        f"NeutralityClassifier.from_pretrained({str(tiny_model)!r}).predict('Ayo coblos nomor 2!')\n"
        "print([name for name in ('torch', 'transformers', 'pandas', 'pyarrow', 'sklearn', 'onnx', 'huggingface_hub') "
        "if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_runtimes_telemetry_is_off(tiny_model):
    code = (
        "import os\nfrom netral_nlp import NeutralityClassifier\n"
        f"NeutralityClassifier.from_pretrained({str(tiny_model)!r}, threads=1).predict('Ayo')\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "1"


def test_auto_without_onnx_file_and_without_torch_says_what_to_do(tiny_model, tmp_path):
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "model.int8.onnx").unlink()
    code = (
        "import sys, importlib.machinery\n"
        "find = importlib.machinery.PathFinder.find_spec\n"
        "def hide(name, *more):\n"
        "    return None if name.split('.')[0] in ('torch', 'transformers') else find(name, *more)\n"
        "importlib.machinery.PathFinder.find_spec = hide\n"
        "from netral_nlp import NeutralityClassifier, NetralError\n"
        "for backend in ('auto', 'torch'):\n"
        "    try:\n"
        f"        NeutralityClassifier.from_pretrained({str(copy)!r}, backend=backend)\n"
        "    except NetralError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    auto, torch = done.stdout.splitlines()
    assert "model.int8.onnx is missing" in auto
    assert "netral export" in auto
    assert "pip install 'netral-nlp[train]'" in torch


# --- threads and processes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_one_classifier_serves_many_threads(tiny_model, backend):
    classifier = _open(tiny_model, backend, threads=2)
    parts = [TEXTS[start::8] for start in range(8)]
    expected = [classifier.score(part).probabilities for part in parts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for found, wanted in zip(pool.map(classifier.score, parts), expected, strict=True):
                np.testing.assert_allclose(found.probabilities, wanted, atol=1e-5)


_CHILD = """
import multiprocessing, sys
from netral_nlp import NeutralityClassifier
from netral_nlp.inference.samples import SAMPLE_TEXTS

texts = list(SAMPLE_TEXTS)
classifier = NeutralityClassifier.from_pretrained(sys.argv[1], backend=sys.argv[2], threads=2)
wanted = classifier.score(texts).probabilities

def work(part):
    return classifier.score(part).probabilities

with multiprocessing.get_context("fork").Pool(2) as pool:
    for found in pool.map(work, [texts] * 4):
        assert abs(found - wanted).max() < 1e-5, abs(found - wanted).max()
    pool.close()
    pool.join()
assert (classifier.score(texts).probabilities == wanted).all()
print("alike")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_a_forked_child_answers_alike(tiny_model, backend):
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tiny_model), backend],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "alike", done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_ends_by_itself(tiny_model):
    code = (
        "import os, sys\nfrom netral_nlp import NeutralityClassifier\n"
        f"classifier = NeutralityClassifier.from_pretrained({str(tiny_model)!r}, threads=2)\n"
        "classifier.predict('Ayo')\npid = os.fork()\n"
        "if not pid:\n    classifier.predict('Ayo coblos')\n    sys.exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "7"


def _answers(classifier: NeutralityClassifier, texts: list[str]) -> list[str]:
    return [prediction.label.value for prediction in classifier.predict(texts)]


def test_a_spawned_child_answers_alike(tiny_model):
    classifier = _open(tiny_model, "onnx")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_answers, (classifier, TEXTS)) == _answers(classifier, TEXTS)


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_batches_run_side_by_side_as_threads_are_asked_for(tiny_model, monkeypatch, threads):
    classifier = _open(tiny_model, "onnx", threads)
    backend = classifier._engine._backend
    monkeypatch.setattr(backend, "token_budget", 32)
    logits, lock, running, most = backend.logits, threading.Lock(), [], []

    def counted(batch):
        with lock:
            running.append(1)
            most.append(len(running))
        time.sleep(0.005)  # long enough for the others to begin
        found = logits(batch)
        with lock:
            running.pop()
        return found

    monkeypatch.setattr(backend, "logits", counted)
    classifier.predict(TEXTS)
    assert max(most) == threads


def test_the_number_of_threads_changes_no_answer(tiny_model):
    one, four = (_open(tiny_model, "onnx", threads).score(TEXTS).probabilities for threads in (1, 4))
    assert np.array_equal(one, four)


def test_an_error_in_one_of_several_batches_comes_out(tiny_model, monkeypatch):
    classifier = _open(tiny_model, "onnx", 2)
    backend = classifier._engine._backend
    monkeypatch.setattr(backend, "token_budget", 32)

    def broken(batch):
        raise RuntimeError("no")

    monkeypatch.setattr(backend, "logits", broken)
    with pytest.raises(RuntimeError, match="no"):
        classifier.predict(TEXTS)


def test_the_container_bounds_the_processors():
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)


def test_the_folders_json_is_left_alone(tiny_model):
    before = {file.name: file.stat().st_mtime_ns for file in tiny_model.iterdir()}
    _open(tiny_model, "torch").predict(TEXTS[:3])
    assert {file.name: file.stat().st_mtime_ns for file in tiny_model.iterdir()} == before
    assert json.loads((tiny_model / "export.json").read_text(encoding="utf-8"))["file"] == "model.int8.onnx"
