"""XLSX: one sheet, row by row through openpyxl, in flat memory in both directions.

Cells are read as text, as a CSV export of the sheet would show them: an empty cell is an empty string, whole numbers
have no `.0`, dates are ISO 8601. Rows that are empty to the sheet's end are no rows.
"""

from __future__ import annotations

import array
import contextlib
import datetime
import itertools
import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final
from xml.etree.ElementTree import iterparse

import pyarrow as pa
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.writer.excel import ExcelWriter
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from netral_nlp.errors import InputError
from netral_nlp.formats.cells import sheet_cells
from netral_nlp.formats.kinds import FileFormat
from netral_nlp.formats.posts import MAX_BATCH_BYTES, PostBatch, PostReader, other_sheets, unique_names
from netral_nlp.formats.problems import (
    XLSX_MAX_COLUMNS,
    XLSX_MAX_ROWS,
    cell_problem,
    escape_cell,
    row_problems,
    unescape_cell,
)
from netral_nlp.formats.rejects import RAW_LIMIT, OnReject
from netral_nlp.formats.source import what_it_is

_SPILL_BYTES: Final = 8 * 1024 * 1024
_EXACT: Final = 2**53
_EPOCH: Final = datetime.datetime(1980, 1, 1)  # the first date that a zip entry can have


class _StringsOnDisk:
    """A workbook's shared strings, kept in a temporary file beyond the first megabytes: a dump has millions."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_SPILL_BYTES)  # noqa: SIM115 (closed by close())
        self._ends = array.array("Q", [0])

    def append(self, text: str) -> None:
        self._ends.append(self._ends[-1] + self._file.write(text.encode("utf-8", "surrogatepass")))

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self._ends) - 1:
            raise IndexError(index)
        start, end = self._ends[index], self._ends[index + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        self._file.close()


class _Package(ExcelReader):
    """openpyxl's reader of the file's parts, with the shared strings on disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), read_only=True, data_only=True, keep_links=False)
        self.strings = _StringsOnDisk()

    def read_strings(self) -> None:
        self.shared_strings = self.strings  # type: ignore[assignment] # all that is asked of it is an index
        part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        if part is None:
            return
        tag = f"{{{SHEET_MAIN_NS}}}si"
        with self.archive.open(part.PartName[1:]) as source:
            events = iterparse(source, events=("start", "end"))
            _, root = next(events)
            for event, node in events:
                if event == "end" and node.tag == tag:
                    text = Text.from_tree(node)
                    self.strings.append("" if text is None else text.content)
                    root.clear()


class SpreadsheetReader(PostReader):
    """One sheet of an XLSX file; see `PostReader`. Every column is a string column without nulls."""

    def __init__(
        self,
        path: Path,
        format: FileFormat,  # noqa: A002
        *,
        batch_rows: int,
        on_reject: OnReject | None,
        sheet: str | None = None,
    ) -> None:
        super().__init__(path, format, batch_rows, on_reject)
        with path.open("rb") as file:
            head = file.read(16)
        if not head.startswith(b"PK"):
            raise InputError(
                f"{path}: is not an XLSX file; it is {what_it_is(head) or 'something else: export it again'}"
            )
        self._rows_read = 0
        self._package = self._guard(lambda: _Package(path))
        try:
            self._guard(self._package.read)
            self._sheet = self._pick(sheet)
            hint = self._sheet.max_row
            # The size that a file states of its sheet is often wrong; without it every cell is read.
            self._sheet.reset_dimensions()
            rows = self._rows()
            header = next((row for row in rows if any(row)), None)
            if header is None:
                raise InputError(f"{path}: the sheet {self._sheet.title!r} is empty; {self._remedy()}")
            while not header[-1]:
                header.pop()
            if not any(any(row) for row in rows):
                where = f"the sheet {self._sheet.title!r} " if self.other_sheets else ""
                raise InputError(f"{path}: {where}has a header but no rows; {self._remedy()}")
            self.columns, self.notes = unique_names(header, path)
            self.row_count_hint = hint - 1 if isinstance(hint, int) and hint > 1 else None
        except BaseException:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        """The share of the file that corresponds to the rows read so far, as far as their number is known."""
        if self.row_count_hint is None:
            return 0
        return min(self.bytes_total, self.bytes_total * self._rows_read // self.row_count_hint)

    def close(self) -> None:
        """Close the file and drop the temporary one. A second call does nothing."""
        self._package.archive.close()
        self._package.strings.close()

    def batches(self) -> Iterator[PostBatch]:
        """Read the rows in order; see `PostReader.batches`."""
        schema = pa.schema([pa.field(name, pa.string()) for name in self.columns])
        width = len(self.columns)
        rows: list[list[str]] = []
        numbers: list[int] = []
        size = 0
        self._rows_read = 0
        for cells in self._data_rows():
            self._rows_read += 1
            extra = cells[width:]
            if any(extra):
                self._reject_cells(self._rows_read, f"has {len(cells)} cells instead of {width}", cells)
                continue
            row = cells[:width] + [""] * (width - len(cells))
            rows.append(row)
            numbers.append(self._rows_read)
            size += sum(map(len, row))
            if len(rows) >= self._batch_rows or size >= MAX_BATCH_BYTES:
                yield _batch(rows, numbers, schema)
                rows, numbers, size = [], [], 0
        if rows:
            yield _batch(rows, numbers, schema)

    def _data_rows(self) -> Iterator[list[str]]:
        """The rows below the header; empty ones only where another row follows."""
        rows = self._rows()
        for row in rows:
            if any(row):
                break
        empty = 0
        for row in rows:
            if any(row):
                yield from itertools.repeat([], empty)
                empty = 0
                yield row
            else:
                empty += 1

    def _rows(self) -> Iterator[list[str]]:
        rows = self._guard(lambda: self._sheet.iter_rows(values_only=True))
        while True:
            row = self._guard(lambda: next(rows, None))
            if row is None:
                return
            yield [_cell_text(value) for value in row]

    def _pick(self, name: str | None) -> Any:
        sheets = self._package.wb.worksheets
        if not sheets:
            raise InputError(f"{self.path}: has no sheet with cells; export it again")
        if name is None:
            self.other_sheets = tuple(sheet.title for sheet in sheets[1:])
            return sheets[0]
        found = next((sheet for sheet in sheets if sheet.title == name), None)
        if found is None:
            titles = ", ".join(sheet.title for sheet in sheets)
            raise InputError(f"{self.path}: has no sheet {name!r}; its sheets are {titles}")
        return found

    def _remedy(self) -> str:
        """What to do about a sheet without rows."""
        if not self.other_sheets:
            return "export or download it again"
        return f"{other_sheets(self.other_sheets)}, or export it again"

    def _reject_cells(self, number: int, reason: str, cells: list[str]) -> None:
        raw = json.dumps(cells, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self._reject(number, None, reason, raw[:RAW_LIMIT], len(raw))

    def _guard(self, action: Callable[[], Any]) -> Any:
        """Run a step of openpyxl; whatever a broken file makes it raise becomes one line."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # styles and extensions that it does not know do not matter here
                return action()
        except (InputError, MemoryError):
            raise
        except zipfile.BadZipFile as error:
            raise InputError(f"{self.path}: is not a whole XLSX file ({error}); export or download it again") from error
        except InvalidFileException as error:
            raise InputError(f"{self.path}: is not an XLSX file; save it as .xlsx or .csv") from error
        except Exception as error:  # openpyxl lets through whatever its parsers and ours of XML raise
            raise InputError(
                f"{self.path}: is not a valid XLSX file ({type(error).__name__}); open it in a spreadsheet program "
                "and save it again"
            ) from error


def _batch(rows: list[list[str]], numbers: list[int], schema: pa.Schema) -> PostBatch:
    arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return PostBatch(pa.RecordBatch.from_arrays(arrays, schema=schema), numbers)


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return unescape_cell(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if abs(value) < _EXACT and value.is_integer() else str(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


class _FixedZip(zipfile.ZipFile):
    """A zip file whose entries carry a fixed date, so that equal posts give equal bytes."""

    def writestr(
        self, name: Any, data: Any, compress_type: int | None = None, compresslevel: int | None = None
    ) -> None:
        super().writestr(self._entry(str(name)), data, compress_type, compresslevel)

    def write(
        self, filename: Any, arcname: Any = None, compress_type: int | None = None, compresslevel: int | None = None
    ) -> None:
        entry = self._entry(str(arcname))
        with Path(filename).open("rb") as source, self.open(entry, "w", force_zip64=True) as target:
            while block := source.read(2**20):
                target.write(block)

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, _EPOCH.timetuple()[:6])
        entry.compress_type = self.compression
        entry.external_attr = 0o600 << 16
        return entry


class SheetSink:
    """Writes one sheet. Text stays text: nothing becomes a formula, an error value or a number."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        if len(schema.names) > XLSX_MAX_COLUMNS:
            raise InputError(f"{path}: XLSX holds at most {XLSX_MAX_COLUMNS:,} columns; write .csv or .parquet")
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("posts")
        self._rows = 0
        for name in schema.names:
            problem = cell_problem(name, "xlsx")
            if problem is not None:
                raise InputError(f"{path}: a column name cannot be written: {problem}")
        self._sheet.append([self._cell(name) for name in schema.names])

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows.

        Raises:
            InputError: XLSX cannot hold one of them, or so many.
        """
        problems = row_problems(batch, "xlsx")
        if problems:
            index, problem = next(iter(sorted(problems.items())))
            raise InputError(f"{self._path}: row {self._rows + index + 1:,} cannot be written: {problem}")
        if self._rows + batch.num_rows > XLSX_MAX_ROWS:
            raise InputError(f"{self._path}: XLSX holds at most {XLSX_MAX_ROWS:,} rows; write .csv, .jsonl or .parquet")
        self._rows += batch.num_rows
        columns = [sheet_cells(column, field) for column, field in zip(batch.columns, batch.schema, strict=True)]
        for row in zip(*columns, strict=True):
            self._sheet.append([self._cell(value) for value in row])

    def _cell(self, value: str | float | int | bool | None) -> Any:
        if not isinstance(value, str):
            return value
        text = escape_cell(value)
        if not text.startswith(("=", "#")):
            return text
        cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"
        return cell

    def close(self) -> None:
        """Write the whole file."""
        self._book.properties.created = _EPOCH
        self._book.properties.modified = _EPOCH
        archive = _FixedZip(self._path, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        try:
            ExcelWriter(self._book, archive).save()
        except BaseException:
            # Left open, both would try to end their files once more when they are collected, and complain on stderr.
            with contextlib.suppress(OSError, ValueError):
                if not self._sheet.closed:
                    self._sheet.close()
            with contextlib.suppress(OSError, ValueError):
                archive.close()
            raise

    def abort(self) -> None:
        """Drop what has been written so far."""
        self._sheet.close()
