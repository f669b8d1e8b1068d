"""Posts of any kind of file: annotation exports, labelled tables, unlabelled dumps."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from netral_nlp.corpus.annotations.columns import PostColumns, find_columns, post_text
from netral_nlp.corpus.annotations.consolidate import import_posts
from netral_nlp.corpus.annotations.names import LabelNames, NoLabel
from netral_nlp.corpus.annotations.read import TaskFile, annotation_format, open_tasks
from netral_nlp.corpus.annotations.records import open_sources, read_records
from netral_nlp.corpus.annotations.tasks import Task, TaskOptions
from netral_nlp.corpus.stats.posts import Post
from netral_nlp.errors import InputError
from netral_nlp.labels import Label

_LOOK = 1000


@dataclass
class PostFiles:
    """Files whose posts are to be counted; going through them reads them.

    A table with one label a row, or none, is streamed: each of its rows is a post. What holds answers of several
    annotators is put together first, as `netral data import` does, and comes last; so are the exports of one project,
    such as one file an annotator.

    Attributes:
        paths: annotation exports, tables of any format we read, `datasets` folders.
        options: how to read them.
        label_map: label names of the project -> a label's name, or None for a post that takes no label.
        notes: what a reader of the figures must know; whole once all posts are out.
    """

    paths: Sequence[str | Path]
    options: TaskOptions = field(default_factory=TaskOptions)
    label_map: Mapping[str, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Post]:
        """Read the posts.

        Raises:
            InputError: a file cannot be read, has no column of texts, or a label name is unknown.
            MissingExtraError: a `datasets` folder was given and datasets is not installed.
        """
        if not self.paths:
            raise InputError("no files given: name at least one")
        self.notes.clear()
        together: list[str | Path] = []
        for path in self.paths:
            yield from self._read(path, together)
        if together:
            yield from self._imported(together)

    def _read(self, path: str | Path, together: list[str | Path]) -> Iterator[Post]:
        """Read a file, or put it to those that are read together, since each may hold other answers to the same posts.

        A table with one row a post is read alone: that a post stands in two of them is for the figures to tell.
        """
        options = self.options
        if annotation_format(path, options) != "table":
            together.append(path)
            return
        opened: list[TaskFile] = []
        tasks = self._tasks(path, opened)
        try:
            first = list(islice(tasks, _LOOK))
        except InputError:
            named = (options.label_column, options.annotator_column, options.adjudicated_column, options.adjudicator)
            if options.annotator_columns or any(named):
                raise
            # A dump without labels; whatever else is wrong with it is found, and said, there as well.
            yield from self._unlabelled(path)
            return
        answer_rows = any(file.table.answer_rows for file in opened)
        if _one_answer_a_post(first) and not answer_rows and options.adjudicator is None:
            yield from self._rows(chain(first, tasks))
            return
        del first
        tasks.close()  # it holds the file open
        if answer_rows:
            together.append(path)
        else:
            yield from self._imported([path])

    def _tasks(self, path: str | Path, opened: list[TaskFile]) -> Generator[Task]:
        for file in open_tasks(path, self.options, LabelNames(self.label_map)):
            opened.append(file)
            yield from file.tasks

    def _rows(self, tasks: Iterator[Task]) -> Iterator[Post]:
        names = LabelNames(self.label_map)
        for task in tasks:
            values = [value for answer in task.answers for value in answer.values]
            label = None
            if len(values) == 1:
                read = names.read(values[0])
                if read is NoLabel.UNKNOWN:
                    names.miss(values[0], task.where)
                elif isinstance(read, Label):
                    label = read
            people = _people(task.fields.get("annotators"))
            yield Post(task.file, task.row, task.text, label, people, task.fields)
        names.check()

    def _imported(self, paths: Sequence[str | Path]) -> Iterator[Post]:
        path = ", ".join(map(str, paths))
        imported = import_posts(paths, self.options, labels="majority", label_map=self.label_map)
        if imported.merged:
            self.notes.append(f"{path}: {imported.merged:,} tasks were put together with another of the same post")
        if imported.reasons:
            listed = ", ".join(f"{reason} ({count:,})" for reason, count in sorted(imported.reasons.items()))
            self.notes.append(f"{path}: posts without a label: {listed}")
        for post in imported.all:
            people = len(post.ratings) or None
            stated = _people(post.fields.get("annotators"))
            people = stated if stated is not None and (people or 0) <= 1 else people
            fields = {**post.fields, "unsure": post.unsure} if post.ratings else post.fields
            yield Post(post.file, post.row, post.text, post.label, people, fields)

    def _unlabelled(self, path: str | Path) -> Iterator[Post]:
        with open_sources(path) as sources:
            for source in sources:
                keys: dict[str, None] = {}
                columns: PostColumns | None = None
                for number, row in read_records(source, self.options).records:
                    if columns is None or not row.keys() <= keys.keys():  # JSON lines may bring columns late
                        keys.update(dict.fromkeys(row))
                        columns = find_columns(source.name, list(keys), self.options)
                    where = f"{source.name}: row {number:,}"
                    text = post_text(row.get(columns.text), where, columns.text)
                    yield Post(source.name, number, text, fields=columns.fields(row, where))
                if columns is None:
                    raise InputError(f"{source.name}: holds no posts; export it again")


def _one_answer_a_post(tasks: Sequence[Task]) -> bool:
    """Whether one column holds the labels and no column names annotators."""
    people = {answer.annotator for task in tasks for answer in task.answers}
    return len(people) <= 1 and all(len(task.answers) <= 1 for task in tasks)


def _people(value: Any) -> int | None:
    """Return how many annotators a cell states: a number, or a list of them."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, list):
        return len(value)
    text = str(value).removesuffix(".0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else None
