"""`netral crossval`: what a model does on sources that it has never seen."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

from netral_nlp.cli.numbers import at_least
from netral_nlp.cli.train import add_flag, progress_lines
from netral_nlp.training.config import TrainingConfig

_UNUSED = frozenset({"dev", "test", "replay", "replay_share", "export_onnx", "keep_checkpoints"})


def add_parser(subparsers: Any) -> None:
    """Add the command: its own flags, and those of `netral train` that it uses."""
    parser = subparsers.add_parser(
        "crossval",
        help="train and measure by leaving whole sources out",
        description="Divide labelled posts into folds that keep every source (or author, thread, ...) on one side, "
        "train on all folds but one, predict that one, and measure all predictions: what a model does on sources that "
        "it has never seen. Takes the flags and the YAML file of netral train; dev and test are not read, each fold "
        "holds its own dev posts out of its training posts.",
        epilog="example: netral crossval --config training.yaml --by source --compare-random -o runs/crossval",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--config", metavar="FILE", default=None, help="a YAML file with keys of netral train")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", required=True, help="the folder to write predictions.csv and crossval.json"
    )
    own = parser.add_argument_group("folds")
    own.add_argument(
        "--by", metavar="COLUMN", default="source", help="what is never on two sides (default: source); any column"
    )
    own.add_argument(
        "--until", metavar="TEXT", default=None, help="group by the value up to this text: ':' takes a from a:b"
    )
    own.add_argument(
        "--not-stated",
        choices=("pooled", "apart"),
        default="pooled",
        help="posts without a value are one group (pooled, the default), or each its own (apart)",
    )
    own.add_argument("--folds", type=at_least(2), metavar="N", default=5, help="how many (default: 5)")
    own.add_argument(
        "--compare-random",
        action="store_true",
        default=False,
        help="do the same with random folds, and say what unseen groups cost; takes twice the time",
    )
    own.add_argument("--keep-texts", action="store_true", default=False, help="put the texts into predictions.csv")
    own.add_argument("--keep-models", action="store_true", default=False, help="keep the folds' models")
    own.add_argument(
        "--resamples",
        type=at_least(0),
        metavar="N",
        default=1000,
        help="bootstrap resamples behind each interval; 0 for none (default: 1000)",
    )
    training = parser.add_argument_group("training")
    for item in dataclasses.fields(TrainingConfig):
        if item.name != "output" and item.name not in _UNUSED:
            add_flag(training, item)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Cross-validate as the flags and the configuration file say; print the tables.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    keys = TrainingConfig.names()
    config = TrainingConfig.read(args.config, {key: value for key, value in vars(args).items() if key in keys})

    from netral_nlp.training.crossval import CROSSVAL_FILE, PREDICTIONS_FILE, cross_validate

    with progress_lines():
        try:
            found = cross_validate(
                config,
                by=args.by,
                until=args.until,
                not_stated=args.not_stated,
                folds=args.folds,
                compare_random=args.compare_random,
                keep_texts=args.keep_texts,
                keep_models=args.keep_models,
                resamples=args.resamples,
            )
        except KeyboardInterrupt:
            print(f"netral: stopped; the same command with --resume goes on ({config.output})", file=sys.stderr)
            raise
    print(found.table())
    print(f"\n{config.output}\n  {PREDICTIONS_FILE} holds every prediction, {CROSSVAL_FILE} all figures")
    return 0
