"""Which encoding a text file is in, decided from its first bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netral_nlp.errors import InputError
from netral_nlp.formats.source import what_it_is

SAMPLE_BYTES: Final = 4 * 1024 * 1024
"""How much of a file's start (decompressed) the encoding and the delimiter are found from."""

_BOMS: Final = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32"),
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16"),
)
_FALLBACK: Final = "windows-1252"
# Bytes that Windows-1252 leaves undefined, and letters (eth, thorn, y with diaeresis) that no Indonesian text has.
_NOT_1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d\xd0\xde\xf0\xfe\xff]")
_HIGH: Final = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True)
class TextEncoding:
    """How the bytes of a text file become text.

    Attributes:
        name: what the user is told (`utf-8`, `utf-8-sig`, `utf-16`, `windows-1252` ...).
        codec: the codec for the bytes behind the mark.
        bom: size of the byte order mark at the file's start.
        width: bytes of the smallest character: 1, 2 or 4.
    """

    name: str
    codec: str
    bom: int
    width: int

    def encode(self, text: str) -> bytes:
        """The bytes of a text, without a mark."""
        return text.encode(self.codec)


def find_encoding(path: Path, sample: bytes, asked: str | None, *, fallback: bool) -> TextEncoding:
    """Find a file's encoding, or check the one that was asked for.

    UTF-8 is taken if the sample is UTF-8, also if a few bytes are not (their rows are rejected later). A byte order
    mark decides for UTF-8, UTF-16 or UTF-32. Otherwise, with `fallback`, Windows-1252.

    Args:
        path: named in errors.
        sample: the file's first bytes, decompressed; at most `SAMPLE_BYTES`.
        asked: the user's choice, any text encoding of Python; None to find it.
        fallback: whether Windows-1252 may be the answer.

    Raises:
        InputError: the encoding that was asked for is unknown or unfit, or the file is not text.
    """
    if asked is not None:
        return _named(path, sample, asked)
    for bom, codec, name in _BOMS:
        if sample.startswith(bom):
            return TextEncoding(name, codec, len(bom), _width(codec))
    what = what_it_is(sample)
    if what is not None:
        raise InputError(f"{path}: is {what}")
    utf8 = TextEncoding("utf-8", "utf-8", 0, 1)
    header = sample.lstrip(b"\r\n").split(b"\n", 1)[0].split(b"\r", 1)[0]
    if header.count(b"\0") * 4 >= max(len(header), 1):
        guess = "utf-16-be" if sample.startswith(b"\0") else "utf-16-le"
        raise InputError(
            f"{path}: is not text in UTF-8, UTF-16 with a byte order mark or Windows-1252 (its first line is full of "
            f"NUL bytes); name the encoding with --encoding (try {guess}), or export it again as UTF-8"
        )
    good, bad = _count_utf8(sample)
    if bad == 0 or good > bad:
        return utf8
    is_text = re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", header) is None
    if fallback and is_text and len(_NOT_1252.findall(sample)) * 2 < len(_HIGH.findall(sample)):
        return TextEncoding(_FALLBACK, _FALLBACK, 0, 1)
    # A few broken lines in plain ASCII: their rows are rejected, the file is read.
    lines = sample.split(b"\n")
    broken = sum(_HIGH.search(line) is not None for line in lines)
    if is_text and broken * 2 <= len(lines) and not (fallback and _count_utf8(header)[1]):
        return utf8
    choices = "UTF-8, UTF-16 with a byte order mark or Windows-1252" if fallback else "UTF-8"
    raise InputError(
        f"{path}: is not text in {choices}; name its encoding with --encoding, or export it again as UTF-8"
    )


def _count_utf8(sample: bytes) -> tuple[int, int]:
    """How many non-ASCII characters are good UTF-8, and how many pieces are not (a cut at the end is not counted)."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        text = sample.decode("utf-8", "replace")
        high = sum(map(len, re.findall(r"[^\x00-\x7f]+", text)))
        genuine = sample.count("�".encode())
        bad = text.count("�") - genuine
        return high - bad, bad
    return sum(map(len, re.findall(r"[^\x00-\x7f]+", text))), 0


def _width(codec: str) -> int:
    return {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}.get(codec, 1)


# Names under which Unicode encodings are asked for -> the codec behind the byte order mark.
_UNICODE: Final = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16-le",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32": "utf-32-le",
    "utf-32-le": "utf-32-le",
    "utf-32-be": "utf-32-be",
}
_NOT_BY_LINE: Final = ("utf-7", "hz", "punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined")


def _named(path: Path, sample: bytes, asked: str) -> TextEncoding:
    try:
        name = codecs.lookup(asked.strip()).name
    except (LookupError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(
            f"{path}: unknown encoding {asked!r}; use a name such as utf-8, utf-16, windows-1252 or latin-1"
        ) from error
    if name in _UNICODE:
        codec = _UNICODE[name]
        marked = next(((mark, real) for mark, real, _ in _BOMS if sample.startswith(mark)), None)
        if marked is not None and marked[1] != codec and name in ("utf-16", "utf-32") and name in marked[1]:
            codec = marked[1]
        bom = len(marked[0]) if marked is not None and marked[1] == codec else 0
        return TextEncoding(name, codec, bom, _width(codec))
    ascii_bytes = bytes(range(128))
    try:
        by_line = ascii_bytes.decode(name) == ascii_bytes.decode("ascii") and name not in _NOT_BY_LINE
    except (LookupError, ValueError):
        by_line = False
    if not by_line:
        raise InputError(f"{path}: the encoding {asked!r} cannot be read line by line; convert the file to UTF-8")
    return TextEncoding(name, name, 0, 1)
