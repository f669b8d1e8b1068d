"""Figures of a cross-validation: every post was predicted by a model that had not seen its group.

Intervals come twice. Those over posts (`metrics.evaluate`) tell how the figures would move with other posts of the
same groups; those over groups tell how they would move with other groups, which is what one wants to know of sources.
They are usually wider; a bootstrap draws whole groups for them (Field and Welsh, "Bootstrapping clustered data", 2007).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp.corpus.folds import FoldPlan
from netral_nlp.evaluation.compare import COMPARED, Comparison, Difference, compare
from netral_nlp.evaluation.metrics import (
    FloatArray,
    IntArray,
    Interval,
    Metrics,
    align,
    evaluate,
    label_codes,
    resampled_figures,
)
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.evaluation.slices import SMALL, Slice, slice_metrics
from netral_nlp.labels import Label

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""Version of what `CrossValidation.to_dict` returns and crossval.json holds."""

UNSEEN, RANDOM = "unseen groups", "random folds"
"""What the two ways of dividing are called in tables."""

_CONFIDENCE = 0.95
_FEW_GROUPS = 30
_WORST = 10
_SPREAD = (
    "macro_f1", "accuracy", "mcc", "false_accusation_rate", "missed_campaigning_rate", "review_rate",
    "accused_without_review_rate", "ece", "brier",
)  # fmt: skip

LEAST_GROUPS = 8
"""With fewer groups a bootstrap over groups says too little: its intervals come out narrower than they are."""


@dataclass(frozen=True)
class Spread:
    """How far a figure lies apart between the folds.

    Attributes:
        folds: how many folds have the figure.
        mean: over these.
        sd: their standard deviation (n - 1); NaN of one fold.
        lowest: of the folds.
        highest: of the folds.
    """

    folds: int
    mean: float
    sd: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Sum up the figure of each fold; NaN stands for folds that do not have it."""
        known = np.array([value for value in values if not math.isnan(value)])
        if not known.size:
            return cls(0, math.nan, math.nan, math.nan, math.nan)
        sd = float(known.std(ddof=1)) if known.size > 1 else math.nan
        return cls(known.size, float(known.mean()), sd, float(known.min()), float(known.max()))

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the fields; None stands for NaN."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in dataclasses.asdict(self).items()
        }


@dataclass(frozen=True)
class FoldResult:
    """One fold and how its model did on the posts held out.

    Attributes:
        number: from 1.
        train_posts: posts that the model could learn from; its own dev posts are among them.
        dropped: posts on neither side, being near-same copies of held-out ones.
        groups: how many groups are held out.
        values: what is held out, such as sources, the largest first, with their posts; empty of random folds.
        metrics: on the held-out posts.
    """

    number: int
    train_posts: int
    dropped: int
    groups: int
    values: Mapping[str, int]
    metrics: Metrics

    @property
    def small(self) -> bool:
        """Whether too few posts are held out to say much."""
        return self.metrics.posts < SMALL

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "fold": self.number,
            "posts": self.metrics.posts,
            "small": self.small,
            "train_posts": self.train_posts,
            "dropped": self.dropped,
            "groups": self.groups,
            "values": dict(self.values),
            "metrics": self.metrics.to_dict(),
        }


@dataclass(frozen=True)
class HeldOut:
    """All posts, each predicted by the model of the fold that held it out.

    Attributes:
        plan: the folds.
        predictions: of all posts, in input order.
        metrics: on all posts.
        over_groups: the figures of `COMPARED` with intervals from resampled groups instead of posts.
        folds: each fold's own figures.
        models: what the folds' models were made with: library versions, and the hash of the base model.
    """

    plan: FoldPlan
    predictions: Predictions
    metrics: Metrics
    over_groups: Mapping[str, Interval]
    folds: tuple[FoldResult, ...]
    models: Mapping[str, Any]

    @property
    def spread(self) -> dict[str, Spread]:
        """How far the folds lie apart, by figure."""
        return {
            name: Spread.of([fold.metrics[name].value for fold in self.folds])
            for name in _SPREAD
            if name in self.metrics.figures
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the single predictions, JSON-ready."""
        return {
            "groups": int(self.plan.groups.max()) + 1,
            "values_joined": self.plan.joined,
            "near_same": self.plan.near_same,
            "dropped": self.plan.dropped,
            "models": dict(self.models),
            "metrics": self.metrics.to_dict(),
            "over_groups": {name: interval.to_dict() for name, interval in self.over_groups.items()},
            "spread": {name: found.to_dict() for name, found in self.spread.items()},
            "folds": [fold.to_dict() for fold in self.folds],
        }


@dataclass(frozen=True)
class CrossValidation:
    """What came out of a cross-validation.

    Attributes:
        by: the column that was grouped by.
        posts: one row a post in input order: id, text, gold, group (its value of the column) and fold.
        unseen: the figures on groups that no model had seen.
        by_group: the figures of each value, the worst macro-F1 first; values with few posts are pooled.
        random: the same with random folds; None where it was not asked for.
        cost: what unseen groups cost: unseen minus random, paired, with intervals over posts.
        cost_over_groups: the same differences with intervals from resampled groups.
        stamp: settings, configuration, data, versions: what it takes to repeat this.
    """

    by: str
    posts: pd.DataFrame
    unseen: HeldOut
    by_group: tuple[Slice, ...]
    random: HeldOut | None
    cost: Comparison | None
    cost_over_groups: Mapping[str, Interval]
    stamp: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the posts, JSON-ready: what crossval.json holds."""
        return {
            "schema": SCHEMA,
            **self.stamp,
            "unseen": self.unseen.to_dict(),
            "by_group": [part.to_dict() for part in self.by_group],
            "random": self.random.to_dict() if self.random else None,
            "cost": self.cost.to_dict() if self.cost else None,
            "cost_over_groups": {name: interval.to_dict() for name, interval in self.cost_over_groups.items()},
        }

    def table(self) -> str:
        """Return the figures as plain text for a terminal."""
        groups = int(self.unseen.plan.groups.max()) + 1
        lines = [f"{len(self.posts):,} posts, {len(self.unseen.folds)} folds by {self.by}: {self._grouping()}", ""]
        lines += [*self._figures(), ""]
        if self.unseen.metrics.resamples:
            lines.append(
                "Intervals over posts: other posts of the same groups. Over groups: other groups"
                + (f" (rough: {groups} groups are few)." if groups < _FEW_GROUPS else ".")
            )
        if self.random is not None:
            lines.append(f"Difference: {UNSEEN} minus {RANDOM}, on the same posts.")
        lines += ["", *self._folds()]
        if self.by_group:
            lines += ["", *self._worst()]
        return "\n".join(lines)

    def _grouping(self) -> str:
        plan = self.unseen.plan
        values = self.posts["group"].nunique()
        groups = int(plan.groups.max()) + 1
        text = f"{values:,} values in {groups:,} groups" if plan.joined else f"{groups:,} groups"
        if plan.joined:
            text += f" ({plan.joined:,} values share near-same posts)"
        if plan.near_same == "dropped":
            text += f"; {plan.dropped:,} near-same copies left out of training, summed over the folds"
        return text

    def _figures(self) -> list[str]:
        over = self.unseen.over_groups
        rows = [["figure", UNSEEN, "over groups"]]
        if self.cost is not None:
            rows[0] += [RANDOM, "difference", "over groups"]
        for name, info in COMPARED.items():
            if name not in over:
                continue
            label, _, part = name.partition(".")
            figure = self.unseen.metrics.per_class[Label(label)][part] if part else self.unseen.metrics[name]
            row = [info.title, figure.format(percent=info.percent), _brackets(over[name].format(percent=info.percent))]
            if self.cost is not None:
                found = self.cost[name]
                wide = Difference(name, found.first, found.second, self.cost_over_groups[name], math.nan)
                row += [
                    Interval(found.second).format(percent=info.percent),
                    found.format(),
                    _brackets(wide.format()),
                ]
            rows.append(row)
        return align(rows)

    def _folds(self) -> list[str]:
        rows = [["fold", "trained on", "held out", "groups", "macro-F1", "accuracy", "neutral accused"]]
        for fold in self.unseen.folds:
            figures = fold.metrics
            rows.append(
                [
                    str(fold.number),
                    f"{fold.train_posts:,}",
                    f"{figures.posts:,}" + (" (few)" if fold.small else ""),
                    f"{fold.groups:,}",
                    figures["macro_f1"].format(),
                    figures["accuracy"].format(),
                    figures["false_accusation_rate"].format(percent=True),
                ]
            )
        spread = self.unseen.spread["macro_f1"]
        lines = align(rows)
        if not math.isnan(spread.sd):
            lines.append(
                f"macro-F1 of the folds: mean {spread.mean:.3f}, standard deviation {spread.sd:.3f}, "
                f"from {spread.lowest:.3f} to {spread.highest:.3f}"
            )
        return lines

    def _worst(self) -> list[str]:
        rows = [[f"{self.by}, worst first", "posts", "macro-F1", "accuracy", "neutral accused"]]
        for part in self.by_group[:_WORST]:
            rows.append(
                [
                    part.value,
                    f"{part.posts:,}" + (" (few)" if part.small else ""),
                    part.macro_f1.format(),
                    part.accuracy.format(),
                    part.false_accusation_rate.format(percent=True),
                ]
            )
        lines = align(rows)
        if len(self.by_group) > _WORST:
            lines.append(f"... and {len(self.by_group) - _WORST:,} more in crossval.json")
        return lines


def measure(
    posts: pd.DataFrame,
    by: str,
    plans: Mapping[str, FoldPlan],
    predictions: Mapping[str, Predictions],
    *,
    models: Mapping[str, Mapping[str, Any]],
    stamp: Mapping[str, Any],
    resamples: int,
    seed: int,
) -> CrossValidation:
    """Measure what the folds' models said.

    Args:
        posts: id, text, label and group of n posts, in input order.
        by: what the groups are, for tables.
        plans: the folds, of `UNSEEN` and where it was done of `RANDOM`.
        predictions: of the n posts, by the same names.
        models: what the models were made with, by the same names.
        stamp: settings, data and versions.
        resamples: bootstrap resamples behind each interval; 0 for none.
        seed: of the resamples.
    """
    gold = label_codes(posts["label"].tolist())
    values: list[str] = posts["group"].tolist()
    groups = plans[UNSEEN].groups
    drawn = {
        name: resampled_figures(
            gold,
            said.labels,
            itertools.chain(
                [np.arange(len(gold))],
                group_bootstrap(gold, groups, resamples if len(np.unique(groups)) >= LEAST_GROUPS else 0, seed),
            ),
            probabilities=said.probabilities,
            needs_review=said.needs_review,
        )
        for name, said in predictions.items()
    }

    def figures(said: Predictions, rows: IntArray) -> Metrics:
        part = said.take(rows)
        return evaluate(
            gold[rows],
            part.labels,
            probabilities=part.probabilities,
            needs_review=part.needs_review,
            resamples=resamples,
            seed=seed,
        )

    held = {}
    for name, said in predictions.items():
        plan = plans[name]
        results = []
        for fold in plan.folds:
            held_values = Counter(values[row] for row in fold.held_out.tolist())
            results.append(
                FoldResult(
                    number=fold.number,
                    train_posts=len(fold.train),
                    dropped=fold.dropped,
                    groups=len(set(plan.groups[fold.held_out].tolist())),
                    values=dict(sorted(held_values.items(), key=lambda item: (-item[1], item[0])))
                    if name == UNSEEN
                    else {},
                    metrics=figures(said, fold.held_out),
                )
            )
        held[name] = HeldOut(
            plan=plan,
            predictions=said,
            metrics=figures(said, np.arange(len(gold))),
            over_groups={figure: _interval(drawn[name][figure]) for figure in COMPARED if figure in drawn[name]},
            folds=tuple(results),
            models=models[name],
        )

    cost, cost_over_groups = None, {}
    if RANDOM in held:
        unseen, at_random = predictions[UNSEEN], predictions[RANDOM]
        cost = compare(gold, unseen, at_random, names=(UNSEEN, RANDOM), resamples=resamples, seed=seed)
        cost_over_groups = {
            name: _interval(drawn[UNSEEN][name] - drawn[RANDOM][name]) for name in held[UNSEEN].over_groups
        }
    shown = posts[["id", "text", "group"]].copy()
    shown["gold"] = posts["label"]
    shown["fold"] = plans[UNSEEN].fold_of
    slices = slice_metrics(posts[["text", "label", "group"]], predictions[UNSEEN], columns=["group"], seed=seed)
    return CrossValidation(
        by=by,
        posts=shown,
        unseen=held[UNSEEN],
        by_group=tuple(part for part in slices if part.column == "group"),
        random=held.get(RANDOM),
        cost=cost,
        cost_over_groups=cost_over_groups,
        stamp=stamp,
    )


def group_bootstrap(gold: IntArray, groups: IntArray, resamples: int, seed: int) -> Iterator[IntArray]:
    """Yield bootstrap resamples of whole groups: each the positions of all posts of the groups drawn.

    A draw that lacks a label which the posts have is drawn again, since macro figures would not be comparable.

    Args:
        gold: (n,) severities.
        groups: (n,) group numbers from 0, none left out.
        resamples: how many.
        seed: of the draws.
    """
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(groups))[:-1])
    present = np.unique(gold)
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        while True:
            index = np.concatenate([members[group] for group in rng.integers(len(members), size=len(members))])
            if np.array_equal(np.unique(gold[index]), present):
                break
        yield index


def _interval(draws: FloatArray) -> Interval:
    """Return the first value with the percentile interval of the others."""
    value, rest = float(draws[0]), draws[1:][~np.isnan(draws[1:])]
    if not rest.size or math.isnan(value):
        return Interval(value)
    low, high = np.quantile(rest, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return Interval(value, float(low), float(high))


def _brackets(shown: str) -> str:
    """Return the interval of a figure as shown, without the figure."""
    return "".join(shown.partition("[")[1:])
