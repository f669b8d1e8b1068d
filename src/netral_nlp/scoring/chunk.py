"""Chunks: a bounded number of rows that are read, scored, written and journalled together.

Windows of sorting never cross chunks, and what is remembered of the chunks before is journalled with each: a resumed
run gives the bytes of an uninterrupted one.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netral_nlp.errors import InputError
from netral_nlp.formats import Columns, FileFormat, PostBatch, Reject, RejectsFile, row_problems
from netral_nlp.formats.cells import encode_string, json_texts
from netral_nlp.inference.actions import Action
from netral_nlp.inference.memory import LogitMemory
from netral_nlp.labels import LABELS
from netral_nlp.scoring.columns import Source, open_source
from netral_nlp.scoring.journal import ChunkRecord, Journal
from netral_nlp.scoring.request import ScoreRequest
from netral_nlp.storage.durable import durable_file

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier, PreparedRows
    from netral_nlp.inference.prediction import Scores

ADDED = {
    "label": pa.string(),
    **{f"p_{label.value}": pa.float64() for label in LABELS},
    "needs_review": pa.bool_(),
}
"""The columns that scoring adds and their types, in order; in a part they stand after the input's columns."""


@dataclass(frozen=True)
class Texts:
    """What the model needs of a chunk; plain lists, so that they travel between processes.

    Attributes:
        texts: the posts; None where there is none.
        contexts: what they answer; None where nothing.
        actions: what was done (post, comment, like ...); None where not known.
        unknown_actions: rows with an action that is none of ours; theirs is None.
    """

    texts: list[str | None]
    contexts: list[str | None]
    actions: list[str | None]
    unknown_actions: int = 0


@dataclass(frozen=True)
class Scored:
    """A chunk's answers, one row a post.

    Attributes:
        label_ids: shape (n,), index into `LABELS`.
        probabilities: shape (n, 3), in the order of `LABELS`.
        needs_review: shape (n,).
        blank: shape (n,), True where there was no text to judge.
        duplicates: rows whose answer was known from rows before them.
        learned: what the model said for the first time, see `LogitMemory.fresh`; empty where nothing is kept of it.
    """

    label_ids: npt.NDArray[np.integer]
    probabilities: npt.NDArray[np.float64]
    needs_review: npt.NDArray[np.bool_]
    blank: npt.NDArray[np.bool_]
    duplicates: int
    learned: bytes = b""


@dataclass(frozen=True)
class Chunk:
    """Rows that were read and are to be scored.

    Attributes:
        number: running number over all inputs, from 0.
        source: index of the input.
        rows: the input's columns; None in the chunk that ends an input.
        texts: what the model needs of the rows.
        rejects: rejected rows that lie before or between these rows; they are in the chunk's rejects file already.
        bytes_read: how far the reader is in the input file.
    """

    number: int
    source: int
    rows: pa.RecordBatch | None
    texts: Texts
    rejects: int
    bytes_read: int


def score_texts(classifier: NeutralityClassifier, texts: Texts) -> Scored:
    """Score a chunk by itself; posts that read the same to the model are scored once.

    Args:
        classifier: the model.
        texts: the chunk's texts; at least one.
    """
    memory = LogitMemory()
    return joined([classifier.judge(window, memory) for window in prepare_texts(classifier, texts)])


def prepare_texts(classifier: NeutralityClassifier, texts: Texts) -> Iterator[PreparedRows]:
    """Do all that comes before the model for a chunk."""
    return classifier.prepare(texts.texts, texts.contexts, texts.actions)


def joined(parts: Sequence[Scores], learned: bytes = b"") -> Scored:
    """The answers of a chunk's windows, in their order, as the chunk's; without windows those of a chunk without rows.

    Args:
        parts: the answers.
        learned: see `Scored`.
    """
    if not parts:
        none = np.zeros(0, dtype=bool)
        return Scored(np.zeros(0, dtype=np.int8), np.zeros((0, len(LABELS))), none, none, 0, learned)
    return Scored(
        label_ids=np.concatenate([part.label_ids for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        needs_review=np.concatenate([part.needs_review for part in parts]),
        blank=np.concatenate([part.blank for part in parts]),
        duplicates=sum(int(part.repeated.sum()) for part in parts),
        learned=learned,
    )


class ChunkReader:
    """Reads all inputs in chunks, from behind the last journalled one.

    Args:
        request: the run.
        sources: its inputs.
        journal: where chunks go; its whole chunks are passed over.
        output_format: rows that it cannot hold go to the rejects.
    """

    def __init__(
        self,
        request: ScoreRequest,
        sources: Sequence[Source],
        journal: Journal,
        output_format: FileFormat,
    ) -> None:
        self._request = request
        self._sources = sources
        self._journal = journal
        self._output_format = output_format
        self._rejects = journal.counts().rejects
        self._whole = Counter(record.source for record in journal.records)
        self._ended = {record.source for record in journal.records if record.last}
        self._numbers = itertools.count(len(journal.records))
        self._stopped = False

    def stop(self) -> None:
        """Give up reading, also from another thread and in the middle of a file of bad rows or of passed chunks."""
        self._stopped = True

    def _go_on(self) -> None:
        if self._stopped:
            raise InputError("reading was stopped")

    def __iter__(self) -> Iterator[Chunk]:
        for index, source in enumerate(self._sources):
            if index not in self._ended:
                yield from self._read(index, source)

    def _read(self, index: int, source: Source) -> Iterator[Chunk]:
        passing = self._whole[index]
        sink: RejectsFile | None = None

        def on_reject(reject: Reject) -> None:
            self._go_on()
            if sink is not None:  # those of the chunks passed over are in their files already
                sink.write(reject)
                self._count_reject()

        with open_source(
            self._request, source.path, batch_rows=self._request.chunk_rows, on_reject=on_reject
        ) as reader:
            batches = reader.batches()
            for _ in range(passing):
                self._go_on()
                if next(batches, None) is None:
                    raise InputError(f"{source.path}: shorter than when the unfinished run read it; use --overwrite")
            while True:
                number = next(self._numbers)
                path = self._journal.rejects(number)
                path.unlink(missing_ok=True)  # what a killed run left of this very chunk
                with RejectsFile(path) as sink:  # written as they come: a wrong file costs no memory
                    batch = next(batches, None)
                    if batch is not None:
                        batch = fit_rows(batch, source.path, self._output_format, on_reject)
                yield Chunk(
                    number=number,
                    source=index,
                    rows=None if batch is None else batch.rows,
                    texts=Texts([], [], []) if batch is None else texts_of(batch, source.columns),
                    rejects=sink.count,
                    bytes_read=reader.bytes_read,
                )
                if batch is None:
                    return

    def _count_reject(self) -> None:
        self._rejects += 1
        bound = self._request.max_rejects
        if bound is not None and self._rejects > bound:
            raise InputError(
                f"more than {bound:,} rows cannot be read (--max-rejects); look at the first ones in "
                f"{self._journal.folder}/*.rejects.jsonl; go on with --resume and a higher bound, or start again"
            )


def fit_rows(batch: PostBatch, path: Path, output_format: FileFormat, on_reject: Callable[[Reject], None]) -> PostBatch:
    """Keep the rows that the output's format can hold whole; the others are rejects.

    Args:
        batch: rows that were read.
        path: their input, for the rejects.
        output_format: what they are to be written as.
        on_reject: called with each row that it cannot hold.
    """
    problems = row_problems(batch.rows, output_format)
    if not problems:
        return batch
    for index, reason in sorted(problems.items()):
        row = batch.rows.slice(index, 1)
        cells = [json_texts(column, field)[0] for column, field in zip(row.columns, row.schema, strict=True)]
        pairs = zip(row.schema.names, cells, strict=True)
        raw = "{" + ", ".join(f"{encode_string(name)}: {cell}" for name, cell in pairs if cell is not None) + "}"
        raw_bytes = raw.encode("utf-8", "surrogatepass")
        on_reject(Reject(str(path), batch.numbers[index], None, reason, raw_bytes, len(raw_bytes)))
    kept = [index for index in range(batch.rows.num_rows) if index not in problems]
    return PostBatch(batch.rows.take(pa.array(kept, pa.int64())), [batch.numbers[index] for index in kept])


def texts_of(batch: PostBatch, columns: Columns) -> Texts:
    """What the model needs of some rows."""

    def strings(column: str | None) -> list[str | None]:
        return [None] * batch.rows.num_rows if column is None else batch.strings(column)

    given = strings(columns.action)
    known: dict[str | None, str | None] = {}
    unknown: set[str | None] = set()
    for action in dict.fromkeys(given):
        try:
            known[action] = Action.parse(action)
        except InputError:  # another tool's word in a column of that name is no reason to leave a post out
            known[action] = None
            unknown.add(action)
    return Texts(
        strings(columns.text),
        strings(columns.context),
        [known[action] for action in given],
        sum(action in unknown for action in given),
    )


def store(journal: Journal, chunk: Chunk, scored: Scored) -> ChunkRecord:
    """Write a scored chunk's part, make it durable and journal it."""
    if scored.learned:
        with durable_file(journal.learned(chunk.number)) as file:
            file.write(scored.learned)
    size = 0
    rows = 0 if chunk.rows is None else chunk.rows.num_rows
    if chunk.rows is not None and rows:
        part = journal.part(chunk.number)
        table = with_scores(chunk.rows, scored)
        with (
            durable_file(part) as file,
            pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer,
        ):
            writer.write_batch(table)
        size = part.stat().st_size
    record = ChunkRecord(
        chunk=chunk.number,
        source=chunk.source,
        last=chunk.rows is None,
        rows=rows,
        rejects=chunk.rejects,
        part_bytes=size,
        rejects_bytes=journal.rejects(chunk.number).stat().st_size if chunk.rejects else 0,
        learned_bytes=len(scored.learned),
        blank=int(scored.blank.sum()),
        duplicates=scored.duplicates,
        unknown_actions=chunk.texts.unknown_actions,
        needs_review=int(scored.needs_review.sum()),
        labels={label.value: int((scored.label_ids == label.severity).sum()) for label in LABELS},
    )
    journal.append(record)
    return record


def with_scores(rows: pa.RecordBatch, scored: Scored) -> pa.RecordBatch:
    """A batch's columns followed by ours; names may stand twice, the assembly settles them."""
    names = np.array([label.value for label in LABELS], dtype=object)
    values = [names[scored.label_ids], *scored.probabilities.T, scored.needs_review]
    fields = [pa.field(name, type_) for name, type_ in ADDED.items()]
    ours = [pa.array(value, field.type) for value, field in zip(values, fields, strict=True)]
    return pa.RecordBatch.from_arrays([*rows.columns, *ours], schema=pa.schema([*rows.schema, *fields]))
