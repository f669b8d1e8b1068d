"""What annotators are asked besides the label: whether they doubt, and whether the post is for or against a side."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from netral_nlp.corpus.annotations.names import LabelNames, NoLabel
from netral_nlp.corpus.field_values import BOTH, DIRECTIONS, DOUBTS, FLAGS, fold
from netral_nlp.errors import InputError
from netral_nlp.labels import Label

_UNSURE_NAMES: Final = frozenset({"unsure", "ragu", "ragu ragu", "tidak yakin"})
_DIRECTION_NAMES: Final = frozenset({"direction", "arah"})
_BESIDE_LABELS: Final = frozenset({"pro", "contra", "kontra"})
_SEVERAL: Final = re.compile(r"[#;|,]")
_LONGEST: Final = 64


@dataclass(frozen=True)
class Marks:
    """Which controls, questions or columns hold what is asked besides the label.

    Attributes:
        unsure: the one that marks doubt; None where there is none.
        direction: the one with the direction.
        unread: those that are named like one and hold other words.
    """

    unsure: str | None = None
    direction: str | None = None
    unread: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are read."""
        return tuple(name for name in (self.unsure, self.direction) if name is not None)

    def notes(self, file: str) -> list[str]:
        """How they are read, for the user."""
        found = []
        if self.unsure is not None:
            found.append(f"doubts are read from {self.unsure!r}")
        if self.direction is not None:
            found.append(f"directions are read from {self.direction!r}")
        notes = [f"{file}: {', '.join(found)}"] if found else []
        for name in self.unread:
            known = "pro, contra (kontra) and both (keduanya)" if _is_direction(name) else "unsure (ragu-ragu) or yes"
            notes.append(f"{file}: the answers to {name!r} are not read: they are other words than {known}")
        return notes


def find_marks(answers: Mapping[str, Collection[str]], names: LabelNames, label: str | None = None) -> Marks:
    """Say which controls or questions are not the label but ask for doubt or direction.

    One that is named so is taken if it holds no other words; else the only one whose words tell it by themselves. One
    with words that mean labels is none, and where nothing else could be the label, there are none at all.

    Args:
        answers: each one's different answers.
        names: what label names mean.
        label: the one that the user named as the label.
    """
    free = {
        name: {part for value in values for part in _parts(value)}
        for name, values in answers.items()
        if name != label and not any(_means(value, names) for value in values)
    }
    unsure = _find(free, _UNSURE_NAMES, FLAGS, DOUBTS)
    direction = _find({name: words for name, words in free.items() if name != unsure}, _DIRECTION_NAMES, DIRECTIONS)
    if label is None and answers and answers.keys() <= {unsure, direction}:
        return Marks()
    named = [name for name in free if is_mark(name)]
    return Marks(unsure, direction, tuple(name for name in named if name not in (unsure, direction)))


def _find(
    answers: Mapping[str, Collection[str]],
    called: Collection[str],
    words: Collection[str],
    telling: Collection[str] | None = None,
) -> str | None:
    for name, given in answers.items():
        if fold(name) in called and all(word in words for word in given):
            return name
    telling = words if telling is None else telling
    found = [name for name, given in answers.items() if given and all(word in telling for word in given)]
    return found[0] if len(found) == 1 else None


def is_mark(name: str) -> bool:
    """Whether a control, question or column is named as one of doubt or direction."""
    return fold(name) in _UNSURE_NAMES | _DIRECTION_NAMES


def _is_direction(name: str) -> bool:
    return fold(name) in _DIRECTION_NAMES


def _means(value: str, names: LabelNames) -> bool:
    return isinstance(names.read(value), Label | tuple)


@lru_cache(maxsize=4096)
def _parts(value: str) -> tuple[str, ...]:
    """The words of an answer, which tools join where there are several, folded."""
    return tuple(word for word in map(fold, _SEVERAL.split(value)) if word)


def read_unsure(values: Iterable[str], where: str, name: str) -> bool:
    """Whether answers to "unsure?" say so.

    Raises:
        InputError: one is another word.
    """
    words = [word for value in values for word in _parts(value)]
    if not all(word in FLAGS for word in words):
        raise InputError(f"{where}, {name!r}: expected unsure (ragu-ragu), yes or no; mend the answer")
    return any(FLAGS[word] for word in words)


def read_direction(values: Iterable[str], where: str, name: str) -> str | None:
    """The direction that answers give; several are both.

    Raises:
        InputError: one is another word.
    """
    words = [word for value in values for word in _parts(value)]
    if not all(word in DIRECTIONS for word in words):
        raise InputError(f"{where}, {name!r}: expected pro, contra (kontra) or both (keduanya); mend the answer")
    return join_directions(DIRECTIONS[word] for word in words)


def join_directions(directions: Iterable[str]) -> str | None:
    """One direction of several: different ones are both."""
    found = set(directions)
    return found.pop() if len(found) == 1 else BOTH if found else None


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer's values apart from the marks that stood among them.

    Attributes:
        values: what is left to be read as labels.
        unsure: whether a word of doubt was among them.
        direction: pro, contra, or both where both were among them.
    """

    values: tuple[str, ...]
    unsure: bool = False
    direction: str | None = None


def take_marks(values: tuple[str, ...], names: LabelNames) -> Marked:
    """Take words of doubt and direction out of an answer's labels, as tools without a second question have them.

    A direction that stands without a label stays: it may be what a project calls its labels. So do words that the
    project's label map knows.
    """
    if not any(_has_mark(value) for value in values):
        return Marked(values)
    left: list[str] = []
    unsure = False
    directions: list[str] = []
    words: list[str] = []
    for value in values:
        if not _has_mark(value) or names.read(value) is not NoLabel.UNKNOWN:
            left.append(value)
            continue
        for part in filter(None, map(str.strip, _SEVERAL.split(value))):
            word = fold(part)
            if names.read(part) is not NoLabel.UNKNOWN or not (word in _BESIDE_LABELS or DOUBTS.get(word)):
                left.append(part)
            elif word in _BESIDE_LABELS:
                directions.append(DIRECTIONS[word])
                words.append(part)
            else:
                unsure = True
    if not left:
        return Marked(tuple(words), unsure)
    return Marked(tuple(left), unsure, join_directions(directions))


@lru_cache(maxsize=4096)
def _has_mark(value: str) -> bool:
    return len(value) <= _LONGEST and any(word in _BESIDE_LABELS or DOUBTS.get(word) for word in _parts(value))
