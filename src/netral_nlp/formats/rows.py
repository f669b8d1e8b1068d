"""Rows made in Python, written like any other posts: one call, whole under the final name or not there at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats.cells import encode_string, json_field, text_field
from netral_nlp.formats.kinds import FileFormat, as_format
from netral_nlp.formats.schemas import unify_schemas
from netral_nlp.formats.writers import open_writer

_BATCH_ROWS: Final = 4096


def batch_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pa.RecordBatch:
    """Return rows of JSON values as a batch that JSON lines keep as they are and other formats hold as plain text.

    Args:
        rows: strings, numbers, booleans, None, lists and mappings by column. A row without a column lacks the key; one
            with None has a JSON null.
        columns: the batch's columns in their order; a key that is not among them is left out.
    """
    arrays, fields = [], []
    for name in columns:
        values = [row.get(name, _ABSENT) for row in rows]
        if all(value is _ABSENT or isinstance(value, str) for value in values):
            fields.append(text_field(name))
            arrays.append(pa.array([None if value is _ABSENT else value for value in values], pa.string()))
        else:
            fields.append(json_field(name))
            arrays.append(pa.array([_json(value) for value in values], pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def write_rows(
    path: str | Path,
    rows: Iterable[Mapping[str, Any]],
    *,
    columns: Sequence[str] | None = None,
    format: str | FileFormat | None = None,  # noqa: A002 (the word users know)
) -> int:
    """Write rows of JSON values to a file of any format that we write.

    The file appears whole: an error on the way leaves nothing under its name, and an older file as it was.

    Args:
        path: the file; its folder is made if it is not there.
        rows: see `batch_of`.
        columns: the columns in their order; by default all that occur, in the order in which they first do (for that
            the rows are kept in memory).
        format: a FileFormat or a name such as `csv`; by default the path's ending says it.

    Returns:
        How many rows were written.

    Raises:
        InputError: unknown ending, the file cannot be written, or the format cannot hold a value.
    """
    path = Path(path)
    known = as_format(format, path)
    if columns is None:
        rows = list(rows)
        columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        raise InputError(f"{path}: there are no columns to write")
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        batches = _batches(iter(rows), columns)
        if known.kind == "jsonl":  # each batch may say for itself what its columns hold
            written = _write(temporary, batches, pa.schema([json_field(name) for name in columns]), known)
        else:
            listed = list(batches)
            schema = unify_schemas([batch_of([], columns).schema, *(batch.schema for batch in listed)])
            written = _write(temporary, iter(listed), schema, known)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    except InputError as error:  # the name that the user gave, not that of the file on the way
        raise InputError(str(error).replace(str(temporary), str(path))) from error.__cause__
    finally:
        temporary.unlink(missing_ok=True)
    return written


_ABSENT: Final = object()


def _json(value: object) -> str | None:
    if value is _ABSENT:
        return None
    if isinstance(value, str):
        return encode_string(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _batches(rows: Iterator[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    while part := list(islice(rows, _BATCH_ROWS)):
        yield batch_of(part, columns)


def _write(path: Path, batches: Iterator[pa.RecordBatch], schema: pa.Schema, format: FileFormat) -> int:  # noqa: A002
    with open_writer(path, schema, format=format) as writer:
        for batch in batches:
            writer.write(batch)
    return writer.rows
