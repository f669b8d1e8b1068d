"""Baselines: what a figure is worth is seen beside what little effort reaches."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.errors import ConfigError, InputError, MissingExtraError
from netral_nlp.evaluation import keywords
from netral_nlp.evaluation.metrics import FloatArray, label_codes
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.inference.actions import Action
from netral_nlp.labels import LABELS, Label
from netral_nlp.text import Normaliser

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

BASELINES: dict[str, str] = {
    "majority": "says the commonest label of the training posts (without them: of the measured posts) of every post",
    "keywords": "looks for a short list of Indonesian phrases",
    "tfidf": "TF-IDF of words and characters under a logistic regression, learnt from the training posts",
}
"""Every baseline and what it does."""


def baseline_predictions(
    name: str,
    posts: pd.DataFrame,
    *,
    train: Sequence[str | Path] = (),
    seed: int = 0,
    output: str | Path | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> tuple[Predictions, dict[str, Any]]:
    """Answer labelled posts with a baseline.

    Args:
        name: one of `BASELINES`.
        posts: as `read_labelled` returns them: `text`, and `context` and `action` where known. Their `label` is read
            by `majority` without training posts, and by no other.
        train: labelled files or `datasets` folders. `tfidf` needs them, `majority` takes them, `keywords` learns
            nothing. They should hold none of `posts`; `tfidf` counts those they do and warns.
        seed: of `tfidf`.
        output: keep the model folder of `tfidf` here; by default it goes when the posts are answered.
        text_column: of the training files; see `read_labelled`.
        label_column: of the training files; see `read_labelled`.

    Returns:
        The predictions in the order of the posts, and what made them, JSON-ready, for a report's stamp.

    Raises:
        ConfigError: there is no such baseline, `tfidf` has no training files, or `output` cannot be used.
        InputError: there are no posts, or labelled posts cannot be read.
        MissingExtraError: `tfidf` lacks scikit-learn.
    """
    if name not in BASELINES:
        raise ConfigError(f"unknown baseline {name!r}; the baselines are {', '.join(BASELINES)}")
    if output is not None and name != "tfidf":
        raise ConfigError(f"the baseline {name} has no model folder to keep; only tfidf takes an output")
    if "text" not in posts:
        raise InputError("the posts lack the column 'text'; read_labelled gives it")
    if posts.empty:
        raise InputError("no posts to answer")
    described: dict[str, Any] = {"name": name, "meaning": BASELINES[name]}
    if name == "keywords":
        predictions, about = _keywords(posts)
    elif name == "majority":
        predictions, about = _majority(posts, train, text_column, label_column)
    else:
        predictions, about = _tfidf(posts, train, seed, output, text_column, label_column)
    return predictions, described | about


def majority(learnt_from: Sequence[object], count: int) -> Predictions:
    """Answer every post with the commonest label.

    Args:
        learnt_from: labels to count; of two equally common ones the milder is taken.
        count: how many posts to answer.

    Returns:
        That label for all. Probabilities are left out: every post would have the same, which fills no calibration bins.

    Raises:
        InputError: there are no labels to count, or one is unknown.
    """
    shares = _shares(learnt_from)
    return Predictions(np.full(count, int(shares.argmax()), dtype=np.int64), None, None)


def keyword_predictions(
    texts: Sequence[str | None],
    contexts: Sequence[str | None] | None = None,
    actions: Sequence[str | None] | None = None,
) -> Predictions:
    """Answer posts with the keyword list.

    Words are judged alone, without their context. A like, follow or share without words is judged by its context, as
    the labelling guide says: a share as the shared text, a like or follow of a side as supportive.

    Args:
        texts: as posted.
        contexts: the text that each one answers; as many as texts.
        actions: what was done; as many as texts.

    Raises:
        InputError: an unknown action, or not as many contexts or actions as texts.
    """
    size = len(texts)
    for name, values in (("contexts", contexts), ("actions", actions)):
        if values is not None and len(values) != size:
            raise InputError(f"{size:,} texts but {len(values):,} {name}")
    normaliser = Normaliser.named("netral")
    labels = np.zeros(size, dtype=np.int64)
    for row, text in enumerate(texts):
        if isinstance(text, str) and normaliser.has_words(normaliser(text)):
            labels[row] = keywords.read(text).label.severity
            continue
        action = Action.parse(actions[row]) if actions is not None else None
        context = contexts[row] if contexts is not None else None
        if action is None or not action.wordless or not isinstance(context, str):
            continue
        label = keywords.read(context).label
        if action is not Action.SHARE and label is Label.CAMPAIGNING:
            label = Label.SUPPORTIVE
        labels[row] = label.severity
    return Predictions(labels, None, None)


def _keywords(posts: pd.DataFrame) -> tuple[Predictions, dict[str, Any]]:
    guards = sum(1 for cue in keywords.CUES if cue.label is Label.NEUTRAL)
    about = {"cues": len(keywords.CUES) - guards, "guards": guards, "fingerprint": keywords.fingerprint()}
    texts, contexts, actions = (_column(posts, name) for name in ("text", "context", "action"))
    return keyword_predictions(texts or [], contexts, actions), about


def _majority(
    posts: pd.DataFrame, train: Sequence[str | Path], text_column: str | None, label_column: str | None
) -> tuple[Predictions, dict[str, Any]]:
    if train:
        labels = read_labelled(train, text_column=text_column, label_column=label_column)["label"].tolist()
    elif "label" in posts:
        labels = posts["label"].tolist()
    else:
        raise InputError("the baseline majority needs labels to count: give training files, or label the posts")
    shares = _shares(labels)
    about = {
        "learnt_from": "training posts" if train else "measured posts",
        "train": [Path(path).name for path in train],
        "posts": len(labels),
        "label": LABELS[int(shares.argmax())].value,
        "shares": {label.value: float(shares[label.severity]) for label in LABELS},
    }
    return majority(labels, len(posts)), about


def _tfidf(
    posts: pd.DataFrame,
    train: Sequence[str | Path],
    seed: int,
    output: str | Path | None,
    text_column: str | None,
    label_column: str | None,
) -> tuple[Predictions, dict[str, Any]]:
    if not train:
        raise ConfigError("the baseline tfidf learns from labelled posts: name at least one training file")
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtraError("the baseline tfidf", "train") from None
    from netral_nlp.inference.classifier import NeutralityClassifier
    from netral_nlp.training.baseline import train_tfidf
    from netral_nlp.training.config import TFIDF, TrainingConfig

    with tempfile.TemporaryDirectory(prefix="netral-") as scratch:
        folder = Path(output) if output is not None else Path(scratch) / TFIDF
        config = TrainingConfig(
            base_model=TFIDF,
            data=[str(path) for path in train],
            output=str(folder),
            text_column=text_column,
            label_column=label_column,
            seed=seed,
        )
        classifier = NeutralityClassifier.from_pretrained(train_tfidf(config))
        texts, contexts, actions = (_column(posts, name) for name in ("text", "context", "action"))
        found = classifier.score(texts or [], contexts, actions)
        fingerprint = classifier.folder.fingerprint()
    learnt = read_labelled(train, text_column=text_column, label_column=label_column)
    normaliser = classifier.normaliser
    known = {normaliser(text) for text in learnt["text"]}
    read = [normaliser(text or "") for text in posts["text"]]
    shared = sum(1 for text in read if text in known and normaliser.has_words(text))
    if shared:
        log.warning("%d of %d measured posts are also training posts of tfidf: its figures flatter", shared, len(read))
    about = {
        "train": [Path(path).name for path in train],
        "posts": len(learnt),
        "also_in_training": shared,
        "fingerprint": fingerprint,
        "seed": seed,
    }
    return Predictions(found.label_ids.astype(np.int64), found.probabilities, found.needs_review), about


def _column(posts: pd.DataFrame, name: str) -> list[Any] | None:
    return posts[name].tolist() if name in posts else None


def _shares(labels: Sequence[object]) -> FloatArray:
    """Return each label's share, in the order of `LABELS`."""
    if not len(labels):
        raise InputError("no labels to count")
    counts = np.bincount(label_codes(labels), minlength=len(LABELS))
    shares: FloatArray = counts / counts.sum()
    return shares
