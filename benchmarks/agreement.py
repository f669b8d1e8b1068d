"""How often int8 says what the full weights say, and whether an answer hangs on its batch. Needs [train].

    python benchmarks/agreement.py [FILE] [--posts 20000] [--checkpoint FILE.npz] [--threads N] [--json FILE]

Measures, on distinct posts drawn at random from a dump:

- the share of posts that get the same label from int8 and from fp32 (`backend="torch", precision="fp32"`), with
  Wilson's 95 % interval; the largest and the mean difference of a probability; how many are reviewed by one alone;
- on --alone of them, whether a post scored alone gets what it gets among others, in other batches and orders: the
  largest difference of a probability (bar: 1e-5), by int8 and by fp32.

fp32 is slow: posts go to it sorted by length, and what it said is kept in an .npz after every block, so that a run that
was cut goes on (beside the --json file; without one, in the temporary folder). Another draw or model starts anew.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from measuring import add_dump, draw, parser_of, read_posts, report, table

from netral_nlp import NeutralityClassifier
from netral_nlp.evaluation.rates import rate
from netral_nlp.inference.folder import ModelFolder

BAR = 1e-5
BLOCK = 1024
INT8: dict[str, Any] = {"backend": "onnx"}
FP32: dict[str, Any] = {"backend": "torch", "precision": "fp32"}
Probabilities = npt.NDArray[np.float64]


def by_length(posts: Sequence[str]) -> Iterator[list[int]]:
    """Places of posts of like length, a block at a time."""
    order = sorted(range(len(posts)), key=lambda place: -len(posts[place]))
    for start in range(0, len(order), BLOCK):
        yield order[start : start + BLOCK]


def read_slowly(posts: Sequence[str], folder: ModelFolder, threads: int, checkpoint: Path) -> Probabilities:
    """What fp32 says of the posts, with what a run before has kept."""
    digest = hashlib.sha256("\0".join([folder.fingerprint(), *posts]).encode("utf-8", "replace")).hexdigest()
    said = np.full((len(posts), 3), np.nan)
    if checkpoint.is_file():
        with np.load(checkpoint) as kept:
            if str(kept["digest"]) == digest:
                said = kept["said"]
                print(f"{checkpoint}: {int(np.isfinite(said[:, 0]).sum()):,} posts are read already", file=sys.stderr)
    classifier = NeutralityClassifier.from_pretrained(folder, threads=threads, **FP32)
    for places in by_length(posts):
        if np.isfinite(said[places]).all():
            continue
        said[places] = classifier.score([posts[place] for place in places]).probabilities
        unfinished = checkpoint.with_name(f"{checkpoint.name}.new.npz")
        np.savez(unfinished, said=said, digest=np.array(digest))
        unfinished.replace(checkpoint)
        print(f"  fp32: {int(np.isfinite(said[:, 0]).sum()):,} of {len(posts):,}", file=sys.stderr, flush=True)
    return said


def batch_differences(posts: list[str], others: list[str], folder: ModelFolder, options: dict[str, Any]) -> Any:
    """The largest difference of a probability between posts alone and in other company, by kind of company.

    One classifier reads them all: it does not remember what it said in another company.
    """
    classifier = NeutralityClassifier.from_pretrained(folder, **options)

    def in_batches(order: Sequence[int], size: int) -> Probabilities:
        said = np.zeros((len(posts), 3))
        for start in range(0, len(order), size):
            places = list(order[start : start + size])
            said[places] = classifier.score([posts[place] for place in places]).probabilities
        return said

    count = len(posts)
    forwards = list(range(count))
    shuffled = random.Random(0).sample(forwards, count)
    alone = in_batches(forwards, 1)
    company = {
        "all at once": in_batches(forwards, count),
        "all at once, backwards": in_batches(forwards[::-1], count),
        "by 2, shuffled": in_batches(shuffled, 2),
        "by 7, shuffled": in_batches(shuffled, 7),
        "by 64, shuffled": in_batches(shuffled, 64),
        f"among {len(others):,} others": classifier.score([*others, *posts]).probabilities[len(others) :],
    }
    return {name: float(np.abs(said - alone).max()) for name, said in company.items()}


def main() -> None:
    parser = parser_of(__doc__)
    add_dump(parser, 20_000)
    parser.add_argument("--alone", type=int, default=256, help="posts that are also scored alone (default: 256)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE.npz", help="where fp32 is kept")
    args = parser.parse_args()
    folder = ModelFolder.open()
    posts = draw(read_posts(args.file, folder.normaliser), args.posts)
    light = NeutralityClassifier.from_pretrained(folder, threads=args.threads, **INT8)
    scores = light.score(posts)
    beside = args.json or Path(tempfile.gettempdir()) / "netral-agreement"
    full = read_slowly(posts, folder, args.threads, args.checkpoint or beside.with_suffix(".fp32.npz"))

    same = scores.probabilities.argmax(axis=1) == full.argmax(axis=1)
    share = rate(int(same.sum()), len(posts))
    difference = np.abs(scores.probabilities - full)
    handed_over = scores.needs_review != (light.decision.needs_review(full) | scores.blank)
    print(f"{len(posts):,} distinct posts of {args.file.name}: int8 against fp32\n")
    rows = [
        ("same label", f"{100 * share.value:.3f} %"),
        ("95 % interval", f"{100 * share.low:.3f} to {100 * share.high:.3f} %"),
        ("largest difference of a probability", f"{difference.max():.4f}"),
        ("mean difference of a probability", f"{difference.mean():.2e}"),
        ("99 % of the posts differ by at most", f"{np.quantile(difference.max(axis=1), 0.99):.4f}"),
        ("handed over by one alone", f"{100 * handed_over.mean():.3f} %"),
    ]
    print(table(["", ""], rows))

    drawn = draw(posts, min(args.alone, len(posts)), seed=1)
    chosen = set(drawn)
    others = [text for text in posts if text not in chosen][: 4 * len(drawn)]
    drifts = {
        name: batch_differences(drawn, others, folder, {**options, "threads": args.threads})
        for name, options in (("int8", INT8), ("fp32", FP32))
    }
    print(f"\nthe largest difference of a probability to the post alone, {len(drawn):,} posts (bar: {BAR:g})\n")
    rows = [(company, *(f"{drifts[name][company]:.1e}" for name in drifts)) for company in drifts["int8"]]
    print(table(["company", *drifts], rows))
    met = {name: max(found.values()) <= BAR for name, found in drifts.items()}
    print("\n" + ", ".join(f"{name}: {'met' if is_met else 'MISSED'}" for name, is_met in met.items()))
    report(
        args,
        __file__,
        {
            "posts": len(posts),
            "same_label": {"count": int(same.sum()), "share": share.value, "low": share.low, "high": share.high},
            "largest_difference": float(difference.max()),
            "mean_difference": float(difference.mean()),
            "handed_over_by_one_alone": float(handed_over.mean()),
            "batch_differences": drifts,
            "batch_bar": BAR,
            "batch_bar_met": met,
        },
    )


if __name__ == "__main__":
    main()
