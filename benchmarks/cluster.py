"""Is the Ray engine right and how does it scale: the local engine's labels, row for row, with a scorer killed.

    python benchmarks/cluster.py [--posts 50000] [--workers 1 2] [--kill] [--model PATH] [--json FILE]

Writes distinct posts into Parquet and CSV files in a temporary folder, scores them by the local engine (one thread) and
by the Ray engine with each number of workers (one thread each), and compares. With --kill a scorer is killed with
SIGKILL as soon as a quarter of the chunks is done. Needs the extra [ray], and psutil for --kill.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from netral_nlp.formats import guess_columns, open_posts
from netral_nlp.scoring.cluster import score_on_cluster
from netral_nlp.scoring.request import ScoreRequest
from netral_nlp.scoring.score import score_files

ROOT = Path(__file__).parents[1]
FILES = 6


def written_posts(count: int) -> Iterator[dict[str, str]]:
    """Posts of the samples, each with a number of its own so that none is a duplicate."""
    with open_posts(ROOT / "data/samples/posts.csv") as reader:
        column = guess_columns(reader.columns, reader.export).text or reader.columns[0]
        texts = [text for batch in reader.batches() for text in batch.strings(column) if text and text.strip()]
    for number, text in zip(range(count), itertools.cycle(texts), strict=False):
        yield {"id": str(1780000000000000000 + number), "text": f"{text} {number}"}


def write_inputs(folder: Path, count: int) -> list[Path]:
    """Several files, the first as large as all others together: one file has to feed all workers."""
    rows = written_posts(count)
    paths = []
    for number in range(FILES):
        share = list(itertools.islice(rows, count // 2 if number == 0 else -(-count // (2 * (FILES - 1)))))
        if not share:
            break
        if number % 2:
            path = folder / f"{number}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(share[0]))
                writer.writeheader()
                writer.writerows(share)
        else:
            path = folder / f"{number}.parquet"
            pq.write_table(pa.Table.from_pylist(share), path)
        paths.append(path)
    return paths


def kill_a_scorer(output: Path, after: int, stop: threading.Event, killed: list[int]) -> None:
    import psutil

    while not stop.wait(0.05):
        if len(list((output / "_journal").glob("*-*.json"))) < after:
            continue
        for process in psutil.Process(os.getpid()).children(recursive=True):
            try:
                if "Scorer" in " ".join(process.cmdline()):
                    process.kill()
                    killed.append(process.pid)
                    return
            except psutil.Error:
                continue


def same_rows(local: Path, output: Path) -> tuple[int, int]:
    """Rows compared, and how many of them differ in any column; a row too many or too few counts as well."""
    parts = sorted(output.glob("part-*.parquet"))
    theirs = pa.concat_tables([pq.read_table(part) for part in parts]).to_pylist()
    ours = pq.read_table(local).to_pylist()
    return len(ours), sum(one != other for one, other in itertools.zip_longest(ours, theirs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=50_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--chunk-rows", type=int, default=1024)
    parser.add_argument("--model", help="model folder (default: the shipped model)")
    parser.add_argument("--address", help="a Ray cluster that sees the temporary folder (default: this machine)")
    parser.add_argument("--kill", action="store_true", help="kill a scorer in the middle of each cluster run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    args = parser.parse_args()

    figures: dict[str, Any] = {"posts": args.posts, "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    with tempfile.TemporaryDirectory(prefix="netral-cluster-") as name:
        folder = Path(name)
        inputs = write_inputs(folder, args.posts)
        shared = {"text_column": "text", "model": args.model, "threads": 1, "chunk_rows": args.chunk_rows}
        local = folder / "local.parquet"
        result = score_files(ScoreRequest(inputs, local, **shared))
        figures["local"] = {"seconds": round(result.seconds, 1), "posts_per_second": round(result.rate, 1)}
        print(f"local, one thread: {result.seconds:,.1f} s, {result.rate:,.1f} posts/s")
        figures["cluster"] = []
        for workers in args.workers:
            output = folder / f"cluster-{workers}"
            stop, killed = threading.Event(), list[int]()
            chunks = args.posts // args.chunk_rows
            killer = threading.Thread(target=kill_a_scorer, args=(output, max(1, chunks // 4), stop, killed))
            if args.kill:
                killer.start()
            started = time.perf_counter()
            request = ScoreRequest(inputs, output, engine="ray", workers=workers, address=args.address, **shared)
            cluster = score_on_cluster(request)
            seconds = time.perf_counter() - started
            stop.set()
            if args.kill:
                killer.join()
            compared, differing = same_rows(local, output)
            parts = list(output.glob("part-*"))
            one = {
                "workers": workers,
                "seconds": round(seconds, 1),
                "posts_per_second": round(cluster.rows / seconds, 1),
                "ratio_to_local": round(cluster.rows / seconds / result.rate, 3),
                "scorers_killed": len(killed),
                "rows_compared": compared,
                "rows_differing": differing,
                "bytes_a_row": round(sum(part.stat().st_size for part in parts) / max(1, cluster.rows), 1),
            }
            figures["cluster"].append(one)
            first = figures["cluster"][0]["posts_per_second"]
            one["ratio_to_first"] = round(one["posts_per_second"] / first, 3)
            print(
                f"cluster, {workers} workers: {seconds:,.1f} s with its start, {one['posts_per_second']:,.1f} posts/s, "
                f"{one['ratio_to_first']:.2f} times the first, {one['ratio_to_local']:.2f} times local; "
                f"{len(killed)} scorer killed; {compared:,} rows compared, {differing:,} differ"
            )
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
