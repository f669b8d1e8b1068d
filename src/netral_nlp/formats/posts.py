"""What every reader and writer of posts has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats.cells import plain_texts
from netral_nlp.formats.kinds import FileFormat
from netral_nlp.formats.known import KnownExport, recognise
from netral_nlp.formats.rejects import OnReject, Reject

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
"""A row larger than this is rejected: no post is that long, and rows must fit in memory."""
MAX_RECORD_LINES: Final = 20_000
"""A quoted CSV field over more physical lines is taken for a quote that was never closed."""
MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
"""A batch is closed early once its rows take this much, so that long rows do not fill the memory."""


@dataclass(frozen=True)
class PostBatch:
    """Some rows of a file.

    Attributes:
        rows: every input column in its order.
        numbers: 1-based data-row number of each row; rejected rows leave gaps.
    """

    rows: pa.RecordBatch
    numbers: list[int]

    def strings(self, column: str) -> list[str | None]:
        """A column as plain text, one entry a row, whatever its storage. None where missing or null.

        Whole numbers have no `.0`, dates are ISO 8601, JSON strings are unquoted, nested values are JSON text.
        A column that this batch does not have is all None.
        """
        index = self.rows.schema.get_field_index(column)
        if index < 0:
            return [None] * self.rows.num_rows
        return plain_texts(self.rows.column(index), self.rows.schema.field(index))


def other_sheets(names: Sequence[str]) -> str:
    """What to say where the first sheet of a file is not the one: the other sheets, and how to name one."""
    return f"name another sheet with --sheet: {', '.join(map(repr, names))}"


class PostReader(ABC):
    """A file of posts, opened and checked. Each call of `batches()` reads it from the start, in flat memory.

    Attributes:
        path: the file.
        format: its kind and compression.
        columns: the column names, as known after opening; in JSON lines more may come later in the file.
        notes: what was changed while opening (renamed columns), one line each, for the user to see.
        export: the known export that the columns are of, or None.
        encoding: the text encoding, or None for Parquet and XLSX.
        delimiter: the delimiter of CSV and TSV, otherwise None.
        other_sheets: of an XLSX file of which the first sheet is read, since none was named: the names of the others.
        row_count_hint: how many data rows there are, where that is known before reading.
        bytes_total: size of the file on disk.
        bytes_read: how much of it has been read, for a progress bar.
    """

    def __init__(self, path: Path, format: FileFormat, batch_rows: int, on_reject: OnReject | None) -> None:  # noqa: A002
        if batch_rows < 1:
            raise InputError(f"{path}: batch_rows must be at least 1, not {batch_rows}")
        self.path = path
        self.format = format
        self.columns: list[str] = []
        self.notes: list[str] = []
        self.encoding: str | None = None
        self.delimiter: str | None = None
        self.other_sheets: tuple[str, ...] = ()
        self.row_count_hint: int | None = None
        self.bytes_total = path.stat().st_size
        self._batch_rows = batch_rows
        self._on_reject = on_reject

    @property
    def export(self) -> KnownExport | None:
        """The known export that the columns are of, or None."""
        return recognise(self.columns)

    @property
    @abstractmethod
    def bytes_read(self) -> int:
        """Bytes of the file on disk read so far in the current pass."""

    @abstractmethod
    def batches(self) -> Iterator[PostBatch]:
        """Read the rows in order. Bad rows go to `on_reject` and the reading goes on.

        Raises:
            InputError: the file breaks off or is corrupt; or a row is bad and there is no `on_reject`.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file. A second call does nothing."""

    def __enter__(self) -> PostReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _reject(self, row: int, byte_offset: int | None, reason: str, raw: bytes, raw_bytes: int) -> None:
        if self._on_reject is None:
            where = "" if byte_offset is None else f" (byte {byte_offset:,})"
            raise InputError(f"{self.path}: row {row:,}{where}: {reason}")
        self._on_reject(Reject(str(self.path), row, byte_offset, reason, raw, raw_bytes))


def unique_names(names: Sequence[str], path: Path) -> tuple[list[str], list[str]]:
    """Give every column a name of its own: an empty header becomes `column_N`, a repeated one `NAME_2`, `NAME_3`...

    Returns:
        The names, and one note for each change.
    """
    taken = set(names)
    seen: set[str] = set()
    out: list[str] = []
    notes: list[str] = []
    for position, name in enumerate(names, start=1):
        new = name
        if not name.strip():
            new = _free(f"column_{position}", taken)
            notes.append(f"{path}: column {position} has no name and is called {new}")
        elif name in seen:
            count = 2
            while f"{name}_{count}" in taken:
                count += 1
            new = f"{name}_{count}"
            notes.append(f"{path}: column {position} repeats the name {name} and is called {new}")
        seen.add(new)
        taken.add(new)
        out.append(new)
    return out, notes


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
