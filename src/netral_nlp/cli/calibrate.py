"""`netral calibrate`: fit a model's temperature and review thresholds anew, on labelled posts of the user's own."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from netral_nlp.errors import ConfigError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "calibrate",
        help="fit a model's confidence and review thresholds on labelled posts, without retraining",
        description="Fit temperature, margin calibration and review thresholds on labelled posts that the model was "
        "not trained on, and write them to the model folder's decision.json. Labels stay as they are; what changes is "
        "how sure the model says it is, and what it hands to a person.",
        epilog="example: netral calibrate --model runs/mine --data my_dev.jsonl --target-accused 0.02",
    )
    parser.add_argument("--model", metavar="FOLDER", type=Path, required=True, help="the model folder")
    parser.add_argument("--data", metavar="D", nargs="+", required=True, help="labelled posts, about 300 or more")
    parser.add_argument("--text-column", metavar="NAME", help="where the text is (default: text)")
    parser.add_argument("--label-column", metavar="NAME", help="where the label is (default: label)")
    parser.add_argument(
        "--target-accused",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="at most this share of neutral posts may be accused without review (default: %(default)s)",
    )
    parser.add_argument(
        "--target-passed",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="at most this share of campaigning posts may pass as neutral without review (default: %(default)s)",
    )
    parser.add_argument("--backend", choices=("auto", "onnx", "torch"), default="auto", help="what runs the model")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads for the model")
    parser.add_argument("--dry-run", action="store_true", help="print the decision and write nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, write and print what it costs.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    from netral_nlp.evaluation.recalibrate import calibrate

    if not args.model.is_dir():
        raise ConfigError(f"--model: {args.model} is no folder; calibrate a model folder of your own (copy one first)")
    decision = calibrate(
        args.model,
        args.data,
        target_accused=args.target_accused,
        target_passed=args.target_passed,
        text_column=args.text_column,
        label_column=args.label_column,
        backend=args.backend,
        threads=args.threads,
    )
    if args.dry_run:
        print(json.dumps(decision.to_dict(), ensure_ascii=False, indent=2))
        return 0
    path = decision.save(args.model)
    fitted = decision.fitted_on
    print(f"temperature {decision.temperature:.3f}, fitted on {fitted['posts']:,} posts")
    for label, threshold in decision.review_below.items():
        print(f"  {label.value} ({label.indonesian}) is handed over below {threshold:.3f}")
    print(
        f"on these posts {fitted['accused_without_review_rate']:.1%} of neutral posts are accused without review "
        f"({fitted['false_accusation_rate']:.1%} in all), for {fitted['review_rate']:.1%} of all posts handed over"
    )
    print(f"wrote {path}", file=sys.stderr)
    return 0
