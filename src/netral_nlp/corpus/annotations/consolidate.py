"""From tasks with several answers to one label a post; what gets none is kept apart with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from netral_nlp.corpus.annotations.columns import PostColumns, is_filled
from netral_nlp.corpus.annotations.names import LabelNames, NoLabel
from netral_nlp.corpus.annotations.read import open_tasks
from netral_nlp.corpus.annotations.records import open_sources, read_records
from netral_nlp.corpus.annotations.tables import ADJUDICATED
from netral_nlp.corpus.annotations.tasks import Answer, Format, Task, TaskOptions
from netral_nlp.corpus.field_values import BOTH, SHARE_COLUMNS
from netral_nlp.corpus.labelled import KNOWN_COLUMNS, text_id
from netral_nlp.errors import ConfigError, InputError, MissingExtraError
from netral_nlp.inference.actions import Action
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    import pandas as pd

Labels = Literal["majority", "adjudicated", "soft"]
LABEL_MODES: Final[tuple[Labels, ...]] = ("majority", "adjudicated", "soft")
Ties = Literal["drop", "milder"]
TIES: Final[tuple[Ties, ...]] = ("drop", "milder")

NO_TEXT: Final = "no text"
NO_ANSWER: Final = "no answer"
UNDECIDED: Final = "unsure, without a label"
CANCELLED: Final = "cancelled"
SKIPPED: Final = "skipped by all"
SEVERAL: Final = "several labels in one answer"
TOO_FEW: Final = "too few annotators"
NO_MAJORITY: Final = "no majority"
NOT_ADJUDICATED: Final = "not adjudicated"
TWO_FINALS: Final = "adjudicated twice, differently"

FINAL_SKIP: Final = "skipped by the adjudicator"

SKIP: Final = "skip"
"""What stands in the ratings of a dropped post for an annotator who skipped it."""
_DECISIONS: Final = (ADJUDICATED, "label")
"""Columns in which people decide on dropped posts."""
_WORDLESS: Final = frozenset(action.value for action in Action if action.wordless)


@dataclass(frozen=True, slots=True)
class Post:
    """A post with what its annotators said and what became of it.

    Attributes:
        file: where it first stands.
        row: its number there, from 1.
        id: its own id, or `text_id(text)`.
        text: the post.
        fields: everything else that is known of it; `unsure` and `direction` as its annotators said, where they did.
        ratings: annotator -> label, of the answers that count.
        final: the adjudicated label, where there is one.
        said: annotator -> what was said and does not count: "skip", or a list of label names.
        label: what it is; None where it was dropped.
        reason: why it was dropped; None where it was not.
        tasks: how many tasks of the files it was put together from.
    """

    file: str
    row: int
    id: str
    text: str
    fields: Mapping[str, Any]
    ratings: Mapping[str, Label]
    final: Label | None
    said: Mapping[str, str | list[str]]
    label: Label | None
    reason: str | None
    tasks: int

    @property
    def unsure(self) -> bool:
        """Whether its annotators differ, or one of them marked it as unsure."""
        return len(set(self.ratings.values())) > 1 or self.fields.get("unsure") is True

    def shares(self) -> tuple[float, ...]:
        """The share of its annotators that gave each label, in the order of `LABELS`; all on an adjudicated label."""
        given = [self.final] if self.final is not None else list(self.ratings.values())
        return tuple(given.count(label) / len(given) for label in LABELS)


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: its name, the tool that wrote it, how many tasks it has, and what was taken for what."""

    name: str
    format: Format
    tasks: int
    columns: PostColumns | None = None


@dataclass(frozen=True)
class Imported:
    """What became of the tasks of some files.

    Attributes:
        all: every post, in the order in which they first stand in the files.
        labels: how answers became labels.
        files: what was read.
        notes: how it was read, one line each, for the user.
        annotators: annotator -> answers that count.
        replaced: answers that a later one of the same annotator with another label took the place of.
        void: answers with several labels, which do not count.
        skipped: answers that say that the post takes no label.
        open: answers without a label: blank cells of annotators' columns, tasks of theirs that hold no label.
    """

    all: Sequence[Post]
    labels: Labels
    files: Sequence[ReadFile]
    notes: Sequence[str]
    annotators: Mapping[str, int]
    replaced: int
    void: int
    skipped: int = 0
    open: int = 0

    @property
    def posts(self) -> list[Post]:
        """Those with a label."""
        return [post for post in self.all if post.label is not None]

    @property
    def tasks(self) -> int:
        """Tasks of all files."""
        return sum(file.tasks for file in self.files)

    @property
    def merged(self) -> int:
        """Tasks that were put together with another one of the same post."""
        return self.tasks - len(self.all)

    @property
    def reasons(self) -> Counter[str]:
        """Reason -> posts dropped for it."""
        return Counter(post.reason for post in self.all if post.reason is not None)

    @property
    def dropped(self) -> list[dict[str, Any]]:
        """The posts without a label: file, row, id, text, reason, ratings, and all else that is known of them.

        `ratings` also has what does not count: "skip", or the list of several labels. `adjudicated` is empty: a label
        put there counts when the rows are imported again.
        """
        return [
            {
                "file": post.file,
                "row": post.row,
                "id": post.id,
                "text": post.text,
                "reason": post.reason,
                "adjudicated": None,
                **post.fields,
                "ratings": {**{name: label.value for name, label in post.ratings.items()}, **post.said},
            }
            for post in self.all
            if post.label is None
        ]

    def rows(self) -> list[dict[str, Any]]:
        """The posts with a label as they are written: see `columns`; a row lacks what is not known of its post."""
        rows = []
        for post in self.posts:
            row: dict[str, Any] = {
                "id": post.id,
                "text": post.text,
                "label": post.label.value if post.label is not None else None,
                **post.fields,
                "unsure": post.unsure,
                "ratings": {name: label.value for name, label in post.ratings.items()},
            }
            told = str(post.fields.get("annotators", ""))
            row["annotators"] = int(told) if told.isdecimal() and len(post.ratings) < 2 else len(post.ratings)
            if self.labels == "soft":
                row |= dict(zip(SHARE_COLUMNS, post.shares(), strict=True))
            if post.final is not None:
                row["adjudicated"] = post.final.value
            rows.append(row)
        return rows

    def columns(self) -> list[str]:
        """The columns of `rows`, in order."""
        posts = self.posts
        fields = dict.fromkeys(name for post in posts for name in post.fields)
        known = [name for name in KNOWN_COLUMNS if name in fields and name not in ("annotators", "unsure")]
        others = [name for name in fields if name not in KNOWN_COLUMNS]
        own = ["annotators", "unsure", *(SHARE_COLUMNS if self.labels == "soft" else ())]
        if any(post.final is not None for post in posts):
            own.append("adjudicated")
        return ["id", "text", "label", *known, *others, *own, "ratings"]

    def frame(self) -> pd.DataFrame:
        """The posts with a label: the columns of `rows`, `label` as `Label`, and `file` and `row`."""
        import pandas as pd

        rows = self.rows()
        columns = {name: [row.get(name) for row in rows] for name in self.columns()}
        columns["label"] = [post.label for post in self.posts]
        frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
        if "weight" in frame:
            frame["weight"] = [1.0 if value is None else value for value in frame["weight"]]
            frame["weight"] = frame["weight"].astype(float)
        frame["file"] = pd.Series([post.file for post in self.posts], dtype=object)
        frame["row"] = pd.Series([post.row for post in self.posts], dtype="int64")
        return frame

    def ratings(self) -> dict[str, list[Label | None]]:
        """Annotator -> one label or gap a post, over `all`: what `corpus.agreement.agreement` takes."""
        return {name: [post.ratings.get(name) for post in self.all] for name in self.annotators}

    def consensus(self) -> list[Label | None] | None:
        """The adjudicated labels over `all`, with gaps; None where no post has one."""
        finals = [post.final for post in self.all]
        return finals if any(label is not None for label in finals) else None


def import_posts(
    paths: str | Path | Sequence[str | Path],
    options: TaskOptions = TaskOptions(),  # noqa: B008 (frozen)
    *,
    labels: Labels = "majority",
    label_map: Mapping[str, str | None] | None = None,
    ties: Ties = "drop",
    min_annotators: int = 1,
) -> Imported:
    """Read annotated posts and give each one label.

    Tasks of one post are put together, over all files: those with the same own id and text; without an id, those with
    the same text, context and action. Of two answers of one annotator the later counts. An adjudicated label stands
    above all others.

    Args:
        paths: see `read.read_tasks`.
        options: how to read them, and whose answers are adjudicated labels.
        labels: `majority`: the label that most annotators gave. `adjudicated`: the adjudicated label; else that of two
            or more annotators who all agree. `soft`: as `majority`, ties to the less severe label, with shares.
        label_map: label names of the project -> a label's name, or None for a post that takes no label.
        ties: without a majority, `drop` the post or take the `milder` (less severe) of the labels that lead.
        min_annotators: a post without an adjudicated label needs answers of at least so many.

    Raises:
        InputError: a file cannot be read, label names are unknown, or there is no such adjudicator.
        ConfigError: an option has no such value.
    """
    if labels not in LABEL_MODES or ties not in TIES:
        raise ConfigError(f"labels is one of {', '.join(LABEL_MODES)} and ties one of {', '.join(TIES)}")
    if min_annotators < 1:
        raise ConfigError("min_annotators is 1 or more")
    names = LabelNames(label_map or {})
    files: list[ReadFile] = []
    notes: list[str] = []
    groups, counts = _Groups(), _Counts()
    given: dict[str, None] = {}
    for file in open_tasks(paths, options, names):
        count = 0
        for task in file.tasks:
            count += 1
            groups.add(task, _read_answers(task, names, options.adjudicator, given, counts))
        counts.open += file.table.blanks
        files.append(ReadFile(file.name, file.format, count, file.table.posts))
        notes += file.notes
    names.check()
    if options.adjudicator is not None and options.adjudicator not in given:
        listed = ", ".join(map(repr, given)) or "none"
        raise InputError(f"no answers of the adjudicator {options.adjudicator!r}; the annotators are {listed}")
    if groups.same_id:
        notes.append(f"{groups.same_id:,} ids stand for different texts; such posts are kept apart")
    posts = [_post(group, labels, ties, min_annotators, counts) for group in groups.settled()]
    annotators = {name: counts.annotators[name] for name in given if name in counts.annotators}
    return Imported(posts, labels, files, notes, annotators, counts.replaced, counts.void, counts.skipped, counts.open)


def count_decisions(path: Path) -> int:
    """Count the posts of a file of dropped ones in whose column `adjudicated` or `label` something stands.

    Args:
        path: the file; one that is not there, or that is no table of posts, holds none.
    """
    if not path.exists():
        return 0
    decided = 0
    try:
        with open_sources(path) as sources:
            for source in sources:
                for _, row in read_records(source, TaskOptions(on_bad_row=lambda *_: None)).records:
                    decided += any(is_filled(row[key]) for key in row if key.strip().lower() in _DECISIONS)
    except (InputError, MissingExtraError):
        pass
    return decided


@dataclass(slots=True)
class Said:
    """An answer, read; see `read_answer`.

    Attributes:
        annotator: who gave it.
        value: the label; the names of several; None for a skip.
        cancelled: skipped by the tool's button, not by a word.
        final: an adjudicated answer.
        rates: an annotator's own answer, which agreement counts.
        at: when it was given.
        unsure: doubt was marked.
        direction: pro, contra, both or None.
    """

    annotator: str
    value: Label | tuple[str, ...] | None
    cancelled: bool
    final: bool
    rates: bool
    at: str | None
    unsure: bool
    direction: str | None


@dataclass(slots=True)
class _Group:
    """The tasks of one post: where the first stands, and the answers of all."""

    file: str
    row: int
    id: str | None
    text: str
    fields: Mapping[str, Any]
    said: list[Said]
    tasks: int = 1

    @property
    def content(self) -> tuple[str | None, ...]:
        """What tells posts without an id apart."""
        return self.text, self.fields.get("context"), self.fields.get("action")

    def join(self, fields: Mapping[str, Any], said: list[Said], tasks: int = 1) -> None:
        """Add what other tasks of the post have; of two values of a field the first stays, but doubt stands."""
        if fields.get("unsure") is True and self.fields.get("unsure") is False:
            self.fields = {**self.fields, "unsure": True}
        self.said = [*self.said, *said]
        self.tasks += tasks
        if not fields.keys() <= self.fields.keys():
            self.fields = {**self.fields, **{name: fields[name] for name in fields if name not in self.fields}}


class _Groups:
    """Tasks by the post that they are of."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str | None, ...], _Group] = {}
        self._ids: dict[str, str] = {}
        self._twice: set[str] = set()

    @property
    def same_id(self) -> int:
        """Ids that stand for different texts."""
        return len(self._twice)

    def add(self, task: Task, said: list[Said]) -> None:
        """Put a task to its post."""
        new = _Group(task.file, task.row, task.id, task.text, task.fields, said)
        key = (None, *new.content) if task.id is None else (task.id, task.text)
        if task.id is not None and self._ids.setdefault(task.id, task.text) != task.text:
            self._twice.add(task.id)
        group = self._by_key.setdefault(key, new)
        if group is not new:
            group.join(task.fields, said)

    def settled(self) -> list[_Group]:
        """Return all posts in the order of their first tasks.

        A post without an id is the one with an id and the same content, if only one is: tools lose ids that other files
        of the same posts keep.
        """
        with_id: dict[tuple[str | None, ...], _Group | None] = {}
        for group in self._by_key.values():
            if group.id is not None:
                with_id[group.content] = None if group.content in with_id else group
        kept: dict[int, _Group] = {}
        for group in self._by_key.values():
            whole = group if group.id is not None else with_id.get(group.content) or group
            known = kept.get(id(whole))
            if whole is group and known is None:
                kept[id(group)] = group
            elif whole is group:  # its twin without an id came first and holds its place
                known.join(group.fields, group.said, group.tasks)  # type: ignore[union-attr]
                known.id = group.id  # type: ignore[union-attr]
            elif known is None:
                kept[id(whole)] = group
            else:
                known.join(group.fields, group.said, group.tasks)
        return list(kept.values())


def _read_answers(
    task: Task, names: LabelNames, adjudicator: str | None, given: dict[str, None], counts: _Counts
) -> list[Said]:
    said = []
    for answer in task.answers:
        if answer.annotator != ADJUDICATED:
            given.setdefault(answer.annotator)
        read = read_answer(answer, names, lambda name: names.miss(name, task.where), adjudicator)
        if read is not None:
            said.append(read)
        counts.open += not _decides(answer, adjudicator) and (read is None or not read.rates)
    return said


def _decides(answer: Answer, adjudicator: str | None) -> bool:
    """Whether an answer is no annotator's, but the agreed label."""
    return answer.annotator in (ADJUDICATED, adjudicator)


def read_answer(
    answer: Answer, names: LabelNames, unknown: Callable[[str], object], adjudicator: str | None = None
) -> Said | None:
    """Read an answer.

    Args:
        answer: as the tool gives it.
        names: reads label names.
        unknown: called with each name that is neither a label nor a skip; it counts for nothing.
        adjudicator: the annotator whose answers are adjudicated labels.

    Returns:
        What it says; None for one that says nothing.
    """
    labels: dict[str, Label | None] = {}
    for name in () if answer.skipped else answer.values:
        match names.read(name):
            case NoLabel.UNKNOWN:
                unknown(name)
            case NoLabel.SKIP:
                labels[SKIP] = None
            case Label() as label:
                labels[label.value] = label
            case tuple() as several:
                labels |= {label.value: label for label in several}
    unsure = answer.unsure and not answer.skipped
    says = bool(labels) or answer.skipped  # a mark of doubt alone is no answer, but the post is doubted
    if not says and not unsure:
        return None
    value = next(iter(labels.values()), None) if len(labels) < 2 else tuple(labels)
    decides = _decides(answer, adjudicator)
    final = says and (answer.final or decides)
    rates = says and not decides
    direction = answer.direction if isinstance(value, Label) and value is not Label.NEUTRAL else None
    return Said(answer.annotator, value, answer.skipped, final, rates, answer.at, unsure, direction)


@dataclass
class _Counts:
    annotators: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    void: int = 0
    skipped: int = 0
    open: int = 0


def _post(group: _Group, labels: Labels, ties: Ties, min_annotators: int, counts: _Counts) -> Post:
    """Give a post its label, or the reason why it has none."""
    rated = latest_answers((said for said in group.said if said.rates), counts)
    finals = latest_answers(said for said in group.said if said.final)
    ratings = {name: said.value for name, said in rated.items() if isinstance(said.value, Label)}
    unsure = any(said.unsure for said in latest_answers(group.said).values())
    counts.annotators.update(ratings.keys())
    counts.void += sum(isinstance(said.value, tuple) for said in rated.values())
    counts.skipped += sum(said.value is None for said in rated.values())
    decided = {said.value for said in finals.values() if isinstance(said.value, Label)}
    final = next(iter(decided)) if len(decided) == 1 else None
    label: Label | None = None
    reason: str | None = None
    if not group.text.strip() and not _is_wordless(group.fields):
        reason = NO_TEXT
    elif len(decided) > 1:
        reason = TWO_FINALS
    elif final is not None:
        label = final
    elif any(said.value is None and not said.rates for said in finals.values()):
        reason = FINAL_SKIP
    elif not ratings:
        reason = _why_unrated(rated, unsure=unsure)
    elif len(ratings) < min_annotators:
        reason = TOO_FEW
    elif labels == "adjudicated":
        label = next(iter(ratings.values())) if len(ratings) > 1 and len(set(ratings.values())) == 1 else None
        reason = NOT_ADJUDICATED if label is None else None
    else:
        label = _most(list(ratings.values()), milder=labels == "soft" or ties == "milder")
        reason = NO_MAJORITY if label is None else None
    return Post(
        file=group.file,
        row=group.row,
        id=group.id or _content_id(group),
        text=group.text,
        fields=_fields(group.fields, unsure, _direction(rated.values(), finals.values(), label, group.fields)),
        ratings=ratings,
        final=final,
        said={
            name: SKIP if said.value is None else list(said.value)
            for name, said in rated.items()
            if not isinstance(said.value, Label)
        },
        label=label,
        reason=reason,
        tasks=group.tasks,
    )


def latest_answers(said: Iterable[Said], counts: _Counts | None = None) -> dict[str, Said]:
    """Return of each annotator the answer given last: by its time, else by its place in the files.

    Args:
        said: answers, in the order of the files.
        counts: where answers are counted that another one took the place of.
    """
    latest: dict[str, Said] = {}
    for one in said:
        before = latest.get(one.annotator)
        if before is not None:
            if counts is not None and one.value != before.value:
                counts.replaced += 1
            if answer_time(one.at) < answer_time(before.at):
                one, before = before, one
            if one.direction is None and one.value == before.value:  # the same again, from where it is not asked
                one = replace(one, direction=before.direction)
        latest[one.annotator] = one
    return latest


def _fields(fields: Mapping[str, Any], unsure: bool, direction: str | None) -> Mapping[str, Any]:
    """The fields of a post with what its annotators said of it."""
    if fields.get("direction") != direction:
        fields = {name: value for name, value in fields.items() if name != "direction"}
        if direction is not None:
            fields["direction"] = direction
    return {**fields, "unsure": True} if unsure and fields.get("unsure") is not True else fields


def _direction(
    rated: Iterable[Said], finals: Iterable[Said], label: Label | None, fields: Mapping[str, Any]
) -> str | None:
    """What most of those say who gave the label, adjudicators before others; the post's own field if nobody says it.

    A post without a label has the direction that all agree on who take a side.
    """
    rated, finals = list(rated), list(finals)
    known: str | None = fields.get("direction")
    said = [one.direction for one in (*finals, *rated) if one.direction is not None]
    if not said:
        return known
    if label is None:
        return said[0] if len(set(said)) == 1 else None
    if label is Label.NEUTRAL:
        return None
    for group in (finals, rated):
        given = [one.direction for one in group if one.value is label and one.direction is not None]
        if given:
            pro, contra = given.count("pro"), given.count("contra")
            return BOTH if BOTH in given or pro == contra else "pro" if pro > contra else "contra"
    return known


def answer_time(at: str | None) -> float:
    """When an answer was given, in seconds since 1970; 0 for all whose time is not known.

    Args:
        at: ISO 8601, UTC where it names no zone.
    """
    if at is None:
        return 0.0
    try:
        time = datetime.fromisoformat(at)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _why_unrated(rated: Mapping[str, Said], *, unsure: bool) -> str:
    if not rated:
        return UNDECIDED if unsure else NO_ANSWER
    if any(isinstance(said.value, tuple) for said in rated.values()):
        return SEVERAL
    return CANCELLED if all(said.cancelled for said in rated.values()) else SKIPPED


def _most(given: Sequence[Label], *, milder: bool) -> Label | None:
    """The label given most often; where several lead, the least severe or none."""
    counted = [given.count(label) for label in LABELS]
    leading = [label for label, count in zip(LABELS, counted, strict=True) if count == max(counted)]
    return leading[0] if milder or len(leading) == 1 else None


def _is_wordless(fields: Mapping[str, Any]) -> bool:
    """Whether a post needs no words: a like, share or follow of a text that is known."""
    return fields.get("action") in _WORDLESS and bool(fields.get("context"))


def _content_id(group: _Group) -> str:
    """An id from the content: that of the text alone where nothing else tells the post from others."""
    text, *rest = group.content
    return text_id(text or "") if not any(rest) else text_id("\n".join(part or "" for part in group.content))
