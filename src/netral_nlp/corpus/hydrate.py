"""Labels joined to a user's own copies of the public posts that they are of.

Posts of others may not be passed on, labels may. A label file names each text by its SHA-256; here the texts are found
again in the public files, whatever these are called, whatever their format and column, and although a copy may differ
from what was hashed (`corpus.text_variants`). The text that is put out is always the one that was labelled.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from netral_nlp.corpus.label_file import SHORTEST_HASH, LabelRow, Labels, read_label_files
from netral_nlp.corpus.labelled import text_id
from netral_nlp.corpus.miss_reasons import ColumnProfile, reason_for, shown_column
from netral_nlp.corpus.public_files import Chunk, find_files, read_strings
from netral_nlp.corpus.text_variants import AS_IS, variants
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.evaluation.metrics import percent

NO_SOURCE: Final = "(no source)"
_KEY_BYTES: Final = SHORTEST_HASH // 2
_TRIED_CELLS: Final = 5000
_ENOUGH_FOUND: Final = 20
_SHORT: Final = 40
_MOST_REMEMBERED: Final = 50_000


@dataclass
class FileReport:
    """What one of the user's files gave.

    Attributes:
        path: the file.
        named: the user named it; otherwise it was found in a folder.
        rows: rows read.
        headless: the first row, whose cells were taken for the columns' names, holds a labelled text.
        bad_rows: rows that could not be read and were passed over.
        columns: its columns of strings.
        joined: labels that got their text here first.
        repeated: cells with a text that had been found before.
        by_column: found texts (with repeated ones) by column.
        by_rung: found texts by what had to be done to the cell; `as is` for nothing.
        by_source: found texts by the source that the label file names.
        profiles: what the cells are like that hold no labelled text, by column.
        problem: why it could not be read, or not to its end.
    """

    path: Path
    named: bool = True
    rows: int = 0
    headless: bool = False
    bad_rows: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    joined: int = 0
    repeated: int = 0
    by_column: Counter[str] = field(default_factory=Counter)
    by_rung: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    profiles: dict[str, ColumnProfile] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """A label without its text: the hash, the source as the label file names it, and the likely reason."""

    sha256: str
    source: str | None
    reason: str


@dataclass(frozen=True)
class SourceCount:
    """How many labels of a source were joined and missed, and why the others probably were not found."""

    source: str
    joined: int
    missed: int
    reason: str | None


@dataclass(frozen=True)
class Hydrated:
    """Labels with their texts, and what is missing.

    Attributes:
        rows: id, text, label, direction, split, source, annotators and further columns, in the label files' order.
        columns: the rows' columns.
        misses: the labels without a text, in the label files' order.
        sources: counts by source, those with most labels first.
        files: what each of the user's files gave, in the order in which they were read.
        others: files in folders that are no tables.
        repeated_labels: rows of the label files that said again what an earlier one had said.
    """

    rows: list[dict[str, Any]]
    columns: list[str]
    misses: list[Miss]
    sources: list[SourceCount]
    files: list[FileReport]
    others: int = 0
    repeated_labels: int = 0

    @property
    def total(self) -> int:
        """How many labels there are."""
        return len(self.rows) + len(self.misses)

    @property
    def joined(self) -> float:
        """The share of labels that got their text."""
        return len(self.rows) / self.total

    @property
    def labels(self) -> Counter[str]:
        """The joined rows by label."""
        return Counter(str(row["label"]) for row in self.rows)

    def require(self, least: float = 0.0) -> None:
        """Refuse a join that gave nothing, or less than a share.

        Raises:
            InputError: with the commonest reason.
        """
        if self.rows and self.joined >= least:
            return
        reasons = Counter(miss.reason for miss in self.misses)
        found = f"{len(self.rows):,} of {self.total:,} labels found their text"
        if self.rows:
            found += f" ({percent(len(self.rows), self.total)}), less than the {100 * least:g} % asked for"
        raise InputError(f"{found}; most often: {reasons.most_common(1)[0][0]}")


def hydrate(
    labels: Sequence[str | Path],
    files: Sequence[str | Path],
    *,
    text_columns: Sequence[str] = (),
    keep: Sequence[str] = (),
    encoding: str | None = None,
    exclude: Sequence[str | Path] = (),
) -> Hydrated:
    """Join label files to a user's own copies of the public files.

    Memory holds the labels, the texts that were found, and a chunk of one file.

    Args:
        labels: label files (`corpus.label_file`).
        files: tables of any format and JSON documents; folders are walked.
        text_columns: the only columns to look in; by default every column of strings: the hash decides.
        keep: columns of the public files to take over into the rows.
        encoding: the text encoding of the files, where it cannot be found.
        exclude: files in folders to pass over (an earlier output).

    Returns:
        Rows in the order of the labels. A text that occurs several times is joined once, where it occurs first.

    Raises:
        InputError: a label file is wrong (see `read_label_files`), a path does not exist, or no file can be read.
        ConfigError: a column to keep is one that the label file has already.
    """
    if not files:
        raise InputError(
            "no files given to find the texts in: name your copies of the public files, or a folder of them"
        )
    known = read_label_files(labels)
    own = {"id", "text", "label", *known.columns}
    if taken := [name for name in keep if name in own]:
        raise ConfigError(f"the rows have a column {taken[0]!r} already; keep another one")
    found, others = find_files(files, [*labels, *exclude])
    join = _Join(known, tuple(text_columns), tuple(dict.fromkeys(keep)))
    reports = [join.read(path, named, encoding) for path, named in found]
    if not any(report.rows for report in reports):
        problem = next((report.problem for report in reports if report.problem), None)
        raise InputError(
            problem
            or f"{', '.join(map(str, files))}: no file in it is a table with rows; name the files with the posts"
        )
    if text_columns and not any(name in report.columns for name in text_columns for report in reports):
        names = {shown_column(name, report): None for report in reports for name in report.columns}
        columns = ", ".join(map(repr, names))
        raise InputError(f"no file has a column {' or '.join(map(repr, text_columns))}; name one of theirs: {columns}")
    return join.result(reports, others)


def _source(row: LabelRow) -> str:
    return str(row.fields.get("source") or NO_SOURCE)


class _Join:
    """The labels, and the texts found so far."""

    def __init__(self, labels: Labels, text_columns: tuple[str, ...], keep: tuple[str, ...]) -> None:
        self._labels = labels
        self._columns = text_columns
        self._keep = keep
        self._index = {row.key: position for position, row in enumerate(labels.rows)}
        self._misses: set[str] = set()
        self._texts: dict[int, str] = {}
        self._kept: dict[int, dict[str, str | None]] = {}

    def read(self, path: Path, named: bool, encoding: str | None) -> FileReport:
        """Look through a file; one that cannot be read to its end says so in its report."""
        report = FileReport(path, named)

        def count_bad() -> None:
            report.bad_rows += 1

        try:
            for chunk in read_strings(path, encoding=encoding, on_bad=count_bad):
                report.rows += len(chunk.numbers) - chunk.numbers.count(0)
                report.columns.update(dict.fromkeys(chunk.columns))
                for column in chunk.columns:
                    if not self._columns or column in self._columns:
                        self._look_in(chunk, column, report)
        except InputError as error:
            report.problem = str(error)
        except OSError as error:
            report.problem = f"{path}: cannot be opened: {error.strerror}; check its permissions"
        return report

    def result(self, reports: list[FileReport], others: int) -> Hydrated:
        """Put together what was found, in the labels' order."""
        counts: dict[str, list[int]] = {}
        for position, row in enumerate(self._labels.rows):
            counts.setdefault(_source(row), [0, 0])[position not in self._texts] += 1
        reasons = {
            source: reason_for(None if source == NO_SOURCE else source, joined + missed, reports)
            for source, (joined, missed) in counts.items()
            if missed
        }
        rows, misses = [], []
        for position, row in enumerate(self._labels.rows):
            text = self._texts.get(position)
            if text is None:
                misses.append(Miss(row.sha256, row.fields.get("source"), reasons[_source(row)]))
                continue
            fields = {name: row.fields.get(name) for name in self._labels.columns}
            rows.append({"id": text_id(text), "text": text, "label": row.label.value, **fields, **self._kept[position]})
        ordered = sorted(counts.items(), key=lambda item: (-sum(item[1]), item[0]))
        return Hydrated(
            rows=rows,
            columns=["id", "text", "label", *self._labels.columns, *self._keep],
            misses=misses,
            sources=[SourceCount(name, joined, missed, reasons.get(name)) for name, (joined, missed) in ordered],
            files=reports,
            others=others,
            repeated_labels=self._labels.repeated,
        )

    def _look_in(self, chunk: Chunk, column: str, report: FileReport) -> None:
        profile = report.profiles.setdefault(column, ColumnProfile())
        changed = _may_hold_texts(column, profile, report)
        for index, cell in chunk.columns[column]:
            found = self._find(cell, changed=changed)
            if found is None:
                profile.add(cell)
                continue
            position, rung, text = found
            report.headless |= chunk.numbers[index] == 0
            report.by_column[column] += 1
            report.by_rung[rung] += 1
            report.by_source[_source(self._labels.rows[position])] += 1
            if position in self._texts:
                report.repeated += 1
                continue
            report.joined += 1
            self._texts[position] = text
            self._kept[position] = {name: chunk.value(name, index) for name in self._keep}

    def _find(self, cell: str, *, changed: bool) -> tuple[int, str, str] | None:
        """The label that a cell's text has: its position, what had to be done to the cell, and the text.

        Args:
            cell: what stands in the file.
            changed: also look for texts that the cell is a changed copy of.
        """
        if not cell.strip() or cell in self._misses:
            return None
        index = self._index
        for rung, text in variants(cell) if changed else ((AS_IS, cell),):
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
            position = index.get(digest.digest()[:_KEY_BYTES])
            if position is not None and digest.hexdigest().startswith(self._labels.rows[position].sha256):
                return position, rung, text
        if changed and len(cell) <= _SHORT and len(self._misses) < _MOST_REMEMBERED:
            self._misses.add(cell)  # names, languages and dates come again and again
        return None


def _may_hold_texts(column: str, profile: ColumnProfile, report: FileReport) -> bool:
    """Whether a column is worth a look for changed copies: not if thousands of cells gave none and others did."""
    if report.by_column[column] or profile.cells < _TRIED_CELLS:
        return True
    return max(report.by_column.values(), default=0) < _ENOUGH_FOUND
