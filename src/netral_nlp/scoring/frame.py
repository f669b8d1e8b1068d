"""A pandas table in, the same table with its labels out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS
from netral_nlp.scoring.assemble import renamings
from netral_nlp.scoring.chunk import ADDED

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.inference.classifier import NeutralityClassifier


def score_frame(
    frame: pd.DataFrame,
    classifier: NeutralityClassifier,
    *,
    text: str = "text",
    context: str | None = None,
    action: str | None = None,
) -> pd.DataFrame:
    """Label a table that is in memory, with the columns that `netral score` adds.

    Args:
        frame: posts, one a row; it stays as it is.
        classifier: the model.
        text: the column with the posts' text.
        context: the column with what they answer.
        action: the column that says what was done.

    Returns:
        A copy with the same index; a column whose name we need is kept as `NAME_input`.

    Raises:
        InputError: there is no such column, or an unknown action.
    """
    for name in (text, context, action):
        if name is not None and name not in frame.columns:
            raise InputError(f"no column {name!r}; the columns are {', '.join(map(str, frame.columns))}")
    scores = classifier.score(
        frame[text], None if context is None else frame[context], None if action is None else frame[action]
    )
    values = [[LABELS[index].value for index in scores.label_ids], *scores.probabilities.T, scores.needs_review]
    renamed = frame.rename(columns=renamings(list(frame.columns), list(ADDED)))
    return renamed.assign(**dict(zip(ADDED, values, strict=True)))
