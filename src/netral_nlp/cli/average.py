"""`netral average`: one model from the weights of several."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "average",
        help="average the weights of models that were trained on from one another",
        description="Write a model whose weights are the weighted mean of others of one architecture and tokenizer.",
    )
    parser.add_argument("models", nargs="+", metavar="FOLDER[=WEIGHT]", help="two model folders or more")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FOLDER", help="the folder to write")
    parser.add_argument(
        "--export-onnx", action=argparse.BooleanOptionalAction, default=True, help="write the int8 model too"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Average, export, and say what to do next."""
    from netral_nlp.training.average import Part, average_models

    folder = average_models([Part.read(text) for text in args.models], args.output)
    if args.export_onnx:
        from netral_nlp.inference.export import export_onnx

        export_onnx(folder)
    name = shlex.quote(str(args.output))
    print(f"{args.output}: the mean of {len(args.models)} models; nothing is calibrated yet")
    print(f"  next: netral calibrate --model {name} --data DEV, then netral evaluate --model {name} --data TEST")
    return 0
