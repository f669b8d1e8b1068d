"""What a run would do, before it does it: nothing is written, a sample is scored to tell how long it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netral_nlp.errors import ConfigError, InputError
from netral_nlp.formats import PostBatch, Reject
from netral_nlp.formats.problems import name_problem
from netral_nlp.inference.actions import Action
from netral_nlp.scoring.assemble import renamings
from netral_nlp.scoring.chunk import ADDED
from netral_nlp.scoring.columns import Source, inspect, open_source
from netral_nlp.scoring.engines import load_classifier
from netral_nlp.scoring.request import ScoreRequest
from netral_nlp.scoring.score import check_fit, check_paths, check_state

LOCAL_ONLY = "--dry-run looks at one output file of the local engine; leave out --engine ray"
SHOWN_ROWS = 5
SAMPLE_ROWS = 256
_LOOK_BYTES = 8 * 1024 * 1024  # of a file on disk; the reader is up to a block of 1 MiB ahead of its rows
_LOOK_REJECTS = 100_000
_WARM_UP = 8


@dataclass(frozen=True)
class SampleRow:
    """A row as it would be read; None for a part that no column plays."""

    number: int
    text: str | None
    context: str | None
    action: str | None
    id: str | None


@dataclass(frozen=True)
class InputPreview:
    """One input as it would be read.

    Attributes:
        path: the file.
        format: its kind and compression, such as `csv.gz`.
        encoding: its text encoding; None where the format has none.
        delimiter: of CSV and TSV.
        sheet: of XLSX, as asked for; None is the first.
        other_sheets: sheets of XLSX that would not be read, where none was named.
        export: the known export that it looks like, or None.
        bytes: size on disk.
        rows: its data rows, bad ones included.
        rows_known: False where they are estimated from the file's size.
        rejects: bad rows among those looked at.
        looked_at: how many rows were looked at.
        columns: the columns found.
        parts: part (text, context, id, action) -> the column that plays it, or None.
        missing: columns that were asked for and that this input lacks.
        notes: what the reader changed to make sense of the file.
        first: its first rows.
    """

    path: str
    format: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    other_sheets: tuple[str, ...]
    export: str | None
    bytes: int
    rows: int
    rows_known: bool
    rejects: int
    looked_at: int
    columns: tuple[str, ...]
    parts: dict[str, str | None]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    first: tuple[SampleRow, ...]


@dataclass(frozen=True)
class Preview:
    """What a run would read, write and take.

    Attributes:
        inputs: the inputs in their order.
        output: the file that would be written.
        output_format: its kind and compression.
        output_exists: it is there already.
        in_the_way: why the run would be refused as asked for: an output, a rejects file or an unfinished run is there;
            None where nothing is.
        columns: its columns in their order, as far as they are known before all rows are read.
        renamed: own name of a column -> its name in the output, for those that clash with an added one.
        model: the model's name.
        backend: what would run it.
        temperature: what its scores are divided by.
        review_below: label -> threshold below which a person is asked.
        sample_rows: rows of the first input that were scored to measure.
        sample_seconds: how long that took.
        seconds: estimate for all rows; None where there was nothing to measure.
    """

    inputs: tuple[InputPreview, ...]
    output: str
    output_format: str
    output_exists: bool
    in_the_way: str | None
    columns: tuple[str, ...]
    renamed: dict[str, str]
    model: str
    backend: str
    temperature: float
    review_below: dict[str, float]
    sample_rows: int
    sample_seconds: float
    seconds: float | None

    @property
    def rows(self) -> int:
        """Rows of all inputs, known or estimated."""
        return sum(item.rows for item in self.inputs)

    @property
    def rows_known(self) -> bool:
        """Whether no input's rows are an estimate."""
        return all(item.rows_known for item in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        inputs = [
            {**vars(item), "parts": dict(item.parts), "first": [dict(vars(row)) for row in item.first]}
            for item in self.inputs
        ]
        return {**vars(self), "inputs": inputs, "rows": self.rows, "rows_known": self.rows_known}


def preview(request: ScoreRequest) -> Preview:
    """Tell what `score_files` would do with a request. Nothing is written, not even a lock.

    The time is measured with the model in this process on the first rows of the first input, and taken on to all rows;
    reading and writing are not in it, nor what repeated posts save.

    Raises:
        InputError: as `score_files` before it starts: a file cannot be read, a column is missing...
        ModelFolderError: the model cannot be found or is incomplete.
        MissingExtraError: the backend asked for is not installed.
        ConfigError: the request is one for the Ray engine.
    """
    if request.engine != "local":
        raise ConfigError(LOCAL_ONLY)
    check_paths(request)
    sources = inspect(request)
    output_format = check_fit(request, sources)
    looked = [_look(request, source) for source in sources]
    classifier = load_classifier(request)
    inputs = tuple(item for item, _ in looked)
    rows = looked[0][1]
    seconds = _measure(classifier, rows) if rows else 0.0
    total = sum(item.rows for item in inputs)
    names = [
        name
        for name in dict.fromkeys(name for source in sources for name in source.names)
        if name_problem(name, output_format.kind) is None
    ]
    added = [*([request.source_column] if request.source_column else []), *ADDED]
    renamed = renamings(names, added)
    decision = classifier.decision
    return Preview(
        inputs=inputs,
        output=str(request.output),
        output_format=str(output_format),
        output_exists=request.output.exists(),
        in_the_way=_in_the_way(request),
        columns=(*(renamed.get(name, name) for name in names), *added),
        renamed=renamed,
        model=classifier.folder.name,
        backend=classifier.backend,
        temperature=decision.temperature,
        review_below={label.value: threshold for label, threshold in decision.review_below.items()},
        sample_rows=len(rows),
        sample_seconds=seconds,
        seconds=seconds / len(rows) * total if rows else None,
    )


def _in_the_way(request: ScoreRequest) -> str | None:
    try:
        check_state(request)
    except InputError as refused:
        return str(refused)
    return None


class _EnoughError(Exception):
    """Raised at a bad row, out of a batch that may never fill."""

    def __init__(self, reject: Reject) -> None:
        self.rows = reject.row
        self.bytes = None if reject.byte_offset is None else reject.byte_offset + reject.raw_bytes


def _look(request: ScoreRequest, source: Source) -> tuple[InputPreview, list[SampleRow]]:
    """Read the start of an input."""
    rows: list[SampleRow] = []
    good = bad = 0

    def on_reject(reject: Reject) -> None:
        nonlocal bad
        bad += 1
        far = bad >= SAMPLE_ROWS and reader.row_count_hint is None and reader.bytes_read >= 2 * wanted
        if far or bad >= _LOOK_REJECTS:
            raise _EnoughError(reject)

    wanted = _LOOK_BYTES // 8 if source.format.compression else _LOOK_BYTES
    with open_source(request, source.path, batch_rows=SAMPLE_ROWS, on_reject=on_reject) as reader:
        ended = True
        stop: _EnoughError | None = None
        try:
            for batch in reader.batches():
                good += batch.rows.num_rows
                if len(rows) < SAMPLE_ROWS:
                    rows += _sample(batch, source)[: SAMPLE_ROWS - len(rows)]
                enough = reader.bytes_read >= wanted or reader.row_count_hint is not None
                if enough and len(rows) >= SAMPLE_ROWS:
                    ended = False
                    break
        except _EnoughError as found_enough:
            ended = False
            stop = found_enough
        looked_at = good + bad if stop is None else stop.rows
        bytes_seen = reader.bytes_read
        if stop is not None and stop.bytes is not None and not source.format.compression:
            bytes_seen = stop.bytes  # the reader is ahead of its rows, and here there may be many in a block
        if ended:
            count = looked_at
        elif source.row_count is not None:
            count = source.row_count
        else:
            count = max(looked_at, round(looked_at * reader.bytes_total / max(bytes_seen, 1)))
        found = InputPreview(
            path=str(source.path),
            format=str(source.format),
            encoding=reader.encoding,
            delimiter=reader.delimiter,
            sheet=request.sheet,
            other_sheets=reader.other_sheets,
            export=source.export,
            bytes=source.bytes_total,
            rows=count,
            rows_known=ended or source.row_count is not None,
            rejects=bad,
            looked_at=looked_at,
            columns=source.names,
            parts=source.chosen,
            missing=source.missing,
            notes=source.notes,
            first=tuple(rows[:SHOWN_ROWS]),
        )
    return found, rows


def _sample(batch: PostBatch, source: Source) -> list[SampleRow]:
    def strings(column: str | None) -> list[str | None]:
        return [None] * batch.rows.num_rows if column is None else batch.strings(column)

    columns = source.columns
    parts = (strings(columns.text), strings(columns.context), strings(columns.action), strings(columns.id))
    return [SampleRow(*row) for row in zip(batch.numbers, *parts, strict=True)]


def _measure(classifier: Any, rows: Sequence[SampleRow]) -> float:
    def score(part: Sequence[SampleRow]) -> None:
        classifier.score(
            [row.text for row in part], [row.context for row in part], [_action(row.action) for row in part]
        )

    score(rows[:_WARM_UP])
    started = time.perf_counter()
    score(rows)
    return time.perf_counter() - started


def _action(given: str | None) -> str | None:
    try:
        return Action.parse(given)
    except InputError:  # as in a run: another tool's word is taken as not known
        return None
