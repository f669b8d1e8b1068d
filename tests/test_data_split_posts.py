"""Parting posts in Python: groups, shares, labels, time, folds."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.corpus.duplicates import jaccard, near_duplicates_across
from netral_nlp.corpus.groups import connected, copies, values_apart
from netral_nlp.corpus.same_posts import ComparedPosts, same_across
from netral_nlp.corpus.split import (
    COPIES,
    LEFT_OUT,
    UNDATED,
    UNLABELLED,
    Split,
    SplitOptions,
    assign_groups,
    split_posts,
)
from netral_nlp.corpus.times import read_times
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.labels import LABELS, Label

WORDS = (
    "warga pasar jalan rusak jembatan sekolah guru petani nelayan harga beras minyak subsidi bansos debat kampanye "
    "surat suara saksi panitia desa kota provinsi bupati gubernur wakil calon nomor urut program visi misi janji kerja "
    "nyata bersama pilih dukung coblos ayo jangan lupa hari rabu pagi tps keluarga tetangga teman kantor ladang sawah "
    "puskesmas dokter obat gratis listrik air bersih sampah banjir tanggul pelabuhan ikan pupuk bibit panen raya"
).split()


def make_texts(count: int, seed: int = 0, words: int = 12) -> list[str]:
    """Posts of random words: no two are alike."""
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=words)) + f" {chance.randrange(10**6)}" for _ in range(count)]


def make_labels(count: int, seed: int = 0) -> list[Label]:
    return random.Random(seed + 1).choices(LABELS, weights=[6, 3, 1], k=count)


def near_copy(text: str, least: float = 0.85) -> str:
    """The post with another ending, at a likeness of at least `least` and below 1."""
    for ending in ("ya", "yuk", "deh"):
        changed = f"{text} {ending}"
        if least <= jaccard(text, changed) < 1:
            return changed
    raise AssertionError("no near copy")


def across(split: Split, values: Sequence[object]) -> set[object]:
    """Values that stand on two sides."""
    sides: dict[object, set[str]] = {}
    for side in split.sides:
        for row in side.rows:
            if values[row] is not None:
                sides.setdefault(values[row], set()).add(side.name)
    return {value for value, found in sides.items() if len(found) > 1}


def assert_each_row_once(split: Split, count: int) -> None:
    placed = [row for side in split.sides for row in side.rows]
    assert sorted([*placed, *split.reasons]) == list(range(count))
    assert all(list(side.rows) == sorted(side.rows) for side in split.sides)
    assert [row for row in range(count) if split.side_of[row] == LEFT_OUT] == sorted(split.reasons)


def assert_no_copy_crosses(split: Split, texts: Sequence[str], contexts: Sequence[str | None] | None = None) -> None:
    """Compare the sides with the finders of `netral data check`, not with the grouping that made them."""
    compared = ComparedPosts.of(texts, contexts or [None] * len(texts), [None] * len(texts))
    for place, side in enumerate(split.sides):
        for other in split.sides[place + 1 :]:
            assert same_across(compared, side.rows, compared, other.rows, 0.75) == []
            own, others = [texts[row] for row in side.rows], [texts[row] for row in other.rows]
            if contexts is None:
                assert near_duplicates_across(own, others, 0.75) == []
            assert not {text.strip() for text in own} & {text.strip() for text in others} - {""}


# -- leaks ------------------------------------------------------------------------------------------------------------


def test_planted_copies_authors_and_threads_never_stand_on_two_sides() -> None:
    texts = make_texts(300)
    exact = [texts[row] for row in range(0, 60, 2)]
    near = [near_copy(texts[row]) for row in range(1, 61, 2)]
    masked = [f"@warga_{row} {texts[row + 60]} https://contoh.id/{row}" for row in range(30)]
    posts = [*texts, *exact, *near, *masked]
    order = random.Random(3).sample(range(len(posts)), len(posts))
    posts = [posts[row] for row in order]
    authors = [f"Akun{row % 150}" if row % 3 else None for row in order]
    threads = [f"utas-{row // 4}" if row % 5 else "" for row in order]
    split = split_posts(posts, make_labels(len(posts)), apart={"author": authors, "thread": threads})

    assert_each_row_once(split, len(posts))
    assert_no_copy_crosses(split, posts)
    assert across(split, authors) == set()
    assert across(split, [thread or None for thread in threads]) == set()
    assert split.bound_by == (COPIES, "author", "thread")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_group_crosses_and_every_row_ends_exactly_once(data: st.DataObject) -> None:
    count = data.draw(st.integers(12, 60))
    pool = make_texts(data.draw(st.integers(8, 40)), seed=data.draw(st.integers(0, 50)))
    texts = [pool[data.draw(st.integers(0, len(pool) - 1))] for _ in range(count)]
    texts = [near_copy(text) if data.draw(st.booleans()) else text for text in texts]
    texts = ["" if data.draw(st.integers(0, 15)) == 0 else text for text in texts]
    labels = [LABELS[data.draw(st.integers(0, 2))] for _ in range(count)]
    apart = {}
    for name in data.draw(st.lists(st.sampled_from(["author", "thread", "source"]), unique=True, max_size=2)):
        cells = st.one_of(st.none(), st.integers(0, 40).map(lambda value: f"nama {value}"))
        apart[name] = [data.draw(cells) for _ in range(count)]
    shares = data.draw(
        st.sampled_from([{"train": 0.8, "dev": 0.1, "test": 0.1}, {"a": 0.5, "b": 0.5}, {"x": 0.7, "y": 0.3}])
    )
    folds = data.draw(st.sampled_from([None, None, 3]))
    times = None
    if folds is None and data.draw(st.booleans()):
        times = [f"2024-{data.draw(st.integers(1, 12)):02d}-03" for _ in range(count)]
    options = SplitOptions(
        shares=shares, folds=folds, seed=data.draw(st.integers(0, 9)),
        near_same=data.draw(st.sampled_from(["auto", "join", "set-aside"])),
    )  # fmt: skip
    try:
        split = split_posts(texts, labels, apart=apart, times=times, options=options)
    except InputError as error:  # too few groups for the sides: said, not papered over
        if not any(part in str(error) for part in ("cannot be parted", "would be empty", "too coarsely")):
            raise
        return
    assert_each_row_once(split, count)
    for values in (texts, *apart.values()):
        assert across(split, [value or None for value in values]) == set()
    assert_no_copy_crosses(split, texts)
    placed = split.groups >= 0
    assert across(split, np.where(placed, split.groups, -1).tolist()) <= {-1}
    if times is not None:
        spans = [(side.first, side.last) for side in split.sides]
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))


def test_context_tells_short_comments_apart_but_not_the_same_text() -> None:
    under = ["Debat calon wali kota di alun-alun dimulai pukul tujuh malam nanti", "Resep soto ayam kampung ala ibu"]
    texts = [
        "Setuju banget",
        "setuju banget!!",
        "Gas terus sampai menang hari Rabu",
        "Gas terus sampai menang hari Rabu ya",
    ]
    assert copies(texts, [under[0], under[1], None, None]).tolist() == [0, 0, 1, 1]
    alike = copies(["Gas terus sampai menang hari Rabu", "Gas terus sampai menang hari Rabu ya"], under)
    assert alike.tolist() == [0, 1]
    assert copies(["Mantap pak, lanjutkan", "Kurang setuju saya"], [under[0], under[0]]).tolist() == [0, 1]
    assert copies(["Bagus sekali kerjanya", "Bagus sekali kerjanyaa"], [under[0], under[0]]).tolist() == [0, 0]


def test_blank_posts_bind_nothing_but_likes_of_one_post_are_the_same() -> None:
    assert copies(["", "  ", "\n", ""]).tolist() == [0, 1, 2, 3]
    liked = ["Ayo coblos nomor dua hari Rabu besok di TPS masing-masing", "Jadwal posyandu bulan ini berubah"]
    assert copies(["", "", "", ""], [liked[0], liked[0], liked[1], None]).tolist() == [0, 0, 1, 2]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_what_check_finds_between_two_posts_is_one_group(seed: int) -> None:
    chance = random.Random(seed)
    pool, around = make_texts(6, seed, words=3), [*make_texts(3, seed + 1, words=6), "Ok", ""]
    texts = [chance.choice([text, near_ending(text, chance), f"@akun {text}", "", "https://contoh.id/a"])
             for text in chance.choices(pool, k=16)]  # fmt: skip
    contexts = [chance.choice([*around, None]) for _ in texts]
    groups = copies(texts, contexts, 0.6)
    compared = ComparedPosts.of(texts, contexts, [None] * len(texts))
    for row in range(len(texts)):
        others = [other for other in range(len(texts)) if other != row]
        for same in same_across(compared, [row], compared, others, 0.6):
            assert groups[same.row] == groups[same.other_row]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.6, 0.8]))
def test_same_posts_among_others_are_alike_by_text_and_by_text_with_context(seed: int, threshold: float) -> None:
    chance = random.Random(seed)
    pool, around = make_texts(5, seed, words=4), [*make_texts(2, seed + 1, words=8), None]
    size = chance.choice([12, 200])  # many under one context are compared another way
    texts = [chance.choice(["", f"@akun {text}", text]) + chance.choice(["", "!", " ya", " lho", " deh"])
             for text in chance.choices(pool, k=size)]  # fmt: skip
    posts = ComparedPosts.of(texts, chance.choices(around, k=size), [None] * size)
    rows, others = list(range(size // 2)), list(range(size // 2, size))

    found = {same.row: same for same in same_across(posts, rows, posts, others, threshold)}

    def by_text(row: int, other: int) -> float:
        return jaccard(posts.texts[row], posts.texts[other])

    def by_all(row: int, other: int) -> float:
        return jaccard(posts.joined[row], posts.joined[other])

    for row, same in found.items():
        assert same.jaccard == by_all(row, same.other_row)
        if posts.contexts[row] or posts.contexts[same.other_row]:
            assert by_text(row, same.other_row) >= threshold
    for row, other in itertools.product(rows, others) if size == 12 else ():
        if posts.contexts[row] == posts.contexts[other] != "" and posts.texts[row] and posts.texts[other]:
            assert by_text(row, other) < threshold or found[row].jaccard >= by_all(row, other)


def near_ending(text: str, chance: random.Random) -> str:
    return text + chance.choice(["", "!", " ya", " lho"])


def test_values_bind_whatever_their_case_and_missing_ones_bind_nothing() -> None:
    assert values_apart(["@Budi", "budi", None, "", " ", "[deleted]", "[deleted]"]).tolist() == [0, 0, 1, 2, 3, 4, 5]
    assert values_apart(["a:1", "a:2", "b:1", "c"], until=":").tolist() == [0, 0, 1, 2]


def test_groups_link_through_other_posts() -> None:
    one, other = np.array([0, 0, 1, 2, 3]), np.array([0, 1, 1, 2, 3])
    assert connected(one, other).tolist() == [0, 0, 0, 1, 2]
    assert connected(one).tolist() == [0, 0, 1, 2, 3]


# -- chains -----------------------------------------------------------------------------------------------------------


def chained_posts() -> tuple[list[str], list[str]]:
    """Eight authors of 30 posts each, whom a handful of shared texts link."""
    texts, authors = make_texts(240), [f"akun{row % 8}" for row in range(240)]
    for author in range(7):
        texts[author + 1] = texts[author + 16] = (
            f"Bagikan pesan berantai nomor {author} ini ke semua grup keluarga {author}"
        )
        authors[author + 1], authors[author + 16] = f"akun{author}", f"akun{author + 1}"
    return texts, authors


def test_where_copies_chain_most_posts_they_are_set_aside_not_joined() -> None:
    texts, authors = chained_posts()
    labels = make_labels(240)
    split = split_posts(
        texts, labels, apart={"author": authors}, options=SplitOptions(shares={"train": 0.6, "test": 0.4})
    )
    assert split.near_same == "set aside"
    assert 0 < len(split.reasons) <= 7
    assert all(reason.startswith(COPIES) for reason in split.reasons.values())
    assert any("chain" in note for note in split.notes)
    assert_each_row_once(split, 240)
    assert_no_copy_crosses(split, texts)
    assert across(split, authors) == set()
    with pytest.raises(InputError, match=r"author and copies.*--near-same set-aside"):
        split_posts(texts, labels, apart={"author": authors}, options=SplitOptions(near_same="join"))


def test_columns_that_chain_too_much_are_named_with_the_largest_group_and_a_remedy() -> None:
    texts = make_texts(100)
    sources = ["crawl-1"] * 90 + [f"s{row}" for row in range(10)]
    with pytest.raises(
        InputError, match=r"kept apart by source, 100 posts make 11 groups, the largest of 90 \(90.0 %\).*--until"
    ):
        split_posts(texts, make_labels(100), apart={"source": sources})
    one, other = [f"a{row // 2}" for row in range(100)], [f"t{(row + 1) // 2}" for row in range(100)]
    with pytest.raises(
        InputError, match=r"author and thread.*largest of 100 .*fewer columns.*author alone: 2; thread alone: 2"
    ):
        split_posts(texts, make_labels(100), apart={"author": one, "thread": other})


# -- shares and labels ------------------------------------------------------------------------------------------------


def test_single_posts_meet_shares_and_labels_to_the_post() -> None:
    labels = [LABELS[0]] * 600 + [LABELS[1]] * 300 + [LABELS[2]] * 100
    split = split_posts(
        make_texts(1000), labels, options=SplitOptions(shares={"train": 0.85, "dev": 0.1, "test": 0.05})
    )
    found = {side.name: [side.labels[label] for label in LABELS] for side in split.sides}
    assert found == {"train": [510, 255, 85], "dev": [60, 30, 10], "test": [30, 15, 5]}
    assert split.notes == ()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.97, 0.03), (0.25,) * 4]))
def test_groups_meet_shares_within_tolerance(seed: int, shares: tuple[float, ...]) -> None:
    chance = np.random.default_rng(seed)
    groups = np.repeat(np.arange(1000), chance.integers(1, 8, 1000))
    strata = chance.choice(3, len(groups), p=[0.6, 0.3, 0.1])
    sides = assign_groups(groups, strata, shares, seed)
    assert all(len(set(sides[groups == group].tolist())) == 1 for group in range(0, 1000, 37))
    for side, share in enumerate(shares):
        assert abs((sides == side).mean() - share) < 0.005
        for stratum in range(3):
            assert abs((sides[strata == stratum] == side).mean() - share) < 0.01


def test_seeds_decide_and_repeat() -> None:
    texts, labels = make_texts(200), make_labels(200)
    sources = [f"sumber {row % 12 if row % 3 else row % 5}" for row in range(200)]
    found = [
        split_posts(texts, labels, apart={"source": sources}, options=SplitOptions(seed=seed)).side_of.tolist()
        for seed in (0, 0, 1, 2, 3)
    ]
    assert found[0] == found[1]
    assert len({tuple(sides) for sides in found}) > 1


def test_a_missing_label_and_a_missed_share_are_said() -> None:
    texts = make_texts(60)
    labels = [LABELS[0]] * 58 + [LABELS[2]] * 2
    sources = ["besar"] * 45 + [f"kecil {row}" for row in range(15)]
    split = split_posts(texts, labels, apart={"source": sources})
    assert split.notes == ("dev and test have no campaigning post",)
    wide = split_posts(
        texts, labels, apart={"source": sources}, options=SplitOptions(shares={"train": 0.9, "test": 0.1})
    )
    assert wide.sides[0].share == pytest.approx(0.9)
    missed = split_posts(
        texts[:50], labels[:50], apart={"source": ["x"] * 20 + ["y"] * 20 + ["z"] * 10},
        options=SplitOptions(shares={"train": 0.6, "dev": 0.3, "test": 0.1}),
    )  # fmt: skip
    assert any("instead of" in note and "largest has 20 posts" in note for note in missed.notes)
    few = split_posts(texts[:4], labels[:4])
    assert few.notes == ("train holds 50.0 % of the posts instead of 80.0 %: 4 posts are few for these shares",)


def test_what_is_alike_of_several_folds_is_one_note() -> None:
    sources = [f"s{row}" for row in range(7) for _ in range((60, 50, 40, 30, 10, 5, 5)[row])]
    labels = [LABELS[int(source[1:]) % 3] for source in sources]
    split = split_posts(make_texts(200), labels, apart={"source": sources}, options=SplitOptions(folds=5))
    found = {side.name: side for side in split.sides}
    share, missing, uneven = split.notes
    off = [name for name, side in found.items() if abs(side.share - 0.2) > 0.02]
    assert len(off) > 1
    assert [name for name in found if name in share] == off
    assert share.startswith(
        f"{off[0]} holds {100 * found[off[0]].share:.1f} % of the posts instead of 20.0 %, {off[1]} "
    )
    assert share.endswith("groups are not parted, and the largest has 60 posts")
    for name, side in found.items():
        assert (name in missing) == (min(side.labels.values()) == 0)
    assert " and " in missing
    for label in LABELS:
        assert f"{label.value} are {labels.count(label) / 2:.1f} % of all posts, but " in uneven


def test_other_columns_can_keep_their_shares() -> None:
    platforms = ["twitter"] * 300 + ["tiktok"] * 100
    random.Random(5).shuffle(platforms)
    split = split_posts(make_texts(400), make_labels(400), strata=platforms)
    for side in split.sides:
        counts = Counter(platforms[row] for row in side.rows)
        assert abs(counts["tiktok"] / len(side.rows) - 0.25) < 0.02


def test_folds_hold_each_post_once_and_all_labels() -> None:
    labels = make_labels(500)
    split = split_posts(make_texts(500), labels, options=SplitOptions(folds=5, seed=4))
    assert [side.name for side in split.sides] == [f"fold_{number}" for number in range(1, 6)]
    assert {len(side.rows) for side in split.sides} == {100}
    for label in LABELS:
        assert max(side.labels[label] for side in split.sides) - min(side.labels[label] for side in split.sides) <= 1


def test_posts_without_a_label() -> None:
    texts, labels = make_texts(40), [*make_labels(38), None, ""]
    with pytest.raises(InputError, match=r"row 39: no label \(2 of 40 posts have none\).*--unlabelled set-aside"):
        split_posts(texts, labels)
    split = split_posts(texts, labels, options=SplitOptions(unlabelled="set-aside"))
    assert dict(split.reasons) == {38: UNLABELLED, 39: UNLABELLED}
    kept = split_posts(texts, labels, options=SplitOptions(unlabelled="keep"))
    assert kept.reasons == {}
    assert sum(sum(side.labels.values()) for side in kept.sides) == 38
    with pytest.raises(InputError, match=r"baris 1: unknown label 'promosi'"):
        split_posts(texts, ["promosi"] * 40, where=lambda row: f"baris {row + 1}")
    assert len(split_posts(texts).rows("train")) == 32


# -- time -------------------------------------------------------------------------------------------------------------


def test_by_time_the_earliest_posts_train_and_copies_beyond_a_border_are_set_aside() -> None:
    texts = make_texts(100)
    times = [f"2024-{1 + row // 10:02d}-{1 + row % 10:02d}" for row in range(100)]
    texts[95] = near_copy(texts[3])
    authors = [f"akun{row}" for row in range(100)]
    authors[85] = authors[10]
    order = random.Random(1).sample(range(100), 100)
    split = split_posts(
        [texts[row] for row in order], make_labels(100), times=[times[row] for row in order],
        apart={"author": [authors[row] for row in order]},
    )  # fmt: skip
    assert {order[row]: reason for row, reason in split.reasons.items()} == {
        95: "copies stand in train",
        85: "author stands in train",
    }
    assert sorted(order[row] for row in split.rows("train")) == list(range(80))
    assert sorted(order[row] for row in split.rows("test")) == [row for row in range(90, 100) if row != 95]
    assert "2024-08-10" in split.table()
    assert "2024-09-01" in split.table()


def test_posts_of_one_time_stay_on_one_side() -> None:
    times = ["2022"] * 45 + ["2023"] * 40 + ["2024"] * 15
    split = split_posts(make_texts(100), times=times, options=SplitOptions(shares={"train": 0.5, "test": 0.5}))
    assert [len(side.rows) for side in split.sides] == [45, 55]
    with pytest.raises(InputError, match="3 different times part 100 posts too coarsely"):
        split_posts(make_texts(100), times=times, options=SplitOptions())


def test_by_dates() -> None:
    times = [f"2024-{month:02d}-15" for month in range(1, 13) for _ in range(5)]
    options = SplitOptions(dev_from="2024-10-01", test_from="1 November 2024")
    split = split_posts(make_texts(60), make_labels(60), times=times, options=options)
    assert [len(side.rows) for side in split.sides] == [45, 5, 10]
    only = split_posts(make_texts(60), times=times, options=SplitOptions(test_from="2024-11-01"))
    assert [(side.name, len(side.rows)) for side in only.sides] == [("train", 50), ("test", 10)]
    with pytest.raises(ConfigError, match="--dev-from lies before --test-from"):
        split_posts(make_texts(60), times=times, options=SplitOptions(dev_from="2024-12-01", test_from="2024-11-01"))
    with pytest.raises(ConfigError, match="cannot read 'besok'"):
        split_posts(make_texts(60), times=times, options=SplitOptions(test_from="besok"))
    with pytest.raises(InputError, match="test would be empty"):
        split_posts(make_texts(60), times=times, options=SplitOptions(test_from="2025-01-01"))
    with pytest.raises(ConfigError, match="name the column"):
        split_posts(make_texts(60), options=options)


def test_posts_without_a_time() -> None:
    times: list[str | None] = [f"2024-01-{day:02d}" for day in range(1, 29)]
    times[4], times[9] = "kemarin", None
    with pytest.raises(InputError, match=r"2 of 28 posts have no time that can be read, the first in row 5"):
        split_posts(make_texts(28), times=times)
    split = split_posts(make_texts(28), times=times, options=SplitOptions(undated="set-aside"))
    assert dict(split.reasons) == {4: UNDATED, 9: UNDATED}


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("2024-11-27", 1732665600),
        ("2024-11-27T08:15:00Z", 1732695300),
        ("2024-11-27T15:15:00+07:00", 1732695300),
        ("2024-11-27 08:15:00", 1732695300),
        ("2024-11-27 08:15:00 +0000", 1732695300),
        ("2024-11-27 08:15:00.123456 UTC", 1732695300),
        ("Wed Nov 27 08:15:00 +0000 2024", 1732695300),
        ("Wed, 27 Nov 2024 08:15:00 GMT", 1732695300),
        ("1732695300", 1732695300),
        ("1732695300.0", 1732695300),
        ("1732695300000", 1732695300),
        ("1732695300000000", 1732695300),
        ("27 November 2024", 1732665600),
        ("Rabu, 27 November 2024 pukul 15.15 WIB", 1732695300),
        ("27 Agustus 2024", 1724716800),
        ("Nov 27, 2024 · 8:15 AM UTC", 1732695300),
        ("November 27, 2024 at 8:15 pm", 1732738500),
        ("2024", 1704067200),
        ("2024.0", 1704067200),
        ("2024-11", 1730419200),
        ("Desember 2024", 1733011200),
        ("20241127", 1732665600),
        ("2024/11/27", 1732665600),
        ("27/11/2024 15:15", 1732720500),
    ],
)  # fmt: skip
def test_times_that_exports_hold_are_read(cell: str, seconds: float) -> None:
    assert read_times([cell]).tolist() == [seconds]


@pytest.mark.parametrize(
    "cell",
    ["", " ", None, "kemarin", "27 Foo 2024", "2024-13-01", "30 Februari 2024", "1767909117749068112", "12", "27/11/24",
     "99999999", "0000", "2024-11-27T25:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_not_guessed(cell: str | None) -> None:
    assert np.isnan(read_times([cell])).all()


def test_orders_of_day_and_month_are_taken_from_the_column_or_refused() -> None:
    day_first = read_times(["03/04/2024", "27/11/2024"])
    assert day_first.tolist() == read_times(["2024-04-03", "2024-11-27"]).tolist()
    assert read_times(["03/04/2024", "11/27/2024"]).tolist() == read_times(["2024-03-04", "2024-11-27"]).tolist()
    assert read_times(["03/03/2024"]).tolist() == read_times(["2024-03-03"]).tolist()
    assert read_times(["03/04/2024"], order="month-first").tolist() == read_times(["2024-03-04"]).tolist()
    with pytest.raises(InputError, match="both orders: day first in row 2, month first in row 3"):
        read_times(["2024-01-01", "27/11/2024", "11/27/2024"])
    with pytest.raises(InputError, match="row 1 could be day first or month first"):
        read_times(["03/04/2024", "2024-01-01"])


# -- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": {"train": 0.8, "test": 0.1}}, "sum to 1"),
        ({"shares": {"train": 1.2, "test": -0.2}}, "sum to 1"),
        ({"shares": {"../train": 0.5, "test": 0.5}}, "letters, digits"),
        ({"shares": {"left_out": 0.5, "test": 0.5}}, "not left_out"),
        ({"shares": {"Test": 0.5, "test": 0.5}}, "one name"),
        ({"folds": 1}, "at least 2"),
        ({"folds": 3, "test_from": "2024"}, "no order of time"),
        ({"near_same": "never"}, "near-same"),
        ({"seed": -1}, "seed"),
    ],
)
def test_requests_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SplitOptions(**options)  # type: ignore[arg-type]


def test_what_cannot_be_split_is_said() -> None:
    with pytest.raises(InputError, match="there are no posts"):
        split_posts([])
    with pytest.raises(InputError, match="would be empty: 2 posts make only 2 groups"):
        split_posts(make_texts(2))
    with pytest.raises(InputError, match="would be empty: 30 posts make only 1 groups"):
        split_posts(["Ayo dukung pasangan nomor satu besok pagi"] * 30)
    with pytest.raises(InputError, match="2 labels for 3 posts"):
        split_posts(make_texts(3), [LABELS[0]] * 2)
    with pytest.raises(InputError, match="threshold"):
        split_posts(make_texts(30), options=SplitOptions(near=1.5))
    with pytest.raises(ConfigError, match="no order of time"):
        split_posts(make_texts(30), times=["2024"] * 30, options=SplitOptions(folds=2))
    with pytest.raises(KeyError):
        split_posts(make_texts(30)).rows("validation")
