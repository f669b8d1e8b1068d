"""`netral calibrate`: fit a model's temperature and review thresholds anew, on labelled posts of the user's own."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from netral_nlp.errors import ConfigError
from netral_nlp.evaluation.options import FEW_POSTS
from netral_nlp.labels import Label


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
    parser.add_argument(
        "--data", metavar="D", nargs="+", required=True, help=f"labelled posts, about {FEW_POSTS} or more"
    )
    parser.add_argument("--text-column", metavar="NAME", help="where the text is (default: text)")
    parser.add_argument("--label-column", metavar="NAME", help="where the label is (default: label)")
    parser.add_argument(
        "--target-accused",
        type=float,
        metavar="SHARE",
        help="at most this share of neutral posts may be accused without review (default: the model's own target, "
        "else 0.05)",
    )
    parser.add_argument(
        "--target-passed",
        type=float,
        metavar="SHARE",
        help="at most this share of campaigning posts may pass as neutral without review (default: as above)",
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
    found = calibrate(
        args.model,
        args.data,
        target_accused=args.target_accused,
        target_passed=args.target_passed,
        text_column=args.text_column,
        label_column=args.label_column,
        backend=args.backend,
        threads=args.threads,
    )
    decision = found.decision
    if args.dry_run:
        print(json.dumps(decision.to_dict(), ensure_ascii=False, indent=2))
        return 0
    path = decision.save(args.model)
    fitted = decision.fitted_on
    by_margin = " and by the margin of the likeliest label" if decision.margin else ""
    print(f"calibrated with temperature {decision.temperature:.3f}{by_margin}, on {fitted['posts']:,} posts")
    for label, threshold in decision.review_below.items():
        sure_of = "p_neutral" if label is Label.NEUTRAL else "1 - p_neutral"
        print(f"  {label.value} ({label.indonesian}) is handed over where {sure_of} is below {threshold:.3f}")
    print(
        "accused without review, of neutral posts; passed as neutral without review, of campaigning posts; handed over"
    )
    accused, passed = decision.target.values()
    print(f"  target: {accused:.1%}; {passed:.1%}")
    print(
        f"  on these posts: {fitted['accused_without_review_rate']:.1%}; "
        f"{fitted['campaigning_passed_without_review_rate']:.1%}; {fitted['review_rate']:.1%}"
    )
    if (half := found.held_out) is not None:
        print(
            f"  fitted on one half, measured on the other: {half.accused.format(percent=True)}; "
            f"{half.passed.format(percent=True)}; {half.reviewed.format(percent=True)}"
        )
    if fitted["posts"] < FEW_POSTS:
        print(f"only {fitted['posts']:,} posts: thresholds are rough; {FEW_POSTS} or more are better", file=sys.stderr)
    print(f"wrote {path}", file=sys.stderr)
    return 0
