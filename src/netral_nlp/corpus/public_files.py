"""Every string of a user's files, whatever their format: tables of all kinds, JSON documents, folders."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast
from xml.etree import ElementTree

from netral_nlp.errors import InputError

Strings = tuple[str, Sequence[tuple[int, str]]]
"""A column's name, and its cells with the index of their row in the chunk."""

_CHUNK_ROWS: Final = 2048
_SHEET_NAME: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}sheet"


@dataclass
class Chunk:
    """Some rows of a file.

    Attributes:
        numbers: the row's number in the file, from 1 (0: its header).
        columns: every string by column, with its row's index in `numbers`. Strings inside JSON values have the path as
            their column: `data.text`.
    """

    numbers: list[int]
    columns: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _firsts: dict[str, dict[int, str]] = field(default_factory=dict, init=False, repr=False)

    def add(self, column: str, index: int, value: str) -> None:
        """Add a string."""
        self.columns.setdefault(column, []).append((index, value))
        self._firsts.pop(column, None)

    def value(self, column: str, index: int) -> str | None:
        """The string of a column in a row, the first where there are several; None where it has none."""
        if column not in self._firsts:
            self._firsts[column] = dict(reversed(self.columns.get(column, [])))
        return self._firsts[column].get(index)


def find_files(paths: Sequence[str | Path], exclude: Sequence[str | Path] = ()) -> tuple[list[tuple[Path, bool]], int]:
    """List files, and those in folders that could be tables, in a fixed order, each once.

    Returns:
        Each file with whether the user named it, and how many other files the folders hold.

    Raises:
        InputError: a path does not exist.
    """
    left_out = {Path(path).resolve() for path in exclude}
    found: dict[Path, tuple[Path, bool]] = {}
    others = 0
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path")
        if not path.is_dir():
            found.setdefault(path.resolve(), (path, True))
            continue
        for inner in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in inner.relative_to(path).parts)
            if hidden or not is_file(inner) or inner.resolve() in left_out:
                continue
            if _could_be_table(inner):
                found.setdefault(inner.resolve(), (inner, False))
            else:
                others += 1
    return list(found.values()), others


def is_file(path: Path) -> bool:
    """Whether this is a file; so is what one may not look at: its reader says so."""
    try:
        return path.is_file()
    except OSError:
        return True


def _could_be_table(path: Path) -> bool:
    from netral_nlp.formats import detect_format

    if path.suffix == ".arrow":
        return True
    try:
        detect_format(path)
    except InputError:
        return False
    try:
        return path.stat().st_size > 0
    except OSError:
        return True


def read_strings(path: Path, *, encoding: str | None = None, on_bad: Callable[[], None]) -> Iterator[Chunk]:
    """Read every string of a file, in flat memory. A header's names come first, as row 0: some files have no header.

    Args:
        path: a table of any kind that `open_posts` reads (of a spreadsheet all sheets), a JSON document, an Arrow file.
        encoding: the text encoding; found by default.
        on_bad: called for each row that cannot be read.

    Raises:
        InputError: the file is none of these, or breaks off; what was read before has been yielded.
    """
    from netral_nlp.formats import detect_format

    if path.suffix == ".arrow":
        yield from _arrow_strings(path)
        return
    kind = detect_format(path).kind
    if kind == "xlsx":
        yield from _sheets(path, on_bad)
        return
    if kind in ("json", "jsonl"):
        try:
            chunks = _table(path, "", encoding, on_bad)
            first = next(chunks, None)
        except InputError as error:
            if not path.is_file() or path.stat().st_size == 0:
                raise
            yield from _document(path, error)
            return
        if first is not None:
            yield first
        yield from chunks
        return
    yield from _table(path, "", encoding, on_bad)


def _sheets(path: Path, on_bad: Callable[[], None]) -> Iterator[Chunk]:
    titles = _sheet_titles(path)
    if len(titles) < 2:
        yield from _table(path, "", None, on_bad)
        return
    problem: InputError | None = None
    read = False
    for title in titles:
        try:
            for chunk in _table(path, f"{title}!", None, on_bad, sheet=title):
                read = True
                yield chunk
        except InputError as error:  # an empty sheet, or one that is a chart
            problem = problem or error
    if not read and problem is not None:
        raise problem


def _sheet_titles(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    except (OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError):
        return []  # the reader says what is wrong with the file
    return [title for sheet in book.iter(_SHEET_NAME) if (title := sheet.get("name"))]


def _table(
    path: Path, prefix: str, encoding: str | None, on_bad: Callable[[], None], sheet: str | None = None
) -> Iterator[Chunk]:
    from netral_nlp.formats import open_posts

    with open_posts(path, encoding=encoding, sheet=sheet, on_reject=lambda _: on_bad()) as reader:
        if reader.format.kind not in ("json", "jsonl", "parquet"):
            header = Chunk([0])
            for name in reader.columns:
                header.add(prefix + name, 0, name)
            yield header
        for batch in reader.batches():
            chunk = Chunk(batch.numbers)
            for name in batch.rows.schema.names:
                _add_cells(chunk, prefix + name, batch.strings(name))
            yield chunk


def _add_cells(chunk: Chunk, column: str, cells: Sequence[str | None]) -> None:
    whole = [(index, cell) for index, cell in enumerate(cells) if cell]
    if whole:
        chunk.columns[column] = whole
    for index, cell in whole:
        if cell[0] in "{[" and cell[-1] in "}]":
            try:
                inner = json.loads(cell)
            except (ValueError, RecursionError):
                continue
            for place, value in _inner_strings(inner, column):
                chunk.add(place, index, value)


def _inner_strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    waiting = [(place, value)]
    while waiting:
        at, item = waiting.pop()
        if isinstance(item, str):
            if item and at != place:
                yield at, item
        elif isinstance(item, dict):
            waiting.extend((_inner_place(at, key), inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list):
            waiting.extend((f"{at}[]", inner) for inner in reversed(item))


def _inner_place(place: str, key: str) -> str:
    """The path of a value in a record; keys that are numbers (columns as pandas writes them, ids) count as one."""
    return f"{place}[]" if key.isdecimal() else f"{place}.{key}"


def _arrow_strings(path: Path) -> Iterator[Chunk]:
    """The files inside a folder that `datasets.save_to_disk` wrote."""
    import pyarrow as pa

    from netral_nlp.formats.cells import plain_texts

    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
            number = 1
            for batch in stream:
                for start in range(0, batch.num_rows, _CHUNK_ROWS):
                    part = batch.slice(start, _CHUNK_ROWS)
                    chunk = Chunk(list(range(number, number + part.num_rows)))
                    number += part.num_rows
                    for name, column in zip(part.schema.names, part.columns, strict=True):
                        _add_cells(chunk, name, plain_texts(column, part.schema.field(name)))
                    yield chunk
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: is not a whole Arrow file; write it again") from error


class _WithoutMark:
    """A byte source for ijson, without the byte order mark that JSON may not have and exports do."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._start = True

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        if self._start and size:
            self._start = False
            if data.startswith(b"\xef\xbb\xbf"):
                data = data[3:] or self._source.read(size)
        return data


def _document(path: Path, problem: InputError) -> Iterator[Chunk]:
    """The strings of one JSON document: an array of records, records under a key, or columns of values.

    Args:
        path: the file.
        problem: what the reader of JSON lines said of it.
    """
    import ijson

    from netral_nlp.formats import detect_format
    from netral_nlp.formats.source import ByteSource

    chunk = Chunk([])
    records: str | None = None
    number = 0
    any_read = False
    with ByteSource(path, detect_format(path)) as source:
        try:
            for prefix, event, value in ijson.parse(_WithoutMark(cast(IO[bytes], source)), use_float=True):
                any_read = True
                if records is not None and prefix == records and event != "end_map":
                    number += 1
                    if len(chunk.numbers) >= _CHUNK_ROWS:
                        yield chunk
                        chunk = Chunk([])
                    chunk.numbers.append(number)
                elif event == "start_array" and records is None:
                    records, number = (f"{prefix}.item" if prefix else "item"), 0
                elif event == "end_array" and records is not None and f"{prefix}.item".removeprefix(".") == records:
                    records = None
                if event != "string" or not value:
                    continue
                if records is None:  # no array around it: {"text": {"0": "...", "1": "..."}}, or a lone value
                    column, _, last = prefix.rpartition(".")
                    plain = last.isdecimal() and bool(column)
                    if len(chunk.numbers) >= _CHUNK_ROWS:
                        yield chunk
                        chunk = Chunk([])
                    chunk.numbers.append(int(last) + 1 if plain else 0)
                    chunk.add(column if plain else prefix or "value", len(chunk.numbers) - 1, value)
                else:
                    column = prefix.removeprefix(records).lstrip(".").replace(".item", "[]")
                    chunk.add(column or records.removesuffix(".item"), len(chunk.numbers) - 1, value)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            if chunk.numbers:
                yield chunk
            if not any_read:
                raise problem from error
            raise InputError(
                f"{path}: is not whole JSON (it breaks off or is damaged behind row {number:,}); download it again"
            ) from error
    if chunk.numbers:
        yield chunk
