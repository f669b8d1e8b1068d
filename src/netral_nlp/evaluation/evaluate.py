"""One evaluation from end to end: a model, or a file of predictions, against labelled posts."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netral_nlp import __version__
from netral_nlp.corpus.labelled import KNOWN_COLUMNS, read_labelled
from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.evaluation.compare import Comparison, compare_many
from netral_nlp.evaluation.coverage import RiskCoverage, risk_coverage
from netral_nlp.evaluation.fairness import Fairness, measure_fairness, read_templates
from netral_nlp.evaluation.faithfulness import FEWEST_WORDS, Faithfulness, faithfulness
from netral_nlp.evaluation.halves import HalvesCheck, check_by_halves, logits_of
from netral_nlp.evaluation.label_problems import LabelProblems, find_label_problems
from netral_nlp.evaluation.metrics import Metrics, evaluate
from netral_nlp.evaluation.options import EvaluationOptions
from netral_nlp.evaluation.predictions import PROBABILITY_COLUMNS, Predictions
from netral_nlp.evaluation.prevalence import STATED_PREVALENCES, Flagging, restate_precision
from netral_nlp.evaluation.slices import SLICE_COLUMNS, Slice, slice_metrics
from netral_nlp.evaluation.subjects import Subject, file_sha256, file_subject, model_subject, named, open_subject
from netral_nlp.evaluation.suite_data import read_names, suites_folder
from netral_nlp.evaluation.suites import SuiteResults, read_suites, run_suites
from netral_nlp.evaluation.traits import NO_VALUES
from netral_nlp.inference.explain import Explanation, explain_many, word_spans
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    import pandas as pd

    from netral_nlp.inference.backends import BackendName
    from netral_nlp.inference.classifier import NeutralityClassifier

SCHEMA = 2
"""Version of what `Evaluation.to_dict` returns and metrics.json holds."""

CHECKED_TARGETS = (0.1, 0.05, 0.02, 0.01)
"""Shares of neutral posts accused without review for which the price in reviewed posts is told."""

_DEFAULT_TARGET = 0.05
_LIBRARIES = ("numpy", "pandas", "onnxruntime", "tokenizers", "torch", "transformers", "sklearn", "cleanlab")


@dataclass(frozen=True)
class Evaluation:
    """What was measured, on what, and how it came out.

    Attributes:
        name: of the model or the predictions file, for headings.
        metrics: the figures over all posts.
        slices: the same for parts of the data.
        posts: one row a post: id, text, context, gold and predicted label, p_* and needs_review where known, and the
            columns that were sliced by. Never written to metrics.json.
        stamp: model or predictions, data, versions, seed: what it takes to repeat this.
        flagging: precision among flagged posts at other prevalences: all flagged posts, then those that are not handed
            to review.
        coverage: mistakes that remain when the least sure posts go to a person; None without probabilities.
        halves: decisions fitted on one half and measured on the other, by their target, the asked-for target first;
            empty without probabilities.
        suites: None where not asked for, or where nobody can answer them.
        fairness: None where not asked for.
        problems: what to look at again in the labels; None where not asked for.
        comparisons: this subject against each other one.
        explanations: of the worst mistakes, by row of `posts`.
        faithfulness: whether such explanations hold; None where not asked for.
        notes: what was asked for and could not be done, and why.
    """

    name: str
    metrics: Metrics
    slices: tuple[Slice, ...]
    posts: pd.DataFrame
    stamp: dict[str, Any]
    flagging: tuple[Flagging, ...] = ()
    coverage: RiskCoverage | None = None
    halves: tuple[HalvesCheck, ...] = ()
    suites: SuiteResults | None = None
    fairness: Fairness | None = None
    problems: LabelProblems | None = None
    comparisons: tuple[Comparison, ...] = ()
    explanations: Mapping[int, Explanation] = field(default_factory=dict)
    faithfulness: Faithfulness | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything but texts, JSON-ready: what metrics.json holds."""
        parts: dict[str, Any] = {
            "flagging": [part.to_dict() for part in self.flagging],
            "coverage": self.coverage,
            "decision_by_halves": [part.to_dict() for part in self.halves],
            "slices": [part.to_dict() for part in self.slices],
            "comparisons": [part.to_dict() for part in self.comparisons],
            "suites": self.suites,
            "fairness": self.fairness,
            "label_problems": self.problems,
            "faithfulness": self.faithfulness,
        }
        return {
            "schema": SCHEMA,
            "kind": "evaluation",
            **self.stamp,
            "metrics": self.metrics.to_dict(),
            **{
                name: part if part is None or isinstance(part, list) else part.to_dict() for name, part in parts.items()
            },
            "notes": list(self.notes),
        }

    def errors(self) -> pd.DataFrame:
        """Return the posts with a wrong label, the most harmful first.

        The added column `harm` is 0 for a neutral post accused without review, 1 for a campaigning post that passed as
        neutral without review, 2 for other wrong labels without review, 3 for those that a person will see. Within one
        harm the surest come first. The index is the row in `posts`.
        """
        wrong = self.posts[self.posts["gold"] != self.posts["predicted"]].copy()
        seen = wrong["needs_review"].astype(bool) if "needs_review" in wrong else np.zeros(len(wrong), dtype=bool)
        wrong["harm"] = np.select(
            [
                seen,
                wrong["gold"] == Label.NEUTRAL,
                (wrong["gold"] == Label.CAMPAIGNING) & (wrong["predicted"] == Label.NEUTRAL),
            ],
            [3, 0, 1],
            default=2,
        )
        if "confidence" in wrong:
            return wrong.sort_values(["harm", "confidence"], ascending=[True, False], kind="stable")
        return wrong.sort_values("harm", kind="stable")


def evaluate_model(
    model: NeutralityClassifier | str | Path | None,
    data: pd.DataFrame | str | Path | Sequence[str | Path],
    options: EvaluationOptions | None = None,
    *,
    backend: BackendName = "auto",
    threads: int | None = None,
    progress: bool = False,
) -> Evaluation:
    """Run a model over labelled posts, with their context and action where they have one, and measure it.

    Args:
        model: a classifier, or what `NeutralityClassifier.from_pretrained` takes; None is the shipped model.
        data: files or folders that `read_labelled` reads, or its data frame.
        options: what to measure; None for the figures alone.
        backend: of classifiers that are loaded here.
        threads: of classifiers that are loaded here.
        progress: show bars on the terminal.

    Raises:
        NetralError: the data or the model cannot be read.
    """
    options = options or EvaluationOptions()
    posts, described = _labelled(data, options)
    subject = model_subject(model, posts, backend=backend, threads=threads, progress=progress)
    others = [
        open_subject(wanted, posts, options, backend=backend, threads=threads, progress=progress)
        for wanted in options.compare
    ]
    return _measure(subject, others, posts, described, options)


def evaluate_predictions(
    predictions_file: str | Path,
    data: pd.DataFrame | str | Path | Sequence[str | Path],
    options: EvaluationOptions | None = None,
    *,
    backend: BackendName = "auto",
    threads: int | None = None,
) -> Evaluation:
    """Measure a scored file, ours or a peer's, with the same ruler as a model.

    The file has a column `label` and, where known, `p_neutral, p_supportive, p_campaigning` and `needs_review`. Its
    rows are matched to the labelled posts by id, or by row order where both hold the same texts.

    Args:
        predictions_file: any format that `netral score` reads.
        data: see `evaluate_model`.
        options: see `evaluate_model`.
        backend: of models that it is compared with.
        threads: of models that it is compared with.

    Raises:
        InputError: a file cannot be read, or a labelled post has no prediction.
    """
    options = options or EvaluationOptions()
    posts, described = _labelled(data, options)
    subject = file_subject(predictions_file, posts, options.suite_predictions)
    others = [open_subject(wanted, posts, options, backend=backend, threads=threads) for wanted in options.compare]
    return _measure(subject, others, posts, described, options)


def content_sha256(posts: pd.DataFrame) -> str:
    """Return the SHA-256 of labelled posts: ids, texts, labels, contexts and actions, whatever file they came in."""
    digest = hashlib.sha256()
    names = [name for name in ("id", "text", "label", "context", "action") if name in posts]
    for row in zip(*(posts[name] for name in names), strict=True):
        record = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        digest.update(json.dumps(record, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _labelled(
    data: pd.DataFrame | str | Path | Sequence[str | Path], options: EvaluationOptions
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the posts and what the stamp says about them."""
    import pandas as pd

    files: list[dict[str, Any]] = []
    wanted = [*options.slice_columns, *options.annotator_columns]
    if isinstance(data, pd.DataFrame):
        for name in ("id", "text", "label"):
            if name not in data:
                raise InputError(f"the labelled posts lack the column {name!r}; read_labelled gives it")
        # As `read_labelled` has it: None where there is nothing, plain objects otherwise.
        posts = pd.DataFrame({name: pd.Series(map(_cell, data[name].tolist()), dtype=object) for name in data})
        # Not Series.map: pandas would make Arrow strings of them, which hold no half of an emoji.
        posts["text"] = pd.Series([text or "" for text in posts["text"]], dtype=object)
        posts["label"] = pd.Series([Label.parse(label) for label in posts["label"]], dtype=object)
        if posts.empty:
            raise InputError("no posts to measure")
    else:
        paths = [Path(path) for path in ([data] if isinstance(data, str | Path) else data)]
        extra = [name for name in wanted if name not in ("id", "text", "label", *KNOWN_COLUMNS)]
        posts = read_labelled(
            paths, text_column=options.text_column, label_column=options.label_column, extra_columns=extra
        )
        files = [{"file": path.name, **({} if path.is_dir() else {"sha256": file_sha256(path)})} for path in paths]
    for names, what in ((options.slice_columns, "slice by"), (options.annotator_columns, "compare annotators by")):
        for name in names:
            if name not in posts:
                raise InputError(f"cannot {what} {name!r}: the labelled posts have no such column")
    for name in options.slice_columns:
        if name in NO_VALUES:
            raise InputError(f"cannot slice by {name!r}: it holds the posts themselves, not kinds of posts")
    return posts, {"posts": len(posts), "sha256": content_sha256(posts), "files": files}


def _cell(value: Any) -> Any:
    """Return a cell of somebody's data frame: None for its gaps, 2024 for the 2024.0 of a column with gaps."""
    if value is None or type(value).__name__ == "NAType" or value != value:  # NaN and NaT differ from themselves
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _measure(
    subject: Subject,
    others: Sequence[Subject],
    posts: pd.DataFrame,
    described: dict[str, Any],
    options: EvaluationOptions,
) -> Evaluation:
    """Everything that is measured of answers that are there."""
    predictions, seed = subject.predictions, options.seed
    gold = np.array([label.severity for label in posts["label"]], dtype=np.int64)
    names = read_names(options.suites)
    columns = [*SLICE_COLUMNS, *options.slice_columns]
    stamp = {
        **subject.about,
        "data": described,
        "compared_with": {
            name: other.about for name, other in named([subject, *others]).items() if other is not subject
        },
        "suites_sha256": suites_sha256(options.suites),
        "versions": {},
        "seed": seed,
        "resamples": options.resamples,
    }
    sides = named([subject, *others])
    evaluation = Evaluation(
        name=subject.name,
        metrics=evaluate(
            gold,
            predictions.labels,
            probabilities=predictions.probabilities,
            needs_review=predictions.needs_review,
            resamples=options.resamples,
            seed=seed,
        ),
        slices=slice_metrics(posts, predictions, columns=columns, names=names, seed=seed),
        posts=_answered(posts, predictions, columns),
        stamp=stamp,
        flagging=_flagging(gold, predictions, options),
        coverage=None
        if predictions.probabilities is None
        else risk_coverage(gold, predictions.probabilities, resamples=options.resamples, seed=seed),
        halves=_halves(gold, subject, options),
        comparisons=compare_many(
            gold,
            {name: side.predictions for name, side in sides.items()},
            resamples=options.resamples,
            seed=seed,
        )
        if others
        else (),
    )
    evaluation = _with_parts(evaluation, subject, posts, options)
    stamp["versions"] = _versions()  # last: now every library that was used is loaded
    return evaluation


def _with_parts(
    evaluation: Evaluation, subject: Subject, posts: pd.DataFrame, options: EvaluationOptions
) -> Evaluation:
    """Add the parts that cost more: further texts to answer, training files to read."""
    from dataclasses import replace

    parts: dict[str, Any] = {}
    notes = _fitted_here(evaluation, subject)
    silent = "suites and templates: a scored file answers them only if it was given with --suite-predictions"
    if subject.answer is None and {"suites", "fairness"} & set(options.parts):
        notes.append(silent)
    if "suites" in options.parts and subject.answer is not None:
        parts["suites"] = run_suites(read_suites(options.suites), subject.answer)
    if "fairness" in options.parts:
        parts["fairness"] = measure_fairness(
            posts,
            subject.predictions,
            read_names(options.suites),
            templates=() if subject.answer is None else read_templates(options.suites),
            answer=subject.answer,
            seed=options.seed,
        )
    if "explanations" in options.parts:
        if subject.classifier is None:
            notes.append("explanations: a scored file cannot be asked why; evaluate the model itself")
        else:
            parts |= _explained(evaluation, subject.classifier, posts, options)
    if "problems" in options.parts:
        problems, note = _problems(subject, posts, options)
        parts["problems"] = problems
        notes += [note] if note else []
    return replace(evaluation, **parts, notes=tuple(notes))


def _fitted_here(evaluation: Evaluation, subject: Subject) -> list[str]:
    """Say where confidence and thresholds were fitted on the very posts that they are measured on."""
    if subject.classifier is None:
        return []
    fitted = subject.classifier.decision.fitted_on.get("files")
    hashes = set(fitted.values()) if isinstance(fitted, dict) else set()
    own = [one["file"] for one in evaluation.stamp["data"]["files"] if one.get("sha256") in hashes]
    if not own:
        return []
    return [
        f"the model's confidence and review thresholds were fitted on {', '.join(own)}: what depends on them (handed "
        "to review, accused without review, calibration) looks a little better here than on new posts; the honest "
        "figures are those fitted on one half and measured on the other"
    ]


def _explained(
    evaluation: Evaluation, classifier: NeutralityClassifier, posts: pd.DataFrame, options: EvaluationOptions
) -> dict[str, Any]:
    """Explain the worst mistakes, and check on a random draw of posts whether such explanations hold."""

    def column(name: str, rows: Sequence[int]) -> list[Any] | None:
        return posts[name].iloc[list(rows)].tolist() if name in posts else None

    worst = evaluation.errors().index[: options.explained].tolist()
    found: dict[str, Any] = {}
    if worst:
        texts = column("text", worst) or []
        explained = explain_many(classifier, texts, column("context", worst), column("action", worst))
        found["explanations"] = dict(zip(worst, explained, strict=True))
    long_enough = [row for row, text in enumerate(posts["text"].tolist()) if len(word_spans(text)) >= FEWEST_WORDS]
    if long_enough and options.explained:
        rng = np.random.default_rng(options.seed)
        drawn = sorted(rng.permutation(long_enough)[: options.explained].tolist())
        found["faithfulness"] = faithfulness(
            classifier,
            column("text", drawn) or [],
            column("context", drawn),
            column("action", drawn),
            seed=options.seed,
            resamples=options.resamples,
        )
    return found


def _problems(
    subject: Subject, posts: pd.DataFrame, options: EvaluationOptions
) -> tuple[LabelProblems | None, str | None]:
    train = None
    if options.train:
        train = read_labelled(
            list(options.train),
            text_column=options.text_column,
            label_column=options.label_column,
            require_labels=False,
        )
    given: dict[str, Any] = {
        "train_posts": train,
        "annotator_columns": options.annotator_columns,
        "resamples": options.resamples,
        "seed": options.seed,
    }
    try:
        return find_label_problems(posts, subject.predictions.probabilities, **given), None
    except MissingExtraError as error:
        if options.annotator_columns:  # asked for by name: not left out silently
            raise
        return find_label_problems(posts, None, **given), f"likely wrong labels were not looked for: {error}"


def _flagging(gold: np.ndarray[Any, Any], predictions: Predictions, options: EvaluationOptions) -> tuple[Flagging, ...]:
    stated = [*STATED_PREVALENCES, *options.prevalences]
    found = [restate_precision(gold, predictions.labels, prevalences=stated, seed=options.seed)]
    if predictions.needs_review is not None:
        found.append(
            restate_precision(
                gold,
                predictions.labels,
                needs_review=predictions.needs_review,
                prevalences=stated,
                seed=options.seed,
            )
        )
    return tuple(part for part in found if part is not None)


def _halves(gold: np.ndarray[Any, Any], subject: Subject, options: EvaluationOptions) -> tuple[HalvesCheck, ...]:
    predictions = subject.predictions
    if predictions.probabilities is None:
        return ()
    if predictions.logits is None:
        logits, rows = logits_of(predictions.probabilities), np.arange(len(gold))
    else:  # without the posts that the model did not judge by itself: blank ones, likes
        rows = np.flatnonzero(~np.isnan(predictions.logits).any(axis=1))
        logits = predictions.logits[rows]
    stated = {} if subject.classifier is None else subject.classifier.decision.target
    own = float(stated.get("accused_without_review_rate", _DEFAULT_TARGET))
    passed = float(stated.get("campaigning_passed_without_review_rate", _DEFAULT_TARGET))
    target = own if options.target_accused is None else options.target_accused
    targets = dict.fromkeys([target, *CHECKED_TARGETS])
    checks = [
        check_by_halves(gold[rows], logits, target_accused=share, target_passed=passed, seed=options.seed)
        for share in targets
    ]
    return tuple(check for check in checks if check is not None)


def _answered(posts: pd.DataFrame, predictions: Predictions, columns: Sequence[str]) -> pd.DataFrame:
    """The posts with what was said about them."""
    import pandas as pd

    # Columns of the data with our names for answers were read as slices; here they would pass for the answers.
    ours = {"gold", "predicted", *PROBABILITY_COLUMNS, "confidence", "needs_review"}
    wanted = dict.fromkeys(["id", "text", "context", "action", *columns])
    kept = [name for name in wanted if name in posts and name not in ours]
    result = posts[kept].copy()
    result["gold"] = posts["label"]
    result["predicted"] = pd.Series([LABELS[code] for code in predictions.labels], dtype=object)
    if predictions.probabilities is not None:
        for column, values in zip(PROBABILITY_COLUMNS, predictions.probabilities.T, strict=True):
            result[column] = values
        result["confidence"] = predictions.probabilities[np.arange(len(result)), predictions.labels]
    if predictions.needs_review is not None:
        result["needs_review"] = predictions.needs_review
    return result


def suites_sha256(folder: Path | None = None) -> str:
    """Return one hash over the suites' files (the shipped ones of None), so that a figure says which cases it is of."""
    home = folder or suites_folder()
    digest = hashlib.sha256()
    for path in sorted([*home.glob("*.jsonl"), *home.glob("*.json")]):
        digest.update(f"{file_sha256(path)}  {path.name}\n".encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that this run has loaded."""
    loaded = {name: str(getattr(sys.modules[name], "__version__", "")) for name in _LIBRARIES if name in sys.modules}
    return {"python": platform.python_version(), "netral_nlp": __version__, **loaded}
