"""The journal of a run: what is safe on the disk, one fsynced line a chunk.

`OUTPUT.parts/` holds for each chunk a part (Arrow IPC), a rejects file and what the model said of new texts, and
`journal.jsonl`. A chunk's files are
written and synced before its line is, so a line in the journal means that the chunk is whole. Files without a line are
what a killed run was writing; they are written anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS
from netral_nlp.scoring.request import Counts
from netral_nlp.storage.durable import durable_file, sync_folder

JOURNAL_NAME = "journal.jsonl"
JOURNAL_VERSION = 2
_OURS = re.compile(r"\d{7,}\.(arrow|rejects\.jsonl|learned)|journal\.jsonl|(output|rejects|meta)\.tmp(\..*)?")


@dataclass(frozen=True)
class ChunkRecord:
    """One journalled chunk.

    Attributes:
        chunk: running number over all inputs, from 0.
        source: index of the input.
        last: the input ended with this chunk (which has no rows; rejects after the last rows belong to it).
        rows: rows in the part; 0 means that there is no part file.
        rejects: rejected rows in the chunk's rejects file; 0 means that there is no such file.
        part_bytes: size of the part file.
        rejects_bytes: size of the rejects file.
        learned_bytes: size of the file of what the model said of new texts; 0 means that there is no such file.
        blank: rows with no text to judge.
        duplicates: rows whose answer was known from rows before them.
        unknown_actions: rows with an action that is none of ours.
        needs_review: rows that a person should look at.
        labels: rows of each label, by the label's name.
    """

    chunk: int
    source: int
    last: bool
    rows: int = 0
    rejects: int = 0
    part_bytes: int = 0
    rejects_bytes: int = 0
    learned_bytes: int = 0
    blank: int = 0
    duplicates: int = 0
    unknown_actions: int = 0
    needs_review: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)


class Journal:
    """The parts folder of one output, open for going on.

    Attributes:
        folder: `OUTPUT.parts`.
        header: what the run is of (inputs, model, options), as `start` was given it.
        records: the whole chunks, in order.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any], records: list[ChunkRecord]) -> None:
        self.folder = folder
        self.header = header
        self.records = records
        self._file = (folder / JOURNAL_NAME).open("ab")

    @classmethod
    def start(cls, folder: Path, header: Mapping[str, Any]) -> Journal:
        """Begin a run: an empty parts folder with a journal that holds the header.

        Raises:
            OSError: the folder cannot be made or written.
        """
        remove_parts(folder)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
        with durable_file(folder / JOURNAL_NAME) as file:
            file.write(_line({"journal": JOURNAL_VERSION, **header}))
        sync_folder(folder)
        return cls(folder, header, [])

    @classmethod
    def reopen(cls, folder: Path) -> Journal | None:
        """Take up an unfinished run after its last whole chunk; None when there is no journal to go on with."""
        found = _read(folder)
        if found is None:
            return None
        header, records, length = found
        with (folder / JOURNAL_NAME).open("rb+") as file:  # what lies behind is torn, or of a part that is not whole
            file.truncate(length)
            os.fsync(file.fileno())
        return cls(folder, header, records)

    def part(self, chunk: int) -> Path:
        """Path of a chunk's part file."""
        return self.folder / f"{chunk:07}.arrow"

    def rejects(self, chunk: int) -> Path:
        """Path of a chunk's rejects file."""
        return self.folder / f"{chunk:07}.rejects.jsonl"

    def learned(self, chunk: int) -> Path:
        """Path of the file of what the model said of a chunk's new texts."""
        return self.folder / f"{chunk:07}.learned"

    def last_learned(self, least: int) -> Iterator[bytes]:
        """What the model said of new texts, chunk by chunk: the last chunks that hold `least` bytes of it, or all."""
        first, size = len(self.records), 0
        while first and size < least:
            first -= 1
            size += self.records[first].learned_bytes
        for record in self.records[first:]:
            if record.learned_bytes:
                yield self.learned(record.chunk).read_bytes()

    def append(self, record: ChunkRecord) -> None:
        """Journal a chunk whose files are synced already."""
        sync_folder(self.folder)
        self._file.write(_line(asdict(record)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records.append(record)

    def counts(self) -> Counts:
        """Totals over the journalled chunks."""
        return _totals(self.records)

    def close(self) -> None:
        """Close the journal; the folder stays."""
        with contextlib.suppress(OSError):  # every line was synced when it was written
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def unfinished(folder: Path) -> Counts | None:
    """Totals of an unfinished run's whole chunks; None when the folder holds no run."""
    found = _read(folder)
    return None if found is None else _totals(found[1])


def remove_parts(folder: Path) -> None:
    """Remove a run's files, and the folder if nothing else is in it.

    The journal goes first: without it the rest is dead, so a kill in the middle leaves nothing half alive.
    """
    for path in sorted(_ours(folder), key=lambda path: path.name != JOURNAL_NAME):
        path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _ours(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in list(folder.iterdir()) if _OURS.fullmatch(path.name))


def _line(value: Mapping[str, Any]) -> bytes:
    # A file name need not be Unicode; what stands for its bytes is a JSON escape then.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _read(folder: Path) -> tuple[dict[str, Any], list[ChunkRecord], int] | None:
    """Header, whole chunks, and how many bytes of the journal those take; None where there is no journal.

    Raises:
        InputError: the journal is of another version.
    """
    try:
        content = (folder / JOURNAL_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    header: dict[str, Any] | None = None
    records: list[ChunkRecord] = []
    length = 0
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            value = json.loads(line)
            if header is None:
                version = value.pop("journal")
                if version != JOURNAL_VERSION:
                    raise InputError(
                        f"{folder}: holds an unfinished run of another version of netral-nlp; finish it with that one, "
                        "or drop it with --overwrite"
                    )
                header = value
            else:
                record = ChunkRecord(**value)
                if record.chunk != len(records) or not _whole(folder, record):
                    break
                records.append(record)
        except (ValueError, TypeError, AttributeError, KeyError):
            break
        length += len(line)
    return None if header is None else (header, records, length)


def _whole(folder: Path, record: ChunkRecord) -> bool:
    """True when the chunk's files are there in the size that was journalled."""
    files = (("arrow", record.part_bytes), ("rejects.jsonl", record.rejects_bytes), ("learned", record.learned_bytes))
    for name, size in files:
        if size:
            try:
                if (folder / f"{record.chunk:07}.{name}").stat().st_size != size:
                    return False
            except FileNotFoundError:
                return False
    return True


def _totals(records: list[ChunkRecord]) -> Counts:
    counts = Counts()
    for record in records:
        add_to(counts, record)
    return counts


def add_to(counts: Counts, record: ChunkRecord) -> None:
    """Count a chunk."""
    counts.rows += record.rows
    counts.rejects += record.rejects
    counts.blank += record.blank
    counts.duplicates += record.duplicates
    counts.unknown_actions += record.unknown_actions
    counts.needs_review += record.needs_review
    for label in LABELS:
        counts.labels[label] += record.labels.get(label.value, 0)
