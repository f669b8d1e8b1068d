"""Physical lines of a text file: split as bytes, so that offsets are exact, decoded in blocks, so that it is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from netral_nlp.formats.encodings import TextEncoding
from netral_nlp.formats.posts import MAX_RECORD_BYTES
from netral_nlp.formats.rejects import RAW_LIMIT

_BLOCK: Final = 1024 * 1024


class Readable(Protocol):
    """What lines are read from: a `ByteSource`, or bytes in memory."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


@dataclass(frozen=True)
class BadLine:
    """Why a line cannot be used.

    Attributes:
        reason: one line for the reject.
        too_long: the line is over the size limit; only its head is kept.
        size: its whole size in bytes, without the line end.
    """

    reason: str
    too_long: bool
    size: int


class LineWindow:
    """A window on the lines of a file that moves forward only.

    Attributes:
        texts: the window's lines, decoded, without their line end. A line that is not valid in the encoding is decoded
            with replacement characters, one over the size limit is empty; both are in `bad`.
        bad: index in the window -> what is wrong with that line (not valid, NUL characters, over the size limit).
    """

    def __init__(self, source: Readable, encoding: TextEncoding, newline: str = "\n") -> None:
        self._source = source
        self._encoding = encoding
        self._newline = newline
        self._end = encoding.encode(newline)
        self._carry = b""
        self._ended = False
        self.texts: list[str] = []
        self.bad: dict[int, BadLine] = {}
        self._raws: list[bytes] = []
        source.read(encoding.bom)
        # Offset of line `_index` of the window; kept as a cursor because offsets are asked for in rising order.
        self._index = 0
        self._offset = encoding.bom

    def fill(self) -> bool:
        """Add more lines to the window; False at the end of the file."""
        while not self._ended:
            block = self._source.read(_BLOCK)
            if not block:
                self._ended = True
                lines = self._split(self._carry)  # more than one behind an over-long line
                self._carry = b""
                if not lines[-1]:
                    lines.pop()
                self._add(lines)
                return bool(lines)
            data = self._carry + block
            lines = self._split(data)
            self._carry = lines.pop()
            if len(self._carry) > MAX_RECORD_BYTES:
                head, size = self._skip_long()
                self._add(lines)
                self._add_long(head, size)
                return True
            if lines:
                self._add(lines)
                return True
        return False

    def drop(self, count: int) -> None:
        """Forget the first `count` lines of the window."""
        self._seek(count)
        self._index = 0
        del self.texts[:count]
        del self._raws[:count]
        if self.bad:
            self.bad = {index - count: bad for index, bad in self.bad.items() if index >= count}

    def offset(self, index: int) -> int:
        """Byte offset in the decompressed file of a line of the window."""
        self._seek(index)
        return self._offset

    def size(self, index: int) -> int:
        """Bytes of a line of the window, without its line end."""
        bad = self.bad.get(index)
        return len(self._raws[index]) if bad is None else bad.size

    def is_too_long(self, index: int) -> bool:
        """Whether a line of the window is over the size limit."""
        bad = self.bad.get(index)
        return bad is not None and bad.too_long

    def why_bad(self, first: int, end: int) -> str | None:
        """What is wrong with the first bad line from `first` to before `end`; None if all are good."""
        if not self.bad:
            return None
        return next((self.bad[index].reason for index in range(first, end) if index in self.bad), None)

    def raw(self, first: int, end: int) -> tuple[bytes, int]:
        """The bytes of the lines from `first` to before `end`, line ends between them: their head and their size."""
        pieces: list[bytes] = []
        kept = 0
        for index in range(first, end):
            if kept > RAW_LIMIT:
                break
            pieces.append(self._raws[index])
            kept += len(self._raws[index]) + len(self._end)
        size = sum(self.size(index) for index in range(first, end)) + len(self._end) * (end - first - 1)
        return self._end.join(pieces)[:RAW_LIMIT], size

    def _seek(self, index: int) -> None:
        if index < self._index:  # only ever a few lines back
            for back in range(self._index - 1, index - 1, -1):
                self._offset -= self.size(back) + len(self._end)
        else:
            for line in range(self._index, index):
                self._offset += self.size(line) + len(self._end)
        self._index = index

    def _split(self, data: bytes) -> list[bytes]:
        width = self._encoding.width
        if width == 1:
            return data.split(self._end)
        # A line end may also appear across two characters; only whole characters count.
        unit = np.dtype(f"<u{width}" if self._encoding.codec.endswith("le") else f">u{width}")
        whole = len(data) - len(data) % width
        ends = np.flatnonzero(np.frombuffer(data[:whole], unit) == ord(self._newline)) * width
        lines = []
        start = 0
        for end in ends.tolist():
            lines.append(data[start:end])
            start = end + width
        lines.append(data[start:])
        return lines

    def _skip_long(self) -> tuple[bytes, int]:
        """Read on to the end of an over-long line without keeping it; the rest of the block becomes the carry."""
        head = self._carry[:RAW_LIMIT]
        width = self._encoding.width
        size = len(self._carry)
        tail = self._carry[size - size % width :]
        size -= len(tail)
        while True:
            block = self._source.read(_BLOCK)
            data = tail + block
            if not block:
                self._ended = True
                self._carry = b""
                return head, size + len(tail)
            first = self._first_end(data)
            if first >= 0:
                self._carry = data[first + len(self._end) :]
                return head, size + first
            tail = data[len(data) - len(data) % width :]
            size += len(data) - len(tail)

    def _first_end(self, data: bytes) -> int:
        place = data.find(self._end)
        while place >= 0 and place % self._encoding.width:
            place = data.find(self._end, place + 1)
        return place

    def _add_long(self, head: bytes, size: int) -> None:
        limit = f"{MAX_RECORD_BYTES // 2**20} MiB"
        self.bad[len(self.texts)] = BadLine(f"is larger than {limit} ({size:,} bytes)", True, size)
        self.texts.append("")
        self._raws.append(head)

    def _add(self, raws: list[bytes]) -> None:
        # A line that ends in this block can be over the limit by less than a block.
        if raws and len(raws[0]) > MAX_RECORD_BYTES:
            self._add_long(raws[0][:RAW_LIMIT], len(raws[0]))
            raws = raws[1:]
        if not raws:
            return
        first = len(self.texts)
        try:
            text = self._end.join(raws).decode(self._encoding.codec)
            texts = text.split(self._newline)
            whole = len(texts) == len(raws)
        except UnicodeDecodeError:
            whole = False
        if whole:
            self.texts += texts
            if "\0" in text:
                for index, line in enumerate(texts):
                    if "\0" in line:
                        self._add_bad(first + index, raws[index], "holds NUL bytes")
        else:
            for index, raw in enumerate(raws):
                self.texts.append(self._decode(first + index, raw))
        self._raws += raws

    def _decode(self, index: int, raw: bytes) -> str:
        try:
            text = raw.decode(self._encoding.codec)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{raw[error.start]:02X} at {error.start:,}" if error.start < len(raw) else "its end"
            hint = "; if the whole file is in another encoding, name it with --encoding"
            self._add_bad(index, raw, f"is not valid {self._encoding.name} ({byte}){hint}")
            text = raw.decode(self._encoding.codec, "replace")
        else:
            if "\0" in text:
                self._add_bad(index, raw, "holds NUL bytes")
        # A stray part of a character can decode to a line end of its own; the lines are those of the bytes.
        return text.replace(self._newline, " ") if self._newline in text else text

    def _add_bad(self, index: int, raw: bytes, reason: str) -> None:
        self.bad[index] = BadLine(reason, False, len(raw))
