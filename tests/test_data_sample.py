"""`netral data sample`: what is left out, what each strategy takes, what is spread, and that a seed settles all."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.cli.main import main
from netral_nlp.corpus.duplicates import jaccard
from netral_nlp.corpus.sample import strategies
from netral_nlp.corpus.sample.draw import draw
from netral_nlp.corpus.sample.exclusion import (
    HELD_OUT,
    LABELLED,
    NEAR_HELD_OUT,
    NEAR_LABELLED,
    NO_WORDS,
    REPEATED,
    SUITE,
    Exclusions,
    Reference,
    exclude,
    read_reference,
)
from netral_nlp.corpus.sample.options import SampleOptions
from netral_nlp.corpus.sample.pool import Pool, read_pool
from netral_nlp.corpus.sample.sample import exclusion_table, sample_posts
from netral_nlp.errors import ConfigError, InputError, MissingExtraError
from netral_nlp.evaluation.suites import suite_texts

WORDS = (
    "warga desa pasar pagi bupati kantor camat guru sekolah jalan rusak hujan sawah panen pupuk subsidi rapat dinas "
    "pegawai lurah kader posyandu bidan puskesmas nelayan perahu laut pelabuhan solar harga beras cabai pedagang kaki "
    "lima relawan spanduk kampung tahlilan pengajian masjid gereja pemuda karang taruna lapangan bola turnamen kopi "
    "warung obrolan malam debat televisi janji program irigasi jembatan listrik padam sinyal internet murid honorer"
).split()


def post(seed: int, length: int = 14) -> str:
    """A post unlike any other."""
    return " ".join(np.random.default_rng(seed).choice(WORDS, length))


def posts(count: int, start: int = 0) -> list[str]:
    return [post(start + number) for number in range(count)]


def nearly(text: str, least: float = 0.85) -> str:
    """The text with another ending, still at least this much like it."""
    changed = text + " ya"
    assert least <= jaccard(text, changed) < 1
    return changed


def sure(count: int, lead: float = 0.9) -> np.ndarray:
    """Probabilities of a model that is sure that all posts are neutral."""
    rest = (1 - lead) / 2
    return np.tile([lead, rest, rest], (count, 1))


# --- what is never drawn ---------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_neither_held_out_posts_nor_what_resembles_them_are_ever_drawn(data: st.DataObject) -> None:
    count = data.draw(st.integers(20, 60))
    held = posts(count, 1000)
    planted = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=15, unique=True))
    contexts = data.draw(st.lists(st.sampled_from([None, "Debat publik malam ini"]), min_size=len(planted),
                                  max_size=len(planted)))  # fmt: skip
    kinds = data.draw(st.lists(st.booleans(), min_size=len(planted), max_size=len(planted)))
    leaks = [nearly(held[place]) if near else held[place].upper() for place, near in zip(planted, kinds, strict=True)]
    own = posts(30)
    order = data.draw(st.permutations(range(30 + len(leaks))))
    texts, answered = [*own, *leaks], [*[None] * 30, *contexts]
    pool = Pool.of([texts[place] for place in order], contexts=[answered[place] for place in order])
    by = data.draw(st.sampled_from(["random", "uncertainty"]))
    sample = sample_posts(
        pool,
        SampleOptions(count=100, by=by, seed=data.draw(st.integers(0, 9))),
        never=Reference.of(held),
        opinion=lambda part: sure(len(part)),
    )
    assert sorted(sample.posts.texts) == sorted(own)
    assert sample.excluded == {NEAR_HELD_OUT: len(leaks)}


def test_every_reason_is_counted_under_its_name() -> None:
    held, labelled = posts(2, 100), posts(2, 200)
    suite = max(suite_texts(), key=len)
    fine = posts(3)
    pool = Pool.of(
        ["", "@bupati_kita https://contoh.id/a", held[0], nearly(held[1]), labelled[0], nearly(labelled[1]), suite,
         *fine, nearly(fine[0]), fine[1].upper()]
    )  # fmt: skip
    found = exclude(pool, never=Reference.of(held), labelled=Reference.of(labelled), suites=suite_texts(), near=0.7)
    assert found.reasons == {
        NO_WORDS: 2, HELD_OUT: 1, NEAR_HELD_OUT: 1, LABELLED: 1, NEAR_LABELLED: 1, SUITE: 1, REPEATED: 2,
    }  # fmt: skip
    assert found.kept.tolist() == [7, 8, 9]
    assert found.copies.tolist() == [2, 2, 1]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 11), min_size=1, max_size=60))
def test_of_each_near_same_group_the_first_stays(numbers: list[int]) -> None:
    texts = [post(number) + "!" * place for place, number in enumerate(numbers)]
    found = exclude(Pool.of(texts))
    assert [numbers[row] for row in found.kept] == list(dict.fromkeys(numbers))
    assert found.copies.tolist() == list(Counter(numbers).values())


def test_a_near_same_post_of_another_likeness_stays() -> None:
    text = post(1)
    half = " ".join([*text.split()[:9], *post(2).split()[:5]])
    likeness = jaccard(text, half)
    assert 0.3 < likeness < 0.7
    assert exclude(Pool.of([half]), never=Reference.of([text])).kept.tolist() == [0]
    assert exclude(Pool.of([half]), never=Reference.of([text]), near=likeness - 0.05).kept.tolist() == []


def test_a_short_comment_is_another_post_under_another_post() -> None:
    one, other = "Debat kandidat gubernur malam ini di televisi", "Jadwal imsakiyah kota kita untuk bulan ini"
    held = Reference.of(["Gas pak!"], [one])
    pool = Pool.of(["gas pak", "Gas pak", "gas pak", "Gas, pak"], contexts=[one + "!", other, None, other])
    found = exclude(pool, never=held)
    assert found.kept.tolist() == [1]  # in the same context; in another; in none that is known; a repetition
    assert found.reasons == {NEAR_HELD_OUT: 2, REPEATED: 1}


def test_a_long_comment_is_the_same_post_under_any_post() -> None:
    held = Reference.of([post(5)], ["Debat kandidat malam ini"])
    assert not len(exclude(Pool.of([post(5)], contexts=["Harga cabai naik lagi"]), never=held).kept)


def test_a_short_comment_whose_held_out_twin_has_no_known_context_is_left_out() -> None:
    pool = Pool.of(["Mantap pak"], contexts=["Debat kandidat malam ini"])
    assert not len(exclude(pool, never=Reference.of(["mantap pak!"])).kept)


@pytest.mark.parametrize(
    ("held", "drawn"),
    [
        (post(1, 7), f"@warga_satu: {post(1, 7)} https://t.co/aB3dE6gH9k"),
        (f"{post(1, 7)} https://contoh.id/berita/2024/debat-publik", f"@ibu_guru @pak_lurah {post(1, 7)}"),
        (f"{post(1, 7)} hubungi 0812-3456-7890", f"{post(1, 7)} hubungi 0857-9876-5432"),
        ("@akun_satu gas pak", "@akun_yang_lain gas pak"),
    ],
)
def test_handles_links_and_numbers_do_not_make_another_post(held: str, drawn: str) -> None:
    assert jaccard(held, drawn) < 0.7
    found = exclude(Pool.of([drawn, post(2)]), never=Reference.of([held]))
    assert (found.kept.tolist(), dict(found.reasons)) == ([1], {NEAR_HELD_OUT: 1})
    assert exclude(Pool.of([drawn, held, post(2)])).kept.tolist() == [0, 2]
    apart = Reference.of([held], ["Jadwal ronda pekan depan"])
    again = exclude(Pool.of([drawn], contexts=["Debat publik malam ini"]), never=apart)
    assert len(again.kept) == (held == "@akun_satu gas pak")  # short: another post under another post


def test_a_few_of_many_left_out_are_not_none() -> None:
    left = Exclusions(np.arange(9_999), np.ones(9_999, dtype=np.int64), {HELD_OUT: 1})
    _, held, kept = exclusion_table(10_000, left).splitlines()
    assert held.endswith(" < 0.1 %")
    assert kept.endswith(" > 99.9 %")


def test_a_lone_hand_sign_has_words_enough() -> None:
    assert exclude(Pool.of(["✌️", "@a @b https://x.id/1"])).kept.tolist() == [0]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("column", "digits", "before"),
    [("sha256", 64, ""), ("hash", 20, ""), ("id", 16, ""), ("sha256", 64, "sha256:"), ("id", 16, " SHA256:")],
)
def test_a_label_file_with_hashes_alone_keeps_out_its_posts_and_what_resembles_them(
    tmp_path: Path, column: str, digits: int, before: str
) -> None:
    texts = [f"{post(1)} & {post(2)}", *posts(3, 10)]
    path = tmp_path / "labels.csv"
    path.write_text(f"{column},label\n{before}{hashlib.sha256(texts[0].encode()).hexdigest()[:digits]},neutral\n")
    said: list[str] = []
    reference = read_reference([path], say=said.append)
    copy = texts[0].replace("&", "&amp;") + "\n"  # as a web page or a spreadsheet changes it
    found = exclude(Pool.of([nearly(copy), *texts[1:], copy]), never=reference)
    assert found.kept.tolist() == [1, 2, 3]
    assert found.reasons == {HELD_OUT: 1, NEAR_HELD_OUT: 1}
    assert exclude(Pool.of([nearly(copy)]), never=reference).kept.tolist() == [0]
    assert reference.files == {str(path): 1}
    assert "only where the pool holds that post" in said[0]


def test_held_out_posts_are_read_from_exports_and_from_tasks_that_nobody_has_answered(tmp_path: Path) -> None:
    texts = posts(3)
    tasks = [{"id": 7, "data": {"post_id": "a", "text": texts[0]}, "annotations": []}, {"data": {"text": texts[1]}}]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks))
    assert exclude(Pool.of(texts), labelled=read_reference([path])).kept.tolist() == [2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "nama,umur\nx,1\n", "missing text column"),
        ("a.csv", "sha256,label\nxyz,neutral\n", "row 1, column 'sha256': not a hash of 16 to 64 hex digits; mend"),
        ("a.csv", "sha256,label\n1.23457E+15,neutral\n", "row 1, column 'sha256': a number, no hash: a spreadsheet"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "row 2"),
        ("a.csv", "", "the file is empty"),
    ],
)
def test_a_broken_file_of_held_out_posts_stops_everything(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_reference([path])


# --- what is taken ---------------------------------------------------------------------------------------------------


def test_uncertainty_takes_the_least_margin_and_breaks_ties_by_entropy() -> None:
    chances = [[0.9, 0.05, 0.05], [0.45, 0.45, 0.1], [0.4, 0.4, 0.2], [0.5, 0.3, 0.2], [0.0, 0.5, 0.5]]
    assert strategies.by_uncertainty(chances).tolist() == [2, 1, 4, 3, 0]


def test_disagreement_takes_other_labels_first_then_the_farthest_apart() -> None:
    one = np.array([[0.9, 0.1, 0.0], [0.55, 0.45, 0.0], [0.9, 0.05, 0.05], [0.98, 0.01, 0.01]])
    other = np.array([[0.9, 0.1, 0.0], [0.45, 0.55, 0.0], [0.0, 0.1, 0.9], [0.5, 0.3, 0.2]])
    assert strategies.by_disagreement(one, other).tolist() == [2, 1, 3, 0]


def test_divergences_are_those_of_scipy() -> None:
    from scipy.spatial.distance import jensenshannon

    chance = np.random.default_rng(1)
    one, other = chance.dirichlet([1, 1, 1], 50), chance.dirichlet([1, 1, 1], 50)
    expected = [jensenshannon(left, right, base=2) ** 2 for left, right in zip(one, other, strict=True)]
    np.testing.assert_allclose(strategies.divergences(one, other), expected, atol=1e-12)
    assert strategies.divergences([[1, 0, 0]], [[0, 1, 0]]).tolist() == [1.0]


THEMES = (
    "harga beras cabai pasar pedagang naik mahal sembako",
    "jalan rusak berlubang jembatan aspal proyek mangkrak",
    "sekolah guru honorer murid seragam gaji rapor",
    "nelayan perahu solar laut ombak pelabuhan ikan",
)


def themed(sizes: tuple[int, ...]) -> tuple[list[str], list[int]]:
    chance = np.random.default_rng(3)
    texts, themes = [], []
    for theme, size in enumerate(sizes):
        for _ in range(size):
            texts.append(" ".join(chance.permutation(THEMES[theme].split())))
            themes.append(theme)
    return texts, themes


def test_diversity_takes_one_of_each_kind_however_rare() -> None:
    texts, themes = themed((60, 60, 6, 4))
    rows, sizes = strategies.diverse(strategies.embed(texts), 4)
    assert sorted(themes[row] for row in rows) == [0, 1, 2, 3]
    assert sorted(sizes.tolist()) == [4, 6, 60, 60]


def test_mixed_takes_uncertain_posts_of_all_kinds() -> None:
    texts, themes = themed((60, 60, 60, 20))
    chances = sure(len(texts))
    unsure = [row for row, theme in enumerate(themes) if row % 6 == 0 or theme == 3]
    chances[unsure] = [0.4, 0.35, 0.25]
    options = SampleOptions(count=8, by="mixed", share_random=0)
    rows = [one.row for one in draw(Pool.of(texts), options, opinion=lambda part: chances).posts]
    assert len(rows) == 8
    assert set(rows) <= set(unsure)
    assert {themes[row] for row in rows} == {0, 1, 2, 3}
    top = strategies.by_uncertainty(chances)[:8]
    assert {themes[row] for row in top} != {0, 1, 2, 3}  # which uncertainty alone does not do


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 3))
def test_diversity_takes_as_many_distinct_posts_as_asked_for(size: int, count: int, kinds: int) -> None:
    texts = [post(number % (kinds + 1)) for number in range(size)]  # fewer kinds than are asked for
    rows, sizes = strategies.diverse(strategies.embed(texts), count)
    assert len(set(rows.tolist())) == len(rows) == min(size, count) == len(sizes)
    assert rows.tolist() == sorted(rows.tolist())


def test_many_clusters_are_found_in_parts() -> None:
    vectors = np.random.default_rng(0).normal(size=(1500, 8)).astype(np.float32)
    rows, sizes = strategies.diverse(vectors, 600)
    assert len(set(rows.tolist())) == 600
    assert sizes.sum() == 1500


def test_posts_without_a_word_can_be_laid_out_too() -> None:
    assert strategies.embed(["", "@a"]).shape[0] == 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=12), st.integers(0, 500))
def test_seats_are_parted_whole_and_within_limits(sizes: list[int], count: int) -> None:
    given_seats = strategies.allocate(np.sqrt(sizes), sizes, count)
    assert sum(given_seats) == min(count, sum(sizes))
    assert all(seats <= size for seats, size in zip(given_seats, sizes, strict=True))
    pairs = sorted(zip(sizes, given_seats, strict=True))
    assert all(one[1] <= other[1] + 1 for one, other in pairwise(pairs))


def test_a_spread_goes_by_the_square_root_of_the_sizes() -> None:
    texts = posts(620)
    pool = Pool.of(texts, fields={"source": ["besar"] * 400 + ["sedang"] * 100 + ["kecil"] * 100 + ["renik"] * 20})
    drawn = draw(pool, SampleOptions(count=90, by="random", spread=("source",)))
    assert {value[0]: taken for value, (_, taken) in drawn.strata.items()} == {
        "besar": 41, "sedang": 20, "kecil": 20, "renik": 9,
    }  # fmt: skip
    assert sum(post.weight or 0 for post in drawn.posts) == pytest.approx(620)


@pytest.mark.parametrize("by", ["uncertainty", "mixed", "diversity", "disagreement"])
def test_every_strategy_is_spread_and_has_its_random_part(by: str) -> None:
    pool = Pool.of(
        posts(120), fields={"source": ["x"] * 90 + ["fb"] * 30, "posted_at": ["2023-05-01", "2024-01-01"] * 60}
    )
    chances = np.random.default_rng(0).dirichlet([1, 1, 1], 120)
    places = {text: place for place, text in enumerate(pool.texts)}

    def opinion(part: Pool) -> np.ndarray:
        return chances[[places[text] for text in part.texts]]

    options = SampleOptions(count=40, by=by, spread=("source", "year"), share_random=0.25)
    drawn = draw(pool, options, opinion=opinion, second_opinion=lambda part: opinion(part)[:, ::-1])
    assert drawn.reasons == {by: 30, "random": 10}
    assert len({post.row for post in drawn.posts}) == 40
    assert len(drawn.strata) == 4
    assert all(post.weight == 12 and post.score is None for post in drawn.posts if post.reason == "random")
    assert all(post.weight is None and post.score is not None for post in drawn.posts if post.reason == by)
    picked = Counter(pool.fields["source"][post.row] for post in drawn.posts if post.reason == by)
    assert 9 <= picked["fb"] <= 13  # square roots: 30 to 17; by size alone it would be 7 or 8


def test_the_random_part_is_an_unbiased_draw() -> None:
    pool = Pool.of(posts(60))
    hits: Counter[int] = Counter()
    for seed in range(300):
        options = SampleOptions(count=20, by="uncertainty", share_random=0.5, seed=seed)
        drawn = draw(pool, options, opinion=lambda part: sure(len(part)))
        hits.update(post.row for post in drawn.posts if post.reason == "random")
    # 300 draws of 10 in 60: 50 each, with a standard deviation of 6.5.
    assert max(abs(hits[row] - 50) for row in range(60)) < 28


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    texts, _ = themed((40, 40, 40, 40))
    pool = Pool.of(texts, probabilities=np.random.default_rng(0).dirichlet([1, 1, 1], 160))
    for by in ("mixed", "uncertainty", "diversity", "random"):
        one, again, other = (
            sample_posts(pool, SampleOptions(count=20, by=by, seed=seed, near=1.0)).posts.ids for seed in (1, 1, 2)
        )
        assert one == again
        assert set(one) != set(other)


def test_a_part_of_the_pool_is_looked_at_where_asked() -> None:
    pool = Pool.of(posts(100))
    asked: list[int] = []

    def opinion(part: Pool) -> np.ndarray:
        asked.append(len(part))
        return sure(len(part))

    drawn = draw(pool, SampleOptions(count=10, by="uncertainty", max_pool=30), opinion=opinion)
    assert asked == [30]
    assert drawn.considered == 30
    assert drawn.reasons == {"uncertainty": 9, "random": 1}


def test_suggestions_ask_the_model_about_every_drawn_post() -> None:
    for by in ("random", "diversity", "uncertainty"):
        options = SampleOptions(count=10, by=by, max_pool=12)
        drawn = draw(Pool.of(posts(30)), options, opinion=lambda part: sure(len(part)), with_probabilities=True)
        assert [post.probabilities for post in drawn.posts] == [(0.9, 0.05, 0.05)] * 10


def test_fewer_posts_than_asked_for_are_all_taken_and_told() -> None:
    said: list[str] = []
    sample = sample_posts(Pool.of(posts(5)), SampleOptions(count=9, by="random"), say=said.append)
    assert len(sample.posts) == 5
    assert "fewer posts are left than asked for: 5 of 9; all of them are taken" in said


@pytest.mark.parametrize("by", ["mixed", "uncertainty", "disagreement", "diversity"])
def test_where_all_posts_are_taken_none_is_scored(by: str) -> None:
    def opinion(part: Pool) -> np.ndarray:
        raise AssertionError("asked")

    for count in (5, 9):
        said: list[str] = []
        options = SampleOptions(count=count, by=by, share_random=0.4)
        sample = sample_posts(Pool.of(posts(5)), options, opinion=opinion, second_opinion=opinion, say=said.append)
        assert sorted(sample.posts.texts) == sorted(posts(5))
        assert sample.drawn.reasons == {by: 5 - round(0.4 * 5), "random": round(0.4 * 5)}
        assert {post.score for post in sample.drawn.posts} == {None}
        assert sample.drawn.considered == 0
        assert any("all of them are taken" in line for line in said)
        assert any("without scoring them" in line for line in said) == (by != "diversity")
    shown = SampleOptions(count=9, by=by)
    asked: list[int] = []

    def counted(part: Pool) -> np.ndarray:
        asked.append(len(part))
        return sure(len(part))

    drawn = draw(Pool.of(posts(5)), shown, opinion=counted, second_opinion=opinion, with_probabilities=True)
    assert {post.probabilities for post in drawn.posts} == {(0.9, 0.05, 0.05)}
    assert asked == [5]


@pytest.mark.parametrize(
    ("count", "share", "drawn"), [(5, 0.1, 1), (2, 0.01, 1), (1, 0.1, 0), (5, 0.0, 0), (30, 0.1, 3)]
)
def test_a_small_draw_has_a_random_post_too(count: int, share: float, drawn: int) -> None:
    options = SampleOptions(count=count, by="uncertainty", share_random=share)
    found = draw(Pool.of(posts(40)), options, opinion=lambda part: sure(len(part)))
    assert found.reasons.get("random", 0) == drawn
    assert len(found.posts) == count


def test_a_table_makes_a_pool_and_a_sample_makes_a_table() -> None:
    import pandas as pd

    frame = pd.DataFrame({"text": posts(6), "platform": ["x", None] * 3, "p_neutral": 0.5, "p_supportive": 0.3,
                          "p_campaigning": 0.2})  # fmt: skip
    found = sample_posts(Pool.from_frame(frame), SampleOptions(count=4, by="uncertainty", share_random=0)).frame()
    assert list(found.columns) == ["id", "text", "context", "action", "platform", "reason", "score", "weight", "copies"]
    assert found["score"].tolist() == pytest.approx([0.8] * 4)
    with pytest.raises(InputError, match="no column 'text'"):
        Pool.from_frame(pd.DataFrame({"isi": ["a"]}))


# --- reading a pool --------------------------------------------------------------------------------------------------


def test_dumps_of_any_kind_are_read_as_one_pool(tmp_path: Path) -> None:
    tweets = tmp_path / "tweets.csv"
    tweets.write_text(
        "id_str,full_text,username,created_at,conversation_id_str\n1800000000000000001,Jalan desa kami rusak lagi,"
        "warga1,2024-10-01 10:00,99\n"
    )
    rows = [{"id": 7, "text": "Gas pak", "context": "Debat malam ini", "action": "komentar", "year": 2023, "lain": 1}]
    packed = tmp_path / "posts.jsonl.gz"
    packed.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    pool = read_pool([tweets, packed], columns=["lain"]).pool
    assert pool.ids == ["1800000000000000001", "7"]
    assert pool.contexts == [None, "Debat malam ini"]
    assert pool.actions == [None, "comment"]
    assert pool.years() == ["2024", "2023"]
    assert pool.fields["thread"] == ["99", None]
    assert pool.fields["author"] == ["warga1", None]
    assert pool.fields["lain"] == [None, "1"]
    assert pool.probabilities is None


def test_ids_that_repeat_are_told_apart(tmp_path: Path) -> None:
    one = write(tmp_path / "a.jsonl", [{"id": "1", "text": post(1)}, {"id": "1-2", "text": post(2)}])
    other = write(tmp_path / "b.jsonl", [{"id": "1", "text": post(3)}])
    assert read_pool([one, other]).pool.ids == ["1", "1-2", "1-3"]


def test_rows_that_cannot_be_read_are_counted_and_told(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "Rapat desa besok pagi"}\n{"text": \n{"text": "Panen raya di sawah"}\n')
    read = read_pool([path])
    assert len(read.pool) == 2
    assert read.unreadable == 1
    assert any("1 rows cannot be read and are left out; the first is row 2" in note for note in read.notes)


# --- the command -----------------------------------------------------------------------------------------------------


def dump(path: Path, count: int = 60, **more: object) -> Path:
    return write(path, [{"id": f"p{n}", "text": text, **more} for n, text in enumerate(posts(count))])


def scored(path: Path, count: int = 60, seed: int = 0) -> Path:
    chances = np.random.default_rng(seed).dirichlet([1, 1, 1], count).round(6)
    rows = [
        {"id": f"p{n}", "text": text, "p_neutral": p[0], "p_supportive": p[1], "p_campaigning": p[2]}
        for n, (text, p) in enumerate(zip(posts(count), chances.tolist(), strict=True))
    ]
    return write(path, rows)


def run(*arguments: object) -> int:
    return main(["data", "sample", *map(str, arguments)])


def test_the_command_scores_with_a_model_and_says_why_each_post_was_taken(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool, out = dump(tmp_path / "posts.jsonl", platform="x"), tmp_path / "tasks.json"
    dev = write(tmp_path / "dev.jsonl", [{"text": post(0), "label": "neutral"}, {"text": nearly(post(1))}])
    assert run(pool, "-o", out, "--never", dev, "--model", tiny_model, "--count", 20) == 0
    printed = capsys.readouterr()
    meta = json.loads((tmp_path / "tasks.json.meta.json").read_text())
    assert meta["counts"]["left_out"] == {HELD_OUT: 1, NEAR_HELD_OUT: 1}
    assert meta["counts"]["by_reason"] == {"mixed": 18, "random": 2}
    assert meta["pool"] == [
        {"name": "posts.jsonl", "sha256": hashlib.sha256(pool.read_bytes()).hexdigest(), "posts": 60}
    ]
    assert meta["models"][0]["name"] == tiny_model.name
    tasks = json.loads(out.read_text())
    assert [task["data"]["post_id"] for task in tasks] == [entry["id"] for entry in meta["posts"]]
    assert not {"p0", "p1"} & {entry["id"] for entry in meta["posts"]}
    assert "scoring 56 posts" in printed.err
    assert ["nearly the same as a held-out post", "1", "1.7 %"] in [
        re.split(r"\s{2,}", line.strip()) for line in printed.err.splitlines()
    ]
    texts = posts(60)
    assert not any(text in printed.out + printed.err + json.dumps(meta) for text in texts)


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    pool = scored(tmp_path / "posts.jsonl")
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert (
            run(pool, "-o", tmp_path / name / "tasks.json", "--count", 20, "--annotators", 3, "--labelled", pool) == 1
        )
        assert run(pool, "-o", tmp_path / name / "tasks.json", "--count", 20, "--annotators", 3) == 0
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert len(written[0]) == 5


def test_probabilities_of_scored_files_are_used_and_it_is_said_that_nothing_is_kept_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool, out = scored(tmp_path / "scored.jsonl"), tmp_path / "tasks.json"
    assert run(pool, "-o", out, "--by", "uncertainty", "--count", 10, "--share-random", 0, "--scored") == 0
    said = capsys.readouterr().err
    assert "neither --never nor --labelled is given: fine in a first round; from then on name your dev and test" in said
    assert "warning" not in said
    assert "scoring" not in said
    chances = read_pool([pool]).pool.probabilities
    best = {f"p{row}" for row in strategies.by_uncertainty(chances)[:10]}
    meta = json.loads((tmp_path / "tasks.json.meta.json").read_text())
    assert {entry["id"] for entry in meta["posts"]} == best


@pytest.mark.parametrize("name", ["tasks.csv", "tasks.json", "tasks.jsonl"])
def test_a_draw_spread_over_the_labels_of_a_model_does_not_show_them(tmp_path: Path, name: str) -> None:
    pool = tmp_path / "scored.jsonl"
    lines = [json.dumps({"text": text, "label": "supportive", "sumber": "koran"}) for text in posts(20)]
    pool.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / name
    assert run(pool, "-o", out, "--by", "random", "--count", 5, "--spread", "label", "sumber") == 0
    written = out.read_text(encoding="utf-8")
    assert "supportive" not in written
    assert "koran" in written
    strata = json.loads((tmp_path / f"{name}.meta.json").read_text())["strata"]
    assert strata == [{"label": "supportive", "sumber": "koran", "candidates": 20, "drawn": 5}]


def test_two_scored_files_of_the_same_posts_show_where_models_disagree(tmp_path: Path) -> None:
    one, other = scored(tmp_path / "one.jsonl", seed=1), scored(tmp_path / "other.jsonl", seed=2)
    best = strategies.by_disagreement(*(read_pool([path]).pool.probabilities for path in (one, other)))[:10]
    for number, more in enumerate([[one, other], [one, "--second-model", other]]):
        out = tmp_path / f"tasks{number}.jsonl"
        assert run(*more, "-o", out, "--by", "disagreement", "--count", 10, "--share-random", 0) == 0
        assert {json.loads(line)["id"] for line in out.read_text().splitlines()} == {f"p{row}" for row in best}


def test_a_model_does_not_disagree_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool, out = scored(tmp_path / "one.jsonl"), tmp_path / "tasks.json"
    assert run(pool, "--second-model", pool, "-o", out, "--by", "disagreement", "--count", 10) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert "the two models judge all 59 posts alike" in told
    assert "--by uncertainty" in told
    assert not out.exists()


def test_the_manifest_names_no_model_that_was_not_asked(tmp_path: Path, tiny_model: Path) -> None:
    for name, make, model in (("dump", dump, ["--model", tiny_model]), ("scored", scored, [])):
        out = tmp_path / f"{name}.json"
        pool = make(tmp_path / f"{name}.jsonl", 8)
        assert run(pool, "-o", out, "--count", 8, "--by", "uncertainty", *model) == 0
        meta = json.loads((tmp_path / f"{name}.json.meta.json").read_text())
        assert meta["models"] == []
        assert meta["counts"]["drawn"] == 8


def test_who_reads_how_many_posts_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool, out = dump(tmp_path / "posts.jsonl"), tmp_path / "tasks.csv"
    assert run(pool, "-o", out, "--by", "random", "--count", 30, "--annotators", 3, "--overlap", 0.2) == 0
    lines = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert ["file", "posts", "read by two"] in lines
    assert ["different posts", "30", "6"] in lines
    told = [line for line in lines if line[0].startswith("tasks.annotator")]
    assert [line[0] for line in told] == [f"tasks.annotator-{number}.csv" for number in (1, 2, 3)]
    for line in told:
        assert int(line[1]) == len((tmp_path / line[0]).read_text(encoding="utf-8").splitlines()) - 1
    assert (sum(int(line[1]) for line in told), sum(int(line[2]) for line in told)) == (36, 12)
    assert run(pool, "-o", tmp_path / "one.csv", "--by", "random", "--count", 30) == 0
    assert "read by two" not in capsys.readouterr().out


def unreadable(path: Path) -> Path:
    """A pool over which whoever reads it stumbles."""
    path.write_text("rusak\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("argument", ["--never", "--labelled"])
def test_posts_to_keep_out_that_cannot_be_had_are_told_before_the_pool_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argument: str
) -> None:
    pool = unreadable(tmp_path / "posts.jsonl")
    textless = write(tmp_path / "dev.jsonl", [{"judul": "x"}])
    for wrong, said in ((tmp_path / "tiada.jsonl", "no such file"), (textless, "missing text column")):
        assert run(pool, "-o", tmp_path / "tasks.json", argument, wrong) == 1
        assert f"{wrong}: {said}" in capsys.readouterr().err.splitlines()[-1]


def test_an_output_that_cannot_be_written_is_told_before_the_pool_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = unreadable(tmp_path / "posts.jsonl")
    for out, said in (
        (tmp_path / ("t" * 250 + ".json"), "cannot be written"),  # longer than a name can be
        (tmp_path / "tiada" / "a.json", "there is no folder"),
        (write(tmp_path / "tasks.json", []), "exists already"),
    ):
        assert run(pool, "-o", out) == 1
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1
        assert said in told[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["posts.jsonl", "tasks.json"]


def test_a_second_model_scores_too(tmp_path: Path, tiny_model: Path, tiny_wordpiece_model: Path) -> None:
    out = tmp_path / "tasks.jsonl"
    pool = dump(tmp_path / "posts.jsonl", 30)
    models = ["--model", tiny_model, "--second-model", tiny_wordpiece_model]
    assert run(pool, "-o", out, "--by", "disagreement", "--count", 10, *models) == 0
    meta = json.loads((tmp_path / "tasks.jsonl.meta.json").read_text())
    assert [model["name"] for model in meta["models"]] == [tiny_model.name, tiny_wordpiece_model.name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["POOL", "--count", "0"], "--count is at least 1"),
        (["POOL", "--near", "0"], "--near lies between 0.1 and 1"),
        (["POOL", "--share-random", "2"], "--share-random lies between 0 and 1"),
        (["POOL", "--max-pool", "5"], "--max-pool 5 is less than --count 500"),
        (["POOL", "--by", "disagreement"], "needs two opinions: give --second-model"),
        (["POOL", "--second-model", "x"], "--second-model goes with --by disagreement"),
        (["POOL", "--by", "disagreement", "--model", "x", "--second-model", "x"], "are one model"),
        (["POOL", "--scored"], "has no columns p_neutral, p_supportive, p_campaigning"),
        (["POOL", "--scored", "--model", "x"], "leave out --model, or --scored"),
        (["POOL", "--by", "random", "--spread", "source"], "no post of the pool has 'source'"),
        (["POOL", "--by", "random", "--spread", "text"], "--spread text: it holds the texts of the posts"),
        (["POOL", "--text-column", "isi"], "no column 'isi' (named by --text-column)"),
        (["POOL", "--never", "tiada.jsonl"], "tiada.jsonl: no such file"),
        (["POOL", "--annotators", "0"], "--annotators is at least 1"),
        (["POOL", "--overlap", "0.2"], "--overlap goes with --annotators"),
        (["POOL", "--never", "POOL", "tiada.jsonl", "--text-column", "isi"], "tiada.jsonl: no such file"),
        (["POOL", "--labelled", "tiada.jsonl", "--scored"], "tiada.jsonl: no such file"),
        (["POOL", "--model", "tiada/model"], "tiada/model"),
        (["POOL", "--labelled", "POOL"], "nothing is left to draw from"),
        (["tiada.csv"], "tiada.csv: no such file"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    pool = dump(tmp_path / "posts.jsonl", 20)
    given_arguments = [str(pool) if argument == "POOL" else argument for argument in arguments]
    assert run(*given_arguments, "-o", tmp_path / "tasks.json") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("netral: error: ")
    assert message in said[-1]
    assert not (tmp_path / "tasks.json").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"p_neutral": "banyak", "p_supportive": 0, "p_campaigning": 0}, "row 1, column 'p_neutral': expected a prob"),
        ({"p_neutral": 0.2, "p_supportive": 0.2, "p_campaigning": 0.2}, "row 1: p_neutral, p_supportive"),
        ({"judul": "x"}, "has no columns p_neutral"),
    ],
)
def test_a_scored_file_that_is_none_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, object], message: str
) -> None:
    path = write(tmp_path / "scored.jsonl", [{"id": "a", "text": post(1), **row}])
    assert run(path, path, "-o", tmp_path / "tasks.json", "--by", "disagreement") == 1
    assert message in capsys.readouterr().err


def test_scored_files_of_other_posts_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = scored(tmp_path / "one.jsonl"), scored(tmp_path / "other.jsonl", 40)
    assert (
        run(one, other, "-o", tmp_path / "tasks.json", "--by", "disagreement", "--count", 5, "--share-random", 0) == 1
    )
    assert "20 of 60 posts have no probabilities there" in capsys.readouterr().err


def test_a_pool_without_a_text_column_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nama,umur\nx,1\n")
    assert run(path, "-o", tmp_path / "tasks.json") == 1
    assert "missing text column; columns are nama, umur; name one with --text-column" in capsys.readouterr().err


def test_a_strategy_that_needs_a_model_says_so() -> None:
    with pytest.raises(ConfigError, match="needs a model: give --model"):
        sample_posts(Pool.of(posts(3)), SampleOptions(by="uncertainty"))


@pytest.mark.parametrize("by", ["mixed", "diversity"])
def test_without_scikit_learn_clusters_are_refused_before_a_model_is_asked(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)

    def opinion(part: Pool) -> np.ndarray:
        raise AssertionError("asked")

    with pytest.raises(MissingExtraError, match=r"netral-nlp\[train\]"):
        draw(Pool.of(posts(30)), SampleOptions(count=5, by=by), opinion=opinion)
    drawn = draw(Pool.of(posts(30)), SampleOptions(count=5, by="uncertainty"), opinion=lambda part: sure(len(part)))
    assert len(drawn.posts) == 5


def test_a_strategy_that_cannot_be_had_is_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    assert run(dump(tmp_path / "posts.jsonl"), "-o", tmp_path / "tasks.json") == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "netral-nlp[train]" in told[0]
    with pytest.raises(MissingExtraError, match=r"netral-nlp\[train\]"):
        sample_posts(Pool.of(["@akun"]), SampleOptions(by="diversity"))


def test_a_second_opinion_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = scored(tmp_path / "one.jsonl", seed=1), scored(tmp_path / "other.jsonl", seed=2)
    before = other.read_bytes()
    assert run(one, "--second-model", other, "--by", "disagreement", "-o", other, "--overwrite") == 1
    assert "other.jsonl: is an input" in capsys.readouterr().err
    assert other.read_bytes() == before


def test_nothing_is_overwritten_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool, out = dump(tmp_path / "posts.jsonl"), tmp_path / "tasks.json"
    request = [pool, "-o", out, "--by", "random", "--count", 5]
    assert run(*request) == 0
    before = out.read_bytes()
    assert run(*request, "--seed", 4) == 1
    assert "tasks.json: exists already" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert run(*request, "--seed", 4, "--overwrite") == 0
    assert out.read_bytes() != before
    assert run(pool, "-o", pool, "--tool", "doccano", "--overwrite") == 1
    assert "is an input" in capsys.readouterr().err
