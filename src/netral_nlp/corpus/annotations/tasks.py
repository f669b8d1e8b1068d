"""A task as an annotation tool exports it: a post, and what each annotator answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Format = Literal["auto", "label-studio", "doccano", "argilla", "table"]
OnBadRow = Callable[[str, int, str], None]
"""Takes a row that cannot be read: the file as the user named it, the row's number from 1, and why, in one line."""
FORMATS: tuple[Format, ...] = ("auto", "label-studio", "doccano", "argilla", "table")
UNNAMED: Final = "(unnamed)"
"""The annotator of answers that name none: a value that no tool writes, unlike the number 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one annotator said of one post.

    Attributes:
        annotator: a name, e-mail address or number, as the tool gives it; `UNNAMED` where none is given.
        values: the label names as given, not yet read; more than one where the tool allowed several choices; empty
            where the annotator gave none.
        skipped: the task was cancelled, skipped or discarded: whatever stands in `values` does not count.
        final: an adjudicated answer (a ground truth): it stands above all others.
        at: when it was given (ISO 8601), where the tool says so: the later of two answers of one annotator counts.
        unsure: the annotator marked doubt, also where no label was given.
        direction: for whom the post speaks: `pro`, `contra` or `both`; None where the annotator did not say.
    """

    annotator: str
    values: tuple[str, ...]
    skipped: bool = False
    final: bool = False
    at: str | None = None
    unsure: bool = False
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A post with its answers.

    Attributes:
        file: the file as the user named it (of a zip: `export.zip/ani.jsonl`).
        row: its number in the file, from 1: the data row of a table, the line of JSON lines, the element of an array.
        id: the post's own id (a field of the data), not the tool's number of the task; None where there is none.
        text: the post; the empty string where it has no words.
        fields: everything else that is known of the post: those of `corpus.labelled.KNOWN_COLUMNS` under our names
            (context, action, platform, ...), all other columns under their own, as JSON values.
        answers: in the order of the file.
    """

    file: str
    row: int
    id: str | None
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()

    @property
    def where(self) -> str:
        """File and row, as messages name them."""
        return f"{self.file}: row {self.row:,}"


@dataclass(frozen=True)
class TaskOptions:
    """How files of annotations are to be read. None: found by the reader.

    Attributes:
        format: the tool, where the file's content shall not decide.
        text_column: where the post is.
        id_column: where the post's id is.
        context_column: where the text is that the post answers.
        label_column: where the label is: a column, or the control's name in Label Studio and the question's in Argilla.
        annotator_columns: tables with one row a post: the columns that hold one annotator's labels each.
        annotator_column: tables with one row an answer: the column that names the annotator.
        adjudicated_column: the column with the final label.
        adjudicator: the annotator whose answers are the final labels; a column of that name holds them.
        encoding: of text files.
        delimiter: of CSV and TSV files, also by name (`comma`, `tab`...).
        sheet: of XLSX files; the first by default.
        guess_annotators: columns of a table whose values are labels may be taken for annotators', whatever their names;
            otherwise only where the names say so, and no column `label` is there.
        on_bad_row: called with each row that cannot be read, and reading goes on; by default the first one raises. A
            row may be reported more than once, since files are gone through to find their columns.
    """

    format: Format = "auto"
    text_column: str | None = None
    id_column: str | None = None
    label_column: str | None = None
    annotator_columns: tuple[str, ...] = ()
    annotator_column: str | None = None
    adjudicated_column: str | None = None
    context_column: str | None = None
    adjudicator: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    guess_annotators: bool = True
    on_bad_row: OnBadRow | None = field(default=None, compare=False)

    def bad_row(self, file: str, row: int, error: Exception) -> None:
        """Report a row that cannot be read.

        Args:
            file: as the user named it.
            row: its number, from 1.
            error: what was raised for it; raised again where nobody takes bad rows.
        """
        if self.on_bad_row is None:
            raise error
        reason = str(error).removeprefix(f"{file}: ").removeprefix(f"row {row:,}").lstrip(":, ")
        self.on_bad_row(file, row, reason)
