"""Where the behaviour suites lie, and the balanced lists of names beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import netral_nlp
from netral_nlp.errors import InputError

NAMES_FILE = "names.json"


def suites_folder() -> Path:
    """Return the folder of the shipped suites: inside the wheel, or `data/suites` of a source checkout.

    Raises:
        InputError: the suites are not installed.
    """
    package = Path(netral_nlp.__file__).resolve().parent
    for folder in (package.parent.parent / "data" / "suites", package / "suites"):
        if (folder / NAMES_FILE).is_file():
            return folder
    raise InputError("the behaviour suites are not installed; reinstall netral-nlp, or name a folder with --suites")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a JSON lines file of objects.

    Raises:
        InputError: it cannot be read, or a line is no JSON object; the message names file and line.
    """
    try:
        # Not splitlines: a JSON string may hold U+2028 and the like as they are.
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise InputError(f"{path}: line {number} is no JSON object")
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Name:
    """One entry of a list of names.

    Attributes:
        name: as it is filled into templates.
        group: what it counts for: itself, or what it is a mark of (a religion).
        mentions: regular expressions of how posts write it; empty where posts are not searched for it.
    """

    name: str
    group: str
    mentions: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """The mentions as one expression of whole words; those with a capital letter mind the case."""
        return whole_words(self.mentions)


@dataclass(frozen=True)
class Names:
    """The lists of `names.json`.

    Attributes:
        candidates: public figures who stood in elections, from all sides.
        parties: the national parties of 2024.
        regions: provinces, regencies and cities from west to east.
        persons: invented full names; the group is the religion that a reader takes them for.
        genders: invented candidates; the group is the gender that the name is taken for.
        religion_marks: how posts mention names and titles that mark a religion, by religion.
        numbers: of the ballot.
    """

    candidates: tuple[Name, ...]
    parties: tuple[Name, ...]
    regions: tuple[Name, ...]
    persons: tuple[Name, ...]
    genders: tuple[Name, ...]
    religion_marks: tuple[Name, ...]
    numbers: tuple[Name, ...] = tuple(Name(str(number), str(number)) for number in range(1, 5))


def whole_words(mentions: Iterable[str]) -> re.Pattern[str] | None:
    """Return one expression that finds any of the mentions as whole words; None of none.

    A mention with a capital letter minds the case (PAN is a party, pan is a pan).
    """
    exact: list[str] = []
    folded: list[str] = []
    for mention in mentions:
        plain = re.sub(r"\\.", "", mention)
        (exact if plain != plain.lower() else folded).append(mention)
    parts = [f"(?i:{'|'.join(folded)})"] if folded else []
    parts += exact
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)") if parts else None


def read_names(folder: Path | None = None) -> Names:
    """Read the lists of names.

    Args:
        folder: with `names.json`; None for the shipped one.

    Raises:
        InputError: the file cannot be read or lacks a list.
    """
    path = (folder or suites_folder()) / NAMES_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise InputError(f"{path}: is not valid JSON") from None
    try:
        names = Names(
            candidates=_own(document["public_figures"]),
            parties=_own(document["parties"]),
            regions=_own(document["regions"]),
            persons=tuple(Name(entry["name"], entry["religion"]) for entry in document["persons"]),
            genders=tuple(
                Name(entry["name"], {"f": "female", "m": "male"}[entry["gender"]]) for entry in document["candidates"]
            ),
            religion_marks=tuple(
                Name(religion, religion, _mentions(marks)) for religion, marks in document["religion_marks"].items()
            ),
        )
        for name in (*names.candidates, *names.parties, *names.regions, *names.religion_marks):
            try:
                _ = name.pattern
            except re.error as error:
                raise InputError(f"{path}: a mention of {name.name!r} is no regular expression ({error})") from None
        return names
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: a list or field is missing or of the wrong kind ({error})") from None


def _own(entries: Iterable[Mapping[str, Any]]) -> tuple[Name, ...]:
    """Names that each stand for themselves."""
    return tuple(Name(entry["name"], entry["name"], _mentions(entry["mentions"])) for entry in entries)


def _mentions(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(mention, str) for mention in given):
        raise TypeError("mentions are a list of regular expressions")
    return tuple(given)
