"""Behaviour suites: what a model must be able to do, whatever its figures on a test set.

After CheckList (Ribeiro et al. 2020), three kinds of cases:

* *minimum functionality*: one text, one right label, for each rule and edge case of the labelling guide;
* *invariance*: two texts that differ in what must not matter (the candidate's name, a typo, a link). Passed only where
  both answers are right, so that a model that always says neutral fails;
* *direction*: two texts, one with a call to others and one without, which the guide labels differently. Passed where
  the one with the call is called more severe, so that a model that says the same of everything fails.

The cases are frozen: they and their names are never trained on and never shape the normaliser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import Interval, align
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.evaluation.rates import rate
from netral_nlp.evaluation.suite_data import read_rows, suites_folder
from netral_nlp.inference.actions import Action
from netral_nlp.labels import Label

MINIMUM, INVARIANCE, DIRECTION = "minimum", "invariance", "direction"
KINDS = {
    MINIMUM: "minimum functionality",
    INVARIANCE: "invariance",
    DIRECTION: "direction",
}
"""The kinds of suites, by the name of their file, and what they are called."""

ADD_CALL, REMOVE_CALL = "add-call", "remove-call"

Unit = tuple[str, str | None, str | None]
"""A text, what it answers, and what was done: what a model is asked about."""
Answerer = Callable[[Sequence[Unit]], Predictions]
"""Answers units in their order: a model, a baseline, or a lookup in a file."""


@dataclass(frozen=True)
class Case:
    """One case of a suite.

    Attributes:
        id: unique over all suites.
        kind: of `KINDS`.
        group: the rule, change or call that is tested.
        text: the post.
        changed: its other form; None for minimum functionality.
        context: what both answer, or None.
        action: what was done, or None.
        label: the right label of the text.
        changed_label: the right label of the other form; None where there is none.
        rule: why, in a few words.
    """

    id: str
    kind: str
    group: str
    text: str
    changed: str | None
    context: str | None
    action: str | None
    label: Label
    changed_label: Label | None
    rule: str

    @property
    def units(self) -> tuple[Unit, ...]:
        """What the model is asked about: one unit, or both forms."""
        first = (self.text, self.context, self.action)
        return (first,) if self.changed is None else (first, (self.changed, self.context, self.action))

    def passes(self, answers: Sequence[Label]) -> bool:
        """Say whether the answers, one a unit, are as they must be."""
        return self.rise(answers) > 0 if self.kind == DIRECTION else self.all_right(answers)

    def rise(self, answers: Sequence[Label]) -> int:
        """Return by how much the call raises the severity, of a direction case; below 0 it lowers it."""
        without, with_call = answers if self.group == ADD_CALL else answers[::-1]
        return with_call.severity - without.severity

    def all_right(self, answers: Sequence[Label]) -> bool:
        """Say whether every answer is the right label."""
        return answers[0] is self.label and (self.changed_label is None or answers[1] is self.changed_label)


@dataclass(frozen=True)
class Outcome:
    """A case with its answers.

    Attributes:
        case: what was asked.
        answers: one a unit.
        confidences: the answers' probabilities; None where the predictions have none.
        passed: whether the case is passed.
    """

    case: Case
    answers: tuple[Label, ...]
    confidences: tuple[float, ...] | None
    passed: bool

    def to_dict(self, *, texts: bool = True) -> dict[str, Any]:
        """Return the case and its answers JSON-ready."""
        case = self.case
        shown: dict[str, Any] = {"id": case.id, "kind": case.kind, "group": case.group, "rule": case.rule}
        if texts:
            shown |= {"text": case.text, "changed": case.changed, "context": case.context, "action": case.action}
        shown |= {
            "expected": [case.label.value, *([case.changed_label.value] if case.changed_label else [])],
            "answers": [answer.value for answer in self.answers],
            "confidences": None if self.confidences is None else [round(value, 4) for value in self.confidences],
        }
        return shown

    def lines(self) -> str:
        """Return the case for a terminal: both texts, what was expected and what was said."""
        case = self.case
        head = f"{case.id}: {case.rule}"
        expected = [case.label, case.changed_label]
        rows = []
        for place, (text, context, action) in enumerate(case.units):
            sure = "" if self.confidences is None else f" {self.confidences[place]:.2f}"
            note = f" [{action} on: {context}]" if context else ""
            wrong = " " if self.answers[place] is expected[place] else "✗"
            rows.append(f"  {wrong} {self.answers[place]}{sure} (expected {expected[place]}): {text}{note}")
        return "\n".join([head, *rows])


@dataclass(frozen=True)
class GroupResult:
    """How many cases of a group passed.

    Attributes:
        kind: of `KINDS`.
        group: the group; "" for all groups of the kind together.
        cases: how many.
        passed: share passed.
        right: share of cases whose every answer is the right label; the same as `passed` but for direction.
    """

    kind: str
    group: str
    cases: int
    passed: Interval
    right: Interval

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "kind": self.kind,
            "group": self.group,
            "cases": self.cases,
            "passed": self.passed.to_dict(),
            "right": self.right.to_dict(),
        }


@dataclass(frozen=True)
class SuiteResults:
    """How a model did on the suites.

    Attributes:
        kinds: one result a kind.
        groups: one result a group, within each kind the worst first.
        outcomes: every case, in the suites' order.
    """

    kinds: tuple[GroupResult, ...]
    groups: tuple[GroupResult, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The cases that did not pass."""
        return tuple(outcome for outcome in self.outcomes if not outcome.passed)

    @property
    def wrong_way(self) -> Interval:
        """The share of direction cases in which the text with the call is called *less* severe; NaN of none."""
        rises = [o.case.rise(o.answers) for o in self.outcomes if o.case.kind == DIRECTION]
        return rate(sum(rise < 0 for rise in rises), len(rises))

    def to_dict(self) -> dict[str, Any]:
        """Return pass rates and the failed cases by id, JSON-ready."""
        return {
            "cases": len(self.outcomes),
            "direction_wrong_way": self.wrong_way.to_dict(),
            "kinds": [result.to_dict() for result in self.kinds],
            "groups": [result.to_dict() for result in self.groups],
            "failures": [outcome.to_dict(texts=False) for outcome in self.failures],
        }

    def table(self) -> str:
        """Return the pass rates as plain text for a terminal."""
        rows = [["suite", "group", "passed", "cases"]]
        for kind in self.kinds:
            rows.append([KINDS[kind.kind], "", kind.passed.format(percent=True), f"{kind.cases:,}"])
            rows += [
                ["", result.group, result.passed.format(percent=True), f"{result.cases:,}"]
                for result in self.groups
                if result.kind == kind.kind
            ]
            if kind.kind == DIRECTION:
                rows.append(["", "(a call lowers the label)", self.wrong_way.format(percent=True), f"{kind.cases:,}"])
        return "\n".join(align(rows, left=2))


def read_suites(folder: Path | None = None) -> tuple[Case, ...]:
    """Read the behaviour suites.

    Args:
        folder: with `minimum.jsonl`, `invariance.jsonl` and `direction.jsonl` (any of them may lack); None for the
            shipped ones.

    Raises:
        InputError: there is no suite, or a case cannot be used; the message names file and line.
    """
    home = folder or suites_folder()
    cases: list[Case] = []
    seen: set[str] = set()
    for kind in KINDS:
        path = home / f"{kind}.jsonl"
        if not path.is_file():
            continue
        for number, row in enumerate(read_rows(path), 1):
            case = _case(path, number, kind, row)
            if case.id in seen:
                raise InputError(f"{path}: row {number}: the id {case.id!r} is there twice")
            seen.add(case.id)
            cases.append(case)
    if not cases:
        raise InputError(f"{home}: holds no suite; expected {', '.join(f'{kind}.jsonl' for kind in KINDS)}")
    return tuple(cases)


def suite_texts(folder: Path | None = None) -> frozenset[str]:
    """Return every text of the suites, to keep them out of training.

    Raises:
        InputError: see `read_suites`.
    """
    return frozenset(unit[0] for case in read_suites(folder) for unit in case.units)


def _case(path: Path, number: int, kind: str, row: dict[str, Any]) -> Case:
    where = f"{path}: row {number}"
    for field in ("id", "group", "text", "label"):
        if not isinstance(row.get(field), str):
            raise InputError(f"{where}: {field!r} is missing or no text")
    for field in ("changed", "changed_label", "context", "action"):
        if not isinstance(row.get(field), str | None):
            raise InputError(f"{where}: {field!r} is no text")
    changed = row.get("changed")
    if (changed is None) != (kind == MINIMUM):
        state = "missing" if changed is None else "there"
        raise InputError(f"{where}: 'changed' is {state}, which {kind} does not allow")
    if not (row["text"].strip() or (row.get("context") or "").strip()):
        raise InputError(f"{where}: there is neither a 'text' nor a 'context' to judge")
    if kind == DIRECTION and row["group"] not in (ADD_CALL, REMOVE_CALL):
        raise InputError(f"{where}: 'group' is {ADD_CALL} or {REMOVE_CALL}, not {row['group']!r}")
    try:
        label = Label.parse(row["label"])
        changed_label = None if changed is None else Label.parse(row.get("changed_label") or row["label"])
        action = Action.parse(row.get("action"))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Case(
        id=row["id"],
        kind=kind,
        group=row["group"],
        text=row["text"],
        changed=changed,
        context=row.get("context"),
        action=None if action is None else action.value,
        label=label,
        changed_label=changed_label,
        rule=str(row.get("rule") or ""),
    )


def run_suites(cases: Sequence[Case], answer: Answerer) -> SuiteResults:
    """Put every case to a model and count what passes.

    Args:
        cases: as `read_suites` gives them.
        answer: answers units in their order; each distinct unit is asked once.
    """
    places: dict[Unit, int] = {}
    for case in cases:
        for unit in case.units:
            places.setdefault(unit, len(places))
    predictions = answer(list(places))
    outcomes = []
    for case in cases:
        rows = np.array([places[unit] for unit in case.units], dtype=np.int64)
        said = predictions.take(rows)
        answers = tuple(list(Label)[code] for code in said.labels)
        sure = None
        if said.probabilities is not None:
            sure = tuple(said.probabilities[np.arange(len(rows)), said.labels].tolist())
        outcomes.append(Outcome(case, answers, sure, case.passes(answers)))
    kinds = list(dict.fromkeys(case.kind for case in cases))
    groups = []
    for kind in kinds:
        own = [outcome for outcome in outcomes if outcome.case.kind == kind]
        names = dict.fromkeys(outcome.case.group for outcome in own)
        results = [_result(kind, name, [o for o in own if o.case.group == name]) for name in names]
        groups += sorted(results, key=lambda result: (result.passed.value, result.group))
    return SuiteResults(
        kinds=tuple(_result(kind, "", [o for o in outcomes if o.case.kind == kind]) for kind in kinds),
        groups=tuple(groups),
        outcomes=tuple(outcomes),
    )


def _result(kind: str, group: str, outcomes: Iterable[Outcome]) -> GroupResult:
    own = list(outcomes)
    passed = sum(outcome.passed for outcome in own)
    right = sum(outcome.case.all_right(outcome.answers) for outcome in own)
    return GroupResult(kind, group, len(own), rate(passed, len(own)), rate(right, len(own)))
