"""How a copy of a text differs from the text that was hashed: the variants to try, cheapest first.

Files are saved by spreadsheets, crawlers and web sites that change line ends, blanks, entities, quotes and encodings.
None of these changes can be told from a copy alone, but a hash tells which variant is the text that was labelled.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from netral_nlp.corpus.mojibake import garbled, may_be_garbled, mended

AS_IS: Final = "as is"
_LONGEST_FOR_PAIRS: Final = 20_000
"""Longer cells (articles, nested JSON) take single changes only."""

_BLANKS_ON: Final = (("", " "), ("", "\n"), (" ", ""), (" ", " "), ("", "\xa0"), ("", "\r\n"))
_BLANKS_OFF: Final = (" ", "\n", "\r\n")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_ODD_BLANK: Final = re.compile("[\t\xa0\u2000-\u200a\u202f\u205f\u3000]")
_BLANK_RUN: Final = re.compile(r"\s{2,}|[^\S ]")
_ENTITY: Final = re.compile(r"&(?:amp|lt|gt|quot|#0*39|#x27|apos);")
_ENTITIES: Final = {
    "&": ["&amp;", "&amp"],
    "<": ["&lt;", "&lt"],
    ">": ["&gt;", "&gt"],
    '"': ["&quot;"],
    "'": ["&#39;", "&#x27;"],
}
_CELL_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ESCAPE: Final = re.compile(r'\\(?:[bfnrt"\\/]|u[0-9A-Fa-f]{4})')


def variants(text: str) -> Iterator[tuple[str, str]]:
    """Yield (what was done, text) for every text that this one may be a copy of.

    First the text itself, then each single change, then pairs of changes; no text comes twice.
    """
    yield AS_IS, text
    seen = {text}
    first: list[tuple[_Change, str, str]] = []
    for change in (*_TAKEN, _mojibake):
        for rung, result in change(text):
            if result not in seen:
                seen.add(result)
                first.append((change, rung, result))
                yield rung, result
    for rung, result in _put_on(text):
        if result not in seen:
            seen.add(result)
            yield rung, result
    if len(text) > _LONGEST_FOR_PAIRS:
        return
    for done, before, middle in first:
        for change in (*_TAKEN, _put_on, _mojibake_without_guess):
            if change is done or (change is _mojibake_without_guess and done is _mojibake):
                continue
            for rung, result in change(middle):
                if result not in seen:
                    seen.add(result)
                    yield f"{before} + {rung}", result


def _cell_escapes(text: str) -> Iterator[tuple[str, str]]:
    """What spreadsheets write for control characters, which some readers undo and others do not."""
    if "_x" in text:
        yield "escapes of spreadsheets", text.replace("_x000D_", "")
        yield "escapes of spreadsheets", _CELL_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    if _CONTROL.search(text):
        yield "escapes of spreadsheets", _CONTROL.sub(lambda match: f"_x{ord(match[0]):04x}_", text)
        yield "escapes of spreadsheets", _CONTROL.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def _line_ends(text: str) -> Iterator[tuple[str, str]]:
    if "\n" not in text and "\r" not in text:
        return
    if "\r" in text:
        yield "line ends", text.replace("\r\n", "\n")
        yield "line ends", text.replace("\r", "")
        yield "line ends", text.replace("\r", "_x000D_")
    lines = _LINE_END.split(text)
    for end in ("\n", "\r\n", "\r", " ", "", "\\n", "_x000D_\n"):
        yield "line ends", end.join(lines)


def _blanks(text: str) -> Iterator[tuple[str, str]]:
    if not text or (not text[0].isspace() and not text[-1].isspace() and _BLANK_RUN.search(text) is None):
        return
    for blank in _BLANKS_OFF:
        yield "blanks", text.removesuffix(blank)
        yield "blanks", text.removeprefix(blank)
    yield "blanks", text.rstrip()
    yield "blanks", text.lstrip()
    yield "blanks", text.strip()
    if _ODD_BLANK.search(text):
        yield "blanks", _ODD_BLANK.sub(" ", text)
    yield "blanks", " ".join(text.split())


def _forms(text: str) -> Iterator[tuple[str, str]]:
    if text.isascii():
        return
    for form in ("NFC", "NFD"):
        if not unicodedata.is_normalized(form, text):
            yield "Unicode form", unicodedata.normalize(form, text)


def _entities(text: str) -> Iterator[tuple[str, str]]:
    if "&" in text:
        yield "entities", html.unescape(text)
        yield "entities", _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    # Any of the five may have been escaped and the others not; "&" comes first, so that no entity is escaped again.
    results = [text]
    for character, entities in _ENTITIES.items():
        if character in text:
            results += [result.replace(character, entity) for result in results for entity in entities]
    for result in results[1:]:
        yield "entities", result


def _quotes(text: str) -> Iterator[tuple[str, str]]:
    inner = text
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        yield "quotes", inner
    if '"' in text:
        yield "quotes", text.replace('""', '"')
        yield "quotes", inner.replace('""', '"')
        yield "quotes", text.replace('"', '""')
    if text.startswith("'"):  # how spreadsheets keep a leading @, = or + from being a formula
        yield "quotes", text[1:]


def _mark(text: str) -> Iterator[tuple[str, str]]:
    if text.startswith("\ufeff"):
        yield "byte order mark", text[1:]
    elif text.startswith("ï»¿"):
        yield "byte order mark", text[3:]


def _escapes(text: str) -> Iterator[tuple[str, str]]:
    if "\\" not in text:
        return
    yield "backslashes", text.replace("\\n", "\n")
    if _ESCAPE.search(text):
        for body in (text, _LINE_END.sub(r"\\n", text).replace('"', '\\"')):
            try:
                yield "backslashes", str(json.loads(f'"{body}"', strict=False))
            except ValueError:
                continue


def _mojibake(text: str) -> Iterator[tuple[str, str]]:
    if may_be_garbled(text):
        yield from mended(text)
    yield from garbled(text)


def _mojibake_without_guess(text: str) -> Iterator[tuple[str, str]]:
    """As the second of two changes: without ftfy, which takes longer than everything else together."""
    if may_be_garbled(text):
        yield from mended(text, guess=False)
    yield from garbled(text)


def _put_on(text: str) -> Iterator[tuple[str, str]]:
    for before, after in _BLANKS_ON:
        yield "blanks", f"{before}{text}{after}"
    yield "quotes", f'"{text}"'


_Change = Callable[[str], Iterator[tuple[str, str]]]
_TAKEN: Final[tuple[_Change, ...]] = (_line_ends, _cell_escapes, _blanks, _forms, _entities, _quotes, _mark, _escapes)
