"""What the model said of the last texts, so that a text that comes again is not read again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from netral_nlp.labels import LABELS

CAPACITY = 65_536
"""Texts that are remembered: about 15 MB."""

_KEY_BYTES = 16
_ENTRY_BYTES = _KEY_BYTES + 4 * len(LABELS)
MEMORY_BYTES = CAPACITY * _ENTRY_BYTES
"""What `LogitMemory.fresh` gives for as many texts: no more than the last of it matters to `recall`."""


class LogitMemory:
    """Logits by text, of a bounded number of texts; the oldest is forgotten first.

    What it holds hangs on the order of `add` alone, so that it can be brought back: `fresh` hands out what was added,
    `recall` takes it in again.

    Args:
        capacity: texts to remember.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._logits: OrderedDict[bytes, bytes] = OrderedDict()
        self._fresh: list[bytes] = []

    def __len__(self) -> int:
        return len(self._logits)

    def get(self, key: bytes) -> npt.NDArray[np.float32] | None:
        """Logits of a text, shape (3,); None where it is not known."""
        logits = self._logits.get(key)
        return None if logits is None else np.frombuffer(logits, dtype="<f4")

    def add(self, key: bytes, logits: npt.NDArray[np.float32]) -> None:
        """Remember a text that is not known yet."""
        raw = logits.astype("<f4").tobytes()
        self._put(key, raw)
        self._fresh.append(key + raw)

    def fresh(self) -> bytes:
        """What was added since the last call, for `recall`."""
        entries, self._fresh = self._fresh, []
        return b"".join(entries)

    def recall(self, parts: Iterable[bytes]) -> None:
        """Take in what `fresh` gave, in the same order."""
        for entries in parts:
            for start in range(0, len(entries), _ENTRY_BYTES):
                entry = entries[start : start + _ENTRY_BYTES]
                self._put(entry[:_KEY_BYTES], entry[_KEY_BYTES:])

    def _put(self, key: bytes, logits: bytes) -> None:
        self._logits[key] = logits
        if len(self._logits) > self._capacity:
            self._logits.popitem(last=False)


def memory_key(text: str, context: str | None) -> bytes:
    """What a text with its context is known by: 128 bits of a hash, so that long texts take no more than short ones."""
    digest = hashlib.blake2b(digest_size=_KEY_BYTES)
    for part in (text,) if context is None else (text, context):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.digest()
