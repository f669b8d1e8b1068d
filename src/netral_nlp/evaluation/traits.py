"""What kind of post it is, read off its text: length, script, regional words, whom it names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from netral_nlp.evaluation.suite_data import Name, Names
from netral_nlp.text import EMOJI

if TYPE_CHECKING:
    import pandas as pd

LENGTHS = ((5, "1 to 5 words"), (15, "6 to 15 words"), (30, "16 to 30 words"), (60, "31 to 60 words"))
LONGER = "over 60 words"
NO_WORDS = "no words"

TRAITS = ("length", "context", "script", "language", "candidate", "party")
"""Cuts that every set of posts can be sliced by, whatever its columns."""

# Words that Indonesian does not have or hardly uses, frequent in posts of the language.
REGIONAL_WORDS: Mapping[str, frozenset[str]] = {
    "Javanese": frozenset(
        (
            "ojo ora opo sopo karo wae wong iki kuwi piye kowe ono durung nek yen rek mung iso arep mugi nggih "
            "matur nuwun monggo sampeyan panjenengan dulur sedulur lur ngono ngene tenan apik bocah kabeh saiki "
            "mbok milih njih pancen rungokno gawe wayahe sing kudu"
        ).split()
    ),
    "Sundanese": frozenset(
        (
            "mah teh atuh euy abdi maneh kuring anjeun naon kumaha saha teu henteu moal entong ulah hayu geura "
            "sadayana sararea pisan jeung sareng keur keneh geus bade nuhun hatur punten teteh lembur milih boga "
            "gede hade sae bageur"
        ).split()
    ),
    "Betawi": frozenset("kagak ogah none enyak babeh ape kite aje ente gimane mane ade nyang kudu buset".split()),
    "Minang": frozenset("indak ambo uda ajo sanak kito baa lai urang rang nagari awak ko ndak tu jo".split()),
    "Batak": frozenset("horas lae ito amang inang hita hamu boha jala molo tondi godang".split()),
    "Bugis-Makassar": frozenset("ewako tawwa kodong iyye sallo daeng bede mi ji kasi sa ki".split()),
    "Banjar": frozenset("ulun pian kada kadada banar haja gasan hakun kawa bubuhan dangsanak".split()),
    "Balinese": frozenset("tiang titiang sane sampun nenten ngiring semeton rahajeng suksma ring tityang".split()),
    "Madurese": frozenset("engkok sengko ampon kaule sakalangkong taretan tretan bannya lakonah settong kabbi".split()),
    "Manado and eastern Malay": frozenset(
        (
            "torang kitorang katong dorang ngoni ngana nyanda seng beta ose basodara tra trada mari bae skali pe tong"
        ).split()
    ),
}
NO_VALUES = frozenset({"text", "context", "id"})
"""Columns that hold posts, not kinds of posts: nothing is cut by them, and no figure may carry their cells."""

_LEAST_WORDS = 2
_WORD = re.compile(r"[^\W\d_]+")
_LINK_OR_HANDLE = re.compile(r"(?:https?://|www\.)\S+|@\w[\w.]*")
_HASHTAG = re.compile(r"#\w+")


def cuts(posts: pd.DataFrame, columns: Sequence[str], names: Names | None) -> dict[str, dict[str, list[int]]]:
    """Return which rows belong to each part, by cut: those of `TRAITS` and the posts' own columns.

    A post that names two candidates belongs to both; one that names none belongs to no part of that cut.

    Args:
        posts: as `read_labelled` returns them.
        columns: of the posts to cut by; those that the posts lack are left out.
        names: whom to look for; None cuts by no name.

    Returns:
        Cut -> value -> row numbers in rising order. Neutral posts take no direction: they are no part of it.
    """
    texts = [text or "" for text in posts["text"].tolist()]
    contexts = posts["context"].tolist() if "context" in posts else [None] * len(texts)
    found: dict[str, dict[str, list[int]]] = {
        "length": _group([length_of(text) for text in texts]),
        "context": _group(["with context" if context else "without context" for context in contexts]),
        "script": _group([script_of(text) for text in texts]),
        "language": _group([language_of(text) for text in texts]),
    }
    if names is not None:
        read = [f"{text} {context}" if context else text for text, context in zip(texts, contexts, strict=True)]
        found["candidate"] = naming(read, names.candidates)
        found["party"] = naming(read, names.parties)
    for column in dict.fromkeys(columns):
        if column in posts and column not in NO_VALUES:
            values = posts[column].tolist()
            stated = "(not stated)" if column != "direction" else None
            found[column if column not in TRAITS else f"{column} (column)"] = _group(
                [stated if value is None else str(value) for value in values]
            )
    return found


def naming(texts: Sequence[str], names: Sequence[Name]) -> dict[str, list[int]]:
    """Return the rows of the texts that mention each name's group; a group that nobody mentions is left out."""
    rows: dict[str, list[int]] = {}
    for name in names:
        if name.pattern is None:
            continue
        named = [row for row, text in enumerate(texts) if name.pattern.search(text)]
        if named:
            rows[name.group] = sorted({*rows.get(name.group, ()), *named})
    return rows


def length_of(text: str) -> str:
    """Return a post's length band in words; links and handles are none."""
    words = len(_words(text))
    if not words:
        return NO_WORDS
    return next((band for most, band in LENGTHS if words <= most), LONGER)


def script_of(text: str) -> str:
    """Say whether a post has words, or nothing but emoji and hashtags."""
    bare = _LINK_OR_HANDLE.sub(" ", text)
    if _WORD.search(_HASHTAG.sub(" ", bare)):
        return "words"
    if _HASHTAG.search(bare):
        return "hashtags only"
    return "emoji only" if EMOJI.search(bare) else "no words, emoji or hashtags"


def language_of(text: str) -> str:
    """Say which regional language is mixed in: the one with most marker words, from two different ones on.

    A rough mark from word lists, good for slices and for nothing else.
    """
    words = set(_words(text))
    counts = Counter({language: len(words & markers) for language, markers in REGIONAL_WORDS.items()})
    language, most = counts.most_common(1)[0]
    return f"mixed with {language}" if most >= _LEAST_WORDS else "Indonesian"


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_HASHTAG.sub(" ", _LINK_OR_HANDLE.sub(" ", text)))]


def _group(values: Sequence[str | None]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None:
            groups.setdefault(value, []).append(row)
    return groups
