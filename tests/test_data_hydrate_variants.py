"""Every change that copies of texts go through is undone, whatever the text."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.corpus.mojibake import garbled, is_garbled, may_be_garbled, mended
from netral_nlp.corpus.text_variants import variants

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


BYTES = [bytes([byte]).decode("windows-1252", "ignore") or chr(byte) for byte in range(256)]


def once(text: str) -> str:
    return "".join(BYTES[byte] for byte in text.encode("utf-8"))


def reached(copy: str) -> set[str]:
    return {text for _, text in variants(copy)}


@settings(max_examples=60, deadline=None)
@given(text=ANY)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        html.escape,
        lambda text: html.escape(text, quote=False),
        lambda text: text.replace("&", "&amp;"),
        lambda text: text.replace('"', '""'),
        lambda text: '"' + text.replace('"', '""') + '"',
        lambda text: "\ufeff" + text,
        lambda text: text + "\n",
        lambda text: text + " ",
        lambda text: " " + text,
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        once,
        lambda text: once(once(text)),
        lambda text: once(once(once(text))),
        lambda text: text.encode().decode("latin-1"),
        lambda text: text.encode().decode("mac-roman"),
    ],
)
def test_each_change_is_undone(change: Callable[[str], str], text: str) -> None:
    assert text in reached(change(text))


@settings(max_examples=100, deadline=None)
@given(text=ANY)
def test_changes_that_lose_something_are_undone_where_they_lost_nothing_else(text: str) -> None:
    plain = text.replace("\r", "")
    assert plain in reached(plain.replace("\n", "\r\n"))
    assert plain.replace("\n", "\r\n") in reached(plain)
    composed = unicodedata.normalize("NFC", text)
    assert composed in reached(unicodedata.normalize("NFD", composed))
    core = text.strip()
    for before, after in (("", " "), (" ", ""), ("", "\n"), ("", "\xa0")):
        assert before + core + after in reached(core)
    assert html.escape(text) in reached(text)
    assert html.escape(text).replace("&#x27;", "&#39;") in reached(text)


@settings(max_examples=100, deadline=None)
@given(text=ANY)
def test_variants_are_distinct_and_begin_with_the_text(text: str) -> None:
    found = list(variants(text))
    assert found[0] == ("as is", text)
    assert len({variant for _, variant in found}) == len(found)


@settings(max_examples=100, deadline=None)
@given(text=ANY.filter(lambda text: not text.isascii()))
def test_what_was_garbled_is_suspected_and_mended(text: str) -> None:
    for _, bad in garbled(text):
        assert may_be_garbled(bad)
        assert text in {result for _, result in mended(bad)}


def test_texts_in_order_are_not_called_garbled() -> None:
    for text in ("Ayo coblos nomor 2 🔥", "Café Bu Rini “ramai”…", "harga naik 10²", "اللهم", ""):
        assert not is_garbled(text)
    for text in ("ayo ðŸ”¥ semangat", "katanya â€œberubahâ€\x9d", "kotaÂ lama", "Ã‚Â² kali"):
        assert is_garbled(text)


def test_plain_texts_cost_few_variants() -> None:
    assert len(list(variants("KPU tetapkan tiga paslon Pilbup"))) <= 8


def test_partly_garbled_texts_are_mended_around_the_loss() -> None:
    good = "Doa bersama 🙏 warga dan 👍 semangat"
    lost = once(good)[:-1] + "Â "
    assert good[:-1] + "Â " in {text for _, text in mended(lost)}
    mixed = "Doa bersama 🙏" + once("🙏 warga")
    assert "Doa bersama 🙏🙏 warga" in {text for _, text in mended(mixed)}
