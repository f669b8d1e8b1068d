"""What a post consists of: words, hashtags, emoji, links, account names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from netral_nlp.inference.windows import LONGEST_AT_ONCE, split_units
from netral_nlp.text import EMOJI, Masks, Normaliser

EMPTY, WORDS = "empty", "words"
KINDS = (WORDS, "hashtags only", "emoji only", "no words, hashtags or emoji", EMPTY)
"""What a post consists of; exactly one of them holds. Links, account names and numbers are no words."""

# Noncharacters: no text holds them, and they belong to no word.
_HANDLE, _LINK, _HIDDEN = "\ufdd0", "\ufdd1", "\ufdd2"
_MASKED = replace(
    Normaliser.named("none"),
    emails="mask",
    urls="mask",
    handles="mask",
    phones="mask",
    id_numbers="mask",
    masks=Masks(handle=_HANDLE, url=_LINK, email=_HIDDEN, phone=_HIDDEN, id_number=_HIDDEN),
)
"""What the models' normaliser takes for a link or an account name, and no other rule."""
_READABLE = replace(
    _MASKED,
    masks=Masks(handle="@…", url="[link]", email="[e-mail]", phone="[number]", id_number="[number]"),
)
_HASHTAG = re.compile(r"(?<![\w&/])[#＃]\w+")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Traits:
    """What one post consists of.

    Attributes:
        kind: one of `KINDS`.
        words: its words in lower case; links, account names, hashtags and numbers are none.
        hashtags: its hashtags in lower case.
        links: whether it has links.
        handles: whether it names accounts (`@...`).
        emoji: whether it has emoji.
    """

    kind: str
    words: tuple[str, ...]
    hashtags: tuple[str, ...]
    links: bool
    handles: bool
    emoji: bool


def traits_of(text: str) -> Traits:
    """Say what a post consists of."""
    if not text.strip():
        return Traits(EMPTY, (), (), False, False, False)
    parts = [text] if len(text) <= LONGEST_AT_ONCE else [text[start:end] for start, end in split_units(text)]
    masked = " ".join(map(_MASKED, parts))
    hashtags = (
        tuple(tag.lower().replace("＃", "#") for tag in _HASHTAG.findall(masked))
        if "#" in masked or "＃" in masked
        else ()
    )
    words = tuple(_WORD.findall((_HASHTAG.sub(" ", masked) if hashtags else masked).lower()))
    emoji = not masked.isascii() and EMOJI.search(masked) is not None
    kind = KINDS[0] if words else KINDS[1] if hashtags else KINDS[2] if emoji else KINDS[3]
    return Traits(kind, words, hashtags, _LINK in masked, _HANDLE in masked, emoji)


def without_accounts(value: str) -> str:
    """Return a column's value without links, account names, e-mail addresses, phone and identity numbers."""
    return _READABLE(value)
