"""Labels that are likely wrong, by a model that has not seen the posts: a list to check, never a change."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.evaluation.metrics import check_probabilities, label_codes
from netral_nlp.labels import LABELS, Label

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_POSTS = 100
"""With fewer posts the light model of `held_out_probabilities` learns too little to doubt a label."""
LEAST_PER_LABEL = 5
HARDLY = 0.05
"""A label to which a model gives less than this is worth a look."""

_FOLDS = 5
_MOST_LEARNT_FROM = 10_000
_SEED = 20241127


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """A label that is likely wrong.

    Attributes:
        row: the post's position (from 0).
        given: the label that it has.
        likely: the label that the model holds most probable among the others.
        score: how likely the given label is wrong, 0 to 1: above 0.5 the model prefers `likely`, at 1 it is certain
            (1 minus cleanlab's normalised margin).
    """

    row: int
    given: Label
    likely: Label
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready; `row` counts from 1, as in messages."""
        return {"row": self.row + 1, "given": self.given.value, "likely": self.likely.value, "score": self.score}


def likely_wrong_labels(
    gold: Sequence[object] | npt.NDArray[Any], probabilities: npt.ArrayLike, *, limit: int | None = None
) -> tuple[LabelProblem, ...]:
    """Find labels that are likely wrong, by a model's probabilities.

    The model must not have been trained on these posts: it would repeat their mistakes. What is listed is what
    cleanlab's confident learning (`prune_by_noise_rate`) picks, and every label to which the model gives less than 5 %:
    where a model is sure of nearly everything, confident learning alone overlooks single mistakes. Model mistakes are
    among the list, so it is a list to check.

    Args:
        gold: n labels: names, `Label` or severities 0, 1, 2. Labels that do not occur are no hindrance.
        probabilities: (n, 3) in the order of `LABELS`.
        limit: at most this many; None for all.

    Returns:
        The likely wrong ones, the surest first.

    Raises:
        InputError: there are no posts, lengths differ, a label or a probability is none, or limit is negative.
        MissingExtraError: cleanlab is not installed.
    """
    if limit is not None and limit < 0:
        raise InputError(f"limit is 0 or more; got {limit}")
    truth = label_codes(gold)
    if not len(truth):
        raise InputError("no posts whose labels could be checked")
    chances = check_probabilities(probabilities, len(truth))
    chances = chances / chances.sum(axis=1, keepdims=True)
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        raise MissingExtraError("finding likely wrong labels", "train") from None
    # cleanlab prints and warns about what its caller cannot help (few posts, a label without posts).
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        picked = np.zeros(len(truth), dtype=bool)
        if len(np.unique(truth)) > 1:  # with one label only, confident learning has nothing to tell apart
            picked |= find_label_issues(truth, chances, filter_by="prune_by_noise_rate", n_jobs=1)
        quality = get_label_quality_scores(truth, chances, method="normalized_margin")
    rows = np.arange(len(truth))
    others = chances.copy()
    others[rows, truth] = -1.0
    likely = others.argmax(axis=1)
    picked = (picked | (chances[rows, truth] < HARDLY)) & (likely != truth)
    found = [
        LabelProblem(int(row), LABELS[truth[row]], LABELS[likely[row]], float(1 - quality[row]))
        for row in np.flatnonzero(picked)
    ]
    return tuple(sorted(found, key=lambda one: (-one.score, one.row))[:limit])


def held_out_probabilities(texts: Sequence[str], labels: Sequence[Label], groups: Sequence[int]) -> FloatArray:
    """Let a light model read each post without having learnt from it, or from a near-same one.

    TF-IDF of words and pairs of words under a logistic regression, in five folds that keep groups whole. Each fold
    learns from at most 10,000 posts, so that the time stays bounded. The model is weak (0.77 accuracy on 13,432 public
    posts), and its doubts are worth something only where they are strong: when 3 % of these labels were changed at
    random, 307 got less than `HARDLY`, 56 % of them changed ones, which are 43 % of all that were changed.

    Args:
        texts: n posts, normalised; with the context, where there is one.
        labels: n labels.
        groups: (n,) posts of one group are held out together.

    Returns:
        (n, 3) probabilities in the order of `LABELS`.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("finding likely wrong labels", "train") from None
    codes = label_codes(list(labels))
    features = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", min_df=2, sublinear_tf=True, max_features=200_000,
        dtype=np.float32,
    ).fit_transform(texts)  # fmt: skip
    chance = np.random.default_rng(_SEED)
    fold_of = _folds(np.asarray(groups, dtype=np.int64), codes, chance)
    chances = np.zeros((len(codes), len(LABELS)))
    for fold in range(_FOLDS):
        held_out = np.flatnonzero(fold_of == fold)
        rest = np.flatnonzero(fold_of != fold)
        if not held_out.size:
            continue
        if len(rest) > _MOST_LEARNT_FROM:
            rest = np.sort(chance.choice(rest, _MOST_LEARNT_FROM, replace=False))
        present = np.unique(codes[rest])
        if len(present) < 2:
            chances[np.ix_(held_out, present)] = 1.0
            continue
        regression = LogisticRegression(C=5.0, max_iter=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(features[rest], codes[rest])
        chances[np.ix_(held_out, regression.classes_)] = regression.predict_proba(features[held_out])
    return chances


def _folds(groups: IntArray, codes: IntArray, chance: np.random.Generator) -> IntArray:
    """Return a fold for each post: groups whole, dealt out label by label so that each keeps its share."""
    firsts, members = np.unique(groups, return_inverse=True)
    first_label = np.zeros(len(firsts), dtype=np.int64)
    first_label[members[::-1]] = codes[::-1]
    order = np.lexsort((chance.permutation(len(firsts)), first_label))
    dealt = np.empty(len(firsts), dtype=np.int64)
    dealt[order] = np.arange(len(firsts)) % _FOLDS
    folds: IntArray = dealt[members]
    return folds


def model_probabilities(
    model: str, texts: Sequence[str], contexts: Sequence[str], actions: Sequence[str]
) -> FloatArray:
    """Let a trained model read posts. One that was trained on them repeats their mistakes.

    Args:
        model: a model folder or hub id.
        texts: n posts.
        contexts: n contexts, blank where there is none.
        actions: n actions, blank where not known; unknown names count as not known.

    Returns:
        (n, 3) probabilities in the order of `LABELS`.

    Raises:
        ModelFolderError: there is no such model, or it is incomplete.
    """
    from netral_nlp.inference.actions import Action
    from netral_nlp.inference.classifier import NeutralityClassifier

    known = {action.value for action in Action}
    classifier = NeutralityClassifier.from_pretrained(model)
    scores = classifier.score(
        texts,
        [context or None for context in contexts],
        [action if action in known else None for action in actions],
    )
    return np.asarray(scores.probabilities, dtype=np.float64)
