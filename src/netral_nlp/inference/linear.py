"""The linear baseline: TF-IDF of words and characters, weights by feature and label; JSON and npz, no pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import MissingExtraError, ModelFolderError
from netral_nlp.labels import LABELS

MODEL_TYPE = "netral-tfidf"
CONFIG = "config.json"
VOCABULARY = "vocabulary.json"
WEIGHTS = "weights.npz"
FILES = (CONFIG, VOCABULARY, WEIGHTS)
"""What a folder holds beside what every model folder holds."""

BLOCKS: Mapping[str, Mapping[str, Any]] = {
    # Every sign counts as a word: a lone 2 or ☝ takes a side.
    "words": {"analyzer": "word", "ngram_range": [1, 2], "token_pattern": r"\w+|[^\w\s]"},
    "characters": {"analyzer": "char_wb", "ngram_range": [2, 5]},
}
"""The two blocks of features, as settings of scikit-learn's `TfidfVectorizer`."""


@dataclass(frozen=True)
class LinearModel:
    """Everything that the baseline learnt.

    Attributes:
        settings: For each block its vectoriser's settings.
        vocabulary: For each block its features, in the order of its columns.
        idf: For each block the inverse document frequency of its features.
        weights: (3, features) over all blocks side by side, in the order of `LABELS`.
        bias: (3,).
    """

    settings: Mapping[str, Mapping[str, Any]]
    vocabulary: Mapping[str, Sequence[str]]
    idf: Mapping[str, npt.NDArray[np.float32]]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    def save(self, folder: Path) -> None:
        """Write `config.json`, `vocabulary.json` and `weights.npz` into a folder."""
        config = {
            "model_type": MODEL_TYPE,
            "id2label": {str(index): label.value for index, label in enumerate(LABELS)},
            "label2id": {label.value: index for index, label in enumerate(LABELS)},
            "blocks": {name: dict(settings) for name, settings in self.settings.items()},
            "features": {name: len(terms) for name, terms in self.vocabulary.items()},
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        terms = {name: list(terms) for name, terms in self.vocabulary.items()}
        (folder / VOCABULARY).write_text(json.dumps(terms, ensure_ascii=False) + "\n", encoding="utf-8")
        arrays = {f"idf_{name}": values for name, values in self.idf.items()}
        with (folder / WEIGHTS).open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, weights=self.weights, bias=self.bias, **arrays)

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """Read what `save` wrote.

        Raises:
            ModelFolderError: a file is missing, damaged, or does not fit the others.
        """
        config, terms = _read_json(folder / CONFIG), _read_json(folder / VOCABULARY)
        path = folder / WEIGHTS
        if config.get("model_type") != MODEL_TYPE:
            raise ModelFolderError(f"{folder / CONFIG}: model_type is {config.get('model_type')!r}, not {MODEL_TYPE}")
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                idf = {name: arrays[f"idf_{name}"].astype(np.float32) for name in config["blocks"]}
                weights, bias = arrays["weights"].astype(np.float32), arrays["bias"].astype(np.float32)
        except FileNotFoundError:
            raise ModelFolderError(f"{path} is missing; the model folder is incomplete") from None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelFolderError(
                f"{path} is damaged ({type(error).__name__}); copy or train the model again"
            ) from None
        sizes = {name: len(terms.get(name, ())) for name in config["blocks"]}
        if {name: len(values) for name, values in idf.items()} != sizes or weights.shape != (
            len(LABELS),
            sum(sizes.values()),
        ):
            raise ModelFolderError(f"{path} does not fit {folder / VOCABULARY}; copy or train the model again")
        return cls(config["blocks"], {name: terms[name] for name in sizes}, idf, weights, bias)


class LinearBackend:
    """Scores with a folder of the linear baseline. Safe to share between threads.

    Contexts are not read: a bag of words cannot tell whose word it is. A comment such as "Gas!" is judged by itself.
    """

    def __init__(self, folder: Path) -> None:
        """Load the model.

        Args:
            folder: The model folder.

        Raises:
            ModelFolderError: it is incomplete or damaged.
            MissingExtraError: scikit-learn is not installed.
        """
        model = LinearModel.load(Path(folder))
        self._vectorisers = []
        for name, settings in model.settings.items():
            vectoriser = make_vectoriser(settings, model.vocabulary[name])
            vectoriser.idf_ = model.idf[name]
            self._vectorisers.append(vectoriser)
        self._weights = np.ascontiguousarray(model.weights.T)
        self._bias = model.bias

    def logits(self, pairs: Sequence[tuple[str, str | None]]) -> npt.NDArray[np.float32]:
        """Score normalised posts.

        Args:
            pairs: Text and context, normalised; the context is not read.

        Returns:
            Shape (n, 3), in the order of `LABELS`.
        """
        if not pairs:
            return np.zeros((0, len(LABELS)), dtype=np.float32)
        texts = [text for text, _ in pairs]
        scores = np.tile(self._bias, (len(texts), 1))
        start = 0
        for vectoriser in self._vectorisers:
            features = vectoriser.transform(texts)
            scores += features @ self._weights[start : start + features.shape[1]]
            start += features.shape[1]
        return np.asarray(scores, dtype=np.float32)


def make_vectoriser(settings: Mapping[str, Any], vocabulary: Sequence[str] | None = None, **more: Any) -> Any:
    """A `TfidfVectorizer` of one block.

    Args:
        settings: The block's settings.
        vocabulary: Its features in order; None learns them.
        more: Further settings that matter for learning only.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise MissingExtraError("the TF-IDF baseline", "train") from None
    values = {**settings, "ngram_range": tuple(settings["ngram_range"])}
    if vocabulary is not None:
        values["vocabulary"] = {term: column for column, term in enumerate(vocabulary)}
    return TfidfVectorizer(lowercase=False, sublinear_tf=True, dtype=np.float32, **values, **more)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFolderError(f"{path} is missing; the model folder is incomplete") from None
    except ValueError as error:
        raise ModelFolderError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise ModelFolderError(f"{path} must hold a JSON object")
    return document
