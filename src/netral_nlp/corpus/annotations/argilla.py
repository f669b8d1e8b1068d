"""Argilla's exports: records with their responses, nested or flattened, of Argilla 2 and of 1.x feedback datasets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from netral_nlp.corpus.annotations.columns import PostColumns, filled_keys, find_columns, plain, post_text, present
from netral_nlp.corpus.annotations.marks import Marks, find_marks, read_direction, read_unsure
from netral_nlp.corpus.annotations.names import LabelNames, NoLabel, told_names
from netral_nlp.corpus.annotations.records import Record, Table
from netral_nlp.corpus.annotations.tables import values_of
from netral_nlp.corpus.annotations.tasks import UNNAMED, Answer, Task, TaskOptions
from netral_nlp.errors import InputError

_OWN: Final = frozenset({"_server_id", "status", "vectors", "suggestions", "responses", "score", "inserted_at"})
_RESPONSES: Final = ".responses"
_PARTS: Final = (".responses", ".responses.users", ".responses.status", ".suggestion", ".suggestion.score")
_LOOK: Final = 2000
_DISCARDED: Final = "discarded"
_DRAFT: Final = "draft"


def is_argilla(record: Record) -> bool:
    """Whether a record is one of Argilla."""
    if isinstance(record.get("fields"), dict):
        return "responses" in record or "suggestions" in record
    if any(key.endswith(_RESPONSES) for key in record):
        return True
    if "_server_id" in record and "status" in record:
        return True
    return any(_old_responses(value) is not None for value in record.values())


def argilla_tasks(table: Table, options: TaskOptions, names: LabelNames) -> Iterator[Task]:
    """Yield the tasks of an export; suggestions and drafts are no answers, a discarded response is a skip.

    Args:
        table: the file.
        options: `label_column` names the question that holds the label.
        names: what label names mean; where there are several questions, the one whose values are labels is taken.

    Raises:
        InputError: no text, or several questions could hold the label.
    """
    file = table.source.name
    rows = iter(table.records)
    # The question is found from the first records with answers, however many have none before.
    held: list[tuple[int, Record]] = []
    questions: dict[str, list[str]] = {}
    answered = 0
    for number, record in rows:
        held.append((number, record))
        found = _responses(record)
        for name, answers in found.items():
            questions.setdefault(name, []).extend(value for answer in answers for value in answer.values)
        answered += any(found.values())
        if answered >= _LOOK:
            break
    marks = find_marks({name: set(values) for name, values in questions.items()}, names, options.label_column)
    question = _pick(questions, marks, options, names, table)
    table.notes += marks.notes(file)
    if isinstance(held[0][1].get("fields"), dict) and isinstance(held[0][1].get("responses"), dict):
        table.notes.append(
            f"{file}: these records do not say which responses were drafts or discarded; to have them told apart, "
            "export with dataset.records.to_datasets()"
        )
    columns: dict[tuple[str, ...], PostColumns] = {}
    filled = filled_keys(_post(record, list(questions)) for _, record in held)
    for number, record in chain(held, rows):
        where = f"{file}: row {number:,}"
        responses = _responses(record)
        post = _post(record, [*questions, *responses])
        keys = tuple(post)
        posts = columns.get(keys)
        if posts is None:
            posts = columns[keys] = find_columns(file, keys, present(options, keys), filled=filled)
            table.posts = table.posts or posts
        try:
            task = Task(
                file,
                number,
                posts.identifier(post),
                post_text(post.get(posts.text), where, posts.text),
                posts.fields(post, where),
                tuple(_answers(responses, question, marks, where)),
            )
        except InputError as error:
            options.bad_row(file, number, error)
        else:
            yield task


def _pick(
    questions: Mapping[str, Sequence[str]], marks: Marks, options: TaskOptions, names: LabelNames, table: Table
) -> str | None:
    file = table.source.name
    listed = ", ".join(map(repr, questions))
    if options.label_column is not None:
        if questions and options.label_column not in questions:
            raise InputError(
                f"{file}: no question {options.label_column!r} (named by --label-column); its questions are {listed}"
            )
        return options.label_column
    free = {question: values for question, values in questions.items() if question not in marks.names}
    if len(free) < 2 or not any(free.values()):
        return next(iter(free), None)
    found = []
    for question, values in free.items():
        known = sum(names.read(value) is not NoLabel.UNKNOWN for value in values)
        if names.any_label(values) and 2 * known >= len(values):
            found.append(question)
    if len(found) != 1:
        told = told_names({name: free[name] for name in found or free})
        raise InputError(
            f"{file}: the label could be the question {told}; name one with --label-column, and say with --map what "
            "unknown names mean"
        )
    others = ", ".join(repr(question) for question in free if question != found[0])
    table.notes.append(f"{file}: the label is the question {found[0]!r}, not {others} (otherwise: --label-column)")
    return found[0]


def _responses(record: Record) -> dict[str, list[Answer]]:
    """Return the answers of a record by question, whatever the export's layout; drafts are left out."""
    given = record.get("responses")
    found: dict[str, list[Answer]] = {}
    if isinstance(record.get("fields"), dict):
        if isinstance(given, dict):  # Argilla 2: question -> its responses
            for question, answers in given.items():
                for answer in answers if isinstance(answers, list) else []:
                    if isinstance(answer, dict):
                        _add(found, question, answer.get("user_id"), answer.get("value"), answer.get("status"))
        elif isinstance(given, list):  # Argilla 1.x: one response a user, with all questions
            for answer in given:
                values = answer.get("values") if isinstance(answer, dict) else None
                for question, value in values.items() if isinstance(values, dict) else ():
                    value = value.get("value") if isinstance(value, dict) else value
                    _add(found, question, answer.get("user_id"), value, answer.get("status"))
        return found
    for key, value in record.items():
        if key.endswith(_RESPONSES):
            question = key.removesuffix(_RESPONSES)
            values = _list(value)
            users = _list(record.get(f"{key}.users"))
            states = _list(record.get(f"{key}.status"))
            found.setdefault(question, [])
            for place, one in enumerate(values):
                user = users[place] if place < len(users) else None
                _add(found, question, user, one, states[place] if place < len(states) else None)
        elif (old := _old_responses(value)) is not None:
            found.setdefault(key, [])
            for user, one, state in old:
                _add(found, key, user, one, state)
    return found


def _answers(
    responses: Mapping[str, Sequence[Answer]], question: str | None, marks: Marks, where: str
) -> Iterator[Answer]:
    """Yield the answers to the question of the label, each with what its annotator said besides."""
    labels = responses.get(question, ()) if question is not None else ()
    unsure, direction = (_said(responses, name) for name in (marks.unsure, marks.direction))
    for answer in labels:
        yield replace(
            answer,
            unsure=read_unsure(unsure.get(answer.annotator, ()), where, marks.unsure or ""),
            direction=read_direction(direction.get(answer.annotator, ()), where, marks.direction or ""),
        )
    told = {answer.annotator for answer in labels}
    for annotator in unsure:
        if annotator not in told and read_unsure(unsure[annotator], where, marks.unsure or ""):
            yield Answer(annotator, (), unsure=True)


def _said(responses: Mapping[str, Sequence[Answer]], question: str | None) -> dict[str, tuple[str, ...]]:
    """Annotator -> the answer to a question."""
    answers = responses.get(question, ()) if question is not None else ()
    return {answer.annotator: answer.values for answer in answers if not answer.skipped}


def _add(found: dict[str, list[Answer]], question: str, user: Any, value: Any, status: Any) -> None:
    answers = found.setdefault(question, [])
    state = plain(status)
    if state is not None and state.lower() == _DRAFT:
        return
    skipped = state is not None and state.lower() == _DISCARDED
    annotator = plain(user)
    if annotator is None or annotator == "None":
        annotator = UNNAMED
    values = tuple(dict.fromkeys(values_of(value)))
    answers.append(Answer(annotator, values, skipped=skipped))


def _list(value: Any) -> list[Any]:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return value if isinstance(value, list) else []


def _old_responses(value: Any) -> list[tuple[Any, Any, Any]] | None:
    """A question's column of a 1.x dataset: a list of {user_id, value, status}, or one list of each."""
    if isinstance(value, list):
        if value and all(isinstance(one, dict) and {"user_id", "value"} <= one.keys() for one in value):
            return [(one["user_id"], one["value"], one.get("status")) for one in value]
        return None
    if isinstance(value, dict) and {"user_id", "value", "status"} <= value.keys():
        users, values, states = (_list(value[key]) for key in ("user_id", "value", "status"))
        if len(users) == len(values) == len(states):
            return list(zip(users, values, states, strict=True))
    return None


def _post(record: Record, questions: Sequence[str]) -> dict[str, Any]:
    """What a record says of the post: its fields and metadata, without answers and suggestions."""
    metadata = record.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            metadata = None
    extra = metadata if isinstance(metadata, dict) else {}
    fields = record.get("fields")
    if isinstance(fields, dict):
        top = {"id": record.get("id", record.get("external_id")), **fields}
    else:
        answers = {f"{question}{part}" for question in questions for part in _PARTS}
        answers |= {f"{question}{part}" for question in questions for part in (".suggestion.agent", "")}
        answers |= {f"{question}-suggestion{part}" for question in questions for part in ("", "-metadata")}
        top = {
            key: value
            for key, value in record.items()
            if key not in answers
            and key not in _OWN
            and key not in ("metadata", "external_id")
            and ".suggestion" not in key
        }
        if "external_id" in record and "id" not in top:
            top["id"] = record["external_id"]
    return {**top, **{key: value for key, value in extra.items() if key not in top}}
