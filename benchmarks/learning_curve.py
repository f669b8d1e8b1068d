"""The learning curve of a corpus: dev macro-F1 against the number of training posts, with and without further posts.

    python benchmarks/learning_curve.py --config recipe.yaml --posts public.jsonl --further data/posts.jsonl \
        --sizes 4000 12000 all -o runs/curve

Each point is a training run of the same recipe (a YAML file as `netral train` reads it; its `data` is replaced). The
draws are nested and follow the corpus as it grew: at random from the first file of `--posts` until it is used up, then
from the next; posts that are nearly the same enter together. A point that is there already is not trained again, so
that a stopped run goes on. Writes `curve.json` and `curve.png`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import random
from pathlib import Path
from typing import Any

import pandas as pd

from netral_nlp.corpus.groups import copies
from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.finetune import train

HELD_OUT = ("dev", "test")
WITHOUT, WITH = "without", "with"


def nested_order(posts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the posts in random order, near-same ones beside each other."""
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(copies(posts["text"].tolist(), _contexts(posts)).tolist()):
        groups.setdefault(group, []).append(row)
    drawn = list(groups.values())
    random.Random(seed).shuffle(drawn)
    return posts.iloc[[row for rows in drawn for row in rows]]


def _contexts(posts: pd.DataFrame) -> list[str | None] | None:
    return posts["context"].tolist() if "context" in posts.columns else None


def training_posts(files: list[str]) -> pd.DataFrame:
    """Read labelled posts and leave out what is marked as held out."""
    posts = read_labelled(files)
    if "split" not in posts.columns:
        return posts
    return posts[~posts["split"].isin(HELD_OUT)].reset_index(drop=True)


def write_posts(posts: pd.DataFrame, path: Path) -> None:
    """Write labelled posts, without the columns that hold nothing."""
    plain = posts.assign(label=[label.value for label in posts["label"]])
    with path.open("w", encoding="utf-8") as file:
        for row in plain.to_dict("records"):
            known = {name: value for name, value in row.items() if value is not None and value == value}
            file.write(json.dumps(known, ensure_ascii=False) + "\n")


def run_point(config: TrainingConfig, posts: Path, further: Path | None, output: Path) -> dict[str, Any]:
    """Train one point, unless it is there, and return its sets' figures."""
    metrics = output / "metrics.json"
    if not metrics.is_file():
        data = [str(posts), *([str(further)] if further else [])]
        train(dataclasses.replace(config, data=data, output=str(output), resume=True, export_onnx=False))
    figures = json.loads(metrics.read_text(encoding="utf-8"))
    backend = figures["default_backend"]
    return {name: one["backends"][backend]["macro_f1"] for name, one in figures["sets"].items()}


def draw(points: list[dict[str, Any]], name: str, path: Path) -> None:
    """Draw the points of one set, with their intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for kind, colour, shift in ((WITHOUT, "#8da0cb", 0.985), (WITH, "#1b7837", 1.015)):
        chosen = [point for point in points if point["kind"] == kind]
        if not chosen:
            continue
        values = [point["sets"][name] for point in chosen]
        axes.errorbar(
            [point["posts"] * shift for point in chosen],
            [value["value"] for value in values],
            yerr=[
                [value["value"] - value["low"] for value in values],
                [value["high"] - value["value"] for value in values],
            ],
            color=colour, marker="o", capsize=3, label=f"{kind} the further posts",
        )  # fmt: skip
    axes.set_xscale("log")
    sizes = sorted({point["posts"] for point in points})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("public training posts")
    axes.set_ylabel(f"macro-F1 on {name} (95 % interval)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, metavar="FILE")
    parser.add_argument("--posts", required=True, nargs="+", metavar="FILE", help="the posts that are drawn from")
    parser.add_argument("--further", nargs="+", default=[], metavar="FILE", help="added whole to every draw")
    parser.add_argument("--sizes", nargs="+", default=["4000", "12000", "all"], metavar="N|all")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FOLDER")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.output.mkdir(parents=True, exist_ok=True)
    config = TrainingConfig.read(args.config, {"data": args.posts, "output": str(args.output / "point")})
    order = pd.concat([nested_order(training_posts([path]), args.seed) for path in args.posts], ignore_index=True)
    further = None
    if args.further:
        further = args.output / "further.jsonl"
        write_posts(training_posts(args.further), further)
    points: list[dict[str, Any]] = []
    for wanted in args.sizes:
        size = len(order) if wanted == "all" else min(int(wanted), len(order))
        drawn = args.output / f"posts-{size}.jsonl"
        write_posts(order[:size], drawn)
        for kind in (WITHOUT, WITH) if further else (WITHOUT,):
            output = args.output / f"{size}-{kind}"
            sets = run_point(config, drawn, further if kind == WITH else None, output)
            points.append({"posts": size, "kind": kind, "sets": sets})
            print(size, kind, {name: round(value["value"], 3) for name, value in sets.items()}, flush=True)
            (args.output / "curve.json").write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    for name in points[0]["sets"]:
        draw(points, name, args.output / ("curve.png" if name == "dev" else f"curve-{name}.png"))


if __name__ == "__main__":
    main()
