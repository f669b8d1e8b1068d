"""Comments in context as training posts: a few words mean one thing under a campaign post, another under a recipe.

Public collections of election posts carry no context, so a model trained on them alone never learns to read one.
`data/comments.jsonl` holds short comments with their label under a post without a side and under a post with one;
`data/contexts.jsonl` holds posts that they can answer. Joined, they teach what a context does. Posts with words of
their own, put under a random context with their label unchanged, teach what it does not do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from netral_nlp.corpus.labelled import text_id
from netral_nlp.errors import InputError
from netral_nlp.labels import Label


def pair_comments(
    comments: Path, contexts: Path, *, per_comment: int = 2, dev_share: float = 0.2, seed: int = 0
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Join comments with posts that they can answer.

    Args:
        comments: JSON lines of text, under_neutral, under_side.
        contexts: JSON lines of text, label.
        per_comment: Contexts of each kind (without a side, with one) that a comment is put under.
        dev_share: Share of the comments, and of the contexts, that only the second result uses.
        seed: Decides who meets whom.

    Returns:
        Labelled posts (id, text, context, action, label, source) to train on, and others to measure on: no comment
        and no context is in both. Training posts also have each comment once without a context, labelled as under a
        post without a side: where nothing is known, nothing is assumed.

    Raises:
        InputError: a line is no JSON object or lacks a field.
    """
    chance = random.Random(seed)
    said = list(_read(comments, ("text", "under_neutral", "under_side")))
    answered = list(_read(contexts, ("text", "label")))
    chance.shuffle(said)
    by_side = [
        [row["text"] for row in answered if (Label.parse(row["label"]) is Label.NEUTRAL) is neutral]
        for neutral in (True, False)
    ]
    for pool in by_side:
        chance.shuffle(pool)
    held_out = round(len(said) * dev_share)
    held_pools = [pool[: round(len(pool) * dev_share)] for pool in by_side]
    pools = [pool[len(held) :] for pool, held in zip(by_side, held_pools, strict=True)]
    dev = list(_join(said[:held_out], held_pools, per_comment, chance))
    train = list(_join(said[held_out:], pools, per_comment, chance))
    train += [_post(row["text"], None, row["under_neutral"]) for row in said[held_out:]]
    chance.shuffle(train)
    return train, dev


def add_contexts(
    posts: Iterable[dict[str, Any]], contexts: Sequence[str], *, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield copies of labelled posts as comments under random posts, with their labels unchanged.

    Use it on posts whose words stand for themselves; the label of "Gas 🔥" does change with its context.
    """
    chance = random.Random(seed)
    for post in posts:
        yield {**post, "context": chance.choice(contexts), "action": "comment"}


def _join(
    comments: list[dict[str, Any]], pools: list[list[str]], per_comment: int, chance: random.Random
) -> Iterator[dict[str, Any]]:
    for row in comments:
        for pool, field in zip(pools, ("under_neutral", "under_side"), strict=True):
            for context in chance.sample(pool, min(per_comment, len(pool))):
                yield _post(row["text"], context, row[field])


def _post(text: str, context: str | None, label: str) -> dict[str, Any]:
    known = {"context": context} if context else {}
    identity = text_id(f"{text}\n{context or ''}")
    return {"id": identity, "text": text, **known, "action": "comment", "label": label, "source": "written:comments"}


def _read(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    with Path(path).open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                lacking = [name for name in needed if not isinstance(row.get(name), str)]
            except (ValueError, AttributeError):
                raise InputError(f"{path}, line {number}: no JSON object") from None
            if lacking:
                raise InputError(f"{path}, line {number}: {lacking[0]!r} is missing or no text")
            yield row
