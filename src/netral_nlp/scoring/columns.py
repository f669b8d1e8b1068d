"""Which columns of an input mean what: as asked for, else guessed, and said."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netral_nlp.errors import InputError
from netral_nlp.formats import Columns, FileFormat, PostReader, guess_columns, missing_text_column, open_posts
from netral_nlp.formats.rejects import OnReject
from netral_nlp.scoring.request import ScoreRequest

ROLES = ("text", "context", "id", "action")
_SHOWN = 20


@dataclass(frozen=True)
class Source:
    """One input as it was found when it was opened.

    Attributes:
        path: the file.
        format: its kind and compression.
        names: its columns, as known after opening.
        columns: what the columns mean; `text` is always a column.
        export: title of the known export that it looks like, or None.
        notes: what the reader changed to make sense of it, one line each.
        row_count: rows, where the file tells without being read.
        bytes_total: size of the file.
        missing: columns that were asked for and that this input does not have.
    """

    path: Path
    format: FileFormat
    names: tuple[str, ...]
    columns: Columns
    export: str | None
    notes: tuple[str, ...]
    row_count: int | None
    bytes_total: int
    missing: tuple[str, ...]

    @property
    def chosen(self) -> dict[str, str | None]:
        """Part -> column, None where there is none."""
        return {role: getattr(self.columns, role) for role in ROLES}

    def describe(self) -> str:
        """What was taken from where, in words."""
        found = ", ".join(f"{role} from column {name!r}" for role, name in self.chosen.items() if name is not None)
        kind = f" (as {self.export} exports it)" if self.export else ""
        lacks = f"; it has no column {', '.join(map(repr, self.missing))}" if self.missing else ""
        return f"{found}{kind}{lacks}"


def open_source(
    request: ScoreRequest, path: Path, *, batch_rows: int = 1, on_reject: OnReject | None = None
) -> PostReader:
    """Open an input with the run's options for reading.

    Raises:
        InputError: the file cannot be read as what it says it is.
    """
    return open_posts(
        path,
        encoding=request.encoding,
        delimiter=request.delimiter,
        sheet=request.sheet,
        batch_rows=batch_rows,
        on_reject=on_reject,
    )


def inspect(request: ScoreRequest) -> list[Source]:
    """Open every input, settle its columns and close it again.

    Raises:
        InputError: a file cannot be read, or a column that is needed is missing.
    """
    sources = [inspect_one(path, request) for path in request.inputs]
    check_asked(request, sources)
    return sources


def check_asked(request: ScoreRequest, sources: Sequence[Source]) -> None:
    """Refuse a column that was asked for and that no input has.

    Raises:
        InputError: there is such a column.
    """
    for role in ROLES:
        asked = _asked(request, role)
        if asked is not None and all(asked in source.missing for source in sources):
            raise InputError(f"no input has the column {asked!r} that --{role}-column names")


def _asked(request: ScoreRequest, role: str) -> str | None:
    name: str | None = getattr(request, f"{role}_column")
    return name


def inspect_one(path: Path, request: ScoreRequest) -> Source:
    """Open an input, settle its columns and close it again.

    Raises:
        InputError: the file cannot be read, or it lacks a column that is needed.
    """
    with open_source(request, path) as reader:
        names = tuple(reader.columns)
        guessed = guess_columns(names, reader.export)
        spoken_for = {_asked(request, role) for role in ROLES}
        chosen: dict[str, Any] = {}
        missing: list[str] = []
        for role in ROLES:
            asked = _asked(request, role)
            if asked is None:  # a column that was asked for plays that part alone; no guess takes it for another
                guess = getattr(guessed, role)
                chosen[role] = None if guess in spoken_for else guess
            elif asked in names:
                chosen[role] = asked
            elif role == "text" or len(request.inputs) == 1:
                raise InputError(f"{path}: no column {asked!r}{_alternatives(asked, names)}")
            else:
                missing.append(asked)
        if chosen["text"] is None:
            raise InputError(missing_text_column(path, names))
        return Source(
            path=path,
            format=reader.format,
            names=names,
            columns=Columns(**chosen),
            export=None if reader.export is None else reader.export.title,
            notes=tuple(reader.notes),
            row_count=reader.row_count_hint,
            bytes_total=reader.bytes_total,
            missing=tuple(missing),
        )


def _alternatives(asked: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(asked.lower(), [name.lower() for name in names], n=1)
    meant = next((name for name in names if name.lower() in near), None)
    hint = f" (did you mean {meant!r}?)" if meant else ""
    shown = ", ".join(names[:_SHOWN]) if names else "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{hint}; its columns are {shown}{more}"
