"""The options that say how files of annotations are read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netral_nlp.corpus.annotations.tasks import FORMATS
from netral_nlp.errors import ConfigError, InputError

if TYPE_CHECKING:
    from netral_nlp.corpus.annotations.tasks import TaskOptions


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `reading_options` and `label_map` read."""
    group = parser.add_argument_group("how the files are read (all of it is found, where it can be)")
    group.add_argument("--format", choices=FORMATS, default="auto", help="the tool (default: by the file's content)")
    group.add_argument("--text-column", metavar="NAME", help="where the post is")
    group.add_argument("--context-column", metavar="NAME", help="where the text is that the post answers")
    group.add_argument("--id-column", metavar="NAME", help="where the post's id is")
    group.add_argument(
        "--label-column",
        metavar="NAME",
        help="where the label is: a column, Label Studio's control, Argilla's question",
    )
    group.add_argument(
        "--annotators",
        metavar="NAME",
        nargs="+",
        default=[],
        help="tables with one row a post: the columns with one annotator's labels each",
    )
    group.add_argument(
        "--annotator-column", metavar="NAME", help="tables with one row an answer: the column with the annotator's name"
    )
    group.add_argument("--adjudicated-column", metavar="NAME", help="the column with the label that was agreed on")
    group.add_argument(
        "--adjudicator", metavar="NAME", help="the annotator whose answers are the agreed labels, and no ratings"
    )
    group.add_argument(
        "--map",
        metavar="NAME=LABEL",
        nargs="+",
        action="extend",
        default=[],
        dest="label_names",
        help='what the project\'s label names mean: --map "Mendukung=memihak" "Kampanye=campaigning" '
        '"tidak relevan=" (nothing after = skips the post)',
    )
    group.add_argument("--encoding", metavar="NAME", help="encoding of text files")
    group.add_argument("--delimiter", metavar="CHAR", help="delimiter of CSV files: comma, semicolon, tab, pipe...")
    group.add_argument("--sheet", metavar="NAME", help="sheet of XLSX files (default: the first)")


def reading_options(args: argparse.Namespace) -> TaskOptions:
    """The options of `add_reading_options` as the readers take them."""
    from netral_nlp.corpus.annotations.tasks import TaskOptions

    return TaskOptions(
        format=args.format,
        text_column=args.text_column,
        id_column=args.id_column,
        label_column=args.label_column,
        annotator_columns=tuple(args.annotators),
        annotator_column=args.annotator_column,
        adjudicated_column=args.adjudicated_column,
        adjudicator=args.adjudicator,
        context_column=args.context_column,
        encoding=args.encoding,
        delimiter=args.delimiter,
        sheet=args.sheet,
    )


def label_map(args: argparse.Namespace) -> dict[str, str | None]:
    """What `--map` says: the project's name -> a label's name, or None for a post that takes no label.

    Raises:
        ConfigError: a pair has no `=` or leads to no label, or a name is mapped twice.
    """
    from netral_nlp.labels import Label

    found: dict[str, str | None] = {}
    for pair in args.label_names:
        name, sign, label = pair.rpartition("=")
        if not sign or not name.strip():
            raise ConfigError(f'--map takes NAME=LABEL, such as "Mendukung=memihak"; got {pair!r}')
        if name.strip() in found:
            raise ConfigError(f"--map: {name.strip()!r} is there twice")
        found[name.strip()] = label.strip() or None
        if label.strip():
            try:
                Label.parse(label)
            except InputError as error:
                raise ConfigError(f"--map {pair!r}: {error}; nothing after = skips the post") from None
    return found
