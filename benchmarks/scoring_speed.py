"""How fast the shipped model scores, as a ratio to `transformers.pipeline` on the same model, posts and run.

    python benchmarks/scoring_speed.py [--posts 600] [--threads 2] [FILE]

FILE is a dump with a text column (default: the sample posts, repeated with a running number so that none is a
duplicate). Each contender gets the same normalised texts, once to warm up and then three times in turn; the
fastest of its runs counts. Needs the extra [train].
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import pipeline

from netral_nlp import NeutralityClassifier
from netral_nlp.formats import guess_columns, open_posts

ROOT = Path(__file__).parents[1]


def read_texts(path: Path, count: int) -> list[str]:
    with open_posts(path) as reader:
        column = guess_columns(reader.columns, reader.export).text or reader.columns[0]
        texts = [text for batch in reader.batches() for text in batch.strings(column) if text and text.strip()]
    return [f"{text} {number}" for number, text in zip(range(count), itertools.cycle(texts), strict=False)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "data/samples/posts.csv")
    parser.add_argument("--posts", type=int, default=600)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    model = ROOT / "models/netral-mini"
    light = NeutralityClassifier.from_pretrained(model, backend="onnx", threads=args.threads)
    full = NeutralityClassifier.from_pretrained(model, backend="torch", threads=args.threads)
    plain = pipeline("text-classification", model=str(model), dtype="float32", truncation=True, device=-1)
    texts = [light.normaliser(text) for text in read_texts(args.file, args.posts)]
    contenders: dict[str, Callable[[], object]] = {
        "transformers.pipeline, one by one": lambda: [plain(text) for text in texts],
        "transformers.pipeline, batches of 32": lambda: plain(texts, batch_size=32),
        "netral, torch fp32": lambda: full.predict(texts),
        "netral, ONNX int8 (default)": lambda: light.predict(texts),
    }
    best = dict.fromkeys(contenders, float("inf"))
    for turn in range(4):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            if turn:
                best[name] = min(best[name], time.perf_counter() - started)
    baseline = best["transformers.pipeline, batches of 32"]
    print(f"{len(texts)} posts, {args.threads} threads")
    for name, seconds in best.items():
        print(f"{name:<38} {len(texts) / seconds:8.0f} posts/s   {baseline / seconds:5.1f} x")


if __name__ == "__main__":
    main()
