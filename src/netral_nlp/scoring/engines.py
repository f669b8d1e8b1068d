"""The engine that scores a run's chunks on this machine. Answers come back in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from netral_nlp.labels import LABELS
from netral_nlp.scoring.chunk import Chunk, Scored, score_texts

if TYPE_CHECKING:
    from netral_nlp.inference.backends import BackendName
    from netral_nlp.inference.classifier import NeutralityClassifier
    from netral_nlp.inference.decision import Decision, ReviewPolicy
    from netral_nlp.inference.folder import ModelFolder
    from netral_nlp.scoring.request import ScoreRequest

Tick = Callable[["Chunk", int], None]
"""Called by an engine with a chunk in the making and how many of its rows are done."""


class Engine(Protocol):
    """Takes chunks as they are read and gives each back with its answers, in the same order."""

    def run(self, chunks: Iterable[Chunk], tick: Tick) -> Iterator[tuple[Chunk, Scored]]:
        """Score chunks lazily: no more of them are drawn than the engine keeps busy with."""

    def close(self) -> None:
        """Let go of what the engine holds."""


class LocalEngine:
    """One model in this process."""

    def __init__(self, request: ScoreRequest) -> None:
        self._classifier = load_classifier(request.model, request.backend, request.threads, request.policy)

    def run(self, chunks: Iterable[Chunk], tick: Tick) -> Iterator[tuple[Chunk, Scored]]:
        """Score chunk after chunk."""
        for chunk in chunks:
            if chunk.texts.texts:
                yield chunk, score_texts(self._classifier, chunk.texts, partial(tick, chunk))
            else:
                yield chunk, _nothing()

    def close(self) -> None:
        """Nothing to let go of."""


def make_engine(request: ScoreRequest) -> Engine:
    """The engine that a run asks for, with its model loaded.

    Raises:
        ModelFolderError: the model cannot be found or is incomplete.
    """
    return LocalEngine(request)


def decision_of(folder: ModelFolder, policy: ReviewPolicy) -> Decision:
    """The model's decision with the thresholds that the run asks for."""
    return policy.apply(folder.decision)


def load_classifier(
    model: str | None, backend: BackendName, threads: int | None, policy: ReviewPolicy
) -> NeutralityClassifier:
    """Load a model with the thresholds that the run asks for.

    Raises:
        ModelFolderError: the model cannot be found or is incomplete.
    """
    from netral_nlp.inference.classifier import NeutralityClassifier

    return NeutralityClassifier.from_pretrained(
        model,
        backend=backend,
        threads=threads,
        review_below=policy.review_below,
        target_accused=policy.target_accused,
        target_passed=policy.target_passed,
    )


def _nothing() -> Scored:
    """The answer to a chunk without rows."""
    none = np.zeros(0, dtype=bool)
    return Scored(np.zeros(0, dtype=np.int8), np.zeros((0, len(LABELS))), none, none, 0)
