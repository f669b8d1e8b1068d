"""Long texts: windows over sentences that fit the model, each with its place in the text and whose words it holds."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

LONGEST_AT_ONCE = 20_000
"""Characters beyond which a text is split before it is normalised, so that time and memory stay linear."""

_LONGEST_UNIT = 2_000

# A sentence ends behind its closing marks, or with its line. Possessive, and tried at the first mark of a run only:
# thousands of points in a row cost no second scan.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s)|\n++")
_SPACE = re.compile(r"\s+")
# Each alternative stops at the next opening mark or line, so that unmatched marks cost no second scan.
_QUOTATION = re.compile(r"“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»|\"[^\"\n]*\"")


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text that the model reads at once.

    Attributes:
        start: first character in the original text.
        end: one past the last.
        normalised: what the model reads.
        quoted: most of it stands in quotation marks: somebody else's words.
    """

    start: int
    end: int
    normalised: str
    quoted: bool


def split_windows(
    text: str, normalise: Callable[[str], str], count: Callable[[str], int], max_pieces: int
) -> list[Window]:
    """Split a text into windows over sentences; a sentence that is too long is split at words, a word anywhere.

    Every character that is no white space lies in exactly one window.

    Args:
        text: the original text.
        normalise: the model's normaliser.
        count: how many pieces a normalised text has.
        max_pieces: how many fit into a window.

    Returns:
        Windows in the order of the text; none for a text of white space.
    """
    quotations = Quotations(text)
    windows: list[Window] = []

    def close(start: int, end: int) -> None:
        for first, last, normalised in _fit(text, start, end, normalise, count, max_pieces):
            windows.append(Window(first, last, normalised, quotations.hold(first, last)))

    start = end = -1
    room = 0
    for first, last in split_units(text):
        pieces = max(1, count(normalise(text[first:last])))
        if start >= 0 and pieces > room:
            close(start, end)
            start = -1
        if start < 0:
            start, room = first, max_pieces
        end = last
        room -= pieces
    if start >= 0:
        close(start, end)
    return windows


def _fit(
    text: str, start: int, end: int, normalise: Callable[[str], str], count: Callable[[str], int], max_pieces: int
) -> Iterator[tuple[int, int, str]]:
    """A span, halved until each part fits."""
    waiting = [(start, end)]
    while waiting:
        first, last = _trim(text, *waiting.pop())
        if first == last:
            continue
        normalised = normalise(text[first:last])
        cut = _cut(text, first, last) if count(normalised) > max_pieces else None
        if cut is None:
            yield first, last, normalised
        else:
            waiting += [(cut, last), (first, cut)]


def split_units(text: str) -> Iterator[tuple[int, int]]:
    """The text's sentences without surrounding white space, each at most `_LONGEST_UNIT` characters."""
    start = 0
    ends = (match.end() for match in _SENTENCE_END.finditer(text))
    for sentence_end in (*ends, len(text)):
        first, last = _trim(text, start, sentence_end)
        start = sentence_end
        while last - first > _LONGEST_UNIT:
            space = text.rfind(" ", first + 1, first + _LONGEST_UNIT)
            cut = space if space > first else _whole_character(text, first, first + _LONGEST_UNIT, last)
            yield _trim(text, first, cut)
            first, _ = _trim(text, cut, last)
        if first < last:
            yield first, last


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _cut(text: str, start: int, end: int) -> int | None:
    """Where to halve a span: at the sentence end nearest to its middle, else at a space, else at a character."""
    middle = (start + end) // 2
    quarter = (end - start) // 4
    for pattern, low, high in ((_SENTENCE_END, start + quarter, end - quarter), (_SPACE, start + 1, end - 1)):
        places: list[int] = [match.end() for match in pattern.finditer(text, low, high)]
        if places:
            return min(places, key=lambda place: abs(place - middle))
    cut = _whole_character(text, start, middle, end)
    return cut if start < cut < end else None


def _whole_character(text: str, start: int, place: int, end: int) -> int:
    """The nearest place from `place` on (else before it) that does not tear an emoji or an accented letter."""
    for cut in chain(range(place, min(place + 32, end)), range(place, start, -1)):
        if cut > start and not _joined(text[cut - 1], text[cut]):
            return cut
    return place


def _joined(left: str, right: str) -> bool:
    """Whether two characters are drawn as one."""
    return (
        left == "\u200d"
        or right == "\u200d"
        or "\U0001f3fb" <= right <= "\U0001f3ff"  # skin tones
        or unicodedata.category(right) in ("Mn", "Mc", "Me")
        or all("\U0001f1e6" <= character <= "\U0001f1ff" for character in (left, right))  # flags
    )


class Quotations:
    """Where a text stands in quotation marks. A mark without a partner is ignored.

    Args:
        text: the original text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] = []
        self._ends: list[int] = []
        for match in _QUOTATION.finditer(text):
            self._starts.append(match.start())
            self._ends.append(match.end())

    def hold(self, start: int, end: int) -> bool:
        """Whether more than half of a span, white space aside, stands in quotation marks."""
        inside = 0
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self._starts) and self._starts[index] < end:
            inside += self._letters(max(start, self._starts[index]), min(end, self._ends[index]))
            index += 1
        return 2 * inside > self._letters(start, end)

    def _letters(self, start: int, end: int) -> int:
        return len(_SPACE.sub("", self._text[start:end])) if start < end else 0
