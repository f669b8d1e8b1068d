"""`netral data check`: what would spoil a training, with files and row numbers."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from netral_nlp.cli.data.reading import add_reading_options, label_map, reading_options
from netral_nlp.cli.numbers import count

_EPILOG = """\
sides of a split: the column `split` where rows have one; else every file is a side (NAME=FILE names it). In a folder
with a README.md in the form of the Hugging Face hub, the card's `split:` says it.

examples:
  netral data check train.jsonl dev.jsonl
  netral data check train=a.csv test=b.xlsx --apart source --report findings.csv
  netral data check project-1-export.json --map "Mendukung=memihak"
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "check",
        help="find what would spoil a training",
        description="Check labelled posts, or a raw annotation export, for everything that would spoil a training: "
        "labels that are missing, unknown or contradict each other, posts that stand on two sides of a split, copies, "
        "foreign languages, garbled texts, personal data, labels that are likely wrong. Prints no post text. Exits "
        "with 1 where something would spoil a training.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", metavar="FILE", help="files, NAME=FILE, or folders")
    parser.add_argument(
        "--near", type=float, default=0.7, metavar="X", help="least likeness of near duplicates (default: 0.7)"
    )
    parser.add_argument(
        "--may-cross",
        nargs="+",
        action="extend",
        default=[],
        metavar="COLUMN",
        help="author, thread: their values may stand on two sides",
    )
    parser.add_argument(
        "--apart",
        nargs="+",
        action="extend",
        default=[],
        metavar="COLUMN",
        help="further columns whose values must not stand on two sides, such as source",
    )
    parser.add_argument(
        "--label-errors",
        default="auto",
        metavar="auto|off|MODEL",
        help="how likely wrong labels are found: by a light model learnt from the posts in folds, not at all, or by "
        "this model folder, which should not have been trained on them (default: auto)",
    )
    out = parser.add_argument_group("output")
    out.add_argument("--report", metavar="FILE", help="write every finding as a row: .csv .jsonl .xlsx .parquet")
    out.add_argument("--overwrite", action="store_true", help="replace the report where there is one")
    out.add_argument("--json", action="store_true", help="print everything as JSON instead of the tables")
    out.add_argument("--show", type=count, default=3, metavar="N", help="first rows to name a kind (default: 3)")
    out.add_argument("--strict", action="store_true", help="warnings count as errors")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, print and, where asked, write the findings.

    Returns:
        0 if nothing would spoil a training, otherwise 1.

    Raises:
        NetralError: the input or the request is wrong.
    """
    from netral_nlp.cli.train import progress_lines
    from netral_nlp.corpus.check.check import CheckOptions, check_files
    from netral_nlp.corpus.check.sources import find_sources
    from netral_nlp.errors import InputError
    from netral_nlp.evaluation.suites import suite_texts
    from netral_nlp.formats import detect_format

    if args.report:
        detect_format(args.report)
        checked = {source.path.resolve() for source in find_sources(args.inputs)}
        if Path(args.report).resolve() in checked:
            raise InputError(f"{args.report}: is one of the files to check; name another report")
        if Path(args.report).exists() and not args.overwrite:
            raise InputError(f"{args.report}: is there already; name another file, or replace it with --overwrite")
    options = CheckOptions(
        near=args.near,
        may_cross=args.may_cross,
        apart=args.apart,
        label_errors=args.label_errors,
        suite_cases=suite_texts(),
        reading=reading_options(args),
        label_map=label_map(args),
    )
    with progress_lines():
        found = check_files(args.inputs, options)
    if args.json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print(found.table(show=args.show, strict=args.strict))
    if args.report:
        found.write(args.report)
        print(f"wrote {args.report}", file=sys.stderr)
    if found.is_clean(strict=args.strict):
        return 0
    print(f"netral: error: would spoil a training: {found.problems(strict=args.strict)}", file=sys.stderr)
    return 1
