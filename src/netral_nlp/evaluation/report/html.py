"""Figures of an evaluation as HTML."""

from __future__ import annotations

from netral_nlp.evaluation.metrics import Interval


def interval_html(interval: Interval, *, percent: bool = False) -> str:
    """Return a figure with its interval set apart."""
    value, bracket, ends = interval.format(percent=percent).partition(" [")
    return f'{value} <span class="range">{bracket.strip()}{ends}</span>' if bracket else value


def p_text(value: float) -> str:
    """Return a p-value for a reader; never as 0."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
