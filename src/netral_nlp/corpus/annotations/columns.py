"""Which part of a record is the post's text, its id, and what else is known of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from netral_nlp.corpus.annotations.tasks import TaskOptions
from netral_nlp.corpus.field_values import SHARE_COLUMNS, read_field
from netral_nlp.corpus.labelled import KNOWN_COLUMNS
from netral_nlp.errors import InputError
from netral_nlp.formats import guess_columns, guess_field, missing_text_column, recognise
from netral_nlp.formats.known import shown_columns

RESERVED: Final = frozenset(
    {
        *("id", "text", "label", "ratings", "adjudicated", "file", "row", "reason"),
        *SHARE_COLUMNS,
    }
)
"""Names that imported posts give a meaning of their own; another column so named becomes NAME_input."""

_GUESSED_FIELDS: Final = ("author", "thread", "posted_at", "platform", "source")
_SHORTEST_POST_NUMBER: Final = 12


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

    def __str__(self) -> str:
        """What was taken for what, in one line."""
        parts = {"text": self.text, "context": self.known.get("context"), "id": self.id}
        taken = ", ".join(f"{part} from {key!r}" for part, key in parts.items() if key is not None)
        missing = " and ".join(f"no {part}" for part, key in parts.items() if key is None)
        return f"{taken} ({missing})" if missing else taken

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
            cell = record.get(key)
            text = plain(cell) if name != "context" else cell if isinstance(cell, str) else None
            value = read_field(name, text, f"{where}, column {key!r}")
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
    filled: Collection[str] | None = None,
) -> PostColumns:
    """Say which key holds what.

    Args:
        path: the file, for messages.
        keys: the records' keys.
        options: what the user named.
        used: keys that hold answers or the tool's own notes: they are no part of the post.
        tool_id: a key that is the tool's number of the task, not the post's id.
        filled: the keys that hold anything (see `filled_keys`), where that is known: an empty author, thread or date
            gives way to another key of that meaning.

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
    if options.context_column is not None:
        require(path, options.context_column, keys, "--context-column")
    known: dict[str, str] = {}
    taken = {text, identifier, tool_id}
    guesses = {"context": guessed.context, "action": guessed.action}
    for name in KNOWN_COLUMNS:
        key = (options.context_column if name == "context" else None) or find(name) or guesses.get(name)
        if key is None or key in taken:
            continue
        if name in _GUESSED_FIELDS and filled is not None and key not in filled:
            continue
        known[name] = key
        taken.add(key)
    for name in _GUESSED_FIELDS:
        if name not in known:
            key = guess_field(name, [key for key in free if key not in taken], filled)
            if key is not None:
                known[name] = key
                taken.add(key)
    others: dict[str, str] = {}
    for key in free:
        if key not in taken:
            others[key] = f"{key}_input" if key in RESERVED or key in known else key
    return PostColumns(text, identifier, {name: known[name] for name in KNOWN_COLUMNS if name in known}, others)


def present(options: TaskOptions, keys: Collection[str]) -> TaskOptions:
    """The options without an id or context column that a record lacks: not every post need have one."""
    if options.id_column is not None and options.id_column not in keys:
        options = replace(options, id_column=None)
    if options.context_column is not None and options.context_column not in keys:
        options = replace(options, context_column=None)
    return options


def filled_keys(records: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The keys that hold anything but blanks in at least one of some records."""
    return frozenset(key for record in records for key, value in record.items() if is_filled(value))


def is_filled(value: Any) -> bool:
    """Whether a value is anything but nothing or blanks."""
    return bool(value.strip()) if isinstance(value, str) else value is not None


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
