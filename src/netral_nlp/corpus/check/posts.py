"""The posts of a check: read from files, with one label each, whatever stands in the way said as findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from netral_nlp.corpus.annotations.consolidate import FINAL_SKIP, SKIP, TWO_FINALS, latest_answers, read_answer
from netral_nlp.corpus.annotations.names import LabelNames
from netral_nlp.corpus.annotations.tasks import Task
from netral_nlp.corpus.check.findings import Finding, Kind
from netral_nlp.corpus.same_posts import ComparedPosts
from netral_nlp.labels import LABELS, Label

_LONGEST_SHOWN: Final = 32
"""A label value longer than this may be a post, and findings hold no post text."""
_SEVERITY: Final = (*(label.value for label in LABELS), SKIP)
"""In which order the names of several labels are told."""


@dataclass
class Posts:
    """n posts, column by column.

    Attributes:
        files: the file of each, as the user named it.
        rows: its number in the file, from 1.
        ids: its own id; None where it has none.
        texts: as posted.
        contexts: what it answers; blank where there is none.
        actions: what was done; blank where it is not known.
        labels: one label, the majority where there are several; None where there is none.
        sides: the side of a split that it stands on; None where nothing says so.
        values: of the columns that were asked for, by name: as plain text, blank where there is none.
    """

    files: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    labels: list[Label | None] = field(default_factory=list)
    sides: list[str | None] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, task: Task, label: Label | None, side: str | None, columns: Iterable[str]) -> None:
        """Add a post.

        Args:
            task: the post.
            label: its label.
            side: its side.
            columns: the fields to keep.
        """
        self.files.append(task.file)
        self.rows.append(task.row)
        self.ids.append(task.id)
        self.texts.append(task.text)
        self.contexts.append(plain(task.fields.get("context")))
        self.actions.append(plain(task.fields.get("action")).strip().lower())
        self.labels.append(label)
        self.sides.append(side)
        for column in columns:
            self.values.setdefault(column, [""] * (len(self) - 1)).append(plain(task.fields.get(column)).strip())

    @cached_property
    def compared(self) -> ComparedPosts:
        """The posts as they are compared; read once, when all are there."""
        return ComparedPosts.of(self.texts, self.contexts, self.actions)

    def finding(
        self,
        kind: Kind,
        row: int,
        other: int | None = None,
        *,
        likeness: float | None = None,
        detail: str = "",
    ) -> Finding:
        """Return a finding about a post.

        Args:
            kind: what was found.
            row: the post's position (from 0).
            other: that of the other post, where two are concerned.
            likeness: of the two.
            detail: the rest.
        """
        return Finding(
            kind,
            self.files[row],
            self.rows[row],
            self.ids[row],
            None if other is None else self.files[other],
            None if other is None else self.rows[other],
            likeness,
            detail,
        )

    def by_side(self) -> dict[str, list[int]]:
        """Return the positions of each side's posts, the largest side first; posts without a side are left out."""
        sides: dict[str, list[int]] = {}
        for row, side in enumerate(self.sides):
            if side is not None:
                sides.setdefault(side, []).append(row)
        return dict(sorted(sides.items(), key=lambda item: -len(item[1])))


def plain(value: Any) -> str:
    """Return a field as plain text; blank where it is missing."""
    if value is None or value != value:  # NaN, which spreadsheets leave for an empty cell
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def settle(task: Task, names: LabelNames, adjudicator: str | None = None) -> tuple[Label | None, list[Finding]]:
    """Find the one label of a task, and what is wrong with its answers.

    As in `consolidate.import_posts`: a final answer stands above all others, and two that differ leave the post without
    a label. Of two answers of one annotator the later one counts. Otherwise the label that more annotators gave than
    any other is taken, and a tie leaves the post without one.

    Args:
        task: the post with its answers.
        names: reads label names.
        adjudicator: the annotator whose answers are final.

    Returns:
        The label, or None; and the findings.
    """
    findings: list[Finding] = []

    def found(kind: Kind, detail: str) -> None:
        findings.append(Finding(kind, task.file, task.row, task.id, detail=detail))

    said = [
        one
        for answer in task.answers
        if (one := read_answer(answer, names, lambda name: found(Kind.UNKNOWN_LABEL, _shown(name)), adjudicator))
    ]
    rated = latest_answers(one for one in said if one.rates)
    finals = latest_answers(one for one in said if one.final)
    counted = [*rated.values(), *(one for one in finals.values() if not one.rates)]
    for one in counted:
        if isinstance(one.value, tuple):
            found(Kind.SEVERAL_LABELS, " and ".join(sorted(one.value, key=_SEVERITY.index)))
    decided = {one.value for one in finals.values() if isinstance(one.value, Label)}
    if len(decided) > 1:
        found(Kind.DISPUTED, TWO_FINALS)
        return None, findings
    if decided:
        return decided.pop(), findings
    if any(one.value is None and not one.rates for one in finals.values()):
        found(Kind.NOT_ANNOTATED, FINAL_SKIP)
        return None, findings
    given = Counter(one.value for one in rated.values() if isinstance(one.value, Label))
    if len(given) > 1:
        counts = ", ".join(f"{given[label]} said {label.value}" for label in LABELS if given[label])
        (most, times), (_, next_times) = given.most_common(2)
        found(Kind.DISPUTED, counts if times > next_times else f"{counts}: no majority")
        return (most if times > next_times else None), findings
    if given:
        return next(iter(given)), findings
    if not findings:  # an unknown label, or several of them
        if any(one.value is None for one in rated.values()):
            found(Kind.NOT_ANNOTATED, "skipped")
        else:
            found(Kind.MISSING_LABEL, "")
    return None, findings


def suite_files(posts: Posts, cases: frozenset[str]) -> set[str]:
    """Return the files that are behaviour suites themselves: at least half of their posts are cases."""
    if not cases:
        return set()
    # A case may be an act without words, but posts without words are no cases.
    known = zip(posts.files, posts.texts, strict=True)
    inside = Counter(file for file, text in known if text.strip() and text in cases)
    sizes = Counter(posts.files)
    return {file for file, count in inside.items() if count * 2 >= sizes[file]}


def without(posts: Posts, files: set[str]) -> Posts:
    """Return the posts of all other files."""
    if not files:
        return posts
    keep = [row for row, file in enumerate(posts.files) if file not in files]

    def pick(values: Sequence[Any]) -> list[Any]:
        return [values[row] for row in keep]

    return Posts(
        pick(posts.files), pick(posts.rows), pick(posts.ids), pick(posts.texts), pick(posts.contexts),
        pick(posts.actions), pick(posts.labels), pick(posts.sides),
        {name: pick(values) for name, values in posts.values.items()},
    )  # fmt: skip


def _shown(value: str) -> str:
    value = " ".join(value.split())
    return repr(value) if len(value) <= _LONGEST_SHOWN else f"of {len(value):,} characters"
