"""`netral data agreement`: how far annotators agree."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.cli.data.reading import add_reading_options, label_map, reading_options
from netral_nlp.cli.numbers import count
from netral_nlp.errors import ConfigError, InputError

if TYPE_CHECKING:
    from netral_nlp.corpus.agreement import Agreement
    from netral_nlp.corpus.annotations.consolidate import Imported

_MOST_CELLS = 40_000_000
"""Annotators times posts: more of them take more memory than one command should."""
_FEW = 100
"""With fewer posts that two have labelled, figures are hardly worth reading."""
_MANY = 12
"""With more annotators than this the terminal shows those that agree least; --json has all."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "agreement",
        help="measure how far annotators agree",
        description="Measure how far annotators agree: Krippendorff's alpha (nominal and ordinal), Cohen's kappa of "
        "every two, agreement by label, each annotator's confusion against the agreed labels (else the majority of the "
        "others), and the most disputed posts. Reads raw exports and what `netral data import` wrote.",
        epilog="example: netral data agreement export.json --disputed disputed.xlsx",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="exports and tables, also in a .zip")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--disputed", metavar="FILE", type=Path, help="write all disputed posts with their texts, the farthest first"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file of disputed posts if it is there")
    parser.add_argument(
        "--show", metavar="N", type=count, default=10, help="disputed posts to list (default: %(default)s)"
    )
    parser.add_argument(
        "--resamples",
        metavar="N",
        type=count,
        default=1000,
        help="bootstrap resamples behind each interval; 0 for none (default: %(default)s)",
    )
    parser.add_argument("--seed", metavar="N", type=count, default=0, help="of the resamples (default: %(default)s)")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    import json

    from netral_nlp.corpus.agreement import agreement
    from netral_nlp.corpus.annotations.consolidate import import_posts
    from netral_nlp.formats import detect_format, write_rows

    disputed: Path | None = args.disputed
    if disputed is not None:
        detect_format(disputed)
        if any(disputed.resolve() == Path(file).resolve() for file in args.files):
            raise ConfigError(f"{disputed}: is one of the files to read; name another output")
        if disputed.exists() and not args.overwrite:
            raise InputError(f"{disputed}: is there already; name another file, or pass --overwrite")
    imported = import_posts(args.files, reading_options(args), label_map=label_map(args))
    for note in imported.notes:
        print(note, file=sys.stderr)
    if len(imported.annotators) < 2:
        found = f"only {next(iter(imported.annotators))!r}" if imported.annotators else "nobody"
        raise InputError(
            f"agreement needs at least two annotators and {found} was found; name their columns with --annotators, or "
            "the column with their names with --annotator-column, or give one file an annotator"
        )
    if len(imported.annotators) * len(imported.all) > _MOST_CELLS:
        raise InputError(
            f"{len(imported.annotators):,} annotators of {len(imported.all):,} posts are too many to be compared at "
            "once; measure parts of the project, one after another"
        )
    measured = agreement(
        imported.ratings(),
        consensus=imported.consensus(),
        resamples=args.resamples,
        seed=args.seed,
        disputed=None if disputed is not None else args.show,
    )
    if args.json:
        told = measured.to_dict() | {"disputed": _named(measured, imported, args.show)}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        lines = [measured.table(disputed=0, annotators=_MANY), *_disputed(measured, imported, args.show)]
        print("\n".join([*lines, *_explained(measured, imported, disputed)]))
    if measured.shared_posts < _FEW:
        print(
            f"netral: warning: only {measured.shared_posts:,} posts have two labels or more: with fewer than {_FEW} "
            "the figures above say little; have more posts read twice",
            file=sys.stderr,
        )
    if disputed is not None:
        if not measured.disputed:
            print(f"no post is disputed, so {disputed} is not written", file=sys.stderr)
            return 0
        columns = _columns(measured, imported)
        write_rows(disputed, _rows(measured, imported, columns), columns=list(columns.values()))
        print(f"wrote {disputed}: {len(measured.disputed):,} posts", file=sys.stderr)
    return 0


def _named(measured: Agreement, imported: Imported, show: int) -> list[dict[str, Any]]:
    """The most disputed posts by id, file and row, without their texts."""
    posts = imported.all
    return [
        {"id": posts[one.row].id, "file": posts[one.row].file, **one.to_dict(), "row": posts[one.row].row}
        for one in measured.disputed[:show]
    ]


def _disputed(measured: Agreement, imported: Imported, show: int) -> list[str]:
    """The most disputed posts as lines for the terminal."""
    from netral_nlp.evaluation.metrics import align

    shown = measured.disputed[:show]
    if not shown:
        return []
    rows = [["id", "file", "row", "distance", "labels"]]
    for one in shown:
        post = imported.all[one.row]
        said = ", ".join(f"{name}: {label.value}" for name, label in one.labels.items())
        rows.append([post.id, post.file, f"{post.row:,}", f"{one.distance:.2f}", said])
    left = align([row[:-1] for row in rows], left=2)
    title = f"most disputed posts ({len(shown):,} of {measured.disputed_posts:,})"
    return ["", title, *(f"{line}  {row[-1]}" for line, row in zip(left, rows, strict=True))]


def _explained(measured: Agreement, imported: Imported, disputed: Path | None) -> list[str]:
    """What the figures come to, and what the columns are, as lines for the terminal."""
    unclear = "without an agreed label" if imported.consensus() else "that nobody else labelled, or the others split on"
    lines = [
        "",
        measured.verdict(),
        f"severity shift: above 0 is a stricter eye; unclear: labelled posts {unclear}",
    ]
    if measured.disputed_posts:
        lines.append("distance: how far apart two labels of a post are: 1 is one step, 2 neutral against campaigning")
        if disputed is None:
            lines.append(
                f"--disputed FILE writes the {measured.disputed_posts:,} disputed posts with their texts, to be decided"
            )
    return lines


def _columns(measured: Agreement, imported: Imported) -> dict[str, str]:
    """What the file of disputed posts has: key -> column. An annotator named as a column is told apart."""
    own = ["id", "text", "context", "action", "adjudicated", "distance", "majority", "file", "row"]
    if not any("context" in imported.all[one.row].fields for one in measured.disputed):
        own.remove("context")
    if not any("action" in imported.all[one.row].fields for one in measured.disputed):
        own.remove("action")
    names = {f"@{name}": f"{name} (annotator)" if name in own else name for name in measured.annotators}
    first = own[: own.index("distance")]
    return {**{name: name for name in first}, **names, **{name: name for name in own[len(first) :]}}


def _rows(measured: Agreement, imported: Imported, columns: dict[str, str]) -> Iterator[dict[str, Any]]:
    for one in measured.disputed:
        post = imported.all[one.row]
        row: dict[str, Any] = {
            "id": post.id,
            "text": post.text,
            "context": post.fields.get("context"),
            "action": post.fields.get("action"),
            "adjudicated": None if post.final is None else post.final.value,
            "distance": one.distance,
            "majority": None if one.majority is None else one.majority.value,
            "file": post.file,
            "row": post.row,
        }
        row |= {f"@{name}": label.value for name, label in one.labels.items()}
        yield {column: row.get(key) for key, column in columns.items()}
