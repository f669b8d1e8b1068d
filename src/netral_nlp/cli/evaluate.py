"""`netral evaluate`: how right a model, or a file of predictions, is on labelled posts."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netral_nlp.cli.numbers import count
from netral_nlp.cli.policy import add_policy_options, policy_from
from netral_nlp.errors import ConfigError, InputError

if TYPE_CHECKING:
    from netral_nlp.evaluation.evaluate import Evaluation
    from netral_nlp.evaluation.options import EvaluationOptions

_TEXTS = ("full", "masked", "none")
_SHOWN_FAILURES = 20


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's options."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model or a scored file on labelled posts",
        description="Measure a model, or a scored file, on labelled posts: precision, recall and F1 by label, "
        "macro-F1, false accusations, missed campaigning, calibration, all with intervals; with --report everything "
        "else too: slices, behaviour suites, fairness, label problems, explained mistakes.",
        epilog="example: netral evaluate --data my-labels.jsonl --report my-report",
    )
    judged = parser.add_argument_group("what is measured")
    one = judged.add_mutually_exclusive_group()
    one.add_argument("--model", metavar="M", help="model folder or hub id (default: the shipped model)")
    one.add_argument(
        "--predictions",
        metavar="FILE",
        help="measure this scored file instead of a model: columns label, p_* and needs_review (where known), "
        "matched by id, or by row order where the texts are equal",
    )
    judged.add_argument(
        "--data",
        metavar="D",
        nargs="+",
        help="labelled posts: .jsonl .csv .tsv .parquet .xlsx, or folders of datasets.save_to_disk",
    )
    judged.add_argument("--text-column", metavar="NAME", help="where the text is (default: text)")
    judged.add_argument("--label-column", metavar="NAME", help="where the label is (default: label)")
    judged.add_argument(
        "--compare",
        metavar="OTHER",
        nargs="+",
        default=[],
        help="lay beside it: model folders, hub ids, scored files, or the baselines majority, keywords, tfidf",
    )
    judged.add_argument(
        "--train",
        metavar="FILE",
        nargs="+",
        type=Path,
        default=[],
        help="training posts: the baselines learn from them, and duplicates are looked for among them",
    )
    what = parser.add_argument_group("what is looked at")
    what.add_argument(
        "--parts",
        metavar="PART,...",
        help="besides the figures: suites, fairness, explanations, problems; all or none (default: all with --report, "
        "else none)",
    )
    what.add_argument(
        "--slice",
        metavar="NAME",
        action="append",
        default=[],
        dest="slices",
        help="also cut the figures by this column; may be repeated. Always: platform, source, year, direction, action, "
        "length, context, script, regional words, candidates and parties that are named",
    )
    what.add_argument(
        "--prevalence",
        metavar="SHARE",
        action="append",
        type=float,
        default=[],
        help="also state precision among flagged posts for a dump in which this share of posts takes a side: 0.02",
    )
    what.add_argument(
        "--annotators",
        metavar="NAME",
        nargs="+",
        default=[],
        help="columns with one annotator's labels each: agreement",
    )
    what.add_argument("--suites", metavar="DIR", type=Path, help="other suites, templates and names than the shipped")
    what.add_argument(
        "--suite-predictions",
        metavar="FILE",
        type=Path,
        help="with --predictions: the scored copy of the file that --write-suites writes",
    )
    what.add_argument(
        "--write-suites",
        metavar="FILE",
        type=Path,
        help="write every text of the suites and templates, for another model to score, and stop",
    )
    what.add_argument(
        "--explained",
        type=count,
        default=50,
        metavar="N",
        help="mistakes to explain, and posts to check explanations on (default: %(default)s)",
    )
    out = parser.add_argument_group("output")
    out.add_argument("--report", metavar="DIR", help="write report.html, metrics.json and the list to check again")
    out.add_argument(
        "--texts",
        choices=_TEXTS,
        default="full",
        help="posts in the report: full, masked (handles, links, e-mail addresses and long numbers hidden) or none; "
        "ids "
        "stay, so leave out an id column that leads to posts (default: %(default)s)",
    )
    out.add_argument("--json", action="store_true", help="print what metrics.json holds instead of the tables")
    run_options = parser.add_argument_group("run")
    add_policy_options(run_options)
    run_options.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (default: 0)")
    run_options.add_argument(
        "--resamples",
        type=count,
        default=1000,
        metavar="N",
        help="bootstrap resamples behind each interval; 0 for none (default: 1000)",
    )
    run_options.add_argument(
        "--backend", choices=("auto", "onnx", "torch"), default="auto", help="default: %(default)s"
    )
    run_options.add_argument("--threads", type=int, metavar="N", help="processor threads for the model")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print and, where asked, write the report.

    Returns:
        0.

    Raises:
        NetralError: the input or the request is wrong.
    """
    if args.write_suites:
        return _write_suites(args)
    if not args.data:
        raise ConfigError("--data is needed: name the labelled posts to measure on")
    if args.suite_predictions and not args.predictions:
        raise ConfigError("--suite-predictions goes with --predictions; a model answers the suites itself")
    if args.predictions and (args.review_below is not None or args.target_passed is not None):
        raise ConfigError(
            "--review-below and --target-passed go with a model; a scored file says itself what needs review"
        )
    for path in (*args.data, *args.train):
        if not Path(path).exists():  # said here, before a model is loaded
            raise InputError(f"{path}: no such file; name the labelled posts")
    from netral_nlp.evaluation.evaluate import evaluate_model, evaluate_predictions
    from netral_nlp.evaluation.report import check_folder, write_report

    options = options_from(args)
    if args.report:
        check_folder(args.report)
    if args.predictions:
        evaluation = evaluate_predictions(
            args.predictions, args.data, options, backend=args.backend, threads=args.threads
        )
    else:
        from netral_nlp.inference.classifier import NeutralityClassifier

        classifier = NeutralityClassifier.from_pretrained(args.model, backend=args.backend, threads=args.threads)
        classifier.decision = policy_from(args).apply(classifier.decision)
        evaluation = evaluate_model(
            classifier, args.data, options, backend=args.backend, threads=args.threads, progress=True
        )
    written = write_report(evaluation, args.report, texts=args.texts) if args.report else ()
    if args.json:
        print(json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print(tables(evaluation, failures=not args.report))
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return 0


def options_from(args: argparse.Namespace) -> EvaluationOptions:
    """The options that the command line makes.

    Raises:
        ConfigError: a part is unknown or a number is out of range.
    """
    from netral_nlp.evaluation.options import PARTS, EvaluationOptions

    wanted = args.parts or ("all" if args.report else "none")
    parts = {"all": tuple(PARTS), "none": ()}.get(wanted) or tuple(
        name.strip() for name in wanted.split(",") if wanted != "none"
    )
    if args.annotators and "problems" not in parts:
        parts = (*parts, "problems")  # their agreement is told there
    return EvaluationOptions(
        parts=parts,
        seed=args.seed,
        resamples=args.resamples,
        text_column=args.text_column,
        label_column=args.label_column,
        slice_columns=args.slices,
        prevalences=args.prevalence,
        compare=args.compare,
        train=args.train,
        annotator_columns=args.annotators,
        suites=args.suites,
        suite_predictions=args.suite_predictions,
        explained=args.explained,
        target_accused=args.target_accused,
    )


def tables(evaluation: Evaluation, *, failures: bool) -> str:
    """Return an evaluation as plain text for a terminal.

    Args:
        evaluation: what was measured.
        failures: print failed cases of the suites too, the first twenty.
    """
    from netral_nlp.evaluation.compare import side_by_side
    from netral_nlp.evaluation.metrics import align
    from netral_nlp.evaluation.report.words import fairness_sentences

    parts = [f"{evaluation.name}: {evaluation.metrics.table()}"]
    if evaluation.flagging:
        rows = [["take a side in the dump", "flagged", "of them right"]]
        rows += [
            [f"{row.prevalence * 100:g} %", row.flagged.format(percent=True), row.precision.format(percent=True)]
            for row in evaluation.flagging[0].stated
        ]
        parts.append("flagged posts (supportive or campaigning)\n" + "\n".join(align(rows)))
    if evaluation.halves:
        rows = [["target", "accused without review", "handed to review"]]
        rows += [
            [f"{half.target_accused * 100:g} %", half.accused.format(percent=True), half.reviewed.format(percent=True)]
            for half in evaluation.halves
        ]
        parts.append("thresholds fitted on one half of these posts, measured on the other\n" + "\n".join(align(rows)))
    worse = [part for part in evaluation.slices if part.worse]
    if worse:
        rows = [["clearly worse than its labels let expect", "", "right", "expected", "posts"]]
        rows += [
            [
                part.column,
                part.value,
                part.accuracy.format(percent=True),
                f"{part.expected:.1%}".replace("%", " %"),
                f"{part.posts:,}",
            ]
            for part in worse
        ]
        parts.append("\n".join(align(rows, left=2)))
    if len(evaluation.comparisons) > 1:
        parts.append(side_by_side(evaluation.comparisons))
    parts += [comparison.table() for comparison in evaluation.comparisons]
    if evaluation.suites is not None:
        parts.append(evaluation.suites.table())
        if failures and evaluation.suites.failures:
            shown = evaluation.suites.failures[:_SHOWN_FAILURES]
            parts.append(f"failed cases ({len(shown)} of {len(evaluation.suites.failures)}):")
            parts.append("\n".join(outcome.lines() for outcome in shown))
    if evaluation.fairness is not None:
        parts.append("fairness\n" + "\n".join(f"- {line}" for line in fairness_sentences(evaluation.fairness)))
    if evaluation.problems is not None:
        parts.append(evaluation.problems.table())
        if evaluation.problems.agreement is not None:
            parts.append(f"agreement of annotators\n{evaluation.problems.agreement.table()}")
    if evaluation.faithfulness is not None:
        parts.append(f"explanations\n{evaluation.faithfulness}")
    parts += [f"note: {note}" for note in evaluation.notes]
    return "\n\n".join(parts)


def _write_suites(args: argparse.Namespace) -> int:
    from netral_nlp.evaluation.answers import write_units
    from netral_nlp.evaluation.fairness import read_templates, template_units
    from netral_nlp.evaluation.suite_data import read_names
    from netral_nlp.evaluation.suites import read_suites

    units = [unit for case in read_suites(args.suites) for unit in case.units]
    units += template_units(read_templates(args.suites), read_names(args.suites))
    write_units(units, args.write_suites)
    print(
        f"wrote {len(set(units)):,} texts to {args.write_suites}; score it, then give the result as --suite-predictions"
    )
    return 0
