"""Label files: labels of posts whose texts may not be passed on, keyed by the SHA-256 of the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.errors import InputError
from netral_nlp.labels import Label

HASH_COLUMN: Final = "sha256"
COLUMNS: Final = (HASH_COLUMN, "label", "direction", "split", "source", "annotators")
"""The columns of every label file that we write."""
MORE_COLUMNS: Final = ("platform", "year", "unsure")
"""Columns that are written beside `COLUMNS` where the posts have them."""
SHORTEST_HASH: Final = 16
"""So many leading digits of the hash are enough; our ids have as many."""
HASH_NAMES: Final = (HASH_COLUMN, "hash", "id")
"""What the column of hashes may be called, the surest name first."""
SPLITS: Final = ("train", "dev", "test")
"""A file of posts without a column `split` that is called one of these names the split of its posts."""

_HASH: Final = re.compile(rf"[0-9a-f]{{{SHORTEST_HASH},64}}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.0)?")
_NOT_CARRIED: Final = frozenset({"id", "text", HASH_COLUMN, "label"})
_TEXT_OR_PERSON: Final = frozenset({"text", "context", "author", "username", "user", "posted_at", "url", "link"})
_MOST_WORDS: Final = 8
_MOST_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label.

    Attributes:
        file: the label file.
        row: its data row in the file, from 1.
        sha256: 16 to 64 hex digits of the SHA-256 of the UTF-8 text, in lower case.
        label: the label.
        fields: direction, split, source, annotators and further columns; None where a cell is empty.
    """

    file: str
    row: int
    sha256: str
    label: Label
    fields: Mapping[str, Any]

    @property
    def key(self) -> bytes:
        """The first 8 bytes of the hash: what labels are found by."""
        return bytes.fromhex(self.sha256[:SHORTEST_HASH])


@dataclass(frozen=True)
class Labels:
    """The labels of one or several files.

    Attributes:
        rows: in the order of the files, each text once.
        columns: what `fields` holds, in order.
        repeated: rows that only said again what an earlier one had said.
    """

    rows: list[LabelRow]
    columns: list[str]
    repeated: int = 0


def read_label_files(paths: Sequence[str | Path]) -> Labels:
    """Read label files of any format that `open_posts` reads.

    A file needs a column `sha256` (or `hash`, or `id`) and a column `label`. Columns called `text` are not taken over.

    Raises:
        InputError: a file cannot be read or lacks a column, a hash is none, a label is missing or unknown, or one hash
            has two labels. The message names file and row.
    """
    if not paths:
        raise InputError("no label file given: name one with --labels")
    rows: dict[str, LabelRow] = {}
    columns: dict[str, None] = {}
    repeated = 0
    for path in map(Path, paths):
        before = len(rows) + repeated
        for row in _read(path, columns):
            first = rows.setdefault(row.sha256[:SHORTEST_HASH], row)
            if first is row:
                continue
            _check_same(first, row)
            repeated += 1
        if len(rows) + repeated == before:
            raise InputError(f"{path}: holds no labels; check that it is the right file")
    known = [name for name in COLUMNS[2:] if name in columns]
    return Labels(list(rows.values()), known + [name for name in columns if name not in known], repeated)


def _check_same(first: LabelRow, row: LabelRow) -> None:
    where = f"{row.file}: row {row.row:,}"
    if first.label != row.label:
        raise InputError(
            f"{where}: the same hash has the label {first.label.value!r} in {_place(first, row)} and "
            f"{row.label.value!r} here; keep one of them"
        )
    shorter, longer = sorted((first.sha256, row.sha256), key=len)
    if not longer.startswith(shorter):
        raise InputError(
            f"{where}: the hash begins like that of {_place(first, row)} and goes on differently: one of them is "
            "wrong; remove it"
        )


def _place(first: LabelRow, row: LabelRow) -> str:
    return f"row {first.row:,}" if first.file == row.file else f"{first.file}, row {first.row:,},"


def _read(path: Path, found: dict[str, None]) -> list[LabelRow]:
    from netral_nlp.formats import open_posts

    rows: list[LabelRow] = []
    with open_posts(path) as reader:
        hash_column, label_column = _key_columns(path, reader.columns)
        for batch in reader.batches():
            names = [
                name
                for name in batch.rows.schema.names
                if name not in (hash_column, label_column) and name.strip().lower() not in _NOT_CARRIED
            ]
            carried = {_our_name(name): batch.strings(name) for name in names}
            found.update(dict.fromkeys(carried))
            hashes, labels = batch.strings(hash_column), batch.strings(label_column)
            for index, number in enumerate(batch.numbers):
                fields = {name: plain_value(name, cells[index]) for name, cells in carried.items()}
                digits = hash_digits(hashes[index], f"{path}: row {number:,}, column {hash_column!r}")
                label = _label(f"{path}: row {number:,}, column {label_column!r}", labels[index])
                rows.append(LabelRow(str(path), number, digits, label, fields))
    return rows


def _our_name(name: str) -> str:
    plain = name.strip().lower()
    return plain if plain in (*COLUMNS, *MORE_COLUMNS, "thread") else name


def _key_columns(path: Path, columns: Sequence[str]) -> tuple[str, str]:
    names = {column.strip().lower(): column for column in reversed(columns)}
    hashes = next((names[name] for name in HASH_NAMES if name in names), None)
    listed = ", ".join(map(repr, columns))
    if hashes is None:
        raise InputError(
            f"{path}: no column {HASH_COLUMN!r}, which holds the SHA-256 of each text in a label file; "
            f"its columns are {listed}; rename the one with the hashes"
        )
    if "label" not in names:
        raise InputError(f"{path}: no column 'label'; its columns are {listed}; rename the one with the labels")
    return hashes, names["label"]


def hash_digits(cell: str | None, where: str) -> str:
    """Return the 16 to 64 hex digits of a cell with a hash, in lower case and without a `sha256:` before them.

    Args:
        cell: what stands in the file.
        where: file, row and column, for messages.

    Raises:
        InputError: it is no hash.
    """
    digits = (cell or "").strip().lower().removeprefix("sha256:")
    if _HASH.fullmatch(digits) is None:
        if not digits:
            what = "no hash; fill it in or remove the row"
        elif re.fullmatch(r"[0-9]+(?:[.,][0-9]*)?(?:e[+-]?[0-9]+)?", digits):
            what = "a number, no hash: a spreadsheet may have changed it; export the column as text"
        else:
            what = f"not a hash of {SHORTEST_HASH} to 64 hex digits; mend or remove the row"
        raise InputError(f"{where}: {what}")
    return digits


def _label(where: str, cell: str | None) -> Label:
    value = (cell or "").strip()
    if not value:
        raise InputError(f"{where}: no label; fill it in or remove the row")
    try:
        return Label.parse(value)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def plain_value(name: str, cell: str | None) -> Any:
    """A cell as the JSON value it was before it went through CSV: years and counts are numbers, `unsure` is a flag."""
    value = (cell or "").strip()
    if not value:
        return None
    if name in ("annotators", "year") and _NUMBER.fullmatch(value):
        return int(value.removesuffix(".0"))
    if name == "unsure" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


@dataclass
class Dehydrated:
    """What became of labelled posts.

    Attributes:
        rows: the label file's rows, in input order.
        columns: its columns.
        posts: posts read.
        merged: posts whose text had come before.
        without_text: posts without a word (likes, shares): nothing to hash.
        named_splits: files whose name gave the split of their posts.
        direction_differs: merged posts whose direction was another one; that of the first post counts.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    posts: int = 0
    merged: int = 0
    without_text: int = 0
    named_splits: list[str] = field(default_factory=list)
    direction_differs: int = 0


def dehydrate(
    paths: Sequence[str | Path],
    *,
    columns: Sequence[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Dehydrated:
    """Turn labelled posts into rows of a label file: hashes in the place of texts, and nothing that names a person.

    Annotators are counted: a cell with names says how many there are.

    Args:
        paths: as `read_labelled` reads them.
        columns: what to keep beside hash and label, each of which every file must have; by default direction, split,
            source and annotators, and platform, year and unsure where there are any.
        text_column: where the text is, if it is not called `text`.
        label_column: where the label is, if it is not called `label`.

    Raises:
        InputError: a file cannot be read, a column is missing or holds texts or persons, or one text has two labels or
            is in two splits. The message names file and row.
    """
    import hashlib

    wanted = list(dict.fromkeys(columns)) if columns is not None else None
    for name in wanted or ():
        if name.strip().lower() in _TEXT_OR_PERSON or name == text_column:
            raise InputError(f"a label file holds no texts and no persons: leave out the column {name!r}")
    wanted = None if wanted is None else [name for name in wanted if name not in (HASH_COLUMN, "label")]
    result = Dehydrated()
    firsts: dict[str, tuple[str, int, dict[str, Any]]] = {}
    present: set[str] = set()
    for path in map(Path, paths):
        frame = read_labelled(path, text_column=text_column, label_column=label_column, extra_columns=wanted or ())
        named = _split_of(path) if "split" not in frame and (wanted is None or "split" in wanted) else None
        if named:
            result.named_splits.append(str(path))
        kept = [name for name in (wanted or (*COLUMNS[2:], *MORE_COLUMNS)) if name in frame]
        present.update(kept)
        for row, post in enumerate(frame.to_dict("records"), start=1):
            result.posts += 1
            text = post["text"]
            if not text.strip():
                result.without_text += 1
                continue
            digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            fields = {name: _kept(f"{path}: row {row:,}", name, post[name], text) for name in kept}
            if named:
                fields["split"] = named
            fields = {HASH_COLUMN: digits, "label": post["label"].value, **fields}
            known = firsts.get(digits)
            if known is None:
                firsts[digits] = (str(path), row, fields)
                result.rows.append(fields)
                continue
            result.merged += 1
            result.direction_differs += _merge(known, str(path), row, fields)
    if not result.rows:
        raise InputError(
            f"{', '.join(map(str, paths))}: no post has a text, so there is nothing to hash; check --text-column"
        )
    more = [name for name in MORE_COLUMNS if name in present] if wanted is None else wanted
    result.columns = [*(COLUMNS if wanted is None else COLUMNS[:2]), *more]
    return result


def _split_of(path: Path) -> str | None:
    stem = path.name.split(".")[0].lower()
    return stem if stem in SPLITS else None


def _kept(where: str, name: str, value: Any, text: str) -> Any:
    """A cell of the label file.

    Raises:
        InputError: it holds a text.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    cell = str(value).strip()
    if name == "annotators" and not _NUMBER.fullmatch(cell):
        return len({part for part in re.split(r'[;,|\[\]"]+', cell) if part.strip()}) or None
    # Paths of public files may have many words; everything else that does is a text.
    long = name != "source" and (len(cell) > _MOST_CHARACTERS or len(cell.split()) > _MOST_WORDS)
    if long or (cell == text.strip() and len(cell) > _MOST_CHARACTERS // 4):
        raise InputError(f"{where}, column {name!r}: looks like a text, which no label file may hold; leave it out")
    return plain_value(name, cell)


def _merge(known: tuple[str, int, dict[str, Any]], file: str, row: int, fields: dict[str, Any]) -> bool:
    """Fill what the first post of a text lacks from a later one; says whether their directions differ."""
    first_file, first_row, first = known
    there = f"row {first_row:,}" if first_file == file else f"{first_file}, row {first_row:,},"
    for name, remedy in (("label", "settle it"), ("split", "take it out of one of them")):
        ours, theirs = first.get(name), fields.get(name)
        if ours is not None and theirs is not None and ours != theirs:
            raise InputError(
                f"{file}: row {row:,}: the same text has the {name} {ours!r} in {there} and {theirs!r} here; {remedy}"
            )
    differs = (
        None not in (first.get("direction"), fields.get("direction")) and first["direction"] != fields["direction"]
    )
    for name, value in fields.items():
        if first.get(name) is None:
            first[name] = value
    return differs
