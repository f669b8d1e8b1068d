"""The report of an evaluation: one HTML file that needs no network, and metrics.json beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import FIGURES, PER_CLASS, Interval, Metrics
from netral_nlp.evaluation.slices import SMALL, Slice
from netral_nlp.labels import LABELS, Label

if TYPE_CHECKING:
    from netral_nlp.evaluation.evaluate import Evaluation

REPORT_NAME, METRICS_NAME = "report.html", "metrics.json"

_HARMS = (
    "Neutral posts accused without review",
    "Campaigning posts that passed as neutral without review",
    "Other wrong labels without review",
    "Wrong labels that a person will see",
)
_LONGEST_TEXT = 2000

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5a6370; --paper: #ffffff; --panel: #f4f5f7; --line: #d5d9df;
  --accent: #1f6f8b; --bad: #a8431c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e9ec; --soft: #a3abb6; --paper: #14171a; --panel: #1e2327; --line: #383f46; --accent: #6db8d4;
    --bad: #ee9a74; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { max-width: 46rem; }
.soft { color: var(--soft); }
.small { font-size: .85rem; }
.summary { background: var(--panel); border-left: 4px solid var(--accent); padding: .5rem 1rem; margin: 1rem 0; }
.summary li { margin: .35rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
td.name { white-space: normal; min-width: 9rem; max-width: 24rem; overflow-wrap: anywhere; }
td.wide { white-space: normal; min-width: 14rem; text-align: left; color: var(--soft); font-size: .85rem; }
.range { color: var(--soft); }
td.cell { background: color-mix(in srgb, var(--tone) var(--part), transparent); min-width: 5rem; }
td.right { --tone: var(--accent); }
td.wrong { --tone: var(--bad); }
svg { display: block; max-width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; font-family: inherit; }
.axis { stroke: var(--line); fill: none; }
.ideal { stroke: var(--soft); stroke-dasharray: 4 4; }
.curve { stroke: var(--accent); fill: none; stroke-width: 2; }
.dot { fill: var(--accent); }
.whisker { stroke: var(--accent); stroke-width: 2; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0; padding: 0 .9rem; }
summary { cursor: pointer; padding: .6rem 0; font-weight: 600; }
article { border-top: 1px solid var(--line); padding: .5rem 0; }
article p { margin: .25rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
article .answered { border-left: 3px solid var(--line); padding-left: .6rem; color: var(--soft); }
code { font-size: .85em; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) minmax(0, 1fr); gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media print {
  main { max-width: none; padding: 0; } details, article, table { break-inside: avoid; } .scroll { overflow: visible; }
}
"""


def write_report(
    evaluation: Evaluation, folder: str | Path, *, texts: bool = True, max_errors: int = 500
) -> tuple[Path, Path]:
    """Write `report.html` and `metrics.json` into a folder, which is made where it is missing.

    A report that is there already is replaced.

    Args:
        evaluation: what was measured.
        folder: where to.
        texts: show the posts that got a wrong label; without, they are listed by id only.
        max_errors: how many wrong labels to list at most, the most harmful first.

    Returns:
        The paths of the report and of the figures.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = Path(folder)
    report, metrics = folder / REPORT_NAME, folder / METRICS_NAME
    figures = json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in (
            (report, render_report(evaluation, texts=texts, max_errors=max_errors)),
            (metrics, figures),
        ):
            # Whole or not at all: a killed run leaves the old report, never half of a new one. Lone surrogates of
            # broken exports become question marks.
            part = path.with_name(path.name + ".part")
            part.write_text(content, encoding="utf-8", errors="replace")
            part.replace(path)
    except OSError as error:
        raise InputError(f"{folder}: cannot write the report ({error.strerror}); name another folder") from None
    return report, metrics


def render_report(evaluation: Evaluation, *, texts: bool = True, max_errors: int = 500) -> str:
    """Return the report as one HTML page without scripts or outside resources; see `write_report`."""
    metrics = evaluation.metrics
    name = escape(evaluation.name)
    sections = [
        f"<h1>How right is {name}?</h1>",
        f'<p class="soft">{metrics.posts:,} labelled posts; {_support(metrics)}</p>',
        _summary(metrics),
        _label_table(metrics),
        _figure_table(metrics),
        _confusion(metrics),
        _reliability(metrics),
        _slices(evaluation.slices),
        _errors(evaluation, texts, max_errors),
        _stamp(evaluation.stamp),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>Evaluation of {name}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            *(section for section in sections if section),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _label(label: Label | str) -> str:
    label = Label(label)
    return f'{label.value} <span class="soft" lang="id">({label.indonesian})</span>'


def _interval(interval: Interval, *, percent: bool = False) -> str:
    value, bracket, ends = interval.format(percent=percent).partition(" [")
    return f'{value} <span class="range">{bracket.strip()}{ends}</span>' if bracket else value


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are HTML already, a cell that starts with `<td` brings its own tag."""
    lines = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    for row in rows:
        lines.append("<tr>" + "".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in row) + "</tr>")
    return '<div class="scroll"><table>' + "\n".join(lines) + "</table></div>"


def _support(metrics: Metrics) -> str:
    return ", ".join(f"{metrics.support[label]:,} {_label(label)}" for label in LABELS)


def _of_hundred(interval: Interval, what: str = "") -> str:
    """Return a share of something in words that a reader can picture, with its interval."""
    text = f"<strong>{_whole(interval.value)} of 100</strong> {what}".rstrip()
    if math.isnan(interval.low):
        return text
    return f"{text} (likely between {_whole(interval.low)} and {_whole(interval.high)})"


def _whole(share: float) -> str:
    """Return a share as posts of a hundred; small shares keep a digit, so that a risk is never rounded away."""
    number = share * 100
    return f"{number:.1f}" if 0 < number < 5 else f"{number:.0f}"


def _summary(metrics: Metrics) -> str:
    lines = [f"The label is right for {_of_hundred(metrics['accuracy'], 'posts')}."]
    neutral, campaigning = metrics.support[Label.NEUTRAL], metrics.support[Label.CAMPAIGNING]
    figures = metrics.figures
    if neutral:
        lines.append(
            f"{_of_hundred(figures['false_accusation_rate'], 'neutral posts')} are wrongly called "
            f"{_label(Label.SUPPORTIVE)} or {_label(Label.CAMPAIGNING)}. "
            "This is the costliest mistake: it accuses someone who took no side."
        )
    if "review_rate" in figures:
        lines.append(f"{_of_hundred(figures['review_rate'], 'posts')} are handed to a person to decide.")
    if "accused_without_review_rate" in figures and neutral:
        lines.append(
            f"{_of_hundred(figures['accused_without_review_rate'], 'neutral posts')} are accused without anyone being "
            "asked to look."
        )
    if campaigning:
        lines.append(
            f"{_of_hundred(figures['missed_campaigning_rate'], 'campaigning posts')} get another label; "
            f"{_of_hundred(figures['campaigning_called_neutral_rate'])} are called neutral."
        )
    if "ece" in figures:
        lines.append(
            f"Its confidence is off by {figures['ece'].value * 100:.1f} percentage points on average: posts that it is "
            "“90 % sure” of are right somewhat more or less often than 90 times of 100."
        )
    rough = [f"{metrics.support[label]:,} {_label(label)}" for label in LABELS if metrics.support[label] < SMALL]
    if rough:
        lines.append(f"There are only {' and '.join(rough)} posts here: figures about them are rough.")
    items = "\n".join(f"<li>{line}</li>" for line in lines)
    return (
        f'<section class="summary"><h2 style="margin-top:.5rem">In plain words</h2>\n<ul>\n{items}\n</ul>\n'
        "<p>A label points a reviewer to a post. It is never a verdict: a person decides. These figures hold for posts "
        "like the ones measured; posts from other sources can come out worse.</p></section>"
    )


def _label_table(metrics: Metrics) -> str:
    rows = [
        [
            _label(label),
            *(_interval(metrics.per_class[label][name]) for name in PER_CLASS),
            f"{metrics.support[label]:,}",
        ]
        for label in LABELS
    ]
    head = ["label", "precision", "recall", "F1", "posts"]
    note = (
        f"<p class='soft small'>In brackets: {metrics.confidence:.0%} bootstrap intervals, {metrics.resamples:,} "
        f"resamples drawn within each label, seed {metrics.seed}.</p>"
        if metrics.resamples
        else ""
    )
    return f"<h2>By label</h2>{_table(head, rows)}{note}"


def _figure_table(metrics: Metrics) -> str:
    rows = [
        [
            escape(FIGURES[name].title),
            _interval(interval, percent=FIGURES[name].percent),
            f'<td class="wide">{escape(FIGURES[name].meaning)}</td>',
        ]
        for name, interval in metrics.figures.items()
    ]
    return f"<h2>All figures</h2>{_table(['figure', 'value', ''], rows)}"


def _confusion(metrics: Metrics) -> str:
    rows = []
    for gold in LABELS:
        counts = metrics.confusion[gold.severity]
        whole = max(int(counts.sum()), 1)
        cells = [
            f'<td class="cell {"right" if gold is called else "wrong"}" '
            f'style="--part:{round(55 * counts[called.severity] / whole)}%">{counts[called.severity]:,} '
            f'<span class="range">{counts[called.severity] / whole:.0%}</span></td>'
            for called in LABELS
        ]
        rows.append([_label(gold), *cells])
    head = ["labelled \\ called", *(_label(label) for label in LABELS)]
    return (
        f"<h2>Which labels are mixed up</h2>{_table(head, rows)}"
        '<p class="soft small">Rows: the label in the data. Columns: the label that was given. '
        "Shares are of the row.</p>"
    )


def _reliability(metrics: Metrics) -> str:
    if not metrics.reliability:
        return ""
    rows = [
        [
            f"{part.lowest:.2f} to {part.highest:.2f}",
            f"{part.confidence:.3f}",
            f"{part.accuracy:.3f}",
            f"{part.accuracy - part.confidence:+.3f}",
            f"{part.posts:,}",
        ]
        for part in metrics.reliability
    ]
    head = ["confidence", "mean confidence", "share right", "difference", "posts"]
    return (
        "<h2>Does its confidence mean what it says?</h2>"
        "<p>Points on the dashed line: as often right as it claims. Below the line: it claims too much.</p>"
        f"{_reliability_svg(metrics)}{_table(head, rows)}"
    )


def _reliability_svg(metrics: Metrics) -> str:
    size, left, top = 260, 40, 10

    def x(value: float) -> str:
        return f"{left + value * size:.1f}"

    def y(value: float) -> str:
        return f"{top + (1 - value) * size:.1f}"

    ticks = "".join(
        f'<text x="{x(tick)}" y="{top + size + 16}" text-anchor="middle">{tick:g}</text>'
        f'<text x="{left - 6}" y="{float(y(tick)) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        for tick in (0, 0.25, 0.5, 0.75, 1)
    )
    points = [(x(part.confidence), y(part.accuracy)) for part in metrics.reliability]
    dots = "".join(f'<circle class="dot" cx="{px}" cy="{py}" r="4"/>' for px, py in points)
    line = " ".join(f"{px},{py}" for px, py in points)
    return (
        f'<svg role="img" width="320" height="320" viewBox="0 0 320 320" '
        'aria-label="Reliability diagram: share right against mean confidence, by bin; numbers below">'
        f'<rect class="axis" x="{left}" y="{top}" width="{size}" height="{size}"/>'
        f'<line class="ideal" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>'
        f'<polyline class="curve" points="{line}"/>{dots}{ticks}'
        f'<text x="{x(0.5)}" y="{top + size + 34}" text-anchor="middle">mean confidence</text>'
        f'<text x="{left + 6}" y="{top + 14}">share right</text></svg>'
    )


def _slices(slices: Sequence[Slice]) -> str:
    if not slices:
        return ""
    parts = [
        "<h2>Where it does worse</h2>",
        "<p>The same figures for parts of the data, the worst macro-F1 first. A part that lacks a label is averaged "
        f"over the labels that it has. Parts under {SMALL} posts are rough.</p>",
    ]
    for column, group in groupby(slices, key=lambda part: part.column):
        rows = [
            [
                f'<td class="name">{escape(part.value)}{" (few posts)" if part.small else ""}</td>',
                _interval(part.macro_f1),
                f"<td>{_whisker(part.macro_f1)}</td>",
                _interval(part.false_accusation_rate, percent=True),
                f"{part.posts:,}",
                " / ".join(f"{part.support[label]:,}" for label in LABELS),
            ]
            for part in group
        ]
        head = [
            escape(column),
            "macro-F1",
            "",
            "false accusations",
            "posts",
            " / ".join(label.value for label in LABELS),
        ]
        parts.append(f"<h3>By {escape(column)}</h3>{_table(head, rows)}")
    return "\n".join(parts)


def _whisker(interval: Interval) -> str:
    """Return a figure between 0 and 1 as a dot with its interval on a line."""
    width, height = 120, 14
    line = ""
    if not math.isnan(interval.low):
        line = f'<line class="whisker" x1="{interval.low * width:.1f}" x2="{interval.high * width:.1f}" y1="7" y2="7"/>'
    return (
        f'<svg aria-hidden="true" width="{width}" height="{height}" viewBox="-5 0 {width + 10} {height}">'
        f'<line class="axis" x1="0" x2="{width}" y1="7" y2="7"/>{line}'
        f'<circle class="dot" cx="{interval.value * width:.1f}" cy="7" r="4"/></svg>'
    )


def _errors(evaluation: Evaluation, texts: bool, max_errors: int) -> str:
    errors = evaluation.errors()
    if errors.empty:
        return "<h2>Wrong labels</h2><p>None.</p>"
    reviewed = "needs_review" in errors
    lines = ["<h2>Wrong labels</h2>"]
    if len(errors) > max_errors:
        lines.append(f"<p>The first {max_errors:,} of {len(errors):,}, the most harmful first.</p>")
    totals = errors["harm"].value_counts()
    shown = errors.head(max_errors)
    records = [dict(zip(shown.columns, row, strict=True)) for row in shown.itertuples(index=False, name=None)]
    for harm, group in groupby(records, key=lambda record: int(record["harm"])):
        title = _HARMS[harm] if reviewed else _HARMS[harm].removesuffix(" without review")
        articles = "\n".join(_error(record, texts) for record in group)
        state = " open" if harm < 2 else ""
        heading = f"<summary>{title}: {int(totals[harm]):,}</summary>"
        lines.append(f"<details{state}>{heading}\n{articles}</details>")
    return "\n".join(lines)


def _error(record: dict[str, Any], texts: bool) -> str:
    facts = [f"labelled {_label(record['gold'])}, called {_label(record['predicted'])}"]
    if record.get("confidence") is not None:
        facts.append(f"{record['confidence']:.0%} sure")
    if record.get("needs_review"):
        facts.append("handed to review")
    facts += [
        escape(str(record[name]))
        for name in ("action", "direction", "platform", "year")
        if record.get(name) is not None
    ]
    facts.append(f"<code>{escape(str(record['id']))}</code>")
    lines = [f'<p class="small">{" · ".join(facts)}</p>']
    if texts:
        if record.get("context") is not None:
            lines.append(f'<p class="answered" lang="id">{_shown(record["context"])}</p>')
        lines.append(f'<p lang="id">{_shown(record["text"]) or "<span class=soft>(no words)</span>"}</p>')
    return f"<article>{''.join(lines)}</article>"


def _shown(text: str) -> str:
    cut = f"{text[:_LONGEST_TEXT]} … ({len(text):,} characters)" if len(text) > _LONGEST_TEXT else text
    return escape(cut.strip())


def _stamp(stamp: dict[str, Any]) -> str:
    lines = []
    for name, value in stamp.items():
        for key, part in value.items() if isinstance(value, dict) else [("", value)]:
            text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
            lines.append(f"<dt>{escape(f'{name} {key}'.strip())}</dt><dd><code>{escape(text)}</code></dd>")
    return f"<h2>What was measured</h2><dl>{''.join(lines)}</dl>"
