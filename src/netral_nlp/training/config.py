"""What a training run is asked to do: every key, its default, and the checks made before any work starts."""

# ruff: noqa: RUF009 - `_key` is dataclasses.field with a help text
from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from netral_nlp.errors import ConfigError, NetralError
from netral_nlp.labels import LABELS, Label

TFIDF = "tfidf"
NORMALISERS = ("auto", "netral", "indobert", "indobertweet", "none")
_SWITCH = ("auto", "on", "off")
FILE_KEYS = ("data", "labels", "hydrate", "replay", "dev")
"""Keys that are lists of files that the run reads."""
# Keys that say how a run is carried out, not what it computes: a resumed run may change them.
RUN_ONLY = frozenset(
    {"resume", "overwrite", "keep_checkpoints", "export_onnx", "log_every", "target_accused", "target_passed"}
)


def _key(default: Any, text: str, **more: Any) -> Any:
    """A field with its help text, which the command line shows."""
    metadata = {"help": text, **more}
    if isinstance(default, (list, dict)):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass
class TrainingConfig:
    """Everything that a training run needs to know. Checked as a whole when it is made.

    Each field is a key of a YAML file and a flag of `netral train` (`batch_size` is `--batch-size`); its help text
    is the field's metadata. Where both are given the flag wins (`TrainingConfig.read`).

    Raises:
        ConfigError: one line that names every key that cannot be as given, and the mend.
    """

    base_model: str = _key("", "a hub id, a model folder, or 'tfidf' for the linear baseline", placeholder="ID|FOLDER")
    data: list[str] = _key([], "labelled posts to train on: files or `datasets` folders", placeholder="FILE")
    labels: list[str] = _key(
        [],
        "label files (sha256 of a text, label) of public posts, as netral data dehydrate writes them",
        placeholder="FILE",
    )
    hydrate: list[str] = _key([], "your own copies of the public files that labels are of", placeholder="FILE")
    replay: list[str] = _key(
        [], "older labelled posts, mixed in so that a model trained further does not forget", placeholder="FILE"
    )
    replay_share: float = _key(0.5, "at most this share of the training posts comes from replay")
    use_split: bool = _key(True, "a column `split` is heeded: dev posts choose the epoch, test posts are left out")
    soft_labels: bool = _key(True, "learn from share_neutral, share_supportive, share_campaigning, where there")
    output: str = _key("", "the model folder to write", placeholder="FOLDER")
    dev: list[str] = _key([], "labelled posts to choose the best epoch and fit the decision on", placeholder="FILE")
    dev_share: float = _key(0.1, "without dev: this share of data is held out, whole groups of near-same posts at once")
    test: dict[str, str] = _key({}, "more labelled sets to report figures on", placeholder="NAME=FILE")
    text_column: str | None = _key(None, "the column with the post; text, or what a known export calls it")
    label_column: str | None = _key(None, "the column with the label; label where not given")
    context_column: str | None = _key("context", "the column with the text that a post answers; none reads no context")
    epochs: int = _key(3, "passes over the data, at most")
    batch_size: int = _key(32, "posts in a step")
    learning_rate: float = _key(5e-5, "peak learning rate of the encoder")
    head_learning_rate: float | None = _key(None, "peak learning rate of the head; the encoder's where not given")
    layer_decay: float = _key(1.0, "each layer below the top learns at this share of the rate of the one above it")
    weight_decay: float = _key(0.01, "AdamW's weight decay (not on biases and norms)")
    warmup_share: float = _key(0.1, "share of the steps over which the learning rate rises; then it falls linearly")
    label_smoothing: float = _key(0.05, "share of each label's certainty that is spread over the others")
    class_weights: str | dict[str, float] = _key(
        "auto",
        "none, balanced, or a weight for each label; auto is none for encoders and balanced for tfidf",
        placeholder="auto|none|balanced|LABEL=WEIGHT,...",
    )
    unsure_weight: float = _key(1.0, "weight in the loss of posts whose `unsure` column is true")
    max_tokens: int = _key(128, "tokens of a post that are read, special tokens included")
    context_tokens: int = _key(64, "tokens of the context that are read; longer ones lose their end")
    dropout: float | None = _key(None, "dropout of the encoder and the head; the base model's own where not given")
    freeze_embeddings: bool = _key(False, "leave the word embeddings as they are")
    average: float = _key(0.0, "decay of the running average of the weights that is kept instead of the last; 0 is off")
    max_grad_norm: float = _key(1.0, "gradients are clipped to this norm; 0 is off")
    early_stopping: int = _key(2, "stop after this many evaluations without a better dev macro-F1; 0 is off")
    eval_steps: int = _key(0, "evaluate and save a checkpoint every so many steps; 0 is once an epoch")
    normaliser: str = _key("auto", "the profile that prepares the text; auto suits the base", choices=NORMALISERS)
    bf16: str = _key("auto", "bfloat16 arithmetic: auto is where the device has it", choices=_SWITCH)
    threads: int = _key(0, "processor threads; 0 leaves it to torch")
    seed: int = _key(0, "the seed of everything random")
    tfidf_c: float = _key(1.0, "tfidf only: inverse strength of the regularisation")
    target_accused: float = _key(0.05, "share of neutral dev posts that may be accused without review")
    target_passed: float = _key(0.05, "share of campaigning dev posts that may pass as neutral without review")
    export_onnx: bool = _key(True, "write the int8 ONNX model that scoring uses by default")
    keep_checkpoints: bool = _key(False, "keep OUTPUT/checkpoints when the run is done")
    log_every: int = _key(20, "steps between two points of the learning curves")
    resume: bool = _key(False, "go on where a killed run of the same configuration stopped")
    overwrite: bool = _key(False, "replace the model folder if it exists")

    def __post_init__(self) -> None:
        """Bring the values into their types and check them all.

        Raises:
            ConfigError: see the class.
        """
        problems = [problem for name in self.__dataclass_fields__ if (problem := self._convert(name))]
        if not problems:
            problems = list(self._problems())
        if problems:
            raise ConfigError("; ".join(problems))

    # -- reading and writing ----------------------------------------------------------------------------------------

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all keys, in the order in which they are shown."""
        return tuple(item.name for item in fields(cls))

    @classmethod
    def read(cls, path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> TrainingConfig:
        """Make a configuration from a YAML file and values that win over it.

        Relative paths in the file are read from the working directory, as flags are.

        Args:
            path: A YAML file with some of the keys, or None.
            overrides: Keys given otherwise (flags).

        Raises:
            ConfigError: the file cannot be read, a key is unknown, or a value cannot be used.
        """
        values: dict[str, Any] = {}
        if path is not None:
            values = _read_yaml(Path(path))
            _check_keys(values, cls.names(), str(path))
        values.update(overrides or {})
        _check_keys(values, cls.names(), "the call")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All keys with their values, as YAML and JSON hold them."""
        return asdict(self)

    def identity(self) -> dict[str, Any]:
        """The keys that decide what the run computes: a resumed run must have the same."""
        return {key: value for key, value in self.to_dict().items() if key not in RUN_ONLY}

    def files(self) -> list[str]:
        """Every file and folder that the run reads, in the order of the keys; the base model is none of them."""
        return [*(path for key in FILE_KEYS for path in getattr(self, key)), *self.test.values()]

    @property
    def is_tfidf(self) -> bool:
        """Whether the linear baseline is asked for."""
        return self.base_model == TFIDF

    # -- checks -----------------------------------------------------------------------------------------------------

    def _convert(self, name: str) -> str | None:
        """Bring one value into its field's type; the problem as a line where that cannot be done."""
        value = getattr(self, name)
        kind = str(self.__dataclass_fields__[name].type)
        try:
            setattr(self, name, _CONVERTERS[kind](name, value))
        except ValueError as error:
            return f"{name}: {error}"
        return None

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
        if not self.output:
            yield "output is not given: name the model folder to write"
        for key in FILE_KEYS:
            for path in getattr(self, key):
                if not Path(path).exists():
                    yield f"{key}: {path} does not exist"
        for name, path in self.test.items():
            if not Path(path).exists():
                yield f"test: {path} ({name}) does not exist"
            if name == "dev":
                yield "test: the name dev is taken by the set that chooses the epoch; use another"
        trained_on = {Path(path).resolve() for path in (*self.data, *self.replay)}
        if shared := trained_on & {Path(path).resolve() for path in self.dev}:
            yield f"dev: {sorted(shared)[0]} is also training data; hold it out, or leave dev away and set dev_share"
        for key, low, high, mend in _RANGES:
            value = getattr(self, key)
            if value is not None and not low <= value <= high:
                yield f"{key} is {value:g}, but must be {mend}"
        for key, choices in (("normaliser", NORMALISERS), ("bf16", _SWITCH)):
            if getattr(self, key) not in choices:
                yield f"{key} is {getattr(self, key)!r}, but must be one of {', '.join(choices)}"
        if isinstance(self.class_weights, str) and self.class_weights not in ("auto", "none", "balanced"):
            yield f"class_weights is {self.class_weights!r}, but must be auto, none, balanced or a weight a label"
        if self.resume and self.overwrite:
            yield "resume and overwrite contradict each other: give one of them"
        if self.output:
            yield from self._output_problems()

    def _output_problems(self) -> Iterable[str]:
        output = Path(self.output)
        if output.exists() and not output.is_dir():
            yield f"output: {output} is a file; name a folder"
            return
        if not self.is_tfidf and Path(self.base_model).is_dir() and output.resolve() == Path(self.base_model).resolve():
            yield f"output: {output} is the base model; write to another folder"
        for path in self.files():
            if self.overwrite and output.resolve() in Path(path).resolve().parents:
                yield f"overwrite: {path} lies inside {output} and would be deleted; move it first"
        if not output.is_dir() or not any(output.iterdir()) or self.resume:
            return
        if not self.overwrite:
            yield (
                f"output: {output} exists and is not empty; name another folder, or give resume (--resume) "
                "to go on with a stopped run, or overwrite (--overwrite) to replace it"
            )
        elif not is_run_folder(output):
            yield f"overwrite: {output} was not written by netral train; empty it yourself or name another folder"


def is_run_folder(folder: Path) -> bool:
    """Whether a training run of ours, finished or not, wrote this folder."""
    return (folder / "training.yaml").is_file() or (folder / "checkpoints" / "training.yaml").is_file()


_INFINITE = math.inf
_TINY = 5e-324
_RANGES: tuple[tuple[str, float, float, str], ...] = (
    ("dev_share", 0.01, 0.5, "from 0.01 to 0.5"),
    ("replay_share", 0.01, 0.95, "from 0.01 to 0.95"),
    ("epochs", 1, 1000, "from 1 to 1000"),
    ("batch_size", 1, 65536, "at least 1"),
    ("learning_rate", _TINY, 1.0, "above 0 and at most 1 (5e-5 is usual)"),
    ("head_learning_rate", _TINY, 1.0, "above 0 and at most 1"),
    ("layer_decay", 0.01, 1.0, "from 0.01 to 1 (1 is off)"),
    ("weight_decay", 0.0, 1.0, "from 0 to 1"),
    ("warmup_share", 0.0, 1.0, "from 0 to 1"),
    ("label_smoothing", 0.0, 0.5, "from 0 to 0.5"),
    ("unsure_weight", 0.0, 10.0, "from 0 to 10"),
    ("max_tokens", 8, 8192, "from 8 to 8192"),
    ("context_tokens", 1, 8192, "from 1 to 8192"),
    ("dropout", 0.0, 0.9, "from 0 to 0.9"),
    ("average", 0.0, 0.99999, "from 0 (off) to 0.99999"),
    ("max_grad_norm", 0.0, _INFINITE, "0 (off) or more"),
    ("early_stopping", 0, 1000, "0 (off) or more"),
    ("eval_steps", 0, _INFINITE, "0 (once an epoch) or more"),
    ("threads", 0, 4096, "0 (torch decides) or more"),
    ("seed", 0, 2**32 - 1, "from 0 to 4294967295"),
    ("tfidf_c", _TINY, 1e6, "above 0"),
    ("target_accused", 0.0, 1.0, "from 0 to 1"),
    ("target_passed", 0.0, 1.0, "from 0 to 1"),
    ("log_every", 1, _INFINITE, "at least 1"),
)


# -- converters: from what YAML and flags give to the field's type ----------------------------------------------------


def _string(name: str, value: Any) -> str:
    # YAML reads on and off as booleans.
    if name == "bf16" and isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {value!r}")
    if any(ord(character) < 32 for character in value):
        raise ValueError(f"{value!r} holds a control character")
    return value


def _optional_string(name: str, value: Any) -> str | None:
    return None if value in (None, "", "none") else _string(name, value)


def _strings(name: str, value: Any) -> list[str]:
    values = [value] if isinstance(value, (str, Path)) else value
    if values is None:
        return []
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"must be a file or a list of files, not {value!r}")
    return [_string(name, item) for item in values]


def _number(name: str, value: Any) -> float:
    # YAML 1.1 reads 5e-5, without a point, as text.
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"must be a number, not {value!r}")
    return number


def _optional_number(name: str, value: Any) -> float | None:
    return None if value is None else _number(name, value)


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if not math.isfinite(number) or number != int(number):
        raise ValueError(f"must be a whole number, not {value!r}")
    return int(number)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _pairs(value: Any, what: str) -> dict[str, str]:
    """A mapping, or `NAME=VALUE` items, alone, in a list or with commas between."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    items = [value] if isinstance(value, str) else value
    if items is None:
        return {}
    if not isinstance(items, (list, tuple)):
        raise ValueError(f"must be {what}, not {value!r}")
    pairs: dict[str, str] = {}
    for item in items:
        key, sign, right = str(item).partition("=")
        if not sign or not key or not right:
            raise ValueError(f"{item!r} must be {what}")
        if key in pairs:
            raise ValueError(f"{key} is given twice")
        pairs[key] = right
    return pairs


def _named_files(name: str, value: Any) -> dict[str, str]:
    return {key: _string(name, item) for key, item in _pairs(value, "NAME=FILE").items()}


def _weights(name: str, value: Any) -> str | dict[str, float]:
    if value is None or value is False:
        return "none"
    if isinstance(value, str):
        if "=" not in value:
            return value
        value = value.split(",")
    weights: dict[str, float] = {}
    for key, item in _pairs(value, "LABEL=WEIGHT").items():
        try:
            label = Label.parse(key)
        except NetralError as error:
            raise ValueError(str(error)) from None
        weights[label.value] = _number(name, item)
        if not 0 < weights[label.value] <= 1000:
            raise ValueError(f"the weight of {label} is {weights[label.value]:g}, but must be above 0")
    return {label.value: weights.get(label.value, 1.0) for label in LABELS}


_CONVERTERS: dict[str, Any] = {
    "str": _string,
    "str | None": _optional_string,
    "list[str]": _strings,
    "float": _number,
    "float | None": _optional_number,
    "int": _whole,
    "bool": _flag,
    "dict[str, str]": _named_files,
    "str | dict[str, float]": _weights,
}


def _read_yaml(path: Path) -> dict[str, Any]:
    """The keys of a YAML file; those of a `training.yaml` that we wrote are under `config`."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config: {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config: {path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"config: {path} is not valid YAML{where}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"config: {path} must hold keys and values, not a {type(document).__name__}")
    if isinstance(document.get("config"), dict):
        document = document["config"]
    return {str(key): value for key, value in document.items()}


def _check_keys(values: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    problems = []
    for key in values:
        if key in known:
            continue
        plain = key.replace("-", "_").lower()
        near = [plain] if plain in known else difflib.get_close_matches(plain, known, n=1, cutoff=0.5)
        problems.append(f"unknown key {key!r}" + (f", did you mean {near[0]}?" if near else ""))
    if problems:
        raise ConfigError(f"{where}: {'; '.join(problems)} (netral train --help lists the keys)")
