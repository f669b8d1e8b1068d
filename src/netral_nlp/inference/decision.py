"""From logits to calibrated probabilities, and from those to "decide" or "hand over to a person"."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import ConfigError, ModelFolderError
from netral_nlp.labels import LABELS, Label

FILE_NAME = "decision.json"
VERSION = 1

_DEFAULT_THRESHOLD = 0.5


def _plain(value: Any) -> Any:
    """Turn numpy scalars and labels into what JSON holds."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written to {FILE_NAME}")


@dataclass(frozen=True)
class Decision:
    """How a model's logits become probabilities, and below which probability a person should look.

    Attributes:
        temperature: logits are divided by this before the softmax; 1 leaves them as they are.
        review_below: for each label, the probability under which a post that gets this label needs review.
        target: what the thresholds were fitted to reach, for instance `{"precision": 0.9}`; informational.
        fitted_on: what they were fitted on, for instance `{"posts": 1200, "sha256": ...}`; empty when not fitted.
    """

    temperature: float = 1.0
    review_below: Mapping[Label, float] = field(default_factory=lambda: dict.fromkeys(LABELS, _DEFAULT_THRESHOLD))
    target: Mapping[str, Any] = field(default_factory=dict)
    fitted_on: Mapping[str, Any] = field(default_factory=dict)

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

    @classmethod
    def default(cls) -> Decision:
        """The decision of a folder that has none: uncalibrated, review below one half."""
        return cls()

    def with_review_below(self, review_below: float | Mapping[Label, float] | Mapping[str, float]) -> Decision:
        """The same calibration with thresholds of the caller's own.

        Args:
            review_below: one probability for all labels, or one for each (labels left out keep theirs).

        Raises:
            ConfigError: a value is not within 0 to 1, or a label is unknown.
        """
        thresholds: dict[str, Any]
        if isinstance(review_below, Mapping):
            thresholds = {label.value: value for label, value in self.review_below.items()}
            thresholds.update({str(label): value for label, value in review_below.items()})
        else:
            thresholds = dict.fromkeys([label.value for label in LABELS], review_below)
        return Decision(self.temperature, thresholds, self.target, self.fitted_on)  # type: ignore[arg-type]

    def probabilities(self, logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Softmax of the logits divided by the temperature.

        Args:
            logits: shape (n, 3), in the order of `LABELS`.

        Returns:
            Shape (n, 3), each row sums to 1.
        """
        scaled = np.asarray(logits, dtype=np.float64).reshape(-1, len(LABELS)) / self.temperature
        if not len(scaled):
            return scaled
        scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), dtype=np.float64)

    def needs_review(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether the likeliest label's probability lies below that label's threshold.

        Args:
            probabilities: shape (n, 3), in the order of `LABELS`.

        Returns:
            Shape (n,).
        """
        rows = np.asarray(probabilities, dtype=np.float64).reshape(-1, len(LABELS))
        thresholds = np.array([self.review_below[label] for label in LABELS])
        best = rows.argmax(axis=1)
        return np.asarray(rows[np.arange(len(rows)), best] < thresholds[best], dtype=np.bool_)

    def to_dict(self) -> dict[str, Any]:
        """What `decision.json` holds."""
        return {
            "version": VERSION,
            "temperature": self.temperature,
            "review_below": {label.value: self.review_below[label] for label in LABELS},
            "target": dict(self.target),
            "fitted_on": dict(self.fitted_on),
        }

    def save(self, folder: str | Path) -> Path:
        """Write `decision.json` into a model folder and return its path."""
        path = Path(folder) / FILE_NAME
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, default=_plain)
        path.write_text(text + "\n", encoding="utf-8")
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
        for key, kind in (("review_below", dict), ("target", dict), ("fitted_on", dict)):
            if not isinstance(document.get(key, {}), kind):
                raise ModelFolderError(f"{path}: {key} must be an object")
        try:
            return cls(
                temperature=document["temperature"],
                review_below=document["review_below"],
                target=document.get("target", {}),
                fitted_on=document.get("fitted_on", {}),
            )
        except KeyError as error:
            raise ModelFolderError(f"{path} lacks {error.args[0]}") from None
        except ConfigError as error:
            raise ModelFolderError(f"{path}: {error}") from None


def _number(value: Any, what: str) -> float:
    """A finite float, or a ConfigError that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ConfigError(f"{what} must be a number, not {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{what} must be finite, not {value!r}")
    return number
