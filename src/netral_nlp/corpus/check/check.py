"""`netral data check`: everything that would spoil a training, found in one go."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from netral_nlp.corpus.annotations.tasks import Task, TaskOptions
from netral_nlp.corpus.check.findings import Finding, Kind, Severity, in_order
from netral_nlp.corpus.check.label_errors import (
    HARDLY,
    LEAST_PER_LABEL,
    LEAST_POSTS,
    held_out_probabilities,
    likely_wrong_labels,
    model_probabilities,
)
from netral_nlp.corpus.check.language import foreign_languages
from netral_nlp.corpus.check.leaks import Template, check_columns, check_copies, check_leaks
from netral_nlp.corpus.check.posts import Posts, suite_files, without
from netral_nlp.corpus.check.read import CheckedFile, Reading, read_posts
from netral_nlp.corpus.check.report import Check
from netral_nlp.corpus.check.schema import check_balance, check_conflicts, check_empty, check_ids, check_suites
from netral_nlp.corpus.check.sources import find_sources
from netral_nlp.corpus.check.texts import LONGEST, entities, garbled, has_words, personal_data
from netral_nlp.corpus.duplicates import choose_bands
from netral_nlp.corpus.same_posts import same_groups
from netral_nlp.errors import ConfigError, MissingExtraError

log = logging.getLogger(__name__)

AUTO, OFF = "auto", "off"
KEPT_APART: Final = ("author", "thread")
"""Columns whose values must not stand on two sides, unless that is allowed."""


@dataclass(frozen=True)
class CheckOptions:
    """What is looked for.

    Attributes:
        near: the least likeness (Jaccard of runs of five characters) of near duplicates, 0.1 to 1.
        may_cross: of `KEPT_APART`, those whose values may stand on two sides.
        apart: further columns whose values must not.
        label_errors: `auto` (a light model learnt from the posts, where scikit-learn and cleanlab are installed),
            `off`, or a model folder.
        suite_cases: texts of the behaviour suites, which training refuses.
        reading: how the files are read.
        label_map: label names of the project -> a label's name, or None for a post that takes no label.

    Raises:
        ConfigError: an option has no such value.
        InputError: `near` is out of range.
    """

    near: float = 0.7
    may_cross: Sequence[str] = ()
    apart: Sequence[str] = ()
    label_errors: str = AUTO
    suite_cases: frozenset[str] = frozenset()
    reading: TaskOptions = field(default_factory=TaskOptions)
    label_map: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose_bands(self.near)
        if unknown := [name for name in self.may_cross if name not in KEPT_APART and name not in self.apart]:
            raise ConfigError(f"{unknown[0]!r} is not kept apart anyway; may cross: {' or '.join(KEPT_APART)}")
        if both := [name for name in self.may_cross if name in self.apart]:
            raise ConfigError(f"{both[0]!r} cannot both be kept apart and cross")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns whose values must not stand on two sides."""
        return tuple(name for name in dict.fromkeys((*KEPT_APART, *self.apart)) if name not in self.may_cross)


def check_files(inputs: Sequence[str | Path], options: CheckOptions | None = None) -> Check:
    """Check labelled posts before something is trained on them.

    Args:
        inputs: labelled tables and annotation exports of any kind, `NAME=FILE` to name a file's side, or folders; see
            `sources.find_sources`.
        options: what is looked for.

    Returns:
        Everything that was found. Texts are in no part of it.

    Raises:
        InputError: nothing can be read.
        ConfigError: a column to keep apart is in none of the files.
        MissingExtraError: a model folder is named for likely wrong labels, and cleanlab is not installed.
    """
    options = options or CheckOptions()
    reading = read_posts(find_sources(inputs), options.reading, label_map=options.label_map, columns=options.columns)
    if absent := [name for name in options.apart if name not in reading.columns]:
        listed = ", ".join(map(repr, reading.columns)) or "none"
        raise ConfigError(f"no post has the column {absent[0]!r} to keep apart; the columns are {listed}")
    log.info("%s posts read from %d files", f"{len(reading.posts):,}", len(reading.files))
    return _check(reading, options)


def check_tasks(tasks: Iterable[Task], options: CheckOptions | None = None) -> Check:
    """Check tasks that are in memory, as `annotations.read.read_tasks` gives them; see `check_files`.

    Sides are what the field `split` says.
    """
    from netral_nlp.corpus.annotations.names import LabelNames
    from netral_nlp.corpus.check.posts import plain, settle
    from netral_nlp.corpus.check.read import merged

    options = options or CheckOptions()
    names, posts = LabelNames(dict(options.label_map)), Posts()
    findings: list[Finding] = []
    columns: dict[str, None] = {}
    for task in merged(tasks):
        label, found = settle(task, names, options.reading.adjudicator)
        findings += found
        columns.update(dict.fromkeys(task.fields))
        posts.add(task, label, plain(task.fields.get("split")).strip().lower() or None, options.columns)
    files = tuple(CheckedFile(name, "table", count) for name, count in Counter(posts.files).items())
    return _check(Reading(posts, files, tuple(findings), tuple(columns)), options)


def _check(reading: Reading, options: CheckOptions) -> Check:
    suites = suite_files(reading.posts, options.suite_cases)
    posts = without(reading.posts, suites)
    findings = [one for one in reading.findings if one.file not in suites]
    findings += [Finding(Kind.NOT_CHECKED, file, detail="behaviour suites: never trained on") for file in suites]
    findings += check_empty(posts)
    findings += check_ids(posts)
    findings += check_conflicts(posts)
    findings += check_suites(posts, options.suite_cases)
    findings += check_balance(posts)
    findings += _check_labelled(posts, findings)
    log.info("looking for copies")
    groups = same_groups(posts.compared, options.near)
    copies, templates = check_copies(posts, groups)
    findings += copies
    findings += check_leaks(posts, options.near)
    findings += check_columns(posts, options.columns)
    log.info("reading the texts one by one")
    findings += _check_texts(posts)
    findings += _check_language(posts)
    findings += _check_label_errors(posts, groups, options.label_errors)
    files = tuple(file for file in reading.files if file.name not in suites)
    return make_check(posts, files, findings, templates, options.near)


def make_check(
    posts: Posts,
    files: Sequence[CheckedFile],
    findings: Iterable[Finding],
    templates: Sequence[Template],
    near: float,
) -> Check:
    """Sum up a check."""
    return Check(
        posts=len(posts),
        files=tuple(files),
        sides={side: len(rows) for side, rows in posts.by_side().items()},
        labels=Counter(label for label in posts.labels if label is not None),
        findings=in_order(findings, (file.name for file in files)),
        templates=tuple(templates),
        near=near,
    )


def _check_labelled(posts: Posts, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Find that nothing could be learnt from: posts, none of which has a label, and no error that says so."""
    if len(posts) and not any(posts.labels) and not any(one.severity is Severity.ERROR for one in findings):
        yield Finding(Kind.MISSING_LABEL, detail="no post has a label")


def _check_texts(posts: Posts) -> Iterator[Finding]:
    for row, text in enumerate(posts.texts):
        if not text.strip():
            continue
        if len(text) > LONGEST:
            yield posts.finding(
                Kind.LONG, row, detail=f"{len(text):,} characters; a model reads about {LONGEST} at once"
            )
        if not has_words(posts.compared.texts[row]):
            yield posts.finding(Kind.NO_WORDS, row, detail="only links, handles, numbers to call or marks")
        if (why := garbled(text)) is not None:
            yield posts.finding(Kind.GARBLED, row, detail=why)
        if count := entities(text):
            yield posts.finding(Kind.ENTITIES, row, detail=f"{count:,}, such as &amp;; the normaliser reads them")
        if kinds := personal_data(text):
            yield posts.finding(Kind.PERSONAL, row, detail=", ".join(kinds))


def _check_language(posts: Posts) -> Iterator[Finding]:
    try:
        languages = foreign_languages(posts.texts)
    except MissingExtraError as error:
        yield Finding(Kind.NOT_CHECKED, detail=f"languages: {error}")
        return
    for row, language in enumerate(languages):
        if language is not None:
            yield posts.finding(Kind.LANGUAGE, row, detail=language)


def _check_label_errors(posts: Posts, groups: Sequence[int], way: str) -> Iterator[Finding]:
    if way == OFF:
        return
    rows = [row for row, label in enumerate(posts.labels) if label is not None and posts.compared.texts[row]]
    labels = [label for row in rows if (label := posts.labels[row]) is not None]
    log.info("looking for labels that are likely wrong")
    if way != AUTO:
        if rows:
            chances = model_probabilities(
                way,
                [posts.texts[row] for row in rows],
                [posts.contexts[row] for row in rows],
                [posts.actions[row] for row in rows],
            )
            for problem in likely_wrong_labels(labels, chances):
                yield _likely_wrong(posts, rows[problem.row], problem.given, problem.likely, problem.score)
        return
    counts = Counter(labels)
    if len(rows) < LEAST_POSTS or len(counts) < 2 or min(counts.values()) < LEAST_PER_LABEL:
        why = f"needs {LEAST_POSTS} labelled posts, and {LEAST_PER_LABEL} of each label that occurs"
        yield Finding(Kind.NOT_CHECKED, detail=f"likely wrong labels: {why}")
        return
    try:
        chances = held_out_probabilities(
            [posts.compared.joined[row] for row in rows], labels, [groups[row] for row in rows]
        )
        problems = likely_wrong_labels(labels, chances)
    except MissingExtraError as error:
        yield Finding(Kind.NOT_CHECKED, detail=f"likely wrong labels: {error}")
        return
    for problem in problems:
        if chances[problem.row, problem.given.severity] < HARDLY:
            yield _likely_wrong(posts, rows[problem.row], problem.given, problem.likely, problem.score)


def _likely_wrong(posts: Posts, row: int, given: str, likely: str, score: float) -> Finding:
    return posts.finding(Kind.LIKELY_WRONG, row, detail=f"{given}; a model reads {likely} (score {score:.2f})")
