"""Small pieces of HTML that every section uses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from netral_nlp.labels import Label


def label_html(label: Label | str) -> str:
    """Return a label with its Indonesian name."""
    label = Label(label)
    return f'{label.value} <span class="soft" lang="id">({label.indonesian})</span>'


def table_html(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are HTML already, and one that starts with `<td` or `<th` brings its own tag."""
    cells = "".join(cell if cell.startswith("<th") else f"<th>{cell}</th>" for cell in head)
    lines = [f"<tr>{cells}</tr>"]
    for row in rows:
        lines.append("<tr>" + "".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in row) + "</tr>")
    return '<div class="scroll"><table>' + "\n".join(lines) + "</table></div>"


def name_cell(text: str) -> str:
    """Return a table cell with a name that may be long."""
    return f'<td class="name">{escape(text)}</td>'


def left_cell(html: str) -> str:
    """Return a table cell that is flush left."""
    return f'<td class="left">{html}</td>'


def section(identifier: str, title: str, *parts: str) -> str:
    """Return a section with a heading that can be linked to; nothing where there are no parts."""
    body = "\n".join(part for part in parts if part)
    return f'<section id="{identifier}"><h2>{title}</h2>\n{body}</section>' if body else ""


def folded(title: str, body: str, *, opened: bool = False) -> str:
    """Return a part that a reader opens."""
    return f"<details{' open' if opened else ''}><summary>{title}</summary>\n{body}</details>"


def whole(share: float) -> str:
    """Return a share as posts of a hundred; near 0 and 100 it keeps a digit, so that a risk is never rounded away."""
    if math.isnan(share):
        return "–"
    number = share * 100
    if 0 < number < 5:
        return f"{number:.1f}" if number >= 0.05 else f"{number:.1g}"
    if 99.5 <= number < 100:
        return f"{min(number, 99.9):.1f}"
    return f"{number:.0f}"
