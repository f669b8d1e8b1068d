"""Answers in tables: one label column, one column an annotator, one row an answer, or the ratings of an import."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from netral_nlp.corpus.annotations.columns import (
    PostColumns,
    find_columns,
    is_filled,
    is_tool_number,
    plain,
    post_text,
    require,
)
from netral_nlp.corpus.annotations.marks import Marks, find_marks, is_mark, read_direction, read_unsure, take_marks
from netral_nlp.corpus.annotations.names import LabelNames, NoLabel
from netral_nlp.corpus.annotations.records import Record, Table
from netral_nlp.corpus.annotations.tasks import Answer, Task, TaskOptions
from netral_nlp.corpus.field_values import DIRECTIONS, SHARE_COLUMNS, fold
from netral_nlp.errors import InputError
from netral_nlp.formats.known import shown_columns
from netral_nlp.formats.posts import other_sheets
from netral_nlp.labels import LABELS, Label

ADJUDICATED: Final = "adjudicated"
"""Who gives the answers of an adjudicated column: no annotator, so agreement does not count them."""

_ADJUDICATED_NAMES: Final = (
    *("adjudicated", "adjudicated_label", "adjudication", "adjudikasi", "label_adjudikasi", "hasil_adjudikasi"),
    *("final", "final_label", "label_final", "final_decision", "gold", "gold_label", "label_gold", "ground_truth"),
    *("keputusan_akhir", "keputusan", "label_keputusan", "putusan", "hasil_keputusan"),
    *("label_disepakati", "disepakati", "kesepakatan", "label_kesepakatan", "hasil_kesepakatan", "hasil_diskusi"),
    *("konsensus", "label_konsensus", "consensus", "agreed", "agreed_label", "label_akhir", "hasil_akhir", "akhir"),
    *("ketua", "label_ketua", "koordinator", "label_koordinator", "label_hasil", "hasil_label", "hasil"),
)
"""The likelier ones first: of several the first one that is there is taken."""
_ANNOTATOR_NAMES: Final = frozenset(
    {
        *("annotator", "anotator", "annotator_id", "anotator_id", "id_anotator", "annotator_name", "nama_anotator"),
        *("penilai", "nama_penilai", "rater", "rater_id", "coder", "completed_by", "labeler", "labeller", "penanda"),
        *("worker_id", "workerid", "annotated_by", "labelled_by", "labeled_by", "dinilai_oleh", "user_name_annotator"),
    }
)
_LOOKS_LIKE_ANNOTATOR: Final = re.compile(r"(annotator|anotator|penilai|label|rater|coder)[ _-]?\w+", re.IGNORECASE)
_NO_ANNOTATOR: Final = re.compile(
    r"(^|[ _.-])(pred|predicted|predictions?|prediksi|model|suggest(ion|ed)?|saran|majority|mayoritas"
    r"|sentiment?|polarity|polaritas)($|[ _.-])",
    re.IGNORECASE,
)
_PROBABILITIES: Final = frozenset(f"p_{label.value}" for label in LABELS)
_AT_NAMES: Final = ("annotated_at", "labelled_at", "labeled_at", "dinilai_pada", "waktu_anotasi")
_LABEL_STUDIO: Final = frozenset({"annotation_id", "lead_time"})
_LABEL_STUDIO_OWN: Final = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")
_IMPORTED_OWN: Final = ("annotators", *SHARE_COLUMNS)
_DISPUTED_OWN: Final = ("distance", "majority", "file", "row")
"""What `netral data agreement --disputed` adds."""
_MOST_NAMES: Final = 20
_LONGEST_NAME: Final = 64


def is_label_studio(record: Record) -> bool:
    """Whether a row is of Label Studio's JSON_MIN, CSV or TSV."""
    return record.keys() >= _LABEL_STUDIO


def is_doccano_table(record: Record) -> bool:
    """Whether a row is of doccano's CSV."""
    return "Comments" in record and "id" in record and "text" in record


@dataclass
class _Seen:
    """What a column's values read as.

    Attributes:
        labels: rows whose value reads as a label.
        skips: rows with a skip word.
        unknown: names that read as neither.
        unknown_rows: in how many rows.
    """

    labels: int = 0
    skips: int = 0
    unknown: set[str] = field(default_factory=set)
    unknown_rows: int = 0

    @property
    def is_annotation(self) -> bool:
        """Whether all values are labels or skip words."""
        return self.labels > 0 and not self.unknown

    @property
    def is_mixed(self) -> bool:
        """Whether at least half of the values are labels, and few others beside them."""
        return self.labels > 0 and self.labels + self.skips >= self.unknown_rows


@dataclass(frozen=True)
class _Roles:
    """Which column holds which answers."""

    posts: PostColumns
    single: str | None = None
    """The one label column."""
    annotator: str | None = None
    """The column with the annotator's name: one row an answer."""
    columns: tuple[str, ...] = ()
    """One column an annotator."""
    adjudicated: str | None = None
    ratings: str | None = None
    at: str | None = None
    marks: Marks = field(default_factory=Marks)
    """Columns of doubt and direction, where a row is one answer; else they are the post's."""


def table_tasks(table: Table, options: TaskOptions, names: LabelNames, nameless: str) -> Iterator[Task]:
    """Yield the tasks of a table: one a row.

    Args:
        table: the file.
        options: what the user named.
        names: what label names mean; annotators' columns are found by it.
        nameless: the annotator of a label column that names none.

    Raises:
        InputError: no text or label column, or one that was named is not there.
    """
    look = _look(table, names)
    file = table.source.name
    try:
        roles = _roles(table, options, names, look, file)
    except InputError as error:
        if table.other_sheets:
            raise InputError(f"{error}; or {other_sheets(table.other_sheets)}") from None
        raise
    posts = table.posts = roles.posts
    table.answer_rows = roles.annotator is not None
    for number, row in table.records:
        where = f"{file}: row {number:,}"
        try:
            fields = posts.fields(row, where)
            answers = tuple(_answers(row, roles, names, nameless, where))
            if roles.ratings is not None and any(answer.direction for answer in answers):
                fields.pop("direction", None)  # it was the annotators', and is again
            text = post_text(row.get(posts.text), where, posts.text)
            task = Task(file, number, posts.identifier(row), text, fields, answers)
        except InputError as error:
            options.bad_row(file, number, error)
        else:
            if roles.columns:
                table.blanks += len(roles.columns) - len({answer.annotator for answer in answers} - {ADJUDICATED})
            yield task


def values_of(value: Any) -> tuple[str, ...]:
    """The label names in a cell: one, several in a list, Label Studio's {"choices": [...]}, or none."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (value,)
    if isinstance(value, dict):
        value = value.get("choices")
    if isinstance(value, list):
        return tuple(name for item in value for name in values_of(item))
    name = plain(value)
    return () if name is None else (name,)


@dataclass(frozen=True)
class _Look:
    """What a table's columns are.

    Attributes:
        keys: all of them.
        filled: those that hold anything.
        seen: what the values of those with few different ones read as.
    """

    keys: list[str]
    filled: Collection[str]
    seen: dict[str, _Seen]


def _look(table: Table, names: LabelNames) -> _Look:
    """Go through the rows once."""
    keys: dict[str, None] = {}
    seen: dict[str, _Seen | None] = {}
    for _, row in table.records:
        if not row.keys() <= keys.keys():
            keys.update(dict.fromkeys(row))
        for key, value in row.items():
            column = seen.get(key, _NEW)
            if column is None or value is None or value == "":
                continue
            if column is _NEW:
                if not is_filled(value):
                    continue
                column = seen[key] = _Seen()
            assert isinstance(column, _Seen)
            if not _note(column, value, names):
                seen[key] = None
    return _Look(list(keys), seen.keys(), {key: column for key, column in seen.items() if column is not None})


_NEW: Final = _Seen()


def _note(column: _Seen, value: Any, names: LabelNames) -> bool:
    """Count a value; False if the column cannot be one of labels."""
    if isinstance(value, str) and len(value) > _LONGEST_NAME and value[0] not in "[{":
        return False
    found = values_of(value)
    if any(len(name) > _LONGEST_NAME for name in found):
        return False
    labels = take_marks(found, names).values
    read = [names.read(name) for name in labels]
    unknown = [name for name, one in zip(labels, read, strict=True) if one is NoLabel.UNKNOWN]
    if unknown:
        column.unknown.update(unknown)
        column.unknown_rows += 1
        return len(column.unknown) <= _MOST_NAMES
    if any(isinstance(one, Label | tuple) for one in read):
        column.labels += 1
    elif NoLabel.SKIP in read:
        column.skips += 1
    return True


def _roles(table: Table, options: TaskOptions, names: LabelNames, look: _Look, file: str) -> _Roles:
    keys = look.keys
    if not keys:
        raise InputError(f"{file}: holds no posts")
    for name, option in (
        *((name, "--annotators") for name in options.annotator_columns),
        (options.annotator_column, "--annotator-column"),
        (options.label_column, "--label-column"),
        (options.adjudicated_column, "--adjudicated-column"),
    ):
        if name is not None:
            require(file, name, keys, option)
    if options.annotator_columns and (options.label_column or options.annotator_column):
        raise InputError(
            "--annotators names columns with one annotator's labels each; leave out --label-column and "
            "--annotator-column, and name the agreed label with --adjudicated-column"
        )
    named = options.annotator_columns or options.annotator_column or options.label_column
    if not named and "ratings" in keys and _has_ratings(table):
        return _imported(options, look, file)
    found = _Finder(table, options, names, look, file)
    return found.roles()


def _has_ratings(table: Table) -> bool:
    for _, row in table.records:
        value = row.get("ratings")
        if value is not None and value != "":
            return _ratings(value) is not None
    return False


def _ratings(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _imported(options: TaskOptions, look: _Look, file: str) -> _Roles:
    keys = look.keys
    adjudicated = options.adjudicated_column
    if adjudicated is None:  # our own column by its name alone: what stands there is to be read or told
        own = next((key for key in keys if _folded(key) == ADJUDICATED), None)
        adjudicated = own or next(iter(_agreed(look, options)), None)
    dropped = {"file", "row", "reason"} <= set(keys)
    taken = {"ratings", "label", adjudicated, *_IMPORTED_OWN} | ({"file", "row", "reason"} if dropped else set())
    posts = find_columns(file, keys, options, used=[key for key in keys if key in taken], filled=look.filled)
    # A person who decided on dropped posts may have called the column of decisions just `label`.
    single = "label" if "label" in keys else None
    return _Roles(posts, single=single, adjudicated=adjudicated, ratings="ratings", at="reason" if dropped else None)


def _by_name(keys: Sequence[str], names: Collection[str]) -> str | None:
    found = [key for key in keys if _folded(key) in names]
    return found[0] if len(found) == 1 else None


def _folded(key: str) -> str:
    return key.strip().lower().replace(" ", "_").replace("-", "_")


def _agreed(look: _Look, options: TaskOptions) -> list[str]:
    """Columns that hold agreed labels by their names, or are empty so far, the likeliest first."""
    found = {
        key: _ADJUDICATED_NAMES.index(_folded(key))
        for key in look.keys
        if _folded(key) in _ADJUDICATED_NAMES
        and key != options.adjudicator
        and key not in (options.label_column, *options.annotator_columns)
    }
    labelled = {key for key in found if (seen := look.seen.get(key)) is not None and seen.is_mixed}
    held = sorted((key for key in found if key in labelled or key not in look.filled), key=found.__getitem__)
    return sorted(held, key=lambda key: key not in labelled)


class _Finder:
    """Finds the columns of answers, by what the user named, their names and what their values read as."""

    def __init__(
        self,
        table: Table,
        options: TaskOptions,
        names: LabelNames,
        look: _Look,
        file: str,
    ) -> None:
        self._table, self._options, self._names = table, options, names
        self._keys, self._seen, self._filled, self._file = look.keys, look.seen, look.filled, file
        self._agreed = _agreed(look, options)
        self._first: Record = next((row for _, row in table.records), {})
        self._label_studio = is_label_studio(self._first)
        self._is_scored = set(look.keys) >= _PROBABILITIES

    def roles(self) -> _Roles:
        """Decide.

        Raises:
            InputError: no column has labels.
        """
        options = self._options
        adjudicated = options.adjudicated_column or next(iter(self._agreed), None)
        if options.annotator_columns:
            return self._made(columns=tuple(options.annotator_columns), adjudicated=adjudicated)
        annotator = options.annotator_column or self._annotator()
        label = options.label_column or self._label(adjudicated)
        taken = {label, adjudicated, annotator, options.text_column, options.id_column, options.context_column}
        others = self._annotation_columns(taken | set(self._agreed))
        if not options.guess_annotators:
            others = self._sure(others, label or adjudicated)
        if annotator is not None:
            if label is None and len(others) == 1:
                label = others[0]
            elif label is None and not others and options.adjudicated_column is None:
                # The only column of labels is each annotator's own, whatever it is called.
                label, adjudicated = adjudicated, None
            if label is not None:
                self._say(f"one row an answer: the annotator in {annotator!r}, the label in {label!r}")
                return self._made(single=label, annotator=annotator, adjudicated=adjudicated)
        if options.label_column is not None:
            return self._made(single=label, adjudicated=adjudicated)
        if others:
            listed = ", ".join(map(repr, others))
            self._say(f"annotators' columns: {listed} (other ones: --annotators)")
            if label is not None and adjudicated is None:
                self._say(f"{label!r} beside them is taken for the agreed label (otherwise: --annotators)")
                adjudicated = label
            return self._made(columns=tuple(others), adjudicated=adjudicated)
        if label is None and adjudicated is None:
            listed = ", ".join(map(repr, shown_columns(self._keys)))
            raise InputError(
                f"{self._file}: no column holds labels; its columns are {listed}; name the column with --label-column, "
                "or one column an annotator with --annotators, and say what their label names mean with --map"
            )
        return self._made(single=label, adjudicated=adjudicated)

    def _sure(self, others: list[str], label: str | None) -> list[str]:
        """Those of the columns with labels that are annotators' by their names.

        Raises:
            InputError: there are only others, and no label.
        """
        if label is not None:
            return []
        sure = [name for name in others if _LOOKS_LIKE_ANNOTATOR.fullmatch(name.strip())]
        if others and not sure:
            listed = ", ".join(map(repr, others))
            raise InputError(
                f"{self._file}: no label column; name the file itself to have its columns {listed} read as annotators'"
            )
        return sure

    def _made(self, **roles: Any) -> _Roles:
        used = {roles.get("single"), roles.get("annotator"), roles.get("adjudicated"), *roles.get("columns", ())}
        at = None
        tool_id = None
        if self._label_studio:
            used |= {key for key in _LABEL_STUDIO_OWN if key != "id"}
            at = "updated_at" if "updated_at" in self._keys else None
        else:
            at = _by_name(self._keys, frozenset(_AT_NAMES)) if roles.get("annotator") else None
            used |= {at}
        # Label Studio and doccano put their own number of the task in the place of the post's id.
        if "id" in self._keys and (self._label_studio or is_doccano_table(self._first)):
            tool_id = "id" if is_tool_number(self._first.get("id")) else None
        if set(_DISPUTED_OWN) <= set(self._keys):
            used |= set(_DISPUTED_OWN)
        alone = len(roles.get("columns", ())) == 1 and not roles.get("adjudicated")
        marks = self._marks(used) if roles.get("annotator") or self._label_studio or alone else Marks()
        used |= set(marks.names)
        posts = find_columns(
            self._file,
            self._keys,
            self._options,
            used=[key for key in used if key is not None],
            tool_id=tool_id,
            filled=self._filled,
        )
        if adjudicated := roles.get("adjudicated"):
            rest = [key for key in self._agreed if key != adjudicated and key not in used]
            beside = f", not in {', '.join(map(repr, rest))} (otherwise: --adjudicated-column)" if rest else ""
            self._say(f"the agreed label in {adjudicated!r}{beside}")
        return _Roles(posts, at=at, marks=marks, **roles)

    def _marks(self, used: set[str | None]) -> Marks:
        """Columns of doubt and direction, by their names; with other words than ours they stay the post's."""
        named = {
            key: seen.unknown
            for key, seen in self._seen.items()
            if key not in used and is_mark(key) and not seen.labels and not seen.skips
        }
        found = find_marks(named, self._names, label="")
        marks = Marks(found.unsure, found.direction)
        for note in marks.notes(self._file):
            if note not in self._table.notes:
                self._table.notes.append(note)
        return marks

    def _annotator(self) -> str | None:
        found = _by_name(self._keys, _ANNOTATOR_NAMES)
        seen = self._seen.get(found) if found is not None else None
        return None if seen is not None and seen.labels else found

    def _label(self, adjudicated: str | None) -> str | None:
        found = [key for key in self._keys if key.strip().lower() == "label" and key != adjudicated]
        if len(found) != 1:
            return None
        if self._is_scored:
            self._say(
                f"{found[0]!r} beside p_neutral is a model's answer and no annotator's (otherwise: --label-column)"
            )
            return None
        return found[0]

    def _annotation_columns(self, taken: set[str | None]) -> list[str]:
        columns = []
        for key, seen in self._seen.items():
            if key in taken or (self._label_studio and key in _LABEL_STUDIO_OWN):
                continue
            if self._is_scored and key.strip().lower() == "label":
                continue
            likely = _LOOKS_LIKE_ANNOTATOR.fullmatch(key.strip()) is not None
            if not (seen.is_annotation or (seen.is_mixed and (likely or seen.unknown_rows * 4 <= seen.labels))):
                continue
            if key in _DISPUTED_OWN and set(_DISPUTED_OWN) <= set(self._keys):
                continue
            if _NO_ANNOTATOR.search(key):
                self._say(f"{key!r} sounds like no annotator's label and is not taken for one (else: --annotators)")
                continue
            columns.append(key)
        return [key for key in self._keys if key in columns]

    def _say(self, note: str) -> None:
        note = f"{self._file}: {note}"
        if note not in self._table.notes:
            self._table.notes.append(note)


def _answers(row: Record, roles: _Roles, names: LabelNames, nameless: str, where: str) -> Iterator[Answer]:
    if roles.ratings is not None:
        yield from _rated(row, roles, names, nameless, where)
        return
    unsure, direction = False, None
    if (column := roles.marks.unsure) is not None:
        unsure = read_unsure(values_of(row.get(column)), where, column)
    if (column := roles.marks.direction) is not None:
        direction = read_direction(values_of(row.get(column)), where, column)

    def answer(annotator: str, column: str | None, at: str | None = None) -> Answer:
        marked = take_marks(() if column is None else values_of(row.get(column)), names)
        doubt, side = unsure or marked.unsure, direction or marked.direction
        return Answer(annotator, marked.values, at=at, unsure=doubt, direction=side)

    if roles.annotator is not None:
        at = plain(row.get(roles.at)) if roles.at else None
        annotator = plain(row.get(roles.annotator))
        one = answer(annotator or nameless, roles.single, at)
        if annotator is not None or one.values or one.unsure:
            yield one
    elif roles.single is not None and _says(one := answer(nameless, roles.single)):
        yield one
    for name in roles.columns:
        if _says(one := answer(name, name)):
            yield one
    if roles.adjudicated is not None and (values := values_of(row.get(roles.adjudicated))):
        marked = take_marks(values, names)
        yield Answer(ADJUDICATED, marked.values, final=True, unsure=marked.unsure, direction=marked.direction)


def _says(answer: Answer) -> bool:
    return bool(answer.values) or answer.unsure


def _rated(row: Record, roles: _Roles, names: LabelNames, nameless: str, where: str) -> Iterator[Answer]:
    """The answers of imported posts; their direction is that of those who gave the label, or of all who took a side."""
    value = row.get(roles.ratings) if roles.ratings else None
    ratings = _ratings(value)
    if ratings is None and value is not None and value != "":
        raise InputError(f"{where}, column 'ratings': is no object of annotators and their labels; mend the row")
    column = roles.posts.known.get("direction")
    direction = None if column is None else DIRECTIONS.get(fold(plain(row.get(column)) or ""))
    given_label = () if roles.single is None else values_of(row.get(roles.single))
    label = _side(given_label, names) if roles.at != "reason" else None
    if given_label and roles.at != "reason" and label is None:
        direction = None  # no side is taken: a direction that stands there is no annotator's

    def answer(annotator: str, values: tuple[str, ...], *, final: bool = False) -> Answer:
        marked = take_marks(values, names)
        side = _side(marked.values, names)
        meant = direction if side is not None and (final or label in (None, side)) else None
        return Answer(annotator, marked.values, final=final, unsure=marked.unsure, direction=meant or marked.direction)

    for annotator, given in (ratings or {}).items():
        if values := values_of(given):
            yield answer(annotator, values)
    if roles.adjudicated is not None and (values := values_of(row.get(roles.adjudicated))):
        yield answer(ADJUDICATED, values, final=True)
    elif given_label:
        if roles.at == "reason":
            yield answer(ADJUDICATED, given_label, final=True)
        elif not ratings:
            yield answer(nameless, given_label)


def _side(values: tuple[str, ...], names: LabelNames) -> Label | None:
    """The label if it takes a side."""
    label = names.read(values[0]) if len(values) == 1 else None
    return label if isinstance(label, Label) and label is not Label.NEUTRAL else None
