"""What dumps of posts look like: readers and writers that stream Arrow batches in flat memory.

Readers: CSV, TSV, JSON lines (each also as .gz or .zst), Parquet, XLSX. Nothing here knows a model.
"""

from __future__ import annotations

from pathlib import Path

from netral_nlp.errors import InputError
from netral_nlp.formats.kinds import FileFormat, as_format, detect_format
from netral_nlp.formats.known import (
    KNOWN_EXPORTS,
    Columns,
    KnownExport,
    guess_columns,
    guess_field,
    missing_text_column,
    recognise,
    text_candidates,
)
from netral_nlp.formats.posts import PostBatch, PostReader
from netral_nlp.formats.problems import row_problems
from netral_nlp.formats.rejects import OnReject, Reject, RejectsFile
from netral_nlp.formats.rows import batch_of, write_rows
from netral_nlp.formats.schemas import conform, unify_schemas
from netral_nlp.formats.writers import PostWriter, open_writer

__all__ = [
    "KNOWN_EXPORTS",
    "Columns",
    "FileFormat",
    "KnownExport",
    "OnReject",
    "PostBatch",
    "PostReader",
    "PostWriter",
    "Reject",
    "RejectsFile",
    "batch_of",
    "conform",
    "detect_format",
    "guess_columns",
    "guess_field",
    "missing_text_column",
    "open_posts",
    "open_writer",
    "recognise",
    "row_problems",
    "text_candidates",
    "unify_schemas",
    "write_rows",
]


def open_posts(
    path: str | Path,
    *,
    format: str | FileFormat | None = None,  # noqa: A002 (the word users know)
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    batch_rows: int = 4096,
    on_reject: OnReject | None = None,
) -> PostReader:
    """Open a file of posts and check that it can be read.

    Args:
        path: the file.
        format: a FileFormat or a name such as `csv` or `jsonl.gz`; by default the path's ending says it.
        encoding: the text encoding (CSV, TSV, JSON lines); found by default.
        delimiter: the delimiter of a CSV or TSV file, also by name (`comma`, `tab`...); found by default.
        sheet: the sheet of an XLSX file; the first by default.
        batch_rows: most rows in a batch; batches of long rows are shorter.
        on_reject: called with each bad row; without it the first bad row raises.

    Raises:
        InputError: no such file, unknown ending, empty file, not what its ending says, unknown encoding...
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the files in it")
    if not path.is_file():
        raise InputError(f"{path}: is not a regular file; save the data to a file first")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; export or download it again")
    known = as_format(format, path)
    if known.kind in ("csv", "tsv"):
        from netral_nlp.formats.delimited import DelimitedReader

        return DelimitedReader(
            path, known, batch_rows=batch_rows, on_reject=on_reject, encoding=encoding, delimiter=delimiter
        )
    if known.kind in ("jsonl", "json"):
        from netral_nlp.formats.jsonlines import JsonLinesReader

        return JsonLinesReader(path, known, batch_rows=batch_rows, on_reject=on_reject, encoding=encoding)
    if known.kind == "parquet":
        from netral_nlp.formats.parquet import ParquetReader

        return ParquetReader(path, known, batch_rows=batch_rows, on_reject=on_reject)
    from netral_nlp.formats.spreadsheet import SpreadsheetReader

    return SpreadsheetReader(path, known, batch_rows=batch_rows, on_reject=on_reject, sheet=sheet)
