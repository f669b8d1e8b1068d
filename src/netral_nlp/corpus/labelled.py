"""Labelled posts from files: one reader for training, evaluation and the `data` commands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.corpus.field_values import SHARE_COLUMNS, read_field
from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.labels import Label

if TYPE_CHECKING:
    import pandas as pd

KNOWN_COLUMNS = (
    "context",
    "action",
    "direction",
    "platform",
    "source",
    "split",
    "year",
    "posted_at",
    "author",
    "thread",
    "annotators",
    "unsure",
    "weight",
    *SHARE_COLUMNS,
)
"""Columns that `read_labelled` carries beside id, text and label, where the input has them."""
_LONGEST_SHOWN = 32
"""A label value longer than this may be a post, and error messages hold no post text."""


def text_id(text: str) -> str:
    """Return the id of a post that came without one: the first 16 hex digits of the SHA-256 of its UTF-8 text.

    Lone surrogates, which broken exports hold, are hashed as they are rather than refused.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_labelled(
    paths: str | Path | Sequence[str | Path],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    require_labels: bool = True,
    extra_columns: Sequence[str] = (),
) -> pd.DataFrame:
    """Read labelled posts from one or more files or `datasets` folders.

    Args:
        paths: JSON lines, CSV, TSV, Parquet or XLSX files (text also as .gz or .zst), or folders that
            `datasets.save_to_disk` wrote. Several are read one after another.
        text_column: where the text is; by default `text`, else what a known export calls it.
        label_column: where the label is; by default `label`.
        require_labels: refuse rows without a label. When false, a missing column or an empty cell gives None.
        extra_columns: further columns to carry as text, for slices of the user's own.

    Returns:
        One row a post in input order: `id` and `text` (strings), `label` (`Label`), and those of `KNOWN_COLUMNS` that
        at least one input has: `weight` as float (1.0 where a file has none), `unsure` as bool or None, those of
        `SHARE_COLUMNS` as float or None, all others as strings or None. A post without an id gets `text_id(text)`. A
        missing text is the empty string: a like or a share has no words of its own.

    Raises:
        InputError: a file cannot be read or is an annotation export, a column is missing, a label is unknown, a weight
            is no positive number, a share lies outside 0 to 1, or there are no rows. The message names file, row and
            column.
        MissingExtraError: a `datasets` folder was given and datasets is not installed.
    """
    import pandas as pd

    files = [paths] if isinstance(paths, str | Path) else list(paths)
    if not files:
        raise InputError("no labelled data given: name at least one file")
    request = _Request(text_column, label_column, require_labels, tuple(dict.fromkeys(extra_columns)))
    posts: list[dict[str, Any]] = []
    found: set[str] = set()
    for file in files:
        path = Path(file)
        before = len(posts)
        opened = False
        try:
            for chunk in _read_folder(path, request) if path.is_dir() else _read_file(path, request):
                opened = True
                found.update(chunk.names)
                posts.extend(chunk.posts(request))
        except InputError as error:
            if (tool := _tool(path)) is None:
                raise
            remedy = f"give each post one label first: netral data import {path} -o posts.jsonl"
            if opened:
                raise InputError(f"{error}; if this is an export of {tool}, {remedy}") from error
            raise InputError(f"{path}: is an annotation export ({tool}), not labelled posts; {remedy}") from error
        if len(posts) == before:
            raise InputError(f"{path}: holds no posts")
    columns = ["id", "text", "label", *(name for name in KNOWN_COLUMNS if name in found), *request.extra]
    # Plain objects: pandas 2 and 3 then agree that a missing value is None, and ids can never become numbers.
    frame = pd.DataFrame(
        {name: pd.Series([post.get(name) for post in posts], dtype=object) for name in dict.fromkeys(columns)}
    )
    if "weight" in frame:
        frame["weight"] = [1.0 if value is None else value for value in frame["weight"]]
        frame["weight"] = frame["weight"].astype(float)
    return frame


def _tool(path: Path) -> str | None:
    """The annotation tool that wrote a file which cannot be read as labelled posts; None if none did."""
    from netral_nlp.corpus.annotations.read import TITLES, annotation_format

    try:
        known = annotation_format(path)
    except (InputError, MissingExtraError, OSError):  # what was wrong in the first place is to be told
        return None
    return None if known == "table" else TITLES[known]


@dataclass(frozen=True)
class _Request:
    text: str | None
    label: str | None
    require_labels: bool
    extra: tuple[str, ...]


@dataclass(frozen=True)
class _Columns:
    """Which input column holds what."""

    id: str | None
    text: str
    label: str | None
    known: Mapping[str, str]
    """Our name -> the input's name."""

    @property
    def all(self) -> list[str]:
        names = [self.id, self.text, self.label, *self.known.values()]
        return list(dict.fromkeys(name for name in names if name is not None))


@dataclass(frozen=True)
class _Chunk:
    """Some rows of one input as lists of plain text."""

    path: Path
    columns: _Columns
    numbers: Sequence[int]
    """1-based data-row numbers."""
    cells: Mapping[str, Sequence[str | None]]
    constants: Mapping[str, str] = field(default_factory=dict)
    """Values that hold for every row (the split that a `datasets` folder is named after)."""

    @property
    def names(self) -> set[str]:
        return {*self.columns.known, *self.constants}

    def posts(self, request: _Request) -> Iterator[dict[str, Any]]:
        """Yield one checked post a row.

        Raises:
            InputError: a label, weight or flag cannot be read.
        """
        columns = self.columns
        for index, number in enumerate(self.numbers):
            text = self.cells[columns.text][index] or ""
            identifier = _filled(self.cells[columns.id][index]) if columns.id else None
            post: dict[str, Any] = {
                **self.constants,
                "id": identifier or text_id(text),
                "text": text,
                "label": self._label(index, number, request),
            }
            for name, column in columns.known.items():
                where = f"{self.path}: row {number}, column {column!r}"
                post[name] = read_field(name, self.cells[column][index], where)
            yield post

    def _label(self, index: int, number: int, request: _Request) -> Label | None:
        column = self.columns.label
        value = _filled(self.cells[column][index]) if column else None
        if value is None:
            if not request.require_labels:
                return None
            raise InputError(f"{self.path}: row {number}, column {column!r}: no label; label the row or remove it")
        try:
            return Label.parse(value)
        except InputError as error:
            known = str(error).partition("; ")[2]
            shown = repr(value) if len(value) <= _LONGEST_SHOWN else f"of {len(value)} characters"
            raise InputError(
                f"{self.path}: row {number}, column {column!r}: unknown label {shown}; {known}; "
                "mend the row, remove it, or name another column with --label-column"
            ) from None


def _filled(value: str | None) -> str | None:
    """Return the cell without surrounding blanks, None if nothing is left."""
    return (value or "").strip() or None


def _find_columns(
    path: Path, columns: Sequence[str], request: _Request, guess: Mapping[str, str | None] | None = None
) -> _Columns:
    """Say which of the input's columns holds what.

    Args:
        path: the input, for messages.
        columns: the input's columns.
        request: what the caller asked for.
        guess: what a known export calls its `text`, `context`, `id` and `action`.

    Raises:
        InputError: a named or needed column is not there.
    """
    from netral_nlp.formats import missing_text_column
    from netral_nlp.formats.known import shown_columns

    listed = ", ".join(map(repr, shown_columns(columns))) or "none"
    guessed = guess or {}

    def named(wanted: str, option: str) -> str:
        if wanted not in columns:
            raise InputError(f"{path}: no column {wanted!r} (named by {option}); its columns are {listed}")
        return wanted

    def find(name: str) -> str | None:
        if name in columns:
            return name
        folded = [column for column in columns if column.strip().lower() == name]
        return folded[0] if len(folded) == 1 else guessed.get(name)

    text = named(request.text, "--text-column") if request.text else find("text")
    if text is None:
        raise InputError(missing_text_column(path, columns))
    label = named(request.label, "--label-column") if request.label else find("label")
    if label is None and request.require_labels:
        raise InputError(f"{path}: no column 'label'; name it with --label-column; its columns are {listed}")
    known = {name: column for name in KNOWN_COLUMNS if (column := find(name)) is not None}
    known |= {name: name for name in request.extra if name in columns and name not in known}
    return _Columns(find("id"), text, label, known)


def _read_file(path: Path, request: _Request) -> Iterator[_Chunk]:
    from netral_nlp.formats import guess_columns, open_posts

    # No rejects file: a gold or training file with a hole in it would be measured, or learnt, wrongly without a word,
    # so the reader's error about the first bad row stands.
    with open_posts(path) as reader:
        guessed = guess_columns(reader.columns, reader.export)
        guess = {"text": guessed.text, "context": guessed.context, "id": guessed.id, "action": guessed.action}
        listed = list(reader.columns)
        columns = _find_columns(path, listed, request, guess)
        for batch in reader.batches():
            # Rows of JSON lines may bring columns that the first rows lack; what was found before stays as it is.
            if late := [name for name in batch.rows.schema.names if name not in listed]:
                listed += late
                found = _find_columns(path, listed, request, guess)
                columns = _Columns(
                    columns.id, columns.text, columns.label or found.label, {**found.known, **columns.known}
                )
            yield _Chunk(path, columns, batch.numbers, {name: batch.strings(name) for name in columns.all})
    _require_extra(path, columns, listed, request)


def _require_extra(path: Path, found: _Columns, columns: Sequence[str], request: _Request) -> None:
    for name in request.extra:
        if name not in found.known:
            raise InputError(f"{path}: no column {name!r}; its columns are {', '.join(map(repr, columns))}")


def open_datasets_folder(path: Path) -> dict[str | None, Any]:
    """Open a folder that `datasets.save_to_disk` wrote.

    Returns:
        Its datasets by split; None stands for the split of a single dataset.

    Raises:
        InputError: it is no such folder, or a damaged one.
        MissingExtraError: datasets is not installed.
    """
    if not ((path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file()):
        raise InputError(f"{path}: a folder that datasets.save_to_disk did not write; name the files in it instead")
    try:
        import datasets
    except ImportError:
        raise MissingExtraError(f"reading the datasets folder {path}", "train") from None
    try:
        loaded = datasets.load_from_disk(str(path))
    except Exception as error:  # datasets raises many kinds for a damaged folder
        raise InputError(f"{path}: datasets cannot read this folder ({type(error).__name__})") from error
    return dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {None: loaded}


def _read_folder(path: Path, request: _Request) -> Iterator[_Chunk]:
    for split, dataset in open_datasets_folder(path).items():
        columns = _find_columns(path, dataset.column_names, request)
        _require_extra(path, columns, dataset.column_names, request)
        names = {
            column: feature.names
            for column, feature in dataset.features.items()
            if hasattr(feature, "names")  # a ClassLabel
        }
        constants = {"split": split} if split is not None and "split" not in columns.known else {}
        number = 1
        for rows in dataset.with_format(None).select_columns(columns.all).iter(batch_size=4096):
            cells = {column: [_plain(value, names.get(column)) for value in values] for column, values in rows.items()}
            size = len(cells[columns.text])
            yield _Chunk(path, columns, range(number, number + size), cells, constants)
            number += size


def _plain(value: object, names: Sequence[str] | None) -> str | None:
    """Return a `datasets` value as plain text; a class label by its name, lists and records as JSON."""
    if value is None or isinstance(value, str):
        return value
    if names is not None and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None  # datasets writes a missing label as -1
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    import json

    return json.dumps(value, ensure_ascii=False, default=str)
