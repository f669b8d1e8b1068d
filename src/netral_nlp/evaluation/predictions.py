"""Scored files, ours or a peer's, read and laid beside gold labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.corpus.labelled import text_id
from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FloatArray, IntArray, check_probabilities
from netral_nlp.labels import LABELS, Label

PROBABILITY_COLUMNS = tuple(f"p_{label.value}" for label in LABELS)

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


@dataclass(frozen=True)
class Predictions:
    """What some model said about n posts.

    Attributes:
        labels: (n,) severities.
        probabilities: (n, 3), or None where the file has none.
        needs_review: (n,) or None.
        logits: (n, 3) before any calibration, NaN where the model gave none; None where they are not known.
    """

    labels: IntArray
    probabilities: FloatArray | None
    needs_review: npt.NDArray[np.bool_] | None
    logits: FloatArray | None = None

    def take(self, rows: IntArray) -> Predictions:
        """Return the predictions of these rows, in this order."""
        return Predictions(
            self.labels[rows],
            None if self.probabilities is None else self.probabilities[rows],
            None if self.needs_review is None else self.needs_review[rows],
            None if self.logits is None else self.logits[rows],
        )

    def key(self, row: int) -> tuple[Any, ...]:
        """Return all that is said about one post, to see whether two rows say the same."""
        return (
            int(self.labels[row]),
            None if self.probabilities is None else tuple(self.probabilities[row].tolist()),
            None if self.needs_review is None else bool(self.needs_review[row]),
        )


@dataclass(frozen=True)
class ScoredFile:
    """A predictions file as read.

    Attributes:
        path: the file.
        ids: of each row; the text's id where the file has no id column.
        texts: of each row, or None where the file has no text column.
        predictions: in row order.
    """

    path: Path
    ids: list[str]
    texts: list[str] | None
    predictions: Predictions


def read_predictions(path: str | Path) -> ScoredFile:
    """Read a scored file: `label` and, where there, `p_neutral, p_supportive, p_campaigning` and `needs_review`.

    Args:
        path: any file that `netral score` writes or a peer's with the same columns.

    Raises:
        InputError: a column is missing or a value cannot be read; the message names file, row and column.
    """
    from netral_nlp.formats import guess_columns, open_posts

    path = Path(path)
    ids: list[str] = []
    texts: list[str] = []
    labels: list[int] = []
    chances: list[list[float]] = []
    review: list[bool] = []
    numbers: list[int] = []
    with open_posts(path) as reader:
        columns = list(reader.columns)
        listed = ", ".join(map(repr, columns)) or "none"
        guess = guess_columns(columns, reader.export)
        id_column = "id" if "id" in columns else guess.id
        text_column = "text" if "text" in columns else guess.text
        if "label" not in columns:
            raise InputError(f"{path}: no column 'label'; a predictions file has one; its columns are {listed}")
        if id_column is None and text_column is None:
            raise InputError(f"{path}: no column 'id' or 'text' to match posts by; its columns are {listed}")
        given = [column for column in PROBABILITY_COLUMNS if column in columns]
        if given and len(given) < len(PROBABILITY_COLUMNS):
            lacking = next(column for column in PROBABILITY_COLUMNS if column not in columns)
            raise InputError(f"{path}: has {given[0]!r} but no column {lacking!r}; give all three or none")
        has_review = "needs_review" in columns
        for batch in reader.batches():
            numbers += batch.numbers
            row_texts = [value or "" for value in batch.strings(text_column)] if text_column else None
            if row_texts is not None:
                texts += row_texts
            if id_column is not None:
                row_ids = [(value or "").strip() for value in batch.strings(id_column)]
                ids += [
                    identifier or (text_id(row_texts[index]) if row_texts is not None else "")
                    for index, identifier in enumerate(row_ids)
                ]
            else:
                ids += [text_id(text) for text in row_texts or ()]
            labels += [
                _label(path, number, value) for number, value in zip(batch.numbers, batch.strings("label"), strict=True)
            ]
            parts = [
                [_number(path, number, column, value) for number, value in zip(batch.numbers, cells, strict=True)]
                for column in given
                for cells in [batch.strings(column)]
            ]
            chances += [list(row) for row in zip(*parts, strict=True)]
            if has_review:
                review += [
                    _flag(path, number, value)
                    for number, value in zip(batch.numbers, batch.strings("needs_review"), strict=True)
                ]
    if not labels:
        raise InputError(f"{path}: holds no predictions")
    probabilities = None
    if given:
        array = np.array(chances, dtype=np.float64)
        probabilities = _checked(path, array, numbers)
    predictions = Predictions(
        np.array(labels, dtype=np.int64), probabilities, np.array(review, dtype=bool) if has_review else None
    )
    return ScoredFile(path, ids, texts if text_column else None, predictions)


def match(scored: ScoredFile, ids: Sequence[str], texts: Sequence[str]) -> tuple[Predictions, str]:
    """Lay predictions beside gold posts.

    By id where every gold id has one prediction (or several equal ones); else by row order where both have the same
    texts in the same rows. Rows of the scored file that no gold post asks for are left aside.

    Args:
        scored: the predictions.
        ids: of the gold posts.
        texts: of the gold posts.

    Returns:
        The predictions in the gold posts' order, and "id" or "row order".

    Raises:
        InputError: neither way works; says what is missing.
    """
    rows: dict[str, int] = {}
    torn: set[str] = set()
    for row, identifier in enumerate(scored.ids):
        first = rows.setdefault(identifier, row)
        if first != row and scored.predictions.key(first) != scored.predictions.key(row):
            torn.add(identifier)
    absent = [identifier for identifier in ids if identifier not in rows]
    unclear = [identifier for identifier in ids if identifier in torn]
    if not absent and not unclear:
        return scored.predictions.take(np.array([rows[identifier] for identifier in ids], dtype=np.int64)), "id"
    if scored.texts is not None and scored.texts == list(texts):
        return scored.predictions, "row order"
    if absent:
        problem = f"no prediction for {len(absent):,} of {len(ids):,} posts, the first with id {absent[0]!r}"
    else:
        problem = f"several different predictions for id {unclear[0]!r}"
    raise InputError(
        f"{scored.path}: {problem}, and its rows are not the labelled posts in order; "
        "score the labelled file itself and keep its id column"
    )


def _label(path: Path, number: int, value: str | None) -> int:
    try:
        return Label.parse(value or "").severity
    except InputError as error:
        raise InputError(f"{path}: row {number}, column 'label': {error}") from None


def _number(path: Path, number: int, column: str, value: str | None) -> float:
    try:
        return float(value or "")
    except ValueError:
        raise InputError(f"{path}: row {number}, column {column!r}: expected a probability") from None


def _flag(path: Path, number: int, value: str | None) -> bool:
    flag = (value or "").strip().lower()
    if flag not in _TRUE | _FALSE:
        raise InputError(f"{path}: row {number}, column 'needs_review': expected true or false")
    return flag in _TRUE


def _checked(path: Path, chances: FloatArray, numbers: Sequence[int]) -> FloatArray:
    try:
        return check_probabilities(chances, len(chances))
    except InputError:
        for row, number in zip(chances, numbers, strict=True):
            try:
                check_probabilities(row[None, :], 1)
            except InputError:
                raise InputError(
                    f"{path}: row {number}: {', '.join(PROBABILITY_COLUMNS)} do not lie between 0 and 1 "
                    "or do not sum to 1"
                ) from None
        raise
