"""Posts out of files for a check: a bad row or file is a finding, and reading goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netral_nlp.corpus.annotations.names import LabelNames
from netral_nlp.corpus.annotations.read import TaskFile, open_tasks
from netral_nlp.corpus.annotations.records import open_sources, read_records
from netral_nlp.corpus.annotations.tasks import UNNAMED, Task, TaskOptions
from netral_nlp.corpus.check.findings import Finding, Kind
from netral_nlp.corpus.check.posts import Posts, plain, settle
from netral_nlp.corpus.check.sources import Source
from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.labels import Label

_SPLIT: Final = "split"


@dataclass(frozen=True)
class CheckedFile:
    """A file that was read.

    Attributes:
        name: as the user named it.
        format: the tool that wrote it; "table" for plain files.
        posts: how many it holds.
    """

    name: str
    format: str
    posts: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Reading:
    """What was read.

    Attributes:
        posts: the posts of all files, with their sides.
        files: the files that could be read.
        findings: what was wrong on the way.
        columns: every field that a post has, for messages.
    """

    posts: Posts
    files: tuple[CheckedFile, ...]
    findings: tuple[Finding, ...]
    columns: tuple[str, ...]


def read_posts(
    sources: Sequence[Source],
    options: TaskOptions,
    *,
    label_map: Mapping[str, str | None] | None = None,
    columns: Sequence[str] = (),
) -> Reading:
    """Read the posts of files, each with one label and its side.

    Args:
        sources: the files.
        options: how they are read.
        label_map: label names of the project -> a label's name, or None for a post that takes no label.
        columns: further fields to keep of each post.

    Raises:
        InputError: the only file there is cannot be read, or no answer is the adjudicator's.
        MissingExtraError: the same, for want of a library.
    """
    reader = _Reader(LabelNames(label_map or {}), options.adjudicator, tuple(columns))
    for source in sources:
        reader.read(source, options, alone=len(sources) == 1)
    return reader.done(sources)


class _Reader:
    def __init__(self, names: LabelNames, adjudicator: str | None, columns: tuple[str, ...]) -> None:
        self._names = names
        self._adjudicator = adjudicator
        self._annotators: set[str] = set()
        self._columns = (*dict.fromkeys((*columns, _SPLIT)),)
        self._posts = Posts()
        self._files: list[CheckedFile] = []
        self._findings: list[Finding] = []
        self._seen_columns: dict[str, None] = {}
        self._source_of: list[int] = []
        self._sources = 0

    def read(self, source: Source, options: TaskOptions, *, alone: bool) -> None:
        """Read a file."""
        self._sources += 1
        if source.set_aside:
            why = "set aside by netral data split: on no side, and not trained on"
            self._findings.append(Finding(Kind.NOT_CHECKED, source.name, detail=why))
            return
        bad: dict[tuple[str, int], str] = {}

        def bad_row(file: str, row: int, reason: str) -> None:
            bad.setdefault((file, row), reason)

        tolerant = dataclasses.replace(options, on_bad_row=bad_row, guess_annotators=not source.from_folder)
        before = len(self._posts)
        try:
            for file in open_tasks(source.path, tolerant, self._names):
                self._read_file(file)
        except (InputError, MissingExtraError, OSError) as error:
            if len(self._posts) == before and source.from_folder and _is_readable(source, options):
                self._findings.append(Finding(Kind.NOT_CHECKED, source.name, detail=_short(error, source)))
            elif alone and len(self._posts) == before:
                for (name, row), reason in bad.items():  # no row can be read: the first one says why
                    raise InputError(f"{name}: row {row:,}: {reason}") from error
                raise
            else:
                self._findings.append(Finding(Kind.UNREADABLE_FILE, source.name, detail=_short(error, source)))
        self._findings += [
            Finding(Kind.UNREADABLE_ROW, file, row, detail=reason) for (file, row), reason in bad.items()
        ]
        self._source_of += [self._sources - 1] * (len(self._posts) - before)

    def _read_file(self, file: TaskFile) -> None:
        before, annotators = len(self._posts), set[str]()
        found: list[Finding] = []
        for task in merged(file.tasks):
            annotators.update(answer.annotator for answer in task.answers)
            label, findings = settle(task, self._names, self._adjudicator)
            found += findings
            self._add(task, label)
        if file.format != "table" or annotators - {UNNAMED}:
            # Annotation exports naturally hold tasks that nobody has done yet; a table of labels does not.
            found = [
                dataclasses.replace(one, kind=Kind.NOT_ANNOTATED, detail="no answer yet")
                if one.kind is Kind.MISSING_LABEL
                else one
                for one in found
            ]
        self._annotators |= annotators
        self._findings += found
        self._files.append(CheckedFile(file.name, file.format, len(self._posts) - before))

    def _add(self, task: Task, label: Label | None) -> None:
        if not task.fields.keys() <= self._seen_columns.keys():
            self._seen_columns.update(dict.fromkeys(task.fields))
        self._posts.add(task, label, None, self._columns)

    def done(self, sources: Sequence[Source]) -> Reading:
        """Give every post its side.

        The name that the user gave stands first, then the post's own column `split`, then the file. Where that leaves
        several files on one side, because all say the same in `split`, the files are the sides after all.
        """
        if self._adjudicator is not None and self._adjudicator not in self._annotators:
            listed = ", ".join(map(repr, sorted(self._annotators))) or "none"
            raise InputError(f"no answers of the adjudicator {self._adjudicator!r}; the annotators are {listed}")
        posts = self._posts
        splits = posts.values.pop(_SPLIT, [""] * len(posts))
        chosen = [sources[place] for place in self._source_of]
        sides = [
            source.side if source.named or not split else split.lower()
            for source, split in zip(chosen, splits, strict=True)
        ]
        by_file = [source.side for source in chosen]
        if len(set(sides)) == 1 and len(set(by_file)) > 1:
            sides = by_file
        posts.sides = sides
        return Reading(posts, tuple(self._files), tuple(self._findings), tuple(self._seen_columns))


def merged(tasks: Iterable[Task]) -> Iterator[Task]:
    """Put the answers of one post together where a file has one row an answer, each with its annotator's name.

    Rows are one post's if they have the same id, text and context, and no annotator answers twice.
    """
    groups: dict[tuple[str | None, str, str], tuple[Task, set[str]]] = {}
    order: list[Task | tuple[str | None, str, str]] = []
    for task in tasks:
        if len(task.answers) != 1 or task.answers[0].annotator == UNNAMED:
            order.append(task)
            continue
        key = (task.id, task.text, plain(task.fields.get("context")))
        name = task.answers[0].annotator
        known = groups.get(key)
        if known is None:
            groups[key] = (task, {name})
            order.append(key)
        elif name in known[1]:
            order.append(task)
        else:
            known[1].add(name)
            groups[key] = (dataclasses.replace(known[0], answers=(*known[0].answers, *task.answers)), known[1])
    for one in order:
        yield one if isinstance(one, Task) else groups[one][0]


def _is_readable(source: Source, options: TaskOptions) -> bool:
    """Whether a file can be read to its end, so that only what it holds keeps it from being checked."""
    try:
        with open_sources(source.path) as members:
            for member in members:
                for _ in read_records(member, options).records:
                    pass
    except (InputError, MissingExtraError, OSError):
        return False
    return True


def _short(error: Exception, source: Source) -> str:
    """An error's line without the file's name, which has a column of its own."""
    if isinstance(error, OSError):
        return f"cannot be opened: {error.strerror}; check its permissions"
    return str(error).removeprefix(f"{source.name}: ")
