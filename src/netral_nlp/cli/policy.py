"""The options that say when a person should look; several commands have them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netral_nlp.errors import ConfigError
from netral_nlp.labels import Label

if TYPE_CHECKING:
    from netral_nlp.inference.decision import ReviewPolicy


def add_policy_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that `policy_from` reads."""
    parser.add_argument(
        "--target-accused",
        type=float,
        metavar="SHARE",
        help="hand over so much that at most this share of neutral posts is accused without review: 0.02 is 2 %%, as "
        "measured when the model was calibrated (default: the model's own target)",
    )
    parser.add_argument(
        "--target-passed",
        type=float,
        metavar="SHARE",
        help="the same for campaigning posts that pass as neutral without review",
    )
    parser.add_argument(
        "--review-below",
        metavar="P",
        help="needs_review below this p_neutral, or 1 - p_neutral where a side is taken: 0.8, or "
        "supportive=0.9,campaigning=0.8; wins over targets",
    )


def policy_from(args: argparse.Namespace) -> ReviewPolicy:
    """The policy that the options make.

    Raises:
        ConfigError: a probability is not within 0 to 1.
        InputError: a label is unknown.
    """
    from netral_nlp.inference.decision import ReviewPolicy

    for option in ("target_accused", "target_passed"):
        share = getattr(args, option)
        if share is not None and not 0 <= share <= 1:
            raise ConfigError(
                f"--{option.replace('_', '-')} is a share within 0 to 1, not {share:g}; 2 % is written 0.02"
            )
    thresholds = None if args.review_below is None else parse_review_below(args.review_below)
    return ReviewPolicy(args.target_accused, args.target_passed, thresholds)


def parse_review_below(text: str) -> float | dict[str, float]:
    """Read `0.8` (all labels) or `supportive=0.9,campaigning=0.8` (some labels).

    Raises:
        ConfigError: a probability is not within 0 to 1.
        InputError: a label is unknown.
    """
    if "=" not in text:
        return _probability(text)
    thresholds: dict[str, float] = {}
    for item in text.split(","):
        name, equals, number = item.partition("=")
        if not equals:
            raise ConfigError(f"--review-below: {item.strip()!r} lacks its value; write LABEL=PROBABILITY")
        label = Label.parse(name)
        if label.value in thresholds:
            raise ConfigError(f"--review-below names {label.value} twice")
        thresholds[label.value] = _probability(number)
    return thresholds


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError(f"--review-below wants a probability within 0 to 1, not {text.strip()!r}")
    return value
