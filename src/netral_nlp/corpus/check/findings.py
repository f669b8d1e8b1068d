"""What a check finds: one entry a row, of a kind that has a severity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

COLUMNS = ("severity", "kind", "file", "row", "id", "other_file", "other_row", "likeness", "detail")
"""The columns of a written report."""


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Kind(StrEnum):
    """What can be found, in the order of the report. `Kind.severity` says how bad it is."""

    UNREADABLE_FILE = "file cannot be read"
    UNREADABLE_ROW = "row cannot be read"
    MISSING_LABEL = "no label"
    UNKNOWN_LABEL = "unknown label"
    ONE_LABEL = "only one label occurs"
    EMPTY = "empty text"
    REPEATED_ID = "one id for different posts"
    CONFLICT = "same text, different labels"
    SAME_TEXT = "same text on two sides"
    NEAR_TEXT = "near duplicate on two sides"
    SAME_AUTHOR = "same author on two sides"
    SAME_THREAD = "same thread on two sides"
    SAME_VALUE = "same value on two sides"
    SUITE_CASE = "case of the behaviour suites"

    LIKELY_WRONG = "label likely wrong"
    SEVERAL_LABELS = "several labels in one answer"
    DUPLICATE = "exact duplicate"
    NEAR_DUPLICATE = "near duplicate"
    SHARED_ID = "id of another file's post"
    LANGUAGE = "not Indonesian"
    NO_WORDS = "no words"
    LONG = "very long"
    GARBLED = "garbled text"
    PERSONAL = "personal data"
    BALANCE = "few posts of a label"

    DISPUTED = "annotators differ"
    ENTITIES = "HTML entities"
    NOT_ANNOTATED = "not annotated"
    NOT_CHECKED = "not checked"

    @property
    def severity(self) -> Severity:
        """Errors would spoil a training, warnings want a look, notes are for information."""
        if self in _NOTES:
            return Severity.NOTE
        return Severity.WARNING if self in _WARNINGS else Severity.ERROR


_NOTES = frozenset({Kind.DISPUTED, Kind.ENTITIES, Kind.NOT_ANNOTATED, Kind.NOT_CHECKED})
_WARNINGS = frozenset(
    {
        Kind.LIKELY_WRONG,
        Kind.SEVERAL_LABELS,
        Kind.DUPLICATE,
        Kind.NEAR_DUPLICATE,
        Kind.SHARED_ID,
        Kind.LANGUAGE,
        Kind.NO_WORDS,
        Kind.LONG,
        Kind.GARBLED,
        Kind.PERSONAL,
        Kind.BALANCE,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. It never holds post text.

    Attributes:
        kind: what it is.
        file: the file, as the user named it; None where it concerns all of them.
        row: its number in the file, from 1; None where it concerns the whole file.
        id: the post's own id, where it has one.
        other_file: the file of the other post, where two are concerned.
        other_row: its number there.
        likeness: of two posts, 0 to 1 (Jaccard of runs of five characters).
        detail: the rest, in a few words.
    """

    kind: Kind
    file: str | None = None
    row: int | None = None
    id: str | None = None
    other_file: str | None = None
    other_row: int | None = None
    likeness: float | None = None
    detail: str = ""

    @property
    def severity(self) -> Severity:
        """That of its kind."""
        return self.kind.severity

    @property
    def where(self) -> str:
        """`file:row`, as the table shows it."""
        place = self.file or ""
        return place if self.row is None else f"{place}:{self.row}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready, with the keys of `COLUMNS`."""
        return {
            "severity": self.severity.value,
            "kind": self.kind.value,
            "file": self.file,
            "row": self.row,
            "id": self.id,
            "other_file": self.other_file,
            "other_row": self.other_row,
            "likeness": None if self.likeness is None else round(self.likeness, 4),
            "detail": self.detail or None,
        }


_ORDER = {kind: place for place, kind in enumerate(Kind)}


def in_order(findings: Iterable[Finding], files: Iterable[str]) -> tuple[Finding, ...]:
    """Sort findings: by kind, then by file as given, then by row."""
    places = {file: place for place, file in enumerate(dict.fromkeys(files))}
    return tuple(
        sorted(
            findings,
            key=lambda one: (
                _ORDER[one.kind],
                places.get(one.file or "", len(places)),
                one.file or "",
                one.row or 0,
                one.other_row or 0,
                one.detail,
            ),
        )
    )
