"""What is measured: a model, a scored file or a baseline, with its answers to the labelled posts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp.evaluation.answers import by_file, by_model
from netral_nlp.evaluation.baselines import BASELINES, baseline_predictions
from netral_nlp.evaluation.predictions import Predictions, match, read_predictions
from netral_nlp.evaluation.suites import Answerer
from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.evaluation.options import EvaluationOptions
    from netral_nlp.inference.backends import BackendName
    from netral_nlp.inference.classifier import NeutralityClassifier

_CHUNK = 1024


@dataclass(frozen=True)
class Subject:
    """Something that answers posts.

    Attributes:
        name: for headings.
        predictions: one a labelled post.
        about: what the stamp says of it.
        answer: puts further texts to it; None where that cannot be done.
        classifier: the model; None of files and baselines.
    """

    name: str
    predictions: Predictions
    about: dict[str, Any]
    answer: Answerer | None = None
    classifier: NeutralityClassifier | None = None


def open_subject(
    wanted: str,
    posts: pd.DataFrame,
    options: EvaluationOptions,
    *,
    backend: BackendName = "auto",
    threads: int | None = None,
    progress: bool = False,
) -> Subject:
    """Return a baseline by its name, a scored file by its path, or else a model, each with its answers.

    Raises:
        NetralError: it cannot be read, or has no answer to a post.
    """
    if wanted in BASELINES:
        predictions, about = baseline_predictions(
            wanted,
            posts,
            train=options.train,
            seed=options.seed,
            text_column=options.text_column,
            label_column=options.label_column,
        )
        return Subject(wanted, predictions, {"baseline": about})
    if Path(wanted).is_file():
        return file_subject(wanted, posts)
    return model_subject(wanted, posts, backend=backend, threads=threads, progress=progress)


def model_subject(
    model: NeutralityClassifier | str | Path | None,
    posts: pd.DataFrame,
    *,
    backend: BackendName = "auto",
    threads: int | None = None,
    progress: bool = False,
) -> Subject:
    """Run a model over labelled posts, with their context and action where they have one.

    Raises:
        NetralError: the model cannot be loaded.
    """
    from netral_nlp.inference.classifier import NeutralityClassifier

    classifier = (
        model
        if isinstance(model, NeutralityClassifier)
        else NeutralityClassifier.from_pretrained(model, backend=backend, threads=threads)
    )
    folder, decision = classifier.folder, classifier.decision
    about = {
        "model": {
            "name": folder.name,
            "kind": folder.kind,
            "fingerprint": folder.fingerprint(),
            "backend": classifier.backend,
            "temperature": decision.temperature,
            "margin": None if decision.margin is None else decision.margin.to_dict(),
            "review_below": {label.value: float(decision.review_below[label]) for label in LABELS},
            "target": dict(decision.target),
        }
    }
    predictions = _predict(classifier, posts, progress)
    return Subject(folder.name, predictions, about, by_model(classifier), classifier)


def file_subject(path: str | Path, posts: pd.DataFrame, suite_predictions: Path | None = None) -> Subject:
    """Lay a scored file beside labelled posts.

    Args:
        path: the file.
        posts: as `read_labelled` returns them.
        suite_predictions: a scored file with the answers to suites and templates.

    Raises:
        InputError: a file cannot be read, or a labelled post has no prediction.
    """
    scored = read_predictions(path)
    predictions, joined_by = match(scored, posts["id"].tolist(), posts["text"].tolist())
    about = {
        "predictions": {
            "file": scored.path.name,
            "sha256": file_sha256(scored.path),
            "rows": len(scored.ids),
            "joined_by": joined_by,
        }
    }
    return Subject(
        scored.path.name, predictions, about, None if suite_predictions is None else by_file(suite_predictions)
    )


def named(subjects: Sequence[Subject]) -> dict[str, Subject]:
    """Return subjects by name; equal names are numbered."""
    found: dict[str, Subject] = {}
    for subject in subjects:
        name, number = subject.name, 1
        while name in found:
            number += 1
            name = f"{subject.name} ({number})"
        found[name] = subject
    return found


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _predict(classifier: NeutralityClassifier, posts: pd.DataFrame, progress: bool) -> Predictions:
    from tqdm import tqdm

    columns = {name: posts[name].tolist() if name in posts else None for name in ("text", "context", "action")}
    texts = columns["text"] or []
    labels = np.empty(len(posts), dtype=np.int64)
    chances = np.empty((len(posts), len(LABELS)))
    logits = np.empty((len(posts), len(LABELS)))
    review = np.empty(len(posts), dtype=bool)
    # disable=None: no bar where standard error is no terminal
    with tqdm(total=len(posts), unit=" posts", disable=None if progress else True, leave=False) as bar:
        for start in range(0, len(posts), _CHUNK):
            part = slice(start, start + _CHUNK)
            found = classifier.score(
                texts[part],
                contexts=columns["context"][part] if columns["context"] is not None else None,
                actions=columns["action"][part] if columns["action"] is not None else None,
            )
            labels[part], chances[part] = found.label_ids, found.probabilities
            review[part], logits[part] = found.needs_review, found.logits
            bar.update(len(found.label_ids))
    return Predictions(labels, chances, review, logits)
