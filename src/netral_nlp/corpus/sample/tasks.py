"""Drawn posts as files that annotation tools open: Label Studio, doccano, Argilla, or a spreadsheet.

Each function returns what a file holds; `files.write_tasks` puts them under their names. A post travels with its id,
its text, what it answers and what is known of it, so that `netral data import` gives them back with the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

from netral_nlp.corpus.sample.words import COLOURS, DIRECTION_KEYS, KEYS, UNSURE_COLOUR, UNSURE_KEY, Words
from netral_nlp.labels import LABELS, Label

LABEL_STUDIO, DOCCANO, ARGILLA, TABLE = "label-studio", "doccano", "argilla", "table"
REASON: Final = "netral_reason"
"""The field that says why a post was drawn; `random` ones make a random draw of their own."""
ANSWERS: Final = frozenset({"id", "text", "context", "label", "unsure", "direction", "suggestion"})
"""What else is known of a post never travels under these names: annotators would see a model's label, or what they are
to fill in would be filled in already."""


@dataclass(frozen=True)
class TaskPost:
    """A post as annotators get it.

    Attributes:
        id: the post's id.
        text: as posted.
        context: what it answers, or None.
        fields: what else is known of it.
        reason: why it was drawn.
        suggestion: the model's label and its probability, where suggestions are asked for.
    """

    id: str
    text: str
    context: str | None
    fields: Mapping[str, str]
    reason: str
    suggestion: tuple[Label, float] | None = None

    def data(self) -> dict[str, str]:
        """Return everything by name."""
        return {"id": self.id, "text": self.text, "context": self.context or "", **self.fields, REASON: self.reason}


def label_studio_tasks(posts: Sequence[TaskPost], words: Words, model: str | None = None) -> list[dict[str, Any]]:
    """Return Label Studio's basic task format: `data`, and `predictions` where there are suggestions.

    The post's id is `post_id` there: in JSON_MIN and CSV exports Label Studio's own number takes the place of `id`.

    Args:
        posts: the posts.
        words: names the choices.
        model: the name of the model that suggests.
    """
    tasks: list[dict[str, Any]] = []
    for post in posts:
        data = post.data()
        task: dict[str, Any] = {"data": {"post_id": data.pop("id"), **data}}
        if post.suggestion is not None:
            label, probability = post.suggestion
            result = {
                "from_name": "label",
                "to_name": "text",
                "type": "choices",
                "value": {"choices": [words.labels[label]]},
            }
            task["predictions"] = [{"model_version": model or "", "score": probability, "result": [result]}]
        tasks.append(task)
    return tasks


def label_studio_interface(words: Words, *, context: bool) -> str:
    """Return the labelling interface that goes with the tasks, as Label Studio's XML.

    Args:
        words: in which language.
        context: whether any post answers another, which is then shown above it.
    """
    view = ElementTree.Element("View")
    panel = ElementTree.SubElement(ElementTree.SubElement(view, "Collapse"), "Panel", value=words.guide)
    for line in words.lines:
        ElementTree.SubElement(panel, "Header", value=line, size="6")
    if context:
        ElementTree.SubElement(view, "Header", value=words.context, size="5")
        ElementTree.SubElement(view, "Text", name="context", value="$context")
    ElementTree.SubElement(view, "Header", value=words.title, size="5")
    ElementTree.SubElement(view, "Text", name="text", value="$text")
    ElementTree.SubElement(view, "Header", value=words.question, size="5")
    one = {"toName": "text", "choice": "single", "showInline": "true"}
    labels = ElementTree.SubElement(
        view, "Choices", {"name": "label", **one, "required": "true", "requiredMessage": words.required}
    )
    for label in LABELS:
        ElementTree.SubElement(
            labels, "Choice", value=words.labels[label], hotkey=KEYS[label], hint=words.meanings[label]
        )
    unsure = ElementTree.SubElement(view, "Choices", name="unsure", toName="text", choice="multiple", showInline="true")
    ElementTree.SubElement(unsure, "Choice", value=words.unsure, hotkey=UNSURE_KEY)
    sides = ", ".join(words.labels[label] for label in LABELS if label is not Label.NEUTRAL).replace(" ", "")
    shown = {"visibleWhen": "choice-selected", "whenTagName": "label", "whenChoiceValue": sides}
    ElementTree.SubElement(ElementTree.SubElement(view, "View", shown), "Header", value=words.direction, size="6")
    directions = ElementTree.SubElement(view, "Choices", {"name": "direction", **one, **shown})
    for name in DIRECTION_KEYS:
        choice = ElementTree.SubElement(directions, "Choice", value=words.directions[name])
        if words.directions[name] != name:
            choice.set("alias", name)  # what the export holds
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def doccano_rows(posts: Sequence[TaskPost], words: Words) -> list[dict[str, Any]]:
    """Return the rows of doccano's JSONL import for text classification; keys beside text and label become meta data.

    doccano shows the text alone: what a post answers is among its meta data.
    """
    rows: list[dict[str, Any]] = []
    for post in posts:
        data: dict[str, Any] = {name: value for name, value in post.data().items() if value or name == "text"}
        rows.append({**data, "label": [] if post.suggestion is None else [words.labels[post.suggestion[0]]]})
    return rows


def doccano_labels(words: Words) -> list[dict[str, Any]]:
    """Return doccano's label import; the project must allow several labels a post for the mark of doubt."""
    white = "#ffffff"
    labels = [
        {
            "text": words.labels[label],
            "suffix_key": KEYS[label],
            "background_color": COLOURS[label],
            "text_color": white,
        }
        for label in LABELS
    ]
    unsure = {"text": words.unsure, "suffix_key": UNSURE_KEY, "background_color": UNSURE_COLOUR, "text_color": white}
    return [*labels, unsure]


def argilla_records(posts: Sequence[TaskPost], model: str | None = None) -> list[dict[str, Any]]:
    """Return records as `rg.Dataset.records.from_json` opens them.

    Args:
        posts: the posts.
        model: the name of the model that suggests.
    """
    records: list[dict[str, Any]] = []
    for post in posts:
        fields = {"text": post.text, **({"context": post.context} if post.context else {})}
        suggestions: dict[str, Any] = {}
        if post.suggestion is not None:
            label, probability = post.suggestion
            suggestions["label"] = {"value": label.value, "score": probability, "agent": model}
        records.append(
            {
                "id": post.id,
                "fields": fields,
                "metadata": {**post.fields, REASON: post.reason},
                "suggestions": suggestions,
                "responses": {},
                "vectors": {},
                "status": "pending",
                "_server_id": None,
            }
        )
    return records


def argilla_settings(words: Words, *, context: bool, annotators: int = 1) -> dict[str, Any]:
    """Return the dataset's settings as `rg.Settings.from_json` opens them.

    Args:
        words: in which language annotators see the choices; what is stored are our own names.
        context: whether any post answers another.
        annotators: how many answers finish a record.
    """

    def text(name: str, title: str, *, required: bool) -> dict[str, Any]:
        settings = {"type": "text", "use_markdown": False}
        return {"name": name, "title": title, "required": required, "settings": settings}

    def choice(name: str, title: str, options: Mapping[str, str], *, required: bool) -> dict[str, Any]:
        listed = [{"value": value, "text": shown, "description": None} for value, shown in options.items()]
        settings = {"type": "label_selection", "options": listed, "visible_options": None}
        return {"name": name, "title": title, "description": None, "required": required, "settings": settings}

    labels = {label.value: words.labels[label] for label in LABELS}
    return {
        "guidelines": words.markdown(),
        "questions": [
            choice("label", words.question, labels, required=True),
            choice("unsure", f"{words.unsure}?", {"unsure": words.unsure, "sure": words.sure}, required=False),
            choice("direction", words.direction, words.directions, required=False),
        ],
        "fields": [
            *([text("context", words.context, required=False)] if context else []),
            text("text", words.title, required=True),
        ],
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": annotators},
        "mapping": None,
    }


def table_rows(posts: Sequence[TaskPost], annotator: int | None = None) -> list[dict[str, Any]]:
    """Return rows of a spreadsheet with an empty column to fill in.

    Args:
        posts: the posts.
        annotator: the number of the annotator whose column it is (`annotator_2`); None for one column `label`.
    """
    column = "label" if annotator is None else f"annotator_{annotator}"
    context = any(post.context for post in posts)
    known = dict.fromkeys(name for post in posts for name in post.fields)
    rows: list[dict[str, Any]] = []
    for post in posts:
        row: dict[str, Any] = {"id": post.id, **({"context": post.context or ""} if context else {}), "text": post.text}
        row |= {column: "", "unsure": ""}
        if post.suggestion is not None:
            row["suggestion"] = post.suggestion[0].value
        rows.append({**row, **{name: post.fields.get(name, "") for name in known}, REASON: post.reason})
    return rows
