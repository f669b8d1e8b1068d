"""`netral score --dry-run`: what a run would do, for people."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netral_nlp.cli.table import shorten

if TYPE_CHECKING:
    from netral_nlp.scoring.preview import InputPreview, Preview
    from netral_nlp.scoring.request import ScoreRequest

_ROOM = 100
_SHOWN_COLUMNS = 40
_JOINER = "\u200d"  # inside emoji; shown as it is
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def dry_run(request: ScoreRequest, *, as_json: bool) -> int:
    """Print what a run would do, and return the exit code.

    Raises:
        NetralError: the run would end with an error before it starts.
    """
    from netral_nlp.scoring.preview import preview

    found = preview(request)
    print(json.dumps(found.to_dict(), ensure_ascii=False) if as_json else "\n".join(_lines(found)))
    return 0


def visible(text: str) -> str:
    r"""A text with what cannot be seen spelled out: `\n`, `\u202e`."""
    return "".join(
        _SHORT.get(character) or _spelled(character)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character != _JOINER
        else character
        for character in text
    )


def _spelled(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"


def _lines(found: Preview) -> Iterator[str]:
    for item in found.inputs:
        yield from _input_lines(item)
        yield ""
    yield f"would write {visible(found.output)} ({found.output_format})" + (
        "; it exists" if found.output_exists else ""
    )
    if found.in_the_way is not None:
        yield f"  would be refused: {visible(found.in_the_way)}"
    yield f"  columns    {_listed(found.columns)}"
    for name, new in found.renamed.items():
        yield f"  renamed    {_named(name)} is kept as {_named(new)}"
    if any(item.format.startswith("json") for item in found.inputs):
        yield "  later rows of JSON lines may bring more columns"
    yield f"model        {found.model}, {found.backend}, temperature {found.temperature:.3g}"
    yield "  review     below " + ", ".join(f"{label} {at:.3g}" for label, at in found.review_below.items())
    yield from _time_lines(found)
    yield "nothing was written"


def _input_lines(item: InputPreview) -> Iterator[str]:
    facts = [item.format, f"{item.bytes:,} bytes"]
    if item.encoding is not None:
        facts.append(item.encoding)
    if item.delimiter is not None:
        facts.append(f"delimiter {item.delimiter!r}")
    if item.format == "xlsx":
        facts.append("the first sheet" if item.sheet is None else f"sheet {item.sheet!r}")
    yield f"{visible(item.path)}: {', '.join(facts)}"
    if item.other_sheets:
        yield f"  not read   sheets {', '.join(map(repr, item.other_sheets))}; name one with --sheet"
    if item.export is not None:
        yield f"  export     {item.export}"
    yield f"  rows       {_count(item.rows, item.rows_known)}"
    if item.rejects:
        yield f"  rejects    {item.rejects:,} of the first {item.looked_at:,} rows cannot be read"
    yield f"  columns    {_listed(item.columns)}"
    for part, name in item.parts.items():
        yield f"  {part:<10} " + ("no column" if name is None else f"column {_named(name)}")
    for name in item.missing:
        yield f"  missing    it has no column {_named(name)}"
    for note in item.notes:
        yield f"  note       {visible(note)}"
    for row in item.first:
        yield f"  row {row.number}"
        for part, value in (("text", row.text), ("context", row.context), ("action", row.action), ("id", row.id)):
            if item.parts[part] is not None:
                yield f"    {part:<8} {'(empty)' if not value else shorten(visible(value[: 4 * _ROOM]), _ROOM)}"


def _time_lines(found: Preview) -> Iterator[str]:
    if found.seconds is None:
        yield "time         nothing to measure: too few good rows at the start of the first input"
        return
    rate = found.sample_rows / found.sample_seconds if found.sample_seconds else 0.0
    yield f"time         about {_duration(found.seconds)} for {_count(found.rows, found.rows_known)} rows: an ESTIMATE"
    yield (
        f"             measured on the first {found.sample_rows:,} rows of the first input ({rate:,.0f} rows/s in this "
        "process); reading, writing and repeated posts are not in it"
    )


def _count(rows: int, known: bool) -> str:
    return f"{rows:,}" if known else f"about {rows:,} (estimated by bytes)"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 0.1):,.1f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_COLUMNS:,} more" if len(names) > _SHOWN_COLUMNS else ""
    return ", ".join(map(_named, names[:_SHOWN_COLUMNS])) + more


def _named(name: str) -> str:
    return shorten(visible(name), _ROOM) or "''"
