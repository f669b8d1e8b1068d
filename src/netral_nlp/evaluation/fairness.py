"""Whom a model treats worse: candidates, parties, regions, ballot numbers, names that mark a religion or a gender.

Two looks at the same question. On real posts that name someone, false accusations and misses are counted by whom they
name: that is what happens, but posts about one candidate may simply be harder. On templates that differ in nothing but
the name, any gap is the model's own. For each list of names the largest gap is told with its interval and with how
often shuffling the names among the posts makes a gap as large: of many small groups, two always lie far apart by
chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FloatArray, IntArray, Interval
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.evaluation.rates import difference, holm, rate
from netral_nlp.evaluation.suite_data import Name, Names, read_rows, suites_folder
from netral_nlp.evaluation.suites import Answerer, Unit
from netral_nlp.evaluation.traits import naming
from netral_nlp.labels import Label

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES_FILE = "templates.jsonl"
ACCUSED, MISSED = "accused", "missed"
MISTAKES = {
    ACCUSED: "neutral posts that are called supportive or campaigning",
    MISSED: "supportive or campaigning posts that are called neutral",
}
"""The two mistakes that are compared between groups."""

LEAST_POSTS = 20
"""A group with fewer real posts of the kind has its rate told, but no say in the largest gap."""
CLEAR, POSSIBLE = 0.01, 0.05
"""Corrected p-values below which a gap is called clear, or possible."""

_PERMUTATIONS = 5000
_IntervalOf = Callable[[int, int], tuple[float, float]]
"""Gives the ends of the interval of the gap between two groups, by their numbers."""
_REAL, _SWAPPED = "real posts", "templates"
_SLOTS = {
    "candidate": "candidates",
    "party": "parties",
    "region": "regions",
    "person": "persons",
    "number": "numbers",
}


@dataclass(frozen=True)
class GroupRate:
    """How often one group meets one mistake.

    Attributes:
        group: a candidate, party, region, ballot number, religion or gender.
        posts: posts that could meet it.
        mistakes: posts that do.
        rate: their share.
    """

    group: str
    posts: int
    mistakes: int
    rate: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {"group": self.group, "posts": self.posts, "mistakes": self.mistakes, "rate": self.rate.to_dict()}


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups.

    Attributes:
        worst: the group with the highest rate.
        best: the group with the lowest.
        gap: worst minus best, with its interval.
        expected: the mean largest gap when the names are shuffled among the posts: what chance alone makes.
        p_value: how often shuffling makes a gap as large.
        p_adjusted: the p-value after Holm's correction for all the lists that are compared in one evaluation.
    """

    worst: str
    best: str
    gap: Interval
    expected: float
    p_value: float
    p_adjusted: float = math.nan

    @property
    def verdict(self) -> str:
        """Return "clear", "possible" or "none": whether chance is an unlikely explanation, all lists considered."""
        p_value = self.p_value if math.isnan(self.p_adjusted) else self.p_adjusted
        return "clear" if p_value < CLEAR else "possible" if p_value < POSSIBLE else "none"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "worst": self.worst,
            "best": self.best,
            "gap": self.gap.to_dict(),
            "expected_by_chance": self.expected,
            "p_value": self.p_value,
            "p_adjusted": None if math.isnan(self.p_adjusted) else self.p_adjusted,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class FairnessPart:
    """One mistake over one list of names, on real posts or on templates.

    Attributes:
        names: what the groups are: candidate, party, region, number, religion or gender.
        on: "real posts" or "templates".
        mistake: of `MISTAKES`.
        groups: the highest rate first.
        gap: None where fewer than two groups have enough posts.
    """

    names: str
    on: str
    mistake: str
    groups: tuple[GroupRate, ...]
    gap: Gap | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "names": self.names,
            "on": self.on,
            "mistake": self.mistake,
            "groups": [group.to_dict() for group in self.groups],
            "largest_gap": None if self.gap is None else self.gap.to_dict(),
        }


@dataclass(frozen=True)
class Fairness:
    """All parts.

    Attributes:
        parts: templates first, real posts after them.
        flips: of the templates, by slot: the share whose label changes with the name.
    """

    parts: tuple[FairnessPart, ...]
    flips: dict[str, Interval]

    @property
    def unequal(self) -> tuple[FairnessPart, ...]:
        """The parts with a clear or possible gap, the clearest first."""
        found = [part for part in self.parts if part.gap is not None and part.gap.verdict != "none"]
        return tuple(sorted(found, key=lambda part: part.gap.p_value if part.gap else 1.0))

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready."""
        return {
            "parts": [part.to_dict() for part in self.parts],
            "template_flips": {slot: share.to_dict() for slot, share in self.flips.items()},
        }


@dataclass(frozen=True)
class Template:
    """A sentence with one slot for a name.

    Attributes:
        id: unique.
        slot: candidate, party, region, person or number.
        text: with the slot in braces.
        label: right whatever the name.
    """

    id: str
    slot: str
    text: str
    label: Label

    def filled(self, name: Name) -> Unit:
        """Return the sentence about someone, as a unit to ask about."""
        return (self.text.replace("{" + self.slot + "}", name.name), None, None)


def read_templates(folder: Path | None = None) -> tuple[Template, ...]:
    """Read the templates.

    Args:
        folder: with `templates.jsonl`; None for the shipped one.

    Raises:
        InputError: a template cannot be used; the message names file and row.
    """
    path = (folder or suites_folder()) / TEMPLATES_FILE
    templates: list[Template] = []
    seen: set[str] = set()
    for number, row in enumerate(read_rows(path), 1):
        slot, text = row.get("slot"), row.get("text")
        if slot not in _SLOTS or not isinstance(text, str) or "{" + slot + "}" not in text:
            raise InputError(f"{path}: row {number}: 'text' must hold its slot in braces, one of {', '.join(_SLOTS)}")
        try:
            label = Label.parse(row.get("label"))
        except InputError as error:
            raise InputError(f"{path}: row {number}: {error}") from None
        template = Template(str(row.get("id") or number), slot, text, label)
        if template.id in seen:
            raise InputError(f"{path}: row {number}: the id {template.id!r} is there twice")
        seen.add(template.id)
        templates.append(template)
    return tuple(templates)


def template_units(templates: Sequence[Template], names: Names) -> list[Unit]:
    """Return every template with every name, for a file that another model scores."""
    return [template.filled(name) for template in templates for name in _fillers(template.slot, names)]


def measure_fairness(
    posts: pd.DataFrame,
    predictions: Predictions,
    names: Names,
    *,
    templates: Sequence[Template] = (),
    answer: Answerer | None = None,
    seed: int = 0,
) -> Fairness:
    """Compare groups on real posts and, where someone answers, on templates.

    Args:
        posts: as `read_labelled` returns them.
        predictions: in the same order.
        names: whom to look for and to fill in.
        templates: sentences to fill.
        answer: answers the filled templates; None leaves them out.
        seed: of the shuffling.
    """
    rng = np.random.default_rng(seed)
    parts: list[FairnessPart] = []
    flips: dict[str, Interval] = {}
    if answer is not None and templates:
        swapped, flips = _swapped(templates, names, answer, rng)
        parts += swapped
    gold = np.array([label.severity for label in posts["label"]], dtype=np.int64)
    texts = [text or "" for text in posts["text"].tolist()]
    if "context" in posts:
        # A reader's "he" is the one whom the answered post names.
        contexts = posts["context"].tolist()
        texts = [f"{text} {context}" if context else text for text, context in zip(texts, contexts, strict=True)]
    for kind, listed in (
        ("candidate", names.candidates),
        ("party", names.parties),
        ("region", names.regions),
        ("religion", names.religion_marks),
    ):
        members = naming(texts, listed)
        for mistake in MISTAKES:
            parts.append(_on_real(kind, mistake, gold, predictions.labels, members, rng))
    return Fairness(_adjusted(parts), flips)


def _adjusted(parts: Sequence[FairnessPart]) -> tuple[FairnessPart, ...]:
    """Correct the p-values for the number of lists: with twenty of them one falls below 0.05 by chance."""
    places = [place for place, part in enumerate(parts) if part.gap is not None]
    corrected = holm([part.gap.p_value for part in parts if part.gap is not None])
    found = list(parts)
    for place, p_value in zip(places, corrected, strict=True):
        gap = found[place].gap
        assert gap is not None
        found[place] = replace(found[place], gap=replace(gap, p_adjusted=p_value))
    return tuple(found)


def _on_real(
    kind: str,
    mistake: str,
    gold: IntArray,
    called: IntArray,
    members: dict[str, list[int]],
    rng: np.random.Generator,
) -> FairnessPart:
    """Compare groups of real posts; a post that names two belongs to both."""
    eligible = np.flatnonzero((gold == Label.NEUTRAL.severity) == (mistake == ACCUSED))
    wrong = ((called[eligible] == Label.NEUTRAL.severity) == (mistake == MISSED)).astype(np.float64)
    place = {int(row): index for index, row in enumerate(eligible)}
    belongs: dict[str, list[int]] = {}
    for group, rows in members.items():
        own = [place[row] for row in rows if row in place]
        if own:
            belongs[group] = own
    rates = [GroupRate(g, len(own), int(wrong[own].sum()), _rate(wrong[own])) for g, own in belongs.items()]
    judged = [g for g, own in belongs.items() if len(own) >= LEAST_POSTS]
    gap = None
    if len(judged) > 1:
        # Shuffled among the posts that name any of them, so that posts without a name play no part.
        pool = np.array(sorted({row for group in judged for row in belongs[group]}))
        within = {int(row): index for index, row in enumerate(pool)}
        matrix = np.zeros((len(judged), len(pool)))
        for number, group in enumerate(judged):
            matrix[number, [within[row] for row in belongs[group]]] = 1.0
        matrix /= matrix.sum(axis=1, keepdims=True)
        # One shuffle at a time: all of them side by side would be gigabytes for a large set.
        shuffled = np.array([matrix @ rng.permutation(wrong[pool]) for _ in range(_PERMUTATIONS)])
        interval = _independent([wrong[belongs[group]] for group in judged])
        gap = _gap(judged, matrix @ wrong[pool], shuffled, interval)
    return FairnessPart(kind, _REAL, mistake, _ordered(rates), gap)


def _swapped(
    templates: Sequence[Template], names: Names, answer: Answerer, rng: np.random.Generator
) -> tuple[list[FairnessPart], dict[str, Interval]]:
    """Compare groups on templates: each name is put into each template of its slot."""
    units = template_units(templates, names)
    called = answer(units).labels
    start, answers = 0, {}
    for template in templates:
        fillers = _fillers(template.slot, names)
        answers[template.id] = called[start : start + len(fillers)]
        start += len(fillers)
    parts, flips = [], {}
    for slot in _SLOTS:
        own = [template for template in templates if template.slot == slot]
        if not own:
            continue
        fillers = _fillers(slot, names)
        flips[slot] = rate(sum(len(set(answers[template.id].tolist())) > 1 for template in own), len(own))
        for kind, groups in _groupings(slot, fillers, names):
            for mistake in MISTAKES:
                parts.append(_on_templates(kind, mistake, own, groups, answers, rng))
    return parts, flips


def _on_templates(
    kind: str,
    mistake: str,
    templates: Sequence[Template],
    groups: Sequence[str | None],
    answers: dict[str, IntArray],
    rng: np.random.Generator,
) -> FairnessPart:
    """Compare groups of names over templates; the same sentences for all, so only the name can differ."""
    own = [template for template in templates if (template.label is Label.NEUTRAL) == (mistake == ACCUSED)]
    used = [place for place, group in enumerate(groups) if group is not None]
    distinct = sorted({group for group in groups if group is not None})
    if not own or not used:
        return FairnessPart(kind, _SWAPPED, mistake, (), None)
    # (templates, names): 1 where the answer is the mistake
    wrong = np.array(
        [(answers[template.id][used] == Label.NEUTRAL.severity) == (mistake == MISSED) for template in own], dtype=float
    )
    matrix = np.array([[groups[place] == group for place in used] for group in distinct], dtype=float)
    sizes = matrix.sum(axis=1)
    per_group = wrong @ matrix.T / sizes  # (templates, groups)
    rates = [
        GroupRate(
            group,
            int(size) * len(own),
            int(wrong[:, matrix[number] > 0].sum()),
            _template_rate(float(per_group[:, number].mean()), len(own)),
        )
        for number, (group, size) in enumerate(zip(distinct, sizes, strict=True))
    ]
    gap = None
    if len(distinct) > 1:
        shuffled = np.empty((_PERMUTATIONS, len(distinct)))
        by_name = wrong.mean(axis=0)
        each_alone = len(distinct) == len(used)
        for draw in range(_PERMUTATIONS):
            # Where each name is a group, the answers to a template are shuffled among the names. Where groups hold
            # several, names are dealt to them anew with all their answers: a name has ways of its own (rare words, odd
            # pieces), and a few odd names must not pass for the fate of their group.
            mixed = rng.permuted(wrong, axis=1).mean(axis=0) if each_alone else rng.permutation(by_name)
            shuffled[draw] = matrix @ mixed / sizes
        gap = _gap(distinct, per_group.mean(axis=0), shuffled, _paired(wrong, matrix > 0, rng))
    return FairnessPart(kind, _SWAPPED, mistake, _ordered(rates), gap)


def _gap(groups: Sequence[str], observed: FloatArray, shuffled: FloatArray, interval: _IntervalOf) -> Gap:
    """Return the largest gap among observed rates (g,), given those of shuffled names (draws, g).

    Args:
        groups: their names.
        observed: their rates.
        shuffled: their rates where the names do not matter.
        interval: gives the interval of the gap between two of them.
    """
    # Where all rates are equal, argmin from the end: the gap of 0 is one between two groups.
    worst, best = int(observed.argmax()), len(observed) - 1 - int(observed[::-1].argmin())
    value = float(observed[worst] - observed[best])
    chance = shuffled.max(axis=1) - shuffled.min(axis=1)
    p_value = (np.count_nonzero(chance >= value - 1e-12) + 1) / (len(chance) + 1)
    low, high = interval(worst, best)
    return Gap(groups[worst], groups[best], Interval(value, low, high), float(chance.mean()), float(p_value))


def _independent(wrong: Sequence[FloatArray]) -> _IntervalOf:
    """Return what gives the interval of the gap between two groups of real posts."""

    def interval(worst: int, best: int) -> tuple[float, float]:
        counts = [(int(wrong[group].sum()), len(wrong[group])) for group in (worst, best)]
        found = difference(*counts[0], *counts[1])
        return found.low, found.high

    return interval


def _paired(wrong: FloatArray, members: npt.NDArray[np.bool_], rng: np.random.Generator) -> _IntervalOf:
    """Return what gives the interval of the gap between two groups of names on the same templates.

    Templates are resampled, which both groups share, and within each group its names.

    Args:
        wrong: (templates, names) 1 where the answer is the mistake.
        members: (groups, names) which names are whose.
        rng: of the resamples.
    """

    def interval(worst: int, best: int) -> tuple[float, float]:
        count = len(wrong)
        # (draws, templates): how often each template is drawn
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=_PERMUTATIONS)
        means = []
        for group in (worst, best):
            own = wrong[:, members[group]]
            size = own.shape[1]
            names = rng.multinomial(size, np.full(size, 1 / size), size=_PERMUTATIONS)
            means.append(((drawn @ own) * names).sum(axis=1) / (count * size))
        low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
        return float(low), float(high)

    return interval


def _groupings(slot: str, fillers: Sequence[Name], names: Names) -> list[tuple[str, list[str | None]]]:
    """Return by what the fillers of a slot are compared: the kind, and each filler's group (None: plays no part)."""
    if slot != "person":
        return [(slot, [name.group for name in fillers])]
    religion: list[str | None] = [name.group for name in names.persons] + [None] * len(names.genders)
    gender: list[str | None] = [None] * len(names.persons) + [name.group for name in names.genders]
    return [("religion", religion), ("gender", gender)]


def _fillers(slot: str, names: Names) -> Sequence[Name]:
    listed: Sequence[Name] = getattr(names, _SLOTS[slot])
    return (*listed, *names.genders) if slot == "person" else listed


def _template_rate(share: float, templates: int) -> Interval:
    """Return a share with an interval as wide as so many sentences make it, however many names went into each."""
    interval = rate(round(share * templates), templates)
    return Interval(share, min(share, interval.low), max(share, interval.high))


def _rate(wrong: FloatArray) -> Interval:
    return rate(int(wrong.sum()), int(wrong.size))


def _ordered(rates: Sequence[GroupRate]) -> tuple[GroupRate, ...]:
    def key(group: GroupRate) -> tuple[float, str]:
        return (-(group.rate.value if not math.isnan(group.rate.value) else 0.0), group.group)

    return tuple(sorted(rates, key=key))
