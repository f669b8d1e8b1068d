"""Risk and coverage: how many mistakes remain when only the likeliest labels are given.

After El-Yaniv and Wiener (2010), Geifman and El-Yaniv (2017): posts are answered from the surest down. Coverage is the
share answered, risk the share of wrong labels among them; the area under the curve (AURC) is the mean risk over all
coverages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FloatArray, Interval, bootstrap_indices, check_probabilities, label_codes

_POINTS = 200


@dataclass(frozen=True)
class RiskCoverage:
    """The curve and its area.

    Attributes:
        coverage: shares answered, rising to 1; at most 200 points.
        risk: wrong labels among the answered, at each coverage.
        area: mean risk over all coverages; lower is better.
        best_area: the area that a perfect ordering of the same answers would have.
        chance_area: the area that a random ordering has on average: the risk at full coverage.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: Interval
    best_area: float
    chance_area: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {
            "coverage": list(self.coverage),
            "risk": list(self.risk),
            "area": self.area.to_dict(),
            "best_area": self.best_area,
            "chance_area": self.chance_area,
        }


def risk_coverage(
    gold: Sequence[object] | npt.NDArray[Any],
    probabilities: npt.ArrayLike,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> RiskCoverage:
    """Return the risk-coverage curve of answers ordered by their probability.

    Args:
        gold: n labels.
        probabilities: (n, 3); the largest is the answer and its confidence.
        resamples: of the stratified bootstrap behind the area's interval; 0 for none.
        seed: of the resamples.
        confidence: coverage of the interval.

    Raises:
        InputError: the shapes do not fit or there are no posts.
    """
    truth = label_codes(gold)
    if not len(truth):
        raise InputError("no posts to measure")
    chances = check_probabilities(probabilities, len(truth))
    wrong = (chances.argmax(axis=1) != truth).astype(np.float64)
    sure = chances.max(axis=1)
    risk = _risks(sure, wrong)
    size = len(truth)
    area = Interval(float(risk.mean()))
    if resamples:
        draws = [float(_risks(sure[i], wrong[i]).mean()) for i in bootstrap_indices(truth, resamples, seed)]
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
        area = Interval(area.value, float(low), float(high))
    kept = np.unique(np.linspace(0, size - 1, min(size, _POINTS)).round().astype(int))
    return RiskCoverage(
        coverage=tuple(float(place + 1) / size for place in kept),
        risk=tuple(float(risk[place]) for place in kept),
        area=area,
        best_area=float(_risks(-wrong, wrong).mean()),
        chance_area=float(wrong.mean()),
    )


def _risks(sure: FloatArray, wrong: FloatArray) -> FloatArray:
    """Return the risk among the k surest, for k from 1 to n; equally sure posts share their mean."""
    order = np.argsort(-sure, kind="stable")
    ordered, mistakes = sure[order], wrong[order]
    # Posts of equal confidence come in no order of their own: each takes the mean of its tie.
    _, starts, counts = np.unique(-ordered, return_index=True, return_counts=True)
    even = np.repeat(np.add.reduceat(mistakes, starts) / counts, counts)
    risks: FloatArray = np.cumsum(even) / np.arange(1, len(even) + 1)
    return risks
