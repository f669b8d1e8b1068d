"""The engine that scores a run's chunks on this machine. Answers come back in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from netral_nlp.inference.memory import LogitMemory
from netral_nlp.scoring.chunk import Chunk, ChunkReader, Scored, joined, prepare_texts
from netral_nlp.storage.ahead import ahead

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier, PreparedRows
    from netral_nlp.inference.decision import Decision, ReviewPolicy
    from netral_nlp.inference.folder import ModelFolder
    from netral_nlp.inference.prediction import Scores
    from netral_nlp.scoring.request import ScoreRequest

Tick = Callable[["Chunk", int], None]
"""Called by an engine with a chunk in the making and how many of its rows are done."""


class LocalEngine:
    """One model in this process. Another thread reads, normalises and encodes a window ahead of it."""

    def __init__(self, request: ScoreRequest) -> None:
        self._classifier = load_classifier(request)
        self._memory = LogitMemory()

    def recall(self, learned: Iterable[bytes]) -> None:
        """Remember what an earlier, unfinished run had the model say."""
        self._memory.recall(learned)

    def run(self, chunks: ChunkReader, tick: Tick) -> Generator[tuple[Chunk, Scored], None, None]:
        """Score chunk after chunk."""
        with ahead(self._windows(chunks), stop=chunks.stop) as windows:
            parts: list[Scores] = []
            for chunk, window in windows:
                if window is None:
                    yield chunk, joined(parts, self._memory.fresh())
                    parts = []
                else:
                    done = sum(map(len, parts))
                    parts.append(self._classifier.judge(window, self._memory, _from(chunk, done, tick)))

    def _windows(self, chunks: ChunkReader) -> Iterator[tuple[Chunk, PreparedRows | None]]:
        """Each chunk with its windows, and with None once it is whole: what comes next may fail without it."""
        for chunk in chunks:
            for window in prepare_texts(self._classifier, chunk.texts):
                yield chunk, window
            yield chunk, None


def _from(chunk: Chunk, before: int, tick: Tick) -> Callable[[int], None]:
    return lambda rows: tick(chunk, before + rows)


def decision_of(folder: ModelFolder, policy: ReviewPolicy) -> Decision:
    """The model's decision with the thresholds that the run asks for."""
    return policy.apply(folder.decision)


def load_classifier(request: ScoreRequest, threads: int | None = None) -> NeutralityClassifier:
    """Load the model that a run asks for, with its thresholds.

    Args:
        request: the run.
        threads: in place of the run's.

    Raises:
        ModelFolderError: the model cannot be found or is incomplete.
    """
    from netral_nlp.inference.classifier import NeutralityClassifier

    return NeutralityClassifier.from_pretrained(
        request.model,
        backend=request.backend,
        threads=threads or request.threads,
        precision=request.precision,
        review_below=request.policy.review_below,
        target_accused=request.policy.target_accused,
        target_passed=request.policy.target_passed,
    )
