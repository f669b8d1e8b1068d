"""Rows that cannot be read: what a reject holds, and the file that keeps them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from netral_nlp.errors import InputError

RAW_LIMIT: Final = 64 * 1024
"""Bytes of a bad row's raw content that a reject keeps."""


@dataclass(frozen=True)
class Reject:
    """One input row that was left out, and why.

    Attributes:
        source: the input file, as the user named it.
        row: 1-based number of the data row in that file (the header is not counted).
        byte_offset: where the row starts in the decompressed file, in bytes; None for Parquet and XLSX.
        reason: one line that says what is wrong; holds no post text.
        raw: the row's first 64 KiB as they stand in the file.
        raw_bytes: the whole size of the row in bytes, without its line end.
    """

    source: str
    row: int
    byte_offset: int | None
    reason: str
    raw: bytes
    raw_bytes: int

    def __post_init__(self) -> None:
        if len(self.raw) > RAW_LIMIT:
            object.__setattr__(self, "raw", self.raw[:RAW_LIMIT])

    def as_json(self) -> str:
        """One line of JSON. `raw` is text where it is UTF-8 (cut between characters), otherwise base64."""
        raw, raw_encoding = _printable(self.raw, cut=self.raw_bytes > len(self.raw))
        record = {
            "source": self.source,
            "row": self.row,
            "byte_offset": self.byte_offset,
            "reason": self.reason,
            "raw": raw,
            "raw_encoding": raw_encoding,
            "raw_bytes": self.raw_bytes,
        }
        return json.dumps(record, ensure_ascii=False)


OnReject = Callable[[Reject], None]
"""What readers call for each bad row."""


def _printable(raw: bytes, *, cut: bool) -> tuple[str, str]:
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if cut and error.reason == "unexpected end of data" and error.start >= len(raw) - 3:
            return raw[: error.start].decode("utf-8"), "utf-8"
        return base64.b64encode(raw).decode("ascii"), "base64"


class RejectsFile:
    """A JSON lines file of rejects, created when the first one is written.

    Usable as a context manager and as the `on_reject` of a reader (`on_reject=rejects.write`).

    Args:
        path: where to write; an existing file is replaced at the first write, unless `append`.
        append: add to an existing file instead, as a resumed run does.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.path = Path(path)
        self.count = 0
        self._mode = "ab" if append else "wb"
        self._file: IO[bytes] | None = None

    def write(self, reject: Reject) -> None:
        """Add one reject.

        Raises:
            InputError: the file cannot be written (no such folder, no permission, disk full).
        """
        try:
            if self._file is None:
                self._file = self.path.open(self._mode)
                self._mode = "ab"
            self._file.write(reject.as_json().encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            raise InputError(f"{self.path}: cannot write the rejects: {error.strerror or error}") from error
        self.count += 1

    def flush(self) -> None:
        """Bring everything written so far onto the disk.

        Raises:
            InputError: the disk is full or gone.
        """
        if self._file is not None:
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise InputError(f"{self.path}: cannot write the rejects: {error.strerror or error}") from error

    def close(self) -> None:
        """Flush and close. A later write opens the file again and adds to it."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                try:
                    file.flush()
                    os.fsync(file.fileno())
                finally:
                    file.close()
            except OSError as error:
                raise InputError(f"{self.path}: cannot write the rejects: {error.strerror or error}") from error

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
