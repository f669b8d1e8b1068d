"""`netral score`: label a dump of posts."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from netral_nlp.cli.policy import add_policy_options, policy_from

if TYPE_CHECKING:
    from netral_nlp.scoring.request import ScoreRequest, ScoreResult

_INTERRUPTED = 130
_TERMINATED = 143


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, ended like Ctrl-C but with its own exit code."""


def add_parser(subparsers: Any) -> None:
    """Add the command `score` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "score",
        help="label a dump of posts: CSV, TSV, JSON lines, Parquet or XLSX, also .gz and .zst",
        description=(
            "Label every post of one or more files and write them, with all their columns and in their order, to one "
            "output file (with --engine ray: to a folder of parts). Adds label, p_neutral, p_supportive, p_campaigning "
            "and needs_review. Rows that cannot be read go to the rejects file. A run that was "
            "stopped goes on with --resume."
        ),
        epilog="Exit codes: 0 done; 1 the input or request is wrong; 3 done, with rows in the rejects file.",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders or quoted patterns, in this order; with --engine ray also URLs",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        help="file to write; its ending picks the format (.csv .tsv .jsonl .parquet .xlsx; .gz or .zst on text); "
        "with --engine ray a folder or its URL",
    )
    columns = parser.add_argument_group("columns", "guessed for known exports, and said; name them where not")
    columns.add_argument("--text-column", metavar="NAME", help="the posts' text")
    columns.add_argument("--context-column", metavar="NAME", help="the text that a post answers")
    columns.add_argument("--id-column", metavar="NAME", help="the posts' ids")
    columns.add_argument("--action-column", metavar="NAME", help="what was done: post, comment, share, like, follow")
    columns.add_argument("--source-column", metavar="NAME", help="add a column with each row's input file name")
    reading = parser.add_argument_group("reading")
    reading.add_argument("--encoding", help="text encoding of the inputs (default: found)")
    reading.add_argument("--delimiter", help="delimiter of CSV inputs (default: found)")
    reading.add_argument("--sheet", metavar="NAME", help="sheet of XLSX inputs (default: the first)")
    reading.add_argument("--rejects", type=Path, metavar="FILE", help="rejected rows (default: OUTPUT.rejects.jsonl)")
    reading.add_argument("--max-rejects", type=int, metavar="N", help="stop when more rows than this are rejected")
    model = parser.add_argument_group("model")
    model.add_argument("--model", metavar="PATH|ID", help="model folder or hub id (default: the shipped model)")
    model.add_argument("--backend", choices=["auto", "onnx", "torch"], default="auto", help="default: %(default)s")
    model.add_argument("--threads", type=int, metavar="N", help="processor threads (default: all)")
    model.add_argument(
        "--precision",
        choices=["fp32", "bf16", "fp16"],
        help="of the torch backend (default: fp32 on a processor, half on a GPU)",
    )
    add_policy_options(model)
    run_options = parser.add_argument_group("run")
    run_options.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="ray scores on all cores of a machine or a cluster (default: %(default)s)",
    )
    run_options.add_argument("--workers", type=int, metavar="N", help="models of the Ray engine (default: all cores)")
    run_options.add_argument(
        "--address", help="Ray cluster: HOST:PORT of its head node, or auto (default: this machine)"
    )
    run_options.add_argument(
        "--part-format",
        choices=["parquet", "csv", "jsonl"],
        default="parquet",
        help="what the Ray engine's parts are written as (default: %(default)s)",
    )
    run_options.add_argument(
        "--chunk-rows",
        type=int,
        default=8192,
        metavar="N",
        help="rows scored and saved together (default: %(default)s)",
    )
    run_options.add_argument(
        "--dry-run",
        action="store_true",
        help="show what would be read and written and how long it takes; write nothing",
    )
    again = run_options.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with a run that was stopped, or start")
    again.add_argument("--overwrite", action="store_true", help="replace the output; drop a run that was stopped")
    shown = parser.add_argument_group("messages")
    shown.add_argument("--quiet", action="store_true", help="errors only")
    shown.add_argument("--progress", action="store_true", help="progress bar also where stderr is no terminal")
    shown.add_argument("--show", type=int, default=0, metavar="N", help="print the first N labelled posts")
    shown.add_argument("--json", action="store_true", help="the summary as JSON on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score as asked for, print the summary and return the exit code.

    Raises:
        NetralError: the input or the request is wrong.
    """
    if args.dry_run:
        from netral_nlp.cli.preview import dry_run

        if args.engine == "ray":  # before the request, whose output then has no ending
            from netral_nlp.errors import ConfigError
            from netral_nlp.scoring.preview import LOCAL_ONLY

            raise ConfigError(LOCAL_ONLY)
        return dry_run(request_from(args), as_json=args.json)
    request = request_from(args)
    if request.engine == "ray":
        from netral_nlp.scoring.cluster import score_on_cluster as score
    else:
        from netral_nlp.scoring.score import score_files as score
    previous = _end_cleanly_on_sigterm()
    try:
        result = score(
            request,
            say=(lambda line: None) if args.quiet else (lambda line: print(line, file=sys.stderr)),
            progress=not args.quiet and (args.progress or sys.stderr.isatty()),
        )
    except KeyboardInterrupt as stop:
        print(f"netral: stopped: {_how_to_go_on(request)}", file=sys.stderr)
        return _TERMINATED if isinstance(stop, _TerminatedError) else _INTERRUPTED
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)
    if args.json:
        print(json.dumps(result.to_dict(), ensure_ascii=False))
    elif not args.quiet:
        print(summary(result))
    if args.show > 0:
        from netral_nlp.cli.table import first_rows

        print(f"\n{first_rows(Path(result.output), args.text_column, args.show)}")
    return result.exit_code


def request_from(args: argparse.Namespace) -> ScoreRequest:
    """The request that the command line's options make.

    Raises:
        ConfigError: options contradict each other or a value is out of range.
    """
    from netral_nlp.errors import ConfigError
    from netral_nlp.scoring.inputs import expand_inputs
    from netral_nlp.scoring.request import URL, ScoreRequest

    inputs = args.inputs
    if args.engine == "local" and not any(URL.match(location) for location in inputs):
        inputs = expand_inputs(inputs)
    if args.engine == "ray" and args.show > 0:
        raise ConfigError("--show prints from one output file; with --engine ray look into the folder's parts")
    return ScoreRequest(
        inputs=inputs,
        output=args.output,
        text_column=args.text_column,
        context_column=args.context_column,
        id_column=args.id_column,
        action_column=args.action_column,
        source_column=args.source_column,
        model=args.model,
        backend=args.backend,
        threads=args.threads,
        precision=args.precision,
        engine=args.engine,
        workers=args.workers,
        address=args.address,
        part_format=args.part_format,
        resume=args.resume,
        overwrite=args.overwrite,
        rejects=args.rejects,
        max_rejects=args.max_rejects,
        encoding=args.encoding,
        delimiter=args.delimiter,
        sheet=args.sheet,
        chunk_rows=args.chunk_rows,
        policy=policy_from(args),
    )


def summary(result: ScoreResult) -> str:
    """What a run did, for people."""
    lines = [f"{result.rows:,} posts labelled by {result.model}"]
    if result.complete_before:
        lines[0] += " (an earlier run had finished them; nothing was left to do)"
    for label, count in result.labels.items():
        lines.append(f"  {label.indonesian:<13}{label.value:<13}{count:>12,}  {_share(count, result.rows)}")
    lines.append(f"  {'needs review':<26}{result.needs_review:>12,}  {_share(result.needs_review, result.rows)}")
    if result.blank:
        lines.append(f"  {'no text to judge':<26}{result.blank:>12,}  neutral, needs review")
    if result.duplicates:
        lines.append(f"  {'repeated posts':<26}{result.duplicates:>12,}  scored once")
    if result.unknown_actions:
        lines.append(f"  {'unknown action':<26}{result.unknown_actions:>12,}  taken as not known")
    if result.resumed_rows:
        lines.append(f"  {'taken from before':<26}{result.resumed_rows:>12,}")
    if not result.complete_before:
        lines.append(f"  {result.seconds:,.1f} s, {result.rate:,.0f} posts/s")
    if result.rejects:
        lines.append(f"{result.rejects:,} of {result.rows_in:,} rows could not be read: {result.rejects_file}")
    lines.append(f"output  {result.output}")
    lines.append(f"details {result.meta}")
    return "\n".join(lines)


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:5.1f} %" if total else "    - %"


def _how_to_go_on(request: ScoreRequest) -> str:
    from netral_nlp.scoring.journal import unfinished

    if request.engine == "ray":
        return f"what is scored is safe in {request.destination}; go on with the same command and --resume" + (
            " in place of --overwrite" if request.overwrite else ""
        )
    safe = unfinished(request.parts_path)
    saved = "" if safe is None else f"{safe.rows:,} scored posts are safe in {request.parts_path}; "
    instead = " in place of --overwrite" if request.overwrite else ""
    return f"{saved}go on with the same command and --resume{instead}"


def _end_cleanly_on_sigterm() -> Any:
    """Turn SIGTERM into an exception; returns the handler that was there, None where there is no way to set one."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TerminatedError

    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, stop)
