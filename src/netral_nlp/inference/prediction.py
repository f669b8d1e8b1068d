"""What the classifier answers: one `Prediction` a text, or `Scores` as arrays for many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.labels import LABELS, Label


class Judged(StrEnum):
    """What an answer rests on."""

    TEXT = "text"
    CONTEXT = "context"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Prediction:
    """The answer to one text. A list of them makes a `pandas.DataFrame` as it is.

    Attributes:
        label: the likeliest label.
        p_neutral: its calibrated probability; the three sum to 1.
        p_supportive: as above.
        p_campaigning: as above.
        needs_review: that a side is taken, or that none is, is less sure than the label's threshold, or there was
            nothing to judge: ask a person.
        window: of a long text, the first character of the part that decided and one past its last; None where the
            text was read at once. Counts characters of what was judged, as given.
        judged: the text; its context (a like, share or follow without words); or nothing (a blank text).
        context_cut: the context was longer than the model reads and lost its end.
    """

    label: Label
    p_neutral: float
    p_supportive: float
    p_campaigning: float
    needs_review: bool
    window: tuple[int, int] | None = None
    judged: Judged = Judged.TEXT
    context_cut: bool = False

    @property
    def probabilities(self) -> dict[Label, float]:
        """The probability of each label, in the order of `LABELS`."""
        return dict(zip(LABELS, (self.p_neutral, self.p_supportive, self.p_campaigning), strict=True))

    @property
    def probability(self) -> float:
        """The probability of the label."""
        return self.probabilities[self.label]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, under the names of the fields."""
        return {
            "label": self.label.value,
            **{f"p_{label.value}": value for label, value in self.probabilities.items()},
            "needs_review": self.needs_review,
            "window": None if self.window is None else list(self.window),
            "judged": self.judged.value,
            "context_cut": self.context_cut,
        }

    def __repr__(self) -> str:
        shares = ", ".join(f"{label.value} {value:.3f}" for label, value in self.probabilities.items())
        more = ", needs review" if self.needs_review else ""
        if self.window is not None:
            more += f", characters {self.window[0]}-{self.window[1]}"
        if self.judged is not Judged.TEXT:
            more += f", judged {self.judged.value}"
        if self.context_cut:
            more += ", context cut"
        return f"Prediction({self.label.value}: {shares}{more})"


@dataclass(frozen=True)
class Scores:
    """The answers to n texts as arrays, in the order of the texts.

    Attributes:
        label_ids: shape (n,), index into `LABELS`.
        probabilities: shape (n, 3), in the order of `LABELS`.
        needs_review: shape (n,).
        blank: shape (n,), True where there was nothing to judge.
        windows: n times the part of a long text that decided, or None.
        from_context: shape (n,), True where the context was judged in the place of a text.
        context_cut: shape (n,), True where the context lost its end.
        logits: shape (n, 3), what the model said before any calibration of the text or window that decided; NaN where
            it said nothing (blank), or where more than its word decided (a like or follow).
        repeated: shape (n,), True where the answer was known already: all that the model reads of the row came before.
    """

    label_ids: npt.NDArray[np.int8]
    probabilities: npt.NDArray[np.float64]
    needs_review: npt.NDArray[np.bool_]
    blank: npt.NDArray[np.bool_]
    windows: list[tuple[int, int] | None]
    from_context: npt.NDArray[np.bool_]
    context_cut: npt.NDArray[np.bool_]
    logits: npt.NDArray[np.float64]
    repeated: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.label_ids)

    def predictions(self) -> Iterator[Prediction]:
        """The same answers one by one."""
        for row, (label_id, (neutral, supportive, campaigning)) in enumerate(
            zip(self.label_ids.tolist(), self.probabilities.tolist(), strict=True)
        ):
            judged = Judged.NOTHING if self.blank[row] else Judged.CONTEXT if self.from_context[row] else Judged.TEXT
            yield Prediction(
                LABELS[label_id],
                neutral,
                supportive,
                campaigning,
                bool(self.needs_review[row]),
                self.windows[row],
                judged,
                bool(self.context_cut[row]),
            )
