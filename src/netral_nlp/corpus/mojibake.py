"""Texts that were read in the wrong encoding ("mojibake"): told, and mended in every way that a hash can confirm.

UTF-8 bytes that a program took for Windows-1252, Latin-1 or Mac Roman give two to four odd characters for each that is
not ASCII, and each further wrong turn multiplies them. Public files hold texts that were mended only in parts, because
a byte was lost on the way (a no-break space that became a plain one): there are several ways to mend, not one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import ftfy
from ftfy.badness import is_bad

MOST_PASSES: Final = 3
"""How often a text may have been garbled; public files with three passes exist."""


def _decoded(byte: int, codec: str) -> str:
    """The characters that stand for a byte in an encoding, those of its gaps as Latin-1 has them."""
    try:
        return bytes([byte]).decode(codec)
    except UnicodeDecodeError:
        return chr(byte)


_WINDOWS: Final = {byte: _decoded(byte, "windows-1252") for byte in range(128, 256)}
_MAC: Final = {byte: _decoded(byte, "mac-roman") for byte in range(128, 256)}
# Windows-1252 has its extra characters where Latin-1 has control characters: one table reads both, also when mixed.
_WINDOWS_BYTES: Final = {ord(character): chr(byte) for byte, character in _WINDOWS.items() if ord(character) > 255}
_MAC_BYTES: Final = {ord(character): chr(byte) for byte, character in _MAC.items()}


def _class(table: dict[int, str], first: int, last: int, *, latin: bool) -> str:
    characters = {table[byte] for byte in range(first, last + 1)}
    if latin:
        characters |= {chr(byte) for byte in range(first, last + 1)}
    return "[" + re.escape("".join(sorted(characters))) + "]"


def _sequences(table: dict[int, str], *, latin: bool) -> str:
    """A pattern of the UTF-8 sequences of two to four bytes, each byte as the character that it was taken for."""
    tail = _class(table, 0x80, 0xBF, latin=latin)
    heads = [_class(table, low, high, latin=latin) for low, high in ((0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4))]
    return "|".join(f"{head}{tail}{{{length}}}" for length, head in enumerate(heads, start=1))


_SEQUENCE: Final = re.compile(_sequences(_WINDOWS, latin=True))
_ANY_SEQUENCE: Final = re.compile(_sequences(_WINDOWS, latin=True) + "|" + _sequences(_MAC, latin=False))
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_BYTE_LIKE: Final = re.compile(_class(_WINDOWS, 0x80, 0xFF, latin=True) + "+")


def is_garbled(text: str) -> bool:
    """Whether a text looks garbled. Cheap for plain texts: ASCII is told at once.

    The judgement is that of `ftfy.badness`: characters that hardly ever stand beside each other.
    """
    return not text.isascii() and is_bad(text)


def may_be_garbled(text: str) -> bool:
    """Whether anything in a text could be a garbled character: as cheap as can be, with false alarms, missing none."""
    return not text.isascii() and _ANY_SEQUENCE.search(text) is not None


def mended(text: str, *, guess: bool = True) -> Iterator[tuple[str, str]]:
    """Yield (what was done, mended text) for each way to mend a text, the commonest first.

    A way that changes nothing yields nothing; two ways may yield the same text. Each further pass mends the result of
    the one before it, since each stage may be the one that somebody else stopped at:

    - by runs of characters that are not ASCII: a run becomes what its bytes say as UTF-8, or stays as it is. Where the
      whole text is garbled this mends the whole text;
    - by single sequences, so that a run with a lost byte is mended around the loss;
    - as Mac Roman, by runs;
    - with `guess`, as `ftfy.fix_encoding` does, which also guesses lost no-break spaces. It takes longer than the rest.
    """
    ways: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("mojibake", _by_runs),
        ("mojibake in parts", _by_byte_runs),
        ("mojibake in parts", _by_sequences),
        ("mojibake of Mac Roman", _by_mac_runs),
    )
    for name, way in ways:
        result = text
        for number in range(1, MOST_PASSES + 1):
            before, result = result, way(result)
            if result == before:
                break
            yield (name if number == 1 else f"{name}, {number} passes"), result
    repaired = ftfy.fix_encoding(text) if guess else text
    if repaired != text:
        yield "mojibake as ftfy mends it", repaired


def garbled(text: str) -> Iterator[tuple[str, str]]:
    """Yield (what was done, text) for each way to garble a text once: the public file is garbled, the copy is not."""
    if text.isascii():
        return
    data = text.encode("utf-8", "surrogatepass").decode("latin-1")
    yield "garbled as in the public file", data.translate(_windows_characters())
    yield "garbled as in the public file", data
    yield "garbled as in the public file", data.translate(_MAC)


@cache
def _windows_characters() -> dict[int, str]:
    return {byte: character for byte, character in _WINDOWS.items() if ord(character) > 255}


def _utf8(run: str, table: dict[int, str]) -> str:
    """What a run says if its characters are taken for bytes of UTF-8; the run itself if they are none."""
    try:
        return run.translate(table).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return run


def _by_runs(text: str) -> str:
    return _NOT_ASCII.sub(lambda match: _utf8(match[0], _WINDOWS_BYTES), text)


def _by_byte_runs(text: str) -> str:
    return _BYTE_LIKE.sub(lambda match: _utf8(match[0], _WINDOWS_BYTES), text)


def _by_sequences(text: str) -> str:
    return _SEQUENCE.sub(lambda match: _utf8(match[0], _WINDOWS_BYTES), text)


def _by_mac_runs(text: str) -> str:
    # A character that is also Latin-1's must not be taken for that byte: only Mac Roman's characters are translated.
    return _NOT_ASCII.sub(
        lambda match: _utf8(match[0], _MAC_BYTES) if all(ord(c) in _MAC_BYTES for c in match[0]) else match[0], text
    )
