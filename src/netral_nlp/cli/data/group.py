"""`netral data`: from what annotators export to a training set that does not fool anyone."""

from __future__ import annotations

from typing import Any

from netral_nlp.cli.data import agreement, check, dehydrate, hydrate, import_, sample, split, stats

COMMANDS = (import_, agreement, check, split, stats, sample, hydrate, dehydrate)

_EPILOG = """\
the usual way:
  netral data sample crawl.csv -o tasks.json          pick posts to annotate (Label Studio, doccano, a spreadsheet)
  netral data import export.json -o posts.jsonl       read what the annotators did
  netral data agreement export.json                   see how far they agree
  netral data check posts.jsonl                       find what would spoil a training
  netral data split posts.jsonl -o sets/              part it into train, dev and test
  netral train --base-model models/netral-mini --data sets/train.jsonl --dev sets/dev.jsonl -o runs/mine
"""


def add_parser(subparsers: Any) -> None:
    """Add the group and its commands."""
    import argparse

    parser = subparsers.add_parser(
        "data",
        help="import, check, split and sample annotated posts",
        description="From what annotators export to a training set.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="data_command", required=True, parser_class=type(parser)
    )
    for command in COMMANDS:
        command.add_parser(group)
