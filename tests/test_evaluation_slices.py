"""What kind of post it is, and the figures of each kind: the worst first, the small ones marked."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import evaluate
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.evaluation.slices import SLICE_COLUMNS, slice_metrics
from netral_nlp.evaluation.suite_data import Name, read_names, whole_words
from netral_nlp.evaluation.traits import TRAITS, cuts, language_of, length_of, naming, script_of
from netral_nlp.labels import LABELS


def frame(**columns):
    size = max(len(values) for values in columns.values())
    columns = {"text": [f"kabar pilkada nomor {row}" for row in range(size)], "label": [LABELS[0]] * size} | columns
    return pd.DataFrame({name: pd.Series(list(values), dtype=object) for name, values in columns.items()})


def said(codes):
    return Predictions(np.asarray(codes, dtype=np.int64), None, None)


def part(slices, column, value):
    return next(found for found in slices if (found.column, found.value) == (column, value))


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("", "no words"),
        ("🔥🔥 https://contoh.id/a @akun_warga #Coblos2", "no words"),
        ("Siap pak ketua", "1 to 5 words"),
        ("satu dua tiga empat lima", "1 to 5 words"),
        ("satu dua tiga empat lima enam", "6 to 15 words"),
        ("kata " * 15, "6 to 15 words"),
        ("kata " * 16, "16 to 30 words"),
        ("kata " * 31, "31 to 60 words"),
        ("kata " * 61, "over 60 words"),
    ],
)
def test_length_counts_words_but_no_links_handles_or_hashtags(text, band):
    assert length_of(text) == band


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("mantap 🔥", "words"),
        ("🔥✌️", "emoji only"),
        ("#SalamDuaJari ✌️", "hashtags only"),
        ("@akun_warga https://contoh.id", "no words, emoji or hashtags"),
        ("02", "no words, emoji or hashtags"),
        ("", "no words, emoji or hashtags"),
    ],
)
def test_script_says_whether_there_are_words(text, script):
    assert script_of(text) == script


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Aku ora ngerti kowe pilih sopo, sing penting rukun", "mixed with Javanese"),
        ("Abdi mah teu acan terang saha calonna, kumaha atuh", "mixed with Sundanese"),
        ("Ambo indak tau siapo nan rancak, baa lai sanak", "mixed with Minang"),
        ("KPU menetapkan nomor urut paslon hari Senin", "Indonesian"),
        ("Katanya wong cilik menang banyak", "Indonesian"),  # one marker word is none
        ("#ora #kowe #sopo jadwal debat", "Indonesian"),
    ],
)
def test_language_needs_two_different_marker_words(text, language):
    assert language_of(text) == language


def test_a_name_in_capitals_minds_the_case_and_others_do_not():
    parties = read_names().parties
    rows = naming(
        [
            "PAN umumkan calon bupati malam ini",
            "ibu goreng tempe di pan teflon",
            "Kader partai pan hadir di rapat",
            "panitia dan PANTAI tidak ikut",
            "golkar dan Golkar dan GOLKAR",
            "Amanat Nasional gelar konsolidasi",
        ],
        parties,
    )
    assert rows["PAN"] == [0, 2, 5]
    assert rows["Golkar"] == [4]
    assert set(rows) == {"PAN", "Golkar"}


def test_names_are_found_as_whole_words_only():
    assert whole_words(["anis"]).search("Anis, calon itu") is not None
    assert whole_words(["anis"]).search("minuman manis") is None
    assert whole_words(["pkb"]).search("#PKB_menang") is None
    assert whole_words([]) is None
    assert Name("Siti Aminah Zahra", "islam").pattern is None


def test_a_post_that_names_two_counts_for_both_and_one_without_a_name_for_none():
    posts = frame(
        text=["PKS dan Golkar berkoalisi", "Golkar umumkan calon", "harga cabai naik lagi"] * 4,
        label=[LABELS[0]] * 12,
    )
    found = cuts(posts, (), read_names())
    assert found["party"]["PKS"] == [0, 3, 6, 9]
    assert found["party"]["Golkar"] == [0, 1, 3, 4, 6, 7, 9, 10]
    assert found["candidate"] == {}
    slices = slice_metrics(posts, said([0] * 12), names=read_names())
    assert part(slices, "party", "PKS").posts == 4
    assert part(slices, "party", "Golkar").posts == 8


def test_a_name_in_the_answered_post_counts_too():
    posts = frame(text=["mantap", "mantap"], context=["Deklarasi Gerindra di alun-alun", None])
    assert cuts(posts, (), read_names())["party"] == {"Gerindra": [0]}


def test_neutral_posts_take_no_direction_and_missing_values_are_said():
    posts = frame(direction=["pro", None, "contra"], platform=["x", None, "facebook"])
    found = cuts(posts, ("direction", "platform", "kelompok"), None)
    assert found["direction"] == {"pro": [0], "contra": [2]}
    assert found["platform"] == {"x": [0], "(not stated)": [1], "facebook": [2]}
    assert "kelompok" not in found
    assert set(found) - {"direction", "platform"} == set(TRAITS) - {"candidate", "party"}


def planted(seed=0):
    """Three sources: one of 200 posts where the model is good, one of 120 where it is bad, one of 12 without error."""
    rng = np.random.default_rng(seed)
    source = ["kanal A"] * 200 + ["kanal B"] * 120 + ["kanal C"] * 12
    gold = rng.choice(3, 332, p=[0.6, 0.25, 0.15])
    gold[-12:] = [0] * 6 + [1] * 4 + [2] * 2
    wrong = rng.random(332) < np.repeat([0.05, 0.5, 0.0], [200, 120, 12])
    called = np.where(wrong, (gold + 1) % 3, gold)
    posts = frame(label=[LABELS[code] for code in gold], source=source)
    return posts, gold, called


def test_the_worst_part_comes_first_and_small_parts_come_last():
    posts, _, called = planted()
    slices = [found for found in slice_metrics(posts, said(called)) if found.column == "source"]
    assert [found.value for found in slices] == ["kanal B", "kanal A", "kanal C"]
    assert [found.small for found in slices] == [False, False, True]
    assert [found.worse for found in slices] == [True, False, False]


def test_a_small_part_comes_after_all_others_even_where_all_of_it_is_wrong():
    posts, gold, called = planted()
    called[-12:] = (gold[-12:] + 1) % 3
    slices = [found for found in slice_metrics(posts, said(called)) if found.column == "source"]
    assert [found.value for found in slices] == ["kanal B", "kanal A", "kanal C"]
    assert slices[-1].worse  # twelve wrong of twelve are no chance


def test_a_part_is_only_called_worse_where_chance_does_not_explain_it():
    called = [1] * 8 + [0] * 52 + [1] * 4 + [0] * 56  # 8 and 4 of 60 wrong
    slices = slice_metrics(frame(platform=["x"] * 60 + ["tiktok"] * 60), said(called))
    assert part(slices, "platform", "x").accuracy.value < 108 / 120
    assert not part(slices, "platform", "x").worse
    assert slices[0].value == "x"


def test_small_parts_carry_wide_intervals_even_without_a_mistake():
    posts, _, called = planted()
    slices = slice_metrics(posts, said(called))
    large, small = part(slices, "source", "kanal A"), part(slices, "source", "kanal C")
    assert small.accuracy.value == small.macro_f1.value == 1.0
    for name in ("accuracy", "macro_f1", "false_accusation_rate", "missed_campaigning_rate"):
        narrow, wide = getattr(large, name), getattr(small, name)
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low), name
        assert wide.high - wide.low > 0.2, name


def test_figures_of_a_part_are_those_of_its_posts():
    posts, gold, called = planted(1)
    chosen = np.array([value == "kanal B" for value in posts["source"]])
    expected = evaluate(gold[chosen], called[chosen], resamples=0)
    found = part(slice_metrics(posts, said(called)), "source", "kanal B")
    assert found.posts == 120
    assert found.support == expected.support
    for name in ("macro_f1", "accuracy", "false_accusation_rate", "missed_campaigning_rate"):
        assert getattr(found, name).value == pytest.approx(expected[name].value, abs=1e-12), name
        assert getattr(found, name).low < getattr(found, name).value < getattr(found, name).high


def test_any_column_that_the_user_names_is_sliced_by(tmp_path):
    path = tmp_path / "emas.csv"
    rows = [f"{n},kabar debat ke-{n},{'neutral' if n % 2 else 'supportive'},tim {n % 3}" for n in range(90)]
    path.write_text("\n".join(["id,text,label,penyunting", *rows]) + "\n", encoding="utf-8")
    posts = read_labelled(path, extra_columns=["penyunting"])
    gold = np.array([label.severity for label in posts["label"]])
    called = np.where(np.arange(90) % 3 == 2, 1 - gold, gold)  # all of team 2 is wrong
    slices = slice_metrics(posts, said(called), columns=(*SLICE_COLUMNS, "penyunting"))
    assert slices[0].column == "penyunting" or not slices[0].small
    teams = [found for found in slices if found.column == "penyunting"]
    assert [(found.value, found.accuracy.value) for found in teams] == [("tim 2", 0.0), ("tim 0", 1.0), ("tim 1", 1.0)]
    with pytest.raises(InputError, match="no column 'wilayah'"):
        read_labelled(path, extra_columns=["wilayah"])


def test_a_cut_with_one_part_only_gives_nothing():
    slices = slice_metrics(frame(platform=["x"] * 60), said([0] * 60))
    assert "platform" not in {found.column for found in slices}


def test_rare_values_of_a_long_column_are_pooled_and_every_post_stays_counted():
    source = ["kanal besar"] * 40 + [f"akun {n}" for n in range(20) for _ in range(3)]
    slices = [s for s in slice_metrics(frame(source=source), said([0] * 100)) if s.column == "source"]
    assert {found.value: found.posts for found in slices} == {
        "kanal besar": 40,
        "(20 values with fewer than 10 posts each)": 60,
    }


def test_without_campaigning_posts_their_miss_rate_is_empty_and_json_says_null():
    slices = slice_metrics(frame(platform=["x", "facebook"] * 30), said([0, 1] * 30))
    found = part(slices, "platform", "facebook").to_dict()
    assert math.isnan(part(slices, "platform", "facebook").missed_campaigning_rate.value)
    assert json.loads(json.dumps(found, allow_nan=False))["missed_campaigning_rate"]["value"] is None
    assert found["false_accusation_rate"]["value"] == 1.0
    assert found["small"] is True
    assert found["clearly_worse"] is True


def test_same_seed_same_slices():
    posts, _, called = planted()
    assert slice_metrics(posts, said(called), seed=3) == slice_metrics(posts, said(called), seed=3)
