"""Label Studio's JSON: one array of tasks, each with its data and annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from netral_nlp.corpus.annotations.columns import PostColumns, filled_keys, find_columns, plain, post_text, present
from netral_nlp.corpus.annotations.marks import Marks, find_marks, read_direction, read_unsure
from netral_nlp.corpus.annotations.names import LabelNames, NoLabel, told_names
from netral_nlp.corpus.annotations.records import Record, Table
from netral_nlp.corpus.annotations.tables import values_of
from netral_nlp.corpus.annotations.tasks import UNNAMED, Answer, Task, TaskOptions
from netral_nlp.errors import InputError

_LOOK_TASKS: Final = 2000
_OWN_KEYS: Final = ("annotations", "completions", "predictions", "drafts", "total_annotations", "inner_id")


def is_label_studio(record: Record) -> bool:
    """Whether a record is a task of Label Studio."""
    return isinstance(record.get("data"), dict) and (
        any(key in record for key in _OWN_KEYS) or record.keys() <= {"id", "data", "meta"}
    )


def label_studio_tasks(table: Table, options: TaskOptions, names: LabelNames) -> Iterator[Task]:
    """Yield the tasks of an export; drafts and predictions are no answers.

    Args:
        table: the file.
        options: `label_column` names the choices control that holds the label.
        names: what label names mean; where there are several controls, the one whose values are labels is taken.

    Raises:
        InputError: a task is not as Label Studio writes it, or several controls could hold the label.
    """
    file = table.source.name
    rows = iter(table.records)
    # The control is found from the first tasks; those with answers are looked at, however many have none before.
    held: list[tuple[int, Record]] = []
    looked = 0
    controls: dict[str, Counter[str]] = {}
    for number, record in rows:
        held.append((number, record))
        before = sum(sum(counts.values()) for counts in controls.values())
        _count_choices(record, controls)
        looked += sum(sum(counts.values()) for counts in controls.values()) > before
        if looked >= _LOOK_TASKS:
            break
    marks = find_marks(controls, names, options.label_column)
    free = {name: values for name, values in controls.items() if name not in marks.names}
    control = options.label_column or _pick(free, names, file)
    if options.label_column and controls and options.label_column not in controls:
        listed = ", ".join(map(repr, controls))
        raise InputError(
            f"{file}: no choices control {options.label_column!r} (named by --label-column); its controls are {listed}"
        )
    if control is not None and len(controls) > 1:
        listed = ", ".join(repr(name) for name in controls if name != control)
        table.notes.append(f"{file}: the label is the control {control!r}, not {listed} (otherwise: --label-column)")
    table.notes += marks.notes(file)
    columns: dict[tuple[str, ...], PostColumns] = {}
    filled = filled_keys(data for _, record in held if isinstance(data := record.get("data"), dict))
    for number, record in chain(held, rows):
        where = f"{file}: row {number:,}"
        try:
            data = record.get("data")
            if not isinstance(data, dict):
                raise InputError(f"{where}: has no 'data'; export the project again as JSON")
            keys = tuple(data)
            posts = columns.get(keys)
            if posts is None:
                posts = columns[keys] = find_columns(file, keys, present(options, keys), filled=filled)
                table.posts = table.posts or posts
            task = Task(
                file,
                number,
                posts.identifier(data),
                post_text(data.get(posts.text), where, posts.text),
                posts.fields(data, where),
                tuple(_answer(annotation, control, marks, where) for annotation in _annotations(record, where)),
            )
        except InputError as error:
            options.bad_row(file, number, error)
        else:
            yield task


def _annotations(record: Record, where: str) -> list[Mapping[str, Any]]:
    found = record.get("annotations")
    if found is None:
        found = record.get("completions")
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{where}: 'annotations' is no list of annotations; export the project again as JSON")
    return found


def _results(annotation: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each choices control of an annotation with what was chosen."""
    results = annotation.get("result")
    for result in results if isinstance(results, list) else []:
        if isinstance(result, dict) and result.get("type") == "choices" and isinstance(result.get("value"), dict):
            yield str(result.get("from_name", "")), values_of(result["value"])


def _count_choices(record: Record, controls: dict[str, Counter[str]]) -> None:
    found = record.get("annotations") or record.get("completions")
    for annotation in found if isinstance(found, list) else []:
        if isinstance(annotation, dict):
            for control, values in _results(annotation):
                controls.setdefault(control, Counter()).update(values)


def _pick(controls: Mapping[str, Counter[str]], names: LabelNames, file: str) -> str | None:
    """The only choices control, or the only one of which at least half of the answers are labels."""
    if len(controls) < 2:
        return next(iter(controls), None)
    found = []
    for control, values in controls.items():
        known = sum(count for name, count in values.items() if names.read(name) is not NoLabel.UNKNOWN)
        if names.any_label(values) and 2 * known >= values.total():
            found.append(control)
    if len(found) != 1:
        told = told_names({name: controls[name] for name in found or controls})
        raise InputError(
            f"{file}: the label could be the control {told}; name one with --label-column, and say with --map what "
            "unknown names mean"
        )
    return found[0]


def _answer(annotation: Mapping[str, Any], control: str | None, marks: Marks, where: str) -> Answer:
    given: dict[str, list[str]] = {}
    for name, chosen in _results(annotation):
        given.setdefault(name, []).extend(chosen)
    unsure = given.get(marks.unsure, ()) if marks.unsure is not None else ()
    direction = given.get(marks.direction, ()) if marks.direction is not None else ()
    return Answer(
        annotator=_annotator(annotation.get("completed_by")),
        values=tuple(dict.fromkeys(given.get(control, ()))) if control is not None else (),
        skipped=bool(annotation.get("was_cancelled") or annotation.get("skipped")),
        final=bool(annotation.get("ground_truth") or annotation.get("honeypot")),
        at=plain(annotation.get("updated_at")) or plain(annotation.get("created_at")),
        unsure=read_unsure(unsure, where, marks.unsure or ""),
        direction=read_direction(direction, where, marks.direction or ""),
    )


def _annotator(completed_by: Any) -> str:
    """The e-mail address or number of who annotated; `UNNAMED` where the export has neither."""
    if isinstance(completed_by, dict):
        completed_by = next((completed_by[key] for key in ("email", "username", "id") if completed_by.get(key)), None)
    return plain(completed_by) or UNNAMED
