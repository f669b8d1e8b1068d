"""Hold posts out for choosing: by label, and never one of two near-same posts."""

from __future__ import annotations

import re
import warnings
import zlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError, MissingExtraError

_SHINGLE = 5
_BANDS, _ROWS = 20, 4  # two posts with a Jaccard of 0.7 share at least one band with 99.6 % probability
_NO_WORD = re.compile(r"[\W_]+")


def near_same_groups(texts: Sequence[str], threshold: float = 0.7) -> list[int]:
    """Group posts that are the same but for a few words: reposts, promoters' templates.

    Posts whose runs of five letters overlap (Jaccard) by the threshold are in one group, and so are those linked
    through a third. Found by MinHash, so that large sets need no comparison of all pairs.

    Args:
        texts: Posts.
        threshold: The least overlap, 0 to 1.

    Returns:
        A group number for each post.
    """
    parents = list(range(len(texts)))

    def root(item: int) -> int:
        while parents[item] != item:
            parents[item] = parents[parents[item]]
            item = parents[item]
        return item

    shingles = [_shingles(text) for text in texts]
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for item, own in enumerate(shingles):
        for band, key in enumerate(_signature(own)):
            buckets[band, key].append(item)
    for items in buckets.values():
        for one, other in {*pairwise(items), *((items[0], item) for item in items[1:])}:
            if root(one) == root(other):
                continue
            shared = len(np.intersect1d(shingles[one], shingles[other], assume_unique=True))
            if shared >= threshold * (len(shingles[one]) + len(shingles[other]) - shared):
                parents[root(other)] = root(one)
    return [root(item) for item in range(len(texts))]


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


def _shingles(text: str) -> npt.NDArray[np.uint64]:
    """The sorted, distinct hashes of all runs of five characters."""
    plain = _NO_WORD.sub(" ", text.lower()).strip()
    runs = {plain[start : start + _SHINGLE] for start in range(max(1, len(plain) - _SHINGLE + 1))}
    return np.unique(np.fromiter((zlib.crc32(run.encode("utf-8", "replace")) for run in runs), np.uint64, len(runs)))


_generator = np.random.default_rng(20241127)
_FACTORS = _generator.integers(0, 1 << 63, size=_BANDS * _ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _generator.integers(0, 1 << 63, size=_BANDS * _ROWS, dtype=np.uint64)


def _signature(shingles: npt.NDArray[np.uint64]) -> list[bytes]:
    """The MinHash signature in bands: posts that share a band are candidates."""
    # Multiply-shift hashing: the products wrap at 64 bits, and the upper half of each is well mixed.
    hashes = (shingles[:, None] * _FACTORS[None, :] + _OFFSETS[None, :]) >> np.uint64(32)
    smallest = hashes.min(axis=0)
    return [smallest[band * _ROWS : (band + 1) * _ROWS].tobytes() for band in range(_BANDS)]
