"""Groups of posts that must not be parted: near-same posts, one author's, one thread's, and what links these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from netral_nlp.corpus.duplicates import join_groups, near_same_groups
from netral_nlp.corpus.same_posts import comparable

IntArray = npt.NDArray[np.int64]

_EXACT = 1.0
_NOBODY = frozenset({"[deleted]", "deleted", "anonymous", "anonim", "unknown", "none", "null", "nan", "-", "n/a"})
"""What stands in the place of an author or a thread that is not known."""


def numbered(keys: Sequence[object]) -> IntArray:
    """Number keys in order of their first occurrence: (n,), equal keys alike."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def value_key(cell: str | None, until: str | None = None) -> str | None:
    """Return what a value, such as an author, is compared by: whatever its case, without "@".

    Args:
        cell: the value.
        until: compare the part of it before this text, such as ":" of `repository:file`.

    Returns:
        None where it is missing, blank, or a word for nobody, such as "[deleted]": that binds nothing.
    """
    value = (cell or "").strip()
    if until and value:
        value = value.partition(until)[0].strip() or value
    value = value.lstrip("@").casefold()
    return None if not value or value in _NOBODY else value


def values_apart(values: Sequence[str | None], until: str | None = None) -> IntArray:
    """Number the values of a column, such as authors; every value that is missing gets a number of its own.

    Args:
        values: n cells.
        until: see `value_key`.
    """
    keys = [value_key(cell, until) for cell in values]
    return numbered([row if key is None else key for row, key in enumerate(keys)])  # a row's number equals no key


def connected(*partitions: IntArray) -> IntArray:
    """Number the groups that form where posts share a group of any partition, directly or through other posts.

    Args:
        partitions: at least one, each (n,) with the number of every post's group, from 0.

    Returns:
        (n,) groups numbered in order of their first posts.
    """
    joined = numbered(partitions[0].tolist())
    for partition in partitions[1:]:
        joined = _connected(joined, numbered(partition.tolist()))
    return joined


def near_same(texts: Sequence[str], threshold: float = 0.7) -> IntArray:
    """Number near-same posts alike; a blank post (a like) is like no other.

    Args:
        texts: n posts.
        threshold: the least likeness, see `duplicates.near_same_groups`.

    Raises:
        InputError: the threshold is none.
    """
    found = near_same_groups(texts, threshold)
    return numbered([("blank", row) if not text.strip() else found[row] for row, text in enumerate(texts)])


def copies(texts: Sequence[str], contexts: Sequence[str | None] | None = None, threshold: float = 0.7) -> IntArray:
    """Number the copies of one post alike: the same text, or nearly the same text in answer to nearly the same.

    Two posts are nearly the same as they stand, or without their handles, links, phone and id numbers. Two short
    comments under the same long post are alike only by what they answer, and two like comments under different posts
    only by chance: nearly the same are those that are alike alone and together with what they answer. The same text is
    the same post whatever it answers, since a model would have seen it. Posts without words (likes) are the same where
    what they answer is nearly the same; blank posts that answer nothing are like no other.

    Whatever `same_posts.same_across` finds between two posts, they have one number here.

    Args:
        texts: n posts.
        contexts: what each answers; None where it answers nothing.
        threshold: the least likeness, 0.1 to 1.

    Raises:
        InputError: the threshold is another.
    """
    answered = ["" if context is None else context.strip() for context in contexts or [""] * len(texts)]
    # A post that is all link or handle would be blank without it: it is that link, or like a like of what it answers.
    bare = [
        comparable(text).strip() or ("" if context else text) for text, context in zip(texts, answered, strict=True)
    ]
    known = {context: comparable(context).strip() or context for context in set(answered)}
    found = []
    for own, around in ((texts, answered), (bare, [known[context] for context in answered])):
        alike = near_same(own, threshold)
        if any(around):
            found.append(near_same(own, _EXACT))
            alike = _alike_in_context(own, around, alike, threshold)
        found.append(alike)
    return connected(*found)


def _alike_in_context(texts: Sequence[str], contexts: Sequence[str], alike: IntArray, threshold: float) -> IntArray:
    """Part the groups of like posts by what they answer; posts without words (likes) are what they answer."""
    wordless = np.array([not text.strip() for text in texts], dtype=bool)
    alike = np.where(wordless, len(texts), alike)
    answers = np.array([bool(context) for context in contexts], dtype=bool)
    several = np.bincount(alike) > 1
    answering = np.bincount(alike, weights=answers) > 0
    rows: list[int] = np.flatnonzero((several & answering)[alike]).tolist()
    joined = near_same([f"{texts[row]}\n{contexts[row]}".strip() for row in rows], threshold)
    together: list[object] = alike.tolist()
    under: list[object] = alike.tolist()
    for row, group in zip(rows, joined.tolist(), strict=True):
        together[row] = (alike[row], group)
        # Where both texts are short, the words between them and one context can make them unlike.
        under[row] = (alike[row], contexts[row]) if contexts[row] else (alike[row], row, "alone")
    return connected(numbered(together), numbered(under))


def _connected(values: IntArray, same: IntArray) -> IntArray:
    """Number the groups that values form which share a near-same post, directly or through others."""
    if not len(values):
        return values
    _, first = np.unique(same, return_index=True)
    roots = join_groups(np.arange(int(values.max()) + 1), values, values[first[same]])
    return numbered(roots[values].tolist())
