"""The learning curve of a corpus: dev macro-F1 against the number of training posts, with and without further posts.

    python benchmarks/learning_curve.py --config recipe.yaml --posts public.jsonl --further data/posts.jsonl \
        --sizes 4000 12000 all -o runs/curve

Each point is a training run of the same recipe: a YAML file as `netral train` reads it, which must name a `dev` file;
its `data`, `labels` and `hydrate` give way to the draws. The draws are nested and follow the corpus as it grew: at
random from the first file of `--posts` until it is used up, then from the next, near-same posts of a file beside each
other. Posts that a column `split` holds out are left out. A point that is finished is not trained again, so that a
stopped run goes on; a changed recipe or changed posts are refused. Writes `curve.json`, and `curve-SET.png` for dev and
for each `test` set of the recipe. The bars of the picture tell the spread over dev posts alone, not over seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import random
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from netral_nlp.corpus.groups import copies
from netral_nlp.errors import NetralError
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.finetune import train
from netral_nlp.training.sources import read_sources

ALONE, WITH = "alone", "with"


def training_posts(path: str, config: TrainingConfig) -> pd.DataFrame:
    """Read the posts of a file that are not marked as held out, as training reads them."""
    return read_sources(dataclasses.replace(config, data=[path], labels=[], hydrate=[], replay=[])).train


def nested_order(posts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the posts in random order, near-same ones beside each other."""
    contexts = posts["context"].tolist() if "context" in posts.columns else None
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(copies(posts["text"].tolist(), contexts).tolist()):
        groups.setdefault(group, []).append(row)
    shuffled = list(groups.values())
    random.Random(seed).shuffle(shuffled)
    return posts.iloc[[row for rows in shuffled for row in rows]]


def write_posts(posts: pd.DataFrame, path: Path) -> None:
    """Write labelled posts, without the fields that hold nothing."""
    with path.open("w", encoding="utf-8") as file:
        for row in posts.assign(label=[label.value for label in posts["label"]]).to_dict("records"):
            known = {name: value for name, value in row.items() if not pd.isna(value)}
            file.write(json.dumps(known, ensure_ascii=False) + "\n")


def run_point(recipe: TrainingConfig, data: list[Path], output: Path) -> dict[str, Any]:
    """Train one point, unless it is finished, and return the macro-F1 of each set.

    Raises:
        ConfigError: the folder holds a point of another recipe or of other posts.
    """
    paths = [str(path) for path in data]
    train(dataclasses.replace(recipe, data=paths, labels=[], hydrate=[], replay=[], output=str(output), resume=True))
    figures = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    backend = figures["default_backend"]
    return {name: one["backends"][backend]["macro_f1"] for name, one in figures["sets"].items()}


def plot_points(points: list[dict[str, Any]], name: str, path: Path) -> None:
    """Draw the points of one set, with their intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for kind, colour, shift in ((ALONE, "#8da0cb", 0.985), (WITH, "#1b7837", 1.015)):
        chosen = [point for point in points if point["kind"] == kind]
        values = [point["sets"][name] for point in chosen]
        if not chosen:
            continue
        below = [value["value"] - value["low"] for value in values]
        above = [value["high"] - value["value"] for value in values]
        axes.errorbar(
            [point["posts"] * shift for point in chosen], [value["value"] for value in values], yerr=[below, above],
            color=colour, marker="o", capsize=3, label=f"{kind} the further posts" if kind == WITH else "alone",
        )  # fmt: skip
    axes.set_xscale("log")
    sizes = sorted({point["posts"] for point in points})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training posts drawn")
    axes.set_ylabel(f"macro-F1 on {name} (95 % interval)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def chosen_sizes(wanted: list[str], there: int) -> list[int]:
    """Return the sizes in order, each once; those that are too large are all posts.

    Raises:
        ValueError: a size is no whole number above 0.
    """
    sizes = {there if size == "all" else min(int(size), there) for size in wanted}
    if min(sizes) < 1:
        raise ValueError(f"--sizes: {min(sizes)} is no number of posts; give whole numbers above 0, or all")
    return sorted(sizes)


def measure(args: argparse.Namespace) -> None:
    """Draw, train and measure every point."""
    recipe = TrainingConfig.read(
        args.config,
        {"data": args.posts, "output": str(args.output / "point"), "overwrite": False, "export_onnx": False},
    )
    if not recipe.dev:
        raise ValueError(f"{args.config}: names no dev file, so that the points could not be compared")
    args.output.mkdir(parents=True, exist_ok=True)
    order = pd.concat([nested_order(training_posts(path, recipe), args.seed) for path in args.posts], ignore_index=True)
    further = args.output / "further.jsonl"
    if args.further:
        write_posts(pd.concat([training_posts(path, recipe) for path in args.further], ignore_index=True), further)
    points: list[dict[str, Any]] = []
    for size in chosen_sizes(args.sizes, len(order)):
        drawn = args.output / f"posts-{size}.jsonl"
        write_posts(order[:size], drawn)
        for kind, more in ((ALONE, []), (WITH, [further])) if args.further else ((ALONE, []),):
            sets = run_point(recipe, [drawn, *more], args.output / f"{size}-{kind}")
            points.append({"posts": size, "kind": kind, "sets": sets})
            print(size, kind, {name: round(value["value"], 3) for name, value in sets.items()}, flush=True)
            (args.output / "curve.json").write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    for name in points[0]["sets"]:
        plot_points(points, name, args.output / f"curve-{name}.png")


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
    try:
        measure(args)
    except (NetralError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
