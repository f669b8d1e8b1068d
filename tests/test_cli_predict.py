"""`netral predict`."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.cli.table import shorten
from netral_nlp.inference.samples import SAMPLE_TEXTS
from netral_nlp.labels import Label

CALL = "Ayo coblos nomor 2! Demi kampung kita!"


class _Stdin(io.TextIOWrapper):
    """Standard input with given bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="ascii")


@pytest.fixture
def predict(tiny_model, capsys, monkeypatch):
    """Run the command; gives standard output's lines."""

    def start(*arguments: str, stdin: bytes = b"") -> list[str]:
        monkeypatch.setattr(sys, "stdin", _Stdin(stdin))
        assert main(["predict", "--model", str(tiny_model), *arguments]) == 0
        return capsys.readouterr().out.removesuffix("\n").split("\n")

    return start


def _classifier(tiny_model) -> NeutralityClassifier:
    return NeutralityClassifier.from_pretrained(tiny_model)


def test_each_text_gets_a_line_with_label_and_probabilities(predict, tiny_model):
    head, *rows = predict(*SAMPLE_TEXTS[:5])
    assert head.split() == ["label", "neutral", "support.", "campaign.", "review", "text"]
    for row, text, expected in zip(
        rows, SAMPLE_TEXTS, _classifier(tiny_model).predict(list(SAMPLE_TEXTS[:5])), strict=False
    ):
        label, indonesian, *chances = row.split()[:5]
        assert (label, indonesian) == (expected.label.value, f"({expected.label.indonesian})")
        assert [float(chance) for chance in chances] == pytest.approx(list(expected.probabilities.values()), abs=1e-3)
        assert text[:20] in row
        assert ("  review  " in row) == expected.needs_review


def test_json_has_everything(predict, tiny_model):
    found = [json.loads(line) for line in predict("--json", CALL, "", "KPU tetapkan jadwal debat.")]
    expected = _classifier(tiny_model).predict([CALL, "", "KPU tetapkan jadwal debat."])
    assert [entry.pop("text") for entry in found] == [CALL, "", "KPU tetapkan jadwal debat."]
    assert found == [prediction.to_dict() for prediction in expected]


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_without_texts_lines_are_read_from_standard_input(predict, arguments):
    content = "\ufeffAyo coblos nomor 2!\r\n\r\nSudah 👍🏽\nbaris\u2028satu\x0bsaja".encode()
    found = [json.loads(line)["text"] for line in predict("--json", *arguments, stdin=content)]
    assert found == ["Ayo coblos nomor 2!", "", "Sudah 👍🏽", "baris\u2028satu\x0bsaja"]


def test_bytes_that_are_no_utf8_are_replaced(predict):
    assert json.loads(predict("--json", stdin=b"Ayo \xff\xfe coblos\n")[0])["text"] == "Ayo \ufffd\ufffd coblos"


def test_many_lines_come_back_in_order(predict):
    lines = [f"{SAMPLE_TEXTS[number % 100]} {number}" for number in range(300)]
    found = [json.loads(line)["text"] for line in predict("--json", stdin="\n".join(lines).encode())]
    assert found == lines


def test_context_and_action_count_for_every_text(predict, tiny_model):
    found = [json.loads(line) for line in predict("--json", "--context", CALL, "--action", "suka", "", "Gas")]
    expected = _classifier(tiny_model).predict(["", "Gas"], [CALL, CALL], ["like", "like"])
    assert [entry["p_neutral"] for entry in found] == [prediction.p_neutral for prediction in expected]
    assert [entry["judged"] for entry in found] == ["context", "text"]
    assert "judged on its context" in predict("--context", CALL, "--action", "like", "")[1]
    assert "no text to judge" in predict("")[1]


def test_a_long_text_tells_its_window_and_stays_on_its_line(predict):
    lines = predict(" ".join(SAMPLE_TEXTS))
    assert len(lines) == 2
    assert "decided by characters" in lines[1]
    assert "…" in lines[1]


def test_line_breaks_and_control_characters_stay_off_the_terminal(predict):
    lines = predict("Ayo\ncoblos\x1b[31m nomor\t2")
    assert len(lines) == 2
    assert lines[1].endswith("Ayo coblos[31m nomor 2")


@given(st.text(max_size=200), st.integers(2, 80))
def test_shortened_texts_fit_their_width(text, width):
    found = shorten(text, width)
    # Marks stand on the letter before them and take no column of their own.
    columns = [character for character in found if unicodedata.category(character) not in ("Mn", "Me", "Cf")]
    assert sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in columns) <= width
    assert "\n" not in found


def test_errors_are_one_line(tiny_model, tmp_path, capsys):
    copy = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (copy / "tokenizer.json").unlink()
    for arguments, message in (
        (["--model", str(copy)], f"{copy}/tokenizer.json is missing"),
        (["--model", str(tmp_path / "tidak-ada")], "no model folder"),
        (["--model", "contoh-organisasi/tidak-ada"], "the hub's cache lacks it"),
        (["--model", str(tiny_model), "--action", "colek"], "unknown action 'colek'"),
        (["--model", str(tiny_model), "--threads", "0"], "threads must be a whole number from 1"),
    ):
        assert main(["predict", *arguments, CALL]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("netral: error: ")
        assert message in shown.err
        assert shown.err.count("\n") == 1


def test_emoji_do_not_end_a_run_where_the_terminal_has_none(tiny_model):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "netral_nlp.cli.main", "predict", "--model", str(tiny_model), "Gas 🔥"],
        env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "Gas \\U0001f525" in done.stdout


def test_labels_keep_their_indonesian_names():
    assert [label.indonesian for label in Label] == ["netral", "memihak", "berkampanye"]
