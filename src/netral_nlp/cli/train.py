"""`netral train`: labelled posts in, a model folder out."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import shlex
import sys
from typing import Any

from netral_nlp.training.config import TrainingConfig


def add_parser(subparsers: Any) -> None:
    """Add the command and its flags, one for each key of `TrainingConfig`."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on labelled posts",
        description="Train a model on labelled posts and write its folder. Every flag is also a key of the YAML file "
        "that --config names (--batch-size is batch_size); a flag wins over the file.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--config", metavar="FILE", default=None, help="a YAML file with any of the keys below")
    for item in dataclasses.fields(TrainingConfig):
        add_flag(parser, item)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train as the flags and the configuration file say; print the dev table at the end."""
    keys = TrainingConfig.names()
    given = {key: value for key, value in vars(args).items() if key in keys}
    config = TrainingConfig.read(args.config, given)

    from netral_nlp.training.finetune import train

    with progress_lines():
        try:
            folder = train(config)
        except KeyboardInterrupt:
            print(f"netral: stopped; the same command with --resume goes on ({config.output})", file=sys.stderr)
            raise
    _print_result(folder, config.output)
    return 0


def add_flag(parser: argparse.ArgumentParser, item: dataclasses.Field[Any]) -> None:
    """Add the flag of one key of the configuration."""
    flags = ["--" + item.name.replace("_", "-")]
    if item.name == "output":
        flags.insert(0, "-o")  # as in netral score
    kind = str(item.type)
    more: dict[str, Any] = {}
    default = item.default
    if kind == "bool":
        more["action"] = argparse.BooleanOptionalAction
    elif kind in ("list[str]", "dict[str, str]"):
        more["nargs"] = "+"
    if kind != "bool":
        more["metavar"] = item.metadata.get("placeholder") or _PLACEHOLDERS[kind]
    if "choices" in item.metadata:
        more["choices"] = item.metadata["choices"]
        more.pop("metavar")
    shown = default not in (dataclasses.MISSING, None, "", False)
    text = item.metadata["help"] + (f" (default: {default})" if shown else "")
    # Values stay text here: TrainingConfig converts them, with one error for every wrong value at once.
    parser.add_argument(*flags, dest=item.name, help=text.replace("%", "%%"), **more)


_PLACEHOLDERS = {
    "str": "NAME",
    "str | None": "NAME",
    "list[str]": "FILE",
    "dict[str, str]": "NAME=FILE",
    "int": "N",
    "float": "X",
    "float | None": "X",
    "str | dict[str, float]": "WEIGHTS",
}


class progress_lines:  # noqa: N801 - used as a function
    """Show our own log lines on standard error while a command runs, and leave logging as it was."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("netral_nlp")
        self._handler = _Lines()
        self._level = self._logger.level
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.INFO)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._handler)
        self._logger.setLevel(self._level)


class _Lines(logging.Handler):
    """Writes each record as a line above the progress bars; warnings say that they are."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        kind = "warning: " if record.levelno >= logging.WARNING else ""
        tqdm.write(f"netral: {kind}{record.getMessage()}", file=sys.stderr)


def _print_result(folder: Any, named: str) -> None:
    """The dev table and where everything is."""
    import json

    from netral_nlp.evaluation.metrics import align
    from netral_nlp.training.card import figure

    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    backend = document["default_backend"]
    rows = [["set", "posts", "macro-F1", "neutral accused", "handed to a person"]]
    for name, found in document["sets"].items():
        figures = found["backends"][backend]
        rows.append(
            [
                name,
                f"{figures['posts']:,}",
                figure(figures["macro_f1"]),
                figure(figures.get("false_accusation_rate"), percent=True),
                figure(figures.get("review_rate"), percent=True),
            ]
        )
    print("\n".join(align(rows)))
    print(f"\n{named}\n  README.md holds the model card, metrics.json all figures, training.yaml every value")
    print(f"  next: netral evaluate --model {shlex.quote(named)} --data TEST --compare OLD-MODEL")
