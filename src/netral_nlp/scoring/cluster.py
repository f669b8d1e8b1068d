"""`score_on_cluster`: many dumps in, a folder of labelled parts out, by Ray Data on one machine or many.

    inputs ──▶ readers (tasks) ──▶ chunks ──▶ scorers (actors, a model each) ──▶ parts, journal ──▶ records ──▶ driver

Chunks leave a reader one by one, so one large input feeds all scorers. Only small records come back here; parts are
written where they are scored. A part has the same name and content whoever writes it, so work that is done again after
a worker's death harms nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from netral_nlp import __version__
from netral_nlp.errors import InputError, NetralError
from netral_nlp.formats import FileFormat
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.labels import LABELS
from netral_nlp.scoring.assemble import renamings
from netral_nlp.scoring.cluster_session import ray_cluster
from netral_nlp.scoring.cluster_tasks import (
    JOURNAL,
    InputTask,
    Inspected,
    Job,
    Scorer,
    as_error,
    failure,
    inspect_input,
    part_name,
    read_chunks,
    rejects_name,
    too_many_rejects,
)
from netral_nlp.scoring.columns import check_asked
from netral_nlp.scoring.inputs import check_inputs, expand_inputs, local_path, open_folder
from netral_nlp.scoring.journal import ChunkRecord, add_to
from netral_nlp.scoring.plan import check_names, check_same, plan_of, versions
from netral_nlp.scoring.request import Counts, ScoreRequest, ScoreResult
from netral_nlp.storage.durable import is_full_disk
from netral_nlp.storage.folder import TEMPORARY, ResultFolder, publish_bytes
from netral_nlp.storage.lock import output_lock

META = "_meta.json"
PLAN = f"{JOURNAL}/plan.json"
_OURS = re.compile(r"part-\d+-\d+\.(parquet|csv|jsonl)|rejects-\d+-\d+\.jsonl")
_RECORD = re.compile(r"\d+-\d+\.json")
_READER_CPUS = 0.05  # a reader waits most of its time; scorers leave it room on a machine that they fill
_SCORERS_A_READER = 8  # reading is two orders of magnitude faster than scoring; more hides the fetching of inputs
_MEMORY_A_SCORER = 128 * 1024 * 1024  # of chunks in flight: a few whole ones (`formats.posts.MAX_BATCH_BYTES`)
_AHEAD = 2  # chunks in hand for each scorer: one being scored, one waiting


def score_on_cluster(
    request: ScoreRequest,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> ScoreResult:
    """Score inputs into a folder of parts with Ray Data.

    Every input row ends in a part or in a rejects file, exactly once, also when workers die. Sorted by name, the parts
    hold the rows in the order of the inputs. `_meta.json` is written last: a folder that has it is complete. Killed at
    any moment, a run with `resume` scores only what is missing.

    Args:
        request: what to score, how and into what.
        say: called with one line for everything that the user should know: columns chosen, columns renamed.
        progress: show a progress bar on stderr.

    Raises:
        InputError: an input, the output or the state of an unfinished run does not allow it; the cluster broke down.
        ConfigError: the cluster's address is none, or nothing answers there.
        ModelFolderError: the model cannot be found or is incomplete, or differs between nodes.
        MissingExtraError: Ray is not installed.
    """
    started = time.monotonic()
    given = expand_inputs(request.locations)
    with _told(request.destination):
        return _score_expanded(request, given, say, progress, started)


def _score_expanded(
    request: ScoreRequest, given: Sequence[str], say: Callable[[str], None], progress: bool, started: float
) -> ScoreResult:
    check_inputs(given, request.destination)
    settled = replace(
        request,
        inputs=[_absolute(location) for location in given],  # type: ignore[misc]
        output=_absolute(request.destination),  # type: ignore[arg-type]
        model=_absolute(request.model) if request.model and Path(request.model).exists() else request.model,
    )
    target = local_path(settled.destination)
    with contextlib.ExitStack() as closing:
        if target is not None:
            if not target.parent.is_dir():
                raise InputError(f"{request.destination}: there is no folder {target.parent}; make it first")
            if target.exists() and not target.is_dir():
                raise InputError(f"{request.destination}: is a file; --engine ray writes a folder, name another")
            closing.enter_context(output_lock(target))
        run = _Run(settled, given, say, progress, started)
        run.check_state()
        cpus = request.workers and request.workers * (request.threads or 1)
        ray = closing.enter_context(ray_cluster(request.address, cpus))
        with _plain_errors(ray):
            return run.run(ray)


@dataclass
class _Tally:
    """What is whole of an input.

    Attributes:
        chunks: numbers of its whole chunks.
        end: number of its last chunk, once that is known.
    """

    chunks: set[int] = field(default_factory=set)
    end: int | None = None
    counts: Counts = field(default_factory=Counts)
    parts: int = 0
    part_bytes: int = 0

    def add(self, record: ChunkRecord) -> None:
        self.chunks.add(record.chunk)
        if record.last:
            self.end = record.chunk
        add_to(self.counts, record)
        self.parts += record.part_bytes > 0
        self.part_bytes += record.part_bytes

    @property
    def complete(self) -> bool:
        return self.end is not None and len(self.chunks) == self.end + 1


class _Run:
    """One run, under the output's lock."""

    def __init__(
        self,
        request: ScoreRequest,
        given: Sequence[str],
        say: Callable[[str], None],
        progress: bool,
        started: float,
    ) -> None:
        self.request = request
        self.given = given
        self.say = say
        self.progress = progress
        self.started = started
        self.folder: ResultFolder = open_folder(request.destination)
        self.totals = Counts()

    def check_state(self) -> None:
        """Refuse to mix with, or replace, what the user did not say may be replaced.

        Raises:
            InputError: the folder is not empty, and the request does not say what to do or it is not ours.
        """
        there = self.folder.sizes()
        unfinished = self._plan_there() is not None
        others = sorted(name for name in there if name != META and name[0] != "." and not _OURS.fullmatch(name))
        place = self.request.destination
        if others:
            raise InputError(f"{place}: holds other files ({others[0]}); choose a folder of its own with -o")
        if self.request.overwrite or (not there and not unfinished):
            return
        if not self.request.resume:
            what = "holds a finished run" if META in there else "holds an unfinished run" if unfinished else "not empty"
            raise InputError(f"{place}: {what}; choose another -o, go on with --resume or replace it with --overwrite")
        if META not in there and not unfinished:
            raise InputError(f"{place}: holds no run to go on with; choose another -o, or use --overwrite")

    def run(self, ray: Any) -> ScoreResult:
        """Everything from the first look at the inputs to `_meta.json`."""
        request = self.request
        model = ModelFolder.open(request.model)
        job = Job(request, __version__, model.fingerprint())
        found = self._inspect(ray, job)
        sources = [one.source for one in found]
        check_asked(request, sources)
        for shown, source in zip(self.given, sources, strict=True):
            check_names(source, job.part_format, shown)
        self._say_columns(found)
        names = tuple(dict.fromkeys(name for source in sources for name in source.names))
        job = replace(job, names=names, renamed=renamings(names, job.added))
        plan = plan_of(
            request,
            sources,
            [one.digest for one in found],
            model,
            {"engine": "ray", "part_format": request.part_format},
        )
        tallies = [_Tally() for _ in found]
        if not request.overwrite and (done := self._done_before(plan)) is not None:
            return done
        earlier = None if request.overwrite else self._plan_there()
        if earlier is None:
            self._clear()  # also what a kill in the middle of an earlier removal left
        else:
            check_same(earlier, plan, f"{request.destination}: cannot resume")
            self._take_up(tallies)
            self.say(f"going on after {self.totals.rows:,} posts that are scored already")
        for name, new_name in job.renamed.items():
            self.say(f"the inputs have a column {name!r} of their own; it is kept as {new_name!r}")
        publish_bytes(self.folder, PLAN, _json(plan))
        resumed = self.totals.rows
        workers = request.workers or _cores(ray, request.threads or 1)
        try:
            self._score(ray, job, found, tallies, workers)
        except NetralError:
            if not any(tally.chunks for tally in tallies) and not self.folder.sizes():
                # Nothing to go on with, nothing to look at. A worker may still write there; the next run clears again.
                with contextlib.suppress(InputError, OSError):
                    self._clear()
            raise
        result = self._result(model.name, resumed_rows=resumed)
        meta = _meta(plan, result, found, tallies, job)
        meta["run"] |= {"workers": workers, "threads": request.threads or 1, "address": request.address}
        meta["versions"] = versions("ray", "fsspec")
        publish_bytes(self.folder, META, _json(meta))
        self._tidy()
        return result

    def _inspect(self, ray: Any, job: Job) -> list[Inspected]:
        look = ray.remote(num_cpus=1, max_retries=10)(inspect_input)
        shared = ray.put(job)
        waiting = [
            look.remote(shared, shown, location)
            for shown, location in zip(self.given, self.request.locations, strict=True)
        ]
        found = []
        bar = tqdm(waiting, desc="looking", unit=" inputs", file=sys.stderr, disable=not self.progress)
        for reference in bar:
            one = ray.get(reference)
            if isinstance(one, dict):
                raise as_error(one)
            found.append(one)
        return found

    def _say_columns(self, found: Sequence[Inspected]) -> None:
        last = ""
        for shown, one in zip(self.given, found, strict=True):
            for note in one.source.notes:
                self.say(note)
            if one.source.describe() != last:  # a thousand files of one kind need one line
                last = one.source.describe()
                self.say(f"{shown}: {last}")

    def _plan_there(self) -> dict[str, Any] | None:
        """The plan of an unfinished run."""
        return _parsed(self.folder.read([PLAN]).get(PLAN))

    def _clear(self) -> None:
        """Remove what runs wrote. The journal's plan goes first: without it the rest is dead."""
        self.folder.remove([META, PLAN])
        self.folder.remove_subfolder(JOURNAL)
        with contextlib.suppress(InputError, OSError):  # what is left of it does no harm
            self.folder.remove_subfolder(TEMPORARY)
        self.folder.remove(name for name in self.folder.sizes() if _OURS.fullmatch(name))

    def _tidy(self) -> None:
        """Remove what a finished run needs no more; should that fail, the results are as whole."""
        for name in (JOURNAL, TEMPORARY):
            try:
                self.folder.remove_subfolder(name)
            except (InputError, OSError) as error:
                self.say(f"{self.request.destination}: {name} cannot be removed; do so yourself ({error})")

    def _done_before(self, plan: Mapping[str, Any]) -> ScoreResult | None:
        """What a finished run of the same says; None where none is finished.

        Raises:
            InputError: it was a run of something else, or parts of it are gone.
        """
        place = self.request.destination
        content = self.folder.read([META]).get(META)
        if content is None:
            return None
        try:
            meta = json.loads(content)
            check_same(meta, plan, f"{place}: exists and is of another run")
            sizes = [size for name, size in self.folder.sizes().items() if name.startswith("part-")]
            if [len(sizes), sum(sizes)] != [meta["output"]["parts"], meta["output"]["bytes"]]:
                raise InputError(f"{place}: parts of the finished run are missing or changed; use --overwrite")
            counted = meta["counts"]
            self.totals = Counts(
                **{name: counted[name] for name in asdict(self.totals) if name != "labels"},
                labels={label: counted["labels"][label.value] for label in LABELS},
            )
            name = meta["model"]["name"]
        except (ValueError, TypeError, KeyError):
            raise InputError(f"{place}: {META} is damaged; use --overwrite to start again") from None
        self._tidy()  # what is left where a kill met the removal
        return self._result(name, resumed_rows=self.totals.rows, complete_before=True)

    def _take_up(self, tallies: Sequence[_Tally]) -> None:
        """Count the chunks of an unfinished run that are whole."""
        there = self.folder.sizes()
        names = sorted(name for name in self.folder.sizes(JOURNAL) if _RECORD.fullmatch(name))
        for start in range(0, len(names), 1000):
            block = self.folder.read(f"{JOURNAL}/{name}" for name in names[start : start + 1000])
            for content in block.values():
                try:
                    record = ChunkRecord(**json.loads(content))
                except (ValueError, TypeError):
                    continue
                part = part_name(record.source, record.chunk, FileFormat(self.request.part_format))
                rejects = rejects_name(record.source, record.chunk)
                if there.get(part, 0) == record.part_bytes and there.get(rejects, 0) == record.rejects_bytes:
                    self._count(tallies, record)

    def _count(self, tallies: Sequence[_Tally], record: ChunkRecord) -> None:
        tally = tallies[record.source]
        if record.chunk not in tally.chunks:
            tally.add(record)
            add_to(self.totals, record)

    def _score(self, ray: Any, job: Job, found: Sequence[Inspected], tallies: Sequence[_Tally], workers: int) -> None:
        tasks = [
            InputTask(
                number,
                self.given[number],
                self.request.locations[number],
                one.digest,
                one.source.bytes_total,
                one.changed_at,
                one.source.names,
                one.source.chosen,
                tuple(sorted(tallies[number].chunks)),
            )
            for number, one in enumerate(found)
            if not tallies[number].complete
        ]
        bound = self.request.max_rejects
        bar = tqdm(
            total=_rows_expected(found),
            initial=self.totals.rows + self.totals.rejects,
            desc="scoring",
            unit=" posts",
            file=sys.stderr,
            dynamic_ncols=True,
            disable=not self.progress,
        )
        with bar, contextlib.closing(_records(ray, job, tasks, workers)) as records:
            while True:
                if bound is not None and self.totals.rejects > bound:
                    raise InputError(too_many_rejects(bound))
                record = next(records, None)
                if record is None:
                    break
                self._count(tallies, record)
                bar.update(record.rows + record.rejects)
        if missing := [shown for shown, tally in zip(self.given, tallies, strict=True) if not tally.complete]:
            raise InputError(f"{missing[0]}: not all of it came back from the cluster; go on with --resume")

    def _result(self, model: str, *, resumed_rows: int, complete_before: bool = False) -> ScoreResult:
        place, counts = self.request.destination, self.totals
        return ScoreResult.of(
            counts,
            output=place,
            meta=f"{place}/{META}",
            rejects_file=f"{place}/rejects-*.jsonl" if counts.rejects else None,
            model=model,
            resumed_rows=resumed_rows,
            seconds=time.monotonic() - self.started,
            complete_before=complete_before,
        )


def _records(ray: Any, job: Job, tasks: Sequence[InputTask], workers: int) -> Generator[ChunkRecord, None, None]:
    """Run the pipeline; yields a record for each chunk as soon as its part is whole.

    Raises:
        NetralError: what a worker found wrong.
    """
    if not tasks:
        return
    from ray import data as ray_data

    data: Any = ray_data
    threads = job.request.threads or 1
    readers = min(len(tasks), max(2, -(-workers // _SCORERS_A_READER)))
    with _data_settings(data, workers):
        chunks = data.from_items([{"task": json.dumps(asdict(task))} for task in tasks], override_num_blocks=len(tasks))
        records = chunks.map_batches(
            read_chunks,
            fn_kwargs={"job": job},
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=_READER_CPUS,
            compute=data.TaskPoolStrategy(size=readers),
        ).map_batches(
            Scorer,
            fn_constructor_args=(job,),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=threads - _READER_CPUS,
            compute=data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=_AHEAD),
        )
        for row in records.iter_rows():
            value = json.loads(row["record"])
            if "error" in value:
                raise as_error(value["error"])
            yield ChunkRecord(**value)


@contextlib.contextmanager
def _data_settings(data: Any, workers: int) -> Iterator[None]:
    """Ray Data's settings for a pipeline of this module; those of the process come back afterwards."""
    context = data.DataContext.get_current()
    options = context.execution_options
    before = context.target_max_block_size, context.enable_progress_bars, options.resource_limits
    context.target_max_block_size = 1  # a chunk is a block, so it leaves its reader at once
    context.enable_progress_bars = False
    options.resource_limits = data.ExecutionResources(object_store_memory=_MEMORY_A_SCORER * max(4, workers))
    try:
        yield
    finally:
        context.target_max_block_size, context.enable_progress_bars, options.resource_limits = before


@contextlib.contextmanager
def _told(place: str) -> Iterator[None]:
    """Tell in one line what the system did not allow this process; the workers' errors come as data.

    Raises:
        InputError: there was something.
    """
    try:
        yield
    except BrokenPipeError:  # whoever read our messages has gone; no file is at fault
        raise
    except OSError as error:
        if is_full_disk(error):
            raise as_error(failure(error)) from error
        named = f"{error.filename}: " if isinstance(error.filename, str) else f"{place}: "
        raise InputError(f"{named}{error.strerror or error}; mend that and go on with --resume") from error


@contextlib.contextmanager
def _plain_errors(ray: Any) -> Iterator[None]:
    """Tell what broke in the cluster in one line.

    Raises:
        InputError: something did.
    """
    from ray.data.exceptions import SystemException

    try:
        yield
    except (ray.exceptions.RayError, SystemException) as error:
        text = str(error)
        if "No module named 'netral_nlp'" in text:
            raise InputError("the cluster's nodes lack netral-nlp; install the same version on each of them") from error
        cause = getattr(error, "cause", None) or error
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
        raise InputError(
            f"the cluster broke the run off: {type(cause).__name__}: {last[:300]}; what is scored is safe, go on with "
            "--resume"
        ) from error


def _rows_expected(found: Sequence[Inspected]) -> int | None:
    """About how many rows the inputs have; None where that takes reading them."""
    total = 0
    for one in found:
        known = one.source.row_count
        if known is None and one.source.format.is_text and not one.source.format.compression:
            known = one.lines
        if known is None:
            return None
        total += known
    return total


def _meta(
    plan: Mapping[str, Any], result: ScoreResult, found: Sequence[Inspected], tallies: Sequence[_Tally], job: Job
) -> dict[str, Any]:
    """What `_meta.json` says: enough to tell how every number in the folder came about."""
    inputs = [
        {
            **planned,
            "export": one.source.export,
            "rows": tally.counts.rows + tally.counts.rejects,
            "rows_out": tally.counts.rows,
            "rejects": tally.counts.rejects,
            "parts": tally.parts,
        }
        for planned, one, tally in zip(plan["inputs"], found, tallies, strict=True)
    ]
    counted = result.to_dict()
    kept = ("rows_in", "rows", "rejects", "blank", "duplicates", "unknown_actions", "needs_review", "labels")
    return {
        **plan,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": inputs,
        "output": {
            "format": job.request.part_format,
            "parts": sum(tally.parts for tally in tallies),
            "bytes": sum(tally.part_bytes for tally in tallies),
            "added": job.added,
            "renamed": dict(job.renamed),
        },
        "counts": {name: counted[name] for name in kept},
        "run": {
            "engine": "ray",
            "resumed_rows": result.resumed_rows,
            "seconds": round(result.seconds, 3),
            "rows_per_second": round(result.rate, 1),
        },
    }


def _cores(ray: Any, threads: int) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)


def _absolute(location: str) -> str:
    """A location that means the same in every working directory."""
    path = local_path(location)
    return location if path is None else str(path.absolute())


def _json(value: Mapping[str, Any]) -> bytes:
    # A file name need not be Unicode; what stands for its bytes is a JSON escape then.
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"


def _parsed(content: bytes | None) -> dict[str, Any] | None:
    try:
        value = json.loads(content or b"null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
