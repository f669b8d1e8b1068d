"""What is remembered of texts that were read before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp import NeutralityClassifier
from netral_nlp.inference import classifier as classifier_module
from netral_nlp.inference.memory import LogitMemory, memory_key
from netral_nlp.inference.samples import SAMPLE_TEXTS


def answer(number):
    return np.array([number, number / 3, -number], dtype=np.float32)


def test_what_was_added_is_found_and_the_oldest_is_forgotten_first():
    memory = LogitMemory(capacity=3)
    keys = [memory_key(f"Ayo coblos nomor {number}", None) for number in range(5)]
    for number, key in enumerate(keys):
        memory.add(key, answer(number))
    assert [memory.get(key) is None for key in keys] == [True, True, False, False, False]
    assert np.array_equal(memory.get(keys[4]), answer(4))
    assert len(memory) == 3


@given(st.lists(st.integers(0, 30), unique=True), st.integers(1, 10), st.integers(1, 5))
def test_recalled_it_is_the_memory_that_it_was(numbers, capacity, each):
    memory, parts = LogitMemory(capacity), []
    for place, number in enumerate(numbers):
        memory.add(memory_key(str(number), None), answer(number))
        if place % each == 0:
            parts.append(memory.fresh())
    parts.append(memory.fresh())
    again = LogitMemory(capacity)
    again.recall(parts)
    assert again._logits == memory._logits
    assert list(again._logits) == list(memory._logits)
    assert again.fresh() == b""


@given(st.text(), st.one_of(st.none(), st.text()), st.text(), st.one_of(st.none(), st.text()))
def test_two_texts_share_a_key_only_if_they_and_their_contexts_are_equal(text, context, other, other_context):
    same = (text, context) == (other, other_context)
    assert (memory_key(text, context) == memory_key(other, other_context)) == same


def test_the_border_between_text_and_context_counts():
    assert memory_key("a\0b", None) != memory_key("a", "b")
    assert memory_key("a\0b", "c") != memory_key("a", "b\0c")
    assert memory_key("a", "") != memory_key("a", None)
    assert memory_key("\ud800", None)


@pytest.fixture
def classifier(tiny_model) -> NeutralityClassifier:
    return NeutralityClassifier.from_pretrained(tiny_model, threads=2)


def judged(classifier, memory, texts, **more):
    (window,) = classifier.prepare(texts, **more)
    return classifier.judge(window, memory)


def test_a_text_that_was_read_before_is_not_read_again_and_gets_the_same_answer(classifier, monkeypatch):
    texts = list(SAMPLE_TEXTS[:40])
    memory = LogitMemory()
    first = judged(classifier, memory, texts)
    read = []
    logits = classifier._engine._backend.logits
    monkeypatch.setattr(classifier._engine._backend, "logits", lambda batch: read.extend(batch) or logits(batch))
    again = judged(classifier, memory, [*texts[::-1], "Kerja bakti hari Minggu, warga RT 5 kumpul di balai desa"])
    assert len(read) == 1
    assert np.array_equal(again.probabilities[:40], first.probabilities[::-1])
    assert again.repeated.tolist() == [True] * 40 + [False]
    assert not first.repeated.any()


def test_texts_that_the_model_reads_alike_count_as_repeated(classifier):
    texts = ["Ayo coblos @budi_s https://t.co/abc", "Ayo coblos @siti99 https://t.co/xyz", "   ", "   ", "Gas terus"]
    scores = judged(classifier, LogitMemory(), texts)
    assert scores.repeated.tolist() == [False, True, False, False, False]
    assert np.array_equal(scores.probabilities[0], scores.probabilities[1])


def test_a_like_and_a_comment_with_one_text_share_what_the_model_said_but_not_the_answer(classifier):
    call = "Ayo coblos nomor 1 demi desa kita"
    scores = judged(classifier, LogitMemory(), [call, None], contexts=[None, call], actions=["post", "like"])
    assert scores.repeated.tolist() == [False, True]
    assert scores.probabilities[1, 2] == 0


def test_long_texts_fill_a_window_early_and_lose_no_row(classifier, monkeypatch):
    monkeypatch.setattr(classifier_module, "WINDOW", 64)
    sentence = "Hari ke-{} warga berkumpul di balai desa membahas jalan dan irigasi. "
    texts = ["".join(sentence.format(100 * row + day) for day in range(60)) for row in range(30)] + ["Gas terus"]
    windows = list(classifier.prepare(texts))
    assert len(windows) > 1
    assert sum(len(classifier.judge(window)) for window in windows) == len(texts)


def test_progress_is_told_to_the_end(classifier):
    told = []
    (window,) = classifier.prepare(list(SAMPLE_TEXTS))
    classifier.judge(window, tick=told.append)
    assert told[-1] == len(SAMPLE_TEXTS)
    assert told == sorted(told)
