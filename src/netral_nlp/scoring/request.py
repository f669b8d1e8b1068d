"""What a scoring run is asked for, and what it answers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import ConfigError
from netral_nlp.inference.decision import ReviewPolicy
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    from netral_nlp.inference.backends import BackendName

ENGINES = ("local", "ray")
PART_FORMATS = ("parquet", "csv", "jsonl")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_FILE_ENDING = re.compile(r"\.(csv|tsv|tab|txt|jsonl|ndjson|json|parquet|xlsx)(\.gz|\.zst)?$", re.IGNORECASE)
DEFAULT_CHUNK_ROWS = 8192
MAX_CHUNK_ROWS = 1_000_000


@dataclass(frozen=True)
class ScoreRequest:
    """One scoring run: which posts, by which model, into which file.

    Attributes:
        inputs: files of posts, in the order in which their rows shall stand in the output.
        output: the file to write; its ending picks the format.
        text_column: the column with the posts' text; None to guess it from the columns of known exports.
        context_column: the column with the text that a post answers; None to guess.
        id_column: the column with the posts' ids; None to guess. Only told, ids pass through like any column.
        action_column: the column that says what was done with a text (post, comment, like ...); None to guess.
        source_column: name of a column to add that holds each row's input file name; None adds none.
        model: a model folder or hub id; None for the shipped model.
        backend: "auto", "onnx" or "torch".
        threads: processor threads for the model; None for all.
        precision: of the torch backend: "fp32", "bf16" or "fp16"; None is fp32 on a processor, half on a GPU.
        engine: "local" or "ray".
        workers: model copies of the Ray engine; None for one a processor core.
        address: the Ray cluster to use; None for one of the run's own, on this machine.
        part_format: what the Ray engine's parts are written as.
        resume: go on with an unfinished run; start when there is none.
        overwrite: replace an existing output, and drop an unfinished run.
        rejects: where rows that cannot be read go; None for `OUTPUT.rejects.jsonl`.
        max_rejects: stop as soon as there are more rejects than this; None for no bound.
        encoding: the inputs' text encoding; None to find it.
        delimiter: the inputs' delimiter; None to find it.
        sheet: the sheet of XLSX inputs; None for the first.
        chunk_rows: rows scored, written and journalled together; part of what makes the output's bytes.
        policy: when a person should look, where that is not as the model has it.
        locations: the inputs as they were given, for the Ray engine: URLs do not survive a `Path`.
        destination: the output as it was given.
    """

    inputs: Sequence[Path]
    output: Path
    text_column: str | None = None
    context_column: str | None = None
    id_column: str | None = None
    action_column: str | None = None
    source_column: str | None = None
    model: str | None = None
    backend: BackendName = "auto"
    threads: int | None = None
    precision: str | None = None
    engine: str = "local"
    workers: int | None = None
    resume: bool = False
    overwrite: bool = False
    rejects: Path | None = None
    max_rejects: int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    chunk_rows: int = DEFAULT_CHUNK_ROWS
    policy: ReviewPolicy = field(default_factory=ReviewPolicy)
    address: str | None = None
    part_format: str = "parquet"
    locations: tuple[str, ...] = field(init=False, repr=False)
    destination: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check what can be checked without a look at the disk.

        Raises:
            ConfigError: the request contradicts itself or a number is out of range.
        """
        object.__setattr__(self, "locations", tuple(map(str, self.inputs)))
        object.__setattr__(self, "destination", str(self.output))
        object.__setattr__(self, "inputs", tuple(Path(path) for path in self.inputs))
        object.__setattr__(self, "output", Path(self.output))
        if self.rejects is not None:
            object.__setattr__(self, "rejects", Path(self.rejects))
        if not self.inputs:
            raise ConfigError("no input file was given")
        if self.engine not in ENGINES:
            raise ConfigError(f"the engine is one of {', '.join(ENGINES)}, not {self.engine!r}")
        if self.part_format not in PART_FORMATS:
            raise ConfigError(f"--part-format is one of {', '.join(PART_FORMATS)}, not {self.part_format!r}")
        self._check_engine()
        if self.resume and self.overwrite:
            raise ConfigError("--resume keeps what is done and --overwrite drops it: give one of them")
        if not 1 <= self.chunk_rows <= MAX_CHUNK_ROWS:
            raise ConfigError(f"--chunk-rows must be within 1 to {MAX_CHUNK_ROWS:,}, not {self.chunk_rows}")
        for name, value, least in (
            ("--threads", self.threads, 1),
            ("--workers", self.workers, 1),
            ("--max-rejects", self.max_rejects, 0),
        ):
            if value is not None and value < least:
                raise ConfigError(f"{name} must be at least {least}, not {value}")
        if self.source_column is not None and not self.source_column.strip():
            raise ConfigError("--source-column needs a name")
        if self.source_column in (*(f"p_{label.value}" for label in LABELS), "label", "needs_review"):
            raise ConfigError(
                f"--source-column cannot be {self.source_column}, which scoring adds itself; choose another"
            )
        if self.source_column is not None and not self.source_column.isprintable():
            raise ConfigError(f"--source-column must be plain text, not {self.source_column!r}")

    def _check_engine(self) -> None:
        """Refuse options of one engine with the other.

        Raises:
            ConfigError: there is such an option.
        """
        if self.engine == "ray":
            if self.rejects is not None:
                raise ConfigError("--rejects names a file; --engine ray writes rejects beside its parts: leave it out")
            ending = _FILE_ENDING.search(self.destination)
            if ending is not None:
                raise ConfigError(
                    f"{self.destination}: --engine ray writes a folder of parts; name it without {ending[0]} and "
                    f"choose what the parts are with --part-format {'|'.join(PART_FORMATS)}"
                )
            return
        for name, given in (
            ("--workers", self.workers is not None),
            ("--address", self.address is not None),
            ("--part-format", self.part_format != PART_FORMATS[0]),
        ):
            if given:
                raise ConfigError(f"{name} is an option of the Ray engine; add --engine ray")
        if self.destination.endswith(("/", os.sep)):
            raise ConfigError(
                f"{self.destination}: the local engine writes one file; name it, such as "
                f"{self.destination}labelled.parquet, or use --engine ray, which writes a folder of parts"
            )
        for location in (*self.locations, self.destination):
            if URL.match(location):
                raise ConfigError(
                    f"{location}: the local engine reads and writes files of this machine; use --engine ray, or copy it"
                )

    @property
    def rejects_path(self) -> Path:
        """Where rejects go: as asked, else beside the output."""
        return self.rejects or self.output.with_name(self.output.name + ".rejects.jsonl")

    @property
    def meta_path(self) -> Path:
        """The file that says how the output was made."""
        return self.output.with_name(self.output.name + ".meta.json")

    @property
    def parts_path(self) -> Path:
        """The folder of an unfinished run: parts and journal."""
        return self.output.with_name(self.output.name + ".parts")


@dataclass(frozen=True)
class ScoreResult:
    """What a scoring run did. Every count is of the whole output, resumed parts included.

    Attributes:
        output: the labelled file; of the Ray engine the folder of parts, as text since it may be a URL.
        meta: the file that says how it was made.
        rejects_file: the file of rejected rows (of the Ray engine a pattern), or None when there are none.
        model: the model's name.
        rows_in: rows found in the inputs: `rows + rejects`.
        rows: rows in the output.
        rejects: rows in the rejects file.
        blank: output rows with no text to judge.
        duplicates: output rows whose answer was known from rows before them (equal to the model, that is normalised).
        unknown_actions: output rows whose action is none of ours and was taken as not known.
        labels: output rows of each label.
        needs_review: output rows that a person should look at.
        resumed_rows: output rows that an earlier, unfinished run had scored already.
        seconds: wall-clock time of this run.
        complete_before: an earlier run had finished this very output; nothing was done.
    """

    output: Path | str
    meta: Path | str
    rejects_file: Path | str | None
    model: str
    rows_in: int
    rows: int
    rejects: int
    blank: int
    duplicates: int
    unknown_actions: int
    labels: Mapping[Label, int]
    needs_review: int
    resumed_rows: int = 0
    seconds: float = 0.0
    complete_before: bool = False

    @classmethod
    def of(
        cls,
        counts: Counts,
        *,
        output: Path | str,
        meta: Path | str,
        rejects_file: Path | str | None,
        model: str,
        resumed_rows: int,
        seconds: float,
        complete_before: bool,
    ) -> ScoreResult:
        """The result with these totals; the rest is named as in the class."""
        return cls(
            output=output,
            meta=meta,
            rejects_file=rejects_file,
            model=model,
            rows_in=counts.rows + counts.rejects,
            rows=counts.rows,
            rejects=counts.rejects,
            blank=counts.blank,
            duplicates=counts.duplicates,
            unknown_actions=counts.unknown_actions,
            labels=counts.labels,
            needs_review=counts.needs_review,
            resumed_rows=resumed_rows,
            seconds=seconds,
            complete_before=complete_before,
        )

    @property
    def rate(self) -> float:
        """Rows scored a second in this run, reading and writing included."""
        return (self.rows - self.resumed_rows) / self.seconds if self.seconds > 0 else 0.0

    @property
    def exit_code(self) -> int:
        """0, or 3 when there are rejects."""
        return 3 if self.rejects else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "output": str(self.output),
            "meta": str(self.meta),
            "rejects_file": None if self.rejects_file is None else str(self.rejects_file),
            "model": self.model,
            "rows_in": self.rows_in,
            "rows": self.rows,
            "rejects": self.rejects,
            "blank": self.blank,
            "duplicates": self.duplicates,
            "unknown_actions": self.unknown_actions,
            "labels": {label.value: self.labels[label] for label in LABELS},
            "needs_review": self.needs_review,
            "resumed_rows": self.resumed_rows,
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rate, 1),
            "complete_before": self.complete_before,
        }


@dataclass
class Counts:
    """Running totals over chunks."""

    rows: int = 0
    rejects: int = 0
    blank: int = 0
    duplicates: int = 0
    unknown_actions: int = 0
    needs_review: int = 0
    labels: dict[Label, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))
