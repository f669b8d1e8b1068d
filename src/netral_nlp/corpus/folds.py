"""Folds for cross-validation: whole groups are held out, and near-same posts never stand on two sides."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netral_nlp.corpus.groups import IntArray, connected, near_same, numbered
from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.labels import LABELS

_LARGEST_JOINED = 0.5
"""A group that joining makes may hold this share of the posts; beyond, posts chain everything together."""


@dataclass(frozen=True)
class Fold:
    """One division of the posts.

    Attributes:
        number: from 1.
        held_out: rows to predict, in input order.
        train: rows to train on, in input order.
        dropped: how many rows stand on neither side: near-same copies of held-out posts.
    """

    number: int
    held_out: IntArray
    train: IntArray
    dropped: int


@dataclass(frozen=True)
class FoldPlan:
    """All folds; each post is held out once.

    Attributes:
        folds: in order of their numbers.
        groups: (n,) the group of each post, which is never divided; groups are numbered by their first posts.
        joined: how many values share their group with another one, because near-same posts link them.
        near_same: what keeps near-same posts together: "joined" groups, or "dropped" from the training side.
    """

    folds: tuple[Fold, ...]
    groups: IntArray
    joined: int
    near_same: str

    @property
    def fold_of(self) -> IntArray:
        """(n,) the number of the fold that holds each post out."""
        numbers = np.zeros(len(self.groups), dtype=np.int64)
        for fold in self.folds:
            numbers[fold.held_out] = fold.number
        return numbers

    @property
    def dropped(self) -> int:
        """Posts that were left out of a training side, summed over the folds."""
        return sum(fold.dropped for fold in self.folds)


def grouped_folds(
    texts: Sequence[str], labels: Sequence[int], values: Sequence[str], *, folds: int, seed: int
) -> FoldPlan:
    """Divide posts so that no value stands on two sides.

    Values that share a near-same post are held out together. Where that would leave fewer groups than folds, or put
    more than half of the posts into one group that no single value fills, values stay apart instead, and near-same
    copies of held-out posts are dropped from the training side.

    Args:
        texts: n posts.
        labels: their severities; each label keeps its share in every fold as far as the groups allow.
        values: what each post is grouped by, such as its source.
        folds: how many, at least 2.
        seed: of the division.

    Raises:
        InputError: there are fewer values than folds, or a fold would be empty or leave one label to train on.
        MissingExtraError: scikit-learn is not installed.
    """
    alone = numbered(values)
    same = near_same(texts)
    count = len(set(values))
    if count < folds:
        raise InputError(
            f"{_counted(count, 'group')} for {folds} folds; "
            + ("one group cannot be left out of itself" if count < 2 else f"ask for at most {count} folds")
        )
    linked = connected(alone, same)
    chained = linked.max() + 1 < folds or (
        np.bincount(linked).max() > _LARGEST_JOINED * len(texts) >= np.bincount(alone).max()
    )
    if chained:
        return FoldPlan(_divide(labels, alone, same, folds, seed), alone, 0, "dropped")
    group_of = dict(zip(values, linked.tolist(), strict=True))
    sizes = np.bincount(list(group_of.values()))
    return FoldPlan(_divide(labels, linked, linked, folds, seed), linked, int(sizes[sizes > 1].sum()), "joined")


def random_folds(texts: Sequence[str], labels: Sequence[int], *, folds: int, seed: int) -> FoldPlan:
    """Divide posts at random, near-same posts together: what most published figures rest on.

    Args:
        texts: n posts.
        labels: their severities; each label keeps its share in every fold.
        folds: how many, at least 2.
        seed: of the division.

    Raises:
        InputError: there are fewer different posts than folds, or a fold would leave one label to train on.
        MissingExtraError: scikit-learn is not installed.
    """
    same = near_same(texts)
    if same.max() + 1 < folds:
        raise InputError(f"{_counted(int(same.max()) + 1, 'different post')} for {folds} folds; ask for fewer folds")
    return FoldPlan(_divide(labels, same, same, folds, seed), same, 0, "joined")


def _divide(labels: Sequence[int], groups: IntArray, inseparable: IntArray, folds: int, seed: int) -> tuple[Fold, ...]:
    """Cut groups into folds; what is inseparable from a held-out post is not trained on."""
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError:
        raise MissingExtraError("cross-validation", "train") from None
    codes = np.asarray(labels, dtype=np.int64)
    if np.bincount(codes).max() < folds:
        raise InputError(f"{_counted(len(codes), 'post')} are too few for {folds} folds")
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label with fewer posts than folds: said by the caller
        for number, (rest, held_out) in enumerate(splitter.split(np.zeros(len(codes)), codes, groups), start=1):
            if not len(held_out):
                raise InputError(f"fold {number} of {folds} would be empty: the groups are too uneven; ask for fewer")
            train = rest[~np.isin(inseparable[rest], inseparable[held_out])]
            present = set(codes[train].tolist())
            if len(present) < 2:
                what = f"only {LABELS[present.pop()]} posts" if present else "nothing"
                raise InputError(f"fold {number} of {folds} leaves {what} to train on; ask for fewer folds")
            made.append(Fold(number, np.sort(held_out), np.sort(train), len(rest) - len(train)))
    return tuple(made)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
