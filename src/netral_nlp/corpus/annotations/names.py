"""What annotators' label names mean: our labels under the names that an annotation project gave them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS, Label

SKIP_WORDS: Final = frozenset({"skip", "skipped", "lewati", "dilewati", "x"})
"""Answers that say: this post takes no label."""

_BY_NAME: Final = {name: label for label in LABELS for name in (label.value, label.indonesian)}
_WORD: Final = re.compile(r"[^\W\d_]+")
# A mark that doubts or denies the name beside it: such an answer is not ours to read.
_DOUBT: Final = re.compile("[?!~=<>≠¬❌❎✖✗✘🚫⛔👎]")
_SEVERAL: Final = re.compile(r"[#;|,]")
_LONGEST_SHOWN: Final = 32
_LISTED: Final = 12
_CACHED: Final = 100_000


class NoLabel(Enum):
    """What a value is that reads as no label."""

    BLANK = "blank"
    SKIP = "skip"
    UNKNOWN = "unknown"


Reading = Label | tuple[Label, ...] | NoLabel
"""A label; several different ones; or none."""


@dataclass
class _Unknown:
    where: str
    count: int = 0


@dataclass
class LabelNames:
    """Reads label names, and remembers those that it cannot read.

    Attributes:
        label_map: names of the project -> a label's name, or None for a post that takes no label. Case and surrounding
            blanks do not count. It stands above the names that are known anyway.

    Raises:
        InputError: the map leads to something that is no label.
    """

    label_map: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._map: dict[str, Label | None] = {}
        self._cache: dict[str, Reading] = {}
        self._unknown: dict[str, _Unknown] = {}
        for name, target in self.label_map.items():
            self._map[_key(name)] = None if target is None or not target.strip() else Label.parse(target)

    def read(self, value: str) -> Reading:
        """Read one value: a label, several where the value joins different ones, or none."""
        found = self._cache.get(value)
        if found is None:
            found = self._read(value)
            if len(self._cache) < _CACHED:  # a column of posts must not fill the memory
                self._cache[value] = found
        return found

    def _read(self, value: str) -> Reading:
        key = _key(value)
        if not key:
            return NoLabel.BLANK
        if key in self._map:
            return self._map[key] or NoLabel.SKIP
        if key in SKIP_WORDS:
            return NoLabel.SKIP
        if (one := _plain(key)) is not None:
            return one
        parts = [part for part in map(_key, _SEVERAL.split(key)) if part]
        labels = tuple(dict.fromkeys(self._map.get(part) or _plain(part) for part in parts))
        several = tuple(label for label in labels if label is not None)
        if len(parts) > 1 and len(several) == len(labels):
            return several[0] if len(several) == 1 else several
        return NoLabel.UNKNOWN

    def any_label(self, values: Iterable[str]) -> bool:
        """Whether at least one value reads as a label."""
        return any(isinstance(self.read(value), Label | tuple) for value in values)

    def miss(self, value: str, where: str) -> None:
        """Remember an unknown name, for `check`."""
        self._unknown.setdefault(value.strip(), _Unknown(where)).count += 1

    def check(self) -> None:
        """Raise for all unknown names at once.

        Raises:
            InputError: names them with their counts and first places, and says how to map them. A long one may be a
                post, and is not shown.
        """
        if not self._unknown:
            return
        short = {name: one for name, one in self._unknown.items() if len(name) <= _LONGEST_SHOWN}
        long = [one for name, one in self._unknown.items() if name not in short]
        listed = sorted(short.items(), key=lambda item: -item[1].count)
        said = [f"{name!r} ({one.count:,} times, first in {one.where})" for name, one in listed[:_LISTED]]
        if more := listed[_LISTED:]:
            said.append(f"{len(more):,} more names")
        if long:
            said.append(f"{len(long):,} of more than {_LONGEST_SHOWN} characters (first in {long[0].where})")
        known = ", ".join(f"{label.value} ({label.indonesian})" for label in LABELS)
        example = listed[0][0] if listed else "NAME"
        remedy = f'say what they mean with --map "{example}=LABEL" (nothing after = skips the post)'
        if not listed:
            remedy = "name the column of the labels with --label-column"
        raise InputError(f"unknown label names: {', '.join(said)}; the labels are {known}; {remedy}")


def told_names(controls: Mapping[str, Iterable[str]]) -> str:
    """Controls, questions or columns with the answers found in each, for messages: 'sikap' (Mendukung, Biasa), 'arah'.

    Args:
        controls: the answers of each. Where one is long or there are many different ones, they may be texts and none
            is told.
    """
    told = []
    for control, values in controls.items():
        names = sorted({value.strip() for value in values} - {""})
        short = len(names) <= _LISTED and all(len(name) <= _LONGEST_SHOWN for name in names)
        told.append(f"{control!r} ({', '.join(names)})" if names and short else repr(control))
    return ", ".join(told)


def _key(value: str) -> str:
    return " ".join(value.split()).casefold()


def _plain(key: str) -> Label | None:
    """The label of a name in folded case, also behind a number or beside an emoji or its translation."""
    if (label := _BY_NAME.get(key)) is not None:
        return label
    if len(key) > 2 * _LONGEST_SHOWN or _DOUBT.search(key):
        return None
    found = {_BY_NAME.get(word) for word in _WORD.findall(key)}
    return found.pop() if len(found) == 1 else None
