"""Posts in the report: one article each, with its facts for the filters and the words that moved its label."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Literal

from netral_nlp.evaluation.evaluate import Evaluation
from netral_nlp.evaluation.report.masking import hidden_spans, mask
from netral_nlp.inference.explain import Explanation
from netral_nlp.labels import Label

Texts = Literal["full", "masked", "none"]
"""How posts are shown: as they are, without what points to an account, or not at all."""

_LONGEST_TEXT = 2000
_FULL_EFFECT = 0.4
_LEAST_EFFECT = 0.03


def post_record(evaluation: Evaluation, row: int) -> dict[str, Any]:
    """Return a post with what was said about it; `row` is its place among the posts."""
    own = evaluation.posts.iloc[row]
    return {**dict(zip(evaluation.posts.columns, own.tolist(), strict=True)), "row": row}


def filter_bar(choices: Sequence[tuple[str, str, Sequence[str]]], *, words: bool = True) -> str:
    """Fields that narrow a list; hidden where scripts do not run."""
    fields = []
    for name, title, values in choices:
        options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in values)
        fields.append(f'<label>{title}<select name="{name}"><option value="">all</option>{options}</select></label>')
    if words:
        fields.append('<label>words<input name="words" type="search" placeholder="search"></label>')
    return f'<div class="filters" hidden>{"".join(fields)}<output></output></div>'


def post_article(record: dict[str, Any], head: str, texts: Texts, explanation: Explanation | None) -> str:
    """One post; its facts are data attributes that the filters read."""
    facts = {
        "gold": Label(record["gold"]).value,
        "called": Label(record["predicted"]).value,
        **{
            name: record[name]
            for name in ("platform", "source", "year", "direction", "action")
            if record.get(name) is not None
        },
    }
    attributes = " ".join(f'data-{name}="{escape(str(value))}"' for name, value in facts.items())
    lines = [f'<p class="small">{head} · <code>{escape(str(record["id"]))}</code></p>']
    if texts != "none":
        of_context = explanation is not None and explanation.in_context
        context = record.get("context")
        if context is not None:
            shown = _marked(context, explanation, texts) if of_context else _plain(context, texts)
            lines.append(f'<p class="answered" lang="id">{shown}</p>')
        text = str(record["text"] or "")
        shown = _plain(text, texts) if of_context else _marked(text, explanation, texts)
        lines.append(f'<p lang="id">{shown or "<span class=soft>(no words)</span>"}</p>')
    return f"<article {attributes}>{''.join(lines)}</article>"


def _plain(text: str, texts: Texts) -> str:
    shown = mask(text) if texts == "masked" else text  # before the cut, which may halve an address
    if len(shown) > _LONGEST_TEXT:
        shown = f"{shown[:_LONGEST_TEXT]} … ({len(text):,} characters)"
    return escape(shown.strip())


def _marked(text: str, explanation: Explanation | None, texts: Texts) -> str:
    """The text with its words coloured by their effect, on a scale that is the same for all posts."""
    if explanation is None or explanation.source != text or len(text) > _LONGEST_TEXT:
        return _plain(text, texts)
    parts, place = [], 0
    hidden = hidden_spans(text) if texts == "masked" else []

    def shown(start: int, end: int) -> str:
        """A piece of the text; what is hidden stands where it begins, also where it runs over several words."""
        pieces, at = [], start
        for first, last, instead in hidden:
            if last <= at or first >= end:
                continue
            pieces += [text[at:first], instead] if first >= start else []
            at = min(last, end)
        return escape("".join([*pieces, text[at:end]]))

    for word in explanation.effects:
        parts.append(shown(place, word.start))
        piece = shown(word.start, word.end)
        if abs(word.effect) >= _LEAST_EFFECT:
            part = round(10 + 55 * min(1.0, abs(word.effect) / _FULL_EFFECT))
            side = "for" if word.effect > 0 else "against"
            piece = f'<mark class="{side}" style="--part:{part}%" title="{word.effect:+.2f}">{piece}</mark>'
        parts.append(piece)
        place = word.end
    parts.append(shown(place, len(text)))
    return "".join(parts).strip()
