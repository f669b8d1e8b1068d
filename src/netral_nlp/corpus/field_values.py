"""What stands in the fields of a post beside text, id and label, read in one way whatever the file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from netral_nlp.errors import InputError
from netral_nlp.inference.actions import Action
from netral_nlp.labels import Label

SHARE_COLUMNS: Final = tuple(f"share_{label.value}" for label in Label)
"""The shares of a post's annotators who gave each label, as `netral data import --labels soft` writes them."""

BOTH: Final = "both"
DIRECTIONS: Final[Mapping[str, str]] = {
    "pro": "pro",
    **dict.fromkeys(("contra", "kontra"), "contra"),
    **dict.fromkeys((BOTH, "keduanya"), BOTH),
}
"""Words of the labelling guide for whom a post speaks, folded by `fold` -> our name."""

DOUBTS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("unsure", "ragu", "ragu ragu", "tidak yakin"), True),
    **dict.fromkeys(("sure", "yakin"), False),
}
"""Words that answer "unsure?" by themselves, folded by `fold`."""

FLAGS: Final[Mapping[str, bool]] = {
    **DOUBTS,
    **dict.fromkeys(("true", "1", "yes", "ya"), True),
    **dict.fromkeys(("false", "0", "no", "tidak"), False),
}
"""Answers to "unsure?", folded by `fold`."""

_LOWER_CASE: Final = frozenset({"platform", "split"})
_GAPS: Final = re.compile(r"[\s_-]+")


def fold(word: str) -> str:
    """A word without case, surrounding blanks and kinds of gaps: `Ragu-Ragu` is `ragu ragu`."""
    return _GAPS.sub(" ", word).strip().casefold()


def read_field(name: str, text: str | None, where: str) -> str | float | bool | None:
    """Read a field of a post.

    Args:
        name: one of `corpus.labelled.KNOWN_COLUMNS`; any other is a plain word.
        text: what stands in the cell.
        where: file, row and column, for messages.

    Returns:
        None for a blank; `weight` and the shares as float, `unsure` as bool, everything else as a string: actions and
        directions under our names, platform and split in lower case, a context as it was posted, blanks and all.

    Raises:
        InputError: an action, weight, share or flag cannot be read; the message begins with `where`.
    """
    value = (text or "").strip()
    if not value:
        return None
    if name == "context":
        return text
    if name == "weight":
        weight = _number(value)
        if not (math.isfinite(weight) and weight > 0):
            raise InputError(f"{where}: a weight is a number above 0")
        return weight
    if name in SHARE_COLUMNS:
        share = _number(value)
        if not 0 <= share <= 1:
            raise InputError(f"{where}: a share of annotators is a number from 0 to 1")
        return share
    if name == "action":
        try:
            return None if (action := Action.parse(value)) is None else action.value
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    if name == "unsure":
        flag = FLAGS.get(fold(value))
        if flag is None:
            raise InputError(f"{where}: expected true or false, unsure (ragu-ragu) or sure (yakin)")
        return flag
    if name == "direction":
        return DIRECTIONS.get(fold(value), value.lower())
    if name == "year" and value.endswith(".0"):  # a year that went through a spreadsheet or a float column
        return value[:-2]
    return value.lower() if name in _LOWER_CASE else value


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
