"""Who answers the suites and templates: a model, a baseline, or a file that someone else's model wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netral_nlp.errors import InputError
from netral_nlp.evaluation.predictions import Predictions, read_predictions
from netral_nlp.evaluation.suites import Answerer, Unit

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier

_COLUMNS = ("id", "text", "context", "action")


def by_model(classifier: NeutralityClassifier) -> Answerer:
    """Return what asks a classifier."""

    def answer(units: Sequence[Unit]) -> Predictions:
        texts, contexts, actions = ([unit[place] for unit in units] for place in range(3))
        found = classifier.score(texts, contexts=contexts, actions=actions)
        return Predictions(found.label_ids.astype(np.int64), found.probabilities, found.needs_review, found.logits)

    return answer


def by_file(path: str | Path) -> Answerer:
    """Return what looks answers up in a scored copy of the file that `write_units` writes.

    Raises:
        InputError: the file cannot be read.
    """
    scored = read_predictions(path)
    rows = {identifier: row for row, identifier in enumerate(scored.ids)}

    def answer(units: Sequence[Unit]) -> Predictions:
        identifiers = [unit_id(unit) for unit in units]
        absent = sum(identifier not in rows for identifier in identifiers)
        if absent:
            raise InputError(
                f"{path}: no prediction for {absent:,} of the suites' {len(units):,} texts; score the file that "
                "--write-suites writes and keep its id column"
            )
        return scored.predictions.take(np.array([rows[identifier] for identifier in identifiers], dtype=np.int64))

    return answer


def unit_id(unit: Unit) -> str:
    """Return the id of a unit: 16 hex digits of the SHA-256 of text, context and action."""
    joined = "\x1f".join(part or "" for part in unit)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def write_units(units: Sequence[Unit], path: str | Path) -> None:
    """Write units as a table that any model can score: id, text, context, action.

    Args:
        units: what to write; each distinct one once.
        path: its ending picks the format (.csv, .tsv, .jsonl, .parquet, .xlsx).

    Raises:
        InputError: the file cannot be written.
    """
    import pyarrow as pa

    from netral_nlp.formats import open_writer

    distinct = list(dict.fromkeys(units))
    cells = [[unit_id(unit) for unit in distinct], *([unit[place] for unit in distinct] for place in range(3))]
    batch = pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in cells], names=list(_COLUMNS))
    with open_writer(Path(path), batch.schema) as writer:
        writer.write(batch)
