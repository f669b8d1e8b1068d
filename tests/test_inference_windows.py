"""Long texts in windows."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.inference.windows import Quotations, split_windows
from netral_nlp.text import Normaliser

_SENTENCES = (
    "KPU menetapkan jadwal debat publik di tiga kota.",
    "Warga diminta datang lebih awal!",
    "Apakah semua logistik sudah sampai?",
    "Panitia menyiapkan dua ribu kursi di lapangan.",
)


def _words(text: str) -> int:
    return len(text.split())


def _split(text: str, most: int = 8):
    return split_windows(text, Normaliser(), _words, most)


def test_windows_follow_sentences_and_fit():
    text = " ".join(_SENTENCES * 3)
    windows = _split(text, most=14)
    assert len(windows) > 3
    for window in windows:
        assert _words(window.normalised) <= 14
        assert text[window.start : window.end].strip()[-1] in ".!?"


def test_offsets_are_those_of_the_original_text():
    text = "  " + " ".join(_SENTENCES) + "\n\n" + "@akun_warga " * 3 + " #CoblosNomor2 gaspoooll"
    normaliser = Normaliser()
    for window in _split(text):
        assert normaliser(text[window.start : window.end]) == window.normalised


def test_a_sentence_without_end_is_split_at_words():
    text = " ".join(f"kata{number}" for number in range(100))
    windows = _split(text)
    assert all(_words(window.normalised) <= 8 for window in windows)
    assert " ".join(text[window.start : window.end] for window in windows) == text


def test_one_endless_word_is_split_at_characters():
    text = "".join(chr(ord("a") + number * 7 % 26) for number in range(5000))
    windows = split_windows(text, lambda part: part, len, 100)
    assert "".join(window.normalised for window in windows) == text
    assert max(len(window.normalised) for window in windows) <= 100


def test_emoji_are_not_torn():
    text = "👍🏽👩‍👩‍👧🇮🇩✌️" * 200
    for window in split_windows(text, lambda part: part, len, 37):
        part = text[window.start : window.end]
        assert part[0] not in "\u200d\ufe0f\U0001f3fd"
        assert part[-1] != "\u200d"


@settings(max_examples=150)
@given(st.text(alphabet='ab .!?\n"“”👍🏽é\u0301\u200d', max_size=400), st.integers(1, 12))
def test_every_letter_lies_in_exactly_one_window(text, most):
    windows = split_windows(text, lambda part: part, len, most)
    places = [place for window in windows for place in range(window.start, window.end)]
    assert places == sorted(set(places))
    covered = set(places)
    assert all(character.isspace() or place in covered for place, character in enumerate(text))


@given(st.text(max_size=300))
def test_any_text_can_be_split(text):
    for window in _split(text):
        assert 0 <= window.start < window.end <= len(text)


def test_white_space_has_no_windows():
    assert _split(" \n\t " * 1000) == []


@pytest.mark.parametrize("pair", ['""', "“”", "«»", "„“"])
def test_a_window_of_mostly_quotation_is_marked(pair):
    text = f"{pair[0]}Ayo pilih nomor dua semuanya jangan ragu{pair[1]} kata seorang warga. Polisi berjaga sampai sore."
    quotations = Quotations(text)
    assert quotations.hold(0, text.index(".") + 1)
    assert not quotations.hold(text.index("Polisi"), len(text))


@pytest.mark.parametrize(
    "text", ['Dia bilang "pilih nomor dua saja', 'Tinggi 5" saja.\nAyo pilih nomor dua', "“Ayo pilih"]
)
def test_a_mark_without_partner_quotes_nothing(text):
    assert not Quotations(text).hold(0, len(text))


@pytest.mark.parametrize("piece", ["“", '"', "«", "a", ".", '\n"', "a ", "👍🏽", "https://contoh.id/", "@a "])
def test_a_huge_text_takes_linear_time(piece):
    text = piece * (400_000 // len(piece))
    start = time.process_time()
    for window in split_windows(text, Normaliser(), _words, 64):
        assert window.end > window.start
    assert time.process_time() - start < 20
