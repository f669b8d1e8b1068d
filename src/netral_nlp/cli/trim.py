"""`netral trim`: an encoder with the vocabulary that a corpus needs."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "trim",
        help="trim an encoder's vocabulary to Indonesian, for a smaller base model",
        description="Write a copy of a Hugging Face encoder whose vocabulary holds only the pieces that a corpus uses.",
    )
    parser.add_argument("--base-model", required=True, metavar="ID|FOLDER", help="Unigram or WordPiece encoder")
    parser.add_argument(
        "--corpus",
        required=True,
        nargs="+",
        metavar="FILE",
        help="texts: .txt with one a line (also .gz, .zst), or dumps with a text column (.csv .jsonl .parquet .xlsx)",
    )
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FOLDER", help="the folder to write")
    parser.add_argument("--pieces", type=int, default=24_000, help="size of the new vocabulary (default: %(default)s)")
    parser.add_argument("--text-column", help="the dumps' text column, where it is not found by itself")
    parser.add_argument("--normaliser", help="profile that prepares the texts (default: the base model's own)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trim and say what changed."""
    from netral_nlp.text import Normaliser
    from netral_nlp.training.vocabulary import read_corpus, trim_vocabulary

    report = trim_vocabulary(
        args.base_model,
        read_corpus(args.corpus, args.text_column),
        args.output,
        pieces=args.pieces,
        normaliser=Normaliser.named(args.normaliser) if args.normaliser else None,
    )
    print(
        f"{args.output}: {report.pieces_before:,} pieces became {report.pieces_after:,}, "
        f"{report.parameters_before / 1e6:.1f} M weights became {report.parameters_after / 1e6:.1f} M"
    )
    print(
        f"{report.coverage:.2%} of the corpus' tokens are kept whole; texts are {report.lengthening - 1:+.1%} longer; "
        f"unknown tokens {report.unknown_before:.3%} before, {report.unknown_after:.3%} after"
    )
    if report.added:
        print(f"added {len(report.added)} pieces for characters that the base did not know")
    return 0
