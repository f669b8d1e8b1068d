"""`netral explain`."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.inference.samples import SAMPLE_TEXTS

CALL = "Ayo coblos nomor 2! Demi kampung kita, ajak semua tetangga ke TPS ya"
CODE = re.compile(r"\x1b\[[0-9;]*m")


class _Stdin(io.TextIOWrapper):
    """Standard input with given bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="ascii")


@pytest.fixture
def start(tiny_model, capsys, monkeypatch):
    """Run the command; gives standard output's lines."""

    def run(*arguments: str, stdin: bytes = b"") -> list[str]:
        monkeypatch.setattr(sys, "stdin", _Stdin(stdin))
        assert main(["explain", "--model", str(tiny_model), *arguments]) == 0
        return capsys.readouterr().out.removesuffix("\n").split("\n")

    return run


@pytest.fixture(scope="module")
def classifier(tiny_model) -> NeutralityClassifier:
    return NeutralityClassifier.from_pretrained(tiny_model)


def _table(lines: list[str]) -> list[tuple[str, float, str]]:
    """The rows of the table: word, effect, bar."""
    head = next(index for index, line in enumerate(lines) if "effect on" in line)
    found = [re.fullmatch(r"(.+?) +([+-]\d\.\d{3}) +(-*\|\+*)", line) for line in lines[head + 1 :]]
    return [(match[1], float(match[2]), match[3]) for match in found if match]


def test_label_probabilities_and_the_strongest_words_are_shown(start, classifier):
    lines = start(CALL)
    explanation = classifier.explain(CALL)
    label = explanation.label
    assert lines[0].startswith(
        f"{label.value} ({label.indonesian})  neutral {explanation.probabilities['neutral']:.3f}"
    )
    assert lines[1] == CALL
    assert f"effect on {label.value} ({label.indonesian})" in "\n".join(lines)
    rows = _table(lines)
    assert [row[0] for row in rows] == [word.text for word in explanation.top(10)]
    assert [row[1] for row in rows] == pytest.approx([word.effect for word in explanation.top(10)], abs=5.1e-4)
    assert lines[-1] == f"{len(explanation.effects) - 10} more with smaller effects; --all shows them"


def test_bars_point_to_the_side_that_a_word_speaks_for(start):
    rows = _table(start(CALL, "--all"))
    assert len(rows) == len(CALL.split())
    assert any(bar.endswith("+") for *_, bar in rows)
    for _, effect, bar in rows:
        assert not (effect > 0 and bar.startswith("-"))
        assert not (effect < 0 and bar.endswith("+"))
    lengths = [len(bar) for *_, bar in rows]
    assert lengths == sorted(lengths, reverse=True)
    assert max(lengths) <= 21


def test_the_context_counts_as_one(start, classifier):
    lines = start("Gas 🔥", "--context", CALL, "--action", "komentar")
    expected = classifier.explain("Gas 🔥", CALL, "comment")
    assert [row[0] for row in _table(lines)] == [*(word.text for word in expected.top()), "(the whole context)"]
    assert _table(lines)[-1][1] == pytest.approx(expected.context_effect, abs=5.1e-4)


def test_a_like_shows_the_contexts_words(start):
    lines = start("", "--context", CALL, "--action", "suka")
    assert lines[1] == CALL
    assert "judged on its context: these are the context's words" in lines
    assert {row[0] for row in _table(lines)} <= set(CALL.split())


def test_nothing_to_judge_is_said(start):
    assert start("@warga")[1:] == ["no text to judge"]


def test_another_label_can_be_asked_for(start, classifier):
    lines = start(CALL, "--label", "memihak")
    assert "effect on supportive (memihak)" in "\n".join(lines)
    assert [row[0] for row in _table(lines)] == [w.text for w in classifier.explain(CALL, label="supportive").top()]


def test_a_long_text_tells_where_it_was_decided(start, classifier):
    text = " ".join(SAMPLE_TEXTS[:30])
    first, last = classifier.predict(text).window
    lines = start(text)
    assert f"decided by characters {first}-{last}: these are the words there" in lines
    assert {row[0] for row in _table(lines)} <= set(text[first:last].split())


def test_several_texts_are_kept_apart_by_a_blank_line(start):
    lines = start("", "  ")
    assert lines[1:3] == ["no text to judge", ""]
    assert len(lines) == 5


def test_json_has_every_word(start, classifier):
    found = [json.loads(line) for line in start("--json", CALL, "")]
    assert found == [classifier.explain(CALL).to_dict(), classifier.explain("").to_dict()]


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_without_texts_lines_are_read_from_standard_input(start, arguments):
    content = "\ufeffAyo coblos nomor 2!\r\n\r\nSudah 👍🏽\n".encode()
    found = [json.loads(line) for line in start("--json", *arguments, stdin=content)]
    assert [entry["text"] for entry in found] == ["Ayo coblos nomor 2!", "", "Sudah 👍🏽"]


def test_many_lines_come_back_in_order(start):
    lines = [f"{SAMPLE_TEXTS[number % 50]} {number}" for number in range(150)]
    assert [json.loads(line)["text"] for line in start("--json", stdin="\n".join(lines).encode())] == lines


def test_review_thresholds_can_be_set(start):
    assert start(CALL, "--review-below", "1")[0].endswith("  review")
    assert not start(CALL, "--review-below", "0")[0].endswith("  review")


def test_errors_are_one_line(tiny_model, capsys):
    for arguments, message in (
        (["--label", "golput"], "unknown label 'golput'"),
        (["--action", "colek"], "unknown action 'colek'"),
        (["--model", "tidak-ada"], "no model"),
    ):
        assert main(["explain", "--model", str(tiny_model), *arguments, CALL]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert message in shown.err
        assert shown.err.count("\n") == 1


def test_no_single_word_decides_is_said(capsys):
    many_say_it = "Jangan lupa 27 November coblos nomor 1, demi kampung kita!"
    assert main(["explain", many_say_it]) == 0
    assert "no single word decides" in capsys.readouterr().out


def _in_terminal(tiny_model: Path, *arguments: str, no_color: str | None = None) -> str:
    """What the command writes to a terminal."""
    import pty

    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    if no_color is not None:
        environment["NO_COLOR"] = no_color
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "netral_nlp.cli.main", "explain", "--model", str(tiny_model), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=follower, env=environment)
    os.close(follower)
    written = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not part:
            break
        written += part
    os.close(leader)
    assert process.wait(timeout=60) == 0
    return written.decode().replace("\r\n", "\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_the_words_in_colour_and_nothing_of_the_posts_own(tiny_model, classifier):
    text = f"{CALL}\n\x1b[31m🔥gas"
    coloured = _in_terminal(tiny_model, text).split("\n")[1]
    assert CODE.sub("", coloured) == f"{CALL} [31m🔥gas"
    strongest = classifier.explain(text).top(1)[0]
    colour = "208" if strongest.effect > 0 else "33"
    assert f"\x1b[38;5;{colour}m\x1b[1;4m{strongest.text}\x1b[0m" in coloured
    assert "\x1b[31m" not in coloured


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_no_color_is_obeyed(tiny_model):
    assert "\x1b" not in _in_terminal(tiny_model, CALL, no_color="1")
