"""`netral data stats`: what a set of posts is made of."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from netral_nlp.cli.data.reading import add_reading_options, label_map, reading_options
from netral_nlp.errors import InputError


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "stats",
        help="say what posts are made of: balance, lengths, platforms, copies, overlap",
        description="Say what posts are made of: label balance (by split, platform, source, year, action, direction), "
        "lengths, links and emoji, annotators and authors, copies and near copies, what splits or files have in "
        "common. With --report as a page with plots. No post is shown and no author named.",
        epilog="example: netral data stats train.jsonl dev.jsonl --report look",
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="labelled posts, unlabelled dumps or annotation exports: .jsonl .csv .tsv .parquet .xlsx .json .zip",
    )
    what = parser.add_argument_group("what is counted")
    what.add_argument(
        "--by",
        metavar="COLUMN",
        nargs="+",
        action="extend",
        default=[],
        help="also tell label balance by these columns; their values are shown",
    )
    what.add_argument(
        "--model", metavar="M", help="also count tokens, as this model reads them: a shipped model, folder or hub id"
    )
    what.add_argument(
        "--near",
        metavar="LIKENESS",
        type=float,
        default=0.7,
        help="from which likeness two posts are near copies, 0.1 to 1 (default: %(default)s)",
    )
    what.add_argument(
        "--near-posts",
        metavar="N",
        type=int,
        default=200_000,
        help="look for near copies among the first N posts; 0 for none (default: %(default)s)",
    )
    what.add_argument(
        "--words",
        action="store_true",
        help="also find the words that tell the labels apart; these are words of posts, without links, account names "
        "and numbers, each of ten posts or more",
    )
    out = parser.add_argument_group("output")
    out.add_argument("--report", metavar="FOLDER", type=Path, help="write stats.html and stats.json into this folder")
    out.add_argument("--overwrite", action="store_true", help="replace a report that is there")
    out.add_argument("--json", action="store_true", help="print what stats.json holds instead of the tables")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Count, print and, where asked, write the report.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    for path in args.files:
        if not path.exists():  # said here, before a large file before it is read
            raise InputError(f"{path}: no such file; check the path")
    from netral_nlp.corpus.stats.measure import StatsOptions, measure_files
    from netral_nlp.corpus.stats.page import check_report_folder, figures_text, write_page
    from netral_nlp.corpus.stats.table import tables

    options = StatsOptions(
        by=tuple(args.by), near=args.near, near_posts=args.near_posts, words=args.words, model=args.model
    )
    if args.report:
        check_report_folder(args.report, overwrite=args.overwrite)
    stats = measure_files(args.files, options, reading_options(args), label_map(args))
    written = write_page(stats, args.report, overwrite=args.overwrite) if args.report else ()
    print(figures_text(stats).rstrip("\n") if args.json else tables(stats))
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return 0
