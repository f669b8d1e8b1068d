"""Which words moved a decision: leave each one out in turn, score the post again, see what changes.

This is occlusion, also called erasure (Li, Monroe and Jurafsky 2016, "Understanding Neural Networks through
Representation Erasure", arXiv:1612.08220). It asks the classifier only through `NeutralityClassifier.score`, so it
holds for every backend, and normaliser, context, windows and temperature count as they do in scoring.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.inference.batching import WINDOW
from netral_nlp.labels import LABELS, Label
from netral_nlp.text import EMOJI

if TYPE_CHECKING:
    from netral_nlp.inference.actions import Action
    from netral_nlp.inference.classifier import NeutralityClassifier
    from netral_nlp.inference.prediction import Scores

MAX_TEXTS = 130
"""Texts that are scored to explain one post, at most: the post, the post without its context, one for each part."""

_FEWEST_TEXTS = 10
_STRETCHES = 48
"""Parts that a post with more words than may be left out one by one is first cut into."""
_PARTS = 8
"""Parts that a stretch of many words is cut into when it is opened."""
_CHARACTERS_AT_ONCE = 8_000_000
_SHOWN = 5
# Log-odds of 0 and 1 have no number: probabilities count as at least this far from both.
_NEAREST = 1e-6

# A run of one emoji is one word: whoever writes ☝️☝️☝️ says it once, and the normaliser squeezes it too. A run ends
# before an emoji that only begins like it (👍👍🏽).
_WORD = re.compile(
    rf"(?P<emoji>{EMOJI.pattern})(?:(?P=emoji)(?![\u200d\ufe0f\U0001f3fb-\U0001f3ff]))*|(?:(?!{EMOJI.pattern})\S)+"
)

_Given = tuple["str | None", "str | None", "Action | None"]
"""Text, context and action of one post."""


@dataclass(frozen=True, slots=True)
class WordEffect:
    """What one word did to the label.

    Attributes:
        text: the word as it stands in the post; of a long post, a stretch of words that matters little may come whole.
        start: its first character in the text that the explanation is of.
        end: one past its last.
        effect: how far the label's probability falls when the word is left out; positive speaks for the label.
        log_odds: the same in log-odds, which still moves where the probability is close to 0 or 1.
        words: how many words it holds.
    """

    text: str
    start: int
    end: int
    effect: float
    log_odds: float
    words: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "effect": self.effect,
            "log_odds": self.log_odds,
            "words": self.words,
        }


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why a post got its label, as far as single words tell.

    Attributes:
        text: the post, as given; empty where there was none.
        label: the label that is explained: the likeliest one, unless another was asked for.
        probabilities: of each label, as `predict` gives them.
        needs_review: as `predict` gives it.
        effects: of the words, in the order of the text, all of them (of a long text those of `window`); empty where
            there was nothing to judge.
        context_effect: how far the label's probability falls without the context; None where there is no context, or
            where the context is what was judged.
        in_context: whether the words are those of the context, because it was judged (a like, share or follow).
        context: the text that the post answers, as given.
        window: of a text that is longer than the model reads at once, the part that decided, which alone is explained:
            its first character and one past its last. None where the text was read at once.
    """

    text: str
    label: Label
    probabilities: Mapping[Label, float]
    needs_review: bool
    effects: tuple[WordEffect, ...]
    context_effect: float | None
    in_context: bool
    context: str | None = None
    window: tuple[int, int] | None = None

    @property
    def predicted(self) -> Label:
        """The likeliest label."""
        return max(LABELS, key=lambda label: self.probabilities[label])

    @property
    def source(self) -> str:
        """The text whose words are explained, and which their places count in: the post, or its context."""
        return (self.context or "") if self.in_context else self.text

    def top(self, n: int = 10) -> tuple[WordEffect, ...]:
        """Return the n words with the largest effect, for or against the label, strongest first."""
        return tuple(sorted(self.effects, key=lambda word: (-abs(word.effect), word.start))[: max(0, n)])

    def without(self, words: Iterable[WordEffect]) -> tuple[str, str | None]:
        """Return the post with these words left out, ready to be scored again with the same action.

        Args:
            words: some of `effects`.

        Returns:
            The text and its context. Of a long text only the part that decided is there: it gives the same answer.
        """
        return _without(
            self.text, self.context, self.in_context, self.window, ((word.start, word.end) for word in words)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        return {
            "text": self.text,
            "context": self.context,
            "label": self.label.value,
            "predicted": self.predicted.value,
            "probabilities": {label.value: self.probabilities[label] for label in LABELS},
            "needs_review": self.needs_review,
            "effects": [word.to_dict() for word in self.effects],
            "context_effect": self.context_effect,
            "in_context": self.in_context,
            "window": None if self.window is None else list(self.window),
        }

    def __repr__(self) -> str:
        words = ", ".join(f"{word.text!r} {word.effect:+.3f}" for word in self.top(_SHOWN)) or "nothing to judge"
        if len(self.effects) > _SHOWN:
            words += f", {len(self.effects) - _SHOWN} more"
        of_context = " of the context" if self.in_context else ""
        context = "" if self.context_effect is None else f"; context {self.context_effect:+.3f}"
        review = ", needs review" if self.needs_review else ""
        answer = f"{self.label.value} {self.probabilities[self.label]:.3f}{review}"
        return f"Explanation({answer}: {words}{of_context}{context})"


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text start and end.

    A word is a run of characters that are no white space, with its punctuation; a hashtag, a handle, a link is one. An
    emoji is a word of its own, also where it touches another, and so is a run of the same emoji.
    """
    return [match.span() for match in _WORD.finditer(text)]


def leave_out(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return a text without some of its parts.

    Args:
        text: the text.
        spans: first character and one past the last of each part; in order, not overlapping.
    """
    kept: list[str] = []
    place = 0
    for start, end in spans:
        kept.append(text[place:start])
        # What an emoji kept apart must not become one word.
        if start > 0 and end < len(text) and not text[start - 1].isspace() and not text[end].isspace():
            kept.append(" ")
        place = end
    kept.append(text[place:])
    return "".join(kept)


def _without(
    text: str | None,
    context: str | None,
    in_context: bool,
    window: tuple[int, int] | None,
    spans: Iterable[tuple[int, int]],
) -> tuple[str, str | None]:
    """A post without some parts of what was judged."""
    source = (context if in_context else text) or ""
    first, last = window or (0, len(source))
    # Outside of the window nothing had a say. It stays outside, since a shorter text would be cut into other windows.
    rest = leave_out(source[first:last], ((start - first, end - first) for start, end in sorted(spans)))
    return (text or "", rest) if in_context else (rest, context)


def explain(
    classifier: NeutralityClassifier,
    text: str | None,
    context: str | None = None,
    action: str | None = None,
    *,
    label: Label | str | None = None,
    max_texts: int = MAX_TEXTS,
) -> Explanation:
    """Say which words of one post moved its label; `explain_many` says what the arguments mean."""
    return explain_many(classifier, [text], [context], [action], label=label, max_texts=max_texts)[0]


def explain_many(
    classifier: NeutralityClassifier,
    texts: Iterable[Any],
    contexts: Iterable[Any] | None = None,
    actions: Iterable[Any] | None = None,
    *,
    label: Label | str | None = None,
    max_texts: int = MAX_TEXTS,
) -> list[Explanation]:
    """Say which words of many posts moved their labels.

    Each word is left out in turn. Of a text that is longer than the model reads at once, this is done to the window
    that decided. Where there are more words than `max_texts` allows, they are first cut into 48 stretches of
    neighbouring words; those that matter most are opened, down to single words, until the texts are spent. What was not
    opened is answered as one stretch. Words that matter only together with others (one of two calls that say the same)
    show little effect: leaving out one of them changes nothing.

    Where nothing readable is left without a word (a post of one word), the classifier's answer to a blank post is what
    the effect is measured against: neutral for certain.

    The texts of many posts are scored in shared batches, about 4,096 at a time, so that this takes as long as scoring
    as many texts.

    Args:
        classifier: whose decisions are explained.
        texts: as in `NeutralityClassifier.predict`.
        contexts: as in `predict`.
        actions: as in `predict`.
        label: explain the probability of this label instead of the likeliest one.
        max_texts: texts to score for each post, at most; 10 or more.

    Returns:
        An explanation for each text, in their order.

    Raises:
        InputError: as in `predict`; an unknown label; or `max_texts` is too small.
    """
    # The classifier imports this module where it is asked to explain.
    from netral_nlp.inference.classifier import as_rows

    if max_texts < _FEWEST_TEXTS:
        raise InputError(f"max_texts must be {_FEWEST_TEXTS} or more, not {max_texts}")
    wanted = None if label is None else Label.parse(label).severity
    found: list[Explanation] = []
    for rows in _portions(as_rows(texts, contexts, actions), max_texts):
        found += _explain(classifier, rows, wanted, max_texts)
    return found


def _portions(rows: Iterable[_Given], max_texts: int) -> Iterator[list[_Given]]:
    """Cut posts into lists whose explanation takes about a window of texts: what is sorted by length together."""
    portion: list[_Given] = []
    texts = 0
    for row in rows:
        needed = min(max_texts, len(word_spans(row[0] or row[1] or "")) + 2)
        if portion and texts + needed > WINDOW:
            yield portion
            portion, texts = [], 0
        portion.append(row)
        texts += needed
    if portion:
        yield portion


def _explain(
    classifier: NeutralityClassifier, rows: Sequence[_Given], wanted: int | None, max_texts: int
) -> list[Explanation]:
    base = classifier.score(*zip(*rows, strict=True))
    posts = [_Post(row, base, index, wanted, max_texts) for index, row in enumerate(rows)]
    while True:
        asked = [(post, piece) for post in posts for piece in post.take_unmeasured()]
        if not asked:
            return [post.explanation() for post in posts]
        chances = score_rows(classifier, (post.without(piece) for post, piece in asked))
        for (post, piece), left in zip(asked, chances, strict=True):
            piece.settle(post.probability, float(left[post.label]))
        for post in posts:
            post.open_stretches()


def score_rows(classifier: NeutralityClassifier, rows: Iterable[_Given]) -> npt.NDArray[np.float64]:
    """Score texts with their contexts and actions, in flat memory.

    Args:
        classifier: scores them.
        rows: text, context and action of each; made one by one.

    Returns:
        Probabilities, shape (n, 3), in the order of `LABELS`.
    """
    parts = [np.zeros((0, len(LABELS)))]
    batch: list[_Given] = []
    characters = 0

    def settle() -> None:
        nonlocal characters
        if batch:
            parts.append(classifier.score(*zip(*batch, strict=True)).probabilities)
        batch.clear()
        characters = 0

    for row in rows:
        batch.append(row)
        characters += len(row[0] or "") + len(row[1] or "")
        if len(batch) >= WINDOW or characters >= _CHARACTERS_AT_ONCE:
            settle()
    settle()
    return np.concatenate(parts)


@dataclass(slots=True)
class _Piece:
    """Neighbouring words that are left out together; or the context, which has no words here."""

    first: int
    last: int  # one past the last word
    effect: float = math.nan
    log_odds: float = math.nan

    @property
    def words(self) -> int:
        return self.last - self.first

    def settle(self, before: float, after: float) -> None:
        self.effect = before - after
        self.log_odds = _log_odds(before) - _log_odds(after)

    def cut(self, parts: int) -> list[_Piece]:
        """As many parts of equal length (to one word)."""
        edges = [self.first + self.words * index // parts for index in range(parts + 1)]
        return [_Piece(start, end) for start, end in pairwise(edges)]

    def opened(self) -> list[_Piece]:
        return self.cut(min(self.words, _PARTS))


class _Post:
    """One post, on its way to an explanation."""

    def __init__(self, row: _Given, base: Scores, index: int, wanted: int | None, max_texts: int) -> None:
        self.text, self.context, self.action = row
        chances = base.probabilities[index]
        self.label = int(base.label_ids[index]) if wanted is None else wanted
        self.probability = float(chances[self.label])
        self.probabilities = dict(zip(LABELS, chances.tolist(), strict=True))
        self.needs_review = bool(base.needs_review[index])
        self.in_context = bool(base.from_context[index])
        judged = not base.blank[index]
        self.source = (self.context if self.in_context else self.text) or ""
        self.window = base.windows[index]
        first, last = self.window or (0, len(self.source))
        words_read = word_spans(self.source[first:last]) if judged else []
        self.spans = [(start + first, end + first) for start, end in words_read]
        has_context = judged and not self.in_context and bool(self.context and not self.context.isspace())
        self.whole_context = _Piece(0, 0) if has_context else None
        self.left = max_texts - 1 - has_context
        words = len(self.spans)
        stretches = words if words <= self.left else min(_STRETCHES, self.left // 2)
        self.pieces = _Piece(0, words).cut(stretches) if words else []

    def take_unmeasured(self) -> list[_Piece]:
        """What is to be left out now; it counts as spent."""
        words = [piece for piece in self.pieces if math.isnan(piece.effect)]
        self.left -= len(words)
        if self.whole_context is not None and math.isnan(self.whole_context.effect):
            return [self.whole_context, *words]
        return words

    def without(self, piece: _Piece) -> _Given:
        """The post, with a piece of it left out."""
        if piece is self.whole_context:
            text, _ = _without(self.text, None, False, self.window, ())
            return text, None, self.action
        return *_without(self.text, self.context, self.in_context, self.window, [self.span(piece)]), self.action

    def span(self, piece: _Piece) -> tuple[int, int]:
        return self.spans[piece.first][0], self.spans[piece.last - 1][1]

    def open_stretches(self) -> None:
        """Cut the stretches that matter most, as far as the texts that are left allow."""
        stretches = sorted((piece for piece in self.pieces if piece.words > 1), key=lambda piece: -abs(piece.effect))
        # Parts that are no single words yet want texts for another round.
        last_round = all(piece.words <= _PARTS for piece in stretches)
        room = self.left if last_round else min(self.left, max(self.left // 2, _PARTS))
        for piece in stretches:
            parts = piece.opened()
            if len(parts) > room:
                break
            room -= len(parts)
            place = self.pieces.index(piece)
            self.pieces[place : place + 1] = parts

    def explanation(self) -> Explanation:
        effects = []
        for piece in self.pieces:
            start, end = self.span(piece)
            effects.append(
                WordEffect(self.source[start:end], start, end, piece.effect, piece.log_odds, words=piece.words)
            )
        return Explanation(
            text=self.text or "",
            label=LABELS[self.label],
            probabilities=self.probabilities,
            needs_review=self.needs_review,
            effects=tuple(effects),
            context_effect=None if self.whole_context is None else self.whole_context.effect,
            in_context=self.in_context,
            context=self.context,
            window=self.window,
        )


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _NEAREST), 1 - _NEAREST)
    return math.log(inside) - math.log1p(-inside)
