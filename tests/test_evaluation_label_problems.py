"""Label problems: planted ones are found, clean data gives nothing, and nothing is changed."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.evaluation.label_problems import (
    COLUMNS,
    CONFLICT,
    DISPUTED,
    EXACT,
    LIKELY_WRONG,
    NEAR,
    TRAINING,
    conflicting_labels,
    find_label_problems,
    likely_wrong_labels,
)
from netral_nlp.labels import LABELS, Label

N, S, C = Label.NEUTRAL, Label.SUPPORTIVE, Label.CAMPAIGNING

CLEAN: list[tuple[str, Label]] = [
    ("KPU kabupaten tetapkan tiga paslon, pengundian nomor urut hari Senin", N),
    ("Rapat umum dijadwalkan mulai pekan depan di lima kecamatan", N),
    ("ASN diingatkan tidak ikut berkomentar di akun calon mana pun", N),
    ("Kalian sudah cek nama di daftar pemilih belum?", N),
    ("Bangga sekali punya calon wali kota yang mau dengar warga kecil", S),
    ("Makin ke sini makin kelihatan pasangan itu cuma modal janji", S),
    ("Hati saya sudah mantap di nomor tiga, semoga lancar sampai hari H", S),
    ("Ayo coblos nomor dua tanggal 27 November, ajak tetangga sekalian!", C),
    ("Hadiri deklarasi relawan Sabtu sore di lapangan, ada kaos gratis", C),
    ("Jangan pilih yang suka ingkar janji, pilih nomor satu saja", C),
]


def frame(rows: list[tuple[str, Label]], **columns: list[Any]) -> pd.DataFrame:
    posts = {"id": [f"post-{row}" for row in range(len(rows))], "text": [text for text, _ in rows]}
    return pd.DataFrame({**posts, "label": [label for _, label in rows], **columns})


def chances(truth: np.ndarray, *, seed: int = 0, strength: float = 3.5) -> np.ndarray:
    """What a good, unsure model says of posts with these true labels."""
    logits = np.random.default_rng(seed).normal(size=(len(truth), 3))
    logits[np.arange(len(truth)), truth] += strength
    shares = np.exp(logits)
    return shares / shares.sum(axis=1, keepdims=True)


# -- likely wrong labels --


@pytest.mark.parametrize("strength", [3.5, 6.0, 12.0])
def test_planted_wrong_labels_are_listed_first(strength: float) -> None:
    chance = np.random.default_rng(1)
    truth = chance.choice(3, size=300, p=[0.5, 0.3, 0.2])
    probabilities = chances(truth, strength=strength)
    clear = np.flatnonzero(probabilities[np.arange(300), truth] > 0.9)
    planted = chance.choice(clear, size=6, replace=False)
    gold = truth.copy()
    gold[planted] = (truth[planted] + 1 + chance.integers(0, 2, size=6)) % 3
    found = likely_wrong_labels(gold, probabilities)
    assert {one.row for one in found[:6]} == set(planted.tolist())
    assert len(found) < 30
    for one in found[:6]:
        assert (one.given, one.likely) == (LABELS[gold[one.row]], LABELS[truth[one.row]])
        given_chance, likely_chance = probabilities[one.row, gold[one.row]], probabilities[one.row, truth[one.row]]
        assert one.score == pytest.approx((1 - given_chance + likely_chance) / 2)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert likely_wrong_labels([LABELS[code] for code in gold], probabilities, limit=2) == found[:2]


def test_right_labels_of_a_sure_model_give_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    truth = np.arange(90) % 3
    assert likely_wrong_labels(truth, chances(truth, strength=12)) == ()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("labels", [[0, 1], [1, 2], [0, 2], [0], [2]])
def test_labels_that_do_not_occur_are_no_hindrance(labels: list[int]) -> None:
    truth = np.random.default_rng(2).choice(labels, size=60)
    probabilities = chances(truth, strength=6)
    probabilities[7] = [0.004, 0.004, 0.004]
    probabilities[7, (truth[7] + 1) % 3] = 0.992
    found = likely_wrong_labels(truth, probabilities)
    assert found[0].row == 7
    assert found[0].likely is LABELS[(truth[7] + 1) % 3]


def test_five_posts_are_enough_for_an_answer() -> None:
    probabilities = [[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7], [0.01, 0.01, 0.98]]
    assert [one.row for one in likely_wrong_labels([N, N, S, C, N], probabilities)] == [4]
    assert likely_wrong_labels([N, N, S, C, C], probabilities) == ()


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.02, 0.5, 1.0]), st.integers(0, 2)), min_size=1))
def test_any_labels_and_probabilities_give_a_list(rows: list[tuple[int, float, int]]) -> None:
    probabilities = np.array([[(1 - sure) / 3] * 3 for _, sure, _ in rows])
    probabilities[np.arange(len(rows)), [code for _, _, code in rows]] += [sure for _, sure, _ in rows]
    gold = [code for code, _, _ in rows]
    found = likely_wrong_labels(gold, probabilities)
    assert all(one.given is LABELS[gold[one.row]] and one.likely is not one.given for one in found)
    assert all(0 <= one.score <= 1 for one in found)
    listed = {one.row for one in found}
    assert {row for row, code in enumerate(gold) if probabilities[row, code] < 0.05} <= listed


@pytest.mark.parametrize(
    ("gold", "probabilities", "limit", "message"),
    [
        ([], np.zeros((0, 3)), None, "no posts"),
        ([N, S], [[1, 0, 0]], None, r"shape \(1, 3\); expected \(2, 3\)"),
        ([N], [[0.9, 0.9, 0.9]], None, "row 1: the probabilities"),
        ([N], [[float("nan"), 0, 1]], None, "row 1: the probabilities"),
        (["baik"], [[1, 0, 0]], None, "unknown label"),
        ([N], [[1, 0, 0]], -1, "limit is 0 or more"),
    ],
)
def test_what_does_not_fit_is_said(gold: list[Any], probabilities: Any, limit: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        likely_wrong_labels(gold, probabilities, limit=limit)


def test_a_missing_cleanlab_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cleanlab", "cleanlab.filter", "cleanlab.rank"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"finding likely wrong labels needs the extra \[train\]"):
        likely_wrong_labels([N], [[1, 0, 0]])
    assert find_label_problems(frame(CLEAN)).likely_wrong is None


# -- conflicts --


def test_a_planted_conflict_is_found_whatever_case_handle_and_link() -> None:
    rows = [*CLEAN, ("@relawan_muda AYO coblos nomor dua tanggal 27 November, ajak tetangga sekalian!", S)]
    rows.append(("Ayo coblos nomor dua tanggal 27 November, ajak tetangga sekalian! https://contoh.id/a1", C))
    (conflict,) = conflicting_labels(frame(rows))
    assert conflict.rows == (7, 10, 11)
    assert conflict.labels == (C, S, C)
    assert conflict.majority is C
    assert conflict.to_dict()["rows"] == [8, 11, 12]


def test_a_tie_has_no_majority_and_equal_labels_are_no_conflict() -> None:
    text = "Semoga amanah ya Pak"
    (conflict,) = conflicting_labels(frame([(text, N), (text, S)]))
    assert conflict.majority is None
    assert conflicting_labels(frame([(text, S), (text, S)])) == ()


def test_the_same_comment_in_another_context_or_act_is_no_conflict() -> None:
    contexts = ["Ayo coblos nomor dua!", "Resep soto Betawi untuk buka puasa", "ayo coblos nomor dua!"]
    posts = frame([("Gas 🔥", S), ("Gas 🔥", N), ("gas 🔥", C)], context=contexts)
    assert [conflict.rows for conflict in conflicting_labels(posts)] == [(0, 2)]
    acts = frame([("", S), ("", C)], context=["Pilih nomor satu"] * 2, action=["like", "share"])
    assert conflicting_labels(acts) == ()
    assert len(conflicting_labels(acts.assign(action="like"))) == 1


def test_posts_without_words_or_label_are_left_out() -> None:
    posts = frame([("", N), ("  ", S), ("@warga https://contoh.id/x", C), ("Siap", N), ("siap", S)])
    assert len(conflicting_labels(posts)) == 1
    posts["label"] = [N, S, C, N, None]
    assert conflicting_labels(posts) == ()


# -- everything together --


def test_clean_posts_give_nothing() -> None:
    found = find_label_problems(frame(CLEAN[::2]), train_posts=frame(CLEAN[1::2]))
    assert found.conflicts == ()
    assert found.duplicates == ()
    assert found.counts() == {LIKELY_WRONG: None, CONFLICT: 0, EXACT: 0, NEAR: 0, DISPUTED: None}
    assert found.to_frame().empty
    assert tuple(found.to_frame().columns) == COLUMNS
    assert find_label_problems(frame(CLEAN)).duplicates is None


def test_planted_duplicates_among_the_training_posts_are_found() -> None:
    long = (
        "Yuk warga Sukamaju rapatkan barisan, hadir di deklarasi relawan nomor satu hari Sabtu pagi di alun-alun kota"
    )
    train = frame([*CLEAN[:5], (long, C)])
    posts = frame([("@warga " + CLEAN[2][0].upper() + " https://contoh.id/z9", S), CLEAN[6], (f"{long} ya", C)])
    found = find_label_problems(posts, train_posts=train)
    assert found.duplicates is not None
    exact, near = found.duplicates
    assert (exact.row, exact.other_row, exact.other_id, exact.other_label) == (0, 2, "post-2", N)
    assert (exact.kind, exact.jaccard, exact.among) == (EXACT, 1.0, TRAINING)
    assert (near.row, near.other_row, near.kind) == (2, 5, NEAR)
    assert 0.9 < near.jaccard < 1
    assert find_label_problems(posts, train_posts=train, threshold=1.0).duplicates == (exact,)
    without = train.drop(columns=["label", "id"])
    assert [copy.other_label for copy in find_label_problems(posts, train_posts=without).duplicates or ()] == [None] * 2


def test_duplicates_across_splits_point_from_the_smaller_to_the_larger() -> None:
    rows = [*CLEAN, CLEAN[3], (CLEAN[8][0] + "!!", C), CLEAN[3]]
    split = ["train"] * 10 + ["dev", "dev", "test"]
    found = find_label_problems(frame(rows, split=split))
    assert [(copy.row, copy.other_row, copy.among) for copy in found.duplicates or ()] == [
        (10, 3, "split train"),
        (11, 8, "split train"),
        (12, 3, "split train"),
    ]
    assert found.conflicts == ()
    assert find_label_problems(frame(rows, split=["train"] * 13)).duplicates is None
    assert find_label_problems(frame(rows, split=["train"] * 10 + [None] * 3)).duplicates is None


def test_comments_under_one_post_are_duplicates_only_if_they_say_the_same() -> None:
    context = "Kampanye akbar Minggu pagi di stadion, nomor urut tiga siap menyapa ribuan warga dari seluruh kecamatan"
    train = frame([("Gas 🔥", S)], context=[context])
    posts = frame([("Tolong ASN jangan ikut", N), ("gas", S), ("Gas 🔥", N)], context=[context, context, None])
    found = find_label_problems(posts, train_posts=train)
    assert [(copy.row, copy.jaccard) for copy in found.duplicates or ()] == [(1, 1.0)]


def test_the_list_names_every_kind_and_holds_no_text() -> None:
    rows = [*CLEAN, (CLEAN[4][0], N), CLEAN[0]]
    truth = np.array([label.severity for _, label in rows])
    probabilities = np.full((len(rows), 3), 0.05)
    probabilities[np.arange(len(rows)), truth] = 0.9
    probabilities[1] = [0.01, 0.01, 0.98]
    said = [label.value for _, label in rows]
    other = [*said[:5], "neutral", *said[6:]]
    other[7] = "neutral"
    posts = frame(rows, split=["train"] * 11 + ["dev"], ani=said, budi=other)
    before = posts.copy(deep=True)
    found = find_label_problems(posts, probabilities, annotator_columns=["ani", "budi"])
    pd.testing.assert_frame_equal(posts, before)

    listed = found.to_frame()
    assert listed["kind"].tolist() == [LIKELY_WRONG, CONFLICT, CONFLICT, EXACT, DISPUTED, DISPUTED]
    assert listed["row"].tolist() == [2, 5, 11, 12, 8, 6]
    assert listed["id"].tolist() == ["post-1", "post-4", "post-10", "post-11", "post-7", "post-5"]
    assert listed["given"].tolist() == ["neutral", "supportive", "neutral", "neutral", "campaigning", "supportive"]
    assert listed["suggested"].tolist() == ["campaigning", None, None, None, None, None]
    assert listed["score"].tolist() == pytest.approx([0.985, 1, 1, 1, 1, 0.5])
    assert listed["detail"].tolist() == [
        "the model reads campaigning",
        "the same text is neutral in row 11",
        "the same text is supportive in row 5",
        "also in row 1 (post-0) of split train, labelled neutral there",
        "1 said neutral, 1 said campaigning",
        "1 said neutral, 1 said supportive",
    ]
    assert found.counts() == {LIKELY_WRONG: 1, CONFLICT: 2, EXACT: 1, NEAR: 0, DISPUTED: 2}
    assert "exact duplicate         1" in found.table()

    report = json.dumps(found.to_dict(), allow_nan=False)
    for text in (text for text, _ in rows):
        assert text not in report
        assert not listed["detail"].str.contains(text, regex=False).any()
    assert found.to_dict()["agreement"]["disputed"][0]["id"] == "post-7"
    cut = found.to_dict(limit=0)
    assert cut["likely_wrong"] == cut["conflicts"] == cut["duplicates"] == cut["agreement"]["disputed"] == []
    assert cut["counts"]["conflicting_labels"] == 2


def test_the_majority_is_suggested_to_those_who_differ() -> None:
    text = "Lanjutkan, Bu! Dua periode!"
    listed = find_label_problems(frame([(text, S), (text, N), (text, S), (text, S)])).to_frame()
    assert listed["suggested"].tolist() == ["supportive", None, None, None]
    assert listed["row"].tolist() == [2, 1, 3, 4]
    assert listed["detail"].iloc[0] == "the same text is supportive in row 1 and 2 more"
    assert listed["score"].tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3])


def test_ids_are_made_where_there_are_none_and_the_index_does_not_matter() -> None:
    posts = frame([CLEAN[0], (CLEAN[0][0], S)]).drop(columns="id").set_index(pd.Index([7, 7]))
    found = find_label_problems(posts)
    assert found.conflicts[0].rows == (0, 1)
    assert len(found.ids[0]) == 16


@pytest.mark.parametrize(
    ("posts", "options", "message"),
    [
        (frame([]), {}, "no posts whose labels could be checked"),
        (frame(CLEAN).drop(columns="text"), {}, "the posts lack the column 'text'"),
        (frame(CLEAN).drop(columns="label"), {}, "row 1, column 'label': no label"),
        (frame(CLEAN).assign(label=["neutral"] * 9 + [None]), {}, "row 10, column 'label': no label"),
        (frame(CLEAN).assign(label=["neutral"] * 9 + ["baik"]), {}, "row 10: unknown label 'baik'"),
        (frame(CLEAN), {"annotator_columns": ["ani"]}, "no column 'ani'"),
        (frame(CLEAN), {"probabilities": [[1, 0, 0]]}, r"expected \(10, 3\)"),
        (frame(CLEAN), {"train_posts": pd.DataFrame({"teks": ["a"]})}, "training posts lack the column 'text'"),
        (frame(CLEAN), {"train_posts": frame(CLEAN), "threshold": 0}, "a threshold of likeness"),
    ],
)
def test_posts_that_cannot_be_checked_are_refused(posts: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_label_problems(posts, **options)
