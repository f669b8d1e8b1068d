"""The loop of `netral adapt`: transformers' `Trainer` over packed blocks whose words are hidden anew in every epoch.

This module imports torch and transformers; import it inside functions only.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import TrainerCallback

from netral_nlp.training.loop import EpochSampler, OrderedTrainer
from netral_nlp.training.masking import IGNORED, Blocks, drawable_pieces, mask_words

if TYPE_CHECKING:
    from netral_nlp.training.adaptation import AdaptationConfig

log = logging.getLogger(__name__)

_EVALUATION_SEED = 20_260_101  # the same words are hidden at every evaluation


class BlockDataset(Dataset[int]):
    """The numbers of the blocks; what is hidden in them is decided when a batch is made."""

    def __init__(self, blocks: Blocks) -> None:
        self._count = len(blocks)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> int:
        return index


class MaskingCollator:
    """Makes a batch of blocks, with words hidden as seed, epoch and block decide: a resumed run hides the same."""

    def __init__(self, blocks: Blocks, tokenizer: Any, share: float, seed: int, sampler: EpochSampler | None) -> None:
        self._blocks = blocks
        self._share = share
        self._seed = seed
        self._sampler = sampler
        self._mask_token = tokenizer.mask_token_id
        self._pieces = drawable_pieces(len(tokenizer), tokenizer.all_special_ids)

    def __call__(self, indices: list[int]) -> dict[str, torch.Tensor]:
        """Make a batch of block numbers."""
        epoch = self._sampler.epoch if self._sampler is not None else 0
        inputs, labels = mask_words(
            self._blocks.ids[indices].astype(np.int64),
            self._blocks.words[indices].astype(np.int64),
            share=self._share,
            mask_token=self._mask_token,
            pieces=self._pieces,
            chance=np.random.default_rng([self._seed, epoch, *indices]),
        )
        tokens = torch.from_numpy(inputs)
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": torch.from_numpy(labels)}


class MaskedTrainer(OrderedTrainer):
    """`Trainer` for masked language modelling that computes the head for hidden tokens alone."""

    def __init__(
        self,
        *,
        wrapper: Any,
        blocks: Blocks,
        held_out: Blocks,
        config: AdaptationConfig,
        sampler: EpochSampler,
        **arguments: Any,
    ) -> None:
        super().__init__(
            sampler=sampler,
            train_dataset=BlockDataset(blocks),
            eval_dataset=BlockDataset(held_out),
            data_collator=MaskingCollator(blocks, wrapper, config.masked_share, config.seed, sampler),
            **arguments,
        )
        self._held_out = held_out
        self._hide_held_out = MaskingCollator(held_out, wrapper, config.masked_share, _EVALUATION_SEED, None)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean cross entropy over the hidden tokens.

        Accelerate puts bfloat16 around the model's own forward alone, and `masked_loss` calls its parts.
        """
        labels = inputs.pop("labels")
        with self.accelerator.autocast():
            loss = masked_loss(model, inputs, labels)
        return (loss, {}) if return_outputs else loss

    @torch.no_grad()
    def perplexity(self) -> float:
        """Perplexity of the hidden tokens of the held-out blocks, the same ones at every call."""
        model = self.model
        was_training = model.training  # type: ignore[union-attr]
        model.eval()  # type: ignore[union-attr]
        total, count = 0.0, 0
        for start in range(0, len(self._held_out), self.args.eval_batch_size):
            stop = min(start + self.args.eval_batch_size, len(self._held_out))
            batch = {
                key: value.to(self.args.device) for key, value in self._hide_held_out([*range(start, stop)]).items()
            }
            labels = batch.pop("labels")
            hidden = int((labels != IGNORED).sum())
            with self.accelerator.autocast():
                total += float(masked_loss(model, batch, labels)) * hidden
            count += hidden
        model.train(was_training)  # type: ignore[union-attr]
        return math.exp(min(total / max(count, 1), 700.0))

    def last_perplexity(self) -> float:
        """Perplexity of the weights as training left them; measured anew only if the last step was not evaluated."""
        for entry in reversed(self.state.log_history):
            if "eval_perplexity" in entry and entry["step"] == self.state.global_step:
                return float(entry["eval_perplexity"])
        return self.perplexity()

    def evaluate(self, *_: Any, **named: Any) -> dict[str, float]:
        """Perplexity as the Trainer's evaluation, for its log and the progress line."""
        metrics = {"eval_perplexity": self.perplexity()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def masked_loss(model: Any, inputs: dict[str, Any], labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of the hidden tokens.

    The head over the vocabulary costs as much as a third of a small encoder: it is computed for the hidden tokens
    alone where the architecture lets us (BERT, RoBERTa and their kin).
    """
    head = getattr(model, "cls", None) or getattr(model, "lm_head", None)
    chosen = labels != IGNORED
    if head is None:
        logits = model(**inputs).logits[chosen]
    else:
        hidden = getattr(model, model.base_model_prefix)(**inputs).last_hidden_state
        logits = head(hidden[chosen])
    return torch.nn.functional.cross_entropy(logits.float(), labels[chosen])


def parameter_groups(model: Any, config: AdaptationConfig) -> list[dict[str, Any]]:
    """Parameters with their weight decay: biases and norms do not decay."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        groups.setdefault(config.weight_decay if parameter.ndim > 1 else 0.0, []).append(parameter)
    return [{"params": group, "weight_decay": decay} for decay, group in groups.items()]


class PerplexityLines(TrainerCallback):
    """One line an evaluation."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        """Say where the run stands."""
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        log.info(
            "step %d of %d: loss %s, held-out perplexity %.1f (%.0f s)",
            state.global_step,
            state.max_steps,
            f"{losses[-1]:.3f}" if losses else "-",
            metrics["eval_perplexity"],
            time.monotonic() - self._start,
        )
