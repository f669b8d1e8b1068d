"""From trained weights to a whole model folder: weights, ONNX, decision, figures, curves, card."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import ConfigError, NetralError
from netral_nlp.inference.decision import Decision
from netral_nlp.labels import Label
from netral_nlp.training.card import write_model_card

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier
    from netral_nlp.text import Normaliser
    from netral_nlp.training.base import Base
    from netral_nlp.training.config import TrainingConfig
    from netral_nlp.training.data import TrainingData
    from netral_nlp.training.run import Run

log = logging.getLogger(__name__)

_LARGEST_HALF = 65504.0


def assemble_encoder(
    config: TrainingConfig,
    run: Run,
    base: Base,
    normaliser: Normaliser,
    data: TrainingData,
    state: dict[str, Any],
) -> Path:
    """Write the model folder of a fine-tuned encoder.

    Every figure is measured on the weights as saved: in half precision, and in int8 where the export is asked for.

    Args:
        config: The run.
        run: Its folder.
        base: The model with the chosen weights, and its tokenizer.
        normaliser: What prepared the text.
        data: What was learnt from and chosen on.
        state: The loop's `log_history` and `best_global_step`.

    Returns:
        The model folder.

    Raises:
        ConfigError: the training diverged.
    """
    from netral_nlp.training.curves import draw_curves

    folder = run.stage()
    _save_half(base, config, folder)
    normaliser.save(folder)
    Decision.default().save(folder)  # a folder without one does not open
    if config.export_onnx:
        from netral_nlp.inference.export import export_onnx

        log.info("writing the int8 ONNX model")
        try:
            export_onnx(folder)
        except NetralError as error:  # hours of training are not thrown away for it
            log.warning("no int8 model: %s", error)
    history, best_step = state["log_history"], state["best_global_step"]
    draw_curves(history, folder / "curves.png", best_step=best_step)
    return complete(config, run, folder, data, base_name=base.name, training={"best_step": best_step, "log": history})


def complete(
    config: TrainingConfig, run: Run, folder: Path, data: TrainingData, *, base_name: str, training: dict[str, Any]
) -> Path:
    """Calibrate and measure a staged model as users will run it, write figures and card, and move it into place.

    Args:
        config: The run.
        run: Its folder.
        folder: The staged model.
        data: The dev posts and further test sets.
        base_name: What the card calls the base.
        training: What else `metrics.json` keeps of the training.

    Returns:
        The model folder.
    """
    from netral_nlp.evaluation.evaluate import SCHEMA, evaluate_model
    from netral_nlp.inference.classifier import NeutralityClassifier

    threads = config.threads or None
    classifier = NeutralityClassifier.from_pretrained(folder, threads=threads)
    classifiers = {classifier.backend: classifier}
    classifier.decision = _calibrate(classifier, config, data, run)
    classifier.decision.save(folder)
    if classifier.backend == "onnx":  # what the full weights reach is worth knowing beside it
        full = NeutralityClassifier.from_pretrained(folder, backend="torch", precision="fp32", threads=threads)
        classifiers[full.backend] = full
    sets: dict[str, dict[str, Any]] = {}
    for name, rows in {"dev": data.dev_rows, **data.tests}.items():
        log.info("measuring on %s (%d posts)", name, len(rows))
        found = {backend: evaluate_model(one, rows).metrics.to_dict() for backend, one in classifiers.items()}
        sets[name] = {"files": _files(config, run, name), "backends": found}
    document = {
        "schema": SCHEMA,
        "kind": "training",
        "default_backend": classifier.backend,
        "sets": sets,
        "training": training,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    write_model_card(
        folder,
        run.record,
        document,
        base_name=base_name,
        label_counts=data.train.counts(),
        taught=sum(data.train.taught),
    )
    return run.finish()


def _calibrate(classifier: NeutralityClassifier, config: TrainingConfig, data: TrainingData, run: Run) -> Decision:
    """Fit temperature and thresholds on dev, where dev has the labels that the thresholds rest on."""
    from netral_nlp.evaluation.options import FEW_POSTS
    from netral_nlp.evaluation.recalibrate import fit_on

    counts = data.dev.counts()
    if not counts[Label.NEUTRAL.value] or not counts[Label.CAMPAIGNING.value]:
        log.warning("dev has no neutral or no campaigning posts: the decision stays uncalibrated")
        return Decision.default()
    if len(data.dev) < FEW_POSTS:
        log.warning(
            "only %d dev posts: review thresholds are rough; netral calibrate fits them anew on more", len(data.dev)
        )
    about = {"set": "dev", "backend": classifier.backend, "files": _files(config, run, "dev")}
    return fit_on(
        classifier,
        data.dev_rows,
        target_accused=config.target_accused,
        target_passed=config.target_passed,
        fitted_on=about,
    )


def _save_half(base: Base, config: TrainingConfig, folder: Path) -> None:
    import torch

    model = base.model.to("cpu")
    largest = max(float(weight.detach().abs().max()) for weight in model.parameters())
    if not largest < _LARGEST_HALF:  # also true of NaN
        raise ConfigError(
            f"learning_rate: the training diverged (a weight of {largest:g}); lower it from {config.learning_rate:g}"
        )
    model.to(torch.float16).save_pretrained(folder)
    base.tokenizer.model_max_length = config.max_tokens
    base.tokenizer.save_pretrained(folder)


def _files(config: TrainingConfig, run: Run, name: str) -> dict[str, str]:
    """The files of a set with their hashes; those of data where dev was held out of it."""
    paths = (config.dev or config.data) if name == "dev" else [config.test[name]]
    return {Path(path).name: run.hashes[path] for path in paths}
