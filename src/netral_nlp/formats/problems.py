"""Rows that an output format cannot hold as they are; nothing is ever cut to make them fit."""

from __future__ import annotations

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from netral_nlp.formats.cells import JSON_KIND, is_string, json_kind, plain_texts
from netral_nlp.formats.kinds import FileFormat
from netral_nlp.formats.records import record_problems

XLSX_MAX_CHARACTERS: Final = 32_767
"""Most UTF-16 units in a spreadsheet cell."""
XLSX_MAX_ROWS: Final = 1_048_575
"""Most data rows in a sheet, below its header."""
XLSX_MAX_COLUMNS: Final = 16_384

# Escapes that spreadsheets use for what XML cannot hold; a literal one in a post must itself be escaped.
ESCAPED: Final = re.compile(r"\r|_(?=x[0-9A-Fa-f]{4}_)")
_SHOWN: Final = 100
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def row_problems(batch: pa.RecordBatch, format: str | FileFormat) -> dict[int, str]:  # noqa: A002 (the public keyword)
    """Say which rows of a batch the format cannot hold.

    XLSX: a cell of more than 32,767 characters, or with a control character. CSV and TSV: a NUL character, 20,000
    lines. These and JSON lines: more than 16 MiB. A row of JSON lines that has a value under a name which the format
    cannot hold is one of them, too. Parquet holds everything.

    Returns:
        Index in the batch -> one line that names column and reason. Empty when all rows fit.
    """
    kind = format.kind if isinstance(format, FileFormat) else format.split(".")[0]
    problems: dict[int, str] = {}
    if kind not in ("csv", "tsv", "xlsx", "jsonl"):
        return problems
    for field, column in zip(batch.schema, batch.columns, strict=True) if kind != "jsonl" else ():
        unfit = name_problem(field.name, kind)
        if unfit is not None and json_kind(field) is not None:
            for index in pc.indices_nonzero(pc.is_valid(column)).to_pylist():
                problems.setdefault(index, f"column {shown_name(field.name)}: its name cannot be written: {unfit}")
            continue
        if json_kind(field) is None and (pa.types.is_primitive(field.type) or pa.types.is_null(field.type)):
            continue
        # JSON columns hold their texts in the spelling of the file, where a NUL is always escaped.
        nul = "\\u0000" if json_kind(field) == JSON_KIND else "\0"
        searchable = is_string(field.type) and not pa.types.is_string_view(field.type)  # Arrow cannot search views
        if kind != "xlsx" and searchable and not pc.any(pc.match_substring(column, nul)).as_py():
            continue
        for index, text in enumerate(plain_texts(column, field)):
            problem = None if text is None else cell_problem(text, kind)
            if problem is not None:
                problems.setdefault(index, f"column {shown_name(field.name)}: {problem}")
    if kind != "xlsx":
        for index, problem in record_problems(batch, kind).items():
            problems.setdefault(index, problem)
    return problems


def name_problem(name: str, kind: str) -> str | None:
    """Why a format (`csv`, `tsv`, `xlsx`, `jsonl`, `parquet`) cannot hold a column's name; None if it can."""
    return cell_problem(name, kind) if kind in ("csv", "tsv", "xlsx") else None


def shown_name(name: str) -> str:
    """A column's name in a message of one line: as it is, or quoted where it holds what cannot be printed."""
    short = name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"
    return short if short.isprintable() else repr(short)


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
    """The inverse of `escape_cell`, for every character that spreadsheets escape.

    Two escapes that are a surrogate pair are one character; half of a pair is none and stays as it is spelled.
    """
    if "_x" not in text:
        return text
    return _ESCAPE.sub(_unescape, text)


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return bytes.fromhex(match[1] + match[2]).decode("utf-16-be")
    character = chr(int(match[3], 16))
    return match[0] if "\ud800" <= character <= "\udfff" else character


_ESCAPE: Final = re.compile(r"_x([Dd][89ABab][0-9A-Fa-f]{2})__x([Dd][C-Fc-f][0-9A-Fa-f]{2})_|_x([0-9A-Fa-f]{4})_")
