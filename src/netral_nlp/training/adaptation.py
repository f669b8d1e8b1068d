"""What adapting an encoder is asked to do: every key of `netral adapt`."""

# ruff: noqa: RUF009 - `key` is dataclasses.field with a help text
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from netral_nlp.training.run_config import NORMALISERS, SWITCH, TINY, Range, RunConfig, key


@dataclass
class AdaptationConfig(RunConfig):
    """Everything that `netral adapt` needs to know. Checked as a whole when it is made.

    Each field is a key of a YAML file and a flag; where both are given the flag wins (`AdaptationConfig.read`).

    Raises:
        ConfigError: one line that names every key that cannot be as given, and the mend.
    """

    COMMAND: ClassVar[str] = "netral adapt"
    RECORD: ClassVar[str] = "adaptation.yaml"
    FILE_KEYS: ClassVar[tuple[str, ...]] = ("corpus", "exclude")
    RUN_ONLY: ClassVar[frozenset[str]] = frozenset({"resume", "overwrite", "log_every", "keep_checkpoints"})
    RANGES: ClassVar[tuple[Range, ...]] = (
        ("near", 0.1, 1.0, "from 0.1 to 1"),
        ("tokens", 0, math.inf, "0 (the whole corpus once) or more"),
        ("held_out", 1, 10_000_000, "at least 1"),
        ("block_tokens", 8, 8192, "from 8 to 8192"),
        ("batch_size", 1, 65536, "at least 1"),
        ("masked_share", 0.01, 0.9, "from 0.01 to 0.9"),
        ("learning_rate", TINY, 1.0, "above 0 and at most 1 (1e-4 is usual)"),
        ("weight_decay", 0.0, 1.0, "from 0 to 1"),
        ("warmup_share", 0.0, 1.0, "from 0 to 1"),
        ("max_grad_norm", 0.0, math.inf, "0 (off) or more"),
        ("checkpoints", 1, 1000, "from 1 to 1000"),
        ("threads", 0, 4096, "0 (torch decides) or more"),
        ("seed", 0, 2**32 - 1, "from 0 to 4294967295"),
        ("log_every", 1, math.inf, "at least 1"),
    )

    base_model: str = key("", "the encoder to go on with: a hub id or a folder", placeholder="ID|FOLDER")
    corpus: list[str] = key(
        [], "texts: .txt with one a line (also .gz, .zst), or dumps with a text column", placeholder="FILE"
    )
    exclude: list[str] = key(
        [], "posts that must not be learnt from, such as dev and test sets: they and their near-copies are left out",
        placeholder="FILE",
    )  # fmt: skip
    near: float = key(0.7, "from this likeness (Jaccard) on, a text is a near-copy of an excluded or held-out one")
    output: str = key("", "the folder to write the adapted encoder to", placeholder="FOLDER")
    text_column: str | None = key(None, "the dumps' text column, where it is not found by itself")
    tokens: int = key(0, "tokens to train on, repeating the corpus if need be; 0 is the whole corpus once")
    held_out: int = key(1000, "texts that are held out to measure perplexity on (at most a tenth of the corpus)")
    block_tokens: int = key(128, "tokens of a block; texts are packed into blocks, so that nothing is padded")
    batch_size: int = key(32, "blocks in a step")
    masked_share: float = key(0.15, "share of the tokens that are to be guessed, whole words at a time")
    learning_rate: float = key(1e-4, "peak learning rate")
    weight_decay: float = key(0.01, "AdamW's weight decay (not on biases and norms)")
    warmup_share: float = key(0.06, "share of the steps over which the learning rate rises; then it falls linearly")
    max_grad_norm: float = key(1.0, "gradients are clipped to this norm; 0 is off")
    checkpoints: int = key(10, "how many checkpoints, evenly spread, each with a perplexity")
    normaliser: str = key("auto", "the profile that prepares the text; auto suits the base", choices=NORMALISERS)
    bf16: str = key("auto", "bfloat16 arithmetic: auto is where the device has it", choices=SWITCH)
    threads: int = key(0, "processor threads; 0 leaves it to torch")
    seed: int = key(0, "the seed of everything random")
    keep_checkpoints: bool = key(False, "keep OUTPUT/checkpoints when the run is done")
    log_every: int = key(20, "steps between two points of the loss curve")
    resume: bool = key(False, "go on where a killed run of the same configuration stopped")
    overwrite: bool = key(False, "replace the output folder if it exists")

    def _problems(self) -> Iterable[str]:
        """Every value that is impossible, as a line with the mend."""
        if not self.base_model:
            yield "base_model is not given: name a hub id or the folder of an encoder"
        if not self.corpus:
            yield "corpus is not given: name at least one file of texts"
        yield from self._common_problems()
