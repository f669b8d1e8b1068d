"""Parquet: row groups streamed through pyarrow, types untouched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from netral_nlp.errors import InputError
from netral_nlp.formats.cells import is_string, with_leaves
from netral_nlp.formats.kinds import FileFormat
from netral_nlp.formats.posts import MAX_BATCH_BYTES, PostBatch, PostReader, unique_names
from netral_nlp.formats.rejects import RAW_LIMIT, OnReject


class ParquetReader(PostReader):
    """A Parquet file; see `PostReader`. Columns keep their types, views apart."""

    def __init__(
        self,
        path: Path,
        format: FileFormat,  # noqa: A002
        *,
        batch_rows: int,
        on_reject: OnReject | None,
    ) -> None:
        super().__init__(path, format, batch_rows, on_reject)
        self._file = self._open()
        metadata = self._file.metadata
        self.columns, self.notes = unique_names(self._file.schema_arrow.names, path)
        self.row_count_hint = metadata.num_rows
        self._rows_read = 0
        if not self.columns:
            self._file.close()
            raise InputError(f"{path}: has no columns; export or download it again")
        if metadata.num_rows == 0:
            self._file.close()
            raise InputError(f"{path}: has a header but no rows; export or download it again")
        # Long rows: fewer in a batch, judged by the row group in which they are the longest.
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        longest = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=1.0)
        self._batch_rows = max(1, min(self._batch_rows, int(MAX_BATCH_BYTES / max(longest, 1.0))))

    @property
    def bytes_read(self) -> int:
        """The share of the file that corresponds to the rows read so far."""
        return self.bytes_total * self._rows_read // max(self.row_count_hint or 1, 1)

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._file.close()

    def batches(self) -> Iterator[PostBatch]:
        """Read the rows in order; see `PostReader.batches`."""
        self._file.close()
        self._file = self._open()
        self._rows_read = 0
        schema = self._file.schema_arrow
        schema = pa.schema(
            [field.with_name(name) for field, name in zip(schema, self.columns, strict=True)], metadata=schema.metadata
        )
        stream = self._file.iter_batches(batch_size=self._batch_rows)
        while True:
            try:
                batch = next(stream, None)
            except (OSError, pa.ArrowException) as error:
                raise self._corrupt(error) from error
            if batch is None:
                return
            first = self._rows_read + 1
            self._rows_read += batch.num_rows
            numbers = list(range(first, self._rows_read + 1))
            try:
                columns = [_without_views(column) for column in batch.columns]
            except pa.ArrowException as error:
                raise self._corrupt(error) from error
            batch = pa.RecordBatch.from_arrays(columns, schema=_with_types(schema, [item.type for item in columns]))
            kept = self._without_bad_text(batch, numbers)
            if kept.rows.num_rows:
                yield kept

    def _open(self) -> Any:
        try:
            return pq.ParquetFile(self.path, pre_buffer=False)
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path}: a column name is not valid UTF-8; rename it and export again") from error
        except (OSError, pa.ArrowException) as error:
            raise self._corrupt(error) from error

    def _corrupt(self, error: Exception) -> InputError:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        return InputError(f"{self.path}: is not a whole Parquet file ({detail}); export or download it again")

    def _without_bad_text(self, batch: pa.RecordBatch, numbers: list[int]) -> PostBatch:
        """Parquet does not check that strings are UTF-8; rows with one that is not go to the rejects."""
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid:
            pass
        else:
            return PostBatch(batch, numbers)
        bad: dict[int, tuple[str, bytes]] = {}
        for field, column in zip(batch.schema, batch.columns, strict=True):
            values = column.dictionary_decode() if pa.types.is_dictionary(field.type) else column
            if is_string(values.type):
                kind = pa.large_binary() if pa.types.is_large_string(values.type) else pa.binary()
                for index, value in enumerate(values.cast(kind).to_pylist()):
                    if value is not None and index not in bad and not _is_utf8(value):
                        bad[index] = (field.name, value)
        for field, column in zip(batch.schema, batch.columns, strict=True):
            if pa.types.is_nested(field.type):
                for index in range(batch.num_rows):
                    if index not in bad and not _is_whole(column, index):
                        bad[index] = (field.name, _raw_cell(column, index))
        if not bad:
            raise self._corrupt(ValueError("its data do not match their types"))
        for index, (name, value) in sorted(bad.items()):
            self._reject(numbers[index], None, f"column {name} is not valid UTF-8", value[:RAW_LIMIT], len(value))
        good = [index for index in range(batch.num_rows) if index not in bad]
        return PostBatch(batch.take(pa.array(good, pa.int64())), [numbers[index] for index in good])


def _is_whole(column: pa.Array, index: int) -> bool:
    try:
        column.take(pa.array([index])).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _raw_cell(column: pa.Array, index: int) -> bytes:
    """A nested cell with its strings as bytes, for a person to look at."""
    kind = with_leaves(column.type, lambda leaf: pa.binary() if is_string(leaf) else leaf)
    try:
        return repr(column.take(pa.array([index])).cast(kind).to_pylist()[0]).encode()
    except (pa.ArrowException, ValueError, OverflowError):
        return b""


def _with_types(schema: pa.Schema, types: list[pa.DataType]) -> pa.Schema:
    """The schema with the types that the batch really has (a dictionary's index may be narrower)."""
    return pa.schema(
        [field.with_type(real) for field, real in zip(schema, types, strict=True)], metadata=schema.metadata
    )


def _without_views(column: pa.Array) -> pa.Array:
    """String views (as newer tools store text) as plain strings: Arrow can neither search views nor pick rows of them.

    By way of bytes, since a cast to strings would stop at text that is not UTF-8, which is told row by row later.
    """
    if pa.types.is_string_view(column.type):
        texts = column.cast(pa.binary_view()).cast(pa.large_binary())
        return pa.Array.from_buffers(pa.large_string(), len(texts), texts.buffers(), offset=texts.offset)
    if pa.types.is_binary_view(column.type):
        return column.cast(pa.large_binary())
    if not pa.types.is_nested(column.type):
        return column
    plain = with_leaves(column.type, _plain)
    return column if plain == column.type else column.cast(plain)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else kind


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
