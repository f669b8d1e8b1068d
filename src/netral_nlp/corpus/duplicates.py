"""Posts that are the same but for a few words: reposts, promoters' templates, leaks between splits.

Two posts are compared by the runs of five characters that they hold, in lower case and without punctuation and emoji
(a post that has nothing else is compared by its emoji). Their likeness is the Jaccard index of the two sets of runs.

Comparing all pairs is out of reach for large sets, so MinHash signatures, cut into bands, propose pairs (Broder, "On
the resemblance and containment of documents", 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets",
chapter 3), and every proposed pair is then measured. Bands are chosen for the threshold, so that a pair that reaches it
is proposed with at least 99.5 % probability. Only in crowds does this weaken: where more than 32 posts share a band,
the 32 that are closest in the next band are measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
_Integer = TypeVar("_Integer", np.int64, np.uint64)
_Words = npt.NDArray[np.uint64]

_RUN = 5
_MISSED = 0.004
"""At most this share of the pairs at the threshold is not proposed; a little less than promised, for safety."""
_MOST_HASHES = 160
_CROWD = 32
_NO_WORD = re.compile(r"[\W_]+")
_LOWEST_THRESHOLD = 0.1

_CHUNK = 2048
_ROUNDING = 1e-9
_PAIR_BITS = np.uint64(48)
_LARGEST_BATCH = 1 << 21
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A post and the most alike post of another set.

    Attributes:
        row: position (from 0) among the first texts.
        other_row: position (from 0) among the others.
        jaccard: shared runs of five characters among all runs of the two; 1.0 for the same words.
    """

    row: int
    other_row: int
    jaccard: float


def jaccard(text: str, other: str) -> float:
    """Return how alike two posts are, 0 to 1: the Jaccard index of their runs of five characters."""
    one, two = _plain(text), _plain(other)
    if one == two:
        return 1.0
    if not one or not two:
        return 0.0
    runs = _Runs.of([one, two])
    return float(_jaccards(runs, np.array([0]), runs, np.array([1]))[0])


def jaccards(texts: Sequence[str], ones: Sequence[int], others: Sequence[int]) -> FloatArray:
    """Return how alike given pairs of posts are: what `jaccard` says of each, many times faster.

    Args:
        texts: posts.
        ones: (n,) positions of the first post of each pair.
        others: (n,) positions of the second.

    Returns:
        (n,) from 0 to 1.
    """
    numbers: dict[str, int] = {}
    places = np.array([numbers.setdefault(_plain(text), len(numbers)) for text in texts], dtype=np.int64)
    left, right = (places[np.asarray(side, dtype=np.int64)] for side in (ones, others))
    runs = _Runs.of(list(numbers))
    likeness = _jaccards(runs, left, runs, right)
    likeness[left == right] = 1.0
    if (blank := numbers.get("")) is not None:
        likeness[((left == blank) | (right == blank)) & (left != right)] = 0.0
    return likeness


def near_same_groups(texts: Sequence[str], threshold: float = 0.7) -> list[int]:
    """Group posts that are the same but for a few words: reposts, promoters' templates.

    Posts whose runs of five characters overlap (Jaccard) by the threshold are in one group, and so are those linked
    through a third. Found by MinHash, so that large sets need no comparison of all pairs.

    Args:
        texts: posts; blank ones are one group.
        threshold: the least overlap, 0.1 to 1.

    Returns:
        A group number for each post: the position of the group's first post.

    Raises:
        InputError: the threshold is another.
    """
    bands, rows = choose_bands(threshold)
    first: dict[str, int] = {}
    places = [first.setdefault(_plain(text), row) for row, text in enumerate(texts)]
    plains = list(first)
    group_of = dict(zip(first.values(), _link(plains, threshold, bands, rows), strict=True))
    starts = list(first.values())
    return [starts[group_of[place]] for place in places]


def near_duplicates_across(texts: Sequence[str], others: Sequence[str], threshold: float = 0.7) -> list[NearDuplicate]:
    """Find the texts that occur among others, word for word or nearly: what leaks from one split into another.

    Args:
        texts: posts of one set.
        others: posts of another.
        threshold: the least overlap (Jaccard of the runs of five characters), 0.1 to 1.

    Returns:
        One entry for each text that has a near duplicate, in order of rows, with the most alike of the others (the
        first of equals). Blank texts have none.

    Raises:
        InputError: the threshold is another.
    """
    bands, rows = choose_bands(threshold)
    own: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        own.setdefault(_plain(text), []).append(row)
    theirs: dict[str, int] = {}
    for row, text in enumerate(others):
        theirs.setdefault(_plain(text), row)
    own.pop("", None)
    theirs.pop("", None)

    found = [NearDuplicate(row, theirs[plain], 1.0) for plain in own if plain in theirs for row in own[plain]]
    rest = [plain for plain in own if plain not in theirs]
    if rest and theirs:
        other_rows = list(theirs.values())
        for place, other, likeness in _nearest(rest, list(theirs), threshold, bands, rows):
            found += [NearDuplicate(row, other_rows[other], likeness) for row in own[rest[place]]]
    return sorted(found, key=lambda pair: pair.row)


def choose_bands(threshold: float) -> tuple[int, int]:
    """Return how many bands of how many hashes find a pair at the threshold with at least 99.5 % probability.

    A pair of Jaccard J shares a band of r hashes with probability J^r, and one of b bands with 1 - (1 - J^r)^b. The
    widest bands within 160 hashes are taken, since they propose the fewest pairs in vain.

    Raises:
        InputError: the threshold does not lie between 0.1 and 1.
    """
    if not _LOWEST_THRESHOLD <= threshold <= 1:
        raise InputError(f"a threshold of likeness lies between {_LOWEST_THRESHOLD} and 1; got {threshold}")
    if threshold == 1:
        return 1, 8
    chosen = (math.ceil(math.log(_MISSED) / math.log1p(-threshold)), 1)
    for rows in range(2, 17):
        bands = math.ceil(math.log(_MISSED) / math.log1p(-(threshold**rows)))
        if bands * rows <= _MOST_HASHES:
            chosen = bands, rows
    return chosen


def _plain(text: str) -> str:
    """What is compared: the words in lower case; of a post without words, what it has instead."""
    return _NO_WORD.sub(" ", text.lower()).strip() or "".join(text.split())


@dataclass(frozen=True)
class _Runs:
    """The distinct runs of five characters of many texts, as 48-bit fingerprints.

    Two runs of a pair of posts of 200 characters share a fingerprint by chance once in ten thousand million pairs.
    """

    values: _Words
    """The texts' runs one after another, sorted within each text."""
    starts: IntArray
    """(n + 1,) where each text's runs start."""

    @property
    def sizes(self) -> IntArray:
        return np.diff(self.starts)

    @classmethod
    def of(cls, plains: Sequence[str]) -> _Runs:
        """Find the runs; a shorter text is one run."""
        values: list[_Words] = []
        counts: list[IntArray] = []
        for start in range(0, len(plains), _CHUNK):
            # NUL pads: no text holds one among its words.
            padded = [plain.ljust(_RUN, "\0") for plain in plains[start : start + _CHUNK]]
            lengths = np.array([len(plain) for plain in padded], dtype=np.int64)
            letters = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
            count = len(letters) - _RUN + 1
            hashes = np.zeros(count, dtype=np.uint64)
            for place in range(_RUN):
                hashes += letters[place : place + count] * _WEIGHTS[place]
            owners = np.repeat(np.arange(len(padded)), lengths)
            after = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(letters))
            whole = (after >= _RUN)[:count]  # the run does not reach into the next text
            keys = _distinct((owners[:count][whole].astype(np.uint64) << _PAIR_BITS) | _mix(hashes[whole]))
            values.append(keys & _RUN_MASK)
            counts.append(np.bincount((keys >> _PAIR_BITS).astype(np.int64), minlength=len(padded)))
        sizes = np.concatenate(counts) if counts else np.zeros(0, dtype=np.int64)
        joined = np.concatenate(values) if values else np.zeros(0, dtype=np.uint64)
        return cls(joined, np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)]))

    def keyed(self, texts: IntArray) -> _Words:
        """Return the runs of some texts, each with the text's place in `texts` in its upper 16 bits."""
        sizes = self.sizes[texts]
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        places = np.repeat(np.arange(len(texts)), sizes).astype(np.uint64)
        keys: _Words = (places << _PAIR_BITS) | self.values[np.repeat(self.starts[texts], sizes) + within]
        return keys

    def signed(self, bands: int, rows: int) -> _Signatures:
        """Return the MinHash signatures."""
        chance = np.random.default_rng(20241127)
        factors = chance.integers(0, 1 << 63, size=bands * rows, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        offsets = chance.integers(0, 1 << 63, size=bands * rows, dtype=np.uint64)
        keys = np.zeros((len(self.starts) - 1, bands), dtype=np.uint64)
        sketches = np.zeros((len(keys), bands * rows), dtype=np.uint8)
        # A few hundred texts at once: their runs stay in the processor's cache for all the hashes.
        for start in range(0, len(keys), 256):
            end = min(start + 256, len(keys))
            values = self.values[self.starts[start] : self.starts[end]]
            places = self.starts[start:end] - self.starts[start]
            buffer = np.empty_like(values)
            for number, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
                # Multiply-shift hashing: the products wrap at 64 bits, and the upper half of each is well mixed.
                np.multiply(values, factor, out=buffer)
                buffer += offset
                buffer >>= _HALF
                smallest = np.minimum.reduceat(buffer, places)
                column = keys[start:end, number // rows]
                column *= _STEP
                column += smallest
                sketches[start:end, number] = smallest.astype(np.uint8)
        return _Signatures(_mix(keys) >> np.uint64(16), sketches)


@dataclass(frozen=True)
class _Signatures:
    """MinHash signatures of n texts."""

    keys: _Words
    """(n, bands) one 32-bit key a band: texts that share one are proposed."""
    sketches: npt.NDArray[np.uint8]
    """(n, bands * rows) the lowest byte of each hash: the share of equal ones estimates the Jaccard index."""

    def with_next(self, band: int) -> _Words:
        """Return a band's keys, and below them those of the next band: what sorts the most alike side by side."""
        return (self.keys[:, band] << _HALF) | self.keys[:, (band + 1) % self.keys.shape[1]]


def _distinct(values: npt.NDArray[_Integer]) -> npt.NDArray[_Integer]:
    """Return the distinct values in order; sorting beats the hash table of `numpy.unique` several times here."""
    values = np.sort(values)
    keep = np.ones(len(values), dtype=bool)
    keep[1:] = values[1:] != values[:-1]
    return values[keep]


def _mix(words: _Words) -> _Words:
    """Spread every bit over 48 (the finaliser of SplitMix64, Steele and others 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (words ^ (words >> np.uint64(31))) >> np.uint64(16)


_RUN_MASK = np.uint64((1 << 48) - 1)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_WEIGHTS = np.array(
    [0xD1342543DE82EF95, 0xAF251AF3B0F025B5, 0xDA942042E4DD58B5, 0x9FB21C651E98DF25, 0xC2B2AE3D27D4EB4F],
    dtype=np.uint64,
)


def _jaccards(left: _Runs, ones: IntArray, right: _Runs, others: IntArray) -> FloatArray:
    """Return the Jaccard index of each pair (text of `left`, text of `right`)."""
    sizes = left.sizes[ones] + right.sizes[others]
    shared = np.zeros(len(ones), dtype=np.int64)
    for start, end in _batches(sizes):
        keys = np.concatenate([left.keyed(ones[start:end]), right.keyed(others[start:end])])
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]]  # a text holds each of its runs once, so these are in both
        shared[start:end] = np.bincount((twice >> _PAIR_BITS).astype(np.int64), minlength=end - start)
    likeness: FloatArray = shared / np.maximum(sizes - shared, 1)
    return likeness


def _batches(sizes: IntArray) -> Iterator[tuple[int, int]]:
    """Cut pairs into batches of bounded size, each at least one pair."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        end = int(np.searchsorted(ends, before + _LARGEST_BATCH, side="right"))
        end = min(max(end, start + 1), start + (1 << 16))
        yield start, end
        start = end


@dataclass(frozen=True)
class _Side:
    """One side of a comparison."""

    runs: _Runs
    signatures: _Signatures

    @classmethod
    def of(cls, plains: Sequence[str], bands: int, rows: int) -> _Side:
        runs = _Runs.of(plains)
        return cls(runs, runs.signed(bands, rows))


def _alike(
    left: _Side, ones: IntArray, right: _Side, others: IntArray, threshold: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the pairs that reach the threshold, with their Jaccard index.

    Most proposed pairs fall short by far. Those whose sizes rule the threshold out, and those whose signatures miss it
    by more than 4.5 standard errors (3 in a million of the pairs at the threshold), are dropped unmeasured.
    """
    one, other = left.runs.sizes[ones], right.runs.sizes[others]
    fit = np.minimum(one, other) >= threshold * np.maximum(one, other) - _ROUNDING
    ones, others = ones[fit], others[fit]
    hashes = left.signatures.sketches.shape[1]
    expected = threshold + (1 - threshold) / 256  # a byte of unequal hashes is equal by chance
    least = expected - 4.5 * math.sqrt(expected * (1 - expected) / hashes)
    fit = np.zeros(len(ones), dtype=bool)
    for start in range(0, len(ones), _CHUNK):
        part = slice(start, start + _CHUNK)
        equal = left.signatures.sketches[ones[part]] == right.signatures.sketches[others[part]]
        fit[part] = np.count_nonzero(equal, axis=1) >= least * hashes - _ROUNDING
    ones, others = ones[fit], others[fit]
    likeness = _jaccards(left.runs, ones, right.runs, others)
    fit = likeness >= threshold - _ROUNDING
    return ones[fit], others[fit], likeness[fit]


def _link(plains: Sequence[str], threshold: float, bands: int, rows: int) -> IntArray:
    """Return for each of the distinct texts the place of the first text of its group."""
    parents = np.arange(len(plains))
    side = _Side.of(plains, bands, rows)
    for band in range(bands):
        combined = side.signatures.with_next(band)
        order = np.argsort(combined, kind="stable")
        own = combined[order] >> _HALF
        for step in range(1, _CROWD + 1):
            same = np.flatnonzero(own[step:] == own[:-step])
            if not same.size:
                break
            ones, others = order[same], order[same + step]
            apart = parents[ones] != parents[others]
            ones, others, _ = _alike(side, ones[apart], side, others[apart], threshold)
            if ones.size:
                parents = join_groups(parents, ones, others)
    return parents


def join_groups(parents: IntArray, ones: IntArray, others: IntArray) -> IntArray:
    """Join the groups of pairs.

    Args:
        parents: (n,) the group of each item: the number of the group's first item.
        ones: one item of each pair.
        others: the other item.

    Returns:
        (n,) the groups after joining; each keeps its first item as its number.
    """
    tree = parents.tolist()

    def root(item: int) -> int:
        while tree[item] != item:
            tree[item] = tree[tree[item]]
            item = tree[item]
        return item

    for one, other in zip(ones.tolist(), others.tolist(), strict=True):
        low, high = sorted((root(one), root(other)))
        tree[high] = low
    flat = np.array(tree)
    while (flat[flat] != flat).any():
        flat = flat[flat]
    return flat


def _nearest(
    plains: Sequence[str], others: Sequence[str], threshold: float, bands: int, rows: int
) -> Iterator[tuple[int, int, float]]:
    """Yield (place among `plains`, place among `others`, Jaccard) of each text's most alike other."""
    right = _Side.of(others, bands, rows)
    sorted_keys, orders = [], []
    for band in range(bands):
        combined = right.signatures.with_next(band)
        orders.append(np.argsort(combined, kind="stable"))
        sorted_keys.append(combined[orders[-1]])
    for start in range(0, len(plains), _CHUNK):
        left = _Side.of(plains[start : start + _CHUNK], bands, rows)
        proposed = [
            _proposed(left.signatures.with_next(band), sorted_keys[band], orders[band]) for band in range(bands)
        ]
        codes = _distinct(np.concatenate(proposed))
        ones, twos, likeness = _alike(left, codes // len(others), right, codes % len(others), threshold)
        best = np.lexsort((twos, -likeness, ones))
        places, firsts = np.unique(ones[best], return_index=True)
        for place, pair in zip(places.tolist(), best[firsts].tolist(), strict=True):
            yield start + place, int(twos[pair]), float(likeness[pair])


def _proposed(wanted: _Words, known: _Words, order: IntArray) -> IntArray:
    """Return the pairs that share a band, as text * len(others) + other; at most 32 others a text.

    Args:
        wanted: (n,) the texts' keys, band and next band.
        known: (m,) those of the others, sorted.
        order: (m,) which other each of them belongs to.
    """
    low = np.searchsorted(known, wanted & ~_LOW, side="left")
    high = np.searchsorted(known, wanted | _LOW, side="right")
    near = np.searchsorted(known, wanted, side="left") - _CROWD // 2
    first = np.clip(near, low, np.maximum(low, high - _CROWD))
    count = np.minimum(high - first, _CROWD)
    ones = np.repeat(np.arange(len(wanted)), count)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    codes: IntArray = ones * len(known) + order[np.repeat(first, count) + within]
    return codes
