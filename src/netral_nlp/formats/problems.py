"""Rows that an output format cannot hold as they are; nothing is ever cut to make them fit."""

from __future__ import annotations

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from netral_nlp.formats.cells import is_string, json_kind, plain_texts
from netral_nlp.formats.kinds import FileFormat

XLSX_MAX_CHARACTERS: Final = 32_767
"""Most UTF-16 units in a spreadsheet cell."""
XLSX_MAX_ROWS: Final = 1_048_575
"""Most data rows in a sheet, below its header."""
XLSX_MAX_COLUMNS: Final = 16_384

# Escapes that spreadsheets use for what XML cannot hold; a literal one in a post must itself be escaped.
ESCAPED: Final = re.compile(r"\r|_(?=x[0-9A-Fa-f]{4}_)")
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def row_problems(batch: pa.RecordBatch, format: str | FileFormat) -> dict[int, str]:  # noqa: A002 (the public keyword)
    """Say which rows of a batch the format cannot hold.

    XLSX: a cell of more than 32,767 characters, or with a control character. CSV and TSV: a NUL character.
    The other formats hold everything.

    Returns:
        Index in the batch -> one line that names column and reason. Empty when all rows fit.
    """
    kind = format.kind if isinstance(format, FileFormat) else format.split(".")[0]
    problems: dict[int, str] = {}
    if kind not in ("csv", "tsv", "xlsx"):
        return problems
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if json_kind(field) is None and (pa.types.is_primitive(field.type) or pa.types.is_null(field.type)):
            continue
        if kind != "xlsx" and is_string(field.type) and not pc.any(pc.match_substring(column, "\0")).as_py():
            continue
        for index, text in enumerate(plain_texts(column, field)):
            problem = None if text is None else cell_problem(text, kind)
            if problem is not None:
                problems.setdefault(index, f"column {field.name}: {problem}")
    return problems


def cell_problem(text: str, kind: str) -> str | None:
    """Why a format (`csv`, `tsv`, `xlsx`) cannot hold a cell; None if it can."""
    if kind != "xlsx":
        return "a NUL character cannot be read back from CSV; write .jsonl or .parquet" if "\0" in text else None
    # Twice the characters bounds the UTF-16 units, and escapes only matter near the limit: most cells stop here.
    if len(text) > XLSX_MAX_CHARACTERS // 7 and len(escape_cell(text).encode("utf-16-le")) // 2 > XLSX_MAX_CHARACTERS:
        return f"more than {XLSX_MAX_CHARACTERS:,} characters do not fit an XLSX cell; write .csv, .jsonl or .parquet"
    bad = _NOT_XML.search(text)
    if bad is not None:
        return f"XLSX cannot hold the control character U+{ord(bad[0]):04X}; write .csv, .jsonl or .parquet"
    return None


def escape_cell(text: str) -> str:
    """Text as a spreadsheet stores it: a carriage return as `_x000D_`, a literal `_x000D_` with its `_` escaped."""
    if "\r" not in text and "_x" not in text:
        return text
    return ESCAPED.sub(lambda match: "_x000D_" if match[0] == "\r" else "_x005F_", text)


def unescape_cell(text: str) -> str:
    """The inverse of `escape_cell`, for every character that spreadsheets escape."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
