"""The report's figures as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from netral_nlp.evaluation.coverage import RiskCoverage
from netral_nlp.evaluation.metrics import Interval, ReliabilityBin
from netral_nlp.evaluation.prevalence import Flagging
from netral_nlp.evaluation.rates import rate

_SIZE, _LEFT, _TOP = 250, 44, 12
_WIDTH, _HEIGHT = 320, 316

Scale = Callable[[float], str]


def reliability_figure(bins: Sequence[ReliabilityBin]) -> str:
    """Share right against mean confidence, by bin, with 95 % intervals."""
    x, y = _scales()
    parts = [f'<line class="ideal" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>']
    for part in bins:
        spread = rate(round(part.accuracy * part.posts), part.posts)
        parts.append(
            f'<line class="axis" x1="{x(part.confidence)}" x2="{x(part.confidence)}" y1="{y(spread.low)}" '
            f'y2="{y(spread.high)}"/>'
        )
    points = " ".join(f"{x(part.confidence)},{y(part.accuracy)}" for part in bins)
    parts.append(f'<polyline class="curve" points="{points}"/>')
    parts += [f'<circle class="dot" cx="{x(part.confidence)}" cy="{y(part.accuracy)}" r="4"/>' for part in bins]
    return _plot("Reliability diagram: share right against mean confidence", parts, "mean confidence", "share right")


def coverage_figure(curve: RiskCoverage) -> str:
    """Share wrong against the share of posts that are answered without review."""
    # Four even steps that read well and hold the curve.
    top = next((4 * step for step in (0.01, 0.02, 0.025, 0.05, 0.1) if 4 * step >= max(curve.risk)), 1.0)
    x, y = _scales(top)
    points = " ".join(f"{x(c)},{y(r)}" for c, r in zip(curve.coverage, curve.risk, strict=True))
    parts = [
        f'<line class="ideal" x1="{x(0)}" y1="{y(curve.chance_area)}" x2="{x(1)}" y2="{y(curve.chance_area)}"/>',
        f'<polyline class="curve" points="{points}"/>',
    ]
    return _plot(
        "Risk-coverage curve: share wrong against share answered",
        parts,
        "share answered, the surest first",
        "share wrong",
        top=top,
    )


def prevalence_figure(flagging: Flagging) -> str:
    """Precision among flagged posts against the share of posts that take a side; the horizontal axis is logarithmic."""
    low, high = flagging.stated[0].prevalence, flagging.stated[-1].prevalence
    span = math.log(high / low)
    _, y = _scales()

    def x(prevalence: float) -> str:
        return f"{_LEFT + _SIZE * math.log(prevalence / low) / span:.1f}"

    rows = flagging.stated
    upper = [f"{x(row.prevalence)},{y(row.precision.high)}" for row in rows]
    lower = [f"{x(row.prevalence)},{y(row.precision.low)}" for row in reversed(rows)]
    line = " ".join(f"{x(row.prevalence)},{y(row.precision.value)}" for row in rows)
    parts = [
        f'<polygon class="band" points="{" ".join([*upper, *lower])}"/>',
        f'<polyline class="curve" points="{line}"/>',
        *(f'<circle class="dot" cx="{x(row.prevalence)}" cy="{y(row.precision.value)}" r="4"/>' for row in rows),
    ]
    ticks = [(row.prevalence, f"{row.prevalence * 100:g} %") for row in rows]
    return _plot(
        "Precision among flagged posts against the share of posts that take a side",
        parts,
        "posts that take a side in the dump",
        "flagged posts that are right",
        ticks=[(x(value), text) for value, text in _apart(ticks, low, span)],
    )


def whisker(interval: Interval) -> str:
    """A value with its interval on a line from 0 to 1."""
    width, height = 120, 14
    if math.isnan(interval.value):
        return ""
    line = ""
    if not math.isnan(interval.low):
        ends = f'x1="{interval.low * width:.1f}" x2="{interval.high * width:.1f}"'
        line = f'<line class="whisker" {ends} y1="7" y2="7"/>'
    return (
        f'<svg class="line" aria-hidden="true" width="{width}" height="{height}" viewBox="-5 0 {width + 10} {height}">'
        f'<line class="axis" x1="0" x2="{width}" y1="7" y2="7"/>{line}'
        f'<circle class="dot" cx="{interval.value * width:.1f}" cy="7" r="4"/></svg>'
    )


def _apart(ticks: Sequence[tuple[float, str]], low: float, span: float) -> list[tuple[float, str]]:
    """Leave out marks that would be written over each other."""
    kept: list[tuple[float, str]] = []
    for value, text in ticks:
        if not kept or math.log(value / kept[-1][0]) / span > 0.11:
            kept.append((value, text))
    return kept


def _scales(top: float = 1.0) -> tuple[Scale, Scale]:
    def x(value: float) -> str:
        return f"{_LEFT + value * _SIZE:.1f}"

    def y(value: float) -> str:
        return f"{_TOP + (1 - value / top) * _SIZE:.1f}"

    return x, y


def _plot(
    title: str,
    parts: Sequence[str],
    across: str,
    up: str,
    *,
    top: float = 1.0,
    ticks: Sequence[tuple[str, str]] | None = None,
) -> str:
    x, y = _scales(top)
    marks = ticks if ticks is not None else [(x(tick), f"{tick:g}") for tick in (0, 0.25, 0.5, 0.75, 1)]
    labels = "".join(
        f'<text x="{place}" y="{_TOP + _SIZE + 16}" text-anchor="middle">{text}</text>' for place, text in marks
    )
    labels += "".join(
        f'<text x="{_LEFT - 6}" y="{float(y(tick * top)) + 4:.1f}" text-anchor="end">{tick * top:g}</text>'
        for tick in (0, 0.25, 0.5, 0.75, 1)
    )
    return (
        f'<svg role="img" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'aria-label="{title}; numbers below">'
        f'<rect class="axis" x="{_LEFT}" y="{_TOP}" width="{_SIZE}" height="{_SIZE}"/>'
        f"{''.join(parts)}{labels}"
        f'<text x="{_LEFT + _SIZE / 2}" y="{_TOP + _SIZE + 36}" text-anchor="middle">{across}</text>'
        f'<text x="{_LEFT + 6}" y="{_TOP + 14}">{up}</text></svg>'
    )
