"""Which part of a record is the post's text, its id, and what else is known of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netral_nlp.corpus.annotations.marks import DIRECTIONS, FLAGS, fold
from netral_nlp.corpus.annotations.tasks import TaskOptions
from netral_nlp.corpus.labelled import KNOWN_COLUMNS
from netral_nlp.errors import InputError
from netral_nlp.formats import guess_columns, guess_field, missing_text_column, recognise
from netral_nlp.formats.known import shown_columns
from netral_nlp.inference.actions import Action

RESERVED: Final = frozenset(
    {
        *("id", "text", "label", "ratings", "adjudicated", "file", "row", "reason"),
        *("share_neutral", "share_supportive", "share_campaigning"),
    }
)
"""Names that imported posts give a meaning of their own; another column so named becomes NAME_input."""

_GUESSED_FIELDS: Final = ("author", "thread", "posted_at", "platform", "source")
_SHORTEST_POST_NUMBER: Final = 12
_LOWER_CASE: Final = frozenset({"platform", "split"})


@dataclass(frozen=True)
class PostColumns:
    """Which key of a record holds what.

    Attributes:
        text: the post.
        id: the post's own id; None where there is none.
        known: our name -> the record's key, for `KNOWN_COLUMNS`.
        others: the record's key -> the name that it gets, for everything else.
    """

    text: str
    id: str | None
    known: Mapping[str, str]
    others: Mapping[str, str]

    def identifier(self, record: Mapping[str, Any]) -> str | None:
        """The post's own id; None where the record has none."""
        return None if self.id is None else plain(record.get(self.id))

    def fields(self, record: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Everything known of the post but its text and id; what is empty is left out.

        Raises:
            InputError: an action, weight or flag cannot be read; the message begins with `where`.
        """
        found: dict[str, Any] = {}
        for name, key in self.known.items():
            value = _known_value(name, key, record.get(key), where)
            if value is not None:
                found[name] = value
        for key, name in self.others.items():
            value = record.get(key)
            if value is not None and value != "":
                found[name] = value
        return found


def find_columns(
    path: str,
    keys: Sequence[str],
    options: TaskOptions,
    *,
    used: Iterable[str] = (),
    tool_id: str | None = None,
) -> PostColumns:
    """Say which key holds what.

    Args:
        path: the file, for messages.
        keys: the records' keys.
        options: what the user named.
        used: keys that hold answers or the tool's own notes: they are no part of the post.
        tool_id: a key that is the tool's number of the task, not the post's id.

    Raises:
        InputError: no key is the text, or a named one is not there.
    """
    used = set(used)
    free = [key for key in keys if key not in used]
    guessed = guess_columns(free, recognise(free))

    def find(name: str) -> str | None:
        if name in free:
            return name
        folded = [key for key in free if key.strip().lower() == name]
        return folded[0] if len(folded) == 1 else None

    text = options.text_column or find("text") or guessed.text
    if text is None:
        raise InputError(missing_text_column(path, list(keys)))
    require(path, text, keys, "--text-column")
    identifier = options.id_column
    if identifier is None:
        identifier = find("id") or guessed.id
        if identifier is not None and identifier == tool_id:
            identifier = guess_columns([key for key in free if key != tool_id]).id
    else:
        require(path, identifier, keys, "--id-column")
    known: dict[str, str] = {}
    taken = {text, identifier, tool_id}
    for name in KNOWN_COLUMNS:
        key = find(name) or {"context": guessed.context, "action": guessed.action}.get(name)
        if key is not None and key not in taken:
            known[name] = key
            taken.add(key)
    for name in _GUESSED_FIELDS:
        if name not in known:
            rest = [key for key in free if key not in taken]
            key = guess_field(name, rest)
            if key is not None:
                known[name] = key
                taken.add(key)
    others: dict[str, str] = {}
    for key in free:
        if key not in taken:
            others[key] = f"{key}_input" if key in RESERVED else key
    return PostColumns(text, identifier, {name: known[name] for name in KNOWN_COLUMNS if name in known}, others)


def is_tool_number(value: Any) -> bool:
    """Whether an id looks like a tool's running number of the task; posts' own numbers are longer."""
    text = plain(value)
    return text is None or (text.isdecimal() and len(text) < _SHORTEST_POST_NUMBER)


def require(path: str, name: str, keys: Sequence[str], option: str) -> None:
    """Check that a key that the user named is there.

    Raises:
        InputError: it is not.
    """
    if name not in keys:
        listed = ", ".join(map(repr, shown_columns(keys))) or "none"
        raise InputError(f"{path}: no column {name!r} (named by {option}); its columns are {listed}")


def plain(value: Any) -> str | None:
    """A JSON value as text without surrounding blanks; None for nothing, a blank, a list or an object."""
    if value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip() or None


def post_text(value: Any, where: str, column: str) -> str:
    """The post's text; the empty string where there is none.

    Raises:
        InputError: it is a list or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        what = "a list" if isinstance(value, list) else "an object"
        raise InputError(f"{where}: {column!r} holds {what}, not a text; name the text with --text-column")
    return plain(value) or ""


def _known_value(name: str, key: str, value: Any, where: str) -> Any:
    """A known field as labelled posts have it (see `corpus.labelled.read_labelled`)."""
    if name == "context":
        return value if isinstance(value, str) and value.strip() else None
    text = plain(value)
    if text is None:
        return None
    if name == "action":
        try:
            return None if (action := Action.parse(text)) is None else action.value
        except InputError as error:
            raise InputError(f"{where}, column {key!r}: {error}") from None
    if name == "weight":
        try:
            weight = float(text)
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight > 0):
            raise InputError(f"{where}, column {key!r}: a weight is a number above 0")
        return weight
    if name == "unsure":
        if fold(text) not in FLAGS:
            raise InputError(f"{where}, column {key!r}: expected true or false")
        return FLAGS[fold(text)]
    if name == "direction":
        return DIRECTIONS.get(fold(text), text.lower())
    if name == "year" and text.endswith(".0"):
        return text[:-2]
    return text.lower() if name in _LOWER_CASE else text
