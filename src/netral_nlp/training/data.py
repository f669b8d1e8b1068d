"""Labelled posts for training: read, normalised, held out, hashed and turned into token ids."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.corpus.field_values import SHARE_COLUMNS
from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS
from netral_nlp.text import Normaliser
from netral_nlp.training.sources import mix_in, read_files, read_sources

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.training.config import TrainingConfig
    from netral_nlp.training.run_config import RunConfig

log = logging.getLogger(__name__)


DIRECTIONS_OF_POSTS = ("none", "pro", "contra", "both")
"""Whom a post speaks for or against; a neutral post for nobody."""
UNKNOWN_DIRECTION = -1


@dataclass(frozen=True)
class Posts:
    """Labelled posts, normalised, in input order.

    Attributes:
        texts: What the model reads.
        contexts: The text that each post answers, normalised; None where there is none.
        labels: Indices into `LABELS`.
        weights: Each post's share in the loss.
        shares: How much of a post each label has, where its annotators differed (soft labels); None where one label has
            it all.
        directions: Indices into `DIRECTIONS_OF_POSTS`; `UNKNOWN_DIRECTION` where nobody said.
        taught: Whether a teacher labelled the post, and no person; where nothing is given, people labelled it.
    """

    texts: list[str]
    contexts: list[str | None]
    labels: list[int]
    weights: list[float]
    shares: list[tuple[float, ...] | None]
    directions: list[int]
    taught: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Say of the posts that nothing is said of that people labelled them."""
        self.taught.extend([False] * (len(self.texts) - len(self.taught)))

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> Posts:
        """The posts at these places."""
        return Posts(
            [self.texts[row] for row in rows],
            [self.contexts[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.weights[row] for row in rows],
            [self.shares[row] for row in rows],
            [self.directions[row] for row in rows],
            [self.taught[row] for row in rows],
        )

    def __add__(self, other: Posts) -> Posts:
        """These posts, then the others."""
        return Posts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    def counts(self) -> dict[str, int]:
        """How many posts people gave each label; what a teacher labelled does not count."""
        by_people = [label for label, taught in zip(self.labels, self.taught, strict=True) if not taught]
        return {label.value: by_people.count(index) for index, label in enumerate(LABELS)}


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and is chosen on.

    Attributes:
        train: Posts to learn from.
        dev: Posts that choose the best weights.
        dev_rows: The held-out posts as they were read, to measure on; its columns are those of `read_labelled`.
        tests: Further labelled posts as read, by name.
    """

    train: Posts
    dev: Posts
    dev_rows: pd.DataFrame
    tests: dict[str, pd.DataFrame]


_WORDS_OF_A_CASE = 5  # shorter ones ("Gas 🔥") are anyone's
_ENCODER_ONLY = ("swap_names", "noise", "direction_weight")


def load_data(config: TrainingConfig, normaliser: Normaliser) -> TrainingData:
    """Read, normalise and, without a dev set, split.

    Raises:
        InputError: a file cannot be read, or too little is left to train or to choose on.
    """
    if config.is_tfidf and (ignored := [name for name in _ENCODER_ONLY if getattr(config, name)]):
        log.warning("%s: tfidf does without, only encoders heed it", ", ".join(ignored))
    sources = read_sources(config)
    held_out = list(sources.held_out)
    tests = {name: read_files([path], config) for name, path in config.test.items()}
    if config.dev:
        train_rows, dev_rows = sources.train, read_files(config.dev, config)
    elif sources.dev is not None:
        train_rows, dev_rows = sources.train, sources.dev
    else:
        train_rows, dev_rows = _hold_out(sources.train, config)
    if config.replay:
        train_rows, held_out_of_old = mix_in(train_rows, dev_rows, config)
        held_out += held_out_of_old
    _refuse_suite_cases(train_rows)
    train = _prepare(train_rows, config, normaliser, "training")
    dev = _prepare(dev_rows, config, normaliser, "dev")
    counts = train.counts()
    if sum(1 for count in counts.values() if count) < 2:
        named = ", ".join([*config.data, *config.labels])
        raise InputError(f"{named}: all training posts have one label; there is nothing to tell apart")
    if missing := [label for label, count in counts.items() if not count]:
        meaning = "only the teacher says so" if config.teacher else "the model will never say so"
        log.warning("no training post is labelled %s: %s", " or ".join(missing), meaning)
    if config.teacher:
        from netral_nlp.evaluation.suites import suite_texts
        from netral_nlp.training.teacher import label_softly

        measured = [text for rows in (dev_rows, *tests.values()) for text in rows["text"].tolist()]
        barred = [*measured, *held_out, *sorted(suite_texts())]
        train = train + label_softly(config, normaliser, known=train.texts, barred=barred)
    if shared := len(
        set(zip(train.texts, train.contexts, strict=True)) & set(zip(dev.texts, dev.contexts, strict=True))
    ):
        log.warning("%d dev posts are, once normalised, also training posts: dev figures will flatter", shared)
    return TrainingData(train, dev, dev_rows, tests)


def class_weights(choice: str | dict[str, float], posts: Posts, *, auto: str) -> list[float]:
    """One weight a label for the loss, in the order of `LABELS`.

    Args:
        choice: A weight for each label, or `none`, `balanced` (every label has the same total), `auto`.
        posts: The training posts; those that people labelled are what is balanced.
        auto: What `auto` stands for.
    """
    if isinstance(choice, dict):
        return [choice[label.value] for label in LABELS]
    if (auto if choice == "auto" else choice) == "none":
        return [1.0] * len(LABELS)
    counts = list(posts.counts().values())
    present = sum(1 for count in counts if count)
    return [sum(counts) / (present * count) if count else 0.0 for count in counts]


def data_hashes(config: RunConfig) -> dict[str, str]:
    """The SHA-256 of every file that the run reads, by its path as given."""
    return {path: hash_path(Path(path)) for path in config.files()}


def hash_path(path: Path, *, deep: bool = True) -> str:
    """The SHA-256 of a file's bytes, or of a folder's file names and bytes.

    Args:
        path: A file or folder.
        deep: Whether a folder's inner folders count.
    """
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(item for item in path.glob("**/*" if deep else "*") if item.is_file())
    for file in files:
        if path.is_dir():
            digest.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _refuse_suite_cases(rows: pd.DataFrame) -> None:
    """Keep the behaviour suites out of training: a model that has learnt a case by heart is not tested by it.

    Raises:
        InputError: a post is a case of the suites.
    """
    from netral_nlp.evaluation.suites import suite_texts

    cases = suite_texts()
    for number, text in enumerate(rows["text"].tolist(), 1):
        if text in cases and len(text.split()) >= _WORDS_OF_A_CASE:
            raise InputError(
                f"training post {number} is a case of the behaviour suites, which are never trained on; remove it"
            )


def _hold_out(rows: pd.DataFrame, config: TrainingConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows into training and dev."""
    from netral_nlp.corpus.split import hold_out

    order = {label: index for index, label in enumerate(LABELS)}
    labels = [order[label] for label in rows["label"]]
    contexts = rows["context"].tolist() if "context" in rows.columns else None
    train, dev = hold_out(rows["text"].tolist(), labels, config.dev_share, config.seed, contexts)
    log.info("%d posts are held out for dev, near-same posts together", len(dev))
    return rows.iloc[train].reset_index(drop=True), rows.iloc[dev].reset_index(drop=True)


def _prepare(rows: pd.DataFrame, config: TrainingConfig, normaliser: Normaliser, name: str) -> Posts:
    """Normalise; posts without words (likes, lone links) are decided by rule, not learnt, and are left out."""
    order = {label: index for index, label in enumerate(LABELS)}
    columns: dict[str, list[Any]] = {
        key: rows[key].tolist() if key in rows.columns else [None] * len(rows)
        for key in ("text", "context", "label", "weight", "unsure", "direction", *SHARE_COLUMNS)
    }
    texts, contexts, labels, weights, shares, directions = [], [], [], [], [], []
    for text, context, label, weight, unsure, direction, *parts in zip(*columns.values(), strict=True):
        normal = normaliser(text)
        if not normaliser.has_words(normal):
            continue
        around = normaliser(context) if isinstance(context, str) else ""
        texts.append(normal)
        contexts.append(around or None)
        labels.append(order[label])
        weights.append((1.0 if weight is None else float(weight)) * (config.unsure_weight if unsure is True else 1.0))
        shares.append(_soft(parts) if config.soft_labels else None)
        directions.append(_direction(labels[-1], direction))
    if left_out := len(rows) - len(texts):
        log.warning("%d of %d %s posts have no words of their own and are left out", left_out, len(rows), name)
    if not texts:
        raise InputError(f"no {name} post has any words")
    return Posts(texts, contexts, labels, weights, shares, directions)


def _direction(label: int, direction: object) -> int:
    if label == 0:
        return 0
    return DIRECTIONS_OF_POSTS.index(direction) if direction in DIRECTIONS_OF_POSTS[1:] else UNKNOWN_DIRECTION


def _soft(parts: Sequence[float | None]) -> tuple[float, ...] | None:
    """Return shares that sum to 1; None where there are none, or one label has it all."""
    given = [0.0 if part is None else part for part in parts]
    total = sum(given)
    return tuple(part / total for part in given) if total > max(given) else None
