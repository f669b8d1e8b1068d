"""Leave-sources-out cross-validation: what a model does on sources that it has never seen.

Posts of one source share topics, authors, habits of collecting and of labelling. A model that saw a source's posts in
training knows these too, so that a random division into training and test posts flatters. Here every source is held
out as a whole, all posts are predicted by models that never saw their source, and all predictions are measured
together. With `compare_random` the same is done with random folds: the paired difference is what unseen sources cost.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netral_nlp import __version__
from netral_nlp.corpus.field_values import SHARE_COLUMNS
from netral_nlp.corpus.folds import Fold, FoldPlan, grouped_folds, random_folds
from netral_nlp.errors import ConfigError, InputError, MissingExtraError
from netral_nlp.evaluation.evaluate import content_sha256
from netral_nlp.evaluation.metrics import label_codes
from netral_nlp.evaluation.predictions import PROBABILITY_COLUMNS, Predictions
from netral_nlp.labels import LABELS
from netral_nlp.storage.durable import durable_file, replace, sha256_of, write_json
from netral_nlp.storage.lock import output_lock
from netral_nlp.training.config import TFIDF, TrainingConfig
from netral_nlp.training.data import hash_path
from netral_nlp.training.held_out import RANDOM, UNSEEN, CrossValidation, measure
from netral_nlp.training.run import RECORD
from netral_nlp.training.sources import read_sources

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

PREDICTIONS_FILE, RANDOM_FILE, CROSSVAL_FILE = "predictions.csv", "random-predictions.csv", "crossval.json"
NOT_STATED = "(not stated)"
"""The group of posts without a value."""

_PARTS = "parts"
_FILES = {UNSEEN: PREDICTIONS_FILE, RANDOM: RANDOM_FILE}
_SHORT = {UNSEEN: "fold", RANDOM: "random-fold"}
_DECIMALS = 6
"""Of probabilities: as many as scored files hold, so that measuring the file gives the same figures."""
_TRAINED_ON = ("id", "text", "label", "context", "weight", "unsure", "direction", *SHARE_COLUMNS)
# What a resumed run may change: where things lie, and what is not used here.
_FREE = frozenset({"output", "data", "labels", "hydrate", "base_model", "log_every"})
_UNRECORDED = frozenset({"resume", "overwrite", "keep_checkpoints", "export_onnx", "dev", "test", "replay"})


def cross_validate(
    config: TrainingConfig,
    *,
    by: str = "source",
    until: str | None = None,
    not_stated: str = "pooled",
    folds: int = 5,
    compare_random: bool = False,
    keep_texts: bool = False,
    keep_models: bool = False,
    resamples: int = 1000,
) -> CrossValidation:
    """Train and measure by leaving whole groups out.

    In each fold a model is trained on the other folds by `netral train`'s own code, its dev posts held out of its
    training posts, and predicts the posts held out. `config.data` is read whole; `config.dev` and `config.test` are
    not read. The models are scored through their full weights: no int8 model is made.

    `config.output` gets `predictions.csv`, `crossval.json` (with `compare_random` also `random-predictions.csv`),
    `training.yaml` (the settings) and `parts/` (each fold's predictions, for resuming). While a fold is trained, its
    training posts lie in `parts/` too.

    Args:
        config: how to train; `resume` goes on with the fold in which a run stopped, `overwrite` starts anew.
        by: the column whose values are never on two sides.
        until: group by the part of the value before this text, such as ":" of `repository:file`.
        not_stated: "pooled" makes one group of the posts without a value, "apart" makes each its own.
        folds: how many, at least 2.
        compare_random: also do it with random folds (near-same posts still together), and compare.
        keep_texts: put the texts into the predictions files.
        keep_models: keep the folds' model folders, `fold-1` and so on.
        resamples: bootstrap resamples behind each interval; 0 for none.

    Raises:
        ConfigError: the request cannot be carried out, or resume finds another run.
        InputError: the data cannot be used: no such column, fewer groups than folds, one label left to train on.
        ModelFolderError: the base model is missing or incomplete.
        MissingExtraError: a library of the extra [train] is not installed.
    """
    try:
        import scipy  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingExtraError("netral crossval", "train") from None
    if folds < 2 or resamples < 0 or not_stated not in ("pooled", "apart"):
        raise ConfigError("folds are at least 2, resamples 0 or more, not_stated is pooled or apart")
    if by in ("text", "label"):
        raise ConfigError(f"by: {by!r} is what the model reads or predicts; group by where posts come from")
    if config.teacher:
        raise ConfigError(
            "teacher: it has probably seen the posts that a fold holds out; leave teacher and unlabelled away"
        )
    if config.dev or config.test or config.replay:
        log.info("dev, test and replay are not read: each fold holds its own dev posts out of its training posts")

    output = Path(config.output).resolve()
    settings = {"by": by, "until": until, "not_stated": not_stated, "folds": folds}
    output.parent.mkdir(parents=True, exist_ok=True)
    with output_lock(output):
        posts = _read_posts(config, by, until, not_stated)
        run = _Run(config, output, posts, keep_models)
        plans = {UNSEEN: _plan(run, by, folds)}
        if compare_random:
            plans[RANDOM] = random_folds(run.texts, run.gold.tolist(), folds=folds, seed=config.seed)
        record = _begin(config, output, settings)
        answers = {name: run.predict(name, plan) for name, plan in plans.items()}
        predictions = {name: answer[0] for name, answer in answers.items()}
        log.info("measuring")
        found = measure(
            posts,
            by,
            plans,
            predictions,
            models={name: answer[1] for name, answer in answers.items()},
            stamp=_stamp(config, posts, record, resamples, compare_random),
            resamples=resamples,
            seed=config.seed,
        )
        for name, said in predictions.items():
            _write_predictions(output / _FILES[name], posts, plans[name].fold_of, said, keep_texts)
        document = found.to_dict()
        document["predictions_sha256"] = {_FILES[name]: sha256_of(output / _FILES[name]) for name in predictions}
        json.dumps(document, allow_nan=False)  # NaN is no JSON: better no file than one that others cannot read
        write_json(output / CROSSVAL_FILE, document, output / f".{CROSSVAL_FILE}.part")
    return found


# -- reading and preparing --------------------------------------------------------------------------------------------


def _read_posts(config: TrainingConfig, by: str, until: str | None, not_stated: str) -> pd.DataFrame:
    """Read all labelled posts; `context` is what the configuration names, `group` what is never divided."""
    posts = read_sources(config, [by], keep_dev=True).train
    if by not in posts.columns:
        known = ", ".join(repr(name) for name in posts.columns if name not in ("id", "text", "label"))
        raise InputError(
            f"{', '.join(config.data)}: no column {by!r} to group by; name another with --by "
            f"(known here: {known or 'none'})"
        )
    posts["group"] = _values(posts[by].tolist(), until, not_stated, config, by)
    return posts


def _values(cells: Sequence[object], until: str | None, not_stated: str, config: TrainingConfig, by: str) -> list[str]:
    """Return each post's group by name."""
    values: list[str] = []
    lacking = 0
    for row, cell in enumerate(cells):
        value = "" if cell is None else str(cell).strip()
        if until and value:
            value = value.partition(until)[0].strip() or value
        if not value:
            lacking += 1
            value = NOT_STATED if not_stated == "pooled" else f"{NOT_STATED} {row + 1}"
        values.append(value)
    if lacking == len(values):
        raise InputError(f"{', '.join(config.data)}: column {by!r} is empty in every row; group by another")
    if lacking:
        how = "are one group" if not_stated == "pooled" else "are each a group of their own"
        log.warning("%d of %d posts have no %s and %s", lacking, len(values), by, how)
    return values


def _begin(config: TrainingConfig, output: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make the folder ready: empty, or as a run of the same settings left it.

    Returns:
        What `training.yaml` holds.

    Raises:
        ConfigError: resume or overwrite meets something else.
    """
    import yaml

    values = {key: value for key, value in config.to_dict().items() if key not in _UNRECORDED}
    for key in ("data", "labels", "hydrate"):
        values[key] = [Path(path).name for path in getattr(config, key)]
    values["output"] = output.name
    if Path(config.base_model).is_dir():
        values["base_model"] = Path(config.base_model).resolve().name
    record = {
        "netral_nlp": __version__,
        "crossval": dict(settings),
        "config": values,
        "data_sha256": [hash_path(Path(path)) for path in _files(config)],
    }
    path = output / RECORD
    if output.is_dir() and any(output.iterdir()):
        if not (config.resume or config.overwrite):
            raise ConfigError(f"output: {output} exists and is not empty; name another folder, or resume or overwrite")
        stored = _stored(path)
        if stored is None:
            word = "resume" if config.resume else "overwrite"
            raise ConfigError(f"{word}: {output} holds no run of netral crossval; name another output")
        if config.resume:
            changed = [key for key in settings if stored["crossval"].get(key) != settings[key]]
            changed += [key for key in values if key not in _FREE and stored["config"].get(key) != values[key]]
            if stored["data_sha256"] != record["data_sha256"]:
                changed.append("content of data")
            if (stored["config"].get("base_model") == TFIDF) != config.is_tfidf:
                changed.append("base_model")
            if changed:
                raise ConfigError(
                    f"resume: the run in {output} was started with another {', '.join(changed)}; "
                    "use the same again, or start anew with overwrite"
                )
        else:
            for item in sorted(output.iterdir(), key=lambda item: item.name == RECORD):  # what marks it as ours last
                shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
    output.mkdir(exist_ok=True)
    part = output / f".{RECORD}.part"
    with durable_file(part) as file:
        file.write(yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=100).encode())
    replace(part, path)
    (output / _PARTS).mkdir(exist_ok=True)
    return record


def _files(config: TrainingConfig) -> list[str]:
    """Return the files that the folds' posts come from."""
    return [*config.data, *config.labels, *config.hydrate]


def _stored(path: Path) -> dict[str, Any] | None:
    """Read what an earlier run wrote of itself; None where it was no run of ours."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return document if {"crossval", "config", "data_sha256"} <= set(document) else None
    except (OSError, yaml.YAMLError, UnicodeDecodeError, TypeError):
        return None


def _plan(run: _Run, by: str, folds: int) -> FoldPlan:
    """Make the grouped folds, and say what is remarkable about them."""
    values = run.posts["group"].tolist()
    try:
        plan = grouped_folds(run.texts, run.gold.tolist(), values, folds=folds, seed=run.config.seed)
    except InputError as error:
        raise InputError(f"grouped by {by!r}: {error}") from None
    if plan.near_same == "dropped":
        log.warning(
            "near-same posts link too many values of %s: each stays a group of its own, and %d near-same copies of "
            "held-out posts are left out of training (summed over the folds)",
            by, plan.dropped,
        )  # fmt: skip
    elif plan.joined:
        log.info("%d values of %s share near-same posts and are held out with each other", plan.joined, by)
    if (largest := np.bincount(plan.groups).max()) * 2 > len(values):
        log.warning(
            "one group holds %d of %d posts: the fold that holds it out trains on the rest", largest, len(values)
        )
    present = set(run.gold.tolist())
    for fold in plan.folds:
        for what, rows in (("held-out", fold.held_out), ("training", fold.train)):
            there = set(run.gold[rows].tolist())
            absent = [label.value for label in LABELS if label.severity in present - there]
            if absent:
                log.warning("fold %d has no %s post that is %s", fold.number, what, " or ".join(absent))
    return plan


# -- training and predicting ------------------------------------------------------------------------------------------


class _Run:
    """Trains the folds' models and collects what they say."""

    def __init__(self, config: TrainingConfig, output: Path, posts: pd.DataFrame, keep_models: bool) -> None:
        self.config = config
        self.output = output
        self.posts = posts
        self.keep_models = keep_models
        self.texts: list[str] = posts["text"].tolist()
        self.gold = label_codes(posts["label"].tolist())

    def predict(self, name: str, plan: FoldPlan) -> tuple[Predictions, dict[str, Any]]:
        """Have every post predicted by the model that never saw it.

        Returns:
            The predictions in input order, and what the models were made with.
        """
        labels = np.zeros(len(self.posts), dtype=np.int64)
        chances = np.zeros((len(self.posts), len(LABELS)))
        review = np.zeros(len(self.posts), dtype=bool)
        models: dict[str, Any] = {}
        for fold in plan.folds:
            saved = self._fold(name, fold, len(plan.folds))
            labels[fold.held_out] = saved["labels"]
            chances[fold.held_out] = saved["probabilities"]
            review[fold.held_out] = saved["needs_review"]
            if models and models["base_sha256"] != saved["model"]["base_sha256"]:
                raise ConfigError("resume: base_model is not the one that earlier folds began with; use overwrite")
            models = models or saved["model"]
        return Predictions(labels, chances, review), models

    def _fold(self, name: str, fold: Fold, count: int) -> dict[str, Any]:
        """Return what a fold's model says: as saved, or trained and saved now."""
        stem = f"{_SHORT[name]}-{fold.number}"
        part = self.output / _PARTS / f"{stem}.json"
        data = self.output / _PARTS / f"{stem}.jsonl"
        folder = self.output / stem
        if part.is_file():
            saved = _read_part(part, fold)
            log.info("%s %d of %d is done already", _SHORT[name], fold.number, count)
        else:
            log.info(
                "%s %d of %d: %d posts to train on, %d held out",
                _SHORT[name], fold.number, count, len(fold.train), len(fold.held_out),
            )  # fmt: skip
            self._train(fold, data, folder)
            saved = self._score(fold, folder)
            scratch = part.with_suffix(".part")
            with durable_file(scratch) as file:
                file.write(json.dumps(saved, allow_nan=False).encode() + b"\n")
            replace(scratch, part)
        data.unlink(missing_ok=True)
        if not self.keep_models and folder.exists():
            shutil.rmtree(folder)
        return saved

    def _train(self, fold: Fold, data: Path, folder: Path) -> None:
        from netral_nlp.training.finetune import train

        rows = self.posts.iloc[fold.train]
        columns = [name for name in _TRAINED_ON if name in rows.columns]
        with data.open("w", encoding="utf-8", newline="\n") as file:
            for cells in zip(*(rows[name].tolist() for name in columns), strict=True):
                post = {name: cell for name, cell in zip(columns, cells, strict=True) if cell is not None}
                file.write(json.dumps(post) + "\n")
        if folder.exists() and not TrainingConfig.is_run_folder(folder):
            shutil.rmtree(folder)  # stopped before it had begun
        train(
            dataclasses.replace(
                self.config,
                data=[str(data)],
                labels=[],
                hydrate=[],
                replay=[],
                use_split=False,
                dev=[],
                test={},
                output=str(folder),
                text_column=None,
                label_column=None,
                context_column="context",
                export_onnx=False,
                keep_checkpoints=False,
                resume=True,
                overwrite=False,
            )
        )

    def _score(self, fold: Fold, folder: Path) -> dict[str, Any]:
        import yaml

        from netral_nlp.inference.classifier import NeutralityClassifier

        rows = self.posts.iloc[fold.held_out]
        classifier = NeutralityClassifier.from_pretrained(folder, threads=self.config.threads or None)
        found = classifier.score(
            rows["text"].tolist(),
            contexts=rows["context"].tolist() if "context" in rows.columns else None,
            actions=rows["action"].tolist() if "action" in rows.columns else None,
        )
        made = yaml.safe_load((folder / RECORD).read_text(encoding="utf-8"))
        return {
            "rows": fold.held_out.tolist(),
            "labels": found.label_ids.tolist(),
            "probabilities": np.round(found.probabilities, _DECIMALS).tolist(),
            "needs_review": found.needs_review.tolist(),
            "model": {
                "backend": classifier.backend,
                "base_sha256": made["base_sha256"],
                "netral_nlp": made["netral_nlp"],
                "versions": made["versions"],
            },
        }


def _read_part(path: Path, fold: Fold) -> dict[str, Any]:
    """Read a finished fold's predictions.

    Raises:
        ConfigError: they are damaged, or of other posts.
    """
    try:
        saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sizes = {len(saved[name]) for name in ("rows", "labels", "probabilities", "needs_review")}
        whole = sizes == {len(saved["rows"])} and "base_sha256" in saved["model"]
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise ConfigError(f"resume: {path} is damaged; remove it and resume again")
    if saved["rows"] != fold.held_out.tolist():
        raise ConfigError(
            f"resume: {path} holds predictions of other posts (another version of scikit-learn divides otherwise); "
            "start anew with overwrite"
        )
    return saved


# -- measuring and writing --------------------------------------------------------------------------------------------


def _stamp(
    config: TrainingConfig, posts: pd.DataFrame, record: Mapping[str, Any], resamples: int, compare_random: bool
) -> dict[str, Any]:
    """Return what it takes to repeat the run."""
    files = zip(_files(config), record["data_sha256"], strict=True)
    return {
        "netral_nlp": __version__,
        "crossval": {**record["crossval"], "compare_random": compare_random},
        "config": record["config"],
        "data": {
            "posts": len(posts),
            "sha256": content_sha256(posts),
            "files": [{"file": Path(path).name, "sha256": digest} for path, digest in files],
        },
        "seed": config.seed,
        "resamples": resamples,
    }


def _write_predictions(
    path: Path, posts: pd.DataFrame, fold_of: npt.NDArray[np.int64], predictions: Predictions, keep_texts: bool
) -> None:
    """Write the predictions in input order, as `netral evaluate --predictions` reads them."""
    import pyarrow as pa

    from netral_nlp.formats import open_writer

    ids = posts["id"].tolist()
    said: dict[str, Any] = {}
    torn = sum(said.setdefault(name, predictions.key(row)) != predictions.key(row) for row, name in enumerate(ids))
    if torn and not keep_texts:
        log.warning(
            "%d posts share their id with a post that is predicted otherwise: netral evaluate cannot match them "
            "without the texts; give keep_texts, or ids of their own",
            torn,
        )
    columns: dict[str, Any] = {"id": pa.array(ids, pa.string())}
    if keep_texts:
        columns["text"] = pa.array(posts["text"].tolist(), pa.string())
    columns |= {
        "gold": pa.array([label.value for label in posts["label"]], pa.string()),
        "group": pa.array(posts["group"].tolist(), pa.string()),
        "fold": pa.array(fold_of),
        "label": pa.array([LABELS[code].value for code in predictions.labels], pa.string()),
    }
    if predictions.probabilities is not None and predictions.needs_review is not None:
        columns |= {
            name: pa.array(cells) for name, cells in zip(PROBABILITY_COLUMNS, predictions.probabilities.T, strict=True)
        }
        columns["needs_review"] = pa.array(predictions.needs_review)
    batch = pa.RecordBatch.from_pydict(columns)
    part = path.with_name(f".{path.name}.part")
    with open_writer(part, batch.schema, format="csv") as writer:
        writer.write(batch)
    replace(part, path)
