"""Posts that are plainly not Indonesian: in another script, or in a language that py3langid is sure of.

Indonesian and its regional languages stay unflagged, mixed or not, and so does an English slogan in an Indonesian post.
A text in Latin letters is called foreign only if it has at least five words and py3langid prefers one of the world's
larger languages to Indonesian, Malay, Javanese and Acehnese by far: by 2.5 times the square root of the text's length
in bytes, in log probability. A text with two common Indonesian words is not even asked about. Of 13,938 Indonesian
election posts 11 are flagged (0.1 %), nearly all of them English; of 1,000 sentences each in Indonesian, Javanese and
Sundanese (NusaX) none, in Madurese one. 42 English and 25 other foreign sentences, of the length of tweets, were all
found.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from netral_nlp.errors import MissingExtraError
from netral_nlp.text import Masks, Normaliser

LEAST_WORDS: Final = 5
LEAST_LETTERS: Final = 4
"""Fewer letters of another script may be an ornament."""

_HOME: Final = ("id", "ms", "jv", "ace")
_FOREIGN: Final = {
    "en": "English", "es": "Spanish", "pt": "Portuguese", "fr": "French", "de": "German", "nl": "Dutch",
    "it": "Italian", "tr": "Turkish", "vi": "Vietnamese", "pl": "Polish", "tl": "Tagalog", "ro": "Romanian",
    "cs": "Czech", "hu": "Hungarian", "sv": "Swedish", "da": "Danish", "no": "Norwegian", "fi": "Finnish",
}  # fmt: skip
_MARGIN: Final = 2.5
_HOME_SCRIPTS: Final = frozenset(
    {"LATIN", "JAVANESE", "BALINESE", "SUNDANESE", "BATAK", "BUGINESE", "REJANG", "MAKASAR"}
)
_COMMON: Final = re.compile(
    r"\b(?:yang|yg|dan|dengan|dgn|untuk|utk|ini|itu|tidak|tdk|gak|nggak|ngga|bukan|akan|sudah|udah|sdh|belum|saya|kami|kita"
    r"|kamu|mereka|dari|bisa|jadi|juga|karena|krn|kalau|kalo|aja|saja|lebih|orang|seperti|banyak|harus|agar|oleh|dalam|tapi"
    r"|kepada|pada|pak|bapak|ibu|nya|lagi|masih|banget|semua|satu|apa|siapa|buat|biar|mau|ada)\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
# Hashtags, laughter and doubled words are no language; names in handles and links neither.
_READER: Final = Normaliser(
    masks=Masks(handle=" ", url=" ", email=" ", phone=" ", id_number=" "), hashtags=False, reduplication=False,
    laughter=False,
)  # fmt: skip
_HASHTAG: Final = re.compile(r"[#＃]\w+")


def foreign_languages(texts: Sequence[str]) -> list[str | None]:
    """Say of each text in which language or script it is, where that is plainly none of Indonesia's.

    Args:
        texts: n posts, as posted.

    Returns:
        (n,) such as "English" or "Arabic script"; None for everything that may be Indonesian.

    Raises:
        MissingExtraError: py3langid is not installed.
    """
    try:
        import py3langid
    except ImportError:
        raise MissingExtraError("telling languages apart", "train") from None
    known: dict[str, str | None] = {}
    found = []
    for text in texts:
        if text not in known:
            known[text] = _foreign(text, py3langid.rank)
        found.append(known[text])
    return found


def _foreign(text: str, rank: Callable[[str], list[tuple[str, float]]]) -> str | None:
    if (script := _foreign_script(text)) is not None:
        return script
    if len({word.lower() for word in _COMMON.findall(text)}) > 1:
        return None
    read = _HASHTAG.sub(" ", _READER(text))
    if len(_WORD.findall(read)) < LEAST_WORDS:
        return None
    scores = dict(rank(read))
    home = max(float(scores[name]) for name in _HOME)
    name = max(_FOREIGN, key=lambda language: float(scores[language]))
    margin = (float(scores[name]) - home) / math.sqrt(len(read.encode("utf-8", "replace")))
    return _FOREIGN[name] if margin > _MARGIN else None


def _foreign_script(text: str) -> str | None:
    """The script of most letters, where it is none that Indonesia writes in."""
    if text.isascii():
        return None
    scripts = Counter(script for character in text if (script := _script(character)))
    total = scripts.total()
    if total < LEAST_LETTERS:
        return None
    abroad = {script: count for script, count in scripts.items() if script not in _HOME_SCRIPTS}
    if sum(abroad.values()) * 2 <= total:
        return None
    return f"{max(abroad, key=lambda script: abroad[script]).capitalize()} script"


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """The first word of a letter's name, which is its script; empty for what is no letter."""
    if not character.isalpha() or unicodedata.category(character) == "Lm":
        return ""
    script = unicodedata.name(character, "").partition(" ")[0]
    return {"CJK": "CHINESE", "HIRAGANA": "JAPANESE", "KATAKANA": "JAPANESE", "HANGUL": "KOREAN"}.get(script, script)
