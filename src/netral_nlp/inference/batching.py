"""Batches of similar length under a token budget, inside a bounded window, so that it still streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

WINDOW = 4096
"""Rows that are sorted by length together: within 2 % of the speed of sorting everything, and flat memory."""

TOKEN_BUDGET = 384
"""Tokens of one batch on one processor thread, padding included: its activations stay in the thread's own cache."""

SHARED_TOKEN_BUDGET = 1024
"""The same where several threads share a batch: each wants enough of it."""

GPU_TOKEN_BUDGET = 32_768
"""The same on a GPU, which wants more to do at once."""

T = TypeVar("T")


def chunks(items: Iterable[T], size: int = WINDOW, *, first: int | None = None) -> Iterator[list[T]]:
    """Cut an iterable into lists.

    Args:
        items: anything that can be iterated once.
        size: length of a list, at most.
        first: length of the first list; each later one is twice as long until `size`, so that a stream answers soon.
    """
    iterator = iter(items)
    length = min(first or size, size)
    while chunk := list(islice(iterator, length)):
        yield chunk
        length = min(2 * length, size)


def by_length(lengths: Sequence[int], budget: int = TOKEN_BUDGET) -> Iterator[list[int]]:
    """Group positions into batches of similar length, longest first.

    Longest first, so that memory peaks in the first batch and not in the last.

    Args:
        lengths: tokens of each row.
        budget: rows times the longest row of a batch stay within this; a row that is longer gets its own batch.

    Yields:
        Lists of positions into `lengths`; each position comes once.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batch: list[int] = []
    longest = 0
    for index in order:
        if batch and (len(batch) + 1) * longest > budget:
            yield batch
            batch = []
        if not batch:
            longest = max(lengths[index], 1)
        batch.append(index)
    if batch:
        yield batch


def score_in_batches(
    items: Sequence[T],
    lengths: Sequence[int],
    score: Callable[[list[T]], npt.NDArray[np.float32]],
    *,
    width: int,
    budget: int = TOKEN_BUDGET,
    workers: int = 1,
    tick: Callable[[int], None] = lambda rows: None,
) -> npt.NDArray[np.float32]:
    """Sort, batch, score, unsort.

    Args:
        items: what `score` takes, at most a window of them.
        lengths: tokens of each item.
        score: maps a batch of k items to an array of shape (k, width); called from several threads where there are
            several workers.
        width: columns of the result.
        budget: see `by_length`.
        workers: batches that are scored side by side. Which batches there are does not hang on it.
        tick: called in this thread after each batch with how many items are done by then.

    Returns:
        Shape (n, width), in the order of `items`.
    """
    result = np.empty((len(items), width), dtype=np.float32)
    batches = list(by_length(lengths, budget))
    done = 0

    def run(batch: list[int]) -> int:
        result[batch] = score([items[index] for index in batch])
        return len(batch)

    if workers == 1 or len(batches) < 2:
        for batch in batches:
            done += run(batch)
            tick(done)
        return result
    # Threads of this call alone: they survive no fork, and starting them costs nothing beside a window's batches.
    pool = ThreadPoolExecutor(min(workers, len(batches)), thread_name_prefix="netral-batch")
    try:
        for future in as_completed([pool.submit(run, batch) for batch in batches]):
            done += future.result()
            tick(done)
    finally:  # after an error or Ctrl-C only the batches in the making are waited for
        pool.shutdown(cancel_futures=True)
    return result
