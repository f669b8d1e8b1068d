"""`netral data sample`: the next posts to annotate, as a file that an annotation tool opens."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.corpus.sample.options import MIXED, STRATEGIES, SampleOptions
from netral_nlp.errors import ConfigError

if TYPE_CHECKING:
    from netral_nlp.corpus.sample.files import TaskFiles
    from netral_nlp.corpus.sample.sample import Sample

_TOOLS = ("label-studio", "doccano", "argilla", "table")
_EPILOG = """\
strategies (--by):
{strategies}

examples:
  netral data sample crawl.csv -o tasks.json --never dev.jsonl test.jsonl --labelled train.jsonl
  netral data sample crawl.csv -o tasks.csv --count 200 --annotators 3 --overlap 0.2
  netral score crawl.csv -o scored.parquet && netral data sample scored.parquet -o tasks.jsonl --spread source year

Beside tasks.json come tasks.label-config.xml (the labelling interface) and tasks.json.meta.json (why each post was
taken). Posts that are marked random in netral_reason are a simple random draw: estimate shares of labels from them
alone, the others were picked because they are hard.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    strategies = "\n".join(f"  {name:<14}{what}" for name, what in STRATEGIES.items())
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "sample",
        help="pick the next posts to annotate, for Label Studio, doccano, Argilla or a spreadsheet",
        description="Pick the posts that teach most, never held-out ones or anything that resembles them, and write "
        "them as tasks for annotators.",
        epilog=_EPILOG.format(strategies=strategies),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "pool",
        metavar="POOL",
        nargs="+",
        type=Path,
        help="posts without labels (.csv .tsv .jsonl .parquet .xlsx, text also .gz .zst), or files that `netral score` "
        "wrote: their probabilities are used",
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, type=Path, help="the tasks")
    _add_draw(parser)
    _add_away(parser)
    _add_models(parser)
    _add_tasks(parser)
    parser.set_defaults(run=run)


def _add_draw(parser: argparse.ArgumentParser) -> None:
    draw = parser.add_argument_group("what is drawn")
    draw.add_argument("--count", type=int, default=500, metavar="N", help="how many posts (default: %(default)s)")
    draw.add_argument("--by", choices=tuple(STRATEGIES), default=MIXED, help="the strategy (default: %(default)s)")
    draw.add_argument(
        "--spread",
        metavar="COLUMN",
        nargs="+",
        default=[],
        help="spread the draw over the values of these columns, each getting posts by the square root of its size; "
        "year is read from the date where there is no such column",
    )
    draw.add_argument(
        "--share-random",
        type=float,
        default=0.1,
        metavar="X",
        help="this part is drawn at random and marked so, to estimate shares of labels from (default: %(default)s)",
    )
    draw.add_argument("--max-pool", type=int, metavar="N", help="look at a random part of N posts (scoring takes time)")
    draw.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (default: %(default)s)")
    for role in ("text", "context", "id"):
        draw.add_argument(f"--{role}-column", metavar="NAME", help=f"where the {role} is (default: guessed)")


def _add_away(parser: argparse.ArgumentParser) -> None:
    away = parser.add_argument_group("what is never drawn")
    away.add_argument(
        "--never",
        metavar="FILE",
        nargs="+",
        type=Path,
        default=[],
        help="held-out posts (dev, test): neither they nor near-duplicates of them; also label files with sha256 alone",
    )
    away.add_argument(
        "--labelled",
        metavar="FILE",
        nargs="+",
        type=Path,
        default=[],
        help="posts that have labels, exports of annotation tools, tasks that are with the annotators: the same",
    )
    away.add_argument(
        "--near",
        type=float,
        default=0.7,
        metavar="X",
        help="from this likeness on two posts are the same: Jaccard of their runs of five characters "
        "(default: %(default)s)",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    models = parser.add_argument_group("models")
    models.add_argument("--model", metavar="M", help="model folder or hub id (default: the shipped model)")
    models.add_argument(
        "--second-model",
        metavar="M",
        help="for --by disagreement: another model, or a file that it scored, matched by id; not needed where POOL is "
        "two scored files of the same posts",
    )
    models.add_argument(
        "--scored", action="store_true", help="never score: stop if a post of the pool has no probabilities"
    )


def _add_tasks(parser: argparse.ArgumentParser) -> None:
    tasks = parser.add_argument_group("the tasks")
    tasks.add_argument(
        "--tool",
        choices=_TOOLS,
        help="whose format (default: by the ending: .json label-studio, .jsonl doccano, .csv .tsv .xlsx table)",
    )
    tasks.add_argument(
        "--language", choices=("id", "en"), default="id", help="what annotators read (default: %(default)s)"
    )
    tasks.add_argument(
        "--annotators", type=int, default=1, metavar="N", help="share the posts among N people, a file for each"
    )
    tasks.add_argument(
        "--overlap",
        type=float,
        metavar="X",
        help="with --annotators: this part is read by two, to measure their agreement (default: 0.1)",
    )
    tasks.add_argument(
        "--with-suggestions",
        action="store_true",
        help="show annotators the model's label; off by default, since people tend to confirm what they are shown",
    )
    tasks.add_argument("--overwrite", action="store_true", help="replace files that are there")


def run(args: argparse.Namespace) -> int:
    """Draw the posts, write the tasks and say what was done.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    from netral_nlp.corpus.sample.files import TaskFiles
    from netral_nlp.corpus.sample.sample import SampleRequest, sample_files

    if args.overlap is not None and args.annotators == 1:
        raise ConfigError("--overlap goes with --annotators: it says how many of the posts two of them read")
    overlap = {} if args.overlap is None else {"overlap": args.overlap}
    files = TaskFiles.named(args.output, args.tool, annotators=args.annotators, language=args.language, **overlap)
    request = SampleRequest(
        pool=tuple(args.pool),
        files=files,
        options=SampleOptions(
            count=args.count,
            by=args.by,
            near=args.near,
            spread=tuple(dict.fromkeys(args.spread)),
            share_random=args.share_random,
            max_pool=args.max_pool,
            seed=args.seed,
        ),
        never=tuple(args.never),
        labelled=tuple(args.labelled),
        model=args.model,
        second_model=args.second_model,
        scored=args.scored,
        with_suggestions=args.with_suggestions,
        text_column=args.text_column,
        context_column=args.context_column,
        id_column=args.id_column,
        overwrite=args.overwrite,
        progress=sys.stderr.isatty(),
    )
    sample = sample_files(request, say=lambda line: print(f"netral: {line}", file=sys.stderr))
    print(tables(sample, request.options, files))
    for path in (*files.task_paths, *files.beside, files.manifest):
        print(f"wrote {path}", file=sys.stderr)
    _print_next(files)
    return 0


def tables(sample: Sample, options: SampleOptions, files: TaskFiles) -> str:
    """Return what was drawn as plain text for a terminal.

    Args:
        sample: the draw.
        options: how it was drawn.
        files: where it went.
    """
    from netral_nlp.evaluation.metrics import align, percent

    drawn = sample.drawn
    total = len(drawn.posts)
    rows = [["drawn", "posts", ""]]
    for reason, count in sorted(drawn.reasons.items(), key=lambda item: -item[1]):
        rows.append([reason, f"{count:,}", percent(count, total)])
    rows.append(["together", f"{total:,}", f"of {sample.candidates:,} that might have been"])
    parts = ["\n".join(align(rows))]
    if drawn.strata:
        table = [[*options.spread, "drawn", "candidates"]]
        listed = sorted(drawn.strata.items(), key=lambda item: (-item[1][1], item[0]))
        table += [
            [*(value or "(none)" for value in values), f"{taken:,}", f"{size:,}"]
            for values, (size, taken) in listed[:_SHOWN]
        ]
        parts.append("\n".join(align(table, left=len(options.spread))))
        if len(listed) > _SHOWN:
            parts.append(f"and {len(listed) - _SHOWN:,} more; the manifest has all")
    if files.annotators > 1:
        table = [["file", "posts", "read by two"]]
        for number, path in enumerate(files.task_paths, 1):
            own = [given for given in sample.dealt if number in given]
            table.append([path.name, f"{len(own):,}", f"{sum(len(given) > 1 for given in own):,}"])
        twice = sum(len(given) > 1 for given in sample.dealt)
        table.append(["different posts", f"{total:,}", f"{twice:,}"])
        parts.append("\n".join(align(table)))
    return "\n\n".join(parts)


_SHOWN = 25


def _print_next(files: TaskFiles) -> None:
    """Say on standard error how the tool opens the files."""
    beside = files.beside[0].name
    print(
        {
            "label-studio": f"netral: in Label Studio paste {beside} as the labelling interface, then import the tasks",
            "doccano": f"netral: in doccano make a text classification project (without single-class), import {beside} "
            "as its labels, then the tasks as JSONL",
            "argilla": f"netral: rg.Dataset(NAME, settings=rg.Settings.from_json({beside!r})).create(), then "
            "dataset.records.from_json(the tasks)",
            "table": "netral: annotators fill in the empty column; `netral data import` reads the file back",
        }[files.tool],
        file=sys.stderr,
    )
