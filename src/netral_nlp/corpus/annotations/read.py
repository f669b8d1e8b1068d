"""Tasks from any annotation export or plain table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from netral_nlp.corpus.annotations import argilla, doccano, label_studio, tables
from netral_nlp.corpus.annotations.names import LabelNames
from netral_nlp.corpus.annotations.records import Source, Table, open_sources, read_records
from netral_nlp.corpus.annotations.tasks import UNNAMED, Format, Task, TaskOptions
from netral_nlp.errors import InputError

_LOOK: Final = 200
_SHARED: Final = "all"
"""doccano's name for the file of a project whose annotators share their labels."""

TITLES: Final[Mapping[Format, str]] = {
    "label-studio": "Label Studio",
    "doccano": "doccano",
    "argilla": "Argilla",
    "table": "table",
}


@dataclass
class TaskFile:
    """A file of tasks, opened.

    Attributes:
        name: what the user calls it.
        format: the tool that wrote it; "table" for plain files.
        tasks: its tasks, once.
        table: its records; its `notes` say how they are read, its `posts` which columns: whole once the first task is
            out.
    """

    name: str
    format: Format
    tasks: Iterator[Task]
    table: Table

    @property
    def notes(self) -> list[str]:
        """How it is read, one line each."""
        return self.table.notes


def read_tasks(
    paths: str | Path | Sequence[str | Path],
    options: TaskOptions = TaskOptions(),  # noqa: B008 (frozen)
    *,
    label_map: Mapping[str, str | None] | None = None,
) -> Iterator[Task]:
    """Read tasks from annotation exports and plain tables, one after another.

    Args:
        paths: Label Studio JSON, JSON_MIN or CSV; doccano JSON lines, JSON, CSV or zip; Argilla JSON, JSON lines,
            Parquet or `datasets` folder; CSV, TSV, XLSX, Parquet or JSON lines with one label column, one column an
            annotator or one row an answer. Text also as .gz or .zst, everything also in a .zip.
        options: how to read them; what is not given is found.
        label_map: label names of the project -> a label or None: helps to find columns, maps nothing.

    Yields:
        One task a record, label values as given. A table with one row an answer gives one task an answer.

    Raises:
        InputError: a file cannot be read, holds no posts, or no column of texts or labels is found.
        MissingExtraError: a `datasets` folder was given and datasets is not installed.
    """
    for file in open_tasks(paths, options, LabelNames(label_map or {})):
        yield from file.tasks


def open_tasks(paths: str | Path | Sequence[str | Path], options: TaskOptions, names: LabelNames) -> Iterator[TaskFile]:
    """Open files of tasks one after another; see `read_tasks`. A file can be read until the next is asked for."""
    files = [paths] if isinstance(paths, str | Path) else list(paths)
    if not files:
        raise InputError("no annotated files given: name at least one")
    for path in files:
        with open_sources(path) as sources:
            many = len(files) > 1 or len(sources) > 1 or sources[0].packed
            for source in sources:
                table = read_records(source, options)
                kind = _format(table, options)
                annotator = _nameless(source, kind, many)
                tasks = _not_empty(_tasks(table, kind, options, names, annotator), table)
                yield TaskFile(source.name, kind, tasks, table)


def annotation_format(path: str | Path, options: TaskOptions = TaskOptions()) -> Format:  # noqa: B008 (frozen)
    """Say which tool wrote a file; "table" for plain files. Of a zip, its first file counts.

    Raises:
        InputError: the file cannot be read.
    """
    with ExitStack() as stack:
        sources = stack.enter_context(open_sources(path))
        return _format(read_records(sources[0], options), options)


def _nameless(source: Source, kind: Format, many: bool) -> str:
    """Who annotated a file that names nobody: of several files, their names tell the annotators apart."""
    if source.stem == _SHARED or not (many or kind == "doccano"):
        return UNNAMED
    return source.stem or UNNAMED


def _format(table: Table, options: TaskOptions) -> Format:
    if options.format != "auto":
        return options.format
    for _, record in islice(table.records, _LOOK):
        if label_studio.is_label_studio(record) or tables.is_label_studio(record):
            return "label-studio"
        if argilla.is_argilla(record):
            return "argilla"
        if doccano.is_doccano(record):
            return "doccano"
    return "table"


def _tasks(table: Table, kind: Format, options: TaskOptions, names: LabelNames, annotator: str) -> Iterator[Task]:
    first = next((record for _, record in table.records), None)
    if first is None:
        return iter(())
    if kind == "label-studio" and isinstance(first.get("data"), dict):
        return label_studio.label_studio_tasks(table, options, names)
    if kind == "argilla":
        return argilla.argilla_tasks(table, options, names)
    if kind == "doccano" and not table.is_table:
        return doccano.doccano_tasks(table, options, names, annotator)
    return tables.table_tasks(table, options, names, annotator)


def _not_empty(tasks: Iterator[Task], table: Table) -> Iterator[Task]:
    empty = True
    for task in tasks:
        empty = False
        yield task
    if empty:
        raise InputError(f"{table.source.name}: holds no tasks; export it again")
