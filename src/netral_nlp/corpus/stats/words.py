"""Which words tell a label from the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from netral_nlp.labels import LABELS, Label

LEAST_POSTS = 10
"""A word is shown only if at least so many different posts have it: a rarer one may point to a person."""
_SHOWN = 25
_LEAST_Z = 1.96
_PRIOR = 1000.0
"""The weight of the prior in words: about as much evidence as a few dozen posts."""


@dataclass(frozen=True, slots=True)
class TellingWord:
    """A word that posts of one label have more often than the others.

    Attributes:
        word: in lower case.
        posts: how many posts of the label have it.
        others: how many posts of the other labels have it.
        z: the log-odds ratio in standard errors.
    """

    word: str
    posts: int
    others: int
    z: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"word": self.word, "posts": self.posts, "posts_of_other_labels": self.others, "z": self.z}


class WordCounts:
    """How many posts of each label have a word; a post counts a word once."""

    def __init__(self) -> None:
        self._counts: dict[Label, Counter[str]] = {label: Counter() for label in LABELS}

    def add(self, label: Label, words: Iterable[str]) -> None:
        """Count the words of a post."""
        self._counts[label].update({word for word in words if len(word) > 1})

    def telling(self) -> dict[str, tuple[TellingWord, ...]]:
        """Return each label's most telling words, the most telling first.

        Log-odds ratios of a label's posts against all others', with an informative Dirichlet prior (Monroe, Colaresi
        and Quinn, "Fightin' Words", Political Analysis 16(4), 2008, equations 16, 18, 20 and 22). The prior is the
        words' frequency in all posts, worth 1,000 words: a word that everyone uses, or that hardly anyone does, is
        drawn to no difference.
        """
        every: Counter[str] = Counter()
        for counts in self._counts.values():
            every.update(counts)
        total = sum(every.values())
        found: dict[str, tuple[TellingWord, ...]] = {}
        for label, counts in self._counts.items():
            own_total = sum(counts.values())
            if not own_total or own_total == total:
                continue
            words = []
            for word, own in counts.items():
                if every[word] < LEAST_POSTS or every[word] == total:
                    continue
                other = every[word] - own
                z = _z(own, own_total, other, total - own_total, _PRIOR * every[word] / total)
                if z >= _LEAST_Z:
                    words.append(TellingWord(word, own, other, z))
            words.sort(key=lambda item: (-item.z, item.word))
            found[label.value] = tuple(words[:_SHOWN])
        return found


def _z(own: int, own_total: int, other: int, other_total: int, prior: float) -> float:
    """Return the log-odds ratio of a word between two sets of posts in standard errors."""
    one = math.log((own + prior) / (own_total + _PRIOR - own - prior))
    two = math.log((other + prior) / (other_total + _PRIOR - other - prior))
    return (one - two) / math.sqrt(1 / (own + prior) + 1 / (other + prior))
