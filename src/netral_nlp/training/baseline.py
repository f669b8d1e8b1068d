"""The linear baseline: TF-IDF of words and characters under a logistic regression."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from netral_nlp.errors import MissingExtraError
from netral_nlp.inference.decision import Decision
from netral_nlp.inference.linear import BLOCKS, LinearModel, make_vectoriser
from netral_nlp.labels import LABELS
from netral_nlp.text import Normaliser
from netral_nlp.training.config import TFIDF, TrainingConfig
from netral_nlp.training.data import Posts, class_weights, load_data
from netral_nlp.training.run import Run

log = logging.getLogger(__name__)

_NEVER = -30.0  # the logit of a label that no training post has


def train_tfidf(config: TrainingConfig) -> Path:
    """Train the baseline and write its model folder.

    Args:
        config: The run; keys of the encoder's training are not read.

    Returns:
        The model folder.

    Raises:
        ConfigError: resume finds another run.
        InputError: the data cannot be used.
        MissingExtraError: scikit-learn is not installed.
    """
    from netral_nlp.training.assemble import complete

    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtraError("the TF-IDF baseline", "train") from None
    run = Run.begin(config, {}, None)
    if run.is_finished:
        log.info("%s is finished already: nothing to do", run.output)
        run.clear_up()
        return run.output
    normaliser = Normaliser.named("netral" if config.normaliser == "auto" else config.normaliser)
    data = load_data(config, normaliser)
    run.prepare()
    log.info("%d posts to train on, %d dev posts; TF-IDF and logistic regression", len(data.train), len(data.dev))
    model = fit_linear(data.train, config)
    folder = run.stage()
    model.save(folder)
    normaliser.save(folder)
    Decision.default().save(folder)  # a folder without one does not open
    return complete(config, run, folder, data, base_name=TFIDF, training={})


def fit_linear(posts: Posts, config: TrainingConfig) -> LinearModel:
    """Learn features and weights.

    Args:
        posts: Normalised posts.
        config: Class weights (balanced unless said otherwise), `tfidf_c`, `seed`.
    """
    from scipy.sparse import hstack
    from sklearn.linear_model import LogisticRegression

    fewest = 2 if len(posts) >= 200 else 1  # a feature of one post says nothing, unless posts are few
    vectorisers = {name: make_vectoriser(settings, min_df=fewest) for name, settings in BLOCKS.items()}
    features = hstack([vectoriser.fit_transform(posts.texts) for vectoriser in vectorisers.values()]).tocsr()
    per_class = class_weights(config.class_weights, posts, auto="balanced")
    regression = LogisticRegression(C=config.tfidf_c, max_iter=1000, random_state=config.seed)
    rows, labels, weights = _weighted(posts, per_class)
    regression.fit(features[rows] if len(rows) != len(posts) else features, labels, sample_weight=weights)
    coefficients = np.zeros((len(LABELS), features.shape[1]), dtype=np.float32)
    bias = np.full(len(LABELS), _NEVER, dtype=np.float32)
    present = list(regression.classes_)
    if len(present) == 2:  # scikit-learn keeps one row then: the second class against the first
        bias[present] = 0.0, float(regression.intercept_[0])
        coefficients[present[1]] = regression.coef_[0]
    else:
        bias[present] = regression.intercept_
        coefficients[present] = regression.coef_
    return LinearModel(
        settings=BLOCKS,
        vocabulary={name: _terms(vectoriser) for name, vectoriser in vectorisers.items()},
        idf={name: np.asarray(vectoriser.idf_, dtype=np.float32) for name, vectoriser in vectorisers.items()},
        weights=coefficients,
        bias=bias,
    )


def _weighted(posts: Posts, per_class: list[float]) -> tuple[list[int], list[int], list[float]]:
    """Return rows, labels and weights: a post with soft labels stands once for each, with its share of the weight."""
    said = [
        (row, label, weight * part * per_class[label])
        for row, (weight, own, shares) in enumerate(zip(posts.weights, posts.labels, posts.shares, strict=True))
        for label, part in (enumerate(shares) if shares else [(own, 1.0)])
        if part
    ]
    rows, labels, weights = zip(*said, strict=True)
    return list(rows), list(labels), list(weights)


def _terms(vectoriser: Any) -> list[str]:
    return [str(term) for term in vectoriser.get_feature_names_out()]
