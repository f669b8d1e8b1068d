"""A draw: some posts by a strategy, some at random, spread over sources and years, each with the reason why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netral_nlp.corpus.sample import strategies
from netral_nlp.corpus.sample.options import DISAGREEMENT, DIVERSITY, MIXED, RANDOM, UNCERTAINTY, SampleOptions
from netral_nlp.corpus.sample.pool import FloatArray, IntArray, Pool
from netral_nlp.errors import ConfigError, InputError

Opinion = Callable[[Pool], FloatArray]
"""What a model thinks of posts: (n, 3) calibrated probabilities in the order of `LABELS`."""

# One stream of chance for each purpose, so that a change of one option leaves the others' draws as they are.
_RANDOM_PART, _PART_OF_POOL, _RANDOM_STRATEGY, _ORDER = range(4)


@dataclass(frozen=True)
class Drawn:
    """A post that is drawn.

    Attributes:
        row: its place among the candidates.
        reason: the strategy, or `random`.
        score: what the strategy saw in it: how unsure the model is (1 - margin), how far two models are apart
            (Jensen-Shannon divergence), or how many posts it stands for (diversity). None of a random one, and where
            all candidates were taken, unseen.
        weight: of a random one, how many candidates it stands for; None of others, which stand for nothing.
        probabilities: what the model says, where it was asked.
    """

    row: int
    reason: str
    score: float | None
    weight: float | None
    probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Draw:
    """Posts that are drawn from candidates.

    Attributes:
        posts: in the order in which annotators shall see them: shuffled.
        considered: how many candidates the strategy looked at.
        strata: candidates and drawn posts by the values of the columns spread over; empty where there are none.
    """

    posts: tuple[Drawn, ...]
    considered: int
    strata: dict[tuple[str, ...], tuple[int, int]]

    @property
    def reasons(self) -> dict[str, int]:
        """How many posts were drawn for each reason."""
        return dict(Counter(post.reason for post in self.posts))


def draw(
    candidates: Pool,
    options: SampleOptions,
    *,
    opinion: Opinion | None = None,
    second_opinion: Opinion | None = None,
    with_probabilities: bool = False,
) -> Draw:
    """Draw posts to annotate.

    Args:
        candidates: posts that may be drawn (see `exclusion.exclude`).
        options: how.
        opinion: the model's probabilities; asked once, of all posts that matter together.
        second_opinion: another model's, for disagreement.
        with_probabilities: ask the model about the drawn posts even where the strategy does not.

    Returns:
        At most `options.count` posts. Where there are not more candidates, all are taken, and no strategy looks at
        them.

    Raises:
        ConfigError: the strategy needs a model, or two, that are not given.
        InputError: a column to spread over is not there, or two models that judge every post alike shall disagree.
        MissingExtraError: the strategy needs scikit-learn, which is not installed.
    """
    if (options.needs_model or with_probabilities) and opinion is None:
        raise ConfigError(f"the strategy {options.by} needs a model: give --model, or use --by random or diversity")
    if options.by == DISAGREEMENT and second_opinion is None:
        raise ConfigError(
            "--by disagreement needs two opinions: give --second-model (a model or a scored file), or two scored files "
            "of the same posts"
        )
    if options.by in (MIXED, DIVERSITY):
        strategies.require_clusters()
    strata = candidates.strata(options.spread) if options.spread else [()] * len(candidates)
    rows = np.arange(len(candidates))
    count = min(options.count, len(rows))
    everything = count == len(rows)
    chosen: list[Drawn] = []
    if options.by == RANDOM:
        chosen = _random_strategy(strata, count, options.seed)
        considered = rows
    else:
        # One at least, or a small draw would have none to estimate from.
        size = max(round(options.share_random * count), int(options.share_random > 0 and count > 1))
        picked = strategies.at_random(len(rows), size, _chance(options.seed, _RANDOM_PART))
        chosen = [Drawn(row, RANDOM, None, len(rows) / size) for row in picked.tolist()]
        rest = np.setdiff1d(rows, picked)
        considered = _part(rest, strata, options)
    asked = considered if options.needs_model and not everything else rows[:0]
    if with_probabilities:  # all at once: a model is slow to start
        asked = rows if everything else np.union1d(asked, [post.row for post in chosen]).astype(np.int64)
    chances = _ask(opinion, candidates, asked)
    if options.by != RANDOM and everything:  # nothing to choose
        chosen += [Drawn(row, options.by, None, None) for row in considered.tolist()]
        considered = rows[:0]
    elif options.by != RANDOM:
        others = _ask(second_opinion if options.by == DISAGREEMENT else None, candidates, considered)
        chosen += _by_strategy(candidates, strata, considered, count - len(chosen), options, chances, others)
    if with_probabilities:
        missing = [post.row for post in chosen if np.isnan(chances[post.row, 0])]
        chances[missing] = _ask(opinion, candidates, np.array(missing, dtype=np.int64))[missing]
    order = _chance(options.seed, _ORDER).permutation(len(chosen))
    chosen.sort(key=lambda post: post.row)
    told = [
        Drawn(post.row, post.reason, post.score, post.weight, _vector(chances[post.row]))
        for post in (chosen[place] for place in order.tolist())
    ]
    sizes, taken = Counter(strata), Counter(strata[post.row] for post in told)
    table = {value: (sizes[value], taken[value]) for value in sorted(sizes)} if options.spread else {}
    return Draw(tuple(told), len(considered), table)


def _chance(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose])


def _vector(chances: FloatArray) -> tuple[float, ...] | None:
    return None if np.isnan(chances[0]) else tuple(chances.round(6).tolist())


def _ask(opinion: Opinion | None, candidates: Pool, rows: IntArray) -> FloatArray:
    """Return (candidates, 3) probabilities; NaN in rows that are not asked about."""
    chances = np.full((len(candidates), 3), np.nan)
    if opinion is not None and len(rows):
        chances[rows] = opinion(candidates.take(rows))
    return chances


def _quotas(strata: Sequence[tuple[str, ...]], rows: IntArray, count: int) -> list[tuple[IntArray, int]]:
    """Return the rows of each stratum and how many of them to take: square-root allocation."""
    members: dict[tuple[str, ...], list[int]] = {}
    for row in rows.tolist():
        members.setdefault(strata[row], []).append(row)
    groups = [np.array(members[value], dtype=np.int64) for value in sorted(members)]
    sizes = [len(group) for group in groups]
    return list(zip(groups, strategies.allocate(np.sqrt(sizes), sizes, count), strict=True))


def _part(rows: IntArray, strata: Sequence[tuple[str, ...]], options: SampleOptions) -> IntArray:
    """Return the rows that the strategy looks at: all, or a random part that is spread like the draw."""
    if options.max_pool is None or len(rows) <= options.max_pool:
        return rows
    chance = _chance(options.seed, _PART_OF_POOL)
    parts = [
        group[strategies.at_random(len(group), quota, chance)]
        for group, quota in _quotas(strata, rows, options.max_pool)
    ]
    return np.sort(np.concatenate(parts))


def _random_strategy(strata: Sequence[tuple[str, ...]], count: int, seed: int) -> list[Drawn]:
    chance = _chance(seed, _RANDOM_STRATEGY)
    return [
        Drawn(row, RANDOM, None, len(group) / quota)
        for group, quota in _quotas(strata, np.arange(len(strata)), count)
        if quota
        for row in group[strategies.at_random(len(group), quota, chance)].tolist()
    ]


def _by_strategy(
    candidates: Pool,
    strata: Sequence[tuple[str, ...]],
    rows: IntArray,
    count: int,
    options: SampleOptions,
    chances: FloatArray,
    others: FloatArray,
) -> list[Drawn]:
    if options.by == DISAGREEMENT and not strategies.divergences(chances[rows], others[rows]).round(6).any():
        raise InputError(
            f"--by disagreement: the two models judge all {len(rows):,} posts alike, so that there is nothing to draw "
            "by; name two different models, or use --by uncertainty"
        )
    groups = [(group, quota) for group, quota in _quotas(strata, rows, count) if quota]
    if options.by == MIXED:
        groups = [(group[strategies.preselect(chances[group], quota)], quota) for group, quota in groups]
    taken: list[IntArray] = []
    scores: list[FloatArray] = []
    if options.by in (MIXED, DIVERSITY) and groups:
        # Laid out together: the axes of a few posts alone would be too rough, and take as long.
        laid_out = np.sort(np.concatenate([group for group, _ in groups]))
        vectors = strategies.embed([candidates.texts[row] for row in laid_out.tolist()], options.seed)
    for group, quota in groups:
        own = chances[group]
        if options.by == UNCERTAINTY:
            places = strategies.by_uncertainty(own)[:quota]
        elif options.by == DISAGREEMENT:
            places = strategies.by_disagreement(own, others[group])[:quota]
        else:
            places, sizes = strategies.diverse(
                vectors[np.searchsorted(laid_out, group)],
                quota,
                weights=1 - strategies.margins(own) if options.by == MIXED else None,
                seed=options.seed,
            )
        taken.append(group[places])
        if options.by == DIVERSITY:
            scores.append(sizes.astype(np.float64))
        elif options.by == DISAGREEMENT:
            scores.append(strategies.divergences(own, others[group])[places])
        else:
            scores.append(1 - strategies.margins(own)[places])
    return [
        Drawn(row, options.by, round(score, 6), None)
        for part, seen in zip(taken, scores, strict=True)
        for row, score in zip(part.tolist(), seen.tolist(), strict=True)
    ]
