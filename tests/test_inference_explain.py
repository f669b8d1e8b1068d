"""Which words moved a label, and whether removing them shows it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp import LABELS, Label, NeutralityClassifier
from netral_nlp.errors import InputError
from netral_nlp.evaluation.faithfulness import faithfulness
from netral_nlp.inference.decision import Decision
from netral_nlp.inference.explain import MAX_TEXTS, explain, explain_many, leave_out, word_spans
from netral_nlp.inference.linear import BLOCKS, LinearModel
from netral_nlp.inference.samples import SAMPLE_TEXTS
from netral_nlp.text import Normaliser

POSTS = (
    "Selasa besok jangan lupa coblos nomor 3, ajak tetangga satu gang ya!",
    "Hati saya sudah mantap ke pasangan nomor 1, orangnya sabar dan mau turun ke pasar ✌️",
    "KPU kabupaten mengumumkan daftar pemilih tetap hari Kamis di kantor kecamatan.",
    "Yuk gabung relawan paslon 2, kumpul di posko depan masjid habis asar, ada kopi gratis",
    "Antrean solar di pelabuhan panjang sekali pagi ini, nelayan baru melaut siang",
    "Cabup nomor 4 itu janjinya dari dulu cuma aspal, sampai sekarang jalan masih kubangan",
    "Rapat orang tua murid diundur ke hari Senin karena aula dipakai untuk pelipatan surat suara",
    "Bangga banget lihat Bu Calon jawab soal puskesmas tadi malam, tenang dan runut sekali 👏",
    "Siapa pun pilihannya nanti, habis pemilu kita tetap satu kampung dan satu lapangan bola",
    "Bagikan terus video ini sampai semua warga tahu kenapa harus pilih nomor 2 #MenangkanNomor2",
    "Sudah tiga kali diganti jadwal debatnya, moderatornya siapa sih sebenarnya?",
    "Jangan pilih partai yang kadernya hilang waktu banjir, pilih yang rumahnya ikut terendam bareng kita",
)
MORE_POSTS = (
    "Pulang kerja mampir nonton orasi, ternyata calon yang ini omongannya nyambung sama keluhan pedagang kaki lima",
    "Ibu-ibu pengajian titip pesan ya, hari Rabu jari kelingking jangan lupa biru, tusuk yang kerudung hijau",
    "Hasil hitung cepat di kampung kami belum keluar, petugas masih makan siang bergantian",
    "Baru sadar baliho di simpang tiga isinya janji semua, yang nomor 1 malah salah tulis nama kecamatan 😅",
    "Anak saya tanya kenapa banyak bendera partai di sawah, saya jawab biar burungnya takut",
    "Semoga beliau diberi kesehatan dan menang satu putaran, kami sekeluarga mendoakan dari rantau 🤲",
    "Stiker dan kalender pasangan nomor 2 tersedia di warung saya, ambil saja gratis untuk saudara di rumah",
    "Pegawai kelurahan dilarang foto dengan gaya jari, tadi pagi sudah diingatkan lagi waktu apel",
)
CALL = "Ayo warga Rabu besok semua ke TPS, coblos gambar nomor 2 demi irigasi desa!"


@pytest.fixture(scope="module")
def shipped() -> NeutralityClassifier:
    return NeutralityClassifier.from_pretrained(backend="onnx")


@pytest.fixture(scope="module")
def explanations(shipped):
    return explain_many(shipped, POSTS)


@pytest.fixture(scope="module")
def tiny(tiny_model) -> NeutralityClassifier:
    return NeutralityClassifier.from_pretrained(tiny_model)


def _planted(folder: Path, weight: float) -> NeutralityClassifier:
    """A linear model that knows one word: "coblos" makes a post campaigning, all others do nothing."""
    weights = np.zeros((3, 2), dtype=np.float32)
    weights[2, 0] = weight
    one = np.ones(1, dtype=np.float32)
    LinearModel(
        BLOCKS, {"words": ["coblos"], "characters": ["qx"]}, {"words": one, "characters": one}, weights,
        np.array([1.0, 0.0, 0.0], dtype=np.float32),
    ).save(folder)  # fmt: skip
    Normaliser().save(folder)
    Decision().save(folder)
    return NeutralityClassifier.from_pretrained(folder)


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> NeutralityClassifier:
    return _planted(tmp_path_factory.mktemp("planted"), 4.0)


@pytest.fixture
def count_texts(monkeypatch):
    """Note how many texts each call of a classifier's `score` gets."""

    def start(classifier: NeutralityClassifier) -> list[int]:
        calls: list[int] = []
        score = classifier.score

        def noted(texts, *more):
            calls.append(len(texts))
            return score(texts, *more)

        monkeypatch.setattr(classifier, "score", noted)
        return calls

    return start


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Coblos nomor 2, ya!", ["Coblos", "nomor", "2,", "ya!"]),
        ("Gas🔥🔥🔥 pol💪", ["Gas", "🔥🔥🔥", "pol", "💪"]),
        ("☝️☝️❤️", ["☝️☝️", "❤️"]),
        ("👍👍🏽 👨‍👩‍👧 2️⃣ 🇮🇩🇮🇩", ["👍", "👍🏽", "👨‍👩‍👧", "2️⃣", "🇮🇩🇮🇩"]),
        ("@tim.menang lihat https://kpu.go.id/a?b=1 #Coblos2✌️", [
            "@tim.menang", "lihat", "https://kpu.go.id/a?b=1", "#Coblos2", "✌️",
        ]),
        (" \n\t ", []),
        ("", []),
    ],
)  # fmt: skip
def test_words_hashtags_handles_links_and_emoji_are_words(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words


@given(st.text(st.characters() | st.sampled_from("☝✌️🔥👍🏽‍👩❤2⃣🇮🇩#@ \n")))
def test_words_hold_every_character_that_is_no_space_once(text):
    spans = word_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert "".join(text[start:end] for start, end in spans) == "".join(text.split())


def test_what_an_emoji_kept_apart_does_not_become_one_word():
    text = "ayo🔥coblos nomor 2"
    assert leave_out(text, [(3, 4)]) == "ayo coblos nomor 2"
    assert leave_out(text, [(0, 3), (4, 10)]).split() == ["🔥", "nomor", "2"]
    assert leave_out(text, []) == text


# --- one post --------------------------------------------------------------------------------------------------------


def test_label_probabilities_and_review_are_those_of_predict(shipped, explanations):
    for explanation, prediction in zip(explanations, shipped.predict(list(POSTS)), strict=True):
        assert explanation.label is explanation.predicted is prediction.label
        assert dict(explanation.probabilities) == prediction.probabilities
        assert explanation.needs_review == prediction.needs_review
        assert explanation.context_effect is None
        assert not explanation.in_context


def test_spans_slice_back_to_the_exact_word(explanations):
    for text, explanation in zip(POSTS, explanations, strict=True):
        assert [text[word.start : word.end] for word in explanation.effects] == text.split()
        assert [word.text for word in explanation.effects] == text.split()


def test_effects_are_those_of_a_removal_by_hand(shipped, explanations):
    for text, explanation in zip(POSTS, explanations, strict=True):
        before = shipped.predict(text).probabilities[explanation.label]
        for place, word in enumerate(explanation.effects):
            words = text.split()
            del words[place]
            after = shipped.predict(" ".join(words)).probabilities[explanation.label]
            assert word.effect == pytest.approx(before - after, abs=1e-9)
            odds = np.log(before / (1 - before)) - np.log(after / (1 - after))
            assert word.log_odds == pytest.approx(odds, abs=1e-9)


def test_the_strongest_come_first_for_or_against(explanations):
    explanation = explanations[0]
    sizes = [abs(word.effect) for word in explanation.top(len(explanation.effects))]
    assert sizes == sorted(sizes, reverse=True)
    assert explanation.top(3) == explanation.top(100)[:3]
    assert explanation.top(0) == ()
    assert len(explanation.top(100)) == len(explanation.effects)


def test_a_word_that_alone_decides_is_found(planted):
    explanation = planted.explain("Rabu besok kita coblos sambil ngopi")
    assert explanation.label is Label.CAMPAIGNING
    assert explanation.top(1)[0].text == "coblos"
    assert [word.effect for word in explanation.effects if word.text != "coblos"] == [0.0] * 5
    before, after = np.exp(4) / (np.e + 1 + np.exp(4)), 1 / (np.e + 2)
    assert explanation.top(1)[0].effect == pytest.approx(before - after, abs=1e-6)


def test_of_two_words_that_say_the_same_neither_decides(planted):
    explanation = planted.explain("Coblos! Rabu besok pokoknya coblos!")
    assert explanation.label is Label.CAMPAIGNING
    assert max(abs(word.effect) for word in explanation.effects) < 0.2


def test_another_label_can_be_explained(planted):
    explanation = planted.explain("Rabu besok kita coblos", label="netral")
    assert (explanation.label, explanation.predicted) == (Label.NEUTRAL, Label.CAMPAIGNING)
    assert explanation.top(1)[0].text == "coblos"
    assert explanation.top(1)[0].effect < -0.5
    with pytest.raises(InputError, match="unknown label 'golput'"):
        planted.explain("Rabu besok kita coblos", label="golput")


@pytest.mark.parametrize("text", [None, "", "   ", "@warga https://contoh.go.id", float("nan")])
def test_where_nothing_was_judged_nothing_is_explained(tiny, text):
    explanation = tiny.explain(text)
    assert explanation.label is Label.NEUTRAL
    assert explanation.needs_review
    assert (explanation.effects, explanation.top(), explanation.context_effect) == ((), (), None)
    assert "nothing to judge" in repr(explanation)
    json.dumps(explanation.to_dict())


@pytest.mark.parametrize("text", ["Coblos2", " ✌️✌️ ", "2"])
def test_a_single_word_is_measured_against_a_blank_post(shipped, text):
    explanation = shipped.explain(text)
    (word,) = explanation.effects
    assert word.text == text.strip()
    blank = 1.0 if explanation.label is Label.NEUTRAL else 0.0
    assert word.effect == pytest.approx(explanation.probabilities[explanation.label] - blank, abs=1e-9)
    assert np.isfinite(word.log_odds)


# --- contexts and acts without words ---------------------------------------------------------------------------------


def test_the_context_is_one_unit(shipped):
    explanation = shipped.explain("Gas 🔥", CALL, "comment")
    alone, together = shipped.predict(["Gas 🔥", "Gas 🔥"], [None, CALL], ["comment", "comment"])
    label = together.label
    assert label is not Label.NEUTRAL
    assert explanation.context_effect == pytest.approx(together.probability - alone.probabilities[label], abs=1e-9)
    assert explanation.context_effect > 0.1
    assert [word.text for word in explanation.effects] == ["Gas", "🔥"]
    without = shipped.predict("🔥", CALL, "comment").probabilities[label]
    assert explanation.effects[0].effect == pytest.approx(together.probability - without, abs=1e-9)
    assert explanation.without([explanation.effects[0]]) == (" 🔥", CALL)


@pytest.mark.parametrize("action", ["like", "bagikan"])
def test_of_an_act_without_words_the_contexts_words_are_explained(shipped, action):
    explanation = shipped.explain("", CALL, action)
    assert explanation.in_context
    assert explanation.context_effect is None
    assert explanation.source == CALL
    assert [CALL[word.start : word.end] for word in explanation.effects] == CALL.split()
    word = next(word for word in explanation.effects if word.text == "coblos")
    rest = CALL.replace("coblos ", "")
    before, after = shipped.predict(["", ""], [CALL, rest], [action, action])
    assert word.effect == pytest.approx(before.probability - after.probabilities[before.label], abs=1e-9)
    assert explanation.without([word]) == ("", CALL.replace("coblos", ""))


# --- long posts ------------------------------------------------------------------------------------------------------


def test_of_a_text_in_windows_the_one_that_decided_is_explained(shipped):
    text = " ".join([*SAMPLE_TEXTS[:12], CALL, *SAMPLE_TEXTS[12:24]])
    prediction = shipped.predict(text)
    explanation = shipped.explain(text)
    assert prediction.window is not None
    assert explanation.window == prediction.window
    first, last = prediction.window
    assert [word.text for word in explanation.effects] == [
        text[first:last][start:end] for start, end in word_spans(text[first:last])
    ]
    assert all(text[word.start : word.end] == word.text for word in explanation.effects)
    assert shipped.predict(explanation.without([])[0]).probabilities == prediction.probabilities
    word = explanation.top(1)[0]
    after = shipped.predict(text[first : word.start] + text[word.end : last]).probabilities[prediction.label]
    assert word.effect == pytest.approx(prediction.probability - after, abs=1e-9)


@pytest.mark.parametrize(("words", "most"), [(40, 130), (128, 130), (120, 30), (300, 130), (1000, 60), (90, 10)])
def test_the_cost_of_a_post_is_bounded_and_its_words_stay_whole(planted, count_texts, words, most, monkeypatch):
    monkeypatch.setattr(planted._engine, "max_pieces", 10_000)  # one window, as of a model that reads much at once
    text = " ".join("coblos" if place == words // 3 else f"kata{place}" for place in range(words))
    calls = count_texts(planted)
    explanation = explain(planted, text, max_texts=most)
    assert sum(calls) <= most
    assert sum(word.words for word in explanation.effects) == words
    assert all(text[word.start : word.end] == word.text for word in explanation.effects)
    assert " ".join(word.text for word in explanation.effects) == text
    assert "coblos" in explanation.top(1)[0].text.split()
    if words < most - 1 or most == MAX_TEXTS:
        assert explanation.top(1)[0].text == "coblos"


def test_enormous_texts_are_explained(shipped):
    text = "\n".join(f"Laporan warga RT {number}: jalan rusak, air keruh." for number in range(400)) + "\n" + CALL
    explanation = shipped.explain(text)
    assert explanation.label is Label.CAMPAIGNING
    assert text[slice(*explanation.window)].endswith(CALL)


# --- many posts ------------------------------------------------------------------------------------------------------


def test_many_posts_are_answered_as_each_alone(tiny):
    texts = [*SAMPLE_TEXTS[:20], "", None, "Gas 🔥", ""]
    contexts = [None] * 22 + [CALL, CALL]
    actions = [None] * 22 + ["comment", "like"]
    together = explain_many(tiny, iter(texts), iter(contexts), iter(actions))
    alone = [tiny.explain(*row) for row in zip(texts, contexts, actions, strict=True)]
    assert together == alone


def test_many_posts_share_their_batches(tiny, count_texts):
    calls = count_texts(tiny)
    explain_many(tiny, SAMPLE_TEXTS[:60])
    words = sum(len(text.split()) for text in SAMPLE_TEXTS[:60])
    assert len(calls) == 2
    assert sum(calls) <= words + 60 + 60  # emoji that touch a word are words of their own
    calls.clear()
    explain_many(tiny, [f"{text} {number}" for number in range(8) for text in SAMPLE_TEXTS[:60]])
    assert max(calls) <= 4096
    assert len(calls) < 8


def test_no_posts_no_explanations(tiny):
    assert explain_many(tiny, []) == []


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((["Gas"], []), {}, "fewer contexts than texts"),
        (("Gas",), {}, "texts must be a list"),
        ((["Gas"], None, ["colek"]), {}, "unknown action 'colek'"),
        ((["Gas"],), {"max_texts": 9}, "max_texts must be 10 or more, not 9"),
    ],
)
def test_wrong_requests_are_said(tiny, arguments, options, message):
    with pytest.raises(InputError, match=message):
        explain_many(tiny, *arguments, **options)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters() | st.sampled_from("coblos nomor2✌️🔥#@ \n"), max_size=60))
def test_any_text_is_explained(tiny, text):
    explanation = tiny.explain(text)
    assert all(explanation.source[word.start : word.end] == word.text for word in explanation.effects)
    assert all(np.isfinite([word.effect, word.log_odds]).all() for word in explanation.effects)
    json.dumps(explanation.to_dict(), allow_nan=False)


def test_to_dict_is_ready_for_json(shipped, explanations):
    found = json.loads(json.dumps(explanations[0].to_dict(), allow_nan=False))
    assert found["text"] == POSTS[0]
    assert found["label"] == found["predicted"] == "campaigning"
    assert list(found["probabilities"]) == [label.value for label in LABELS]
    assert found["effects"][4].keys() == {"text", "start", "end", "effect", "log_odds", "words"}
    assert [found[name] for name in ("context", "context_effect", "in_context", "window")] == [None, None, False, None]
    assert json.loads(json.dumps(shipped.explain("Gas 🔥", CALL).to_dict()))["context"] == CALL


def test_the_repr_shows_the_strongest_words(planted):
    shown = repr(planted.explain("Rabu besok kita coblos sambil ngopi"))
    assert shown.startswith("Explanation(campaigning 0.936: 'coblos' +0.")
    assert shown.endswith(", 1 more)")


# --- faithfulness ----------------------------------------------------------------------------------------------------


def test_the_shipped_models_explanations_beat_random_words(shipped):
    found = faithfulness(shipped, POSTS + MORE_POSTS, draws=20)
    assert (found.posts, found.skipped) == (len(POSTS + MORE_POSTS), 0)
    assert found.difference.low > 0
    assert found.beats_random.low > 0.5
    assert found.top.value > 3 * found.random.value
    assert found.difference.value == pytest.approx(found.top.value - found.random.value, abs=1e-12)


def test_faithfulness_by_hand(planted):
    texts = [
        "satu dua tiga empat lima enam tujuh coblos",
        "warung kopi depan balai desa buka sampai malam",
        "coblos lagi dong",
    ]
    found = faithfulness(planted, texts, draws=400, seed=1)
    before, after = np.exp(4) / (np.e + 1 + np.exp(4)), 1 / (np.e + 2)
    # Two of eight words go. The right one always goes with them, or by chance once in four; the second post has none.
    assert (found.posts, found.skipped) == (2, 1)
    assert found.support == {Label.NEUTRAL: 1, Label.SUPPORTIVE: 0, Label.CAMPAIGNING: 1}
    assert found.top.value == pytest.approx((before - after) / 2, abs=1e-6)
    assert found.random.value == pytest.approx((before - after) / 2 / 4, abs=0.03)
    assert found.beats_random.value == 0.5
    assert list(found.by_label) == [Label.NEUTRAL, Label.CAMPAIGNING]
    assert found.by_label[Label.NEUTRAL].value == 0.0
    assert found.by_label[Label.CAMPAIGNING].value == pytest.approx(2 * found.difference.value, abs=1e-12)


def test_explanations_of_a_model_that_reads_no_words_beat_nothing(tmp_path):
    found = faithfulness(_planted(tmp_path, 0.0), POSTS)
    assert (found.top.value, found.random.value, found.difference.value, found.beats_random.value) == (0, 0, 0, 0)
    assert (found.difference.low, found.difference.high) == (0, 0)


def test_faithfulness_counts_contexts_and_long_posts(shipped):
    long = " ".join([*SAMPLE_TEXTS[:12], CALL])
    found = faithfulness(shipped, [POSTS[0], "", long], [None, CALL, None], [None, "like", None], resamples=50)
    assert found.posts == 3
    assert found.difference.value > 0
    stretched = faithfulness(shipped, [long], max_texts=20, resamples=0)
    assert stretched.posts == 1
    assert stretched.top.value > stretched.random.value
    assert np.isnan(stretched.top.low)


def test_faithfulness_is_repeatable_and_json_ready(tiny):
    first, again, other = (faithfulness(tiny, SAMPLE_TEXTS[:30], seed=seed, resamples=100) for seed in (1, 1, 2))
    assert first == again
    assert first.random != other.random
    assert first.top.value == other.top.value
    document = json.loads(json.dumps(first.to_dict(), allow_nan=False))
    assert document["difference"]["low"] <= document["difference"]["value"] <= document["difference"]["high"]
    assert document["interval"]["seed"] == 1
    assert f"{first.posts} posts (" in str(first)
    assert first.difference.format() in str(first)


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1.1}, {"draws": 0}, {"resamples": -1}])
def test_impossible_measurements_are_refused(tiny, options):
    with pytest.raises(InputError, match="share lies above 0"):
        faithfulness(tiny, POSTS, **options)


def test_posts_without_words_cannot_be_measured(tiny):
    with pytest.raises(InputError, match="no post has 8 words"):
        faithfulness(tiny, ["Gas 🔥", "", "siap pak"])
