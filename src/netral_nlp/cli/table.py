"""The first rows of a labelled file as a plain table for the terminal."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from netral_nlp.labels import Label


def first_rows(path: Path, text_column: str | None, count: int) -> str:
    """Lay out the first rows of a scored file: label (also in Indonesian), its probability, review mark, text.

    Args:
        path: A file that `netral score` wrote.
        text_column: The column with the posts; found by its name where None.
        count: How many rows.
    """
    from netral_nlp.formats import guess_columns, open_posts

    shown: list[tuple[str, ...]] = []
    with open_posts(path) as reader:
        text_column = text_column or guess_columns(reader.columns, reader.export).text or reader.columns[0]
        for batch in reader.batches():
            columns = (text_column, "label", "needs_review", *(f"p_{label.value}" for label in Label))
            rows = zip(*(batch.strings(name) for name in columns), strict=True)
            for text, name, review, *probabilities in islice(rows, count - len(shown)):
                label = Label(str(name))
                probability = float(probabilities[label.severity] or 0.0)
                mark = "review" if str(review).lower() == "true" else ""
                shown.append((f"{label.value} ({label.indonesian})", f"{probability:.2f}", mark, text or "(no text)"))
            if len(shown) >= count:
                break
    return lay_out(("label", "p", "", "post"), shown)


def lay_out(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns; the last one takes what is left of the terminal's width and is cut with an ellipsis."""
    fixed = [max(map(width, column)) for column in zip(*(row[:-1] for row in (header, *rows)), strict=True)]
    room = max(20, shutil.get_terminal_size((120, 24)).columns - sum(fixed) - 2 * len(fixed))
    lines = []
    for row in (header, *rows):
        cells = [cell + " " * (size - width(cell)) for cell, size in zip(row[:-1], fixed, strict=True)]
        lines.append("  ".join([*cells, shorten(row[-1], room)]).rstrip())
    lines.insert(1, "  ".join(["-" * size for size in fixed] + ["-" * min(room, 40)]))
    return "\n".join(lines)


def width(text: str) -> int:
    """Columns that a text takes in a terminal: emoji and East Asian wide letters take two, marks none."""
    return sum(
        0
        if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def shorten(text: str, room: int) -> str:
    """A text on one line, cut to a number of terminal columns with an ellipsis where something is left out."""
    line = " ".join(text[: 4 * room].split())
    line = "".join(character for character in line if unicodedata.category(character) != "Cc")
    if len(text) <= 4 * room and width(line) <= room:
        return line
    while line and width(line) > room - 1:
        line = line[:-1]
    return line.rstrip() + "…"
