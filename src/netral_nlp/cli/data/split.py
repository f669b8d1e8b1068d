"""`netral data split`: labelled posts into train, dev and test, or into folds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.cli.data.reading import add_reading_options, label_map, reading_options
from netral_nlp.errors import ConfigError

if TYPE_CHECKING:
    from netral_nlp.corpus.split_files import SplitRequest, SplitResult

_DESCRIPTION = """\
Part labelled posts (plain tables, or what annotation tools export) into files of a folder: train, dev and test, or
folds. The same text never stands in two of them, nor nearly the same one (a template with another name, a repost);
with --apart, no author, thread or source either. Labels keep their shares. Every row ends, with all its columns, in
exactly one file; what can stand in none without a leak is in left_out, with the reason. split.json says what was done.
"""
_EPILOG = """\
examples:
  netral data split posts.jsonl -o sets/
  netral data split posts.csv -o sets/ --apart author thread --shares train=0.7 dev=0.15 test=0.15
  netral data split posts.csv -o sets/ --by-time --test-from 2024-11-01
  netral data split posts.csv -o folds/ --folds 5 --apart source --until :
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "split",
        help="part posts into train, dev and test without leaks",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="FILE", help="labelled posts; together one set")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder to write")
    sides = parser.add_argument_group("what is made")
    sides.add_argument(
        "--shares",
        nargs="+",
        metavar="NAME=SHARE",
        help="the files and what each is to hold (default: train=0.8 dev=0.1 test=0.1)",
    )
    sides.add_argument("--folds", type=int, metavar="K", help="make K folds of one size instead")
    sides.add_argument(
        "--stratify",
        nargs="+",
        default=["label"],
        metavar="COLUMN",
        help="what keeps its shares everywhere: label (default), label and other columns, or none",
    )
    sides.add_argument("--seed", type=int, default=0, metavar="N", help="another number, another split (default: 0)")
    apart = parser.add_argument_group("what must not stand in two files")
    apart.add_argument(
        "--apart",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="no value of these columns: author, thread, source, or any other; empty cells bind nothing",
    )
    apart.add_argument("--until", metavar="TEXT", help="compare these values up to TEXT: ':' takes a from a:b")
    apart.add_argument(
        "--near", type=float, default=0.7, metavar="X", help="how alike near-same posts are (Jaccard; default: 0.7)"
    )
    apart.add_argument(
        "--near-same",
        choices=["auto", "join", "set-aside"],
        default="auto",
        help="join what near-same posts link, or set those aside that would stand in two files "
        "(default: auto, which joins unless that chains most posts together)",
    )
    time = parser.add_argument_group("by time: earliest posts first, in the order of the shares")
    time.add_argument(
        "--by-time", nargs="?", const="", metavar="COLUMN", help="the posts' times (default: found by its name)"
    )
    time.add_argument("--dev-from", metavar="DATE", help="dev begins here, such as 2024-10-01; in place of shares")
    time.add_argument("--test-from", metavar="DATE", help="test begins here")
    time.add_argument(
        "--dates",
        choices=["day-first", "month-first"],
        help="how to read 03/04/2024, where the column does not show it",
    )
    time.add_argument(
        "--undated", choices=["error", "set-aside"], default="error", help="posts without a time (default: error)"
    )
    writing = parser.add_argument_group("posts and files")
    writing.add_argument(
        "--unlabelled",
        choices=["error", "set-aside", "keep"],
        default="error",
        help="posts without a label (default: error)",
    )
    writing.add_argument(
        "--output-format", metavar="FORMAT", help="jsonl, csv, tsv, parquet or xlsx (default: as the first input)"
    )
    writing.add_argument("--overwrite", action="store_true", help="replace a split that lies in FOLDER")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Part the posts as asked for and say what came out.

    Raises:
        NetralError: the input or the request is wrong.
    """
    from netral_nlp.corpus.split_files import split_files

    print(summary(split_files(request_from(args))))
    return 0


def request_from(args: argparse.Namespace) -> SplitRequest:
    """The request that the command line's options make.

    Raises:
        ConfigError: options contradict each other, or a value cannot be read.
    """
    from netral_nlp.corpus.split import SHARES, SplitOptions
    from netral_nlp.corpus.split_files import GUESS, SplitRequest

    by_dates = args.dev_from is not None or args.test_from is not None
    if args.shares and (args.folds is not None or by_dates):
        raise ConfigError(
            "--shares, --folds and borders (--dev-from, --test-from) exclude each other: give one of them"
        )
    if "none" in args.stratify and len(args.stratify) > 1:
        raise ConfigError("--stratify none stands alone")
    options = SplitOptions(
        shares=_shares(args.shares) if args.shares else SHARES,
        near=args.near,
        near_same=args.near_same,
        folds=args.folds,
        dev_from=args.dev_from,
        test_from=args.test_from,
        dates=args.dates,
        undated=args.undated,
        unlabelled=args.unlabelled,
        seed=args.seed,
    )
    return SplitRequest(
        inputs=args.inputs,
        output=args.output,
        options=options,
        reading=reading_options(args),
        label_map=label_map(args) or None,
        apart=tuple(dict.fromkeys(args.apart)),
        until=args.until,
        by_time=GUESS if args.by_time is None and by_dates else args.by_time,
        stratify=() if args.stratify == ["none"] else tuple(dict.fromkeys(args.stratify)),
        format=args.output_format,
        overwrite=args.overwrite,
    )


def _shares(pairs: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        try:
            share = float(value)
        except ValueError:
            sign = ""
        if not sign or not name or name in found:
            raise ConfigError(f"--shares takes NAME=SHARE, each name once, such as train=0.8 dev=0.2; got {pair!r}")
        found[name] = share
    return found


def summary(result: SplitResult) -> str:
    """What was done, for people."""
    lines = [result.split.table()]
    if result.left_out:
        rows = sum(result.left_out.values())
        lines.append(f"\n{rows:,} rows in none of them ({result.files[-1].name}):")
        lines += [f"  {reason:<44}{count:>10,}" for reason, count in result.left_out.items()]
    if result.notes:
        lines.append("")
        lines += [f"- {note}" for note in result.notes]
    names = [*(path.name for path in result.files), "split.json"]
    lines.append(f"\nwrote {result.folder} ({', '.join(names)})")
    return "\n".join(lines)
