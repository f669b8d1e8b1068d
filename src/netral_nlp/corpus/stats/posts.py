"""What the figures are counted from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netral_nlp.labels import LABELS, Label

UNLABELLED = "unlabelled"
COLUMNS: tuple[str, ...] = (*(label.value for label in LABELS), UNLABELLED)
"""The four counts that every balance has, in this order."""

Counts = tuple[int, int, int, int]
"""Posts by label, then those without one."""


def counted(number: int, noun: str = "post") -> str:
    """Return a number with what it counts: `1 post`, `2,000 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Post:
    """One post of a file.

    Attributes:
        file: the file as the user named it.
        row: its number in the file, from 1.
        text: as posted; the empty string where it has no words.
        label: None where it has none.
        annotators: how many people labelled it; None where nothing says so.
        fields: everything else that is known of it, under the names of `corpus.labelled.KNOWN_COLUMNS` and its own.
    """

    file: str
    row: int
    text: str
    label: Label | None = None
    annotators: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """Its place in `COLUMNS`."""
        return len(LABELS) if self.label is None else self.label.severity

    def value(self, name: str) -> str | None:
        """Return a field as plain text; None where it is not stated."""
        value = self.fields.get(name)
        if value is None or value != value:  # NaN, which spreadsheets leave for an empty cell
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value).strip() or None
