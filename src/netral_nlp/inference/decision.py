"""From logits to calibrated probabilities, and from those to "decide" or "hand over to a person"."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import ConfigError, ModelFolderError
from netral_nlp.labels import LABELS, Label

FILE_NAME = "decision.json"
VERSION = 2

_DEFAULT_THRESHOLDS = {Label.NEUTRAL: 0.5, Label.SUPPORTIVE: 0.75, Label.CAMPAIGNING: 0.75}
"""Where nothing was fitted. Of a post that takes a side, sureness is never below one half."""
_ROUNDING = 1e-9
_MOST_LOG_ODDS = 30.0
_LEAD = 1e-6
"""The likeliest label stays ahead of the next by this much, so that calibration never turns a label."""


@dataclass(frozen=True)
class TradeOffStep:
    """What one threshold bought on the posts that the decision was fitted on.

    Attributes:
        threshold: answers of lower sureness are handed to a person.
        share: of the costly mistakes that pass without review at this threshold, among all neutral (or campaigning)
            posts: (k + 1) / (n + 1) where k of n passed, which is what to expect of new posts at most, on average.
        reviewed: posts handed over because of it, among all posts.
    """

    threshold: float
    share: float
    reviewed: float


@dataclass(frozen=True)
class MarginCalibration:
    """How sure to be of a label, from how far its logit lies above the next one.

    The probability of the likeliest label is `sigmoid(intercept + slope * u + cube * u**3)`, where `u` is the margin of
    its logit over the second, in units of `scale`; the other two labels share the rest as before. Both slopes are at
    least 0, so a larger margin never means less confidence, and the label itself never changes.

    A temperature alone bends all confidences the same way. Models that were trained with label smoothing need more:
    their margins crowd together near the top, where small differences tell much.

    Attributes:
        intercept: log-odds of being right at margin 0.
        slope: of the margin.
        cube: of the margin's third power.
        scale: logits that make a margin of 1.
    """

    intercept: float
    slope: float
    cube: float
    scale: float

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: a value is no finite number, a slope is negative or the scale is not above 0.
        """
        for name in ("intercept", "slope", "cube", "scale"):
            object.__setattr__(self, name, _number(getattr(self, name), f"margin: {name}"))
        if self.slope < 0 or self.cube < 0 or self.scale <= 0:
            raise ConfigError("margin: slope and cube must be at least 0, scale above 0")

    def confidence(self, logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The probability (n,) of the likeliest label, from logits (n, 3)."""
        ordered = np.sort(logits, axis=1)
        units = (ordered[:, -1] - ordered[:, -2]) / self.scale
        odds = self.intercept + self.slope * units + self.cube * units**3
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS))), dtype=np.float64)

    def to_dict(self) -> dict[str, float]:
        """The four numbers."""
        return {"intercept": self.intercept, "slope": self.slope, "cube": self.cube, "scale": self.scale}


ACCUSED, PASSED = "accused", "passed"
"""The two mistakes that thresholds guard against: a neutral post accused, a campaigning post passed as neutral."""
TRADE_OFF_KEYS = (ACCUSED, PASSED)


def _plain(value: Any) -> Any:
    """Turn numpy scalars and labels into what JSON holds."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written to {FILE_NAME}")


@dataclass(frozen=True)
class Decision:
    """How a model's logits become probabilities, and how unsure of them a person should look.

    Attributes:
        temperature: logits are divided by this before the softmax; 1 leaves them as they are.
        review_below: for each label, the sureness (`sureness`) under which a post that gets this label needs review.
        target: what the thresholds were fitted to reach, for instance `{"precision": 0.9}`; informational.
        fitted_on: what they were fitted on, for instance `{"posts": 1200, "sha256": ...}`; empty when not fitted.
        margin: how sure to be of the likeliest label; None leaves that to the temperature.
        trade_off: other thresholds that could have been chosen, for each mistake of `TRADE_OFF_KEYS` the steps by
            rising threshold; `for_target` picks from them. Empty when not fitted.
    """

    temperature: float = 1.0
    review_below: Mapping[Label, float] = field(default_factory=lambda: dict(_DEFAULT_THRESHOLDS))
    target: Mapping[str, Any] = field(default_factory=dict)
    fitted_on: Mapping[str, Any] = field(default_factory=dict)
    margin: MarginCalibration | None = None
    trade_off: Mapping[str, Sequence[TradeOffStep]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values and fix their types.

        Raises:
            ConfigError: the temperature is not a positive number, or a threshold is missing or not within 0 to 1.
        """
        temperature = _number(self.temperature, "the temperature")
        if temperature <= 0:
            raise ConfigError(f"the temperature must be above 0, not {temperature:g}")
        thresholds: dict[Label, float] = {}
        given = {str(label): value for label, value in self.review_below.items()}
        for label in LABELS:
            if label.value not in given:
                raise ConfigError(f"review_below lacks the label {label.value}")
            threshold = _number(given.pop(label.value), f"review_below for {label.value}")
            if not 0 <= threshold <= 1:
                raise ConfigError(f"review_below for {label.value} must be within 0 to 1, not {threshold:g}")
            thresholds[label] = threshold
        if given:
            raise ConfigError(
                f"review_below names the unknown label {sorted(given)[0]!r}; the labels are {', '.join(LABELS)}"
            )
        object.__setattr__(self, "temperature", temperature)
        object.__setattr__(self, "review_below", thresholds)
        object.__setattr__(self, "target", dict(self.target))
        object.__setattr__(self, "fitted_on", dict(self.fitted_on))
        object.__setattr__(self, "trade_off", {name: tuple(steps) for name, steps in self.trade_off.items()})

    @classmethod
    def default(cls) -> Decision:
        """The decision of a folder that has none: uncalibrated, with thresholds that nothing was fitted to."""
        return cls()

    def with_review_below(self, review_below: float | Mapping[Label, float] | Mapping[str, float]) -> Decision:
        """The same calibration with thresholds of the caller's own.

        Args:
            review_below: one sureness for all labels, or one for each (labels left out keep theirs).

        Raises:
            ConfigError: a value is not within 0 to 1, or a label is unknown.
        """
        thresholds: dict[str, Any]
        if isinstance(review_below, Mapping):
            thresholds = {label.value: value for label, value in self.review_below.items()}
            thresholds.update({str(label): value for label, value in review_below.items()})
        else:
            thresholds = dict.fromkeys([label.value for label in LABELS], review_below)
        return replace(self, review_below=thresholds)  # type: ignore[arg-type]

    def step_for(self, mistake: str, share: float) -> TradeOffStep:
        """The lowest threshold that keeps a mistake to a share, or else the one that let none through.

        Args:
            mistake: of `TRADE_OFF_KEYS`; the trade-off must hold it.
            share: the target.
        """
        steps = self.trade_off[mistake]
        return next((step for step in steps if step.share <= share + _ROUNDING), steps[-1])

    def for_target(self, *, accused: float | None = None, passed: float | None = None) -> Decision:
        """The same calibration with the thresholds that another target asks for; nothing is fitted anew.

        The thresholds are those of the posts that the decision was fitted on: the lowest that kept to the target there,
        or, where none did because the posts were too few, the one that let no mistake through.

        Args:
            accused: at most this share of neutral posts accused without review (0.02 is 2 %); None leaves it.
            passed: at most this share of campaigning posts passed as neutral without review; None leaves it.

        Raises:
            ConfigError: a share is not within 0 to 1, or the decision holds no trade-off.
        """
        thresholds = {label.value: value for label, value in self.review_below.items()}
        target = dict(self.target)
        for key, share, name, labels in (
            (ACCUSED, accused, "accused_without_review_rate", (Label.SUPPORTIVE, Label.CAMPAIGNING)),
            (PASSED, passed, "campaigning_passed_without_review_rate", (Label.NEUTRAL,)),
        ):
            if share is None:
                continue
            if not 0 <= share <= 1:
                raise ConfigError(f"the target for {key} is a share within 0 to 1, not {share:g}")
            if not self.trade_off.get(key):
                raise ConfigError(
                    f"this model's {FILE_NAME} holds no trade-off to choose a target from; fit one with "
                    "`netral calibrate`, or give thresholds"
                )
            chosen = self.step_for(key, share)
            thresholds.update({label.value: chosen.threshold for label in labels})
            target[name] = share
        return replace(self, review_below=thresholds, target=target)  # type: ignore[arg-type]

    def probabilities(self, logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Softmax of the logits divided by the temperature; the likeliest label's share as its margin says.

        Args:
            logits: shape (n, 3), in the order of `LABELS`.

        Returns:
            Shape (n, 3), each row sums to 1; the largest stands where the largest logit does.
        """
        rows = np.asarray(logits, dtype=np.float64).reshape(-1, len(LABELS))
        if not len(rows):
            return rows
        scaled = rows / self.temperature
        if self.margin is None:
            return _softmax(scaled)
        every, best = np.arange(len(rows)), rows.argmax(axis=1)
        # The others' softmax among themselves: where all three share one, rounding may leave nothing to them.
        scaled[every, best] = -np.inf
        others = _softmax(scaled)
        second = others.max(axis=1)
        sure = np.maximum(self.margin.confidence(rows), second / (1.0 + second) + _LEAD)
        calibrated = others * (1.0 - sure)[:, None]
        calibrated[every, best] = 1.0 - calibrated.sum(axis=1)
        return np.asarray(calibrated, dtype=np.float64)

    def sureness(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """How sure it is whether a side is taken: what the thresholds are held against.

        Of a post that is called neutral, the probability that it is; of one that is called supportive or campaigning,
        the probability that it is not neutral (one half at least). Doubt between the two accuses no neutral author,
        and that is the mistake that counts most.

        Args:
            probabilities: shape (n, 3), in the order of `LABELS`.

        Returns:
            Shape (n,).
        """
        rows = np.asarray(probabilities, dtype=np.float64).reshape(-1, len(LABELS))
        neutral = rows[:, Label.NEUTRAL.severity]
        return np.where(rows.argmax(axis=1) == Label.NEUTRAL.severity, neutral, 1.0 - neutral)

    def needs_review(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether it is less sure of a side, or of none, than the threshold of the likeliest label asks for.

        Args:
            probabilities: shape (n, 3), in the order of `LABELS`.

        Returns:
            Shape (n,).
        """
        rows = np.asarray(probabilities, dtype=np.float64).reshape(-1, len(LABELS))
        thresholds = np.array([self.review_below[label] for label in LABELS])
        return np.asarray(self.sureness(rows) < thresholds[rows.argmax(axis=1)], dtype=np.bool_)

    def to_dict(self) -> dict[str, Any]:
        """What `decision.json` holds."""
        return {
            "version": VERSION,
            "temperature": self.temperature,
            **({"margin": self.margin.to_dict()} if self.margin else {}),
            "review_below": {label.value: self.review_below[label] for label in LABELS},
            "target": dict(self.target),
            "fitted_on": dict(self.fitted_on),
            **(
                {
                    "trade_off": {
                        name: [[step.threshold, step.share, step.reviewed] for step in steps]
                        for name, steps in self.trade_off.items()
                    }
                }
                if self.trade_off
                else {}
            ),
        }

    def save(self, folder: str | Path) -> Path:
        """Write `decision.json` into a model folder and return its path."""
        path = Path(folder) / FILE_NAME
        document = self.to_dict()
        # One step a line: a table that a person can read.
        steps = {
            name: ",\n".join(f"      {json.dumps(step, default=_plain)}" for step in rows)
            for name, rows in document.pop("trade_off", {}).items()
        }
        text = json.dumps(document, indent=2, ensure_ascii=False, default=_plain)
        if steps:
            tables = ",\n".join(f"    {json.dumps(name)}: [\n{rows}\n    ]" for name, rows in steps.items())
            text = text.removesuffix("\n}") + f',\n  "trade_off": {{\n{tables}\n  }}\n}}'
        part = path.with_name(path.name + ".part")  # whole or not at all: half a file would lock the model up
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(path)
        return path

    @classmethod
    def load(cls, folder: str | Path) -> Decision:
        """Read `decision.json` of a model folder.

        Raises:
            ModelFolderError: the file is missing, is no JSON object, has another version or impossible values.
        """
        path = Path(folder) / FILE_NAME
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelFolderError(f"{path} is missing; `netral evaluate` or a training run writes it") from None
        except ValueError as error:
            raise ModelFolderError(f"{path} is not valid JSON: {error}") from None
        if not isinstance(document, dict):
            raise ModelFolderError(f"{path} must hold a JSON object, not {type(document).__name__}")
        version = document.get("version")
        if version != VERSION:
            raise ModelFolderError(
                f"{path} has version {version!r}, this netral reads version {VERSION}; upgrade netral-nlp or retrain"
            )
        for key, kind in (("review_below", dict), ("target", dict), ("fitted_on", dict), ("trade_off", dict)):
            if not isinstance(document.get(key, {}), kind):
                raise ModelFolderError(f"{path}: {key} must be an object")
        try:
            return cls(
                temperature=document["temperature"],
                review_below=document["review_below"],
                target=document.get("target", {}),
                fitted_on=document.get("fitted_on", {}),
                margin=_margin(document.get("margin")),
                trade_off={name: _steps(name, rows) for name, rows in document.get("trade_off", {}).items()},
            )
        except KeyError as error:
            raise ModelFolderError(f"{path} lacks {error.args[0]}") from None
        except ConfigError as error:
            raise ModelFolderError(f"{path}: {error}") from None


@dataclass(frozen=True)
class ReviewPolicy:
    """When a person should look, as the caller wants it instead of the model; None leaves the model's own.

    Attributes:
        target_accused: at most this share of neutral posts accused without review.
        target_passed: at most this share of campaigning posts passed as neutral without review.
        review_below: thresholds, one for all labels or one for each of some; these win over what a target gives.
    """

    target_accused: float | None = None
    target_passed: float | None = None
    review_below: float | Mapping[Label, float] | Mapping[str, float] | None = None

    def apply(self, decision: Decision) -> Decision:
        """The decision with this policy's thresholds.

        Raises:
            ConfigError: a value is out of range, or a target is asked of a decision without a trade-off.
        """
        if self.target_accused is not None or self.target_passed is not None:
            decision = decision.for_target(accused=self.target_accused, passed=self.target_passed)
        return decision if self.review_below is None else decision.with_review_below(self.review_below)


def _softmax(scaled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The softmax of each row (n, 3)."""
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def _margin(document: Any) -> MarginCalibration | None:
    """Read the margin calibration of `decision.json`; a ConfigError says what is wrong with it."""
    if document is None:
        return None
    names = ("intercept", "slope", "cube", "scale")
    if not isinstance(document, dict) or set(document) != set(names):
        raise ConfigError(f"margin must be an object of {', '.join(names)}")
    return MarginCalibration(*(document[name] for name in names))


def _steps(name: str, rows: Any) -> tuple[TradeOffStep, ...]:
    """Read a table of `decision.json`; a ConfigError says what is wrong with it."""
    if name not in TRADE_OFF_KEYS:
        raise ConfigError(f"trade_off names {name!r}; it holds {' and '.join(TRADE_OFF_KEYS)}")
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 3 for row in rows):
        raise ConfigError(f"trade_off for {name} must be rows of threshold, share and reviewed")
    steps = tuple(TradeOffStep(*(_number(value, f"trade_off for {name}") for value in row)) for row in rows)
    if any(not 0 <= value <= 1 for step in steps for value in (step.threshold, step.share, step.reviewed)):
        raise ConfigError(f"trade_off for {name} must hold numbers within 0 to 1")
    if any(a.threshold > b.threshold or a.share < b.share for a, b in itertools.pairwise(steps)):
        raise ConfigError(f"trade_off for {name}: thresholds must rise and shares fall")
    return steps


def _number(value: Any, what: str) -> float:
    """A finite float, or a ConfigError that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ConfigError(f"{what} must be a number, not {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{what} must be finite, not {value!r}")
    return number
