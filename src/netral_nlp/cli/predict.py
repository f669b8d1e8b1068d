"""`netral predict`: label texts given as arguments, or one a line on standard input."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from netral_nlp.cli.policy import add_policy_options, policy_from
from netral_nlp.cli.table import shorten

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier, Prediction

_HEAD = f"{'label':<27}{'neutral':>8}{'support.':>9}{'campaign.':>10}  review  text"
_TEXT_COLUMN = _HEAD.index("text")
_NARROWEST = 20
_FIRST_LINES = 32


def add_parser(subparsers: Any) -> None:
    """Add the command `predict` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "predict",
        help="label texts given here, or one a line on standard input",
        description="Label texts. Without TEXT, or with -, texts are read from standard input, one a line.",
        epilog='example: netral predict "Gas 🔥" --context "Ayo coblos nomor 2!" --action comment',
    )
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="what to label; - reads standard input")
    parser.add_argument("--context", metavar="TEXT", help="the text that all of them answer")
    parser.add_argument(
        "--action", help="what was done: post, comment, like, share or follow (posting, komentar, suka, bagikan, ikuti)"
    )
    parser.add_argument("--model", metavar="PATH|ID", help="model folder or hub id (default: the shipped model)")
    parser.add_argument("--backend", choices=["auto", "onnx", "torch"], default="auto", help="default: %(default)s")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads (default: all)")
    add_policy_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label the texts and print a line for each.

    Raises:
        NetralError: the model or an option cannot be used.
    """
    from netral_nlp.inference.actions import Action
    from netral_nlp.inference.classifier import NeutralityClassifier

    action = Action.parse(args.action)
    classifier = NeutralityClassifier.from_pretrained(args.model, backend=args.backend, threads=args.threads)
    classifier.decision = policy_from(args).apply(classifier.decision)
    write = _write_json if args.json else _write_row
    if not args.json:
        print(_HEAD)
    for text, prediction in _answers(classifier, args.texts, args.context, action):
        write(text, prediction)
    return 0


def _answers(
    classifier: NeutralityClassifier, texts: list[str], context: str | None, action: str | None
) -> Iterator[tuple[str, Prediction]]:
    """Each text with its answer; a person at the keyboard gets each one at once."""
    if texts and texts != ["-"]:
        yield from zip(texts, classifier.predict(texts, [context] * len(texts), [action] * len(texts)), strict=True)
    elif sys.stdin.isatty():
        print("netral: one text a line; Ctrl-D ends", file=sys.stderr)
        for text in stdin_lines():
            yield text, classifier.predict(text, context, action)
    else:
        from netral_nlp.inference.batching import chunks

        for chunk in chunks(stdin_lines(), first=_FIRST_LINES):
            yield from zip(chunk, classifier.predict(chunk, [context] * len(chunk), [action] * len(chunk)), strict=True)


def stdin_lines() -> Iterator[str]:
    """The lines of standard input as UTF-8, whatever the terminal's locale; bytes that are none are replaced."""
    for number, line in enumerate(sys.stdin.buffer):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8", "replace").rstrip("\r\n")


def _write_json(text: str, prediction: Prediction) -> None:
    print(json.dumps({"text": text, **prediction.to_dict()}, ensure_ascii=False))


def _write_row(text: str, prediction: Prediction) -> None:
    label = f"{prediction.label.value} ({prediction.label.indonesian})"
    review = "review" if prediction.needs_review else ""
    notes = []
    if prediction.judged != "text":
        notes.append("judged on its context" if prediction.judged == "context" else "no text to judge")
    if prediction.window is not None:
        notes.append(f"decided by characters {prediction.window[0]}-{prediction.window[1]}")
    if prediction.context_cut:
        notes.append("long context cut")
    tail = f"  [{'; '.join(notes)}]" if notes else ""
    width = max(_NARROWEST, shutil.get_terminal_size((120, 24)).columns - _TEXT_COLUMN - len(tail))
    print(
        f"{label:<27}{prediction.p_neutral:>8.3f}{prediction.p_supportive:>9.3f}{prediction.p_campaigning:>10.3f}"
        f"  {review:<6}  {shorten(text, width)}{tail}"
    )
