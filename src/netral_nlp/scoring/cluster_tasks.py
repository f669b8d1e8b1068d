"""What runs on a cluster's workers: looking at an input, reading it in chunks, and scoring chunks into parts.

Nothing here needs Ray. Errors that are the user's to mend travel as data, so that none is retried or dressed up.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from netral_nlp import __version__, errors
from netral_nlp.errors import InputError, NetralError
from netral_nlp.formats import Columns, FileFormat, PostBatch, Reject, RejectsFile, conform, open_writer
from netral_nlp.formats.problems import name_problem
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.labels import LABELS
from netral_nlp.scoring.assemble import file_name, renamings
from netral_nlp.scoring.chunk import ADDED, Scored, fit_rows, score_texts, texts_of, with_scores
from netral_nlp.scoring.columns import Source, inspect_one, open_source
from netral_nlp.scoring.engines import load_classifier
from netral_nlp.scoring.inputs import at_hand, local_path, open_folder
from netral_nlp.scoring.journal import ChunkRecord
from netral_nlp.scoring.request import ScoreRequest
from netral_nlp.storage.durable import durable_file, is_full_disk, sha256_and_lines, sha256_of
from netral_nlp.storage.folder import publish_bytes

JOURNAL = "_journal"


@dataclass(frozen=True)
class Job:
    """What every worker needs to know of a run.

    Attributes:
        request: the run, with locations that hold on every node.
        version: netral-nlp of the machine that runs `netral score`.
        fingerprint: the model's.
        names: every input column that is known before reading.
        renamed: own name -> name in the output, for those that clash with an added column.
    """

    request: ScoreRequest
    version: str
    fingerprint: str
    names: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def added(self) -> list[str]:
        """Names of the added columns, in order."""
        source_column = self.request.source_column
        return [*([] if source_column is None else [source_column]), *ADDED]

    @property
    def part_format(self) -> FileFormat:
        """What parts are written as."""
        return FileFormat(self.request.part_format)


@dataclass(frozen=True)
class Inspected:
    """An input as a worker found it before the run.

    Attributes:
        source: its columns and size.
        digest: SHA-256 of its bytes.
        lines: line ends in it.
        changed_at: time of its last change, in nanoseconds; None of a remote one.
    """

    source: Source
    digest: str
    lines: int
    changed_at: int | None


@dataclass(frozen=True)
class InputTask:
    """An input that is to be read.

    Attributes:
        number: its place among the inputs, from 0.
        shown: how the user named it.
        location: path or URL that holds on every node.
        digest: SHA-256 of its bytes.
        size: its size in bytes.
        changed_at: see `Inspected`.
        names: its columns, as known before reading.
        columns: part -> column, of those that it has.
        whole: numbers of its chunks that are scored already.
    """

    number: int
    shown: str
    location: str
    digest: str
    size: int
    changed_at: int | None
    names: tuple[str, ...]
    columns: Mapping[str, str | None]
    whole: tuple[int, ...] = ()


def part_name(source: int, chunk: int, format: FileFormat) -> str:  # noqa: A002 (the word users know)
    """The part file of a chunk; sorted names stand in the order of the inputs' rows."""
    return f"part-{source:05}-{chunk:06}{format.ending}"


def rejects_name(source: int, chunk: int) -> str:
    """The rejects file of a chunk."""
    return f"rejects-{source:05}-{chunk:06}.jsonl"


def record_name(source: int, chunk: int) -> str:
    """The journal file of a chunk."""
    return f"{JOURNAL}/{source:05}-{chunk:06}.json"


def failure(error: NetralError | OSError) -> dict[str, str]:
    """An error as data."""
    cause: BaseException | None = error
    while cause is not None:  # readers and writers turn the system's errors into theirs
        if isinstance(cause, OSError) and is_full_disk(cause):
            place = f"{cause.filename}: " if isinstance(cause.filename, str) else ""
            return {
                "kind": "InputError",
                "message": f"{place}the disk is full (or a quota or size limit is reached) on {socket.gethostname()}; "
                "what is scored is safe: free some space, go on with --resume",
            }
        cause = cause.__cause__
    if isinstance(error, NetralError):
        return {"kind": type(error).__name__, "message": str(error)}
    place = f"{error.filename}: " if isinstance(error.filename, str) else ""
    return {"kind": "InputError", "message": f"{place}{error.strerror or error} (on {socket.gethostname()})"}


def as_error(failed: Mapping[str, str]) -> NetralError:
    """The error that `failure` made data of."""
    kind = getattr(errors, failed["kind"], NetralError)
    simple = kind in (errors.InputError, errors.ConfigError, errors.ModelFolderError)
    return kind(failed["message"]) if simple else NetralError(failed["message"])


def inspect_input(job: Job, shown: str, location: str) -> Inspected | dict[str, str]:
    """Look at an input before the run: its columns, size and hash; or what is wrong with it."""
    try:
        _check_version(job)
        with at_hand(location) as path, _named(path, shown):
            source = inspect_one(path, job.request)
            digest, lines = sha256_and_lines(path)
            changed_at = None if local_path(location) is None else path.stat().st_mtime_ns
            return Inspected(replace(source, path=Path(path.name)), digest, lines, changed_at)
    except (NetralError, OSError) as error:
        return failure(error)


def read_chunks(tasks: pa.Table, job: Job) -> Iterator[pa.Table]:
    """Read inputs in chunks, each one row: a header (JSON) and the chunk's rows (Arrow IPC), where it has any.

    Args:
        tasks: a column `task` of `InputTask`s as JSON.
        job: the run.
    """
    for text in tasks["task"].to_pylist():
        task = InputTask(**json.loads(text))
        try:
            for header, rows in _read(task, job):
                yield _packed(header, rows)
        except (NetralError, OSError) as error:
            yield _packed({"error": failure(error)}, None)


def _read(task: InputTask, job: Job) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    folder = open_folder(job.request.destination)
    bound = job.request.max_rejects
    whole = set(task.whole)
    rejected = 0
    with (
        at_hand(task.location) as path,
        _named(path, task.shown),
        tempfile.TemporaryDirectory(prefix="netral-") as own,
    ):
        sink = RejectsFile(Path(own) / "rejects.jsonl")

        def on_reject(reject: Reject) -> None:
            nonlocal rejected
            rejected += 1
            sink.write(replace(reject, source=task.shown))
            if bound is not None and rejected > bound:
                raise InputError(too_many_rejects(bound))

        _check_unchanged(task, path)
        with open_source(job.request, path, batch_rows=job.request.chunk_rows, on_reject=on_reject) as reader:
            batches = reader.batches()
            for number in itertools.count():
                sink.path.unlink(missing_ok=True)
                with RejectsFile(sink.path) as sink:  # written as they come: a wrong file costs no memory
                    batch = next(batches, None)
                    if batch is not None and number not in whole:
                        batch = fit_rows(batch, path, job.part_format, on_reject)
                if batch is None and task.changed_at is not None:  # a copy of our own does not change
                    _check_unchanged(task, path)
                if number not in whole:
                    rejects_bytes = 0
                    if sink.count:
                        name = rejects_name(task.number, number)
                        rejects_bytes = folder.publish(name, lambda made: _copy(sink.path, made))
                    header = {
                        "source": task.number,
                        "chunk": number,
                        "last": batch is None,
                        "rejects": sink.count,
                        "rejects_bytes": rejects_bytes,
                        "names": task.names,
                        "columns": task.columns,
                        "file": file_name(path),
                    }
                    yield header, None if batch is None or not batch.rows.num_rows else batch.rows
                if batch is None:
                    return


class Scorer:
    """A worker's model, loaded once; scores chunks and writes their parts."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._failed: dict[str, str] | None = None
        request = job.request
        try:
            _check_version(job)
            self._folder = open_folder(request.destination)
            if ModelFolder.open(request.model).fingerprint() != job.fingerprint:
                raise errors.ModelFolderError(
                    f"{request.model or 'the shipped model'}: on {socket.gethostname()} it is another one than where "
                    "the run was started; give every node the same model folder"
                )
            threads = request.threads or 1
            self._classifier = load_classifier(request, threads)
        except (NetralError, OSError) as error:
            self._failed = failure(error)

    def __call__(self, chunks: pa.Table) -> pa.Table:
        """Score chunks as `read_chunks` packs them; answers with a column `record` of `ChunkRecord`s as JSON.

        A record may be an error instead. A chunk that is scored again, since a worker died, gives the same part under
        the same name.
        """
        records = []
        for text, packed in zip(chunks["header"].to_pylist(), chunks["rows"].to_pylist(), strict=True):
            header = json.loads(text)
            failed = header.get("error") or self._failed
            try:
                records.append({"error": failed} if failed else asdict(self._score(header, packed)))
            except (NetralError, OSError) as error:
                records.append({"error": failure(error)})
        return pa.table({"record": pa.array([json.dumps(record) for record in records], pa.string())})

    def _score(self, header: Mapping[str, Any], packed: bytes | None) -> ChunkRecord:
        source, number = header["source"], header["chunk"]
        record = ChunkRecord(
            number, source, header["last"], rejects=header["rejects"], rejects_bytes=header["rejects_bytes"]
        )
        if packed is not None:
            with pa.ipc.open_stream(packed) as stream:
                rows = stream.read_next_batch()
            texts = texts_of(PostBatch(rows, []), Columns(**header["columns"]))
            scored = score_texts(self._classifier, texts)
            name = part_name(source, number, self._job.part_format)
            part = self._arranged(rows, scored, header)
            size = self._folder.publish(name, lambda path: _write(path, part, self._job.part_format))
            record = replace(
                record,
                rows=rows.num_rows,
                part_bytes=size,
                blank=int(scored.blank.sum()),
                duplicates=scored.duplicates,
                unknown_actions=texts.unknown_actions,
                needs_review=int(scored.needs_review.sum()),
                labels={label.value: int((scored.label_ids == label.severity).sum()) for label in LABELS},
            )
        # After the part: a record in the journal means that the chunk is whole.
        publish_bytes(self._folder, record_name(source, number), json.dumps(asdict(record)).encode() + b"\n")
        return record

    def _arranged(self, rows: pa.RecordBatch, scored: Scored, header: Mapping[str, Any]) -> pa.RecordBatch:
        """The part: the input's columns, named so that none clashes, then ours."""
        found = {item.name: item for item in rows.schema}
        order = [  # in a column whose name the format cannot hold, all rows that are left are empty
            name
            for name in dict.fromkeys([*header["names"], *found])
            if name_problem(name, self._job.part_format.kind) is None
        ]
        schema = pa.schema([found.get(name, pa.field(name, pa.string())) for name in order])
        added = self._job.added
        renamed = {**renamings([*dict.fromkeys([*self._job.names, *schema.names])], added), **self._job.renamed}
        columns = list(conform(rows.select([name for name in order if name in found]), schema).columns)
        fields = [item.with_name(renamed.get(item.name, item.name)) for item in schema]
        if self._job.request.source_column is not None:
            fields.append(pa.field(self._job.request.source_column, pa.string()))
            columns.append(pa.array([header["file"]] * rows.num_rows, pa.string()))
        return with_scores(pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)), scored)


def too_many_rejects(bound: int) -> str:
    """What to say when there are more rejects than wanted."""
    return (
        f"more than {bound:,} rows cannot be read (--max-rejects); look at the rejects-* files of those chunks that "
        "were read, and at the inputs; go on with --resume and a higher bound, or start again"
    )


def _check_version(job: Job) -> None:
    if __version__ != job.version:
        raise InputError(
            f"{socket.gethostname()} has netral-nlp {__version__} and the run was started with {job.version}; install "
            "the same version on every node"
        )


def _check_unchanged(task: InputTask, path: Path) -> None:
    """Refuse an input that is not as it was when the run looked at it.

    Raises:
        InputError: it changed.
    """
    if task.changed_at is None:
        same = sha256_of(path) == task.digest
    else:
        status = path.stat()
        same = (status.st_size, status.st_mtime_ns) == (task.size, task.changed_at)
    if not same:
        raise InputError(f"{task.shown}: changed while it was being scored; start again with --overwrite")


@contextlib.contextmanager
def _named(path: Path, shown: str) -> Iterator[None]:
    """Have errors name an input as the user did, not as the worker's copy is called."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(str(path), shown)) from error
    except FileNotFoundError:
        raise InputError(f"{shown}: is gone from {socket.gethostname()}; put it back, go on with --resume") from None


def _packed(header: Mapping[str, Any], rows: pa.RecordBatch | None) -> pa.Table:
    packed = None
    if rows is not None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_batch(rows)
        packed = sink.getvalue().to_pybytes()
    return pa.table(
        {"header": pa.array([json.dumps(header)], pa.string()), "rows": pa.array([packed], pa.large_binary())}
    )


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as content, durable_file(target) as file:
        shutil.copyfileobj(content, file)


def _write(path: Path, part: pa.RecordBatch, format: FileFormat) -> None:  # noqa: A002
    with open_writer(path, part.schema, format=format) as writer:
        writer.write(part)
