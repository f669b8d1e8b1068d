"""Swapped names and hasty spelling: what changes, what stays."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.evaluation.suite_data import Names, suites_folder
from netral_nlp.training.augment import Figure, NameSwapper, add_noise, known_figures

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


def test_sitting_presidents_and_words_that_hold_a_name_stay() -> None:
    text = "jokowi resmikan tol, ganjarannya mahal, pranowoku"
    assert swapped(text) == [text]


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
    text = "besok jangan lupa coblos nomor 2 ✌️ #coblos 2 karena yang lain tidak benar!"
    noisy = add_noise(text, random.Random(seed))
    assert len(noisy.split()) == len(text.split())
    assert [word for word in noisy.split() if not word[0].isalpha()] == ["2", "✌️", noisy.split()[7], "2"]


def test_noise_writes_short_forms() -> None:
    texts = {add_noise("saya tidak akan memilih yang itu", random.Random(seed)) for seed in range(40)}
    assert any(" yg " in text for text in texts)
    assert any(" gak " in text or " ga " in text for text in texts)
    assert len(texts) > 10


def test_the_names_of_the_suites_are_not_swapped_in() -> None:
    names = Names.load(suites_folder())
    invented = {name.name.lower() for name in (*names.candidates, *names.persons)}
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
