"""The result of a check: as tables for a terminal, as JSON, and as rows of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from netral_nlp.corpus.check.findings import COLUMNS, Finding, Kind, Severity
from netral_nlp.corpus.check.leaks import Template
from netral_nlp.corpus.check.read import CheckedFile
from netral_nlp.evaluation.metrics import align, percent
from netral_nlp.labels import LABELS, Label

_SCHEMA = 1
_HEADINGS = {
    Severity.ERROR: "would spoil a training",
    Severity.WARNING: "to look at",
    Severity.NOTE: "notes",
}


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        posts: how many posts were looked at.
        files: the files that they are from.
        sides: posts of each side of a split, the largest first; empty where there are no sides.
        labels: posts of each label.
        findings: in the order of `Kind`, then of files and rows.
        templates: groups of near-same posts on one side, the largest first.
        near: the least likeness of near duplicates.
    """

    posts: int
    files: tuple[CheckedFile, ...]
    sides: Mapping[str, int]
    labels: Mapping[Label, int]
    findings: tuple[Finding, ...]
    templates: tuple[Template, ...]
    near: float

    def kinds(self, severity: Severity) -> dict[Kind, tuple[Finding, ...]]:
        """Return the findings of a severity by their kind."""
        return {
            kind: tuple(found)
            for kind, found in groupby(self.findings, key=lambda one: one.kind)
            if kind.severity is severity
        }

    def is_clean(self, *, strict: bool = False) -> bool:
        """Whether nothing would spoil a training; strictly, whether there is no warning either."""
        return not (self.kinds(Severity.ERROR) or (strict and self.kinds(Severity.WARNING)))

    def summary(self) -> str:
        """Return what was looked at in one line."""
        sides = ", ".join(f"{side} {count:,}" for side, count in self.sides.items())
        labelled = sum(self.labels.values())
        shares = ", ".join(
            f"{label.value} {self.labels.get(label, 0):,} ({percent(self.labels.get(label, 0), labelled)})"
            for label in LABELS
            if labelled
        )
        parts = [
            f"{self.posts:,} posts in {len(self.files):,} {'file' if len(self.files) == 1 else 'files'}",
            f"sides: {sides or 'none'}",
            f"labels: {shares or 'none'}",
        ]
        return "; ".join(parts)

    def problems(self, *, strict: bool = False) -> str:
        """Return what stands in the way of a training, in a few words; blank where nothing does."""
        found = self.kinds(Severity.ERROR)
        if strict:
            found = {**found, **self.kinds(Severity.WARNING)}
        return ", ".join(f"{kind.value} ({_times(of)})" for kind, of in found.items())

    def verdict(self) -> str:
        """Return what it comes to where there are no errors, in one line; blank where there are."""
        if not self.is_clean():
            return ""
        warned = [one for found in self.kinds(Severity.WARNING).values() for one in found]
        rows = len({(one.file, one.row) for one in warned if one.row is not None})
        look = f"{rows:,} {'row' if rows == 1 else 'rows'} to look at" if rows else "see the warnings" if warned else ""
        said = "; ".join(part for part in ("nothing would spoil a training", look) if part)
        return said if len(self.sides) > 1 else f"{said} (next: netral data split)"

    def table(self, *, show: int = 3, strict: bool = False) -> str:
        """Return the findings as plain text for a terminal.

        Args:
            show: how many of the first rows to name of each kind, and how many of the largest groups of copies.
            strict: warnings count as errors: with one, nothing is called fit for a training.
        """
        blocks = [self.summary()]
        for severity, heading in _HEADINGS.items():
            kinds = self.kinds(severity)
            if not kinds:
                continue
            cells = [[heading, "rows", "first"]]
            for kind, found in kinds.items():
                cells.append([f"  {kind.value}", _times(found), "; ".join(_places(found, show))])
            width = max(len(row[1]) for row in cells)
            blocks.append("\n".join(align([[row[0], row[1].rjust(width), row[2]] for row in cells], left=3)))
        if self.templates and show:
            rows = [["largest groups of near-same posts", "posts", "first rows"]]
            for group in self.templates[:show]:
                name = f"  {group.file}" + (f" ({group.side})" if group.side else "")
                rows.append([name, f"{group.posts:,}", ", ".join(map(str, group.rows))])
            width = max(len(row[1]) for row in rows)
            blocks.append("\n".join(align([[row[0], row[1].rjust(width), row[2]] for row in rows], left=3)))
        if self.is_clean(strict=strict):
            blocks.append(self.verdict())
        return "\n\n".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready."""
        return {
            "schema": _SCHEMA,
            "kind": "check",
            "posts": self.posts,
            "files": [file.to_dict() for file in self.files],
            "sides": dict(self.sides),
            "labels": {label.value: self.labels.get(label, 0) for label in LABELS},
            "near": self.near,
            "clean": self.is_clean(),
            "counts": {
                severity.value: {kind.value: len(found) for kind, found in self.kinds(severity).items()}
                for severity in Severity
            },
            "groups": [group.to_dict() for group in self.templates],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def write(self, path: str | Path) -> int:
        """Write the findings as a table, one row each, in the format that the ending names; returns how many.

        Raises:
            InputError: the ending is unknown, or the file cannot be written.
        """
        from netral_nlp.formats import write_rows

        return write_rows(path, (finding.to_dict() for finding in self.findings), columns=COLUMNS)


def _times(found: tuple[Finding, ...]) -> str:
    return f"{len(found):,}" if found[0].row is not None else "–"


def _places(found: tuple[Finding, ...], show: int) -> Iterator[str]:
    for one in found[:show]:
        parts = [one.where] if one.file else []
        if one.other_row is not None:
            other = str(one.other_row) if one.other_file == one.file else f"{one.other_file}:{one.other_row}"
            parts.append(f"~ {other}")
        if one.likeness is not None and one.likeness < 1:
            parts.append(f"({one.likeness:.2f})")
        if one.detail:
            parts.append(one.detail if one.row is None and not one.file else f"[{one.detail}]")
        yield " ".join(parts)
    if len(found) > show:
        yield "..."
