"""The training loop: transformers' `Trainer` with our loss, sampling, averaging and checkpoints that survive a kill.

This module imports torch and transformers; import it inside functions only.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, Dataset
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_pt_utils import LengthGroupedSampler, get_length_grouped_indices

from netral_nlp.labels import LABELS
from netral_nlp.training.data import DIRECTIONS_OF_POSTS, UNKNOWN_DIRECTION, Posts

if TYPE_CHECKING:
    from netral_nlp.training.config import TrainingConfig

log = logging.getLogger(__name__)

_NO_INPUT = frozenset({"labels", "weights", "shares", "directions"})
_ONLY = tuple(tuple(float(row == column) for column in range(len(LABELS))) for row in range(len(LABELS)))
WHOLE = "complete"  # written last into a checkpoint: without it a kill came in between
AVERAGE = "average.safetensors"
DIRECTION_HEAD = "direction_head"
_CHECKPOINT_FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", WHOLE)


class PostDataset(Dataset[dict[str, Any]]):
    """Encoded posts with their labels and, for training, what else the loss reads.

    Args:
        versions: the features of every post, as they are in the first epoch, in the second, and so on; after the last
            it begins again. One version is the same posts in every epoch.
        posts: labels, weights, shares and directions.
    """

    def __init__(self, versions: Sequence[Sequence[dict[str, list[int]]]], posts: Posts) -> None:
        self._versions = versions
        self._rest = [
            {"labels": label, "weights": weight, "shares": part, "directions": direction}
            for label, weight, part, direction in zip(
                posts.labels, posts.weights, posts.shares, posts.directions, strict=True
            )
        ]
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._rest)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self._versions[self.epoch % len(self._versions)][index], **self._rest[index]}


class Collator:
    """Pads the posts of a batch to the longest of them."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Make a batch of items of `PostDataset`."""
        inputs = [{key: value for key, value in row.items() if key not in _NO_INPUT} for row in rows]
        batch = dict(self._tokenizer.pad(inputs, padding=True, pad_to_multiple_of=8, return_tensors="pt"))
        batch["labels"] = torch.tensor([row["labels"] for row in rows])
        batch["weights"] = torch.tensor([row["weights"] for row in rows], dtype=torch.float32)
        batch["directions"] = torch.tensor([row["directions"] for row in rows])
        if any(row["shares"] is not None for row in rows):
            batch["shares"] = torch.tensor([row["shares"] or _ONLY[row["labels"]] for row in rows], dtype=torch.float32)
        return batch


class EpochSampler(LengthGroupedSampler):
    """Batches of posts of like length in an order that only the seed and the epoch decide.

    The stock sampler draws from the global random state, so that a run resumed in the middle of an epoch would see
    other batches; it also yields the batches from long to short.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths)
        self.seed = seed
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 100_003 + self.epoch)
        order = get_length_grouped_indices(  # type: ignore[no-untyped-call]
            self.lengths, self.batch_size, generator=generator
        )
        whole = len(order) // self.batch_size
        batches = [order[start * self.batch_size : (start + 1) * self.batch_size] for start in range(whole)]
        shuffled = torch.randperm(whole, generator=generator).tolist()
        yield from (index for batch in shuffled for index in batches[batch])
        yield from order[whole * self.batch_size :]  # the short batch stays last, or all after it would shift


class OrderedTrainer(Trainer):
    """`Trainer` with batches in an order that seed and epoch decide."""

    def __init__(self, *, sampler: EpochSampler, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._sampler = sampler

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The training batches, in an order of our own."""
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,  # type: ignore[arg-type]
            batch_size=self.args.train_batch_size,
            sampler=self._sampler,
            collate_fn=self.data_collator,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared


class NeutralityTrainer(OrderedTrainer):
    """`Trainer` with weights for classes and posts, and averaged weights."""

    def __init__(
        self,
        *,
        class_weights: Sequence[float],
        smoothing: float,
        direction_weight: float,
        average: WeightAverage | None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._class_weights = torch.tensor(class_weights, dtype=torch.float32)
        self._smoothing = smoothing
        self._direction_weight = direction_weight
        self._average = average

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Cross entropy, weighted and smoothed while training, plain on dev.

        Where annotators differed, the target is the share of each label, and so is the class weight. With a direction
        weight, a second head says whom each post speaks for, where that is known (multi-task learning: Caruana 1997);
        posts weigh in it as in the first answer, classes do not.
        """
        labels, weights, shares = inputs.pop("labels"), inputs.pop("weights"), inputs.pop("shares", None)
        directions = inputs.pop("directions", None)
        asks_direction = model.training and self._direction_weight > 0
        outputs = model(**inputs, **({"output_hidden_states": True} if asks_direction else {}))
        logits = outputs.logits.float()
        if model.training:
            target = labels if shares is None else shares
            losses = torch.nn.functional.cross_entropy(
                logits, target, reduction="none", label_smoothing=self._smoothing
            )
            per_class = self._class_weights.to(labels.device)
            class_wise = weights * (per_class[labels] if shares is None else shares @ per_class)
            loss = (losses * class_wise).sum() / class_wise.sum().clamp_min(1e-8)
            if asks_direction:
                hidden = outputs.hidden_states[-1]
                guess = model.get_submodule(DIRECTION_HEAD)(_mean_of_tokens(hidden, inputs["attention_mask"]))
                known = directions != UNKNOWN_DIRECTION
                if known.any():
                    said = torch.nn.functional.cross_entropy(guess[known].float(), directions[known], reduction="none")
                    mean = (said * weights[known]).sum() / weights[known].sum().clamp_min(1e-8)
                    loss = loss + self._direction_weight * mean
        else:
            loss = torch.nn.functional.cross_entropy(logits, labels)
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *arguments: Any, **named: Any) -> dict[str, float]:
        """Evaluate; with averaging on, the averaged weights."""
        if self._average is None or not self.is_in_train:
            return super().evaluate(*arguments, **named)
        with self._average.in_place(self.model):  # type: ignore[arg-type]
            return super().evaluate(*arguments, **named)


def add_direction_head(model: Any) -> None:
    """Give a classifier the second head; it travels in its checkpoints."""
    model.add_module(DIRECTION_HEAD, torch.nn.Linear(model.config.hidden_size, len(DIRECTIONS_OF_POSTS)))


def drop_direction_head(model: Any) -> None:
    """Take the second head off again: a model folder holds a stock classifier."""
    if hasattr(model, DIRECTION_HEAD):
        delattr(model, DIRECTION_HEAD)


def _mean_of_tokens(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    kept = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * kept).sum(dim=1) / kept.sum(dim=1).clamp_min(1)


class WeightAverage(TrainerCallback):
    """A running average of the weights: evaluated and kept in place of the last ones.

    Early on the decay is lower, so that the weights before training are forgotten soon.
    """

    def __init__(self, decay: float, checkpoint: Path | None) -> None:
        self.decay = decay
        self._checkpoint = checkpoint
        self._weights: dict[str, torch.Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Start from the weights as they are, or from the average in the checkpoint."""
        saved = load_file(self._checkpoint / AVERAGE) if self._checkpoint is not None else {}
        for name, value in model.named_parameters():
            self._weights[name] = saved[name].to(value.device) if saved else value.detach().clone()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Move the average towards the weights of this step."""
        decay = min(self.decay, (1 + state.global_step) / (10 + state.global_step))
        with torch.no_grad():
            for name, value in model.named_parameters():
                self._weights[name].lerp_(value.detach(), 1 - decay)

    def save(self, folder: Path) -> None:
        """Write the average into a checkpoint."""
        save_file({name: value.cpu().contiguous() for name, value in self._weights.items()}, folder / AVERAGE)

    def in_place(self, model: torch.nn.Module) -> _Swapped:
        """A context in which the model holds the average."""
        return _Swapped(model, self._weights)


class _Swapped:
    """Puts other weights into a model and takes them out again."""

    def __init__(self, model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
        self._model = model
        self._weights = weights
        self._own: dict[str, torch.Tensor] = {}

    def __enter__(self) -> None:
        with torch.no_grad():
            for name, value in self._model.named_parameters():
                self._own[name] = value.detach().clone()
                value.copy_(self._weights[name])

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for name, value in self._model.named_parameters():
                value.copy_(self._own[name])


class Checkpoints(TrainerCallback):
    """Finishes each checkpoint with what only we know, and with the mark that it is whole."""

    def __init__(self, average: WeightAverage | None) -> None:
        self._average = average

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate the last step too, where evaluations do not fall on it by themselves."""
        if state.global_step >= state.max_steps and args.eval_strategy == "steps":
            control.should_evaluate = control.should_save = True
        # The loss since the last point of the curve is in no checkpoint: a point here leaves nothing to lose.
        control.should_log = control.should_log or control.should_save

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A point of the curve with each checkpoint."""
        control.should_log = control.should_log or control.should_save

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Runs after the Trainer has written the checkpoint."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if self._average is not None:
            self._average.save(folder)
        (folder / WHOLE).write_text("", encoding="utf-8")


class EpochOrder(TrainerCallback):
    """Tells sampler and dataset which epoch begins."""

    def __init__(self, sampler: EpochSampler, dataset: PostDataset | None = None) -> None:
        self._sampler = sampler
        self._dataset = dataset

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Derived from the step count, which a checkpoint restores."""
        self._sampler.epoch = state.global_step // math.ceil(len(self._sampler) / self._sampler.batch_size)
        if self._dataset is not None:
            self._dataset.epoch = self._sampler.epoch


class Progress(ProgressCallback):
    """The Trainer's progress bars without its printed dictionaries."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Print nothing: `EpochLines` says it in words."""


class EpochLines(TrainerCallback):
    """One line a dev evaluation."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def on_evaluate(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Say where the run stands."""
        metrics = more["metrics"]
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        log.info(
            "epoch %.2f of %d: loss %s, dev loss %.3f, dev macro-F1 %.3f (%.0f s)",
            state.epoch or 0.0,
            args.num_train_epochs,
            f"{losses[-1]:.3f}" if losses else "-",
            metrics["eval_loss"],
            metrics["eval_macro_f1"],
            time.monotonic() - self._start,
        )


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end, None if there is none."""
    found = []
    for checkpoint in folder.glob("checkpoint-*"):
        step = checkpoint.name.removeprefix("checkpoint-")
        if step.isdigit() and all((checkpoint / name).is_file() for name in _CHECKPOINT_FILES):
            found.append((int(step), checkpoint))
    return max(found)[1] if found else None


def training_is_over(checkpoint: Path, config: TrainingConfig) -> bool:
    """Whether early stopping had ended the training at this checkpoint."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    stopper = state.get("stateful_callbacks", {}).get("EarlyStoppingCallback")
    for saved in stopper if isinstance(stopper, list) else [stopper] if stopper else []:
        if saved["attributes"]["early_stopping_patience_counter"] >= config.early_stopping > 0:
            return True
    return False


def parameter_groups(model: Any, config: TrainingConfig) -> list[dict[str, Any]]:
    """Parameters with their learning rate and weight decay.

    The head learns at `head_learning_rate`; each layer of the encoder at the rate of the layer above it times
    `layer_decay`, the embeddings lowest. Biases and norms do not decay.
    """
    encoder = getattr(model, model.base_model_prefix)
    layers = getattr(model.config, "num_hidden_layers", 0)
    inside = {id(parameter) for parameter in encoder.parameters()}
    pooler = {id(parameter) for name, parameter in encoder.named_parameters() if name.startswith("pooler.")}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if id(parameter) not in inside or id(parameter) in pooler:
            rate = config.head_learning_rate or config.learning_rate
        else:
            rate = config.learning_rate * config.layer_decay ** (layers - _layer(name, layers))
        decays = parameter.ndim > 1
        groups.setdefault((rate, config.weight_decay if decays else 0.0), []).append(parameter)
    return [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]


def _layer(name: str, layers: int) -> int:
    """How many layers lie at or below a parameter: 0 for embeddings, `layers` for the top layer."""
    if "embeddings" in name:
        return 0
    numbers = [int(part) for part in name.split(".") if part.isdigit()]
    return numbers[0] + 1 if numbers else layers


def make_trainer(
    model: Any,
    tokenizer: Any,
    train: PostDataset,
    dev: PostDataset,
    config: TrainingConfig,
    *,
    class_weights: Sequence[float],
    bf16: bool,
    checkpoints: Path,
    logs: Path,
    resume_from: Path | None,
    show_progress: bool,
) -> NeutralityTrainer:
    """Put the loop together.

    Args:
        model: A transformers classifier in fp32.
        tokenizer: Its fast tokenizer.
        train: Posts to learn from.
        dev: Posts to choose the best weights on.
        config: The run.
        class_weights: One weight a label.
        bf16: Whether to compute in bfloat16.
        checkpoints: Where checkpoints go.
        logs: Where TensorBoard's events go.
        resume_from: The checkpoint that the run will go on from.
        show_progress: Whether to draw progress bars.
    """
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations.integration_utils import TensorBoardCallback

    steps_per_epoch = math.ceil(len(train) / config.batch_size)
    every = "steps" if config.eval_steps else "epoch"
    steps = min(config.eval_steps, steps_per_epoch * config.epochs) if config.eval_steps else 500
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(config.warmup_share * steps_per_epoch * config.epochs),
        max_grad_norm=config.max_grad_norm,
        eval_strategy=every,
        eval_steps=steps,
        save_strategy=every,
        save_steps=steps,
        save_total_limit=None if config.keep_checkpoints else 2,
        logging_strategy="steps",
        logging_steps=config.log_every,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=resume_from is not None,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        label_names=["labels"],
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=config.seed,
        report_to="none",
        disable_tqdm=True,
    )
    average = WeightAverage(config.average, resume_from) if config.average else None
    sampler = EpochSampler(config.batch_size, [len(train[row]["input_ids"]) for row in range(len(train))], config.seed)
    callbacks: list[TrainerCallback] = [EpochOrder(sampler, train), EpochLines(), Checkpoints(average)]
    callbacks.append(TensorBoardCallback(SummaryWriter(log_dir=str(logs))))  # type: ignore[no-untyped-call]
    if average is not None:
        callbacks.insert(0, average)
    if config.early_stopping:
        callbacks.append(EarlyStoppingCallback(config.early_stopping))
    if show_progress:
        callbacks.append(Progress())
    optimizer = torch.optim.AdamW(parameter_groups(model, config), fused=True)
    trainer = NeutralityTrainer(
        model=model,
        args=arguments,
        data_collator=Collator(tokenizer),
        train_dataset=train,
        eval_dataset=dev,
        compute_metrics=_dev_figures,
        optimizers=(optimizer, None),
        callbacks=callbacks,
        class_weights=class_weights,
        smoothing=config.label_smoothing,
        direction_weight=config.direction_weight,
        sampler=sampler,
        average=average,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _dev_figures(prediction: Any) -> dict[str, float]:
    """Macro-F1 and the false-accusation rate on dev."""
    from netral_nlp.evaluation.metrics import evaluate

    figures = evaluate(prediction.label_ids, prediction.predictions.argmax(axis=-1), resamples=0)
    # NaN (dev without neutral posts) is no JSON, which the checkpoints are written in.
    return {
        name: value for name in ("macro_f1", "false_accusation_rate") if not math.isnan(value := figures[name].value)
    }
