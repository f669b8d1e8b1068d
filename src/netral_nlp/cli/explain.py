"""`netral explain`: which words moved a label, as a table and, in a terminal, coloured in the post."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from netral_nlp.cli.table import shorten, width
from netral_nlp.cli.texts import add_text_options, given_texts, open_classifier
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    from netral_nlp.inference.classifier import NeutralityClassifier
    from netral_nlp.inference.explain import Explanation, WordEffect

_SHOWN = 10
_BAR = 20
_WIDEST_WORD = 32
_NARROWEST = 20
_AT_ONCE = 64
_CONTEXT = "(the whole context)"

# Orange and blue: told apart by the colour-blind too, on dark and on light. What moves much is underlined.
_FOR, _AGAINST, _STRONG, _PLAIN = "\x1b[38;5;208m", "\x1b[38;5;33m", "\x1b[1;4m", "\x1b[0m"
_FAINTEST = 0.01
"""Effects that are smaller get no colour."""
_SHORTEST_SCALE = 0.1
"""The longest bar stands for this effect at least: small effects must not look large."""
_DECIDES = 0.05


def add_parser(subparsers: Any) -> None:
    """Add the command `explain` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "explain",
        help="show which words moved a label",
        description="Label texts and show what each word did: it is left out, the text is scored again, and the effect "
        "is how far the label's probability falls; above 0 the word speaks for the label. Without TEXT, or with -, "
        "texts are read from standard input, one a line.",
        epilog='example: netral explain "Gas 🔥" --context "Ayo coblos nomor 2!" --action comment',
    )
    add_text_options(parser, "explain")
    parser.add_argument("--label", help="explain this label's probability (default: the likeliest label's)")
    parser.add_argument("--all", action="store_true", help=f"show every word, not only the {_SHOWN} strongest")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with every word")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain the texts and print each one's words.

    Raises:
        NetralError: the model or an option cannot be used.
    """
    label = None if args.label is None else Label.parse(args.label)
    classifier, action = open_classifier(args)
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    explanations = _explanations(
        classifier, given_texts(args.texts, first=1, most=_AT_ONCE), args.context, action, label
    )
    for number, explanation in enumerate(explanations):
        if args.json:
            print(json.dumps(explanation.to_dict(), ensure_ascii=False))
        else:
            if number:
                print()
            print("\n".join(_shown(explanation, colours, None if args.all else _SHOWN)))
    return 0


def _explanations(
    classifier: NeutralityClassifier,
    texts: Iterable[list[str]],
    context: str | None,
    action: str | None,
    label: Label | None,
) -> Iterator[Explanation]:
    from netral_nlp.inference.explain import explain_many

    for some in texts:
        yield from explain_many(classifier, some, [context] * len(some), [action] * len(some), label=label)


def _shown(explanation: Explanation, colours: bool, most: int | None) -> list[str]:
    """An explanation as lines for a reader."""
    columns = shutil.get_terminal_size((120, 24)).columns
    chances = "  ".join(f"{label.value} {explanation.probabilities[label]:.3f}" for label in LABELS)
    lines = [f"{_name(explanation.predicted)}  {chances}{'  review' if explanation.needs_review else ''}"]
    if not explanation.effects:
        return [*lines, "no text to judge"]
    lines.append(_coloured(explanation) if colours else shorten(explanation.source, max(_NARROWEST, columns)))
    if explanation.in_context:
        lines.append("judged on its context: these are the context's words")
    if explanation.window is not None:
        first, last = explanation.window
        lines.append(f"decided by characters {first}-{last}: these are the words there")
    words = explanation.top(len(explanation.effects) if most is None else most)
    lines += ["", *_table(explanation, words)]
    if all(abs(word.effect) < _DECIDES for word in explanation.effects):
        lines.append("no single word decides: the label stays about as likely without any one of them")
    left = len(explanation.effects) - len(words)
    if left:
        lines.append(f"{left} more with smaller effects; --all shows them")
    return lines


def _table(explanation: Explanation, words: Iterable[WordEffect]) -> list[str]:
    """Words with their effects and signed bars, all on one scale."""
    rows = [(shorten(word.text, _WIDEST_WORD), word.effect) for word in words]
    if explanation.context_effect is not None:
        rows.append((_CONTEXT, explanation.context_effect))
    largest = max(_SHORTEST_SCALE, *(abs(effect) for _, effect in rows))
    room = max(width(word) for word, _ in rows)
    lines = [f"{'':<{room}}  effect on {_name(explanation.label)}: - against, + for"]
    for word, effect in rows:
        length = round(_BAR * abs(effect) / largest)
        against, speaks_for = ("-" * length, "") if effect < 0 else ("", "+" * length)
        # -0.000 would read as a finding.
        number = f"{round(effect, 3) + 0.0:+.3f}"
        lines.append(f"{word}{' ' * (room - width(word))}  {number}  {against:>{_BAR}}|{speaks_for}")
    return lines


def _coloured(explanation: Explanation) -> str:
    """The text with its words in colours; line breaks and control characters stay off the terminal."""
    largest = max(abs(word.effect) for word in explanation.effects)
    first, last = explanation.window or (0, len(explanation.source))
    parts = ["… "] if first else []
    place = first
    for word in explanation.effects:
        parts.append(_plain(explanation.source[place : word.start]))
        text = _plain(word.text)
        if abs(word.effect) >= _FAINTEST:
            strong = _STRONG if abs(word.effect) >= largest / 2 else ""
            text = f"{_FOR if word.effect > 0 else _AGAINST}{strong}{text}{_PLAIN}"
        parts.append(text)
        place = word.end
    parts.append(_plain(explanation.source[place:last]).rstrip())
    if last < len(explanation.source):
        parts.append(" …")
    return "".join(parts).strip()


def _plain(text: str) -> str:
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) != "Cc"
    )


def _name(label: Label) -> str:
    return f"{label.value} ({label.indonesian})"
