"""`netral data import`: from what annotators did to one label a post."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from netral_nlp.cli.data.reading import add_reading_options, label_map, reading_options
from netral_nlp.errors import ConfigError, InputError

if TYPE_CHECKING:
    from netral_nlp.corpus.annotations.consolidate import Imported

_SHOWN_ANNOTATORS = 12


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "import",
        help="read what annotators did, and give each post one label",
        description="Read annotation exports (Label Studio, doccano, Argilla) and spreadsheets with one or several "
        "annotators, and give each post one label. Several files, also of different tools, are put together post by "
        "post. Posts without a label go to a file of their own, with the reason.",
        epilog="example: netral data import export.json -o posts.jsonl",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="exports and tables, also in a .zip")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the labelled posts")
    parser.add_argument(
        "--labels",
        choices=("majority", "adjudicated", "soft"),
        default="majority",
        help="majority: what most annotators said; adjudicated: the agreed label, or that of two or more annotators "
        "who all say the same; soft: as majority, with the share of each label. An agreed label stands above all "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--ties",
        choices=("drop", "milder"),
        default="drop",
        help="without a majority: drop the post, or take the less severe label (default: %(default)s)",
    )
    parser.add_argument(
        "--min-annotators", metavar="N", type=int, default=1, help="answers that a post needs (default: %(default)s)"
    )
    parser.add_argument(
        "--dropped", metavar="FILE", type=Path, help="the posts without a label (default: OUTPUT.dropped.jsonl)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it is there")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Import, write both files and print what became of the tasks.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    from netral_nlp.corpus.annotations.consolidate import count_decisions, import_posts
    from netral_nlp.formats import detect_format, write_rows

    output: Path = args.output
    dropped: Path = args.dropped or output.with_name(f"{_stem(output)}.dropped.jsonl")
    for path, remedy in ((output, "name another output"), (dropped, "name another file with --dropped")):
        detect_format(path)
        if any(path.resolve() == Path(file).resolve() for file in args.files):
            raise ConfigError(f"{path}: is one of the files to read; {remedy}")
    for path in (output, dropped):
        if path.exists() and not args.overwrite:
            raise InputError(f"{path}: is there already; name another file, or pass --overwrite")
    if output.resolve() == dropped.resolve():
        raise ConfigError("--dropped names the output itself; name another file")
    if decided := count_decisions(dropped):
        raise InputError(
            f"{dropped}: has decisions (rows: {decided:,}), which --overwrite would undo; add it to the files to read, "
            "and name another file with --dropped"
        )
    imported = import_posts(
        args.files,
        reading_options(args),
        labels=args.labels,
        label_map=label_map(args),
        ties=args.ties,
        min_annotators=args.min_annotators,
    )
    for note in imported.notes:
        print(note, file=sys.stderr)
    print("\n".join(_lines(imported)))
    if left := imported.dropped:
        write_rows(dropped, left)
    elif dropped.exists():
        print(f"{dropped} is left as it is: it tells of an earlier import", file=sys.stderr)
    if not (rows := imported.rows()):
        raise InputError(f"no post has a label; the reasons are above, the posts in {dropped}")
    write_rows(output, rows, columns=imported.columns())
    print(f"wrote {output}", file=sys.stderr)
    if left:
        print(f"wrote {dropped}: decide in its column 'adjudicated', and import it, too", file=sys.stderr)
    return 0


def _stem(path: Path) -> str:
    """The file's name without the endings that say its format."""
    while path.suffix.lower() in (".gz", ".zst"):
        path = path.with_suffix("")
    return path.stem


def _lines(imported: Imported) -> list[str]:
    """What was read, the labels, and what was dropped, as lines for the terminal."""
    from netral_nlp.corpus.annotations.read import TITLES
    from netral_nlp.corpus.annotations.tasks import UNNAMED
    from netral_nlp.evaluation.metrics import align, percent
    from netral_nlp.labels import LABELS

    lines = []
    for file in imported.files:
        lines.append(f"{file.name}: {TITLES[file.format]}, {file.tasks:,} tasks")
        if file.columns is not None:
            lines.append(f"  {file.columns}")
    named = sorted(imported.annotators.items(), key=lambda item: -item[1])
    if [name for name, _ in named] == [UNNAMED]:
        lines.append("1 annotator, unnamed")
    elif named:
        said = ", ".join(f"{name} {count:,}" for name, count in named[:_SHOWN_ANNOTATORS])
        more = f" and {len(named) - _SHOWN_ANNOTATORS:,} more" if len(named) > _SHOWN_ANNOTATORS else ""
        lines.append(f"{len(named):,} annotators: {said}{more}" if len(named) > 1 else f"1 annotator: {said}")
    if imported.merged:
        lines.append(f"{imported.tasks:,} tasks make {len(imported.all):,} posts")
    if imported.replaced:
        lines.append(f"{imported.replaced:,} answers were replaced by another, later one of the same annotator")
    if imported.skipped:
        left = f", {imported.open:,} left open" if imported.open else ""
        lines.append(f"{imported.skipped:,} answers were skipped{left}")
    elif imported.open:
        lines.append(f"{imported.open:,} answers were left open")
    if imported.void:
        lines.append(f"{imported.void:,} answers with several labels do not count")
    posts = imported.posts
    given = Counter(post.label for post in posts)
    rows = [["label", "posts", "share"]]
    for label in LABELS:
        rows.append([f"{label.value} ({label.indonesian})", f"{given[label]:,}", percent(given[label], len(posts))])
    rows.append(["all", f"{len(posts):,}", ""])
    lines += ["", *align(rows)]
    if unsure := sum(post.unsure for post in posts):
        differ = sum(len(set(post.ratings.values())) > 1 for post in posts)
        marked = sum(post.fields.get("unsure") is True for post in posts)
        lines.append(f"{unsure:,} unsure: in {differ:,} the annotators differ, {marked:,} are marked so")
    if imported.reasons:
        total = imported.reasons.total()
        rows = [["dropped", "posts", "share"]]
        for reason, count in imported.reasons.most_common():
            rows.append([reason, f"{count:,}", percent(count, len(imported.all))])
        rows.append(["all", f"{total:,}", percent(total, len(imported.all))])
        lines += ["", *align(rows)]
    return lines
