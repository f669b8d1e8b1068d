"""Posts that stand twice: on two sides of a split, where figures then flatter, or on one, where they weigh double."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netral_nlp.corpus.check.findings import Finding, Kind
from netral_nlp.corpus.check.posts import Posts
from netral_nlp.corpus.groups import value_key
from netral_nlp.corpus.same_posts import same_across

_COLUMN_KINDS: Final = {"author": Kind.SAME_AUTHOR, "thread": Kind.SAME_THREAD}


@dataclass(frozen=True, slots=True)
class Template:
    """A group of near-same posts on one side: reposts, or a template of promoters.

    Attributes:
        side: the side; None where there are no sides.
        posts: how many.
        file: of the first.
        rows: the numbers of its first posts in that file.
    """

    side: str | None
    posts: int
    file: str
    rows: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields JSON-ready."""
        return {"side": self.side, "posts": self.posts, "file": self.file, "first_rows": list(self.rows)}


def check_leaks(posts: Posts, threshold: float) -> Iterator[Finding]:
    """Find posts that stand on two sides, word for word or nearly: each post of the smaller side, with the other one.

    Args:
        posts: the posts; those without a side are compared with none.
        threshold: the least likeness of near duplicates.
    """
    larger: list[int] = []
    for side, rows in posts.by_side().items():
        for same in same_across(posts.compared, rows, posts.compared, larger, threshold) if larger else ():
            kind = Kind.SAME_TEXT if same.jaccard == 1.0 else Kind.NEAR_TEXT
            detail = f"{side} and {posts.sides[same.other_row]}"
            labels = posts.labels[same.row], posts.labels[same.other_row]
            if None not in labels and labels[0] is not labels[1]:
                detail += f"; {labels[0]} here, {labels[1]} there"
            yield posts.finding(kind, same.row, same.other_row, likeness=same.jaccard, detail=detail)
        larger += rows


def check_columns(posts: Posts, columns: Sequence[str]) -> Iterator[Finding]:
    """Find authors, threads and other values that stand on two sides: each post of the smaller side.

    Args:
        posts: the posts.
        columns: which columns; one that no post has is passed over.
    """
    for column in columns:
        values = posts.values.get(column, [])
        first: dict[str, int] = {}
        for side, rows in posts.by_side().items() if values else ():
            own: dict[str, int] = {}
            for row in rows:
                value = value_key(values[row])
                if value is None:
                    continue
                own.setdefault(value, row)
                if (other := first.get(value)) is not None:
                    kind = _COLUMN_KINDS.get(column, Kind.SAME_VALUE)
                    detail = f"{side} and {posts.sides[other]}"
                    yield posts.finding(
                        kind, row, other, detail=f"column {column}: {detail}" if kind is Kind.SAME_VALUE else detail
                    )
            for value, row in own.items():
                first.setdefault(value, row)


def check_copies(posts: Posts, groups: Sequence[int]) -> tuple[list[Finding], list[Template]]:
    """Find posts that stand several times on one side.

    Args:
        posts: n posts.
        groups: (n,) the near-same group of each, as `same_groups` gives it.

    Returns:
        A finding for every copy but the first; and the groups, the largest first.
    """
    findings: list[Finding] = []
    exact: dict[tuple[str | None, str, str, str], int] = {}
    near: dict[tuple[str | None, int], list[int]] = {}
    copies: set[int] = set()
    for row, (text, context, action) in enumerate(posts.compared.keys()):
        side = posts.sides[row]
        if text or (context and action):
            first = exact.setdefault((side, text, context, action), row)
            if first != row:
                findings.append(posts.finding(Kind.DUPLICATE, row, first))
                copies.add(row)
        if text:
            near.setdefault((side, groups[row]), []).append(row)
    templates = []
    for (side, _), rows in near.items():
        different = [row for row in rows if row not in copies]
        if len(different) < 2:
            continue
        for row in different[1:]:
            findings.append(posts.finding(Kind.NEAR_DUPLICATE, row, rows[0], detail=f"of a group of {len(rows):,}"))
        file = posts.files[rows[0]]
        shown = tuple(posts.rows[row] for row in rows if posts.files[row] == file)[:5]
        templates.append(Template(side, len(rows), file, shown))
    return findings, sorted(templates, key=lambda one: -one.posts)
