"""How scoring grows with threads, and whether threads or processes serve better.

    python benchmarks/workers.py [FILE] [--posts 5000] [--turns 3] [--json FILE]

Measures on distinct posts of a dump, in turns:

- `netral score` from CSV to Parquet, start-up included, with 1 thread up to all; and the int8 model alone;
- the same posts over several `netral score` side by side: one process with all threads, two with half of them each,
  and so on to one process a processor with one thread each, until the last has ended.

Ray workers are measured by cluster.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from measuring import POSTS as OUR_POSTS
from measuring import (
    Contender,
    alternate,
    available_cpus,
    draw,
    encode_posts,
    parser_of,
    read_posts,
    report,
    run,
    run_model,
    run_together,
    score_command,
    table,
    write_csv,
)

from netral_nlp import NeutralityClassifier
from netral_nlp.inference.folder import ModelFolder


def steps(most: int) -> list[int]:
    """1, 2, 4 ... and the most itself."""
    found = [1]
    while 2 * found[-1] <= most:
        found.append(2 * found[-1])
    return found if found[-1] == most else [*found, most]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=OUR_POSTS, metavar="FILE", help="a dump (default: ours)")
    parser.add_argument("--posts", type=int, default=5000, help="drawn from the dump (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="the most (default: all, %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="default: %(default)s")
    args = parser.parse_args()
    folder = ModelFolder.open()
    posts = draw(read_posts(args.file, folder.normaliser), args.posts)
    encoded = encode_posts(folder, posts)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        dump = write_csv(posts, scratch / "posts.csv")
        contenders: list[Contender] = []
        for threads in steps(args.threads):
            command = score_command(dump, scratch / "out.parquet", threads=threads)
            classifier = NeutralityClassifier.from_pretrained(backend="onnx", threads=threads)
            run_model(classifier, encoded[:64])
            contenders += [
                Contender(f"end to end, {threads}", partial(run, command), len(posts)),
                Contender(f"model alone, {threads}", partial(run_model, classifier, encoded), len(posts)),
            ]
        layouts = {}
        for processes in steps(args.threads):
            each = max(1, args.threads // processes)
            parts = [write_csv(posts[at::processes], scratch / f"{processes}-{at}.csv") for at in range(processes)]
            commands = [score_command(part, part.with_suffix(".parquet"), threads=each) for part in parts]
            layouts[f"{processes} x {each}"] = f"layout, {processes} x {each}"
            contenders.append(Contender(f"layout, {processes} x {each}", together(commands), len(posts)))
        times = alternate(contenders, args.turns)

    print(f"{len(posts):,} posts, {args.turns} turns; speed as ratios to one thread, of medians (of bests)\n")
    rows = []
    results: dict[str, object] = {name: one.to_dict() for name, one in times.items()}
    for threads in steps(args.threads):
        cells = []
        for what in ("end to end", "model alone"):
            first, one = times[f"{what}, 1"], times[f"{what}, {threads}"]
            ratio, best = first.median / one.median, first.best / one.best
            cells += [f"{ratio:.2f} x ({best:.2f})", f"{100 * ratio / threads:.0f} %"]
            results[f"speed of {what}, {threads} to 1"] = {"medians": ratio, "bests": best}
        rows.append((threads, *cells))
    print(table(["threads", "end to end", "of ideal", "model alone", "of ideal"], rows))
    print(f"\n{args.threads} processors in all; ratios to one process with all threads\n")
    base = times[layouts[f"1 x {args.threads}"]]
    rows = []
    for name, key in layouts.items():
        one = times[key]
        results[f"speed of {key}"] = {"medians": base.median / one.median, "bests": base.best / one.best}
        rows.append((name, f"{base.median / one.median:.2f} x", f"{base.best / one.best:.2f} x"))
    print(table(["processes x threads", "medians", "bests"], rows))
    report(args, __file__, results)


def together(commands: list[list[str]]) -> Callable[[], float]:
    """Commands side by side as a contender's run."""
    return lambda: run_together(commands)


if __name__ == "__main__":
    main()
