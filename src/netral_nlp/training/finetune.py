"""Fine-tune an encoder on labelled posts: from a configuration to a whole model folder."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import ConfigError, MissingExtraError
from netral_nlp.text import FILE_NAME as NORMALISER_FILE
from netral_nlp.text import Normaliser
from netral_nlp.training.base import load_base, locate_base, one_device
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.data import Posts, class_weights, load_data
from netral_nlp.training.run import Run

if TYPE_CHECKING:
    from netral_nlp.training.base import Base
    from netral_nlp.training.loop import PostDataset
    from netral_nlp.training.run_config import RunConfig

log = logging.getLogger(__name__)


def train(config: TrainingConfig) -> Path:
    """Train what the configuration asks for and write its model folder.

    While it runs, `OUTPUT/checkpoints` and `OUTPUT/logs` are all that `OUTPUT` holds; the model's files appear
    together at the end, `config.json` last, so that a killed run never looks finished. With `resume`, a run goes on
    from its last whole checkpoint to the same weights as if it had never stopped (on the same machine and with the
    same thread count).

    Args:
        config: The run.

    Returns:
        The model folder.

    Raises:
        ConfigError: the configuration cannot be carried out, or resume finds another one.
        InputError: the data cannot be used.
        ModelFolderError: the base model is missing or incomplete.
        MissingExtraError: a library of the extra [train] is not installed.
    """
    if config.is_tfidf:
        from netral_nlp.training.baseline import train_tfidf

        return train_tfidf(config)
    try:
        import accelerate  # noqa: F401
        import sklearn  # noqa: F401
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise MissingExtraError("netral train", "train") from None
    one_device()
    if config.threads:
        torch.set_num_threads(config.threads)
    bf16 = use_bf16(config.bf16)
    base_folder = locate_base(config.base_model)
    run = Run.begin(config, {"bf16": bf16}, base_folder)
    if run.is_finished:
        log.info("%s is finished already: nothing to do", run.output)
        run.clear_up()
        return run.output
    with quiet_transformers():
        return _finetune(config, run, base_folder, bf16)


def _finetune(config: TrainingConfig, run: Run, base_folder: Path, bf16: bool) -> Path:
    from transformers import set_seed

    from netral_nlp.training.assemble import assemble_encoder
    from netral_nlp.training.loop import (
        AVERAGE,
        PostDataset,
        add_direction_head,
        drop_direction_head,
        last_whole_checkpoint,
        make_trainer,
        training_is_over,
    )

    normaliser = choose_normaliser(config, base_folder)
    data = load_data(config, normaliser)
    base = load_base(config, base_folder)
    train_set = _encode(base, data.train, config, "training")
    if config.swap_names or config.noise:
        train_set = PostDataset(_Variants(base, data.train, config, normaliser), data.train)
    if config.direction_weight:
        add_direction_head(base.model)
    dev_set = _encode(base, data.dev, config, "dev")
    log.info(
        "%d posts to train on (%s), %d dev posts; %s %s, %s parameters, %s",
        len(data.train), ", ".join(f"{count} {label}" for label, count in data.train.counts().items()), len(data.dev),
        "retraining" if base.has_our_head else "base", base.name,
        f"{sum(weight.numel() for weight in base.model.parameters()):,}",
        "bfloat16" if bf16 else "float32",
    )  # fmt: skip
    run.prepare()
    checkpoint = last_whole_checkpoint(run.checkpoints) if config.resume else None
    if checkpoint is not None:
        log.info("resuming after step %s", checkpoint.name.removeprefix("checkpoint-"))
        _mend_best_path(checkpoint, run.checkpoints)
    set_seed(config.seed)
    trainer = make_trainer(
        base.model,
        base.tokenizer,
        train_set,
        dev_set,
        config,
        class_weights=class_weights(config.class_weights, data.train, auto="none"),
        bf16=bf16,
        checkpoints=run.checkpoints,
        logs=run.logs,
        resume_from=checkpoint,
        show_progress=sys.stderr.isatty(),
    )
    if checkpoint is not None and training_is_over(checkpoint, config):
        state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        state = {"best_global_step": trainer.state.best_global_step, "log_history": trainer.state.log_history}
    best = run.checkpoints / f"checkpoint-{state['best_global_step']}"
    if not best.is_dir():
        raise ConfigError(f"output: {best}, the best checkpoint, is gone; train again with overwrite")
    for name in ("model.safetensors", *([AVERAGE] if config.average else [])):
        _load_weights(base.model, best / name)
    drop_direction_head(base.model)
    log.info("best weights: step %s", state["best_global_step"])
    return assemble_encoder(config, run, base, normaliser, data, state)


def choose_normaliser(config: RunConfig, base_folder: Path) -> Normaliser:
    """The normaliser that the configuration names, or the base's own, or the one that suits its name."""
    if config.normaliser == "auto":
        has_own = (base_folder / NORMALISER_FILE).is_file()
        return Normaliser.for_base(base_folder if has_own else config.base_model)
    return Normaliser.named(config.normaliser)


def use_bf16(choice: str) -> bool:
    """Whether to compute in bfloat16.

    Args:
        choice: auto (where the device does it in hardware), on or off.
    """
    import torch

    if choice != "auto":
        return choice == "on"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


def _encode(base: Base, posts: Posts, config: TrainingConfig, name: str) -> PostDataset:
    from netral_nlp.training.loop import PostDataset

    encoded = [base.encoder.encode(*pair) for pair in zip(posts.texts, posts.contexts, strict=True)]
    for what, key, count in (
        ("texts", "max_tokens", sum(post.text_cut for post in encoded)),
        ("contexts", "context_tokens", sum(post.context_cut for post in encoded)),
    ):
        if count:
            log.warning(
                "%d of %d %s %s are longer than %s (%d) and lose their end",
                count, len(posts), name, what, key, getattr(config, key),
            )  # fmt: skip
    return PostDataset([[base.features(post) for post in encoded]], posts)


class _Variants(Sequence[list[dict[str, list[int]]]]):
    """The training posts, for each epoch with other names and other slips of the keyboard; made when an epoch begins.

    What a post becomes hangs on seed, epoch and row alone, so that a resumed run sees the same.
    """

    def __init__(self, base: Base, posts: Posts, config: TrainingConfig, normaliser: Normaliser) -> None:
        from netral_nlp.training.augment import NameSwapper, known_figures, words_of_masks

        self._base, self._posts, self._config = base, posts, config
        self._swap = NameSwapper(known_figures())
        self._masks = words_of_masks(normaliser.masks)
        self._made: tuple[int, list[dict[str, list[int]]]] | None = None

    def __len__(self) -> int:
        return self._config.epochs

    def __getitem__(self, epoch: Any) -> Any:
        if self._made is None or self._made[0] != epoch:
            self._made = (epoch, self._make(epoch))
        return self._made[1]

    def _make(self, epoch: int) -> list[dict[str, list[int]]]:
        from netral_nlp.training.augment import add_noise

        features = []
        for row, (text, context) in enumerate(zip(self._posts.texts, self._posts.contexts, strict=True)):
            chance = random.Random(f"{self._config.seed}:{epoch}:{row}")
            pair: list[str | None] = [text, context]
            if chance.random() < self._config.swap_names:
                pair = self._swap(pair, chance)
            if chance.random() < self._config.noise:
                pair[0] = add_noise(pair[0] or "", chance, self._masks)
            features.append(self._base.features(self._base.encoder.encode(pair[0] or "", pair[1])))
        return features


def _mend_best_path(checkpoint: Path, folder: Path) -> None:
    """Point a checkpoint's state at the best checkpoint where it lies now, should the folder have moved."""
    path = checkpoint / "trainer_state.json"
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    best = folder / f"checkpoint-{state.get('best_global_step')}"
    if best.is_dir() and state.get("best_model_checkpoint") != str(best):
        state["best_model_checkpoint"] = str(best)
        path.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def _load_weights(model: Any, path: Path) -> None:
    from safetensors.torch import load_model

    missing, unexpected = load_model(model, path, strict=False, device=str(model.device))
    if unexpected or (missing and path.name == "model.safetensors"):
        raise ConfigError(f"output: {path} does not fit the base model; train again with overwrite")


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hold back transformers' remarks (a new head is what we want), and give its settings back."""
    from transformers.utils import logging as hf_logging

    before = hf_logging.get_verbosity()
    bars = hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        hf_logging.set_verbosity(before)
        if bars:
            hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
