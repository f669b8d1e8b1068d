"""`netral data dehydrate`: labelled posts in, a label file without texts out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_EPILOG = """\
example:
  netral data dehydrate train.jsonl dev.jsonl -o labels.csv

The label file has a row for each text: its SHA-256, label, direction, split, source and how many annotators read it,
with platform, year and unsure where there are any. It holds no text and no author, so that it may be passed on; whoever
has the posts joins them with `netral data hydrate`. A file called train, dev or test names the split of its posts where
it has no column split.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "dehydrate",
        help="write labels without the texts, to be passed on",
        description="Turn labelled posts into a label file: hashes in the place of texts.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("posts", nargs="+", metavar="POSTS", help="labelled posts of any format")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the label file (.csv, .tsv, .jsonl...)")
    parser.add_argument(
        "--columns",
        nargs="+",
        metavar="COLUMN",
        help="columns to keep beside hash and label, instead of direction, split, source, annotators, platform, year "
        "and unsure; columns with texts or persons are refused",
    )
    parser.add_argument("--text-column", metavar="COLUMN", help="where the text is (default: text)")
    parser.add_argument("--label-column", metavar="COLUMN", help="where the label is (default: label)")
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the label file and say what became of the posts.

    Raises:
        NetralError: the posts cannot be used, or the output exists.
    """
    from netral_nlp.cli.data.hydrate import check_output
    from netral_nlp.corpus.label_file import dehydrate
    from netral_nlp.formats import write_rows

    check_output(args.output, args.posts, overwrite=args.overwrite)
    result = dehydrate(args.posts, columns=args.columns, text_column=args.text_column, label_column=args.label_column)
    write_rows(args.output, result.rows, columns=result.columns)
    print(f"{result.posts:,} posts: {len(result.rows):,} labels in {Path(args.output)} ({', '.join(result.columns)})")
    if result.merged:
        differs = f", {result.direction_differs:,} with another direction" if result.direction_differs else ""
        print(f"{result.merged:,} posts repeat a text and were merged into its first row{differs}")
    if result.without_text:
        print(f"{result.without_text:,} posts have no text and were left out")
    if result.named_splits:
        print(f"split taken from the name of {', '.join(result.named_splits)}")
    return 0
