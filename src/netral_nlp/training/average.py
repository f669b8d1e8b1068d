"""Average the weights of models that descend from one another.

Models that were trained on from the same weights lie in one valley, and between them often lies a model that is
better on posts unlike those of either ("Model soups": Wortsman et al. 2022; "Robust fine-tuning": the same year).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netral_nlp.errors import ConfigError, MissingExtraError, ModelFolderError

_WEIGHTS = "model.safetensors"
_CONFIG = "config.json"
_SAME = ("tokenizer.json", "normaliser.json")  # token ids must mean the same, and texts be read alike
_COPIED = ("tokenizer.json", "tokenizer_config.json", "normaliser.json", "special_tokens_map.json", "vocab.txt")


@dataclass(frozen=True)
class Part:
    """A model of the average.

    Attributes:
        folder: its folder.
        weight: its share, before the shares are made to sum to 1.
    """

    folder: Path
    weight: float = 1.0

    @classmethod
    def read(cls, text: str) -> Part:
        """Read `FOLDER` or `FOLDER=WEIGHT`.

        Raises:
            ConfigError: the weight is no number above 0.
        """
        folder, sign, number = text.rpartition("=")
        if not sign or Path(text).is_dir():
            return cls(Path(text))
        try:
            weight = float(number)
        except ValueError:
            weight = 0.0
        if not 0 < weight < float("inf"):
            raise ConfigError(f"{text}: the weight must be a number above 0, such as {folder}=2")
        return cls(Path(folder), weight)


def average_models(parts: Sequence[Part], output: Path) -> Path:
    """Write a model whose weights are the weighted mean of others.

    The new folder has an uncalibrated decision: `netral calibrate` fits one. Sums are taken in fp32, weights saved in
    half precision.

    Args:
        parts: two models or more, of one architecture, tokenizer and normaliser.
        output: the folder to write; it must not exist, or be empty.

    Returns:
        The folder.

    Raises:
        ConfigError: fewer than two models, models that do not fit, or an output that is there already.
        ModelFolderError: a folder lacks a file.
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
        from safetensors.torch import load_file, save_file
    except ImportError:
        raise MissingExtraError("averaging models", "train") from None
    from netral_nlp.inference.decision import Decision

    if len(parts) < 2:
        raise ConfigError("one model has no average: name two or more")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"{output} exists and is not empty; name another folder")
    first = parts[0].folder
    for part in parts:
        for name in (_CONFIG, _WEIGHTS, *_SAME):
            if not (part.folder / name).is_file():
                raise ModelFolderError(
                    f"{part.folder / name} is missing; only encoders that were trained can be averaged"
                )
        for name in _SAME:
            if (part.folder / name).read_bytes() != (first / name).read_bytes():
                raise ConfigError(f"{part.folder} has another {name} than {first}: their weights do not mean the same")
    total = sum(part.weight for part in parts)
    mean: dict[str, Any] = {}
    for part in parts:
        weights = load_file(part.folder / _WEIGHTS)
        if mean and {name: mean[name].shape for name in mean} != {name: weights[name].shape for name in weights}:
            raise ConfigError(f"{part.folder} has other weights than {first}: the architectures differ")
        for name, value in weights.items():
            share = value.float() * (part.weight / total)
            mean[name] = mean[name] + share if name in mean else share
    output.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        if (first / name).is_file():
            shutil.copyfile(first / name, output / name)
    save_file(
        {name: value.to(torch.float16).contiguous() for name, value in mean.items()},
        output / _WEIGHTS,
        {"format": "pt"},
    )
    (output / _WEIGHTS).chmod(0o644)
    Decision.default().save(output)
    shutil.copyfile(first / _CONFIG, output / _CONFIG)  # last: without it no folder is a model
    return output
