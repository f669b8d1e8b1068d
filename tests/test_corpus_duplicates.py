"""Near duplicates: the Jaccard index, groups, and pairs across two sets."""

from __future__ import annotations

import random
import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.corpus.duplicates import (
    NearDuplicate,
    choose_bands,
    jaccard,
    near_duplicates_across,
    near_same_groups,
)
from netral_nlp.errors import InputError

TEMPLATE = "Yuk warga {place} kita hadir deklarasi relawan nomor urut dua Sabtu pagi di lapangan {place}, kaos gratis!"
SYLLABLES = "ka ri ma pu lo sa ti ber kan di ya me lah nu ro ga wi bu te si do ce".split()


@cache
def runs(text: str) -> set[str]:
    """The definition, written out: distinct runs of five characters of the words in lower case."""
    plain = re.sub(r"[\W_]+", " ", text.lower()).strip() or "".join(text.split())
    return {plain[start : start + 5] for start in range(max(1, len(plain) - 4))}


def direct(one: str, other: str) -> float:
    return len(runs(one) & runs(other)) / len(runs(one) | runs(other))


def random_post(chance: random.Random, words: int) -> str:
    return " ".join("".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(words))


def pair_at(chance: random.Random, threshold: float) -> tuple[str, str]:
    """Two posts that just reach the threshold: the second one's end is cut for as long as they do."""
    post = random_post(chance, 30)
    least = next(
        end for end in range(int(threshold * len(post)) - 8, len(post)) if direct(post, post[:end]) >= threshold
    )
    return post, post[:least]


@given(st.text(max_size=60), st.text(max_size=60))
def test_jaccard_is_the_share_of_common_runs_of_five_characters(one: str, other: str) -> None:
    if runs(one) == {""} and runs(other) != {""}:
        assert jaccard(one, other) == 0
    else:
        assert jaccard(one, other) == pytest.approx(direct(one, other), abs=1e-12)
    assert jaccard(one, other) == jaccard(other, one)


def test_marks_case_and_emoji_do_not_tell_posts_apart_unless_they_are_all_there_is() -> None:
    assert jaccard("Gas terus, Pak Bupati!! 🔥🔥", "gas terus pak bupati") == 1
    assert jaccard("🔥", "✌️") == 0
    assert jaccard("🔥 🔥", "🔥🔥") == 1


@pytest.mark.parametrize("threshold", [0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9])
def test_bands_promise_to_find_pairs_at_the_threshold(threshold: float) -> None:
    bands, rows = choose_bands(threshold)
    assert 1 - (1 - threshold**rows) ** bands >= 0.995
    assert bands * rows <= 160


@pytest.mark.parametrize("threshold", [0.6, 0.7, 0.8, 0.9])
def test_pairs_at_the_threshold_are_found(threshold: float) -> None:
    chance = random.Random(int(threshold * 100))
    pairs = [pair_at(chance, threshold) for _ in range(600)]
    assert all(threshold <= direct(*pair) < threshold + 0.02 for pair in pairs)
    found = near_duplicates_across([one for one, _ in pairs], [other for _, other in pairs], threshold)
    # At most 0.5 % may be missed: 3 of 600. More than 10 would come by chance once in three thousand tests.
    assert len(found) >= 590
    assert all(pair.other_row == pair.row for pair in found)
    groups = near_same_groups([text for pair in pairs for text in pair], threshold)
    assert sum(one == other for one, other in zip(groups[::2], groups[1::2], strict=True)) >= 590


def test_every_pair_that_is_returned_reaches_the_threshold_and_is_the_nearest() -> None:
    chance = random.Random(7)
    base = [random_post(chance, 20) for _ in range(15)]

    def vary(text: str) -> str:
        words = text.split()
        for _ in range(chance.randint(0, 6)):
            words[chance.randrange(len(words))] = random_post(chance, 1)
        return " ".join(words)

    texts = [vary(chance.choice(base)) for _ in range(90)]
    others = [vary(chance.choice(base)) for _ in range(90)]
    found = {pair.row: pair for pair in near_duplicates_across(texts, others, 0.6)}
    best = {row: max(direct(text, other) for other in others) for row, text in enumerate(texts)}
    assert found.keys() == {row for row, value in best.items() if value >= 0.6}
    assert len(found) > 20
    for row, pair in found.items():
        assert pair.jaccard == pytest.approx(direct(texts[row], others[pair.other_row]), abs=1e-12)
        assert pair.jaccard == pytest.approx(best[row], abs=1e-12)


def test_a_repost_a_template_and_nothing_else_are_found_across_two_sets() -> None:
    train = [
        "Debat publik malam ini disiarkan langsung dari balai kota",
        TEMPLATE.format(place="Cibiru"),
        "KPU tetapkan jadwal rapat umum, mulai Senin depan",
        "",
        "🔥",
    ]
    dev = [
        "Hasil hitung cepat baru keluar sore nanti, sabar ya",
        "kpu tetapkan jadwal rapat umum mulai senin depan!!",
        TEMPLATE.format(place="Ciparay"),
        "",
        "✌️",
    ]
    exact, near = near_duplicates_across(dev, train)
    assert exact == NearDuplicate(1, 2, 1.0)
    assert (near.row, near.other_row) == (2, 1)
    assert near.jaccard == pytest.approx(direct(dev[2], train[1]))
    assert 0.7 <= near.jaccard < 1


def test_repeated_texts_each_get_an_entry_and_point_to_the_first_of_equals() -> None:
    text = "Sehat selalu Bu Wali, semoga amanah sampai akhir masa jabatan"
    found = near_duplicates_across([text, "Besok pagi rapat RT", text.upper()], ["Lain sekali", text, text])
    assert found == [NearDuplicate(0, 1, 1.0), NearDuplicate(2, 1, 1.0)]


def test_a_crowd_of_one_template_is_found_though_far_more_than_32_share_a_band() -> None:
    chance = random.Random(3)

    def many(count: int) -> list[str]:
        return [TEMPLATE.format(place=random_post(chance, 1)) for _ in range(count)]

    found = near_duplicates_across(many(130), many(130))
    assert [pair.row for pair in found] == list(range(130))
    assert len(set(near_same_groups(many(130)))) == 1


def test_groups_are_numbered_by_their_first_post() -> None:
    same = TEMPLATE.format(place="Sukajadi")
    texts = ["Cuaca Bandung cerah pagi ini", same, same.lower(), "Pasar tumpah lagi di jalan raya", same + "!"]
    assert near_same_groups(texts) == [0, 1, 1, 3, 1]


def test_nothing_in_nothing_out() -> None:
    assert near_same_groups([]) == []
    assert near_duplicates_across([], ["Selamat pagi warga"]) == []
    assert near_duplicates_across(["Selamat pagi warga"], []) == []
    assert near_duplicates_across(["", "  "], ["", " "]) == []


@pytest.mark.parametrize("threshold", [0.0, 0.05, 1.01, float("nan")])
def test_a_threshold_that_makes_no_sense_is_refused(threshold: float) -> None:
    with pytest.raises(InputError, match=r"between 0\.1 and 1"):
        near_duplicates_across(["a"], ["b"], threshold)
    with pytest.raises(InputError, match=r"between 0\.1 and 1"):
        near_same_groups(["a"], threshold)


def test_a_threshold_of_one_finds_the_same_words_only() -> None:
    text = TEMPLATE.format(place="Lembang")
    assert near_duplicates_across([text, text[:-20]], [text.upper()], 1.0) == [NearDuplicate(0, 0, 1.0)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(), max_size=30), max_size=8), st.sampled_from([0.1, 0.5, 0.7, 1.0]))
def test_any_text_goes_through(texts: list[str], threshold: float) -> None:
    found = near_duplicates_across(texts, list(reversed(texts)), threshold)
    assert {pair.row for pair in found} == {row for row, text in enumerate(texts) if runs(text) != {""}}
    assert all(pair.jaccard == 1.0 for pair in found)
    groups = near_same_groups(texts, threshold)
    assert all(group <= row and groups[group] == group for row, group in enumerate(groups))


def test_lone_surrogates_and_long_posts_go_through() -> None:
    long = " ".join(random_post(random.Random(1), 1) for _ in range(3)) + " " + random_post(random.Random(2), 30_000)
    assert near_duplicates_across(["\ud83d rusak sekali kiriman ini", long], [long + " tamat", "lain"]) == [
        NearDuplicate(1, 0, pytest.approx(1.0, abs=0.001))
    ]
