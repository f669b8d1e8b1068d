"""Where probabilities come from: the pool itself, a model, or another scored file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netral_nlp.corpus.sample.draw import Opinion
from netral_nlp.corpus.sample.pool import FloatArray, Pool, read_pool
from netral_nlp.errors import InputError

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier

_AT_ONCE = 256
POSTS_A_SECOND = 100
"""About what the shipped model does on two cores; for the estimate that is told before scoring starts."""


def model_opinion(classifier: NeutralityClassifier, *, progress: bool = False) -> Opinion:
    """Return what a model thinks of posts, with its calibration.

    Args:
        classifier: the model.
        progress: show a progress bar on standard error.
    """

    def score(pool: Pool) -> FloatArray:
        from tqdm import tqdm

        # Sorted by length as far as the bar allows: texts of one length are scored together.
        order = sorted(range(len(pool)), key=lambda row: len(pool.texts[row]))
        chances = np.zeros((len(pool), 3))
        with tqdm(total=len(pool), desc="scoring", unit=" posts", file=sys.stderr, disable=not progress) as bar:
            for start in range(0, len(order), _AT_ONCE):
                rows = order[start : start + _AT_ONCE]
                found = classifier.score(
                    [pool.texts[row] for row in rows],
                    [pool.contexts[row] for row in rows],
                    [pool.actions[row] for row in rows],
                )
                chances[rows] = found.probabilities
                bar.update(len(rows))
        return chances

    return score


def scored_opinion(scored: Pool, name: str) -> Opinion:
    """Return what a scored file says, looked up by id.

    Args:
        scored: posts with probabilities.
        name: of the file, for the message.
    """
    places = {own: place for place, own in enumerate(scored.ids)}

    def look_up(pool: Pool) -> FloatArray:
        missing = [own for own in pool.ids if own not in places]
        chances = scored.probabilities
        found = None if missing or chances is None else chances[[places[own] for own in pool.ids]]
        if found is None or np.isnan(found).any():
            gone = len(missing) if found is None else int(np.isnan(found).any(axis=1).sum())
            what = f"{gone:,} of {len(pool):,} posts have no probabilities there" if chances is not None else "no p_*"
            raise InputError(f"{name}: {what}; score the same posts with both models, and keep their ids")
        return found

    return look_up


def known_or(otherwise: Callable[[], Opinion] | None) -> Opinion:
    """Return the probabilities that posts come with; the others are asked for.

    Args:
        otherwise: makes the opinion that is asked about posts without; called only where there are any. None refuses.
    """

    def known(pool: Pool) -> FloatArray:
        chances = np.full((len(pool), 3), np.nan) if pool.probabilities is None else pool.probabilities.copy()
        gaps = np.flatnonzero(np.isnan(chances).any(axis=1))
        if len(gaps):
            if otherwise is None:
                raise InputError(
                    f"{len(gaps):,} of {len(pool):,} posts have no probabilities (p_neutral, p_supportive, "
                    "p_campaigning); score the pool with `netral score`, or leave out --scored"
                )
            chances[gaps] = otherwise()(pool.take(gaps))
        return chances

    return known


def read_scored(path: str | Path, *, text_column: str | None = None, id_column: str | None = None) -> Pool:
    """Read a file that `netral score` wrote.

    Args:
        path: the file.
        text_column: where the text is; guessed by default.
        id_column: where the id is; guessed by default.

    Raises:
        InputError: it cannot be read, or has no probabilities.
    """
    pool = read_pool([path], text_column=text_column, id_column=id_column).pool
    if pool.probabilities is None:
        raise InputError(f"{path}: has no columns p_neutral, p_supportive, p_campaigning; score it with `netral score`")
    return pool
