"""Engines: the same chunk function on this process's model, or on Ray actors. Answers come back in order."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from netral_nlp.errors import MissingExtraError
from netral_nlp.inference.memory import LogitMemory
from netral_nlp.scoring.chunk import Chunk, Scored, Texts, joined, prepare_texts, score_texts
from netral_nlp.storage.ahead import ahead

if TYPE_CHECKING:
    from netral_nlp.inference.backends import BackendName
    from netral_nlp.inference.classifier import NeutralityClassifier, PreparedRows
    from netral_nlp.inference.decision import Decision, ReviewPolicy
    from netral_nlp.inference.folder import ModelFolder
    from netral_nlp.inference.prediction import Scores
    from netral_nlp.scoring.request import ScoreRequest

Tick = Callable[["Chunk", int], None]
"""Called by an engine with a chunk in the making and how many of its rows are done."""

_AHEAD = 2  # chunks in hand for each Ray actor: one being scored, one waiting


class Engine(Protocol):
    """Takes chunks as they are read and gives each back with its answers, in the same order."""

    def recall(self, learned: Iterable[bytes]) -> None:
        """Take in what was learned of the chunks before, where a run goes on."""

    def run(self, chunks: Iterable[Chunk], tick: Tick) -> Iterator[tuple[Chunk, Scored]]:
        """Score chunks lazily: no more of them are drawn than the engine keeps busy with."""

    def close(self) -> None:
        """Let go of what the engine holds."""


class LocalEngine:
    """One model in this process. Another thread reads, normalises and encodes a window ahead of it."""

    def __init__(self, request: ScoreRequest) -> None:
        self._classifier = load_classifier(
            request.model, request.backend, request.threads, request.policy, request.precision
        )
        self._memory = LogitMemory()

    def recall(self, learned: Iterable[bytes]) -> None:
        """Remember what an earlier, unfinished run had the model say."""
        self._memory.recall(learned)

    def run(self, chunks: Iterable[Chunk], tick: Tick) -> Iterator[tuple[Chunk, Scored]]:
        """Score chunk after chunk."""
        with ahead(self._windows(chunks)) as windows:
            for chunk, group in itertools.groupby(windows, key=itemgetter(0)):
                parts: list[Scores] = []
                done = 0
                for _, window in group:
                    if window is not None:
                        parts.append(self._classifier.judge(window, self._memory, _from(chunk, done, tick)))
                        done += len(parts[-1])
                yield chunk, joined(parts, self._memory.fresh())

    def close(self) -> None:
        """Nothing to let go of."""

    def _windows(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, PreparedRows | None]]:
        """Each chunk with its windows; a chunk without rows comes once, without one."""
        for chunk in chunks:
            if not chunk.texts.texts:
                yield chunk, None
            for window in prepare_texts(self._classifier, chunk.texts):
                yield chunk, window


def _from(chunk: Chunk, before: int, tick: Tick) -> Callable[[int], None]:
    return lambda rows: tick(chunk, before + rows)


class RayEngine:
    """Models in Ray actors, on this machine or on the cluster that the environment names (`RAY_ADDRESS`).

    An actor that dies is started anew and its chunk is scored again.
    """

    def __init__(self, request: ScoreRequest) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("--engine ray", "ray")
        import ray

        self._ray = ray
        self._started = not ray.is_initialized()
        if self._started:
            ray.init(log_to_driver=False, configure_logging=False, include_dashboard=False)
        workers = request.workers or max(1, int(ray.cluster_resources().get("CPU", os.cpu_count() or 1)))
        actor = ray.remote(max_restarts=-1, max_task_retries=-1, num_cpus=1)(_Scorer)
        self._actors = [
            actor.remote(request.model, request.backend, request.threads or 1, request.policy) for _ in range(workers)
        ]

    def recall(self, learned: Iterable[bytes]) -> None:
        """Actors remember nothing beyond a chunk."""

    def run(self, chunks: Iterable[Chunk], tick: Tick) -> Iterator[tuple[Chunk, Scored]]:
        """Hand chunks to the actors in turn, a bounded number ahead."""
        waiting: deque[tuple[Chunk, Any]] = deque()
        for turn, chunk in enumerate(chunks):
            if not chunk.texts.texts:
                waiting.append((chunk, None))
            else:
                waiting.append((chunk, self._actors[turn % len(self._actors)].score.remote(chunk.texts)))
            if len(waiting) >= _AHEAD * len(self._actors):
                yield self._answer(*waiting.popleft())
        while waiting:
            yield self._answer(*waiting.popleft())

    def _answer(self, chunk: Chunk, reference: Any) -> tuple[Chunk, Scored]:
        return chunk, joined([]) if reference is None else self._ray.get(reference)

    def close(self) -> None:
        """Stop the actors, and Ray where this run started it."""
        for actor in self._actors:
            self._ray.kill(actor)
        if self._started:
            self._ray.shutdown()


class _Scorer:
    """What a Ray actor runs: the model, loaded once."""

    def __init__(self, model: str | None, backend: BackendName, threads: int, policy: ReviewPolicy) -> None:
        self._classifier = load_classifier(model, backend, threads, policy)

    def score(self, texts: Texts) -> Scored:
        return score_texts(self._classifier, texts)


def make_engine(request: ScoreRequest) -> Engine:
    """The engine that a run asks for, with its model loaded.

    Raises:
        MissingExtraError: the Ray engine without Ray.
        ModelFolderError: the model cannot be found or is incomplete.
    """
    return RayEngine(request) if request.engine == "ray" else LocalEngine(request)


def decision_of(folder: ModelFolder, policy: ReviewPolicy) -> Decision:
    """The model's decision with the thresholds that the run asks for."""
    return policy.apply(folder.decision)


def load_classifier(
    model: str | None,
    backend: BackendName,
    threads: int | None,
    policy: ReviewPolicy,
    precision: str | None = None,
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
        precision=precision,
        review_below=policy.review_below,
        target_accused=policy.target_accused,
        target_passed=policy.target_passed,
    )
