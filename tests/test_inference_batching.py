"""Sorting, batching, unsorting."""

from __future__ import annotations

from itertools import count, islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.inference.batching import by_length, chunks, score_in_batches


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 1000))
def test_every_row_comes_once_and_batches_keep_the_budget(lengths, budget):
    batches = list(by_length(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


def test_rows_of_similar_length_share_a_batch():
    batches = list(by_length([5, 100, 6, 99, 5, 101], budget=320))
    assert [sorted(batch) for batch in batches] == [[1, 3, 5], [0, 2, 4]]


@given(st.lists(st.integers(1, 60), max_size=120))
def test_scores_come_back_in_input_order(values):
    def score(batch):
        return np.array([[value, 2 * value] for value in batch], dtype=np.float32)

    found = score_in_batches(values, values, score, width=2, budget=64)
    assert found.tolist() == [[value, 2 * value] for value in values]


@given(st.lists(st.integers(), max_size=100), st.integers(1, 40), st.integers(1, 10))
def test_chunks_lose_nothing_and_grow_to_their_size(items, size, first):
    found = list(chunks(items, size, first=first))
    assert [item for chunk in found for item in chunk] == items
    assert all(0 < len(chunk) <= size for chunk in found)
    assert not found or len(found[0]) <= min(first, size)


def test_chunks_draw_no_more_than_they_give():
    source = count()
    assert [len(chunk) for chunk in islice(chunks(source, 64, first=8), 4)] == [8, 16, 32, 64]
    assert next(source) == 120
