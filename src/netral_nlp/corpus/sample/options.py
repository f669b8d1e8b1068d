"""What a draw is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from netral_nlp.errors import ConfigError

MIXED, UNCERTAINTY, DIVERSITY, DISAGREEMENT, RANDOM = "mixed", "uncertainty", "diversity", "disagreement", "random"
STRATEGIES: Final = {
    MIXED: "posts that the model is unsure of, each of another kind",
    UNCERTAINTY: "posts that the model is least sure of",
    DIVERSITY: "posts of as many kinds as there are",
    DISAGREEMENT: "posts that two models judge differently",
    RANDOM: "any posts",
}
"""The strategies, and what each one takes."""

LEAST_LIKENESS: Final = 0.1


@dataclass(frozen=True)
class SampleOptions:
    """How posts are drawn.

    Attributes:
        count: how many posts.
        by: of `STRATEGIES`.
        near: two posts that share this part of their runs of five characters (Jaccard) are the same post, 0.1 to 1.
        spread: columns over whose values the draw is spread (square-root allocation: a source of 10,000 posts gets ten
            times as many as one of 100, not a hundred times). `year` is read from `posted_at` where there is no such
            column.
        share_random: this part of the draw is a simple random one, whatever the strategy, so that shares of labels can
            be estimated from it; 0 to 1. Above 0 it is one post at least, of a draw of two or more.
        max_pool: at most this many posts, drawn at random, are looked at by the strategy (and scored by the model).
        seed: of everything random.
    """

    count: int = 500
    by: str = MIXED
    near: float = 0.7
    spread: tuple[str, ...] = ()
    share_random: float = 0.1
    max_pool: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one of them makes no sense.
        """
        if self.count < 1:
            raise ConfigError(f"--count is at least 1, not {self.count}")
        if self.by not in STRATEGIES:
            raise ConfigError(f"unknown strategy {self.by!r} (--by); the strategies are {', '.join(STRATEGIES)}")
        if not LEAST_LIKENESS <= self.near <= 1:
            raise ConfigError(f"--near lies between {LEAST_LIKENESS} and 1; got {self.near}")
        if not 0 <= self.share_random <= 1:
            raise ConfigError(f"--share-random lies between 0 and 1; got {self.share_random}")
        if self.max_pool is not None and self.max_pool < self.count:
            raise ConfigError(f"--max-pool {self.max_pool:,} is less than --count {self.count:,}; raise it")
        if self.seed < 0:
            raise ConfigError(f"--seed is 0 or more, not {self.seed}")

    @property
    def needs_model(self) -> bool:
        """Whether the strategy reads a model's probabilities."""
        return self.by in (MIXED, UNCERTAINTY, DISAGREEMENT)

    def to_dict(self) -> dict[str, Any]:
        """Return the options JSON-ready."""
        return {**asdict(self), "spread": list(self.spread)}
