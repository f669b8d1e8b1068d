"""The classifier: texts in, calibrated decisions out."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import ConfigError, InputError
from netral_nlp.inference.actions import Action
from netral_nlp.inference.backends import BackendName, EncoderBackend, check_backend, check_threads, open_encoder
from netral_nlp.inference.batching import WINDOW, chunks, score_in_batches
from netral_nlp.inference.decision import Decision, ReviewPolicy
from netral_nlp.inference.encoding import Encoded, PairEncoder
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.inference.memory import LogitMemory, memory_key
from netral_nlp.inference.prediction import Judged, Prediction, Scores
from netral_nlp.inference.windows import LONGEST_AT_ONCE, split_units, split_windows
from netral_nlp.labels import LABELS, Label
from netral_nlp.text import Normaliser

if TYPE_CHECKING:
    from netral_nlp.inference.explain import Explanation

__all__ = ["Judged", "NeutralityClassifier", "Prediction", "Scores"]

_NEUTRAL, _SUPPORTIVE, _CAMPAIGNING = range(len(LABELS))
_UNCALIBRATED = Decision()
_FIRST_OF_STREAM = 32
# A piece of a context is rarely longer than this: what lies beyond is cut before it costs any time.
_CHARACTERS_PER_PIECE = 64


@dataclass(frozen=True, slots=True)
class _Row:
    """One text to judge, resolved: what is read, in which context, and how the answer is to be taken."""

    text: str
    normalised: str | None  # None of a text so long that it is normalised window by window
    context: str | None
    from_context: bool = False
    endorses: bool = False  # a like or follow: it supports what campaigns


@dataclass(frozen=True, slots=True)
class _Unit:
    """What the model reads at once: a text or one of its windows, with its context; both normalised."""

    text: str
    context: str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A unit, encoded, and its place in the text where it is not the whole."""

    unit: _Unit
    tokens: Encoded
    span: tuple[int, int] | None
    quoted: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """A row whose parts wait for their scores."""

    index: int
    row: _Row
    parts: list[_Part]
    places: list[int]  # of the parts' units among the units to score


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """A window of rows, normalised and encoded: all that is left to do is the model's.

    Attributes:
        row_ids: of each row the number of the distinct row that it equals, shape (n,).
        blank: of each distinct row whether there is nothing to judge.
        from_context: of each distinct row whether its context is judged in its stead.
        context_cut: of each distinct row whether its context lost its end.
        readings: the distinct rows to judge.
        units: what the model reads; each once.
        encoded: the units' tokens.
    """

    row_ids: list[int]
    blank: npt.NDArray[np.bool_]
    from_context: npt.NDArray[np.bool_]
    context_cut: npt.NDArray[np.bool_]
    readings: list[_Reading]
    units: list[_Unit]
    encoded: list[Encoded]


class NeutralityClassifier:
    """Says of Indonesian posts whether they are neutral, supportive or campaigning.

    Make one with `from_pretrained`. It may be shared between threads, used after a fork, and pickled (the other
    process loads the same folder).

    Attributes:
        folder: the model folder.
        decision: temperature and review thresholds; may be replaced.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        backend: BackendName = "auto",
        threads: int | None = None,
        precision: str | None = None,
        decision: Decision | None = None,
    ) -> None:
        """Load a model folder; `from_pretrained` says what the arguments mean."""
        check_backend(backend)
        check_threads(threads)
        self.folder = folder
        self.decision = decision or folder.decision
        self._options = (backend, threads, precision)
        self._engine: _Engine
        if folder.kind == "tfidf":
            if backend != "auto" or precision is not None:
                raise ConfigError(f"{folder.name} is a linear baseline: it has no backend or precision to choose")
            self._engine = _LinearEngine(folder)
        else:
            self._engine = _EncoderEngine(folder, open_encoder(folder, backend, threads, precision))

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | ModelFolder | None = None,
        *,
        backend: BackendName = "auto",
        threads: int | None = None,
        precision: str | None = None,
        review_below: float | Mapping[Label, float] | Mapping[str, float] | None = None,
        target_accused: float | None = None,
        target_passed: float | None = None,
    ) -> NeutralityClassifier:
        """Load a model.

        Args:
            model: None for the shipped model; or a shipped name, a model folder, or a hub id.
            backend: "onnx" (int8, needs no torch), "torch" (the full weights), or "auto": ONNX where the folder has
                it.
            threads: processor threads; None for all that the process may use.
            precision: of the torch backend: "fp32", "bf16" or "fp16"; None is fp32 on a processor, half on a GPU.
            review_below: other review thresholds than the model's own: one probability, or one for each label.
            target_accused: thresholds by which at most this share of neutral posts is accused without review (0.02 is
                2 %), as measured on the posts that the model's decision was fitted on.
            target_passed: the same for campaigning posts that pass as neutral without review.

        Raises:
            ModelFolderError: the model is not found, incomplete, or has other labels.
            MissingExtraError: torch is asked for and not installed.
            ConfigError: an option makes no sense.
        """
        folder = ModelFolder.open(model)
        decision = ReviewPolicy(target_accused, target_passed, review_below).apply(folder.decision)
        return cls(folder, backend=backend, threads=threads, precision=precision, decision=decision)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels, in the order of every probability vector."""
        return LABELS

    @property
    def normaliser(self) -> Normaliser:
        """What prepares the texts."""
        return self.folder.normaliser

    @property
    def backend(self) -> str:
        """What runs the model: "onnx", "torch" or "linear"."""
        return self._engine.name

    def __repr__(self) -> str:
        return f"NeutralityClassifier({self.folder.name!r}, backend={self.backend!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.folder, self._options, self.decision)

    @overload
    def predict(self, texts: str | None, contexts: str | None = None, actions: str | None = None) -> Prediction: ...

    @overload
    def predict(
        self, texts: Iterable[Any], contexts: Iterable[Any] | None = None, actions: Iterable[Any] | None = None
    ) -> list[Prediction]: ...

    def predict(self, texts: Any, contexts: Any = None, actions: Any = None) -> Prediction | list[Prediction]:
        """Judge one text, or many.

        Args:
            texts: a text, or any iterable of texts (a list, an array, a pandas Series). None, NaN and what is no text
                is answered as neutral with `needs_review`; numbers are read as their digits.
            contexts: the text that each one answers, or None; as many as texts. Blank means none.
            actions: what was done: post, comment, like, share or follow (or posting, komentar, suka, bagikan, ikuti),
                or None; as many as texts. A like, share or follow without words is judged on its context.

        Returns:
            A `Prediction` for a text, a list of them in the same order for many.

        Raises:
            InputError: an unknown action, not as many contexts or actions as texts, or a table in place of a column.
        """
        if _is_one(texts):
            for name, value in (("contexts", contexts), ("actions", actions)):
                if not _is_one(value):
                    raise InputError(f"{name} is a list and texts is one text; give both as lists, or both as one")
            return next(self.score([texts], [contexts], [actions]).predictions())
        return list(self.score(texts, contexts, actions).predictions())

    def stream(
        self, texts: Iterable[Any], contexts: Iterable[Any] | None = None, actions: Iterable[Any] | None = None
    ) -> Iterator[Prediction]:
        """Judge texts as they come, in their order, in flat memory.

        The first answers come after a few texts; later ones after at most 4,096, which are sorted by length together.

        Args:
            texts: any iterable.
            contexts: as in `predict`; any iterable.
            actions: as in `predict`; any iterable.

        Raises:
            InputError: as in `predict`.
        """
        for chunk in chunks(as_rows(texts, contexts, actions), first=_FIRST_OF_STREAM):
            for window in self._prepare(chunk):
                yield from self.judge(window).predictions()

    def score(
        self, texts: Iterable[Any], contexts: Iterable[Any] | None = None, actions: Iterable[Any] | None = None
    ) -> Scores:
        """Judge many texts, answered as arrays.

        Args:
            texts: as in `predict`.
            contexts: as in `predict`.
            actions: as in `predict`.

        Raises:
            InputError: as in `predict`.
        """
        return _joined([self.judge(window) for window in self.prepare(texts, contexts, actions)])

    def explain(
        self,
        text: str | None,
        context: str | None = None,
        action: str | None = None,
        *,
        label: Label | str | None = None,
    ) -> Explanation:
        """Say which words of a post moved its label; `inference.explain.explain_many` does it for many at once.

        Args:
            text: as in `predict`.
            context: as in `predict`.
            action: as in `predict`.
            label: explain the probability of this label instead of the likeliest one.

        Raises:
            InputError: an unknown action or label.
        """
        from netral_nlp.inference.explain import explain

        return explain(self, text, context, action, label=label)

    def logits(self, texts: Iterable[Any], contexts: Iterable[Any] | None = None) -> npt.NDArray[np.float32]:
        """What the model says before the temperature, of each text read at once (the end of a long one is cut).

        Args:
            texts: as in `predict`.
            contexts: as in `predict`.

        Returns:
            Shape (n, 3), in the order of `LABELS`.
        """
        parts = []
        for chunk in chunks(as_rows(texts, contexts, None)):
            units = [
                _Unit(self.normaliser(text or ""), self._normalised_context(context)[0]) for text, context, _ in chunk
            ]
            parts.append(self._engine.logits(units, [self._engine.encode(unit) for unit in units]))
        return np.concatenate(parts) if parts else np.zeros((0, len(LABELS)), dtype=np.float32)

    def prepare(
        self, texts: Iterable[Any], contexts: Iterable[Any] | None = None, actions: Iterable[Any] | None = None
    ) -> Iterator[PreparedRows]:
        """Do all that comes before the model, window by window; `judge` does the rest, in another thread if you like.

        Args:
            texts: as in `predict`.
            contexts: as in `predict`.
            actions: as in `predict`.

        Yields:
            At most 4,096 rows at once, in their order; fewer where long texts fill a window.

        Raises:
            InputError: as in `predict`.
        """
        for chunk in chunks(as_rows(texts, contexts, actions)):
            yield from self._prepare(chunk)

    def judge(
        self,
        window: PreparedRows,
        memory: LogitMemory | None = None,
        tick: Callable[[int], None] = lambda rows: None,
    ) -> Scores:
        """Judge rows that `prepare` of this classifier made ready.

        Args:
            window: the rows.
            memory: what the model said before; what it says now is added.
            tick: called again and again with how many of the rows are done, about.
        """
        said, known = self._said(window, memory, lambda done: tick(len(window.row_ids) * done // len(window.units)))
        count = len(window.blank)
        probabilities = np.zeros((count, len(LABELS)), dtype=np.float64)
        probabilities[:, _NEUTRAL] = 1.0
        windows: list[tuple[int, int] | None] = [None] * count
        logits = np.full((count, len(LABELS)), np.nan)
        repeated = np.zeros(count, dtype=np.bool_)

        chances = self.decision.probabilities(said)
        # Which window decides must not hang on the calibration, or a new one would be fitted on other windows.
        plain = _UNCALIBRATED.probabilities(said)
        for reading in window.readings:
            found, raw = chances[reading.places], plain[reading.places]
            if reading.row.endorses:
                for rows in (found, raw):
                    rows[:, _SUPPORTIVE] += rows[:, _CAMPAIGNING]
                    rows[:, _CAMPAIGNING] = 0.0
            decisive = _severest(raw, [part.quoted for part in reading.parts])
            probabilities[reading.index] = found[decisive]
            if not reading.row.endorses:
                logits[reading.index] = said[reading.places[decisive]]
            windows[reading.index] = reading.parts[decisive].span
            repeated[reading.index] = known[reading.places].all()
            known[reading.places] = True

        needs_review = self.decision.needs_review(probabilities) | window.blank
        back = window.row_ids
        again = repeated[back]
        again[_seen_before(back) & ~window.blank[back]] = True
        tick(len(back))
        return Scores(
            label_ids=probabilities.argmax(axis=1).astype(np.int8)[back],
            probabilities=probabilities[back],
            needs_review=needs_review[back],
            blank=window.blank[back],
            windows=[windows[place] for place in back],
            from_context=window.from_context[back],
            context_cut=window.context_cut[back],
            logits=logits[back],
            repeated=again,
        )

    def _said(
        self, window: PreparedRows, memory: LogitMemory | None, tick: Callable[[int], None]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Logits of a window's units, shape (n, 3), and which of them were known before."""
        known = np.zeros(len(window.units), dtype=np.bool_)
        if memory is None:
            return self._engine.logits(window.units, window.encoded, tick), known
        logits = np.empty((len(window.units), len(LABELS)), dtype=np.float32)
        keys = [memory_key(unit.text, unit.context) for unit in window.units]
        for index, key in enumerate(keys):
            found = memory.get(key)
            if found is not None:
                logits[index] = found
                known[index] = True
        new = np.flatnonzero(~known).tolist()
        answers = self._engine.logits(
            [window.units[index] for index in new], [window.encoded[index] for index in new], tick
        )
        for index, answer in zip(new, answers, strict=True):
            logits[index] = answer
            memory.add(keys[index], answer)
        return logits, known

    def _prepare(self, rows: Sequence[tuple[str | None, str | None, Action | None]]) -> Iterator[PreparedRows]:
        """Resolve, normalise and encode a bounded number of rows; equal rows once."""
        start = 0
        while start < len(rows):
            window = self._prepare_from(rows, start)
            start += len(window.row_ids)
            yield window

    def _prepare_from(self, rows: Sequence[tuple[str | None, str | None, Action | None]], start: int) -> PreparedRows:
        """The rows from `start` on, as many as fill a window."""
        places: dict[tuple[str | None, str | None, Action | None], int] = {}
        row_ids: list[int] = []
        blank: list[bool] = []
        from_context: list[bool] = []
        context_cut: list[bool] = []
        readings: list[_Reading] = []
        units: dict[_Unit, int] = {}
        encoded: list[Encoded] = []

        def place(part: _Part) -> int:
            index = units.setdefault(part.unit, len(units))
            if index == len(encoded):
                encoded.append(part.tokens)
            return index

        for text, context, action in itertools.islice(rows, start, None):
            index = places.setdefault((text, context, action), len(places))
            if index == len(blank):
                if len(units) >= WINDOW:
                    break
                row = self._resolve(text, context, action)
                second, cut = self._normalised_context(row.context) if row is not None else (None, False)
                parts = self._parts(row, second) if row is not None else []
                blank.append(not parts)
                from_context.append(bool(parts) and row is not None and row.from_context)
                context_cut.append(bool(parts) and (cut or any(part.tokens.context_cut for part in parts)))
                if row is not None and parts:
                    readings.append(_Reading(index, row, parts, [place(part) for part in parts]))
            row_ids.append(index)
        return PreparedRows(
            row_ids=row_ids,
            blank=np.array(blank, dtype=np.bool_),
            from_context=np.array(from_context, dtype=np.bool_),
            context_cut=np.array(context_cut, dtype=np.bool_),
            readings=readings,
            units=list(units),
            encoded=encoded,
        )

    def _resolve(self, text: str | None, context: str | None, action: Action | None) -> _Row | None:
        """What is to be judged; None where there is nothing."""
        words, normalised = self._read(text)
        if words:
            return _Row(words, normalised, context)
        if action is None or not action.wordless:
            return None
        words, normalised = self._read(context)
        if not words:
            return None
        return _Row(words, normalised, None, from_context=True, endorses=action is not Action.SHARE)

    def _read(self, text: str | None) -> tuple[str | None, str | None]:
        """A text, or None where it has no words; and its normalised form, or None where it is long."""
        if not text or text.isspace():
            return None, None
        if len(text) <= LONGEST_AT_ONCE:
            normalised = self.normaliser(text)
            return (text, normalised) if self.normaliser.has_words(normalised) else (None, None)
        has_words = any(self.normaliser.has_words(self.normaliser(text[start:end])) for start, end in split_units(text))
        return (text, None) if has_words else (None, None)

    def _normalised_context(self, context: str | None) -> tuple[str | None, bool]:
        """A context as the model reads it, and whether it was so long that its end was left aside at once."""
        if not context or context.isspace():
            return None, False
        limit = self.folder.context_tokens * _CHARACTERS_PER_PIECE
        normalised = self.normaliser(context[:limit])
        if not self.normaliser.has_words(normalised):
            return None, False
        return normalised, bool(context[limit:].strip())

    def _parts(self, row: _Row, context: str | None) -> list[_Part]:
        """What the model reads of a text: all of it at once, or windows with words."""
        if row.normalised is not None:
            unit = _Unit(row.normalised, context)
            tokens = self._engine.encode(unit)
            if not tokens.text_cut:
                return [_Part(unit, tokens, None, False)]
        parts = []
        for window in split_windows(row.text, self.normaliser, self._engine.count, self._engine.max_pieces):
            if self.normaliser.has_words(window.normalised):
                unit = _Unit(window.normalised, context)
                span = (window.start, window.end)
                parts.append(_Part(unit, self._engine.encode(unit), span, window.quoted))
        return parts


class _Engine(ABC):
    """Counts, encodes and scores units: what differs between an encoder and the baseline."""

    name: str
    max_pieces: int
    count: Callable[[str], int]

    @abstractmethod
    def encode(self, unit: _Unit) -> Encoded:
        """Measure a unit, and turn it into tokens where the model reads tokens."""

    @abstractmethod
    def logits(
        self, units: Sequence[_Unit], encoded: Sequence[Encoded], tick: Callable[[int], None] = lambda units: None
    ) -> npt.NDArray[np.float32]:
        """Shape (n, 3); `tick` is called again and again with how many units are done."""


class _EncoderEngine(_Engine):
    """An encoder on ONNX Runtime or PyTorch."""

    def __init__(self, folder: ModelFolder, backend: EncoderBackend) -> None:
        encoder = PairEncoder(folder.path, folder.max_tokens, folder.context_tokens)
        self.name = backend.name
        self.max_pieces = encoder.max_pieces
        self.count = encoder.count
        self._encoder = encoder
        self._backend = backend

    def encode(self, unit: _Unit) -> Encoded:
        return self._encoder.encode(unit.text, unit.context)

    def logits(
        self, units: Sequence[_Unit], encoded: Sequence[Encoded], tick: Callable[[int], None] = lambda units: None
    ) -> npt.NDArray[np.float32]:
        return score_in_batches(
            encoded,
            [len(tokens) for tokens in encoded],
            self._backend.logits,
            width=len(LABELS),
            budget=self._backend.token_budget,
            workers=self._backend.workers,
            tick=tick,
        )


class _LinearEngine(_Engine):
    """The linear baseline: its pieces are words."""

    def __init__(self, folder: ModelFolder) -> None:
        from netral_nlp.inference.linear import LinearBackend

        self.name = "linear"
        self.max_pieces = folder.max_tokens
        self.count = lambda text: len(text.split())
        self._backend = LinearBackend(folder.path)

    def encode(self, unit: _Unit) -> Encoded:
        words = self.count(unit.text)
        return Encoded([], [], text_cut=words > self.max_pieces)

    def logits(
        self, units: Sequence[_Unit], encoded: Sequence[Encoded], tick: Callable[[int], None] = lambda units: None
    ) -> npt.NDArray[np.float32]:
        return self._backend.logits([(unit.text, unit.context) for unit in units])


def _severest(probabilities: npt.NDArray[np.float64], quoted: Sequence[bool]) -> int:
    """The window that decides: of the author's own, the severest label, and among equals the clearest case for it.

    Where the whole text is a quotation, spreading it is the author's act, and every window counts.
    """
    own = [index for index, foreign in enumerate(quoted) if not foreign] or list(range(len(quoted)))
    labels = probabilities.argmax(axis=1)
    # Where all is neutral, the window that is least so tells most about the text.
    return max(own, key=lambda index: (labels[index], -probabilities[index, _NEUTRAL], -index))


def as_rows(
    texts: Iterable[Any], contexts: Iterable[Any] | None, actions: Iterable[Any] | None
) -> Iterator[tuple[str | None, str | None, Action | None]]:
    """Texts, contexts and actions side by side, each a string or None."""
    given = {name: values for name, values in (("contexts", contexts), ("actions", actions)) if values is not None}
    for name, values in {"texts": texts, **given}.items():
        if _is_one(values) or isinstance(values, Mapping) or getattr(values, "ndim", 1) != 1:
            raise InputError(f"{name} must be a list or column of texts, not {type(values).__name__}")
    columns = {name: iter(values) for name, values in given.items()}
    end = object()
    for number, text in enumerate(texts, 1):
        row = {name: next(column, end) for name, column in columns.items()}
        for name, value in row.items():
            if value is end:
                raise InputError(f"there are fewer {name} than texts; give one for each text, None where there is none")
        try:
            action = Action.parse(as_text(row.get("actions")))
        except InputError as error:
            raise InputError(f"text {number}: {error}") from None
        yield as_text(text), as_text(row.get("contexts")), action
    for name, column in columns.items():
        if next(column, end) is not end:
            raise InputError(f"there are more {name} than texts; give one for each text")


def as_text(value: object) -> str | None:
    """What a cell holds as text; None where it holds none.

    Numbers are read as their digits (a post may be a lone 2, which a column with gaps holds as 2.0); bytes as UTF-8.
    NaN, lists and other objects hold no text.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Number | np.number) and not isinstance(value, bool | np.bool_):
        if value != value:  # NaN
            return None
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return None


def _is_one(value: object) -> bool:
    """Whether a value is one text (or stands for one) and no collection of texts."""
    return isinstance(value, str | bytes | bytearray | Number) or not hasattr(value, "__iter__")


def _seen_before(row_ids: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Of each row whether an equal one stands before it; distinct rows are numbered as they first come."""
    ids = np.asarray(row_ids, dtype=np.int64)
    seen = np.ones(len(ids), dtype=np.bool_)
    seen[np.unique(ids, return_index=True)[1]] = False
    return seen


def _joined(parts: Sequence[Scores]) -> Scores:
    if len(parts) == 1:
        return parts[0]
    none = np.zeros(0, dtype=np.bool_)
    nothing = np.zeros((0, len(LABELS)))
    empty = Scores(np.zeros(0, dtype=np.int8), nothing, none, none, [], none, none, nothing, none)
    parts = [empty, *parts]
    return Scores(
        label_ids=np.concatenate([part.label_ids for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        needs_review=np.concatenate([part.needs_review for part in parts]),
        blank=np.concatenate([part.blank for part in parts]),
        windows=[window for part in parts for window in part.windows],
        from_context=np.concatenate([part.from_context for part in parts]),
        context_cut=np.concatenate([part.context_cut for part in parts]),
        logits=np.concatenate([part.logits for part in parts]),
        repeated=np.concatenate([part.repeated for part in parts]),
    )


def _rebuild(
    folder: ModelFolder, options: tuple[BackendName, int | None, str | None], decision: Decision
) -> NeutralityClassifier:
    backend, threads, precision = options
    return NeutralityClassifier(folder, backend=backend, threads=threads, precision=precision, decision=decision)
