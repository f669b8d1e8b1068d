"""What a process owns: how many processors it may use, and objects that do not survive a fork."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_owned: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()
_registered = False


def available_cpus() -> int:
    """Processors that this process may use: its affinity, within its container's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            count = min(count, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file outside of Linux containers
        pass
    return count


class PerProcess(Generic[T]):
    """An object with threads or device handles of its own, made anew in a forked child when it is first asked for.

    Args:
        make: makes the object.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        global _registered
        self._make = make
        self._lock = threading.Lock()
        self._value: T | None = make()
        if not _registered and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget_all)
            _registered = True
        _owned.add(self)

    def get(self) -> T:
        """This process's object."""
        value = self._value
        if value is None:
            with self._lock:
                value = self._value
                if value is None:
                    value = self._value = self._make()
        return value

    def forget(self) -> None:
        """Leave the parent's object alone from now on."""
        value = self._value
        if value is not None:
            # Its destructor would wait for threads that the child does not have: keep it alive to the end.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
        self._value = None
        self._lock = threading.Lock()  # another thread may have held the old one


def _forget_all() -> None:
    for owned in list(_owned):
        owned.forget()
