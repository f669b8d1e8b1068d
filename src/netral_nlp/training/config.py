"""What a training run is asked to do: every key, its default, and the checks made before any work starts."""

# ruff: noqa: RUF009 - `key` is dataclasses.field with a help text
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netral_nlp.training.run_config import NORMALISERS, SWITCH, TINY, Range, RunConfig, key

TFIDF = "tfidf"
FILE_KEYS = ("data", "labels", "hydrate", "replay", "dev", "unlabelled")
"""Keys that are lists of files that the run reads."""
# Keys that say how a run is carried out, not what it computes: a resumed run may change them.
RUN_ONLY = frozenset(
    {"resume", "overwrite", "keep_checkpoints", "export_onnx", "log_every", "target_accused", "target_passed"}
)


@dataclass
class TrainingConfig(RunConfig):
    """Everything that a training run needs to know. Checked as a whole when it is made.

    Each field is a key of a YAML file and a flag of `netral train` (`batch_size` is `--batch-size`); its help text
    is the field's metadata. Where both are given the flag wins (`TrainingConfig.read`).

    Raises:
        ConfigError: one line that names every key that cannot be as given, and the mend.
    """

    COMMAND: ClassVar[str] = "netral train"
    RECORD: ClassVar[str] = "training.yaml"
    FILE_KEYS: ClassVar[tuple[str, ...]] = FILE_KEYS
    RUN_ONLY: ClassVar[frozenset[str]] = RUN_ONLY
    RANGES: ClassVar[tuple[Range, ...]] = (
        ("dev_share", 0.01, 0.5, "from 0.01 to 0.5"),
        ("replay_share", 0.01, 0.95, "from 0.01 to 0.95"),
        ("unlabelled_posts", 0, math.inf, "0 (all) or more"),
        ("unlabelled_weight", 0.0, 100.0, "from 0 to 100"),
        ("swap_names", 0.0, 1.0, "from 0 (off) to 1"),
        ("noise", 0.0, 1.0, "from 0 (off) to 1"),
        ("direction_weight", 0.0, 10.0, "from 0 (off) to 10"),
        ("epochs", 1, 1000, "from 1 to 1000"),
        ("batch_size", 1, 65536, "at least 1"),
        ("learning_rate", TINY, 1.0, "above 0 and at most 1 (5e-5 is usual)"),
        ("head_learning_rate", TINY, 1.0, "above 0 and at most 1"),
        ("layer_decay", 0.01, 1.0, "from 0.01 to 1 (1 is off)"),
        ("weight_decay", 0.0, 1.0, "from 0 to 1"),
        ("warmup_share", 0.0, 1.0, "from 0 to 1"),
        ("label_smoothing", 0.0, 0.5, "from 0 to 0.5"),
        ("unsure_weight", 0.0, 10.0, "from 0 to 10"),
        ("max_tokens", 8, 8192, "from 8 to 8192"),
        ("context_tokens", 1, 8192, "from 1 to 8192"),
        ("dropout", 0.0, 0.9, "from 0 to 0.9"),
        ("average", 0.0, 0.99999, "from 0 (off) to 0.99999"),
        ("max_grad_norm", 0.0, math.inf, "0 (off) or more"),
        ("early_stopping", 0, 1000, "0 (off) or more"),
        ("eval_steps", 0, math.inf, "0 (once an epoch) or more"),
        ("threads", 0, 4096, "0 (torch decides) or more"),
        ("seed", 0, 2**32 - 1, "from 0 to 4294967295"),
        ("tfidf_c", TINY, 1e6, "above 0"),
        ("target_accused", 0.0, 1.0, "from 0 to 1"),
        ("target_passed", 0.0, 1.0, "from 0 to 1"),
        ("log_every", 1, math.inf, "at least 1"),
    )

    base_model: str = key("", "a hub id, a model folder, or 'tfidf' for the linear baseline", placeholder="ID|FOLDER")
    data: list[str] = key([], "labelled posts to train on: files or `datasets` folders", placeholder="FILE")
    labels: list[str] = key(
        [],
        "label files (sha256 of a text, label) of public posts, as netral data dehydrate writes them",
        placeholder="FILE",
    )
    hydrate: list[str] = key([], "your own copies of the public files that labels are of", placeholder="FILE")
    replay: list[str] = key(
        [], "older labelled posts, mixed in so that a model trained further does not forget", placeholder="FILE"
    )
    replay_share: float = key(0.5, "at most this share of the training posts comes from replay")
    use_split: bool = key(True, "a column `split` is heeded: dev posts choose the epoch, test posts are left out")
    soft_labels: bool = key(True, "learn from share_neutral, share_supportive, share_campaigning, where there")
    teacher: list[str] = key(
        [], "trained models whose averaged answers on the unlabelled posts are learnt from too", placeholder="FOLDER"
    )
    unlabelled: list[str] = key([], "posts without labels, for the teacher to label softly", placeholder="FILE")
    unlabelled_posts: int = key(0, "how many of them are drawn; 0 takes all")
    unlabelled_weight: float = key(1.0, "weight in the loss of posts that the teacher labelled")
    swap_names: float = key(
        0.0, "share of the training posts whose candidates, parties and ballot numbers are swapped, anew in each epoch"
    )
    noise: float = key(0.0, "share of the training posts that are retyped in haste, anew in each epoch")
    direction_weight: float = key(
        0.0, "weight in the loss of a second answer, whom a post speaks for (pro, contra, both); 0 is off"
    )
    output: str = key("", "the model folder to write", placeholder="FOLDER")
    dev: list[str] = key([], "labelled posts to choose the best epoch and fit the decision on", placeholder="FILE")
    dev_share: float = key(0.1, "without dev: this share of data is held out, whole groups of near-same posts at once")
    test: dict[str, str] = key({}, "more labelled sets to report figures on", placeholder="NAME=FILE")
    text_column: str | None = key(None, "the column with the post; text, or what a known export calls it")
    label_column: str | None = key(None, "the column with the label; label where not given")
    context_column: str | None = key("context", "the column with the text that a post answers; none reads no context")
    epochs: int = key(3, "passes over the data, at most")
    batch_size: int = key(32, "posts in a step")
    learning_rate: float = key(5e-5, "peak learning rate of the encoder")
    head_learning_rate: float | None = key(None, "peak learning rate of the head; the encoder's where not given")
    layer_decay: float = key(1.0, "each layer below the top learns at this share of the rate of the one above it")
    weight_decay: float = key(0.01, "AdamW's weight decay (not on biases and norms)")
    warmup_share: float = key(0.1, "share of the steps over which the learning rate rises; then it falls linearly")
    label_smoothing: float = key(0.05, "share of each label's certainty that is spread over the others")
    class_weights: str | dict[str, float] = key(
        "auto",
        "none, balanced, or a weight for each label; auto is none for encoders and balanced for tfidf",
        placeholder="auto|none|balanced|LABEL=WEIGHT,...",
    )
    unsure_weight: float = key(1.0, "weight in the loss of posts whose `unsure` column is true")
    max_tokens: int = key(128, "tokens of a post that are read, special tokens included")
    context_tokens: int = key(64, "tokens of the context that are read; longer ones lose their end")
    dropout: float | None = key(None, "dropout of the encoder and the head; the base model's own where not given")
    freeze_embeddings: bool = key(False, "leave the word embeddings as they are")
    average: float = key(0.0, "decay of the running average of the weights that is kept instead of the last; 0 is off")
    max_grad_norm: float = key(1.0, "gradients are clipped to this norm; 0 is off")
    early_stopping: int = key(2, "stop after this many evaluations without a better dev macro-F1; 0 is off")
    eval_steps: int = key(0, "evaluate and save a checkpoint every so many steps; 0 is once an epoch")
    normaliser: str = key("auto", "the profile that prepares the text; auto suits the base", choices=NORMALISERS)
    bf16: str = key("auto", "bfloat16 arithmetic: auto is where the device has it", choices=SWITCH)
    threads: int = key(0, "processor threads; 0 leaves it to torch")
    seed: int = key(0, "the seed of everything random")
    tfidf_c: float = key(1.0, "tfidf only: inverse strength of the regularisation")
    target_accused: float = key(0.05, "share of neutral dev posts that may be accused without review")
    target_passed: float = key(0.05, "share of campaigning dev posts that may pass as neutral without review")
    export_onnx: bool = key(True, "write the int8 ONNX model that scoring uses by default")
    keep_checkpoints: bool = key(False, "keep OUTPUT/checkpoints when the run is done")
    log_every: int = key(20, "steps between two points of the learning curves")
    resume: bool = key(False, "go on where a killed run of the same configuration stopped")
    overwrite: bool = key(False, "replace the model folder if it exists")

    def files(self) -> list[str]:
        """Every file and folder that the run reads, in the order of the keys; the base model is none of them."""
        return [*super().files(), *self.test.values()]

    @property
    def is_tfidf(self) -> bool:
        """Whether the linear baseline is asked for."""
        return self.base_model == TFIDF

    # -- checks -----------------------------------------------------------------------------------------------------

    def _problems(self) -> Iterable[str]:
        """Every value that is impossible, as a line with the mend."""
        if not self.base_model:
            yield "base_model is not given: name a hub id, a model folder or tfidf"
        if not self.data and not self.labels:
            yield "data is not given: name at least one file of labelled posts"
        if self.labels and not (self.hydrate or self.data):
            yield "hydrate is not given: name your copies of the public files that labels are of"
        if self.hydrate and not self.labels:
            yield "labels is not given: hydrate names copies of public files, labels the label file that goes with them"
        for name, path in self.test.items():
            if not Path(path).exists():
                yield f"test: {path} ({name}) does not exist"
            if name == "dev":
                yield "test: the name dev is taken by the set that chooses the epoch; use another"
        trained_on = {Path(path).resolve() for path in (*self.data, *self.replay)}
        if shared := trained_on & {Path(path).resolve() for path in self.dev}:
            yield f"dev: {sorted(shared)[0]} is also training data; hold it out, or leave dev away and set dev_share"
        if bool(self.teacher) != bool(self.unlabelled):
            yield "teacher and unlabelled belong together: name the models and the posts that they are to label"
        yield from self._teacher_problems()
        if isinstance(self.class_weights, str) and self.class_weights not in ("auto", "none", "balanced"):
            yield f"class_weights is {self.class_weights!r}, but must be auto, none, balanced or a weight a label"
        yield from self._common_problems()

    def _teacher_problems(self) -> Iterable[str]:
        """What can be wrong with the folders of the teachers."""
        for folder in self.teacher:
            place = Path(folder).resolve()
            if not (place / "config.json").is_file():
                yield f"teacher: {folder} is no model folder (it has no config.json)"
            if not self.output:
                continue
            output = Path(self.output).resolve()
            if output == place:
                yield f"output: {self.output} is a teacher; write to another folder"
            elif self.overwrite and output in place.parents:
                yield f"overwrite: the teacher {folder} lies inside {self.output} and would be deleted; move it first"
