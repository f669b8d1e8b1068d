"""Copies of a post that keep its label: another name in the same place, and the spelling of a phone keyboard.

A call to vote is a call whoever it is for. Swapping names (counterfactual data augmentation: Lu et al. 2018, "Gender
Bias in Neural Natural Language Processing"; Garg et al. 2019, "Counterfactual Fairness in Text Classification") teaches
that a candidate, a party or a ballot number is not what decides; invented names teach what to do with candidates that
nobody has heard of yet. Noise teaches that `yg`, `gk` and a missed key change nothing.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

from netral_nlp.text import Masks

_NAMES_FILE = "names.json"
_LISTS = (
    ("m", "m", False),
    ("f", "f", False),
    ("party", "party", False),
    ("invented_m", "m", True),
    ("invented_f", "f", True),
)
_NUMBER = re.compile(
    r"\b((?:nomor|nomer|nmr|no\.?|paslon|pasangan(?: calon)?|coblos|pilih|urut|capres|cagub|cabup|calon)\s+"
    r"(?:urut\s+)?)(0?)([1-5])(?![\w.,:]*\d)(?!\s*(?:putaran|periode|juta|ribu|jam|hari|orang|persen|%))",
    re.IGNORECASE,
)
_MOST = 5
"""Ballot numbers above it are rare: larger numbers are rather party lists or something else."""
_OFFICES = (
    r"presiden|wapres|wakil presiden|menteri|menhan|menko(?:polhukam)?|gubernur|wagub|wakil gubernur|bupati|wabup|"
    r"wakil bupati|wali ?kota|wawali|camat|lurah|kades|kepala desa"
)
_WORD = re.compile(r"[^\W\d_]+")
_TYPO_SHARE, _SLANG_SHARE = 0.06, 0.5
_LEAST_LETTERS = 4  # shorter words become other words


@dataclass(frozen=True)
class Figure:
    """Someone or something that posts name, with the ways of naming it.

    Attributes:
        kind: what it can be swapped with: "m" and "f" for people by gender, "party".
        forms: names in lower case, the usual one first.
        invented: nobody who stood in a contest.
    """

    kind: str
    forms: tuple[str, ...]
    invented: bool = False


class NameSwapper:
    """Puts other candidates, parties and ballot numbers in the place of those that a text names.

    Every mention of one is replaced by the same other one, also in the post that is answered; two different ones stay
    two. Whoever is named with an office (`presiden`, `bupati`) is left alone: the guide reads praise of officials in
    another way. Invented people are replaced by invented people, since a public figure may be a cue in itself.

    Args:
        figures: whom to look for and to choose from.
    """

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._of_form = {form: figure for figure in figures for form in figure.forms}
        self._by_kind: dict[str, list[Figure]] = {}
        for figure in figures:
            self._by_kind.setdefault(figure.kind, []).append(figure)
        forms = sorted(self._of_form, key=len, reverse=True)
        names = "|".join(map(re.escape, forms))
        self._pattern = re.compile(rf"(?<!\w)(partai )?({names})(?!\w)", re.IGNORECASE)
        self._in_office = re.compile(rf"(?<!\w)(?:{_OFFICES})\s+(?:ri\s+)?({names})(?!\w)", re.IGNORECASE)

    def __call__(self, texts: Sequence[str | None], chance: random.Random) -> list[str | None]:
        """Swap the names of texts that belong together.

        Args:
            texts: a post and what it answers, normalised; None stays None.
            chance: decides who stands for whom.
        """
        said = [text for text in texts if text]
        taken = {self._of_form[name.lower()] for text in said for _, name in self._pattern.findall(text)}
        officials = {self._of_form[name.lower()] for text in said for name in self._in_office.findall(text)}
        found: dict[Figure, Figure] = {figure: figure for figure in officials}

        def other(match: re.Match[str]) -> str:
            figure = self._of_form[match[2].lower()]
            if figure not in found:
                free = [
                    one
                    for one in self._by_kind[figure.kind]
                    if one not in taken and one not in found.values() and (one.invented or not figure.invented)
                ]
                found[figure] = chance.choice(free) if free else figure
            if found[figure] is figure:
                return match[0]
            # A full name is answered by a full name, a short one by a short one.
            forms = found[figure].forms
            alike = [form for form in forms if (" " in form) == (" " in match[2])] or list(forms)
            form = chance.choice(alike)
            return _in_the_case_of(match[0], form if form.startswith("partai ") else f"{match[1] or ''}{form}")

        numbers = list(range(1, _MOST + 1))
        chance.shuffle(numbers)

        def other_number(match: re.Match[str]) -> str:
            return f"{match[1]}{match[2]}{numbers[int(match[3]) - 1]}"

        return [text and _NUMBER.sub(other_number, self._pattern.sub(other, text)) for text in texts]


def add_noise(text: str, chance: random.Random, masks: frozenset[str] = frozenset()) -> str:
    """Write a text as it might be typed in haste: everyday short forms, and here and there a wrong key.

    Args:
        text: normalised; hashtag signs, numbers and emoji stay as they are.
        chance: decides where.
        masks: words that stand for what the normaliser has hidden, as `words_of_masks` gives them; they stay too.
    """
    slang = _load()[1]

    def retype(match: re.Match[str]) -> str:
        word = match[0]
        if word.lower() in masks:
            return word
        if (shorts := slang.get(word.lower())) and chance.random() < _SLANG_SHARE:
            return _in_the_case_of(word, chance.choice(shorts))
        if len(word) < _LEAST_LETTERS or chance.random() >= _TYPO_SHARE:
            return word
        at = chance.randrange(1, len(word) - 1)
        kind = chance.randrange(4)
        if kind == 0:
            return word[:at] + word[at + 1 :]
        if kind == 1:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if kind == 2:
            return word[:at] + word[at] + word[at:]
        return word[0] + "".join(letter for letter in word[1:-1] if letter.lower() not in "aiueo") + word[-1]

    return _WORD.sub(retype, text)


def words_of_masks(masks: Masks) -> frozenset[str]:
    """The words that a normaliser's masks are made of, in lower case."""
    return frozenset(word.lower() for mask in asdict(masks).values() for word in _WORD.findall(mask))


@cache
def known_figures() -> tuple[Figure, ...]:
    """The candidates and parties of `names.json`: public figures of past contests, and invented people."""
    return _load()[0]


@cache
def _load() -> tuple[tuple[Figure, ...], dict[str, list[str]]]:
    document = json.loads(resources.files(__package__).joinpath(_NAMES_FILE).read_text(encoding="utf-8"))
    figures = [Figure(kind, tuple(forms), invented) for name, kind, invented in _LISTS for forms in document[name]]
    return tuple(figures), document["slang"]


def _in_the_case_of(old: str, new: str) -> str:
    if old.isupper():
        return new.upper()
    return new.title() if old[0].isupper() else new
