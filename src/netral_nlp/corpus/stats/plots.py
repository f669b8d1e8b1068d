"""The page's plots as SVG. Each has a title, named axes and a text alternative; colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from netral_nlp.corpus.stats.copies import Copies
from netral_nlp.corpus.stats.lengths import Lengths
from netral_nlp.corpus.stats.measure import Timeline
from netral_nlp.corpus.stats.posts import COLUMNS, Counts, counted
from netral_nlp.evaluation.metrics import percent

STYLE = """
:root { --neutral: #7d8792; --supportive: var(--accent); --campaigning: var(--bad); --unlabelled: #c3c9d1; }
@media (prefers-color-scheme: dark) { :root { --neutral: #97a1ac; --unlabelled: #49525b; } }
.l0 { fill: var(--neutral); } .l1 { fill: var(--supportive); } .l2 { fill: var(--campaigning); }
.l3 { fill: var(--unlabelled); stroke: var(--soft); stroke-width: .5; }
svg .bars rect { shape-rendering: crispEdges; }
svg text.title { fill: var(--ink); font-size: 12px; font-weight: 600; }
svg text.value { fill: var(--ink); }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .5rem 0; padding: 0; list-style: none; }
.key li { display: flex; align-items: center; gap: .4rem; }
td.bar { min-width: 9rem; width: 13rem; } td.bar svg { display: block; width: 100%; height: .9rem; }
th.bar { text-align: left; font-weight: 400; font-size: .8rem; color: var(--soft); }
th.bar span { display: flex; justify-content: space-between; gap: .5rem; }
th .soft { font-weight: 400; display: block; font-size: .85rem; } th svg.line { display: inline-block; }
.cut td.name { min-width: 12rem; max-width: 22rem; font-size: .9rem; } .cut .range { font-size: .8rem; }
td.shade { background: color-mix(in srgb, var(--bad) var(--part), transparent); min-width: 5rem; }
td.empty { background: var(--panel); }
@media (max-width: 40rem) { td.bar { min-width: 5rem; width: 6rem; } td.shade { min-width: 3.5rem; }
  .cut td.name { min-width: 7.5rem; max-width: 9rem; overflow-wrap: anywhere; } .cut .range { font-size: .75rem; } }
"""
"""Rules of the page's own. Blue, orange and grey are told apart by the colour-blind too, on light and on dark."""

_LEFT, _TOP, _BELOW = 50, 42, 40
_WIDTH, _HEIGHT = 300, 150
_SIZES_WIDTH = 400


def swatch(code: int) -> str:
    """Return a small square in a label's colour; `code` is its place in `COLUMNS`."""
    return (
        f'<svg class="line" aria-hidden="true" width="12" height="12" viewBox="0 0 12 12">'
        f'<rect class="l{code}" x=".5" y=".5" width="11" height="11"/></svg>'
    )


def share_bar(counts: Counts, name: str) -> str:
    """Return one bar from 0 to 100 % that the labels share."""
    posts = sum(counts)
    told = ", ".join(f"{COLUMNS[code]} {percent(count, posts)}" for code, count in enumerate(counts) if count)
    parts, place = [], 0.0
    for code, count in enumerate(counts):
        width = 200 * count / posts if posts else 0.0
        if count:
            parts.append(
                f'<rect class="l{code}" x="{place:.2f}" y="0" width="{width:.2f}" height="14">'
                f"<title>{COLUMNS[code]}: {count:,}</title></rect>"
            )
        place += width
    return (
        f'<svg class="line" role="img" aria-label="{escape(name)}: {told}" width="200" height="14" '
        f'viewBox="0 0 200 14" preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def balance_plot(rows: Sequence[tuple[int, str]], balance: Counts) -> str:
    """Return how many posts each label has.

    Args:
        rows: the labels to show: place in `COLUMNS`, and name.
        balance: posts by label.
    """
    width, step, left, first = 380, 30, 172, 26
    most = max(balance[code] for code, _ in rows)
    length = width - left - 100
    marks = []
    for row, (code, name) in enumerate(rows):
        y = first + row * step
        bar = length * balance[code] / most if most else 0.0
        marks.append(
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="l{code}" x="{left}" y="{y + 2}" width="{bar:.1f}" height="18"/>'
            f'<text class="value" x="{left + bar + 6:.1f}" y="{y + 15}">{balance[code]:,} '
            f"({percent(balance[code], sum(balance))})</text>"
        )
    height = first + len(rows) * step + 18
    told = ", ".join(f"{name} {balance[code]:,}" for code, name in rows)
    return (
        f'<svg role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'aria-label="Posts by label: {escape(told)}">{_title("Posts by label")}'
        f'<g class="bars">{"".join(marks)}</g>'
        f'<line class="axis" x1="{left}" x2="{left}" y1="{first - 4}" y2="{height - 16}"/>'
        f'<text x="{left}" y="{height - 3}">posts</text></svg>'
    )


def length_plots(lengths: Lengths, names: Mapping[int, str]) -> list[str]:
    """Return one histogram a label, all on the same axes.

    Args:
        lengths: in one unit.
        names: the labels to show: place in `COLUMNS` -> name.
    """
    totals = {code: sum(counts[code] for counts in lengths.bins) for code in names}
    shares = {code: [counts[code] / total for counts in lengths.bins] for code, total in totals.items() if total}
    top = min(100.0, _nice(100 * max((max(found) for found in shares.values()), default=0.0), whole=False))
    bins = len(lengths.bins)
    step = (_WIDTH - _LEFT - 8) / bins
    plots = []
    for code, found in shares.items():
        bars = []
        for place, share in enumerate(found):
            height = _HEIGHT * 100 * share / top
            bars.append(
                f'<rect class="l{code}" x="{_LEFT + place * step:.1f}" y="{_TOP + _HEIGHT - height:.1f}" '
                f'width="{max(step - 1, 0.8):.1f}" height="{height:.1f}">'
                f"<title>{_bin(lengths, place)} {lengths.unit}: {counted(lengths.bins[place][code])}</title></rect>"
            )
        every = max(1, -(-bins // 6))
        ticks = [
            (
                _LEFT + place * step,
                f"{place * lengths.width:,}{'+' if lengths.open_ended and place == bins - 1 else ''}",
            )
            for place in range(0, bins, every)
        ]
        spread = lengths.by_label[COLUMNS[code]]
        title = f"{names[code]}: {counted(totals[code])}"
        told = (
            f"Length of {title} in {lengths.unit}: half of them have at most {spread.quantiles[0.5]:,.0f}, "
            f"95 of 100 at most {spread.quantiles[0.95]:,.0f}"
        )
        plots.append(_plot(title, told, bars, ticks, f"{lengths.unit} in a post", "% of these posts", top))
    return plots


def time_plot(timeline: Timeline) -> str:
    """Return posts over time, the labels on top of each other."""
    parts = _without_gaps(timeline)
    top = _nice(max(sum(counts) for counts in parts.values()))
    step = max(12.0, min(40.0, (640 - _LEFT) / len(parts)))
    width = max(_WIDTH, round(_LEFT + step * len(parts) + 8))
    bars = []
    for place, (name, counts) in enumerate(parts.items()):
        base = 0.0
        for code, count in enumerate(counts):
            if not count:
                continue
            height = _HEIGHT * count / top
            base += height
            bars.append(
                f'<rect class="l{code}" x="{_LEFT + place * step + 1:.1f}" y="{_TOP + _HEIGHT - base:.1f}" '
                f'width="{step - 2:.1f}" height="{height:.1f}"><title>{name}: {count:,} {COLUMNS[code]}</title></rect>'
            )
    room = 34 if timeline.unit == "year" else 52
    every = max(1, -(-room // int(step)))
    ticks = [(_LEFT + (place + 0.5) * step, name) for place, name in enumerate(parts) if place % every == 0]
    most = max(parts, key=lambda name: sum(parts[name]))
    told = (
        f"Posts by {timeline.unit} from {next(iter(parts))} to {list(parts)[-1]}, by label; most are of {most}: "
        f"{sum(parts[most]):,}. Numbers below"
    )
    return _plot(
        f"Posts by {timeline.unit}", told, bars, ticks, timeline.unit, "posts", top, width=width, scrolled=True
    )


def copies_plot(copies: Copies, title: str) -> str:
    """Return how many posts are in groups of the same, by the size of the group."""
    sizes = list(copies.sizes)
    counts = [posts for _, posts in copies.sizes.values()]
    top = _nice(max(counts))
    step = (_SIZES_WIDTH - _LEFT - 8) / len(sizes)
    bars = []
    for place, (size, (groups, posts)) in enumerate(copies.sizes.items()):
        height = _HEIGHT * posts / top
        x = _LEFT + (place + 0.5) * step
        bars.append(
            f'<rect class="l1" x="{x - step * 0.36:.1f}" y="{_TOP + _HEIGHT - height:.1f}" width="{step * 0.72:.1f}" '
            f'height="{height:.1f}"><title>of {size} posts: {counted(groups, "group")}, {posts:,} posts</title></rect>'
        )
        if posts:
            bars.append(
                f'<text class="value" x="{x:.1f}" y="{_TOP + _HEIGHT - height - 4:.1f}" text-anchor="middle">'
                f"{posts:,}</text>"
            )
    ticks = [(_LEFT + (place + 0.5) * step, size) for place, size in enumerate(sizes)]
    told = f"{title}: {copies.in_groups:,} posts in {counted(copies.groups, 'group')}, {copies.copies:,} of them copies"
    return _plot(title, told, bars, ticks, "posts in the group", "posts", top, width=_SIZES_WIDTH)


def _without_gaps(timeline: Timeline) -> dict[str, Counts]:
    """Return every month or year from the first to the last; those without posts too, unless these are many."""

    def number(part: str) -> int:
        return int(part[:4]) * 12 + int(part[5:]) - 1 if timeline.unit == "month" else int(part)

    def named(place: int) -> str:
        return f"{place // 12}-{place % 12 + 1:02d}" if timeline.unit == "month" else str(place)

    places = [number(part) for part in timeline.parts]
    if places[-1] - places[0] >= 60:
        return timeline.parts
    return {named(place): timeline.parts.get(named(place), (0, 0, 0, 0)) for place in range(places[0], places[-1] + 1)}


def _bin(lengths: Lengths, place: int) -> str:
    start = place * lengths.width
    if lengths.open_ended and place == len(lengths.bins) - 1:
        return f"{start:,} or more"
    return f"{start:,}" if lengths.width == 1 else f"{start:,} to {start + lengths.width - 1:,}"


def _nice(most: float, *, whole: bool = True) -> float:
    """Return the end of an axis that four even steps reach and that holds the largest value.

    Args:
        most: the largest value.
        whole: the steps are to be whole numbers.
    """
    needed = most * 1.05 / 4
    size = 10.0 ** math.floor(math.log10(needed)) if needed > 0 else 1.0
    if whole:
        size = max(size, 1.0)
    steps = (step * size for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 10))
    return 4 * next(step for step in steps if step >= needed and (not whole or step == int(step)))


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def _title(text: str) -> str:
    return f'<text class="title" x="0" y="13">{escape(text)}</text>'


def _plot(
    title: str,
    told: str,
    marks: Sequence[str],
    ticks: Sequence[tuple[float, str]],
    across: str,
    up: str,
    top: float,
    *,
    width: int = _WIDTH,
    scrolled: bool = False,
) -> str:
    """Put axes around bars: ticks below, four steps up to `top` at the left.

    Where `scrolled`, a narrow screen does not shrink it.
    """
    bottom = _TOP + _HEIGHT
    lines = []
    for part in range(5):
        y = bottom - _HEIGHT * part / 4
        lines.append(
            f'<line class="axis" x1="{_LEFT}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_tick(top * part / 4)}</text>'
        )
    labels = "".join(
        f'<text x="{place:.1f}" y="{bottom + 15}" text-anchor="middle">{escape(text)}</text>' for place, text in ticks
    )
    height = bottom + _BELOW
    return (
        f'<svg {"class=line " if scrolled else ""}role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" aria-label="{escape(told)}">{_title(title)}{"".join(lines)}'
        f'<g class="bars">{"".join(marks)}</g>{labels}'
        f'<text x="{(_LEFT + width - 8) / 2:.0f}" y="{bottom + 32}" text-anchor="middle">{escape(across)}</text>'
        f'<text x="0" y="29">{escape(up)}</text></svg>'
    )
