"""What is wrong with single texts: blank, wordless, endless, garbled, or holding what identifies a person."""

from __future__ import annotations

import re
from typing import Final

from netral_nlp.corpus.mojibake import is_garbled
from netral_nlp.text import Masks, Normaliser

LONGEST: Final = 500
"""Characters that a model reads at once, about: 128 tokens of Indonesian posts, 4 characters each. Training sees no
more of a post; scoring reads on in windows."""

_ENTITY: Final = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|hellip|#\d{2,6}|#[xX][0-9a-fA-F]{2,6});")
_REPLACEMENT: Final = "\ufffd"
_NORMALISER: Final = Normaliser()

# Each mark stands for what was found there; the order of the rules (links before numbers) is the normaliser's.
_EMAIL, _PHONE, _ID = "\ue000", "\ue001", "\ue002"
_SPY: Final = Normaliser(
    lookalikes=False, hashtags=False, reduplication=False, repeated_letters=False, repeated_punctuation=False,
    laughter=False, emoji="keep", lowercase=False,
    masks=Masks(handle=" ", url=" ", email=_EMAIL, phone=_PHONE, id_number=_ID),
)  # fmt: skip
_MARKS: Final = str.maketrans(dict.fromkeys((_EMAIL, _PHONE, _ID), " "))
_DIGITS: Final = re.compile(r"\d(?:\D{0,2}\d){6}")
_ACCOUNT: Final = re.compile(
    r"(?i:\b(?:no\.?\s?rek(?:ening)?|rek(?:ening)?|bca|bni|bri|btn|bsi|mandiri|cimb|permata|jago|seabank)\b)"
    r"[\s.:,-]*(?:(?i:no(?:mor|mer)?|a/?n|bank|bca|bni|bri|btn|bsi|mandiri)[\s.:,-]*){0,3}"
    r"(?<!\d)\d(?:[ .-]?\d){7,15}(?!\d)"
)


def has_words(comparable: str) -> bool:
    """Whether anything is left to read once links, handles and numbers to call are taken out.

    Args:
        comparable: the text as `same_posts.comparable` gives it.
    """
    return _NORMALISER.has_words(comparable)


def garbled(text: str) -> str | None:
    """Say why a text looks garbled; None if it does not."""
    if text.isascii():
        return None
    if lost := text.count(_REPLACEMENT):
        return f"{lost:,} replacement {'character' if lost == 1 else 'characters'} (U+FFFD): read in a wrong encoding"
    return "read in a wrong encoding (mojibake)" if is_garbled(text) else None


def entities(text: str) -> int:
    """How many HTML entities were left in a text; the normaliser reads them."""
    return len(_ENTITY.findall(text)) if "&" in text else 0


def personal_data(text: str) -> tuple[str, ...]:
    """Name the kinds of personal data in a text: what the normaliser masks, and bank accounts.

    Returns:
        Of `e-mail address`, `phone number`, `id number` (NIK or family card of 16 digits, NIP of 18) and `bank
        account`, those that occur. Handles are not among them: nearly every post has one.
    """
    if not ("@" in text or _DIGITS.search(text)):
        return ()
    text = text.translate(_MARKS)
    account = _ACCOUNT.search(text)
    seen = _SPY(text if account is None else _ACCOUNT.sub(" ", text))
    marks = {"e-mail address": _EMAIL, "phone number": _PHONE, "id number": _ID}
    found = [name for name, mark in marks.items() if mark in seen]
    return (*found, *(["bank account"] if account is not None else []))
