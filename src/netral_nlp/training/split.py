"""Hold posts out for choosing: by label, and never one of two near-same posts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from netral_nlp.corpus.duplicates import near_same_groups
from netral_nlp.errors import InputError, MissingExtraError


def hold_out(texts: Sequence[str], labels: Sequence[int], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Choose the posts to hold out.

    Args:
        texts: Posts.
        labels: Their labels; each keeps its share on both sides as far as the groups allow.
        share: How much to hold out; the nearest of 1/2, 1/3, 1/4... is taken.
        seed: Decides which.

    Returns:
        The places of the training posts and of the held-out posts, each in input order.

    Raises:
        InputError: there are too few posts to hold any out.
    """
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError:
        raise MissingExtraError("holding out a dev set", "train") from None
    folds = max(2, round(1 / share))
    groups = near_same_groups(texts)
    if len(set(groups)) < folds:
        raise InputError(
            f"{len(set(groups))} different posts are too few to hold {share:.0%} out; give dev files, or more data"
        )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label with fewer posts than folds: said by the caller
        train, dev = next(iter(splitter.split(np.zeros(len(texts)), np.asarray(labels), groups)))
    return sorted(train.tolist()), sorted(dev.tolist())
