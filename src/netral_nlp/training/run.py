"""A run's place on disk: where it works, what it may resume, and how its folder becomes a model folder."""

from __future__ import annotations

import logging
import os
import platform
import shutil
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from netral_nlp import __version__
from netral_nlp.errors import ConfigError
from netral_nlp.training.config import TFIDF, TrainingConfig
from netral_nlp.training.data import data_hashes, hash_path
from netral_nlp.training.run_config import RunConfig

log = logging.getLogger(__name__)

RECORD = TrainingConfig.RECORD
_TEACHERS = "teacher_sha256"  # in the record of a run with teachers, in their order
_LAST = "config.json"  # without it no folder is a model: moved last
_LIBRARIES = (
    "torch", "transformers", "tokenizers", "accelerate", "datasets", "scikit-learn", "numpy", "pandas", "pyarrow",
    "onnxruntime", "onnx",
)  # fmt: skip


@dataclass
class Run:
    """One training run and its folder.

    Attributes:
        config: What was asked for.
        output: The model folder, absolute.
        record: What `training.yaml` will hold: every key, data hashes, versions. Paths outside of the working
            directory stand with their last part only: a model is shared, the layout of a disk is not.
        hashes: The SHA-256 of each file of the run, by its path as given.
        is_finished: Whether a resumed run had come to its end already.
    """

    config: RunConfig
    output: Path
    record: dict[str, Any] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    is_finished: bool = False

    @property
    def checkpoints(self) -> Path:
        """Where the loop saves its state."""
        return self.output / "checkpoints"

    @property
    def logs(self) -> Path:
        """Where TensorBoard's events go."""
        return self.output / "logs"

    @property
    def _keeps_checkpoints(self) -> bool:
        return bool(getattr(self.config, "keep_checkpoints", False))

    @property
    def staging(self) -> Path:
        """Where the model folder is put together before its files move up."""
        return self.output / ".assembling"

    @classmethod
    def begin(cls, config: RunConfig, device: dict[str, Any], base_folder: Path | None) -> Run:
        """Describe the run, and check that a folder to resume belongs to the same one.

        Nothing is written yet.

        Args:
            config: The run.
            device: What else decides the numbers, such as whether bfloat16 is used.
            base_folder: Where the base model is; None of the baseline.

        Raises:
            ConfigError: `resume` finds another configuration, other data, another base model or another teacher.
        """
        hashes = data_hashes(config)
        record = {
            "netral_nlp": __version__,
            "config": _portable(config),
            "device": {**device, "machine": platform.machine(), "processors": os.cpu_count()},
            "data_sha256": _by_name(hashes),
            "base_sha256": hash_path(base_folder, deep=False) if base_folder else None,
            **_teachers(config),
            "versions": {"python": platform.python_version(), **_versions()},
        }
        run = cls(config, Path(config.output).resolve(), record, hashes)
        if config.resume:
            run._check_resumable()
        return run

    def prepare(self) -> None:
        """Make the folder ready: empty for a new run, as it stands for a resumed one."""
        if self.config.overwrite and self.output.is_dir():
            (self.output / _LAST).unlink(missing_ok=True)  # first, lest half a model is taken for a whole one
            for item in list(self.output.iterdir()):
                shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
        if self.staging.exists():
            shutil.rmtree(self.staging)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        _write_yaml(self.record, self.checkpoints / self.config.RECORD)

    def clear_up(self) -> None:
        """Remove the checkpoints, unless they are to be kept."""
        if not self._keeps_checkpoints and self.checkpoints.exists():
            shutil.rmtree(self.checkpoints)

    def stage(self) -> Path:
        """An empty folder to put the model together in, with `training.yaml` in it."""
        if self.staging.exists():
            shutil.rmtree(self.staging)
        self.staging.mkdir(parents=True)
        _write_yaml(self.record, self.staging / self.config.RECORD)
        return self.staging

    def finish(self) -> Path:
        """Move the staged files up, the one that makes the folder a model last, and clear up.

        Returns:
            The model folder.
        """
        items = sorted(self.staging.iterdir(), key=lambda item: (item.name == _LAST, item.name))
        for item in items:
            if item.is_file():
                item.chmod(0o644)  # safetensors writes for the owner alone, and a model is to be shared
                with item.open("rb+") as stream:
                    os.fsync(stream.fileno())
        for item in items:
            target = self.output / item.name
            if target.is_dir():
                shutil.rmtree(target)
            item.replace(target)
        self.staging.rmdir()
        self.clear_up()
        return self.output

    def _check_resumable(self) -> None:
        import yaml

        record_name, file_keys = self.config.RECORD, self.config.FILE_KEYS
        finished = (self.output / _LAST).is_file() and (self.output / record_name).is_file()
        path = self.output / record_name if finished else self.checkpoints / record_name
        if not path.is_file():
            if self.output.is_dir() and any(self.output.iterdir()):
                raise ConfigError(
                    f"resume: {self.output} is not empty and holds no run of {self.config.COMMAND}; name another output"
                )
            return
        try:
            stored = yaml.safe_load(path.read_text(encoding="utf-8"))
            before, hashes, base = stored["config"], stored["data_sha256"], stored["base_sha256"]
            device = stored["device"]
        except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
            raise ConfigError(f"resume: {path} is damaged; start anew with overwrite") from None
        now = self.config.identity()
        # The folder may have been moved, and a path may be written otherwise: what is in the files decides.
        paths = {"output", *file_keys, "test", "base_model", "teacher"}
        changed = [key for key in now if key not in paths and before.get(key) != now[key]]
        same_files = all(len(before.get(key, ())) == len(now[key]) for key in (*file_keys, "test") if key in now)
        if not same_files or list(hashes.values()) != list(self.record["data_sha256"].values()):
            changed.append("the content of the data")
        if base != self.record["base_sha256"] or (before["base_model"] == TFIDF) != (now["base_model"] == TFIDF):
            changed.append("base_model")
        if stored.get(_TEACHERS) != self.record.get(_TEACHERS):
            changed.append("teacher")
        if device.get("bf16") != self.record["device"].get("bf16"):
            changed.append("bf16 (this device differs)")
        if changed:
            raise ConfigError(
                f"resume: the run in {self.output} was started with another {', '.join(changed)}; "
                "use the same again, or start anew with overwrite"
            )
        self.is_finished = finished


def _portable(config: RunConfig) -> dict[str, Any]:
    """The keys as they are recorded: without those of one call, and without foreign folders in paths."""
    values = {key: value for key, value in config.to_dict().items() if key not in ("resume", "overwrite")}
    for key in config.FILE_KEYS:
        values[key] = [_name(path) for path in values[key]]
    if "test" in values:
        values["test"] = {name: _name(path) for name, path in values["test"].items()}
    values["output"] = _name(values["output"])
    if Path(values["base_model"]).is_dir():
        values["base_model"] = _name(values["base_model"])
    if "teacher" in values:
        values["teacher"] = [_name(path) for path in values["teacher"]]
    return values


def _teachers(config: RunConfig) -> dict[str, list[str]]:
    """The hashes of the teachers' folders, as the record holds them; nothing of a run without any."""
    folders: list[str] = getattr(config, "teacher", [])
    return {_TEACHERS: [hash_path(Path(folder), deep=False) for folder in folders]} if folders else {}


def _name(path: str) -> str:
    """A path within the working directory as given, of any other its last part."""
    inside = not Path(path).is_absolute() and ".." not in Path(path).parts
    return Path(path).as_posix() if inside else Path(path).resolve().name


def _by_name(hashes: dict[str, str]) -> dict[str, str]:
    """Hashes by recorded name; files of one name are numbered."""
    named: dict[str, str] = {}
    for path, digest in hashes.items():
        name, number = _name(path), 1
        while name in named:
            number += 1
            name = f"{_name(path)} ({number})"
        named[name] = digest
    return named


def _versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _write_yaml(document: dict[str, Any], path: Path) -> None:
    import yaml

    scratch = path.with_name(path.name + ".part")
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
