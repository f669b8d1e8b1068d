"""What must hold of every labelled set: ids that tell posts apart, something to read, labels enough to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from netral_nlp.corpus.check.findings import Finding, Kind
from netral_nlp.corpus.check.posts import Posts
from netral_nlp.corpus.same_posts import conflicts
from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import percent
from netral_nlp.inference.actions import Action
from netral_nlp.labels import LABELS

LEAST_SHARE: Final = 0.05
LEAST_POSTS: Final = 20
_WORDS_OF_A_CASE: Final = 5  # shorter ones ("Gas 🔥") are anyone's


def check_empty(posts: Posts) -> Iterator[Finding]:
    """Find posts with nothing to judge: no text, and no act on a context either."""
    for row, text in enumerate(posts.texts):
        if not text.strip() and not (posts.contexts[row].strip() and _wordless(posts.actions[row])):
            why = ""
            if posts.contexts[row].strip():
                why = "a context, but no like, share or follow of it"
            elif _wordless(posts.actions[row]):
                why = f"a {posts.actions[row]} of an unknown post: no context"
            yield posts.finding(Kind.EMPTY, row, detail=why)


def check_ids(posts: Posts) -> Iterator[Finding]:
    """Find ids that stand for two different posts: in one file, and from file to file."""
    keys = list(posts.compared.keys())
    first: dict[tuple[str, str], int] = {}
    anywhere: dict[str, int] = {}
    for row, identifier in enumerate(posts.ids):
        if identifier is None:
            continue
        other = first.setdefault((posts.files[row], identifier), row)
        if other != row:
            if keys[other] != keys[row]:
                yield posts.finding(Kind.REPEATED_ID, row, other)
            continue
        other = anywhere.setdefault(identifier, row)
        if other != row and keys[other] != keys[row]:
            yield posts.finding(Kind.SHARED_ID, row, other, detail="the posts differ")


def check_conflicts(posts: Posts) -> Iterator[Finding]:
    """Find the same post with different labels: every copy but those of the label of most."""
    for conflict in conflicts(posts.compared, posts.labels):
        times = Counter(conflict.labels)
        reference = conflict.majority or conflict.labels[0]
        witness = conflict.rows[conflict.labels.index(reference)]
        for row, label in zip(conflict.rows, conflict.labels, strict=True):
            if label is not reference:
                detail = f"{label.value} here, {reference.value} there ({times[reference]:,} of {len(conflict.rows):,})"
                yield posts.finding(Kind.CONFLICT, row, witness, detail=detail)


def check_suites(posts: Posts, cases: frozenset[str]) -> Iterator[Finding]:
    """Find cases of the behaviour suites, which training refuses: a case learnt by heart tests nothing."""
    for row, text in enumerate(posts.texts):
        if text in cases and len(text.split()) >= _WORDS_OF_A_CASE:
            yield posts.finding(Kind.SUITE_CASE, row, detail="never trained on; remove it")


def check_balance(posts: Posts) -> Iterator[Finding]:
    """Find labels that occur too seldom to be learnt or measured: in all posts, and missing ones on each side."""
    counts = Counter(label for label in posts.labels if label is not None)
    total = counts.total()
    if not total:
        return
    if len(counts) == 1:
        only = next(iter(counts))
        yield Finding(Kind.ONE_LABEL, detail=f"all {total:,} labelled posts are {only.value}")
        return
    for label in LABELS:
        share = counts[label] / total
        if share < LEAST_SHARE or counts[label] < LEAST_POSTS:
            yield Finding(
                Kind.BALANCE, detail=f"{label.value}: {counts[label]:,} of {total:,} ({percent(counts[label], total)})"
            )
    for side, rows in posts.by_side().items():
        present = {posts.labels[row] for row in rows}
        missing = [label.value for label in LABELS if label not in present and counts[label]]
        if missing:
            yield Finding(Kind.BALANCE, detail=f"{side}: no post is {' or '.join(missing)}")


def _wordless(action: str) -> bool:
    try:
        known = Action.parse(action)
    except InputError:
        return False
    return known is not None and known.wordless
