"""One run at a time on one output."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from netral_nlp.errors import InputError


def _lock(descriptor: int) -> bool:
    """Take the system's lock on an open file; False when another process holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_current(descriptor: int, path: Path) -> bool:
    """False when the file was removed or replaced between opening and locking, so that the lock guards nothing."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def output_lock(output: Path) -> Iterator[None]:
    """Hold `OUTPUT.lock` while writing OUTPUT.

    The system's lock counts, not the file: one left behind by a killed run is free again at once.

    Raises:
        InputError: another run holds the lock.
    """
    path = output.with_name(output.name + ".lock")
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _lock(descriptor):
                raise InputError(f"{output}: another run is writing this output; wait for it or choose another -o")
        except BaseException:
            os.close(descriptor)
            raise
        if _is_current(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        if sys.platform == "win32":  # Windows removes no open file
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
        else:
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(descriptor)
