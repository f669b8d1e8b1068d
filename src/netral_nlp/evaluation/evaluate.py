"""One evaluation from end to end: a model, or a file of predictions, against labelled posts."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp import __version__
from netral_nlp.corpus.labelled import KNOWN_COLUMNS, read_labelled
from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import Metrics, evaluate
from netral_nlp.evaluation.predictions import PROBABILITY_COLUMNS, Predictions, match, read_predictions
from netral_nlp.evaluation.slices import SLICE_COLUMNS, Slice, slice_metrics
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.inference.backends import BackendName
    from netral_nlp.inference.classifier import NeutralityClassifier

SCHEMA = 1
"""Version of what `Evaluation.to_dict` returns and metrics.json holds."""

_CHUNK = 1024
_LIBRARIES = ("numpy", "pandas", "onnxruntime", "tokenizers", "torch", "transformers")


@dataclass(frozen=True)
class Evaluation:
    """What was measured, on what, and how it came out.

    Attributes:
        name: of the model or the predictions file, for headings.
        metrics: the figures over all posts.
        slices: the same for parts of the data.
        posts: one row a post: id, text, context, gold and predicted label, p_* and needs_review where known, and the
            columns that were sliced by. Never written to metrics.json.
        stamp: model or predictions, data, versions, seed: what it takes to repeat this.
    """

    name: str
    metrics: Metrics
    slices: tuple[Slice, ...]
    posts: pd.DataFrame
    stamp: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the posts, JSON-ready: what metrics.json holds."""
        return {
            "schema": SCHEMA,
            **self.stamp,
            "metrics": self.metrics.to_dict(),
            "slices": [part.to_dict() for part in self.slices],
        }

    def errors(self) -> pd.DataFrame:
        """Return the posts with a wrong label, the most harmful first.

        The added column `harm` is 0 for a neutral post accused without review, 1 for a campaigning post that passed as
        neutral without review, 2 for other wrong labels without review, 3 for those that a person will see. Within one
        harm the surest come first.
        """
        wrong = self.posts[self.posts["gold"] != self.posts["predicted"]].copy()
        seen = wrong["needs_review"].astype(bool) if "needs_review" in wrong else np.zeros(len(wrong), dtype=bool)
        wrong["harm"] = np.select(
            [
                seen,
                wrong["gold"] == Label.NEUTRAL,
                (wrong["gold"] == Label.CAMPAIGNING) & (wrong["predicted"] == Label.NEUTRAL),
            ],
            [3, 0, 1],
            default=2,
        )
        if "confidence" in wrong:
            return wrong.sort_values(["harm", "confidence"], ascending=[True, False], kind="stable")
        return wrong.sort_values("harm", kind="stable")


def evaluate_model(
    model: NeutralityClassifier | str | Path | None,
    data: pd.DataFrame | str | Path | Sequence[str | Path],
    *,
    seed: int = 0,
    resamples: int = 1000,
    text_column: str | None = None,
    label_column: str | None = None,
    slice_columns: Sequence[str] = (),
    backend: BackendName = "auto",
    threads: int | None = None,
    progress: bool = False,
) -> Evaluation:
    """Run a model over labelled posts, with their context and action where they have one, and measure it.

    Args:
        model: a classifier, or what `NeutralityClassifier.from_pretrained` takes; None is the shipped model.
        data: files or folders that `read_labelled` reads, or its data frame.
        seed: of the bootstrap.
        resamples: behind each interval; 0 for none.
        text_column: see `read_labelled`.
        label_column: see `read_labelled`.
        slice_columns: columns to slice by, besides platform, source, year and direction.
        backend: of a classifier that is loaded here.
        threads: of a classifier that is loaded here.
        progress: show a bar on the terminal.

    Raises:
        NetralError: the data or the model cannot be read.
    """
    from netral_nlp.inference.classifier import NeutralityClassifier

    posts, described = _labelled(data, text_column, label_column, slice_columns)
    classifier = (
        model
        if isinstance(model, NeutralityClassifier)
        else NeutralityClassifier.from_pretrained(model, backend=backend, threads=threads)
    )
    predictions = _predict(classifier, posts, progress)
    folder = classifier.folder
    decision = classifier.decision
    about = {
        "model": {
            "name": folder.name,
            "kind": folder.kind,
            "fingerprint": folder.fingerprint(),
            "backend": classifier.backend,
            "temperature": decision.temperature,
            "review_below": {label.value: float(decision.review_below[label]) for label in LABELS},
        }
    }
    return _measure(folder.name, posts, predictions, about, described, seed, resamples, slice_columns)


def evaluate_predictions(
    predictions_file: str | Path,
    data: pd.DataFrame | str | Path | Sequence[str | Path],
    *,
    seed: int = 0,
    resamples: int = 1000,
    text_column: str | None = None,
    label_column: str | None = None,
    slice_columns: Sequence[str] = (),
) -> Evaluation:
    """Measure a scored file, ours or a peer's, with the same ruler as a model.

    The file has a column `label` and, where known, `p_neutral, p_supportive, p_campaigning` and `needs_review`. Its
    rows are matched to the labelled posts by id, or by row order where both hold the same texts.

    Args:
        predictions_file: any format that `netral score` reads.
        data: see `evaluate_model`.
        seed: see `evaluate_model`.
        resamples: see `evaluate_model`.
        text_column: of the labelled posts; see `read_labelled`.
        label_column: of the labelled posts; see `read_labelled`.
        slice_columns: see `evaluate_model`.

    Raises:
        InputError: a file cannot be read, or a labelled post has no prediction.
    """
    posts, described = _labelled(data, text_column, label_column, slice_columns)
    scored = read_predictions(predictions_file)
    predictions, joined_by = match(scored, posts["id"].tolist(), posts["text"].tolist())
    about = {
        "predictions": {
            "file": scored.path.name,
            "sha256": _file_sha256(scored.path),
            "rows": len(scored.ids),
            "joined_by": joined_by,
        }
    }
    return _measure(scored.path.name, posts, predictions, about, described, seed, resamples, slice_columns)


def content_sha256(posts: pd.DataFrame) -> str:
    """Return the SHA-256 of labelled posts: ids, texts, labels, contexts and actions, whatever file they came in."""
    digest = hashlib.sha256()
    names = [name for name in ("id", "text", "label", "context", "action") if name in posts]
    for row in zip(*(posts[name] for name in names), strict=True):
        record = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        digest.update(json.dumps(record, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _labelled(
    data: pd.DataFrame | str | Path | Sequence[str | Path],
    text_column: str | None,
    label_column: str | None,
    slice_columns: Sequence[str],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the posts and what the stamp says about them."""
    import pandas as pd

    files: list[dict[str, Any]] = []
    if isinstance(data, pd.DataFrame):
        for name in ("id", "text", "label"):
            if name not in data:
                raise InputError(f"the labelled posts lack the column {name!r}; read_labelled gives it")
        posts = data.reset_index(drop=True)
        posts["label"] = pd.Series([Label.parse(label) for label in posts["label"]], dtype=object)
        if posts.empty:
            raise InputError("no posts to measure")
    else:
        paths = [Path(path) for path in ([data] if isinstance(data, str | Path) else data)]
        extra = [name for name in slice_columns if name not in ("id", "text", "label", *KNOWN_COLUMNS)]
        posts = read_labelled(paths, text_column=text_column, label_column=label_column, extra_columns=extra)
        files = [{"file": path.name, **({} if path.is_dir() else {"sha256": _file_sha256(path)})} for path in paths]
    for name in slice_columns:
        if name not in posts:
            raise InputError(f"cannot slice by {name!r}: the labelled posts have no such column")
    return posts, {"posts": len(posts), "sha256": content_sha256(posts), "files": files}


def _predict(classifier: NeutralityClassifier, posts: pd.DataFrame, progress: bool) -> Predictions:
    from tqdm import tqdm

    columns = {name: posts[name].tolist() if name in posts else None for name in ("text", "context", "action")}
    texts = columns["text"] or []
    labels = np.empty(len(posts), dtype=np.int64)
    chances = np.empty((len(posts), len(LABELS)))
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
            labels[part], chances[part], review[part] = found.label_ids, found.probabilities, found.needs_review
            bar.update(len(found.label_ids))
    return Predictions(labels, chances, review)


def _measure(
    name: str,
    posts: pd.DataFrame,
    predictions: Predictions,
    about: dict[str, Any],
    described: dict[str, Any],
    seed: int,
    resamples: int,
    slice_columns: Sequence[str],
) -> Evaluation:
    import pandas as pd

    columns = [*SLICE_COLUMNS, *slice_columns]
    metrics = evaluate(
        [label.severity for label in posts["label"]],
        predictions.labels,
        probabilities=predictions.probabilities,
        needs_review=predictions.needs_review,
        resamples=resamples,
        seed=seed,
    )
    slices = slice_metrics(posts, predictions, columns=columns, resamples=resamples, seed=seed)
    kept = [column for column in dict.fromkeys(["id", "text", "context", "action", *columns]) if column in posts]
    result = posts[kept].copy()
    result["gold"] = posts["label"]
    result["predicted"] = pd.Series([LABELS[code] for code in predictions.labels], dtype=object)
    if predictions.probabilities is not None:
        for column, values in zip(PROBABILITY_COLUMNS, predictions.probabilities.T, strict=True):
            result[column] = values
        result["confidence"] = predictions.probabilities[np.arange(len(result)), predictions.labels]
    if predictions.needs_review is not None:
        result["needs_review"] = predictions.needs_review
    stamp = {
        **about,
        "data": described,
        "versions": _versions(),
        "seed": seed,
        "resamples": resamples,
    }
    return Evaluation(name, metrics, slices, result, stamp)


def _versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that this run has loaded."""
    loaded = {name: str(getattr(sys.modules[name], "__version__", "")) for name in _LIBRARIES if name in sys.modules}
    return {"python": platform.python_version(), "netral_nlp": __version__, **loaded}


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
