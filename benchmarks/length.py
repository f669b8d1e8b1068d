"""What a post costs by its length.

    python benchmarks/length.py [FILE] [--posts 512] [--threads N] [--json FILE]

Measures posts of exactly 8, 16, 32 ... 128 tokens, special tokens included, made of the words of a dump; then long
texts of 2, 4, 8 and 16 windows. Each through `NeutralityClassifier.score` (normalising, tokenising, windows, model)
and through the int8 model alone; microseconds a post and a token, and ratios to the post of 32 tokens. Each length has
posts of its own length only, so that batches are full and without padding. Long texts are fewer: as many windows in
all as there are short posts, at least eight texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from measuring import (
    Contender,
    Fresh,
    add_dump,
    alternate,
    draw,
    encode_windows,
    make_encoder,
    parser_of,
    read_posts,
    report,
    run_model,
    table,
)

from netral_nlp import NeutralityClassifier
from netral_nlp.inference.encoding import PairEncoder
from netral_nlp.inference.folder import ModelFolder

LENGTHS = (8, 16, 32, 48, 64, 96, 128)
WINDOWS = (2, 4, 8, 16)
BASE = 32
_WORD = re.compile(r"[a-z]{2,12}")


class Maker:
    """Makes texts of an exact length out of plain words.

    Args:
        folder: the model that counts.
        posts: where the words are from.
    """

    def __init__(self, folder: ModelFolder, posts: list[str]) -> None:
        self._folder = folder
        self.encoder: PairEncoder = make_encoder(folder)
        words = {word for text in posts for word in folder.normaliser(text).split() if _WORD.fullmatch(word)}
        self._chance = random.Random(0)
        self._words = sorted(words)
        self._short = [word for word in self._words if self.encoder.count(word) == 1]

    def tokens(self, length: int) -> str:
        """A text of so many tokens, special tokens included."""
        pieces = length - self.encoder.special_tokens(pair=False)
        while True:
            chosen: list[str] = []
            room = pieces
            while room > 0:
                word = self._chance.choice(self._words if room > 6 else self._short)
                if (size := self.encoder.count(word)) <= room:
                    chosen.append(word)
                    room -= size
            text = " ".join(chosen)
            found = encode_windows(self._folder, self.encoder, text)
            if [len(one) for one in found] == [length]:
                return text

    def windows(self, count: int) -> str:
        """A text of sentences that fills so many windows."""
        text = ""
        while True:
            sentence = " ".join(self._chance.choices(self._words, k=16)).capitalize() + "."
            longer = f"{text} {sentence}".strip()
            if len(encode_windows(self._folder, self.encoder, longer)) > count:
                return text
            text = longer


def main() -> None:
    parser = parser_of(__doc__)
    add_dump(parser, 512)
    parser.add_argument("--turns", type=int, default=5, help="default: %(default)s")
    args = parser.parse_args()
    folder = ModelFolder.open()
    posts = draw(read_posts(args.file, folder.normaliser), 5000)
    maker = Maker(folder, posts)
    texts = {f"{length} tokens": [maker.tokens(length) for _ in range(args.posts)] for length in LENGTHS}
    texts |= {
        f"{count} windows": [maker.windows(count) for _ in range(max(8, args.posts // count))] for count in WINDOWS
    }
    encoded = {
        name: [one for text in made for one in encode_windows(folder, maker.encoder, text)]
        for name, made in texts.items()
    }
    alone = NeutralityClassifier.from_pretrained(backend="onnx", threads=args.threads)
    fresh = Fresh(posts[:64], backend="onnx", threads=args.threads)

    def scoring(made: list[str]) -> Callable[[], Any]:
        return lambda: fresh.classifier.score(made)

    contenders = []
    for name, made in texts.items():
        contenders.append(Contender(name, scoring(made), len(made), fresh.make))
        contenders.append(Contender(f"{name}, model alone", partial(run_model, alone, encoded[name]), len(made)))
    run_model(alone, encoded[f"{BASE} tokens"][:64])
    times = alternate(contenders, args.turns)

    base, base_alone = times[f"{BASE} tokens"], times[f"{BASE} tokens, model alone"]
    rows, results = [], {}
    for name, made in texts.items():
        tokens = sum(map(len, encoded[name])) / len(made)
        one, model = times[name], times[f"{name}, model alone"]
        rows.append(
            (
                name,
                f"{tokens:.0f}",
                f"{1e6 * one.median:,.0f}",
                f"{1e6 * one.median / tokens:.1f}",
                f"{one.median / base.median:.2f} x",
                f"{one.median / tokens / (base.median / BASE):.2f} x",
                f"{model.median / base_alone.median:.2f} x",
                f"{100 * (one.median / model.median - 1):.0f} %",
            )
        )
        results[name] = {
            "tokens": tokens,
            "texts": len(made),
            "score": one.to_dict(),
            "model_alone": model.to_dict(),
            "ratio_a_post": one.median / base.median,
            "ratio_a_token": one.median / tokens / (base.median / BASE),
            "ratio_a_post_model_alone": model.median / base_alone.median,
        }
    print(f"{args.threads} threads, medians of {args.turns} turns; ratios to a post of {BASE} tokens\n")
    head = ["post", "tokens", "us a post", "us a token", "a post", "a token", "model alone, a post", "around the model"]
    print(table(head, rows))
    report(args, __file__, results)


if __name__ == "__main__":
    main()
