"""Teacher and student: what trained models say of posts without labels, as soft labels for another model.

Distillation on unlabelled posts of the task (Hinton et al. 2015; Turc et al. 2019, "Well-Read Students Learn Better").
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from netral_nlp.errors import InputError

if TYPE_CHECKING:
    from netral_nlp.text import Normaliser
    from netral_nlp.training.config import TrainingConfig
    from netral_nlp.training.data import Posts

log = logging.getLogger(__name__)

_NEAR_SAME = 0.7


def label_softly(
    config: TrainingConfig, normaliser: Normaliser, *, known: Sequence[str], barred: Sequence[str]
) -> Posts:
    """Let the teachers label the unlabelled posts.

    A teacher's shares are the plain softmax of its logits, on purpose, and not the probabilities that its decision
    calibrates: those are fitted on its dev set for thresholds, while a student learns from how the logits lie to each
    other (the "dark knowledge" of Hinton et al. 2015), and calibrates itself on its own dev set.

    Args:
        config: names teachers, posts and how many of them are drawn.
        normaliser: of the student; teachers read texts through their own.
        known: normalised texts that are trained on anyway and are not labelled once more.
        barred: texts as posted that must not be learnt from; near-copies of them are left out too.

    Returns:
        Posts with the teachers' mean probabilities as shares, and the likeliest label.

    Raises:
        InputError: a file cannot be read, or no post is left.
        ModelFolderError: a teacher is no model folder.
    """
    from netral_nlp.corpus.duplicates import near_duplicates_across
    from netral_nlp.inference.classifier import NeutralityClassifier
    from netral_nlp.training.data import UNKNOWN_DIRECTION, Posts
    from netral_nlp.training.vocabulary import read_corpus

    seen = set(known)
    fresh: dict[str, str] = {}  # as the student reads it: as posted
    for raw in read_corpus(config.unlabelled, config.text_column):
        text = normaliser(raw)
        if text not in seen and normaliser.has_words(text):
            fresh.setdefault(text, raw)
    texts = list(fresh)
    random.Random(config.seed).shuffle(texts)
    held = [text for raw in barred if normaliser.has_words(text := normaliser(raw))]
    leaks = {near.row for near in near_duplicates_across(texts, held, _NEAR_SAME)} if held and texts else set()
    texts = [text for row, text in enumerate(texts) if row not in leaks]
    if config.unlabelled_posts:
        texts = texts[: config.unlabelled_posts]
    if not texts:
        raise InputError(f"{', '.join(config.unlabelled)}: no post is left for the teacher to label")
    log.info("%d models label %d posts without labels", len(config.teacher), len(texts))
    total = np.zeros((len(texts), 3))
    for folder in config.teacher:
        teacher = NeutralityClassifier.from_pretrained(folder, threads=config.threads or None)
        logits = teacher.logits([fresh[text] for text in texts]).astype(np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        total += odds / odds.sum(axis=1, keepdims=True)
    shares = total / len(config.teacher)
    return Posts(
        texts,
        [None] * len(texts),
        shares.argmax(axis=1).tolist(),
        [config.unlabelled_weight] * len(texts),
        [tuple(row) for row in shares.tolist()],
        [UNKNOWN_DIRECTION] * len(texts),
        [True] * len(texts),
    )
