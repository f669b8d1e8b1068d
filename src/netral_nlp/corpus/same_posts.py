"""Which posts are the same: for conflicting labels, duplicates, and leaks between the sides of a split.

Texts are compared after normalising, without handles, links, phone and id numbers, whatever the case. Where posts have
a context, it counts: "Gas 🔥" under a campaign post and "Gas 🔥" under a recipe are two posts, and two short comments
under the same long post are not the same only because they answer the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

from netral_nlp.corpus.duplicates import jaccards, near_duplicates_across, near_same_groups
from netral_nlp.labels import Label
from netral_nlp.text import Masks, Normaliser

_FEW = 32
"""Up to this many posts under one context are compared pair by pair; more are left to MinHash."""
_PAIRS_AT_ONCE = 1 << 18
_ROUNDING = 1e-9
# Masked links and handles make unlike short posts alike; as they stand, they tell apart reposts that are the same post.
_READER = Normaliser(masks=Masks(handle=" ", url=" ", email=" ", phone=" ", id_number=" "))


@dataclass(frozen=True, slots=True)
class Conflict:
    """One text with different labels.

    Attributes:
        rows: the posts' positions (from 0), in order.
        labels: their labels.
        majority: the label that most of them have; None where there is no such label.
    """

    rows: tuple[int, ...]
    labels: tuple[Label, ...]
    majority: Label | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready; rows count from 1."""
        return {
            "rows": [row + 1 for row in self.rows],
            "labels": [label.value for label in self.labels],
            "majority": None if self.majority is None else self.majority.value,
        }


@dataclass(frozen=True, slots=True)
class SamePost:
    """A post that stands among others too.

    Attributes:
        row: its position (from 0).
        other_row: the position of the most alike one among the others.
        jaccard: how alike they are, with their contexts; 1.0 for the same words.
    """

    row: int
    other_row: int
    jaccard: float


@dataclass(frozen=True)
class ComparedPosts:
    """Posts as they are compared.

    Attributes:
        texts: normalised, without handles, links, phone and id numbers, in one case.
        contexts: likewise; blank where there is none.
        actions: what was done; blank where it is not known.
    """

    texts: tuple[str, ...]
    contexts: tuple[str, ...]
    actions: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str], contexts: Sequence[str | None], actions: Sequence[str | None]) -> ComparedPosts:
        """Normalise posts.

        Args:
            texts: as posted.
            contexts: what each one answers; as many as texts.
            actions: what was done; as many as texts.
        """
        known: dict[str, str] = {"": ""}  # a context is answered many times

        def context(value: str | None) -> str:
            value = value or ""
            if value not in known:
                known[value] = comparable(value)
            return known[value]

        return cls(
            tuple(comparable(text) for text in texts),
            tuple(context(value) for value in contexts),
            tuple(value or "" for value in actions),
        )

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def joined(self) -> tuple[str, ...]:
        """Text and context of each post as one text."""
        return tuple(f"{text}\n{context}".strip() for text, context in zip(self.texts, self.contexts, strict=True))

    def keys(self) -> Iterator[tuple[str, str, str]]:
        """Yield what makes a post: text, context and action."""
        yield from zip(self.texts, self.contexts, self.actions, strict=True)


def comparable(text: str) -> str:
    """Return a text as it is compared; blank where nothing but handles, links and numbers to call stood in it."""
    return _READER(text).casefold()


def conflicts(posts: ComparedPosts, labels: Sequence[Label | None]) -> tuple[Conflict, ...]:
    """Find the same post (text, context and action) with different labels, in order of the first post of each.

    Args:
        posts: n posts; those without any words are left out.
        labels: n labels; posts without one are left out.
    """
    groups: dict[tuple[str, str, str], list[int]] = {}
    for row, key in enumerate(posts.keys()):
        if labels[row] is not None and (key[0] or key[1]):
            groups.setdefault(key, []).append(row)
    found = []
    for rows in groups.values():
        given = tuple(label for row in rows if (label := labels[row]) is not None)
        if len(set(given)) > 1:
            (most, times), (_, next_times) = Counter(given).most_common(2)
            found.append(Conflict(tuple(rows), given, most if times > next_times else None))
    return tuple(found)


def same_groups(posts: ComparedPosts, threshold: float) -> list[int]:
    """Group posts whose texts are the same but for a few words, under the same context.

    Args:
        posts: n posts.
        threshold: the least likeness (Jaccard of runs of five characters), 0.1 to 1.

    Returns:
        A group number for each post: the position of the group's first post. A post without words of its own is alone.

    Raises:
        InputError: the threshold is another.
    """
    groups = list(range(len(posts)))
    small: list[list[int]] = []
    for rows in _under(posts, range(len(posts))).values():
        if 1 < len(rows) <= _FEW:
            small.append(rows)
        elif len(rows) > 1:
            for row, first in zip(rows, near_same_groups([posts.texts[row] for row in rows], threshold), strict=True):
                groups[row] = rows[first]
    # Thousands of contexts with a few posts each: all their pairs are measured at once.
    pairs = [pair for rows in small for pair in combinations(rows, 2)]
    for one, other, _ in _alike(posts.texts, pairs, threshold):
        low, high = sorted((_root(groups, one), _root(groups, other)))
        groups[high] = low
    return [_root(groups, row) for row in range(len(posts))]


def same_across(
    posts: ComparedPosts, rows: Sequence[int], others: ComparedPosts, other_rows: Sequence[int], threshold: float
) -> list[SamePost]:
    """Find the posts that stand among others too, word for word or nearly.

    Two posts with a context are the same only if both their texts and text and context together are alike.

    Args:
        posts: one set.
        rows: which of them.
        others: the other set; it may be the same.
        other_rows: which of them.
        threshold: the least likeness (Jaccard of runs of five characters), 0.1 to 1.

    Returns:
        One entry for each of `rows` that has such another, in their order, with the most alike that was found. Blank
        posts have none.

    Raises:
        InputError: the threshold is another.
    """
    best: dict[int, SamePost] = {}

    def keep(row: int, other: int, likeness: float) -> None:
        known = best.get(row)
        if known is None or (likeness, -other) > (known.jaccard, -known.other_row):
            best[row] = SamePost(row, other, likeness)

    pairs = near_duplicates_across(
        [posts.joined[row] for row in rows], [others.joined[row] for row in other_rows], threshold
    )
    both, shift = (*posts.texts, *others.texts), len(posts)  # so that pairs of all kinds are measured at once
    doubtful: dict[tuple[int, int], float] = {}
    for pair in pairs:
        row, other = rows[pair.row], other_rows[pair.other_row]
        if posts.contexts[row] or others.contexts[other]:
            doubtful[row, shift + other] = pair.jaccard
        else:
            keep(row, other, pair.jaccard)
    # Two short comments under the same long post are alike only by what they answer.
    for row, other, _ in _alike(both, list(doubtful), threshold):
        keep(row, other - shift, doubtful[row, other])
    # Under one context the nearest by text and context need not be the nearest by text: looked for among themselves.
    there, own = _under(others, other_rows), _under(posts, rows)
    few: list[tuple[int, int]] = []
    alike: list[tuple[int, int]] = []
    for context in own:
        if not context or context not in there:
            continue
        if len(own[context]) * len(there[context]) <= _FEW**2:
            few += product(own[context], [shift + other for other in there[context]])
            continue
        for pair in near_duplicates_across(
            [posts.texts[row] for row in own[context]], [others.texts[row] for row in there[context]], threshold
        ):
            alike.append((own[context][pair.row], shift + there[context][pair.other_row]))
    alike += [(row, other) for row, other, _ in _alike(both, few, threshold)]
    for row, other, likeness in _measured((*posts.joined, *others.joined), alike):
        keep(row, other - shift, likeness)
    return [best[row] for row in rows if row in best]


def _under(posts: ComparedPosts, rows: Iterable[int]) -> dict[str, list[int]]:
    """Return the rows that have words of their own by what they answer."""
    under: dict[str, list[int]] = {}
    for row in rows:
        if posts.texts[row]:
            under.setdefault(posts.contexts[row], []).append(row)
    return under


def _alike(
    texts: Sequence[str], pairs: Sequence[tuple[int, int]], threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs that reach the threshold, with their likeness."""
    for one, other, value in _measured(texts, pairs):
        if value >= threshold - _ROUNDING:
            yield one, other, value


def _measured(texts: Sequence[str], pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs with their likeness; a bounded number is measured at once."""
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        part = pairs[start : start + _PAIRS_AT_ONCE]
        places = sorted({place for pair in part for place in pair})
        of = {place: number for number, place in enumerate(places)}
        likeness = jaccards(
            [texts[place] for place in places], [of[one] for one, _ in part], [of[other] for _, other in part]
        )
        for (one, other), value in zip(part, likeness.tolist(), strict=True):
            yield one, other, value


def _root(groups: list[int], row: int) -> int:
    while groups[row] != row:
        groups[row] = groups[groups[row]]
        row = groups[row]
    return row
