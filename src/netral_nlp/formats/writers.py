"""Writers of posts: the same rows give the same bytes, on whatever day and in whatever batches they come."""

from __future__ import annotations

import gzip
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats.cells import JSON_KIND, encode_string, json_kind, json_texts, plain_texts
from netral_nlp.formats.kinds import FileFormat, as_format
from netral_nlp.formats.problems import row_problems
from netral_nlp.formats.schemas import conform
from netral_nlp.formats.source import what_it_is

_CHUNK: Final = 1024 * 1024
_GROUP_ROWS: Final = 65_536
_GROUP_BYTES: Final = 128 * 1024 * 1024
# Any of the usual delimiters is quoted, so that a reader cannot take another one for ours.
_QUOTED: Final = re.compile(r'[",;\t|\r\n]')


class _Sink(Protocol):
    def write(self, batch: pa.RecordBatch) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class PostWriter:
    """Writes batches to one file. A context manager; leaving it by an error closes the file as it is.

    Attributes:
        path: the file.
        format: its kind and compression.
        schema: what the batches are brought to before they are written.
        rows: rows written so far.
    """

    def __init__(self, path: Path, schema: pa.Schema, format: FileFormat) -> None:  # noqa: A002
        self.path = path
        self.format = format
        self.schema = schema
        self.rows = 0
        self._sink: _Sink | None = None
        with self._telling_errors():
            self._sink = _open_sink(path, schema, format)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. Columns that the batch lacks are empty.

        Raises:
            InputError: the disk is full or the format cannot hold a row (see `row_problems`); nothing is ever cut.
            ValueError: the batch has a column that the schema lacks, or the writer is closed.
        """
        if self._sink is None:
            raise ValueError(f"{self.path} is closed")
        batch = conform(batch, self.schema)
        with self._telling_errors():
            self._sink.write(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        """Finish the file and bring it onto the disk. A second call does nothing.

        Raises:
            InputError: the disk is full or gone.
        """
        if self._sink is None:
            return
        sink, self._sink = self._sink, None
        with self._telling_errors():
            sink.close()
            _sync(self.path)

    def __enter__(self) -> PostWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif self._sink is not None:
            sink, self._sink = self._sink, None
            try:
                sink.abort()
            except Exception:  # the first error is the one to tell
                return

    @contextmanager
    def _telling_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from error


def open_writer(
    path: str | Path,
    schema: pa.Schema,
    *,
    format: str | FileFormat | None = None,  # noqa: A002 (the word users know)
) -> PostWriter:
    r"""Open a file for writing, at exactly this path; an existing file is replaced.

    CSV, TSV and JSON lines are UTF-8 with `\n` line ends. In them and in XLSX `p_neutral`, `p_supportive` and
    `p_campaigning` have six decimals; all other numbers keep their digits. JSON columns (see `docs/architecture.md`)
    are JSON values in JSON lines and plain text elsewhere.

    Args:
        path: the file.
        schema: the columns in their order; `unify_schemas` makes one for several batches.
        format: a FileFormat or a name such as `csv` or `jsonl.gz`; by default the path's ending says it.

    Raises:
        InputError: unknown ending, or the file cannot be written.
    """
    path = Path(path)
    known = as_format(format, path)
    if known.kind == "json":
        raise InputError(f"{path}: .json is not written; name it .jsonl (one object a line)")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    return PostWriter(path, schema, known)


def _open_sink(path: Path, schema: pa.Schema, format: FileFormat) -> _Sink:  # noqa: A002
    if format.kind == "parquet":
        return _ParquetSink(path, schema)
    if format.kind == "xlsx":
        from netral_nlp.formats.spreadsheet import SheetSink

        return SheetSink(path, schema)
    if format.kind == "jsonl":
        return _JsonLinesSink(path, schema, format)
    return _DelimitedSink(path, schema, format)


class _TextOutput:
    """Bytes to a file, compressed on the way, handed on in pieces of one size so that the batches leave no trace."""

    def __init__(self, path: Path, compression: str | None) -> None:
        self._file: IO[bytes] = path.open("wb")
        self._stream: Any = self._file
        if compression == "gzip":
            # No name and no time in the header: equal posts give equal bytes.
            self._stream = gzip.GzipFile(filename="", mode="wb", fileobj=self._file, mtime=0, compresslevel=6)
        elif compression == "zstd":
            self._stream = pa.CompressedOutputStream(pa.PythonFile(self._file, mode="w"), "zstd")
        self._buffer = io.BytesIO()

    def write(self, text: str) -> None:
        self._buffer.write(text.encode("utf-8"))
        if self._buffer.tell() >= _CHUNK:
            self._drain()

    def _drain(self) -> None:
        data = self._buffer.getvalue()
        whole = len(data) - len(data) % _CHUNK
        for start in range(0, whole, _CHUNK):
            self._stream.write(data[start : start + _CHUNK])
        self._buffer = io.BytesIO()
        self._buffer.write(data[whole:])

    def close(self) -> None:
        try:
            self._stream.write(self._buffer.getvalue())
            self._buffer = io.BytesIO()
            if self._stream is not self._file:
                self._stream.close()
        except OSError:
            # A compressor that is left open complains on stderr when it is collected, after its file was closed.
            with suppress(OSError, ValueError):
                self._stream.close()
            raise
        finally:
            self._file.close()


class _DelimitedSink:
    def __init__(self, path: Path, schema: pa.Schema, format: FileFormat) -> None:  # noqa: A002
        self._path = path
        self._kind = format.kind
        self._delimiter = "\t" if format.kind == "tsv" else ","
        self._rows = 0
        nul = next((name for name in schema.names if "\0" in name), None)
        if nul is not None or not schema.names:
            what = "a column name holds a NUL character" if nul is not None else "there are no columns"
            raise InputError(f"{path}: cannot be written: {what}")
        self._output = _TextOutput(path, format.compression)
        header = list(map(_quote, schema.names))
        if header[0].startswith("\ufeff") or what_it_is(header[0].encode()) is not None:
            header[0] = f'"{header[0]}"'  # otherwise it would be read as a byte order mark, or as that of a PDF
        if len(header) == 1 and not header[0]:
            header[0] = '""'
        self._output.write(self._delimiter.join(header) + "\n")

    def write(self, batch: pa.RecordBatch) -> None:
        problems = row_problems(batch, self._kind)
        if problems:
            index, problem = next(iter(sorted(problems.items())))
            raise InputError(f"{self._path}: row {self._rows + index + 1:,} cannot be written: {problem}")
        self._rows += batch.num_rows
        columns = [
            [_quote(text) if text else "" for text in plain_texts(column, field)]
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        if len(columns) == 1:  # a blank line would be no row
            columns = [[text or '""' for text in columns[0]]]
        join = self._delimiter.join
        self._output.write("".join(join(row) + "\n" for row in zip(*columns, strict=True)))

    def close(self) -> None:
        self._output.close()

    abort = close


def _quote(text: str) -> str:
    if _QUOTED.search(text) is None:
        return text
    return '"' + text.replace('"', '""') + '"'


class _JsonLinesSink:
    def __init__(self, path: Path, schema: pa.Schema, format: FileFormat) -> None:  # noqa: A002
        self._output = _TextOutput(path, format.compression)
        self._keys = [f"{encode_string(name)}: " for name in schema.names]

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [
            [None if text is None else key + text for text in json_texts(column, field)]
            for key, column, field in zip(self._keys, batch.columns, batch.schema, strict=True)
        ]
        rows = zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)
        self._output.write("".join("{" + ", ".join(filter(None, row)) + "}\n" for row in rows))

    def close(self) -> None:
        self._output.close()

    abort = close


class _ParquetSink:
    """Row groups of a fixed number of rows (fewer if they are very long), not of whatever the batches have."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._schema = pa.schema([_plain_field(field) for field in schema], metadata=schema.metadata)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        arrays = [
            pa.array(plain_texts(column, field), pa.string()) if json_kind(field) == JSON_KIND else column
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, _GROUP_ROWS - self._rows)
            start += piece.num_rows
            self._waiting.append(piece)
            self._rows += piece.num_rows
            self._bytes += piece.nbytes
            if self._rows == _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, schema=self._schema)
            self._waiting, self._rows, self._bytes = [], 0, 0
            self._writer.write_table(table, row_group_size=_GROUP_ROWS)

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def abort(self) -> None:
        self._waiting = []
        self._writer.close()


def _plain_field(field: pa.Field) -> pa.Field:
    """Field for Parquet: plain text, without the marks that only matter on the way to JSON lines."""
    return field if json_kind(field) is None else pa.field(field.name, field.type)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
