"""`netral evaluate`: how right a model, or a file of predictions, is on labelled posts."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model or a scored file on labelled posts",
        description="Measure a model, or a scored file, on labelled posts: precision, recall and F1 by label, "
        "macro-F1, false accusations, missed campaigning, calibration, all with bootstrap intervals.",
        epilog="example: netral evaluate --data my-labels.jsonl --report my-report",
    )
    judged = parser.add_mutually_exclusive_group()
    judged.add_argument("--model", metavar="M", help="model folder or hub id (default: the shipped model)")
    judged.add_argument(
        "--predictions",
        metavar="FILE",
        help="measure this scored file instead of a model: columns label, p_* and needs_review (where known), "
        "matched by id, or by row order where the texts are equal",
    )
    parser.add_argument(
        "--data",
        metavar="D",
        nargs="+",
        required=True,
        help="labelled posts: .jsonl .csv .tsv .parquet .xlsx, or a folder of datasets.save_to_disk",
    )
    parser.add_argument("--text-column", metavar="NAME", help="where the text is (default: text)")
    parser.add_argument("--label-column", metavar="NAME", help="where the label is (default: label)")
    parser.add_argument(
        "--slice",
        metavar="NAME",
        action="append",
        default=[],
        dest="slices",
        help="also cut the figures by this column, besides platform, source, year and direction; may be repeated",
    )
    parser.add_argument("--report", metavar="DIR", help="write report.html and metrics.json into this folder")
    parser.add_argument("--no-texts", action="store_true", help="leave the texts of posts out of the report")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the intervals (default: 0)")
    parser.add_argument(
        "--resamples",
        type=_count,
        default=1000,
        metavar="N",
        help="bootstrap resamples behind each interval; 0 for none (default: 1000)",
    )
    parser.add_argument("--backend", choices=("auto", "onnx", "torch"), default="auto", help="what runs the model")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads for the model")
    parser.add_argument("--json", action="store_true", help="print what metrics.json holds instead of the table")
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("0 or more")
    return number


def run(args: argparse.Namespace) -> int:
    """Measure, print and, where asked, write the report.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    from netral_nlp.evaluation.evaluate import evaluate_model, evaluate_predictions
    from netral_nlp.evaluation.report import write_report

    common: dict[str, Any] = {
        "seed": args.seed,
        "resamples": args.resamples,
        "text_column": args.text_column,
        "label_column": args.label_column,
        "slice_columns": args.slices,
    }
    if args.predictions:
        evaluation = evaluate_predictions(args.predictions, args.data, **common)
    else:
        evaluation = evaluate_model(
            args.model, args.data, backend=args.backend, threads=args.threads, progress=True, **common
        )
    written = write_report(evaluation, args.report, texts=not args.no_texts) if args.report else ()
    if args.json:
        import json

        print(json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print(f"{evaluation.name}: {evaluation.metrics.table()}")
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return 0
