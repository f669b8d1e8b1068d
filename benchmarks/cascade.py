"""Would a cheap first stage pay? What it could answer `neutral` alone, and how much faster scoring would be at most.

    python benchmarks/cascade.py SCORED [--agreement 0.998] [--json FILE]

SCORED is a dump that `netral score` has labelled. A first stage (hashed words and character n-grams, logistic
regression) learns from half of it which posts the model calls neutral. On a quarter its threshold is set such that
answering `neutral` above it keeps the asked agreement with the model over all posts; on the last quarter its share of
answered posts and its agreement are measured. The bound is what a first stage without any error or cost could do: it
can answer no more than the neutral posts. Needs the extra [train].
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from measuring import parser_of, report, table
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline, make_union

from netral_nlp.formats import guess_columns, open_posts
from netral_nlp.inference.folder import ModelFolder


def read_scored(path: Path) -> tuple[list[str], np.ndarray]:
    """Normalised texts, and whether the model called them neutral."""
    normalise = ModelFolder.open().normaliser
    texts: list[str] = []
    neutral: list[bool] = []
    with open_posts(path) as reader:
        column = guess_columns(reader.columns, reader.export).text or reader.columns[0]
        for batch in reader.batches():
            texts += [normalise(text or "") for text in batch.strings(column)]
            neutral += [label == "neutral" for label in batch.strings("label")]
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[place] for place in order], np.array(neutral)[order]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("scored", type=Path)
    parser.add_argument("--agreement", type=float, default=0.998, help="with the model (default: 0.998)")
    args = parser.parse_args()
    texts, neutral = read_scored(args.scored)
    learn, choose = len(texts) // 2, 3 * len(texts) // 4
    stage = make_pipeline(
        make_union(
            HashingVectorizer(ngram_range=(1, 2), n_features=2**18, alternate_sign=False),
            HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=2**18, alternate_sign=False),
        ),
        SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=20, random_state=0),
    )
    stage.fit(texts[:learn], neutral[:learn])
    score = stage.decision_function(texts[learn:choose])
    order = np.argsort(-score)
    wrong = np.cumsum(~neutral[learn:choose][order])
    kept = np.flatnonzero(wrong <= (1 - args.agreement) * len(order))
    threshold = score[order[kept[-1]]] if len(kept) else np.inf

    started = time.perf_counter()
    held_out = stage.decision_function(texts[choose:])
    microseconds = 1e6 * (time.perf_counter() - started) / len(held_out)
    answered = held_out >= threshold
    share = float(answered.mean())
    agreement = float(1 - (answered & ~neutral[choose:]).mean())
    bound = 1 / (1 - float(neutral.mean()))
    rows = [
        ("posts", f"{len(texts):,}"),
        ("called neutral by the model", f"{100 * neutral.mean():.1f} %"),
        ("fastest that any first stage could be", f"{bound:.2f} x"),
        ("answered by this one, held out", f"{100 * share:.1f} %"),
        ("agreement with the model, held out", f"{100 * agreement:.2f} %"),
        ("gain, were it free", f"{1 / (1 - share):.2f} x"),
        ("its own cost", f"{microseconds:.0f} us a post"),
    ]
    print(table(["", ""], rows))
    report(
        args,
        "cascade",
        {
            "posts": len(texts),
            "neutral": float(neutral.mean()),
            "bound": bound,
            "answered": share,
            "agreement": agreement,
            "gain": 1 / (1 - share),
            "microseconds_a_post": microseconds,
        },
    )


if __name__ == "__main__":
    main()
