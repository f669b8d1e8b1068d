"""`netral predict`: label texts given as arguments, or one a line on standard input."""

from __future__ import annotations

import argparse
import json
import shutil
from typing import TYPE_CHECKING, Any

from netral_nlp.cli.table import shorten
from netral_nlp.cli.texts import add_text_options, given_texts, open_classifier

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import Prediction

_HEAD = f"{'label':<27}{'neutral':>8}{'support.':>9}{'campaign.':>10}  review  text"
_TEXT_COLUMN = _HEAD.index("text")
_NARROWEST = 20
_FIRST_LINES, _MOST_LINES = 32, 4096


def add_parser(subparsers: Any) -> None:
    """Add the command `predict` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "predict",
        help="label texts given here, or one a line on standard input",
        description="Label texts. Without TEXT, or with -, texts are read from standard input, one a line.",
        epilog='example: netral predict "Gas 🔥" --context "Ayo coblos nomor 2!" --action comment',
    )
    add_text_options(parser, "label")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label the texts and print a line for each.

    Raises:
        NetralError: the model or an option cannot be used.
    """
    classifier, action = open_classifier(args)
    write = _write_json if args.json else _write_row
    if not args.json:
        print(_HEAD)
    for texts in given_texts(args.texts, first=_FIRST_LINES, most=_MOST_LINES):
        count = len(texts)
        for text, prediction in zip(
            texts, classifier.predict(texts, [args.context] * count, [action] * count), strict=True
        ):
            write(text, prediction)
    return 0


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
