"""Posts that occur more than once, and what splits or files have in common.

Texts are compared as `check`, `split` and `sample` compare them (see `corpus.same_posts`): handles, links, phone and
identity numbers and letter case do not make another post. What a post answers is not looked at here.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.corpus.duplicates import near_duplicates_across, near_same_groups
from netral_nlp.corpus.same_posts import comparable
from netral_nlp.corpus.stats.posts import COLUMNS, Counts
from netral_nlp.labels import LABELS

SIZES = ((2, "2"), (5, "3–5"), (10, "6–10"), (50, "11–50"), (200, "51–200"))
LARGER = "201+"
MOST_PARTS = 12
"""More splits or files than these are not compared with each other, but the largest of them."""
_LARGEST_SHOWN = 10
_ROWS_SHOWN = 20
_RECENT = 4096

_Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Posts that are the same.

    Attributes:
        posts: how many.
        texts: how many different texts they have, as they are compared.
        labels: how many posts have each label, in the order of `COLUMNS`.
        rows: where the first of them are: row numbers by file.
    """

    posts: int
    texts: int
    labels: Counts
    rows: Mapping[str, tuple[int, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "posts": self.posts,
            "texts": self.texts,
            "labels": dict(zip(COLUMNS, self.labels, strict=True)),
            "rows": [{"file": file, "rows": list(rows)} for file, rows in self.rows.items()],
        }


@dataclass(frozen=True)
class Copies:
    """How many posts are copies of another.

    Attributes:
        posts: posts that were compared: those that are not empty.
        copies: posts less one of each group: what would go if one of each were kept.
        groups: groups of two or more.
        in_groups: posts in these groups.
        mixed: groups whose posts have different labels.
        sizes: groups and the posts in them, by the size of the group (see `SIZES`).
        largest: the largest groups, the first post's place deciding between equals.
    """

    posts: int
    copies: int
    groups: int
    in_groups: int
    mixed: int
    sizes: dict[str, tuple[int, int]]
    largest: tuple[Group, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "posts": self.posts,
            "copies": self.copies,
            "groups": self.groups,
            "posts_in_groups": self.in_groups,
            "groups_with_different_labels": self.mixed,
            "by_group_size": {name: {"groups": groups, "posts": posts} for name, (groups, posts) in self.sizes.items()},
            "largest_groups": [group.to_dict() for group in self.largest],
        }


@dataclass(frozen=True, slots=True)
class Shared:
    """What one part has in common with another.

    Attributes:
        part: whose posts are counted.
        other: where they occur as well.
        exact: posts of the part whose text the other has word for word, as they are compared.
        near: posts of the part whose text the other has word for word or nearly; None where it was not looked for in
            all of both.
    """

    part: str
    other: str
    exact: int
    near: int | None


@dataclass(frozen=True)
class Overlap:
    """What parts of the posts have in common.

    Attributes:
        kind: what the parts are: "split" or "file".
        posts: posts that are not empty, by part.
        shared: one entry for each ordered pair of parts.
        left_out: parts that were not compared, being too many.
    """

    kind: str
    posts: dict[str, int]
    shared: tuple[Shared, ...]
    left_out: int

    def between(self, part: str, other: str) -> Shared:
        """Return what a part has in common with another."""
        return next(pair for pair in self.shared if (pair.part, pair.other) == (part, other))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "posts": self.posts,
            "left_out": self.left_out,
            "pairs": [
                {"part": pair.part, "other": pair.other, "exact": pair.exact, "near": pair.near} for pair in self.shared
            ],
        }


@dataclass(frozen=True)
class Repeats:
    """Copies and overlaps of a set of posts.

    Attributes:
        threshold: the least likeness of near duplicates (Jaccard of runs of five characters).
        exact: posts with the same text; handles, links, phone and identity numbers and letter case do not count.
        near: posts that are the same but for a few words (exact copies are among them); None where not looked for.
        near_posts: how many posts, from the first on, near duplicates were looked for among.
        overlaps: between splits and between files, where there are two or more.
    """

    threshold: float
    exact: Copies
    near: Copies | None
    near_posts: int
    overlaps: tuple[Overlap, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "exact": self.exact.to_dict(),
            "near": None if self.near is None else self.near.to_dict(),
            "near_threshold": self.threshold,
            "near_looked_for_among": self.near_posts,
            "overlap": {overlap.kind: overlap.to_dict() for overlap in self.overlaps},
        }


class RepeatFinder:
    """Collects posts, then finds what is repeated among them.

    Of each post 8 bytes of a hash are kept (two different texts of a million share one once in 37 million runs), and
    of the first `most_near` the text, as it is compared.

    Args:
        most_near: how many posts to look for near duplicates among; the memory for their texts is the price.
    """

    def __init__(self, most_near: int) -> None:
        self._most_near = most_near
        self._hashes = array("Q")
        self._texts: list[str] = []
        self._codes = array("b")
        self._rows = array("q")
        self._parts: dict[str, array[int]] = {"split": array("l"), "file": array("l")}
        self._names: dict[str, dict[str, int]] = {"split": {}, "file": {}}

    def add(self, text: str, code: int, file: str, row: int, split: str | None) -> int:
        """Take a post that is not empty.

        Args:
            text: the post.
            code: the place of its label in `COLUMNS`.
            file: its file.
            row: its number there.
            split: its split, None where it has none.

        Returns:
            The hash of its text as it is compared: posts that are the same have the same.
        """
        text = _compared(text.strip())
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        self._hashes.append(number)
        if len(self._texts) < self._most_near:
            self._texts.append(text)
        self._codes.append(code)
        self._rows.append(row)
        for kind, name in (("split", split), ("file", file)):
            known = self._names[kind]
            self._parts[kind].append(-1 if name is None else known.setdefault(name, len(known)))
        return number

    def find(self, threshold: float) -> Repeats:
        """Find copies and overlaps.

        Args:
            threshold: the least likeness of near duplicates, 0.1 to 1.

        Raises:
            InputError: the threshold is another.
        """
        total = len(self._hashes)
        hashes = np.frombuffer(self._hashes, np.uint64) if total else np.empty(0, np.uint64)
        _, same = np.unique(hashes, return_inverse=True)
        same = same.astype(np.int64)
        exact = self._copies(same, same)
        near: _Integers | None = None
        copies = None
        looked = len(self._texts)
        if self._most_near:
            near = np.array(near_same_groups(self._texts, threshold), dtype=np.int64)
            copies = self._copies(near, same[:looked])
        overlaps = tuple(
            self._overlap(kind, same, near, threshold) for kind in ("split", "file") if len(self._names[kind]) > 1
        )
        return Repeats(threshold, exact, copies, looked, overlaps)

    def _copies(self, groups: _Integers, texts: _Integers) -> Copies:
        """Count groups; `groups` and `texts` number each post's group and text, from the first post on."""
        count = len(groups)
        names, firsts, places, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
        codes = np.frombuffer(self._codes, np.int8)[:count] if count else np.empty(0, np.int8)
        labels = np.bincount(places * len(COLUMNS) + codes, minlength=len(names) * len(COLUMNS))
        labels = labels.reshape(-1, len(COLUMNS))
        several = sizes > 1
        mixed = (labels[:, : len(LABELS)] > 0).sum(axis=1) > 1
        by_size = dict.fromkeys((*(name for _, name in SIZES), LARGER), (0, 0))
        for size, number in zip(*np.unique(sizes[several], return_counts=True), strict=True):
            name = next((name for most, name in SIZES if size <= most), LARGER)
            known = by_size[name]
            by_size[name] = (known[0] + int(number), known[1] + int(number * size))
        order = np.lexsort((firsts, -sizes))[:_LARGEST_SHOWN]
        largest = []
        for group in order[several[order]].tolist():
            rows = np.flatnonzero(places == group)
            largest.append(
                Group(
                    len(rows),
                    len(np.unique(texts[rows])),
                    tuple(labels[group].tolist()),
                    self._where(rows[:_ROWS_SHOWN].tolist()),
                )
            )
        return Copies(
            count,
            count - len(names),
            int(several.sum()),
            int(sizes[several].sum()),
            int((mixed & several).sum()),
            by_size,
            tuple(largest),
        )

    def _where(self, posts: Sequence[int]) -> dict[str, tuple[int, ...]]:
        files = list(self._names["file"])
        rows: dict[str, tuple[int, ...]] = {}
        for post in posts:
            file = files[self._parts["file"][post]]
            rows[file] = (*rows.get(file, ()), self._rows[post])
        return rows

    def _overlap(self, kind: str, same: _Integers, near: _Integers | None, threshold: float) -> Overlap:
        parts = np.array(self._parts[kind], dtype=np.int64)
        names = list(self._names[kind])
        sizes = np.bincount(parts[parts >= 0], minlength=len(names))
        kept = sorted(np.argsort(-sizes, kind="stable")[:MOST_PARTS].tolist())
        whole = np.bincount(parts[: len(self._texts)][parts[: len(self._texts)] >= 0], minlength=len(names)) == sizes
        texts = int(same.max()) + 1 if same.size else 0
        has = {part: np.bincount(same[parts == part], minlength=texts) > 0 for part in kept}
        shared = []
        for part, other in _pairs(kept):
            exact = int(has[other][same[parts == part]].sum())
            alike = None
            if near is not None and whole[part] and whole[other]:
                alike = self._near(parts[: len(near)], near, part, other, threshold)
            shared.append(Shared(names[part], names[other], exact, alike))
        return Overlap(kind, {names[part]: int(sizes[part]) for part in kept}, tuple(shared), len(names) - len(kept))

    def _near(self, parts: _Integers, near: _Integers, part: int, other: int, threshold: float) -> int:
        """Count a part's posts that have a near duplicate in the other.

        Being in one group does not do: groups are linked through third posts. But only there can they be.
        """
        groups = np.intersect1d(near[parts == part], near[parts == other])
        own = np.flatnonzero((parts == part) & np.isin(near, groups)).tolist()
        theirs = np.flatnonzero((parts == other) & np.isin(near, groups)).tolist()
        if not own or not theirs:
            return 0
        texts = self._texts
        return len(near_duplicates_across([texts[row] for row in own], [texts[row] for row in theirs], threshold))


@lru_cache(maxsize=_RECENT)  # templates come one after another
def _compared(text: str) -> str:
    """Return a text without handles, links and numbers, in one case; as it stands where it is nothing else."""
    return comparable(text) or text


def _pairs(parts: Sequence[int]) -> Iterator[tuple[int, int]]:
    return ((part, other) for part in parts for other in parts if part != other)
