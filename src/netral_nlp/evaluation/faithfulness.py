"""Whether explanations are true: removing the words that they name must change the probability more than random ones.

The measure is comprehensiveness (DeYoung et al. 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models",
doi:10.18653/v1/2020.acl-main.408), beside the same measure of as many random words of the same posts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FloatArray, IntArray, Interval, bootstrap_indices
from netral_nlp.inference.explain import MAX_TEXTS, Explanation, WordEffect, explain_many, score_rows, word_spans
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier

FEWEST_WORDS = 8
"""Posts with fewer words are left aside. Of eight words two are left out together, which is more than was measured when
each was left out alone; with one word left out the check would only repeat the measurement."""

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Faithfulness:
    """How far the label's probability falls without the words that the explanations name, and without random ones.

    Attributes:
        posts: how many were used.
        skipped: how many were not, having fewer than eight words to explain.
        support: posts used, by the label that was explained.
        top: mean fall of the explained label's probability when the strongest words are left out.
        random: the same for as many random words of the same posts.
        difference: `top` minus `random`, paired by post.
        beats_random: share of posts where the strongest words count for more than the random ones do on average.
        by_label: the difference among the posts of one label.
        share: of a post's words that are left out.
        draws: random choices of words for each post.
        resamples: bootstrap resamples of posts behind each interval.
        seed: of random words and resamples.
    """

    posts: int
    skipped: int
    support: Mapping[Label, int]
    top: Interval
    random: Interval
    difference: Interval
    beats_random: Interval
    by_label: Mapping[Label, Interval]
    share: float
    draws: int
    resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready, each figure as `{"value", "low", "high"}`."""
        return {
            "posts": self.posts,
            "skipped": self.skipped,
            "support": {label.value: self.support[label] for label in LABELS},
            "top": self.top.to_dict(),
            "random": self.random.to_dict(),
            "difference": self.difference.to_dict(),
            "beats_random": self.beats_random.to_dict(),
            "by_label": {label.value: interval.to_dict() for label, interval in self.by_label.items()},
            "share": self.share,
            "draws": self.draws,
            "interval": {
                "method": "stratified percentile bootstrap, paired",
                "resamples": self.resamples,
                "seed": self.seed,
                "confidence": _CONFIDENCE,
            },
        }

    def __str__(self) -> str:
        lines = [
            f"{self.posts:,} posts ({self.skipped:,} with fewer than {FEWEST_WORDS} words left aside), "
            f"{self.share:.0%} of the words left out",
            f"fall without the strongest words     {self.top.format()}",
            f"fall without as many random words    {self.random.format()}",
            f"difference                           {self.difference.format()}",
            f"posts where the strongest count more {self.beats_random.format(percent=True)}",
        ]
        lines += [
            f"difference, {f'{label.value} ({self.support[label]:,})':<25}{interval.format()}"
            for label, interval in self.by_label.items()
        ]
        return "\n".join(lines)


def faithfulness(
    classifier: NeutralityClassifier,
    texts: Iterable[Any],
    contexts: Iterable[Any] | None = None,
    actions: Iterable[Any] | None = None,
    *,
    share: float = 0.2,
    draws: int = 5,
    seed: int = 0,
    resamples: int = 1000,
    max_texts: int = MAX_TEXTS,
) -> Faithfulness:
    """Measure how faithful explanations by occlusion are to a classifier.

    Of each post with eight words or more, the strongest `share` of its words (at least one; those that speak for the
    label most) is left out at once, and so are as many random words, `draws` times.

    Args:
        classifier: whose decisions are explained.
        texts: as in `NeutralityClassifier.predict`.
        contexts: as in `predict`.
        actions: as in `predict`.
        share: of a post's words to leave out; above 0, at most 1.
        draws: random choices of words for each post; 1 or more.
        seed: of random words and resamples.
        resamples: bootstrap resamples of posts, drawn within each label; 0 for no intervals.
        max_texts: as in `explain_many`.

    Raises:
        InputError: as in `explain_many`, an option is out of range, or no post has eight words.
    """
    if not 0 < share <= 1 or draws < 1 or resamples < 0:
        raise InputError("share lies above 0 and at most at 1, draws are 1 or more, resamples are 0 or more")
    given_actions = None if actions is None else list(actions)
    explanations = explain_many(classifier, texts, contexts, given_actions, max_texts=max_texts)
    random = np.random.default_rng(seed)
    rows: list[tuple[str, str | None, Any]] = []
    used: list[Explanation] = []
    for index, explanation in enumerate(explanations):
        words = _single_words(explanation)
        if len(words) < FEWEST_WORDS:
            continue
        used.append(explanation)
        action = None if given_actions is None else given_actions[index]
        count = max(1, round(share * len(words)))
        strongest = sorted(words, key=lambda word: -word.effect)[:count]
        choices = [strongest]
        choices += [[words[place] for place in random.choice(len(words), count, replace=False)] for _ in range(draws)]
        rows += [(*explanation.without(choice), action) for choice in choices]
    if not used:
        raise InputError(f"no post has {FEWEST_WORDS} words to explain; give more or longer posts")
    labels = np.array([explanation.label.severity for explanation in used], dtype=np.int64)
    before = np.array([explanation.probabilities[explanation.label] for explanation in used])
    after = score_rows(classifier, rows).reshape(len(used), draws + 1, len(LABELS))
    falls = before[:, None] - after[np.arange(len(used)), :, labels]
    return _summary(
        labels, falls[:, 0], falls[:, 1:].mean(axis=1), len(explanations) - len(used), share, draws, seed, resamples
    )


def _single_words(explanation: Explanation) -> list[WordEffect]:
    """The words of an explanation; a stretch that was left out whole shares its effect among its own."""
    words = []
    for part in explanation.effects:
        if part.words == 1:
            words.append(part)
            continue
        for start, end in word_spans(part.text):
            words.append(
                replace(
                    part,
                    text=part.text[start:end],
                    start=part.start + start,
                    end=part.start + end,
                    effect=part.effect / part.words,
                    log_odds=part.log_odds / part.words,
                    words=1,
                )
            )
    return words


def _summary(
    labels: IntArray,
    top: FloatArray,
    random: FloatArray,
    skipped: int,
    share: float,
    draws: int,
    seed: int,
    resamples: int,
) -> Faithfulness:
    """Means over posts, with intervals from the same resampled posts for all of them.

    Args:
        labels: (n,) severities.
        top: (n,) falls without the strongest words.
        random: (n,) mean falls without random words.
        skipped: posts that were left aside.
        share: passed on.
        draws: passed on.
        seed: of the resamples.
        resamples: how many.
    """
    resampled = list(bootstrap_indices(labels, resamples, seed))

    def interval(values: FloatArray, label: Label | None = None) -> Interval:
        def mean(index: IntArray) -> float:
            chosen = values[index] if label is None else values[index][labels[index] == label.severity]
            return float(chosen.mean())

        value = mean(np.arange(len(values)))
        if not resampled:
            return Interval(value)
        tail = (1 - _CONFIDENCE) / 2
        low, high = np.quantile([mean(index) for index in resampled], [tail, 1 - tail])
        return Interval(value, float(low), float(high))

    support = {label: int((labels == label.severity).sum()) for label in LABELS}
    present: Sequence[Label] = [label for label in LABELS if support[label]]
    difference = top - random
    return Faithfulness(
        posts=len(labels),
        skipped=skipped,
        support=support,
        top=interval(top),
        random=interval(random),
        difference=interval(difference),
        beats_random=interval((difference > 0).astype(np.float64)),
        by_label={label: interval(difference, label) for label in present},
        share=share,
        draws=draws,
        resamples=resamples,
        seed=seed,
    )
