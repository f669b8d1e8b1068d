"""Swapped names and hasty spelling: what changes, what stays."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.evaluation.suite_data import read_names
from netral_nlp.text import PROFILES
from netral_nlp.training.augment import Figure, NameSwapper, add_noise, known_figures, words_of_masks

SWAP = NameSwapper(known_figures())


def swapped(*texts: str | None, seed: int = 0) -> list[str | None]:
    return SWAP(texts, random.Random(seed))


def test_every_mention_of_one_candidate_becomes_the_same_other() -> None:
    for seed in range(30):
        post, context = swapped("anies lagi, anies terus #anies menang", "debat anies semalam", seed=seed)
        assert post is not None
        assert context is not None
        assert "anies" not in post
        assert "anies" not in context
        figures = {figure for figure in known_figures() if any(form in post.split() for form in figure.forms)}
        assert any(any(form in context for form in figure.forms) for figure in figures)


def test_two_candidates_stay_two_and_no_name_that_stands_there_already_is_given() -> None:
    small = [Figure("m", ("anies",)), Figure("m", ("ganjar",)), Figure("m", ("prabowo",)), Figure("m", ("budi",))]
    swap = NameSwapper(small)
    for seed in range(20):
        (text,) = swap(["anies lawan ganjar"], random.Random(seed))
        assert text in ("prabowo lawan budi", "budi lawan prabowo")


def test_parties_become_parties_and_women_women() -> None:
    kinds = {form: figure.kind for figure in known_figures() for form in figure.forms}
    for seed in range(30):
        (text,) = swapped("pdip dukung khofifah", seed=seed)
        assert text is not None
        party, person = text.split(" dukung ")
        assert kinds[party] == "party"
        assert kinds[person] == "f"


def test_numbers_change_alike_and_only_ballot_numbers() -> None:
    for seed in range(20):
        (text,) = swapped("coblos nomor 2, bukan no 1! 2 anak cukup, pilih 2 periode, tps 2, paslon 02", seed=seed)
        assert text is not None
        first = text.split("nomor ")[1][0]
        assert text.endswith(f"paslon 0{first}")
        assert text.split("no ")[1][0] != first
        assert "2 anak cukup, pilih 2 periode, tps 2," in text


@pytest.mark.parametrize(
    "text",
    [
        "jokowi resmikan tol, ganjarannya mahal, pranowoku",
        "presiden prabowo jangan diam soal banjir, prabowo dengar rakyat",
        "terima kasih pak gubernur salampessy",
        "tambang batubara, dharma wanita, gelora bung karno, bayar pbb, laporan pbb",
    ],
)
def test_officials_and_words_that_are_no_names_stay(text: str) -> None:
    for seed in range(20):
        assert swapped(text, seed=seed) == [text]


def test_invented_people_become_invented_people() -> None:
    invented = {form for figure in known_figures() if figure.invented for form in figure.forms}
    for seed in range(30):
        (text,) = swapped("hendra siregar", seed=seed)
        assert text in invented


def test_a_party_is_called_a_party_once() -> None:
    for seed in range(40):
        (text,) = swapped("partai gerindra menang", seed=seed)
        assert text is not None
        assert text.count("partai") == 1 or "bulan bintang" in text or "amanat" in text


def test_capitals_stay_capitals_and_nothing_stays_nothing() -> None:
    text, context = swapped("ANIES dan Anies", None)
    assert text is not None
    left, right = text.split(" dan ")
    assert left.isupper()
    assert right[0].isupper()
    assert context is None


@given(text=st.text(max_size=80), seed=st.integers(0, 1000))
def test_any_text_is_taken(text: str, seed: int) -> None:
    assert len(SWAP([text, None], random.Random(seed))) == 2
    assert isinstance(add_noise(text, random.Random(seed)), str)


@given(seed=st.integers(0, 1000))
def test_noise_keeps_numbers_emoji_signs_and_the_count_of_words(seed: int) -> None:
    text = "besok jangan lupa coblos nomor 2 ✌️ # 2 karena yang lain tidak benar!"
    noisy = add_noise(text, random.Random(seed))
    assert len(noisy.split()) == len(text.split())
    assert [word for word in noisy.split() if not word[0].isalpha()] == ["2", "✌️", "#", "2"]


@pytest.mark.parametrize("profile", ["netral", "indobert", "indobertweet"])
def test_noise_leaves_masks_alone(profile: str) -> None:
    normaliser = PROFILES[profile]
    text = normaliser("@budi_santoso lihat https://contoh.id/berita dan hubungi budi@contoh.id yang tidak sibuk")
    masks = words_of_masks(normaliser.masks)
    for seed in range(60):
        noisy = add_noise(text, random.Random(seed), masks)
        assert all(mask in noisy for mask in (normaliser.masks.handle, normaliser.masks.url, normaliser.masks.email))


def test_noise_writes_short_forms() -> None:
    texts = {add_noise("saya tidak akan memilih yang itu", random.Random(seed)) for seed in range(40)}
    assert any(" yg " in text for text in texts)
    assert any(" gak " in text or " ga " in text for text in texts)
    assert len(texts) > 10


def test_the_names_of_the_suites_are_not_swapped_in() -> None:
    names = read_names()
    invented = {name.name.lower() for name in (*names.genders, *names.persons)}
    forms = {form for figure in known_figures() for form in figure.forms}
    assert not invented & forms
    assert not {part for name in invented for part in name.split()} & forms


def test_every_form_names_one_figure_and_the_file_is_even() -> None:
    forms = [form for figure in known_figures() for form in figure.forms]
    assert len(forms) == len(set(forms))
    assert all(form == form.lower().strip() for form in forms)
    path = Path(__file__).parents[1] / "src/netral_nlp/training/names.json"
    assert len(json.loads(path.read_text(encoding="utf-8"))["party"]) == 18


@pytest.mark.parametrize("figure", [figure for figure in known_figures() if figure.kind == "party"])
def test_every_party_is_found(figure: Figure) -> None:
    for form in figure.forms:
        (text,) = swapped(f"dukung {form} terus")
        assert text != f"dukung {form} terus"
