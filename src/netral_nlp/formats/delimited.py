"""CSV and TSV: records out of physical lines, so that one broken row costs one row.

Cells are kept as they stand. Quoting is that of RFC 4180: a field that begins with `"` ends at the next single `"`;
`""` inside stands for `"`; it may hold delimiters and line breaks. A quote within an unquoted field is plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats.encodings import SAMPLE_BYTES, TextEncoding, find_encoding
from netral_nlp.formats.kinds import FileFormat
from netral_nlp.formats.lines import LineWindow
from netral_nlp.formats.posts import (
    MAX_BATCH_BYTES,
    MAX_RECORD_BYTES,
    MAX_RECORD_LINES,
    PostBatch,
    PostReader,
    unique_names,
)
from netral_nlp.formats.rejects import OnReject
from netral_nlp.formats.source import ByteSource

DELIMITERS: Final = ",;\t|"
"""The delimiters that are looked for, the likelier first."""

_NAMES: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
_SAMPLE_RECORDS: Final = 200
_IN_QUOTES: Final = re.compile(r'[^"]*+(?:""[^"]*+)*+')


class BrokenQuotesError(ValueError):
    """Text follows a closing quote."""


def split_line(line: str, delimiter: str, cells: list[str], open_field: list[str] | None) -> list[str] | None:
    """Read one physical line (without its line end) of a record.

    Args:
        line: the line.
        delimiter: one character.
        cells: the record's cells so far; those that end on this line are added.
        open_field: what has been read of a field whose quote is open, or None.

    Returns:
        The pieces of a field whose quote is still open at the line's end, or None if the record ends here.

    Raises:
        BrokenQuotesError: text follows a closing quote.
    """
    position = 0
    while True:
        if open_field is not None or line.startswith('"', position):
            if open_field is None:
                open_field = []
                position += 1
            match = _IN_QUOTES.match(line, position)
            assert match is not None  # the pattern matches the empty string
            open_field.append(match[0])
            position = match.end()
            if position == len(line):
                return open_field
            cells.append("".join(open_field).replace('""', '"'))
            open_field = None
            position += 1
            if position == len(line):
                return None
            if line[position] != delimiter:
                raise BrokenQuotesError
            position += 1
        else:
            end = line.find(delimiter, position)
            if end < 0:
                cells.append(line[position:])
                return None
            cells.append(line[position:end])
            position = end + 1


def read_record(window: LineWindow, index: int, delimiter: str, newline: str) -> tuple[list[str], int] | str:
    """Read the record that begins at a line of the window, filling the window as needed.

    Returns:
        The cells and the index of the line behind the record; or, if its quotes are broken, the reason.
    """
    cells: list[str] = []
    open_field: list[str] | None = None
    size = 0
    last = index
    while True:
        line = window.texts[last]
        end = newline
        if newline == "\n" and line.endswith("\r"):
            line, end = line[:-1], "\r\n"
        try:
            open_field = split_line(line, delimiter, cells, open_field)
        except BrokenQuotesError:
            return "broken quotes: text follows a closing quote"
        if open_field is None:
            return cells, last + 1
        open_field.append(end)
        size += window.size(last)
        last += 1
        if last == len(window.texts) and not window.fill():
            return "broken quotes: a quote that opens on this line is never closed"
        if last - index >= MAX_RECORD_LINES or size > MAX_RECORD_BYTES or window.is_too_long(last):
            return (
                "broken quotes: a quote that opens on this line is not closed within "
                f"{MAX_RECORD_LINES:,} lines or {MAX_RECORD_BYTES // 2**20} MiB"
            )


class DelimitedReader(PostReader):
    """A CSV or TSV file; see `PostReader`. Every column is a string column without nulls.

    The first line that is not blank is the header. Blank lines are no rows.
    """

    def __init__(
        self,
        path: Path,
        format: FileFormat,  # noqa: A002
        *,
        batch_rows: int,
        on_reject: OnReject | None,
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        super().__init__(path, format, batch_rows, on_reject)
        self._source: ByteSource | None = None
        with ByteSource(path, format) as source:
            sample = source.read(SAMPLE_BYTES)
        self._encoding = find_encoding(path, sample, encoding, fallback=True)
        self.encoding = self._encoding.name
        self._newline = _find_newline(sample, self._encoding)
        if delimiter is None:
            self._delimiter = _find_delimiter(sample, self._encoding, self._newline, format.kind)
        else:
            self._delimiter = _check_delimiter(delimiter)
        self.delimiter = self._delimiter
        with ByteSource(path, format) as source:
            window, index, names = self._read_header(source)
            if _next_row(window, index) is None:
                raise InputError(f"{path}: has a header but no rows; export or download it again")
        self.columns, self.notes = unique_names(names, path)

    @property
    def bytes_read(self) -> int:
        """Bytes of the file on disk read so far in the current pass."""
        return 0 if self._source is None else self._source.position

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._source is not None:
            self._source.close()

    def batches(self) -> Iterator[PostBatch]:
        """Read the rows in order; see `PostReader.batches`."""
        self.close()
        self._source = source = ByteSource(self.path, self.format)
        schema = pa.schema([pa.field(name, pa.string()) for name in self.columns])
        rows: list[list[str]] = []
        numbers: list[int] = []
        size = 0
        with source:
            for number, cells, record_size in self._records(source):
                rows.append(cells)
                numbers.append(number)
                size += record_size
                if len(rows) >= self._batch_rows or size >= MAX_BATCH_BYTES:
                    yield _batch(rows, numbers, schema)
                    rows, numbers, size = [], [], 0
            if rows:
                yield _batch(rows, numbers, schema)

    def _read_header(self, source: ByteSource) -> tuple[LineWindow, int, list[str]]:
        """Returns the window, the index of the line behind the header, and the header's cells."""
        window = LineWindow(source, self._encoding, self._newline)
        index = _next_row(window, 0)
        if index is None:
            raise InputError(f"{self.path}: the file is empty; export or download it again")
        record = read_record(window, index, self._delimiter, self._newline)
        if isinstance(record, str):
            raise InputError(f"{self.path}: the header cannot be read: {record}; mend the file's first line")
        cells, end = record
        reason = window.why_bad(index, end)
        if reason is not None:
            raise InputError(f"{self.path}: the header cannot be read: {reason}; mend the file's first line")
        return window, end, cells

    def _records(self, source: ByteSource) -> Iterator[tuple[int, list[str], int]]:
        """Yield (row number, cells, characters) of the good rows; the others go to the rejects."""
        window, index, header = self._read_header(source)
        width = len(header)
        delimiter = self._delimiter
        newline = self._newline
        between = f'"{delimiter}"'
        number = 0
        while True:
            if index == len(window.texts):
                window.drop(index)
                index = 0
                if not window.fill():
                    return
            line = window.texts[index]
            if index not in window.bad:
                if line.endswith("\r") and newline == "\n":
                    line = line[:-1]
                if not line:
                    index += 1
                    continue
                # Two fast ways: no quotes at all, and every cell in quotes with none inside.
                if '"' not in line:
                    cells = line.split(delimiter)
                    if len(cells) == width:
                        number += 1
                        index += 1
                        yield number, cells, len(line)
                        continue
                elif line.startswith('"') and line.endswith('"') and line.count('"') == 2 * width:
                    cells = line[1:-1].split(between)
                    if len(cells) == width:
                        number += 1
                        index += 1
                        yield number, cells, len(line)
                        continue
            number += 1
            record = read_record(window, index, delimiter, newline)
            if isinstance(record, str):
                self._reject_lines(window, number, index, index + 1, record)
                index += 1
                continue
            cells, end = record
            reason = window.why_bad(index, end)
            if reason is None and len(cells) == width:
                yield number, cells, sum(map(len, cells))
                index = end
            elif reason is None and self._swallows_rows(window, index + 1, end, width):
                reason = "broken quotes: a quote that opens on this line is closed in a later row only"
                self._reject_lines(window, number, index, index + 1, reason)
                index += 1
            else:
                reason = reason or f"has {len(cells)} fields instead of {width}"
                self._reject_lines(window, number, index, end, reason)
                index = end

    def _swallows_rows(self, window: LineWindow, first: int, end: int, width: int) -> bool:
        """Whether most later lines of a record of the wrong width are good rows, if read by themselves."""
        if width < 2:
            return False
        good = 0
        for index in range(first, end):
            cells: list[str] = []
            try:
                closed = split_line(window.texts[index].removesuffix("\r"), self._delimiter, cells, None) is None
            except BrokenQuotesError:
                continue
            good += closed and len(cells) == width
        return end > first and good * 2 >= end - first

    def _reject_lines(self, window: LineWindow, number: int, first: int, end: int, reason: str) -> None:
        raw, size = window.raw(first, end)
        self._reject(number, window.offset(first), reason, raw, size)


def _batch(rows: list[list[str]], numbers: list[int], schema: pa.Schema) -> PostBatch:
    arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return PostBatch(pa.RecordBatch.from_arrays(arrays, schema=schema), numbers)


def _next_row(window: LineWindow, index: int) -> int | None:
    """Index of the next line that is not blank, from `index` on; the window may move. None at the end of the file."""
    while True:
        if index == len(window.texts):
            window.drop(index)
            index = 0
            if not window.fill():
                return None
        if index in window.bad or window.texts[index] not in ("", "\r"):
            return index
        index += 1


def _find_newline(sample: bytes, encoding: TextEncoding) -> str:
    """A line feed; a carriage return in files of old Macs, which have no line feed at all."""
    text = sample[encoding.bom :].decode(encoding.codec, "replace")
    return "\r" if "\n" not in text and "\r" in text else "\n"


def _check_delimiter(asked: str) -> str:
    delimiter = _NAMES.get(asked.strip(" ").lower(), asked)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise InputError(f"the delimiter must be one character (or comma, semicolon, tab, pipe), not {asked!r}")
    return delimiter


def _find_delimiter(sample: bytes, encoding: TextEncoding, newline: str, kind: str) -> str:
    """The delimiter that splits the header, and as many of the first rows as possible into as many fields."""
    likelier = "\t,;|" if kind == "tsv" else DELIMITERS
    best = (False, 0, 0)
    found = likelier[0]
    broken = ""
    for delimiter in likelier:
        header, widths = _sample_widths(sample[: 2**20], encoding, newline, delimiter)
        if not widths or widths[0] == 0:
            broken = broken or (delimiter if delimiter in header else "")
            continue
        score = (widths[0] > 1, sum(width == widths[0] for width in widths[1:]), widths[0])
        if score > best:
            best, found = score, delimiter
    # If only a header with broken quotes has a delimiter at all, that is what the user must hear of.
    return broken if broken and not best[0] else found


def _sample_widths(sample: bytes, encoding: TextEncoding, newline: str, delimiter: str) -> tuple[str, list[int]]:
    """The first line, and the number of fields of the first records; 0 where a record is broken."""
    window = LineWindow(BytesIO(sample), encoding, newline)
    widths: list[int] = []
    index = _next_row(window, 0)
    header = "" if index is None else window.texts[index]
    while index is not None and len(widths) <= _SAMPLE_RECORDS:
        record = read_record(window, index, delimiter, newline)
        broken = isinstance(record, str) or window.why_bad(index, record[1]) is not None
        widths.append(0 if broken else len(record[0]))
        index = _next_row(window, index + 1 if isinstance(record, str) else record[1])
    return header, widths
