"""Working ahead in another thread."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.storage.ahead import ahead


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers()), st.integers(1, 5))
def test_items_come_in_their_order(items, depth):
    with ahead(items, depth) as taken:
        assert list(taken) == items


def test_no_more_is_drawn_than_may_wait():
    drawn = []
    with ahead((drawn.append(number) or number for number in itertools.count()), depth=2) as taken:
        assert [next(taken) for _ in range(3)] == [0, 1, 2]
    assert len(drawn) <= 3 + 2 + 1  # taken, waiting, in the hand


def test_an_error_comes_out_behind_the_items_before_it():
    def items():
        yield 1
        raise ValueError("rusak")

    with ahead(items()) as taken:
        assert next(taken) == 1
        with pytest.raises(ValueError, match="rusak"):
            next(taken)


def test_on_leaving_early_the_generator_is_closed_and_the_thread_is_gone():
    closed = []

    def items():
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    before = threading.active_count()
    with ahead(items()) as taken:
        assert next(taken) == 0
    assert closed == [True]
    assert threading.active_count() == before
