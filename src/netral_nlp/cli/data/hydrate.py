"""`netral data hydrate`: labels joined to the user's own copies of the public posts."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import ConfigError, InputError

_MOST_WHOLE = 20

if TYPE_CHECKING:
    from netral_nlp.corpus.hydrate import Hydrated

_EPILOG = """\
example:
  netral data hydrate downloads/ --labels labels.csv -o posts.jsonl --misses misses.csv

FILES are your own copies of the public files that the label file's column `source` names, whatever their format and
columns; folders are walked. Every column of strings is tried: the SHA-256 of a text tells whether it was labelled. A
copy may differ from the labelled text in line ends, outer blanks, entities, quotes, Unicode form or by a wrong
encoding: that is undone where the hash confirms it. The output holds the text that was labelled, and can be trained on.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "hydrate",
        help="join a label file to your own copies of the posts",
        description="Join labels that came without texts to your own copies of the public files.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILES", help="files of any format, or folders")
    parser.add_argument(
        "--labels", action="append", required=True, metavar="FILE", help="a label file (sha256, label, ...); repeatable"
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the posts (.jsonl, .csv, .parquet...)")
    parser.add_argument("--misses", metavar="FILE", help="write the labels without a text here, with the likely reason")
    parser.add_argument("--text-column", nargs="+", default=[], metavar="COLUMN", help="look in these columns only")
    parser.add_argument("--keep", nargs="+", default=[], metavar="COLUMN", help="take these columns of FILES over")
    parser.add_argument("--encoding", metavar="NAME", help="the text encoding of FILES, where it cannot be found")
    parser.add_argument(
        "--min-joined",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="fail under this share of labels, 0 to 1 (default: 0)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Join, write posts and misses, and print what was found where.

    Raises:
        NetralError: a file cannot be used, nothing or too little was joined, or an output exists.
    """
    from netral_nlp.corpus.hydrate import hydrate
    from netral_nlp.formats import write_rows

    if not 0 <= args.min_joined <= 1:
        raise ConfigError(f"--min-joined is a share from 0 to 1, not {args.min_joined:g}")
    outputs = [args.output, *([args.misses] if args.misses else [])]
    for output in outputs:
        check_output(output, [*args.files, *args.labels], overwrite=args.overwrite)
    if args.misses and Path(args.misses).resolve() == Path(args.output).resolve():
        raise ConfigError("--misses names the output itself; name another file")
    result = hydrate(
        args.labels, args.files, text_columns=args.text_column, keep=args.keep, encoding=args.encoding, exclude=outputs
    )
    if args.misses:
        rows = ({"sha256": miss.sha256, "source": miss.source, "reason": miss.reason} for miss in result.misses)
        write_rows(args.misses, rows, columns=["sha256", "source", "reason"])
    _warn(result)
    print("\n".join(_lines(result)))
    result.require(args.min_joined)
    write_rows(args.output, result.rows, columns=result.columns)
    print(f"\n{len(result.rows):,} posts in {args.output}")
    return 0


def check_output(output: str, inputs: Sequence[str], *, overwrite: bool) -> None:
    """Refuse an output that exists, or that is one of the inputs.

    Raises:
        InputError: says what to do.
    """
    from netral_nlp.formats import detect_format

    path = Path(output)
    detect_format(path)
    if any(path.resolve() == Path(given).resolve() for given in inputs):
        raise InputError(f"{output}: is one of the inputs; name another file")
    if path.exists() and not overwrite:
        raise InputError(f"{output}: exists already; name another file, or replace it with --overwrite")


def _warn(result: Hydrated) -> None:
    for report in result.files:
        if report.problem is not None:
            print(f"netral: warning: passed over: {report.problem}", file=sys.stderr)
        if report.bad_rows:
            print(f"netral: warning: {report.path}: {report.bad_rows:,} rows cannot be read", file=sys.stderr)


def _lines(result: Hydrated) -> list[str]:
    """The tables by file and by source, and the counts of labels."""
    from netral_nlp.corpus.miss_reasons import shown_column
    from netral_nlp.evaluation.metrics import align, percent

    lines = []
    empty: list[int] = []
    for report in result.files:
        if not report.rows:
            continue
        found = sum(report.by_column.values())
        if not (found or report.named):
            empty.append(report.rows)
            if len(empty) > _MOST_WHOLE:
                continue
        lines.append(
            f"{report.path}: {report.rows:,} rows, {found:,} cells with a labelled text, {report.joined:,} joined"
        )
        if found:
            columns = Counter({shown_column(name, report): count for name, count in report.by_column.items()})
            lines.append(f"  in {_counts(columns)}; {_counts(report.by_rung)}")
    if more := empty[_MOST_WHOLE:]:
        lines.append(f"{len(more):,} more files hold none of the labelled texts ({sum(more):,} rows)")
    if result.others:
        lines.append(f"{result.others:,} other files in the folders are no tables")
    rows = [["source", "labels", "joined", "missed", "share"]]
    # Sources that are wholly there fold into one line beyond the first ones: a corpus may have hundreds.
    shown = [source for place, source in enumerate(result.sources) if source.missed or place < _MOST_WHOLE]
    folded = sum(source.joined for source in result.sources) - sum(source.joined for source in shown)
    for source in shown:
        total = source.joined + source.missed
        rows.append(
            [source.source, f"{total:,}", f"{source.joined:,}", f"{source.missed:,}", percent(source.joined, total)]
        )
    if folded:
        rows.append([f"{len(result.sources) - len(shown):,} more", f"{folded:,}", f"{folded:,}", "0", percent(1, 1)])
    lines += ["", *align(rows)]
    if result.misses:
        lines += ["", "why texts are missing:"]
        lines += [f"  {source.source}: {source.reason}" for source in result.sources if source.missed]
    lines += [
        "",
        f"joined: {len(result.rows):,} of {result.total:,} labels ({percent(len(result.rows), result.total)})",
    ]
    if result.rows:
        lines.append("labels: " + _counts(result.labels))
    if result.repeated_labels:
        lines.append(f"{result.repeated_labels:,} rows of the label files say again what an earlier one said")
    return lines


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common())
