"""How long posts are: quantiles and histograms."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp.corpus.stats.posts import COLUMNS, Counts

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_MOST_BINS = 24
_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 50_000, 100_000)


@dataclass(frozen=True)
class Spread:
    """How lengths lie.

    Attributes:
        posts: how many were measured.
        mean: their mean.
        least: the shortest.
        most: the longest.
        quantiles: the length that a share of the posts does not exceed, by share (see `QUANTILES`).
    """

    posts: int
    mean: float
    least: int
    most: int
    quantiles: dict[float, float]

    @classmethod
    def of(cls, values: npt.NDArray[np.int32]) -> Spread | None:
        """Measure lengths; None where there are none."""
        if not values.size:
            return None
        found = np.quantile(values, QUANTILES)
        return cls(
            len(values),
            float(values.mean(dtype=np.float64)),
            int(values.min()),
            int(values.max()),
            {share: float(value) for share, value in zip(QUANTILES, found.tolist(), strict=True)},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        named = {f"p{share * 100:g}": value for share, value in self.quantiles.items()}
        return {"posts": self.posts, "mean": self.mean, "min": self.least, **named, "max": self.most}


@dataclass(frozen=True)
class Lengths:
    """The lengths of posts in one unit.

    Attributes:
        unit: characters, words or tokens.
        all: of all posts that are not empty.
        by_label: of each label's (and of unlabelled) posts; labels without posts are left out.
        width: how many units a bin of the histogram is wide; the first bin starts at 0.
        bins: posts by label in each bin; the last one also holds everything that is longer.
        window: of tokens: how many the model reads at once; otherwise None.
        beyond: of tokens: posts that are longer than the window.
    """

    unit: str
    all: Spread
    by_label: dict[str, Spread]
    width: int
    bins: tuple[Counts, ...]
    window: int | None = None
    beyond: int | None = None

    @classmethod
    def of(cls, unit: str, lengths: array[int], codes: array[int], window: int | None = None) -> Lengths | None:
        """Measure.

        Args:
            unit: what is counted.
            lengths: (n,) of posts that are not empty.
            codes: (n,) the place of each one's label in `COLUMNS`.
            window: of tokens: how many the model reads at once.
        """
        values = np.frombuffer(lengths, dtype=np.int32) if len(lengths) else np.empty(0, np.int32)
        labels = np.frombuffer(codes, dtype=np.int8) if len(codes) else np.empty(0, np.int8)
        spread = Spread.of(values)
        if spread is None:
            return None
        of_labels = {name: Spread.of(values[labels == code]) for code, name in enumerate(COLUMNS)}
        # A few very long posts shall not press all others into one bin.
        needed = spread.quantiles[0.99] + 1
        width = next((step for step in _STEPS if needed / step <= _MOST_BINS), _STEPS[-1])
        count = max(1, min(_MOST_BINS, math.ceil(needed / width))) + (spread.most >= math.ceil(needed / width) * width)
        places = np.minimum(values // width, count - 1)
        table = np.bincount(places * len(COLUMNS) + labels, minlength=count * len(COLUMNS)).reshape(count, -1)
        return cls(
            unit,
            spread,
            {name: found for name, found in of_labels.items() if found is not None},
            width,
            tuple((row[0], row[1], row[2], row[3]) for row in table.tolist()),
            window,
            None if window is None else int((values > window).sum()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        figures: dict[str, Any] = {
            **self.all.to_dict(),
            "by_label": {name: spread.to_dict() for name, spread in self.by_label.items()},
            "histogram": {
                "width": self.width,
                "last_bin_is_open": self.open_ended,
                "bins": [dict(zip(COLUMNS, counts, strict=True)) for counts in self.bins],
            },
        }
        if self.window is not None and self.beyond is not None:
            share = self.beyond / self.all.posts
            figures |= {"window": self.window, "beyond_window": self.beyond, "beyond_window_share": share}
        return figures

    @property
    def open_ended(self) -> bool:
        """Whether the last bin holds posts that are longer than it is wide."""
        return self.all.most >= len(self.bins) * self.width


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens as a model reads them.

    Attributes:
        model: the model's name.
        window: how many tokens of a text it reads at once, special tokens not counted.
        count: how many pieces a text has, special tokens not counted.
    """

    model: str
    window: int
    count: Callable[[str], int]

    @classmethod
    def of(cls, model: str | Path) -> TokenCounter:
        """Take tokenizer, normaliser and window from a model folder.

        Args:
            model: the name of a shipped model, a folder, or a hub id.

        Raises:
            ModelFolderError: there is no such model, or a file of it is missing.
        """
        from netral_nlp.inference.encoding import PairEncoder
        from netral_nlp.inference.folder import ModelFolder
        from netral_nlp.inference.windows import LONGEST_AT_ONCE, split_units

        folder = ModelFolder.open(model)
        pieces: Callable[[str], int]
        if folder.kind == "tfidf":
            window, pieces = folder.max_tokens, lambda text: len(text.split())
        else:
            encoder = PairEncoder(folder.path, folder.max_tokens, folder.context_tokens)
            window, pieces = encoder.max_pieces, encoder.count
        normalise = folder.normaliser

        def count(text: str) -> int:
            if len(text) <= LONGEST_AT_ONCE:
                return pieces(normalise(text))
            return sum(pieces(normalise(text[start:end])) for start, end in split_units(text))

        return cls(folder.name, window, count)
