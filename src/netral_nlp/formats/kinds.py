"""Which file format a path's ending names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netral_nlp.errors import InputError

TEXT_KINDS: Final = ("csv", "tsv", "jsonl")
"""Kinds made of text lines: these may be compressed as a whole."""

_KIND_BY_ENDING: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
_COMPRESSION_BY_ENDING: Final = {".gz": "gzip", ".zst": "zstd"}
_REMEDIES: Final = {
    ".xls": "open it in a spreadsheet program and save it as .xlsx or .csv",
    ".xlsm": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx or .csv",
    ".zip": "unpack it first",
    ".rar": "unpack it first",
    ".7z": "unpack it first",
    ".tgz": "unpack it first",
    ".bz2": "recompress it as .gz or .zst",
    ".xz": "recompress it as .gz or .zst",
    ".pq": "rename it to .parquet",
    ".gzip": "rename it to end in .gz",
    ".zstd": "rename it to end in .zst",
}
ENDINGS_HELP: Final = ".csv, .tsv, .txt, .jsonl, .parquet or .xlsx (text also with .gz or .zst)"


@dataclass(frozen=True)
class FileFormat:
    """What a file is made of.

    Attributes:
        kind: `csv`, `tsv`, `jsonl`, `json` (read only: JSON lines under a general ending), `parquet` or `xlsx`.
        compression: `gzip`, `zstd` or None. Only for the text kinds.
    """

    kind: str
    compression: str | None = None

    @property
    def is_text(self) -> bool:
        """True for the kinds made of text lines."""
        return self.kind in TEXT_KINDS or self.kind == "json"

    @property
    def ending(self) -> str:
        """The usual file ending, such as `.csv.gz`."""
        return f".{self.kind}" + {"gzip": ".gz", "zstd": ".zst", None: ""}[self.compression]

    def __str__(self) -> str:
        return self.ending.lstrip(".")


def detect_format(path: str | Path) -> FileFormat:
    """Pick the format from a path's ending, whatever its case. The file need not exist.

    Raises:
        InputError: the ending names no format that we know; the message says what to do.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-1] if suffixes else ""
    compression = _COMPRESSION_BY_ENDING.get(last)
    inner = last if compression is None else (suffixes[-2] if len(suffixes) > 1 else "")
    kind = _KIND_BY_ENDING.get(inner)
    if kind is None:
        remedy = _REMEDIES.get(inner, f"name it with one of {ENDINGS_HELP}")
        what = f"unknown ending {inner!r}" if inner else "no ending that names its format"
        raise InputError(f"{path}: {what}; {remedy}")
    if compression is not None and kind not in TEXT_KINDS and kind != "json":
        raise InputError(f"{path}: {inner} files are compressed inside already; use it without {last}")
    return FileFormat(kind, compression)


def as_format(format: str | FileFormat | None, path: str | Path) -> FileFormat:  # noqa: A002 (the public keyword)
    """Resolve a `format=` argument: a FileFormat, a name such as `csv` or `jsonl.gz`, or None for the path's ending.

    Raises:
        InputError: the name or the ending is unknown.
    """
    if isinstance(format, FileFormat):
        return format
    if format is None:
        return detect_format(path)
    return detect_format("posts." + format.lstrip("."))
