"""A progress bar with rate and time left, by rows where they are known, else by bytes of the files."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm

from netral_nlp.scoring.chunk import Chunk
from netral_nlp.scoring.columns import Source


class Progress:
    """How far a run is, on stderr.

    Args:
        sources: the inputs.
        lines: line ends in each input file; about as many rows as a text file has.
        rows_done: rows that an earlier run scored already.
        rejects_done: rows that an earlier run rejected already.
        shown: False for no bar at all.
    """

    def __init__(
        self, sources: Sequence[Source], lines: Sequence[int], rows_done: int, rejects_done: int, shown: bool
    ) -> None:
        self._sizes = [source.bytes_total for source in sources]
        self._scored = self._scored_before = rows_done
        self._passed = rows_done + rejects_done
        self._bytes = 0
        counts = [
            source.row_count
            if source.row_count is not None or source.format.compression or not source.format.is_text
            else count
            for source, count in zip(sources, lines, strict=True)
        ]
        self._by_rows = None not in counts
        self._bar = tqdm(
            total=sum(count or 0 for count in counts) if self._by_rows else sum(self._sizes),
            initial=self._passed if self._by_rows else 0,
            desc="scoring",
            unit=" posts" if self._by_rows else "B",
            unit_scale=not self._by_rows,
            file=sys.stderr,
            dynamic_ncols=True,
            disable=not shown,
        )

    def within(self, chunk: Chunk, rows: int) -> None:
        """Say that the first `rows` rows of a chunk are scored."""
        share = rows / len(chunk.texts.texts)
        self._show(rows, self._bytes + share * (self._reached(chunk) - self._bytes))

    def done(self, chunk: Chunk) -> None:
        """Say that a chunk is scored and safe."""
        self._scored += len(chunk.texts.texts)
        self._passed += len(chunk.texts.texts) + chunk.rejects
        self._bytes = self._reached(chunk)
        self._show(0, self._bytes)

    def close(self) -> None:
        """End the bar's line."""
        self._bar.close()

    def complete(self) -> None:
        """Say that there is nothing left: a post of several lines had made the total too large."""
        if not self._bar.disable:
            self._bar.total = self._bar.n
            self._bar.refresh()

    def _reached(self, chunk: Chunk) -> int:
        """Bytes read of all inputs when the chunk was read; never less than before."""
        inside = min(chunk.bytes_read, self._sizes[chunk.source])
        return max(self._bytes, sum(self._sizes[: chunk.source]) + inside)

    def _show(self, rows: int, bytes_read: float) -> None:
        """Show what is done, `rows` rows of the chunk in the making included."""
        if self._bar.disable:
            return
        if not self._by_rows:
            elapsed = self._bar.format_dict["elapsed"]
            rate = (self._scored + rows - self._scored_before) / elapsed if elapsed else 0
            self._bar.set_postfix_str(f"{self._scored + rows:,} posts, {rate:,.0f} posts/s", refresh=False)
        self._bar.update((self._passed + rows if self._by_rows else int(bytes_read)) - self._bar.n)
