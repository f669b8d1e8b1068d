"""The TF-IDF baseline: learnt, saved as JSON and arrays, loaded, scored through the same commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from training_support import make_posts, settings, write_posts

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.errors import ModelFolderError
from netral_nlp.inference.linear import BLOCKS, LinearBackend, LinearModel
from netral_nlp.labels import LABELS
from netral_nlp.training.baseline import fit_linear
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.data import Posts
from netral_nlp.training.finetune import train


def as_posts(rows: list[dict[str, object]]) -> Posts:
    order = {label.value: index for index, label in enumerate(LABELS)}
    labels = [order[str(row["label"])] for row in rows]
    texts = [str(row["text"]) for row in rows]
    return Posts(texts, [None] * len(rows), labels, [1.0] * len(rows), [None] * len(rows), [-1] * len(rows))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    write_posts(folder / "posts.jsonl", make_posts(240))
    write_posts(folder / "dev.jsonl", make_posts(60, seed=5))
    return folder


@pytest.fixture(scope="module")
def config(home: Path) -> TrainingConfig:
    values = settings("tfidf", home / "posts.jsonl", home / "model", dev=[str(home / "dev.jsonl")])
    return TrainingConfig.read(None, values)


@pytest.fixture(scope="module")
def model(config: TrainingConfig) -> Path:
    return train(config)


def test_the_folder_holds_json_and_arrays_and_no_pickle(model: Path) -> None:
    names = {path.name for path in model.iterdir()}
    assert names == {
        "README.md", "config.json", "decision.json", "metrics.json", "normaliser.json", "training.yaml",
        "vocabulary.json", "weights.npz",
    }  # fmt: skip
    with np.load(model / "weights.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype == np.float32 for name in arrays.files)
    assert json.loads((model / "config.json").read_text(encoding="utf-8"))["model_type"] == "netral-tfidf"
    assert json.loads((model / "decision.json").read_text(encoding="utf-8"))["fitted_on"]["backend"] == "linear"
    assert "library_name: netral-nlp" in (model / "README.md").read_text(encoding="utf-8")


def test_it_scores_through_the_same_commands(model: Path, home: Path, tmp_path: Path) -> None:
    output = tmp_path / "scored.jsonl"
    assert main(["score", str(home / "dev.jsonl"), "-o", str(output), "--model", str(model), "--quiet"]) == 0
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    gold = [post["label"] for post in make_posts(60, seed=5)]
    assert sum(row["label"] == label for row, label in zip(rows, gold, strict=True)) > 50
    assert main(["predict", "--model", str(model), "Jangan lupa coblos nomor 2"]) == 0
    assert main(["evaluate", "--model", str(model), "--data", str(home / "dev.jsonl"), "--resamples", "0"]) == 0


def test_loading_gives_back_what_was_learnt(config: TrainingConfig, tmp_path: Path) -> None:
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    posts, texts = as_posts(make_posts(240)), [str(post["text"]) for post in make_posts(30, seed=8)]
    fit_linear(posts, config).save(tmp_path)
    found = LinearBackend(tmp_path).logits([(text, None) for text in texts])
    assert found.dtype == np.float32
    blocks = [
        TfidfVectorizer(
            lowercase=False, sublinear_tf=True, min_df=2, **{**block, "ngram_range": tuple(block["ngram_range"])}
        )
        for block in BLOCKS.values()
    ]
    learnt = LogisticRegression(class_weight="balanced", max_iter=1000).fit(
        hstack([block.fit_transform(posts.texts) for block in blocks]), posts.labels
    )
    expected = learnt.decision_function(hstack([block.transform(texts) for block in blocks]))
    found, expected = (scores - scores.mean(axis=1, keepdims=True) for scores in (found, expected))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_hand_signs_and_lone_digits_are_features(config: TrainingConfig) -> None:
    words = fit_linear(as_posts(make_posts(240)), config).vocabulary["words"]
    assert "☝" in words
    assert any(word.isdigit() and len(word) == 1 for word in words)


def test_the_context_is_not_read(model: Path) -> None:
    backend = LinearBackend(model)
    alone, answered = backend.logits([("gas terus", None), ("gas terus", "deklarasi relawan paslon dua")])
    assert alone.tolist() == answered.tolist()
    assert backend.logits([]).shape == (0, 3)


@pytest.mark.parametrize("labels", [(0, 1), (0, 2), (1, 2)])
def test_a_label_that_was_never_seen_is_never_said(
    config: TrainingConfig, tmp_path: Path, labels: tuple[int, int]
) -> None:
    posts = as_posts(make_posts(240))
    posts = posts.take([row for row, label in enumerate(posts.labels) if label in labels])
    fit_linear(posts, config).save(tmp_path)
    guesses = LinearBackend(tmp_path).logits([(text, None) for text in posts.texts]).argmax(axis=1)
    assert set(guesses) == set(labels)
    assert (guesses == posts.labels).mean() > 0.95


def test_training_is_repeatable(config: TrainingConfig) -> None:
    one, other = (fit_linear(as_posts(make_posts(240)), config) for _ in range(2))
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.vocabulary == other.vocabulary


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "weights.npz"])
def test_a_missing_or_damaged_file_is_named(config: TrainingConfig, tmp_path: Path, name: str) -> None:
    fit_linear(as_posts(make_posts(60)), config).save(tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelFolderError, match=name):
        LinearModel.load(tmp_path)
    path.unlink()
    with pytest.raises(ModelFolderError, match=f"{name} is missing"):
        LinearModel.load(tmp_path)


def test_arrays_of_another_vocabulary_are_refused(config: TrainingConfig, tmp_path: Path) -> None:
    fit_linear(as_posts(make_posts(60)), config).save(tmp_path)
    terms = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    terms["words"].append("lebih")
    (tmp_path / "vocabulary.json").write_text(json.dumps(terms), encoding="utf-8")
    with pytest.raises(ModelFolderError, match="does not fit"):
        LinearModel.load(tmp_path)


def test_a_pickle_in_the_arrays_is_not_loaded(config: TrainingConfig, tmp_path: Path) -> None:
    fit_linear(as_posts(make_posts(60)), config).save(tmp_path)
    with np.load(tmp_path / "weights.npz") as arrays:
        values = {name: arrays[name] for name in arrays.files}
    values["weights"] = np.array([{"bukan": "angka"}], dtype=object)
    np.savez(tmp_path / "weights.npz", **values)
    with pytest.raises(ModelFolderError, match="damaged"):
        LinearModel.load(tmp_path)


def test_the_classifier_opens_it(model: Path) -> None:
    classifier = NeutralityClassifier.from_pretrained(model)
    assert classifier.backend == "linear"
    assert classifier.predict("Ayo warga kumpul di lapangan, deklarasi relawan, kaos gratis").label == "campaigning"
