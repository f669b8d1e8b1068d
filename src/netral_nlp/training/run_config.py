"""Configurations of runs: keys that are flags and YAML keys alike, brought into type and checked at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

from netral_nlp.errors import ConfigError, NetralError
from netral_nlp.labels import LABELS, Label

NORMALISERS = ("auto", "netral", "indobert", "indobertweet", "none")
SWITCH = ("auto", "on", "off")
TINY = 5e-324
"""The least number above 0."""
Range: TypeAlias = tuple[str, float, float, str]
"""A key, the least and the largest number that it may have, and how that is said."""


def key(default: Any, text: str, **more: Any) -> Any:
    """A field with its help text, which the command line shows."""
    metadata = {"help": text, **more}
    if isinstance(default, (list, dict)):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


class RunConfig:
    """What the configurations of `netral train` and `netral adapt` share. Each is a dataclass whose fields are keys.

    Attributes:
        COMMAND: the command that runs it.
        RECORD: the file that holds every value of a run, in its output folder.
        RANGES: the numbers that a key may have.
        FILE_KEYS: keys that are lists of files that the run reads.
        RUN_ONLY: keys that say how a run is carried out, not what it computes: a resumed run may change them.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    COMMAND: ClassVar[str]
    RECORD: ClassVar[str]
    RANGES: ClassVar[tuple[Range, ...]]
    FILE_KEYS: ClassVar[tuple[str, ...]]
    RUN_ONLY: ClassVar[frozenset[str]]

    base_model: str
    output: str
    normaliser: str
    resume: bool
    overwrite: bool

    def __post_init__(self) -> None:
        """Bring the values into their types and check them all.

        Raises:
            ConfigError: see the class.
        """
        problems = [problem for name in self.names() if (problem := self._convert(name))]
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
    def read(cls, path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Self:
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
            _check_keys(values, cls, str(path))
        values.update(overrides or {})
        _check_keys(values, cls, "the call")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All keys with their values, as YAML and JSON hold them."""
        return asdict(self)

    def identity(self) -> dict[str, Any]:
        """The keys that decide what the run computes: a resumed run must have the same."""
        return {key: value for key, value in self.to_dict().items() if key not in self.RUN_ONLY}

    def files(self) -> list[str]:
        """Every file and folder that the run reads, in the order of the keys; the base model is none of them."""
        return [path for key in self.FILE_KEYS for path in getattr(self, key)]

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
        return self._common_problems()

    def _common_problems(self) -> Iterable[str]:
        """What can be wrong with the keys that every run has."""
        if not self.output:
            yield "output is not given: name the model folder to write"
        for name in self.FILE_KEYS:
            for path in getattr(self, name):
                if not Path(path).exists():
                    yield f"{name}: {path} does not exist"
        for name, low, high, mend in self.RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                yield f"{name} is {value:g}, but must be {mend}"
        for name, choices in (("normaliser", NORMALISERS), ("bf16", SWITCH)):
            if getattr(self, name) not in choices:
                yield f"{name} is {getattr(self, name)!r}, but must be one of {', '.join(choices)}"
        if self.resume and self.overwrite:
            yield "resume and overwrite contradict each other: give one of them"
        if self.output:
            yield from self._output_problems()

    def _output_problems(self) -> Iterable[str]:
        output = Path(self.output)
        if output.exists() and not output.is_dir():
            yield f"output: {output} is a file; name a folder"
            return
        if Path(self.base_model).is_dir() and output.resolve() == Path(self.base_model).resolve():
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
        elif not self.is_run_folder(output):
            yield f"overwrite: {output} was not written by {self.COMMAND}; empty it yourself or name another folder"

    @classmethod
    def is_run_folder(cls, folder: Path) -> bool:
        """Whether a run of this kind, finished or not, wrote this folder."""
        return (folder / cls.RECORD).is_file() or (folder / "checkpoints" / cls.RECORD).is_file()


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


def _check_keys(values: Mapping[str, Any], config: type[RunConfig], where: str) -> None:
    known, problems = config.names(), []
    for key in values:
        if key in known:
            continue
        plain = key.replace("-", "_").lower()
        near = [plain] if plain in known else difflib.get_close_matches(plain, known, n=1, cutoff=0.5)
        problems.append(f"unknown key {key!r}" + (f", did you mean {near[0]}?" if near else ""))
    if problems:
        raise ConfigError(f"{where}: {'; '.join(problems)} ({config.COMMAND} --help lists the keys)")
