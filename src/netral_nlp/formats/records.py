"""Rows too long for a line of text: what our own readers would take for a broken file when it is read back."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netral_nlp.formats.cells import JSON_KIND, encode_string, is_string, json_kind, json_texts, plain_texts
from netral_nlp.formats.posts import MAX_RECORD_BYTES, MAX_RECORD_LINES

_ROOM: Final = 64 * 1024
"""Bytes of a record left to columns that are added when it is written."""
_MAX_BYTES: Final = MAX_RECORD_BYTES - _ROOM
_MAX_LINE_ENDS: Final = MAX_RECORD_LINES - 300  # a file name in an added column may hold some
_GROWTH: Final = 6
"""Most bytes that a byte of a string takes when it is written: `\\u0000` in JSON."""
_GROWTH_OTHERS: Final = 32
"""The same for lists, dates, numbers in a list and the like, judged by the bytes that they take in memory."""


def record_problems(batch: pa.RecordBatch, kind: str) -> dict[int, str]:
    """Say which rows of a batch are too large, or have too many lines, for a record of CSV, TSV or JSON lines.

    Returns:
        Index in the batch -> one line that says why. Empty when all rows fit.
    """
    problems: dict[int, str] = {}
    for index in np.flatnonzero(_most_bytes(batch) > _MAX_BYTES).tolist():
        if _bytes_written(batch.slice(index, 1), kind) > _MAX_BYTES:
            problems[index] = f"the row is larger than {MAX_RECORD_BYTES // 2**20} MiB as text; write .parquet"
    if kind != "jsonl":
        for index in np.flatnonzero(_most_line_ends(batch) > _MAX_LINE_ENDS).tolist():
            texts = _plain_row(batch.slice(index, 1))
            if sum(text.count("\n") for text in texts) > _MAX_LINE_ENDS:
                problems.setdefault(
                    index,
                    f"more than {_MAX_LINE_ENDS:,} line breaks cannot be read back from CSV; write .jsonl or .parquet",
                )
    return problems


def _most_bytes(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """A bound for the bytes of each row as text; most rows are far below it."""
    names = sum(6 * len(name) + 64 for name in batch.schema.names)
    sizes = np.full(batch.num_rows, names, dtype=np.int64)
    for column in batch.columns:
        if is_string(column.type) and not pa.types.is_string_view(column.type):
            lengths = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
            sizes += lengths.astype(np.int64) * _GROWTH
        elif not pa.types.is_primitive(column.type):
            sizes += column.nbytes * _GROWTH_OTHERS
    return sizes


def _most_line_ends(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """A bound for the line feeds in each row, escaped ones included."""
    counts = np.zeros(batch.num_rows, dtype=np.int64)
    if batch.nbytes <= _MAX_LINE_ENDS:
        return counts
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if is_string(column.type) and not pa.types.is_string_view(column.type):
            end = "\\n" if json_kind(field) == JSON_KIND else "\n"
            counts += pc.fill_null(pc.count_substring(column, end), 0).to_numpy(zero_copy_only=False).astype(np.int64)
            if json_kind(field) == JSON_KIND:
                escaped = pc.fill_null(pc.count_substring(column, "\\u000"), 0)
                counts += escaped.to_numpy(zero_copy_only=False).astype(np.int64)
        elif not pa.types.is_primitive(column.type) and not pa.types.is_nested(column.type):
            counts += [0 if text is None else text.count("\n") for text in plain_texts(column, field)]
    return counts


def _bytes_written(row: pa.RecordBatch, kind: str) -> int:
    if kind == "jsonl":
        pairs = [
            (encode_string(field.name), json_texts(column, field)[0])
            for field, column in zip(row.schema, row.columns, strict=True)
        ]
        return sum(len(key.encode()) + len(text.encode()) + 4 for key, text in pairs if text is not None)
    return sum(len(text.encode()) + text.count('"') + 3 for text in _plain_row(row))


def _plain_row(row: pa.RecordBatch) -> list[str]:
    columns = [plain_texts(column, field)[0] for field, column in zip(row.schema, row.columns, strict=True)]
    return [text for text in columns if text is not None]
