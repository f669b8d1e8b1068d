"""`score_files`: dumps of posts in, one labelled dump out, resumable at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from netral_nlp.errors import ConfigError, InputError, NetralError
from netral_nlp.formats import FileFormat, detect_format
from netral_nlp.formats.problems import XLSX_MAX_COLUMNS, XLSX_MAX_ROWS, name_problem, shown_name
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.inference.memory import MEMORY_BYTES
from netral_nlp.labels import LABELS
from netral_nlp.scoring.assemble import Layout, assemble_output, assemble_rejects, lay_out
from netral_nlp.scoring.chunk import ADDED, ChunkReader, store
from netral_nlp.scoring.columns import Source, inspect
from netral_nlp.scoring.engines import LocalEngine
from netral_nlp.scoring.journal import Journal, remove_parts, unfinished
from netral_nlp.scoring.plan import check_same, plan_of, versions
from netral_nlp.scoring.progress import Progress
from netral_nlp.scoring.request import Counts, ScoreRequest, ScoreResult
from netral_nlp.storage import durable
from netral_nlp.storage.lock import output_lock


def score_files(
    request: ScoreRequest,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> ScoreResult:
    """Score files of posts into one labelled file.

    Every input row ends in the output or in the rejects file, exactly once. Chunks are made durable and journalled as
    they are scored; the output appears whole and at once. Killed at any moment, a run with `resume` ends with the
    bytes of an uninterrupted one.

    Args:
        request: what to score, how and into what.
        say: called with one line for everything that the user should know: columns chosen, columns renamed.
        progress: show a progress bar on stderr.

    Raises:
        InputError: an input, the output or the state of an unfinished run does not allow it; the disk is full.
        ModelFolderError: the model cannot be found or is incomplete.
        ConfigError: the request is one for the Ray engine.
        MissingExtraError: the backend asked for is not installed.
    """
    started = time.monotonic()
    if request.engine != "local":
        raise ConfigError("score_files is the local engine; a request for the Ray engine goes to score_on_cluster")
    try:
        check_paths(request)
        with output_lock(request.output):
            return _Run(request, say, progress, started).run()
    except BrokenPipeError:  # whoever read our messages has gone; no file is at fault
        raise
    except OSError as error:
        raise InputError(_explained(error, request)) from error
    except InputError as error:
        # Readers and writers turn the system's errors into theirs; only here is known that the run can be resumed.
        if isinstance(error.__cause__, OSError) and durable.is_full_disk(error.__cause__):
            raise InputError(_explained(error.__cause__, request)) from error
        raise


class _Run:
    """One run, under the output's lock."""

    def __init__(self, request: ScoreRequest, say: Callable[[str], None], progress: bool, started: float) -> None:
        self.request = request
        self.say = say
        self.progress = progress
        self.started = started

    def run(self) -> ScoreResult:
        """Everything from the first look at the inputs to the removal of the parts."""
        request = self.request
        check_state(request)
        before = [_identity(path) for path in request.inputs]
        sources = inspect(request)
        self._say_columns(sources)
        output_format = check_fit(request, sources)
        folder = ModelFolder.open(request.model)
        read_once = [durable.sha256_and_lines(path) for path in request.inputs]
        rejects = os.path.relpath(request.rejects_path, request.output.parent)
        plan = plan_of(request, sources, [digest for digest, _ in read_once], folder, {"rejects": rejects})
        journal = self._unfinished(plan)
        if journal is None and request.resume and request.output.exists():
            check_same(_meta_of(request), plan, f"{request.output}: exists and is of another run")
            return self._complete_before()
        # Killed while the output was assembled: the model is not needed any more.
        read = journal is not None and sum(record.last for record in journal.records) == len(sources)
        engine = None if read else LocalEngine(request)  # before the journal: a model that fails leaves nothing behind
        with journal or Journal.start(request.parts_path, plan) as journal:
            resumed = journal.counts().rows
            try:
                if engine is not None:
                    self._score(engine, journal, sources, [lines for _, lines in read_once], output_format)
            except (NetralError, OSError):
                if not journal.records and not any(journal.folder.glob("*.rejects.jsonl")):
                    remove_parts(journal.folder)  # nothing to go on with, nothing to look at
                raise
            for path, identity in zip(request.inputs, before, strict=True):
                if _identity(path) != identity:
                    raise InputError(f"{path}: changed while it was being scored; start again with --overwrite")
            layout = self._assemble(journal, sources, output_format)
            result = self._result(journal.counts(), folder.name, resumed_rows=resumed)
            meta = _meta(request, result, sources, plan, journal, layout)
            durable.write_json(request.meta_path, meta, journal.folder / "meta.tmp")
        remove_parts(request.parts_path)
        return result

    def _say_columns(self, sources: Sequence[Source]) -> None:
        last = ""
        for source in sources:
            for note in source.notes:
                self.say(note)
            if source.describe() != last:  # a hundred files of one kind need one line
                last = source.describe()
                self.say(f"{source.path}: {last}")

    def _unfinished(self, plan: Mapping[str, Any]) -> Journal | None:
        """The journal of the run to go on with; None when there is none."""
        request = self.request
        journal = Journal.reopen(request.parts_path) if request.resume else None
        if journal is not None:
            with contextlib.ExitStack() as closing:
                closing.callback(journal.close)
                check_same(journal.header, plan, f"{request.output}: cannot resume")
                closing.pop_all()
            self.say(f"going on after {journal.counts().rows:,} posts that are scored already")
        return journal

    def _score(
        self,
        engine: LocalEngine,
        journal: Journal,
        sources: Sequence[Source],
        lines: Sequence[int],
        output_format: FileFormat,
    ) -> None:
        rows = journal.counts().rows
        bar = Progress(sources, lines, rows, journal.counts().rejects, self.progress)
        chunks = ChunkReader(self.request, sources, journal, output_format)
        engine.recall(journal.last_learned(MEMORY_BYTES))
        try:
            # Closed here and not whenever it is collected: what is raised while it waits for its thread is not lost.
            with contextlib.closing(engine.run(chunks, bar.within)) as answers:
                for chunk, scored in answers:
                    record = store(journal, chunk, scored)
                    rows += record.rows
                    if output_format.kind == "xlsx" and rows > XLSX_MAX_ROWS:
                        raise InputError(_too_many_for_xlsx(self.request.output))
                    bar.done(chunk)
            bar.complete()
        finally:
            bar.close()

    def _assemble(self, journal: Journal, sources: Sequence[Source], output_format: FileFormat) -> Layout:
        request = self.request
        layout = lay_out(journal, sources, request.source_column, output_format)
        for name, new_name in layout.renamed.items():
            self.say(f"the inputs have a column {name!r} of their own; it is kept as {new_name!r}")
        assemble_rejects(journal, request.rejects_path)
        counts = journal.counts()
        with tqdm(total=counts.rows, desc="writing", unit=" posts", file=sys.stderr, disable=not self.progress) as bar:
            for rows in assemble_output(journal, sources, layout, request.output, output_format):
                bar.update(rows)
        return layout

    def _complete_before(self) -> ScoreResult:
        meta = _meta_of(self.request)
        remove_parts(self.request.parts_path)  # what is left where a kill met the removal
        counted = meta["counts"]
        counts = Counts(
            rows=counted["rows"],
            rejects=counted["rejects"],
            blank=counted["blank"],
            duplicates=counted["duplicates"],
            unknown_actions=counted["unknown_actions"],
            needs_review=counted["needs_review"],
            labels={label: counted["labels"][label.value] for label in LABELS},
        )
        return self._result(counts, meta["model"]["name"], resumed_rows=counts.rows, complete_before=True)

    def _result(self, counts: Counts, model: str, *, resumed_rows: int, complete_before: bool = False) -> ScoreResult:
        request = self.request
        return ScoreResult.of(
            counts,
            output=request.output,
            meta=request.meta_path,
            rejects_file=request.rejects_path if counts.rejects else None,
            model=model,
            resumed_rows=resumed_rows,
            seconds=time.monotonic() - self.started,
            complete_before=complete_before,
        )


def check_paths(request: ScoreRequest) -> None:
    """Refuse before any work what would fail, or destroy something, at its end.

    Raises:
        InputError: an output path cannot be written, or is one of the inputs.
    """
    seen: set[tuple[int, int]] = set()
    for path in request.inputs:
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path")
        status = path.stat()
        if (status.st_dev, status.st_ino) in seen and status.st_ino:
            raise InputError(f"{path}: is given twice; its posts would stand twice in the output")
        seen.add((status.st_dev, status.st_ino))
    written = {"output": request.output, "meta file": request.meta_path, "rejects file": request.rejects_path}
    if len(set(written.values())) < len(written):
        raise InputError(f"{request.rejects_path}: the rejects need a file of their own; choose another --rejects")
    for what, path in written.items():
        if not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent}; make it first")
        if not path.exists():
            continue
        if any(path.samefile(given) for given in request.inputs):
            raise InputError(f"{path}: is an input and cannot be the {what} as well; choose another name")
        if path.is_dir():
            raise InputError(
                f"{path}: is a folder and cannot be the {what}; name a file, such as {path / 'labelled.parquet'}, "
                "or use --engine ray, which writes a folder of parts"
            )
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: is no regular file and cannot be the {what}; choose another name")


def check_state(request: ScoreRequest) -> None:
    """Refuse to replace what the user did not say may be replaced.

    Raises:
        InputError: the output, the rejects file or an unfinished run is there, and the request does not say what to do.
    """
    if request.overwrite:
        return
    waiting = unfinished(request.parts_path)
    if request.resume:
        if waiting is None and request.rejects_path.exists() and not request.output.exists():
            raise InputError(f"{request.rejects_path}: exists already and is of no unfinished run; use --overwrite")
        return
    if request.output.exists():
        raise InputError(f"{request.output}: exists already; choose another -o, or use --overwrite or --resume")
    if waiting is not None and waiting.rows + waiting.rejects:
        raise InputError(
            f"{request.parts_path}: holds an unfinished run with {waiting.rows:,} scored posts; go on with --resume "
            "or drop it with --overwrite"
        )
    if request.rejects_path.exists():
        raise InputError(f"{request.rejects_path}: exists already; choose another --rejects, or use --overwrite")


def check_fit(request: ScoreRequest, sources: Sequence[Source]) -> FileFormat:
    """The output's format, if what is known of the inputs by now can be held by it.

    Raises:
        InputError: it cannot.
    """
    output_format = detect_format(request.output)
    if output_format.kind == "json":
        raise InputError(f"{request.output}: posts are written as JSON lines; call it .jsonl")
    if output_format.kind == "xlsx" and sum(source.row_count or 0 for source in sources) > XLSX_MAX_ROWS:
        raise InputError(_too_many_for_xlsx(request.output))
    added = {*ADDED} if request.source_column is None else {*ADDED, request.source_column}
    names = dict.fromkeys(name for source in sources for name in source.names)
    if output_format.kind == "xlsx" and len(names) + len(added) > XLSX_MAX_COLUMNS:
        raise InputError(
            f"{request.output}: an XLSX sheet holds {XLSX_MAX_COLUMNS:,} columns and the inputs have {len(names):,}, "
            f"to which {len(added)} are added; write .csv or .parquet"
        )
    for source in sources:
        if source.format.kind in ("jsonl", "json"):  # the rows that have such a key are known one by one
            continue
        for name in source.names:
            problem = name_problem(name, output_format.kind)
            if problem is not None:
                raise InputError(f"{source.path}: the name of column {shown_name(name)} cannot be written: {problem}")
    return output_format


def _too_many_for_xlsx(output: Path) -> str:
    return f"{output}: an XLSX sheet holds {XLSX_MAX_ROWS:,} rows and the inputs have more; write .csv or .parquet"


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path}: is gone; put it back and go on with --resume") from None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _meta_of(request: ScoreRequest) -> dict[str, Any]:
    """The meta file of a finished output.

    Raises:
        InputError: there is none, or the output is not the one that it describes.
    """
    refused = f"{request.output}: exists already and no unfinished run belongs to it; use --overwrite to replace it"
    try:
        meta = json.loads(request.meta_path.read_text(encoding="utf-8"))
        described = meta["output"]["sha256"]
        rejects = meta["counts"]["rejects"]
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(refused) from None
    if described != durable.sha256_of(request.output) or (rejects and not request.rejects_path.exists()):
        raise InputError(refused)
    return dict(meta)


def _meta(
    request: ScoreRequest,
    result: ScoreResult,
    sources: Sequence[Source],
    plan: Mapping[str, Any],
    journal: Journal,
    layout: Layout,
) -> dict[str, Any]:
    """What `OUTPUT.meta.json` says: enough to tell how every number in the output came about."""
    inputs = []
    for index, (source, planned) in enumerate(zip(sources, plan["inputs"], strict=True)):
        own = [record for record in journal.records if record.source == index]
        rows, rejects = sum(record.rows for record in own), sum(record.rejects for record in own)
        inputs.append(
            {**planned, "export": source.export, "rows": rows + rejects, "rows_out": rows, "rejects": rejects}
        )
    return {
        **plan,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": inputs,
        "output": {
            "name": request.output.name,
            "sha256": durable.sha256_of(request.output),
            "bytes": request.output.stat().st_size,
            "columns": layout.output.names,
            "added": [*([request.source_column] if request.source_column else []), *ADDED],
            "renamed": layout.renamed,
        },
        "counts": {
            "rows_in": result.rows_in,
            "rows": result.rows,
            "rejects": result.rejects,
            "blank": result.blank,
            "duplicates": result.duplicates,
            "unknown_actions": result.unknown_actions,
            "needs_review": result.needs_review,
            "labels": {label.value: result.labels[label] for label in LABELS},
        },
        "run": {
            "engine": request.engine,
            "threads": request.threads,
            "resumed_rows": result.resumed_rows,
            "seconds": round(result.seconds, 3),
            "rows_per_second": round(result.rate, 1),
        },
        "versions": versions(),
    }


def _explained(error: OSError, request: ScoreRequest) -> str:
    """One line for what the system refused."""
    place = error.filename if isinstance(error.filename, str) else str(request.output)
    if durable.is_full_disk(error):
        safe = unfinished(request.parts_path)
        saved = "" if safe is None else f"{safe.rows:,} scored posts are safe; "
        return f"{place}: the disk is full (or a quota or size limit is reached); {saved}free some space, use --resume"
    return f"{place}: {error.strerror or error}"
