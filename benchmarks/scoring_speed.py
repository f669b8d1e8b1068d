"""How fast the shipped model scores, as ratios to its peers on the same weights in the same run. Needs [train].

    python benchmarks/scoring_speed.py FILE [--posts 20000] [--peer-posts 2000] [--threads N] [--json FILE]

Measures, on distinct posts drawn at random from a dump:

- the peers: `transformers.pipeline` (fp32, batches of 32, posts as they are, in file order), and a plain torch loop
  over posts sorted by length (batches of 32, fp32 and bf16). They are slow, so they get only --peer-posts of the posts;
- netral on those same posts in this process: int8 (the default), and torch in fp32 and bf16;
- `netral score posts.csv -o out.parquet` on all posts, from the start of the process to the finished file;
- the int8 model alone on all posts, encoded before: what reading, tokenising, writing and starting cost on top of it
  should stay within 15 %.

All are timed in turns, forwards and backwards. Ratios are of the time a post takes: of medians, and of bests.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from measuring import (
    Contender,
    Fresh,
    add_dump,
    alternate,
    draw,
    encode_posts,
    parser_of,
    read_posts,
    report,
    run,
    run_model,
    score_command,
    table,
    write_csv,
)
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from netral_nlp import NeutralityClassifier
from netral_nlp.inference.folder import ModelFolder

BAR = 15.0
BATCH = 32
PIPELINE = "transformers.pipeline, fp32"
END_TO_END = "netral score, CSV to Parquet, start-up included"
ALONE = "int8 model alone, posts encoded before"


class PlainLoop:
    """What one would write with transformers: sort by length, batches of 32.

    Args:
        path: the model folder.
        dtype: of the weights.
    """

    def __init__(self, path: Path, dtype: torch.dtype) -> None:
        self._tokenizer: Any = AutoTokenizer.from_pretrained(path)
        self._model = AutoModelForSequenceClassification.from_pretrained(path, dtype=dtype).eval()

    def __call__(self, posts: list[str]) -> list[int]:
        ids = self._tokenizer(posts, truncation=True)["input_ids"]
        order = sorted(range(len(posts)), key=lambda place: -len(ids[place]))
        labels = [0] * len(posts)
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                places = order[start : start + BATCH]
                batch = self._tokenizer.pad({"input_ids": [ids[place] for place in places]}, return_tensors="pt")
                said = self._model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
                for place, label in zip(places, said.argmax(-1).tolist(), strict=True):
                    labels[place] = label
        return labels


def main() -> None:
    parser = parser_of(__doc__)
    add_dump(parser, 20_000)
    parser.add_argument("--peer-posts", type=int, default=2000, help="of these, for the peers (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="default: %(default)s")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    folder = ModelFolder.open()
    everything = read_posts(args.file, folder.normaliser)
    posts = draw(everything, args.posts)
    peer_posts = draw(posts, min(args.peer_posts, len(posts)), seed=1)
    warm_up = [f"{text} lagi" for text in peer_posts[:64]]
    encoded = encode_posts(folder, posts)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder.path)
    raw_tokens = sum(map(len, tokenizer(peer_posts, truncation=True)["input_ids"])) / len(peer_posts)
    peer_tokens = sum(map(len, encode_posts(folder, peer_posts))) / len(peer_posts)
    tokens = sum(map(len, encoded)) / len(posts)

    plain = pipeline(
        "text-classification", model=str(folder.path), dtype=torch.float32, truncation=True, batch_size=BATCH, device=-1
    )
    loops = {"fp32": PlainLoop(folder.path, torch.float32), "bf16": PlainLoop(folder.path, torch.bfloat16)}
    light = Fresh(warm_up, backend="onnx", threads=args.threads)
    full = {
        precision: Fresh(warm_up, backend="torch", threads=args.threads, precision=precision)
        for precision in ("fp32", "bf16")
    }
    alone = NeutralityClassifier.from_pretrained(backend="onnx", threads=args.threads)
    with tempfile.TemporaryDirectory() as name:
        dump = write_csv(posts, Path(name) / "posts.csv")
        command = score_command(dump, Path(name) / "out.parquet", threads=args.threads)

        def for_peers(title: str, judge: Any, fresh: Fresh | None = None) -> Contender:
            return Contender(title, judge, len(peer_posts), fresh.make if fresh else lambda: None)

        contenders = [
            for_peers(PIPELINE, lambda: plain(peer_posts)),
            for_peers("plain torch loop, sorted, fp32", lambda: loops["fp32"](peer_posts)),
            for_peers("plain torch loop, sorted, bf16", lambda: loops["bf16"](peer_posts)),
            for_peers("netral in Python, torch fp32", lambda: full["fp32"].classifier.score(peer_posts), full["fp32"]),
            for_peers("netral in Python, torch bf16", lambda: full["bf16"].classifier.score(peer_posts), full["bf16"]),
            for_peers("netral in Python, int8", lambda: light.classifier.score(peer_posts), light),
            Contender(END_TO_END, lambda: run(command), len(posts)),
            Contender(ALONE, lambda: run_model(alone, encoded), len(posts)),
        ]
        plain(warm_up)
        for loop in loops.values():
            loop(warm_up)
        run_model(alone, encoded[:64])
        small = write_csv(warm_up, Path(name) / "warm-up.csv")
        run(score_command(small, Path(name) / "warm-up.parquet", threads=args.threads))
        times = alternate(contenders, args.turns)

    base = times[PIPELINE]
    overhead = {
        "median": 100 * (times[END_TO_END].median / times[ALONE].median - 1),
        "best": 100 * (times[END_TO_END].best / times[ALONE].best - 1),
    }
    print(f"{len(posts):,} distinct posts of {args.file.name}, {args.threads} threads, {args.turns} turns;")
    print(f"the peers are slow: they, and netral in Python beside them, get {len(peer_posts):,} of the posts")
    print(
        f"tokens a post: {tokens:.1f}; of the {len(peer_posts):,}: {peer_tokens:.1f} normalised, {raw_tokens:.1f} raw"
    )
    print(f"{len(encoded) - len(posts):,} further windows of long posts, which the peers cut\n")
    rows = [
        (
            title,
            f"{one.items:,}",
            f"{1 / one.median:,.0f}",
            f"{base.median / one.median:.2f} x",
            f"{base.best / one.best:.2f} x",
        )
        for title, one in times.items()
    ]
    print(table(["", "posts", "posts/s", "to pipeline, medians", "to pipeline, bests"], rows))
    met = "met" if overhead["median"] <= BAR else "MISSED"
    print(
        f"\nend to end against the model alone: {overhead['median']:+.1f} % by medians, "
        f"{overhead['best']:+.1f} % by bests (bar {BAR:.0f} %: {met})"
    )
    report(
        args,
        __file__,
        {
            "posts": len(posts),
            "peer_posts": len(peer_posts),
            "tokens_a_post": {"all": tokens, "peer_posts": peer_tokens, "peer_posts_raw": raw_tokens},
            "windows": len(encoded),
            "contenders": {
                title: {
                    **one.to_dict(),
                    "ratio_to_pipeline_of_medians": base.median / one.median,
                    "ratio_to_pipeline_of_bests": base.best / one.best,
                }
                for title, one in times.items()
            },
            "overhead_percent": overhead,
            "bar_percent": BAR,
        },
    )


if __name__ == "__main__":
    main()
