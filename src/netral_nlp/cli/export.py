"""`netral export`: the int8 ONNX model of a folder, if it agrees with the full one."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command `export` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write a model's int8 ONNX file, if it agrees with the full model",
        description="Write the int8 ONNX model that scores without torch. It is compared with the full weights on "
        "sample texts and kept only if they agree. Needs the extra [train].",
        epilog="example: netral export --model my-model --texts my-posts.txt",
    )
    parser.add_argument("--model", required=True, metavar="PATH|ID", help="model folder or hub id with full weights")
    parser.add_argument("--output", metavar="DIR", help="write a whole model folder here (default: into the model's)")
    parser.add_argument(
        "--gate",
        type=float,
        default=0.98,
        metavar="SHARE",
        help="share of texts that must get the same label (default: %(default)s)",
    )
    parser.add_argument("--texts", metavar="FILE", help="sample texts, one a line (default: a list of our own)")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export and print the comparison.

    Raises:
        NetralError: the model cannot be exported, or the result disagrees with it.
    """
    from netral_nlp.inference.export import export_onnx

    report = export_onnx(args.model, output=args.output, gate=args.gate, texts=args.texts)
    if args.json:
        print(json.dumps(report.to_dict(), indent=2))
        return 0
    print(f"{report.file}: {report.bytes_int8 / 1e6:.1f} MB (full weights: {report.bytes_full / 1e6:.1f} MB)")
    print(f"same label as the full model: {report.agreement:.1%} of {report.texts} texts (gate {report.gate:.1%})")
    print(f"largest difference of a probability: {report.largest_difference:g}")
    print(f"a text alone and in a batch differ by: {report.batch_difference:g}")
    print(f"time a text: {report.ms_int8:.1f} ms (full weights, fp32: {report.ms_full:.1f} ms)")
    return 0
