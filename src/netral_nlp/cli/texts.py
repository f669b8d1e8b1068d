"""What the commands share that take texts as arguments or from standard input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from netral_nlp.cli.policy import add_policy_options, policy_from

if TYPE_CHECKING:
    from netral_nlp.inference.actions import Action
    from netral_nlp.inference.classifier import NeutralityClassifier


def add_text_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the texts, what they answer, and the model.

    Args:
        parser: of the command.
        what: what is done with a text, for the help.
    """
    parser.add_argument("texts", nargs="*", metavar="TEXT", help=f"what to {what}; - reads standard input")
    parser.add_argument("--context", metavar="TEXT", help="the text that all of them answer")
    parser.add_argument(
        "--action", help="what was done: post, comment, like, share or follow (posting, komentar, suka, bagikan, ikuti)"
    )
    parser.add_argument("--model", metavar="PATH|ID", help="model folder or hub id (default: the shipped model)")
    parser.add_argument("--backend", choices=["auto", "onnx", "torch"], default="auto", help="default: %(default)s")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads (default: all)")
    add_policy_options(parser)


def open_classifier(args: argparse.Namespace) -> tuple[NeutralityClassifier, Action | None]:
    """Load the model that the options name, with their review policy; and read the action.

    Raises:
        NetralError: the model or an option cannot be used.
    """
    from netral_nlp.inference.actions import Action
    from netral_nlp.inference.classifier import NeutralityClassifier

    action = Action.parse(args.action)
    classifier = NeutralityClassifier.from_pretrained(args.model, backend=args.backend, threads=args.threads)
    classifier.decision = policy_from(args).apply(classifier.decision)
    return classifier, action


def given_texts(texts: list[str], *, first: int, most: int) -> Iterator[list[str]]:
    """Yield the texts, a few at a time; a person at the keyboard gets each one at once.

    Args:
        texts: the arguments; none, or a lone "-", reads standard input.
        first: how many lines to answer first.
        most: how many lines to answer at once later.
    """
    from netral_nlp.inference.batching import chunks

    if texts and texts != ["-"]:
        yield texts
    elif sys.stdin.isatty():
        print("netral: one text a line; Ctrl-D ends", file=sys.stderr)
        yield from ([line] for line in _stdin_lines())
    else:
        yield from chunks(_stdin_lines(), most, first=first)


def _stdin_lines() -> Iterator[str]:
    """The lines of standard input as UTF-8, whatever the terminal's locale; bytes that are none are replaced."""
    for number, line in enumerate(sys.stdin.buffer):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8", "replace").rstrip("\r\n")
