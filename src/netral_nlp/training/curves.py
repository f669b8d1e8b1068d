"""Learning curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_curves(history: Sequence[dict[str, Any]], path: Path, *, best_step: int | None = None) -> None:
    """Draw loss, dev macro-F1 and learning rate over the steps.

    Args:
        history: The Trainer's `log_history`.
        path: The PNG to write.
        best_step: The step whose weights were kept; marked with a line.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    from netral_nlp.errors import MissingExtraError

    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("drawing learning curves", "train") from None

    def points(key: str) -> tuple[list[int], list[float]]:
        entries = [entry for entry in history if key in entry]
        return [entry["step"] for entry in entries], [entry[key] for entry in entries]

    # A figure of its own, not pyplot's global one: safe in threads, servers and notebooks.
    figure = Figure(figsize=(7.0, 8.0))
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, 1, sharex=True)
    figure.subplots_adjust(left=0.14, right=0.97, top=0.98, bottom=0.07, hspace=0.1)
    panels[0].plot(*points("loss"), color="#8da0cb", label="training (weighted, smoothed)")
    panels[0].plot(*points("eval_loss"), color="#1f3b73", marker="o", label="dev")
    panels[0].set_ylabel("loss")
    panels[1].plot(*points("eval_macro_f1"), color="#1b7837", marker="o", label="macro-F1")
    if points("eval_false_accusation_rate")[0]:
        panels[1].plot(*points("eval_false_accusation_rate"), color="#b2182b", marker="s", label="neutral accused")
    panels[1].set_ylabel("dev")
    panels[1].set_ylim(0, 1)
    panels[2].plot(*points("learning_rate"), color="#555555", label="learning rate")
    panels[2].set_ylabel("learning rate")
    panels[2].set_xlabel("step")
    for panel in panels:
        panel.grid(alpha=0.3)
        if best_step:
            panel.axvline(best_step, color="#999999", linestyle="--", linewidth=1, label="weights kept")
        panel.legend(loc="best", fontsize="small")
    figure.savefig(path, dpi=120)
