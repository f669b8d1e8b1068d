"""doccano's JSON lines: a text with the list of its labels, one file an annotator unless annotation is shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from netral_nlp.corpus.annotations.columns import (
    PostColumns,
    filled_keys,
    find_columns,
    is_tool_number,
    plain,
    post_text,
    present,
)
from netral_nlp.corpus.annotations.marks import take_marks
from netral_nlp.corpus.annotations.names import LabelNames
from netral_nlp.corpus.annotations.records import Record, Table
from netral_nlp.corpus.annotations.tables import values_of
from netral_nlp.corpus.annotations.tasks import Answer, Task, TaskOptions
from netral_nlp.errors import InputError

_LOOK: Final = 2000
_LABELS = ("label", "labels", "cats")
_OWN = (*_LABELS, "annotations", "label_map", "Comments", "comments", "annotation_approver", "meta")


def is_doccano(record: Record) -> bool:
    """Whether a record is one of doccano: labels as a list, or annotations that each have a label and a user."""
    if isinstance(record.get("data"), dict) or isinstance(record.get("fields"), dict):
        return False
    if any(isinstance(record.get(key), list) for key in _LABELS):
        return True
    annotations = record.get("annotations")
    if isinstance(annotations, list) and "text" in record:
        return all(isinstance(one, dict) and "label" in one for one in annotations)
    return "Comments" in record and "id" in record


def doccano_tasks(table: Table, options: TaskOptions, names: LabelNames, annotator: str) -> Iterator[Task]:
    """Yield the tasks of an export.

    Args:
        table: the file.
        options: `label_column` names the key that holds the labels.
        names: what label names mean; words of doubt and direction beside them are taken apart.
        annotator: whose file it is; old exports name the annotators themselves.

    Raises:
        InputError: no text, or labels that are spans.
    """
    file = table.source.name
    columns: dict[tuple[tuple[str, ...], bool], PostColumns] = {}
    filled = filled_keys(_flat(record) for _, record in islice(table.records, _LOOK))
    for number, record in table.records:
        where = f"{file}: row {number:,}"
        post = _flat(record)
        # doccano numbers its examples; an id out of the imported meta data takes the number's place.
        numbered = "id" in post and is_tool_number(post["id"]) and options.id_column != "id"
        keys = (tuple(post), numbered)
        posts = columns.get(keys)
        if posts is None:
            posts = columns[keys] = find_columns(
                file,
                keys[0],
                present(options, keys[0]),
                used=_used(post, options),
                tool_id="id" if numbered else None,
                filled=filled,
            )
            table.posts = table.posts or posts
        try:
            task = Task(
                file,
                number,
                posts.identifier(post),
                post_text(post.get(posts.text), where, posts.text),
                posts.fields(post, where),
                tuple(_answers(record, options, names, annotator, where)),
            )
        except InputError as error:
            options.bad_row(file, number, error)
        else:
            table.blanks += not task.answers
            yield task


def _flat(record: Record) -> dict[str, Any]:
    """The record with its meta data (an object of its own in old exports) beside the other keys."""
    meta = record.get("meta")
    if not isinstance(meta, dict):
        return dict(record)
    return {**record, **{key: value for key, value in meta.items() if key not in record or key == "id"}}


def _used(post: Mapping[str, Any], options: TaskOptions) -> list[str]:
    return [key for key in post if key in _OWN or key == options.label_column]


def _answers(record: Record, options: TaskOptions, names: LabelNames, annotator: str, where: str) -> Iterator[Answer]:
    numbered = _label_map(record.get("label_map"))
    annotations = record.get("annotations")
    key = options.label_column or next((key for key in _LABELS if record.get(key) is not None), None)
    if key is None and isinstance(annotations, list):
        given: dict[str, list[str]] = {}
        for one in annotations:
            if isinstance(one, dict):
                found = [numbered.get(name, name) for name in values_of(one.get("label"))]
                given.setdefault(plain(one.get("user")) or annotator, []).extend(found)
        for user, labels in given.items():
            yield _answer(user, labels, names)
        return
    value = None if key is None else record.get(key)
    if isinstance(value, list) and any(isinstance(one, list | dict) for one in value):
        raise InputError(f"{where}, column {key!r}: holds spans, not labels of a whole post; export the right project")
    if values := values_of(value):
        yield _answer(annotator, [numbered.get(name, name) for name in values], names)


def _answer(annotator: str, labels: Iterable[str], names: LabelNames) -> Answer:
    marked = take_marks(tuple(dict.fromkeys(labels)), names)
    return Answer(annotator, marked.values, unsure=marked.unsure, direction=marked.direction)


def _label_map(value: Any) -> Mapping[str, str]:
    """Label number -> name, whichever way round the export has it."""
    if not isinstance(value, dict):
        return {}
    found = {}
    for key, name in value.items():
        number, text = (key, name) if not plain(name) or not str(name).lstrip("-").isdigit() else (name, key)
        found[str(number)] = str(text)
    return found
