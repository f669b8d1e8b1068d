"""Work a little ahead of whoever takes the results: an iterator that runs in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


@contextlib.contextmanager
def ahead(items: Iterable[T], depth: int = 1, stop: Callable[[], None] = lambda: None) -> Iterator[Iterator[T]]:
    """Draw from an iterable in another thread, at most `depth` items more than were taken.

    An error of the iterable comes out behind the items before it. On leaving, the thread stops after the item in the
    making; the iterable is closed in it if it is a generator.

    Args:
        items: what is drawn from; nothing else may draw from it meanwhile.
        depth: items that may wait.
        stop: called on leaving, so that an iterable at a long item can give it up.
    """
    waiting: queue.Queue[Any] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(entry: Any) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(entry, timeout=0.1)
                return True
        return False

    def draw() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put((item, None)):
                    break
        except BaseException as error:  # whatever it is, it belongs to the thread that takes the items
            put((_END, error))
        else:
            put((_END, None))
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def take() -> Iterator[T]:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item

    thread = threading.Thread(target=draw, name="netral-ahead", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        stopped.set()
        stop()
        thread.join()
