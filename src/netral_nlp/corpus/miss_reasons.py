"""Why the texts of a source were not found: what the given files are called, and what their cells look like."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

_SAMPLE: Final = 4000
_WORDS_OF_TEXT: Final = 3.0
_FEW: Final = 20
"""Fewer cells than this say nothing of a column's ways."""
_COPY_MARK: Final = re.compile(r"\s*(?:\(\d+\)|- copy|_copy)$")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_MARKS: Final = re.compile(r"[.,!?@#:/\"'()&…]")
_SPACES: Final = re.compile(r"\s{2}|[^\S ]")
_ENOUGH: Final = 500
"""Among so many texts as people write them some have a line break or two blanks in a row."""
_BELOW: Final = 5
_LONGEST_NAME: Final = 40
_MOST_WORDS_OF_NAME: Final = 4
_MOST_COLUMNS: Final = 12


class ColumnProfile:
    """What the cells of a column are like that hold no labelled text; from the first thousands of them."""

    __slots__ = ("bare", "cells", "cut", "lengths", "lower", "replaced", "seen", "spaced", "words")

    def __init__(self) -> None:
        self.cells = 0
        """All cells."""
        self.replaced = 0
        """Cells with U+FFFD, of all."""
        self.seen = 0
        """Cells of the sample, to which the rest belongs."""
        self.words = 0
        self.lower = 0
        """Cells without capitals."""
        self.bare = 0
        """Cells without punctuation and links."""
        self.spaced = 0
        """Cells with a line break, or two blanks in a row."""
        self.cut = 0
        """Cells that end with an ellipsis."""
        self.lengths: Counter[int] = Counter()

    def add(self, cell: str) -> None:
        """Count a cell."""
        self.cells += 1
        if "\ufffd" in cell:
            self.replaced += 1
        if self.seen >= _SAMPLE:
            return
        self.seen += 1
        self.words += cell.count(" ") + 1
        self.lower += cell == cell.lower()
        self.bare += _MARKS.search(cell) is None
        self.spaced += _SPACES.search(cell) is not None
        self.cut += cell.rstrip().endswith(("…", "..."))
        self.lengths[len(cell)] += 1

    @property
    def is_text(self) -> bool:
        """Whether the cells have several words."""
        return self.seen > 0 and self.words >= _WORDS_OF_TEXT * self.seen

    def problem(self) -> str | None:
        """What could keep these texts from being those that were labelled; None where nothing shows."""
        if self.replaced * 50 >= self.cells and self.replaced:
            return f"{self.replaced:,} of its texts hold U+FFFD: it was saved in the wrong encoding"
        if self.seen < _FEW:
            return None
        lacking = [
            name
            for name, count in (("capitals", self.lower), ("punctuation", self.bare))
            if count * 20 >= self.seen * 19
        ]
        if lacking:
            return f"its texts have no {' and no '.join(lacking)}: a preprocessed copy"
        longest = max(self.lengths)
        just_below = sum(self.lengths[length] for length in range(longest - _BELOW, longest))
        if longest >= _FEW and self.lengths[longest] * 10 >= self.seen and self.lengths[longest] >= 2 * just_below:
            return f"many of its texts end at {longest:,} characters: cut off"
        if self.cut * 2 >= self.seen:
            return "most of its texts end with an ellipsis: cut off"
        if self.seen >= _ENOUGH and not self.spaced:
            return "none of its texts has a line break or two blanks in a row: a copy in which these were taken out"
        return None


class Report(Protocol):
    """What is asked of `hydrate.FileReport`."""

    path: Path
    rows: int
    headless: bool
    columns: dict[str, None]
    by_column: Counter[str]
    by_source: Counter[str]
    profiles: dict[str, ColumnProfile]
    problem: str | None


def shown_column(name: str, report: Report) -> str:
    """A column's name as messages may show it: what stands in the first row of a file without a header is a post."""
    if not report.headless and len(name) <= _LONGEST_NAME and len(name.split()) <= _MOST_WORDS_OF_NAME:
        return name
    return f"column {list(report.columns).index(name) + 1}"


def reason_for(source: str | None, labels: int, reports: Sequence[Report]) -> str:
    """Say why texts of a source are missing.

    Args:
        source: as the label file names it, `owner/repository:path`; None where it names none.
        labels: how many labels the source has.
        reports: what each given file gave.
    """
    if source is None:
        return "the label file names no source for these, and no given file holds them"
    name = PurePosixPath(source.partition(":")[2] or source).name
    giving = [report for report in reports if report.by_source[source]]
    alike = [report for report in reports if _same_file(report.path, name)]
    if giving:
        return _why_part(source, labels, giving)
    if not alike:
        return f"no file called {name!r} was given"
    report = max(alike, key=lambda one: (one.problem is None, one.rows))
    if report.problem is not None and not report.rows:
        return f"{report.path} could not be read"
    problem = _problem(report)
    if problem is not None:
        return f"{report.path}: {problem}"
    columns = [shown_column(name, report) for name in list(report.columns)[:_MOST_COLUMNS]]
    shown = ", ".join(map(repr, columns)) + (", ..." if len(report.columns) > _MOST_COLUMNS else "")
    return f"{report.path} was given, but none of its columns holds these texts (it has {shown or 'no text at all'})"


def _why_part(source: str, labels: int, giving: Sequence[Report]) -> str:
    best = max(giving, key=lambda one: one.by_source[source])
    found = sum(report.by_source[source] for report in giving)
    broken = next((report for report in giving if report.problem is not None), None)
    if broken is not None:
        return f"{broken.path} could be read in part only ({broken.rows:,} rows)"
    problem = _problem(best)
    if problem is not None:
        return f"part of it was found; {best.path}: {problem}"
    rows = sum(report.rows for report in giving)
    if rows < labels:
        return f"{best.path} has {rows:,} rows for {labels:,} labels: it is cut off"
    return f"part of it was found ({found:,} cells in {rows:,} rows of {best.path}): another version of the file"


def _problem(report: Report) -> str | None:
    """What is odd about a file's texts: of the columns that gave some, else of the one with the longest."""
    columns: Mapping[str, ColumnProfile] = report.profiles
    texts = [columns[name] for name in report.by_column if name in columns]
    if not texts:
        texts = sorted(
            (profile for profile in columns.values() if profile.is_text), key=lambda one: -one.words / one.seen
        )[:1]
    return next((problem for profile in texts if (problem := profile.problem()) is not None), None)


def _same_file(path: Path, name: str) -> bool:
    """Whether a file could be a copy of one that is called `name`: in another format, or downloaded twice."""
    return _plain_stem(path.name) == _plain_stem(name)


def _plain_stem(name: str) -> str:
    stem = name.replace("%20", " ").lower()
    for _ in range(2):  # .csv.gz
        base, dot, ending = stem.rpartition(".")
        if dot and base and len(ending) <= len("parquet") and " " not in ending:
            stem = base
    stem = _COPY_MARK.sub("", stem)
    return _NOT_WORD.sub("", stem) or stem
