"""The three labels, ordered by severity: neutral < supportive < campaigning."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from netral_nlp.errors import InputError

_INDONESIAN = {"neutral": "netral", "supportive": "memihak", "campaigning": "berkampanye"}
_MEANINGS = {
    "neutral": "the author takes no side in an election",
    "supportive": "the author takes a side, for a candidate or against one, without a call to others",
    "campaigning": "the text itself tries to move other voters for or against a candidate",
}


class Label(StrEnum):
    """What a post does, as its author meant it. The spelling and order are fixed everywhere."""

    NEUTRAL = "neutral"
    SUPPORTIVE = "supportive"
    CAMPAIGNING = "campaigning"

    @property
    def severity(self) -> int:
        """0 for neutral, 1 for supportive, 2 for campaigning; also the label's index in every probability vector."""
        return LABELS.index(self)

    @property
    def indonesian(self) -> str:
        """The label's name for Indonesian reviewers: netral, memihak or berkampanye."""
        return _INDONESIAN[self.value]

    @property
    def meaning(self) -> str:
        """One line that says what the label covers."""
        return _MEANINGS[self.value]

    @classmethod
    def parse(cls, value: object) -> Label:
        """Read a label from its English or Indonesian name, whatever the case.

        Raises:
            InputError: the value is neither; the message shows it as `shown_value` does.
        """
        name = str(value).strip().lower()
        for label in cls:
            if name in (label.value, _INDONESIAN[label.value]):
                return label
        raise InputError(f"unknown label {shown_value(value)}; {LABELS_LISTED}")


LABELS: tuple[Label, ...] = tuple(Label)
"""All labels in order of severity; the order of every probability vector."""

LABELS_LISTED: Final = "the labels are " + ", ".join(f"{label.value} ({label.indonesian})" for label in LABELS)
"""What an error says after an unknown label."""

_LONGEST_SHOWN: Final = 32


def shown_value(value: object) -> str:
    """Return a label value as an error shows it: a long one may be a post, of which only the length is told."""
    length = len(str(value))
    return repr(value) if length <= _LONGEST_SHOWN else f"of {length:,} characters"
