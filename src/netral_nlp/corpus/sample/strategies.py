"""Which posts teach most: the strategies, each over arrays or lists alone.

* *Uncertainty*: the least margin between the two likeliest labels (Scheffer, Decomain and Wrobel, "Active Hidden Markov
  Models for Information Extraction", 2001; Settles, "Active Learning Literature Survey", 2009, section 3.1).
* *Disagreement*: two models as a committee (Seung, Opper and Sompolinsky, "Query by Committee", 1992); how far apart
  they are is the Jensen-Shannon divergence (Lin, "Divergence Measures Based on the Shannon Entropy", 1991).
* *Diversity*: one post of each cluster (Nguyen and Smeulders, "Active Learning Using Pre-clustering", 2004).
* *Mixed*: the most uncertain posts, clustered with their uncertainty as weight, and one of each cluster (Zhdanov,
  "Diverse mini-batch Active Learning", 2019).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.random import Generator

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

PRESELECTED: Final = 10
"""The mixed strategy clusters this many times as many posts as it takes (Zhdanov's beta), but at most a quarter of all
(at least twice as many as it takes): otherwise it would take posts that the model is sure of out of a small pool."""

_DIMENSIONS = 64
_FEATURES = 1 << 18
_FITTED_ON = 20_000
_WHOLE = 20_000
_CHEAP = 200_000
_MOST_CLUSTERS = 256
_NOISE = re.compile(r"https?://\S+|(?<!\S)[@#]?@\S+|\bRT\b")
_WORDS = r"(?u)\w\w+|[^\w\s]"


def require_clusters() -> None:
    """Check that posts can be clustered, before a model takes its time to score them.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        import sklearn.cluster  # noqa: F401
    except ImportError:
        raise MissingExtraError("drawing posts of many kinds (--by diversity or mixed)", "train") from None


def margins(probabilities: npt.ArrayLike) -> FloatArray:
    """Return how far the likeliest label leads the second, 0 to 1.

    Args:
        probabilities: (n, labels).
    """
    ordered = np.sort(np.asarray(probabilities, dtype=np.float64), axis=1)
    lead: FloatArray = ordered[:, -1] - ordered[:, -2]
    return lead


def entropies(probabilities: npt.ArrayLike) -> FloatArray:
    """Return the entropy of each distribution in bits.

    Args:
        probabilities: (n, labels).
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    bits: FloatArray = -(chances * np.log2(np.maximum(chances, np.finfo(float).tiny))).sum(axis=1)
    return bits


def divergences(one: npt.ArrayLike, other: npt.ArrayLike) -> FloatArray:
    """Return the Jensen-Shannon divergence of each pair of distributions in bits, 0 (the same) to 1.

    Args:
        one: (n, labels).
        other: (n, labels).
    """
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    apart: FloatArray = entropies((first + second) / 2) - (entropies(first) + entropies(second)) / 2
    return np.clip(apart, 0.0, 1.0)


def by_uncertainty(probabilities: npt.ArrayLike) -> IntArray:
    """Return all rows, the least certain first: by margin, equal ones by entropy, then in their order.

    Args:
        probabilities: (n, labels).
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    # Rounded, or the last bit of a sum would decide between equals.
    order: IntArray = np.lexsort((-entropies(chances).round(9), margins(chances).round(9)))
    return order


def by_disagreement(one: npt.ArrayLike, other: npt.ArrayLike) -> IntArray:
    """Return all rows, the most disputed first: different labels before equal ones, then by divergence.

    Args:
        one: (n, labels) of one model.
        other: (n, labels) of another.
    """
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    agreed = first.argmax(axis=1) == second.argmax(axis=1)
    order: IntArray = np.lexsort((-divergences(first, second).round(9), agreed))
    return order


def allocate(shares: npt.ArrayLike, limits: Sequence[int], count: int) -> list[int]:
    """Part a number of seats by shares, none getting more than its limit (Webster's divisor method).

    Args:
        shares: (n,) what each one has a claim in proportion to; square roots of sizes for square-root allocation.
        limits: (n,) the most that each can take.
        count: how many to part; at most the sum of the limits are.

    Returns:
        How many each one gets.
    """
    claims = np.asarray(shares, dtype=np.float64).tolist()
    given = [0] * len(limits)
    heap = [(-claim, place) for place, claim in enumerate(claims) if limits[place]]
    heapq.heapify(heap)
    for _ in range(min(count, sum(limits))):
        _, place = heapq.heappop(heap)
        given[place] += 1
        if given[place] < limits[place]:
            heapq.heappush(heap, (-claims[place] / (2 * given[place] + 1), place))
    return given


def embed(texts: Sequence[str], seed: int = 0) -> npt.NDArray[np.float32]:
    """Lay texts out by the words that they use: hashed TF-IDF of one and two words, reduced by truncated SVD.

    No vocabulary is kept, so that 100,000 posts fit in memory; the axes are fitted on at most 20,000 of them.

    Args:
        texts: posts; handles and links do not count.
        seed: of the reduction.

    Returns:
        (n, at most 64), each row of length 1, or 0 where a post has no words.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    require_clusters()
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.preprocessing import normalize

    counts = HashingVectorizer(
        n_features=_FEATURES, ngram_range=(1, 2), token_pattern=_WORDS, norm=None, alternate_sign=False
    ).transform(_NOISE.sub(" ", text) for text in texts)
    used = np.unique(counts.indices)
    if not len(used):  # not one word
        return np.zeros((len(texts), 1), dtype=np.float32)
    weighed = TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, used])
    chance = np.random.default_rng(seed)
    rows = np.arange(len(texts))
    fitted = np.sort(chance.choice(rows, _FITTED_ON, replace=False)) if len(rows) > _FITTED_ON else rows
    reduction = TruncatedSVD(
        max(1, min(_DIMENSIONS, len(fitted) - 1, weighed.shape[1] - 1)), n_iter=4, random_state=seed
    )
    with _one_thread(), np.errstate(all="ignore"):  # equal posts have no variance to explain
        reduction.fit(weighed[fitted])
        vectors: npt.NDArray[np.float32] = normalize(reduction.transform(weighed)).astype(np.float32)
    return vectors


def diverse(
    vectors: npt.NDArray[np.float32], count: int, *, weights: npt.ArrayLike | None = None, seed: int = 0
) -> tuple[IntArray, IntArray]:
    """Cluster posts and take the one nearest to each centre.

    Above 256 clusters the posts are first parted into large ones, which get theirs by weight, so that 8,000 of 100,000
    posts are drawn in a minute.

    Args:
        vectors: (n, d) as `embed` makes them.
        count: how many; at most n.
        weights: (n,) how much each post pulls its centre; equal by default.
        seed: of the clusters.

    Returns:
        The rows that are taken, in their order, and how many posts each one stands for.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    pull = np.ones(len(vectors)) if weights is None else np.maximum(np.asarray(weights, dtype=np.float64), 1e-6)
    rows, sizes = _representatives(vectors, pull, np.arange(len(vectors)), min(count, len(vectors)), seed)
    order = np.argsort(rows)
    return rows[order], sizes[order]


def preselect(probabilities: npt.ArrayLike, count: int) -> IntArray:
    """Return the uncertain rows out of which the mixed strategy takes `count`, in their order: see `PRESELECTED`.

    Args:
        probabilities: (n, labels).
        count: how many are to be taken in the end.
    """
    order = by_uncertainty(probabilities)
    best: IntArray = np.sort(order[: min(PRESELECTED * count, max(2 * count, len(order) // 4))])
    return best


def at_random(size: int, count: int, chance: Generator) -> IntArray:
    """Return `count` of `size` rows in their order, every choice as likely as any other."""
    drawn: IntArray = np.sort(chance.choice(size, min(count, size), replace=False)).astype(np.int64)
    return drawn


def _representatives(
    vectors: npt.NDArray[np.float32], weights: FloatArray, rows: IntArray, count: int, seed: int
) -> tuple[IntArray, IntArray]:
    """Return `count` of `rows` and how many each stands for."""
    if count >= len(rows):
        return rows, np.ones(len(rows), dtype=np.int64)
    if not count:
        return rows[:0], np.zeros(0, dtype=np.int64)
    parts = min(_MOST_CLUSTERS, -(-count // (_MOST_CLUSTERS // 2))) if count > _MOST_CLUSTERS else count
    clusters, distances = _cluster(vectors[rows], weights[rows], parts, seed)
    if parts == count:
        order = np.lexsort((np.arange(len(rows)), distances, clusters))
        _, firsts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
        taken = order[firsts]
        if len(taken) < count:  # fewer kinds than asked for: the farthest from what is taken
            rest = np.setdiff1d(np.arange(len(rows)), taken)
            more = rest[np.argsort(-distances[rest], kind="stable")][: count - len(taken)]
            taken = np.concatenate([taken, more])
            sizes = np.concatenate([sizes, np.ones(len(more), dtype=np.int64)])
        return rows[taken], sizes
    members = [rows[clusters == part] for part in range(parts)]
    quotas = allocate([weights[own].sum() for own in members], [len(own) for own in members], count)
    found = [_representatives(vectors, weights, own, quota, seed) for own, quota in zip(members, quotas, strict=True)]
    return np.concatenate([part for part, _ in found]), np.concatenate([sizes for _, sizes in found])


def _cluster(
    vectors: npt.NDArray[np.float32], weights: FloatArray, count: int, seed: int
) -> tuple[IntArray, FloatArray]:
    """Return each post's cluster and its distance from the centre: k-means, by small batches where there are many."""
    require_clusters()
    import warnings

    from sklearn.cluster import KMeans, MiniBatchKMeans

    kind: Any
    if len(vectors) <= _WHOLE:
        tries = max(1, min(10, _CHEAP // (len(vectors) * count)))  # few posts often end in a poor optimum
        kind = KMeans(count, n_init=tries, max_iter=50, random_state=seed)
    else:
        kind = MiniBatchKMeans(count, n_init=1, batch_size=4096, max_iter=10, random_state=seed)
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct posts than clusters
        clusters = kind.fit(vectors, sample_weight=weights).labels_.astype(np.int64)
        distances = np.linalg.norm(vectors - kind.cluster_centers_[clusters], axis=1).astype(np.float64)
    return clusters, distances.round(6)


def _one_thread() -> Any:
    """One thread: sums that are made in parts differ in their last bits, and with them the clusters."""
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    return threadpool_limits(1)
