"""What must not be drawn: held-out and labelled posts, cases of the behaviour suites, and whatever resembles them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from netral_nlp.corpus.duplicates import near_duplicates_across, near_same_groups
from netral_nlp.corpus.groups import connected, near_same, numbered
from netral_nlp.corpus.label_file import HASH_NAMES, SHORTEST_HASH, hash_digits
from netral_nlp.corpus.same_posts import comparable
from netral_nlp.corpus.sample.pool import IntArray, Pool
from netral_nlp.errors import InputError
from netral_nlp.text import Normaliser

HELD_OUT, NEAR_HELD_OUT = "held out (--never)", "nearly the same as a held-out post"
LABELLED, NEAR_LABELLED = "labelled already (--labelled)", "nearly the same as a labelled post"
SUITE = "a case of the behaviour suites, or nearly"
NO_WORDS, REPEATED = "without words", "nearly the same as another post of the pool"
REASONS = (NO_WORDS, HELD_OUT, NEAR_HELD_OUT, LABELLED, NEAR_LABELLED, SUITE, REPEATED)
"""Why a post is left out, in the order in which it is looked for: a post is counted under the first that holds."""

_SHORT = 5
"""A text of at most this many words ("Gas pak", "setuju banget") is another post under another context."""
_PLAIN_WORD = re.compile(r"(?<!\S)[A-Za-z]{3,}(?![^\s,.!?])")


@dataclass(frozen=True)
class Reference:
    """Posts that the draw must stay away from.

    Attributes:
        texts: the posts.
        contexts: what each one answers, or None where there is nothing or it is not known.
        hashes: SHA-256 (at least the first 16 hexadecimal digits) of posts whose text is not at hand. Such a post is
            found in the pool, also where the copy there differs as files do (see `corpus.text_variants`), and with it
            what resembles it; one that the pool does not hold keeps out nothing.
        files: how many posts each file gave.
    """

    texts: Sequence[str] = ()
    contexts: Sequence[str | None] = ()
    hashes: frozenset[str] = frozenset()
    files: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts) + len(self.hashes)

    @classmethod
    def of(cls, texts: Iterable[str], contexts: Iterable[str | None] | None = None) -> Reference:
        """Make a reference from lists."""
        own = list(texts)
        return cls(own, [None] * len(own) if contexts is None else list(contexts))


@dataclass(frozen=True)
class Exclusions:
    """What is left of a pool.

    Attributes:
        kept: rows of the pool that may be drawn, in order.
        copies: (len(kept),) how many posts of the pool are nearly the same as the kept one, itself included.
        reasons: how many posts are left out, by the reason, in the order of `REASONS`.
    """

    kept: IntArray
    copies: IntArray
    reasons: Mapping[str, int]


def read_reference(paths: Sequence[str | Path], *, say: Callable[[str], None] = lambda line: None) -> Reference:
    """Read posts to stay away from: posts with text, label files with hashes alone, exports of annotation tools.

    Args:
        paths: files that `formats.open_posts` reads, exports of annotation tools (also tasks that nobody has answered
            yet, as this package writes them), or `datasets` folders.
        say: called with one line for what the user should know.

    Raises:
        InputError: a file cannot be read to its end, or has neither a text nor a `sha256`.
    """
    texts: list[str] = []
    contexts: list[str | None] = []
    hashes: set[str] = set()
    files: dict[str, int] = {}
    for given in map(Path, paths):
        before = len(texts) + len(hashes)
        if _is_table(given):
            only_hashes = True
            for text, context, digest in _table_rows(given):
                if text:
                    texts.append(text)
                    contexts.append(context)
                    only_hashes = False
                elif digest:
                    hashes.add(digest)
            if only_hashes and len(texts) + len(hashes) > before:
                say(
                    f"{given}: holds no texts; posts are told by sha256, so what resembles a post is found only where "
                    "the pool holds that post, too"
                )
        else:
            from netral_nlp.corpus.annotations.read import read_tasks

            for task in read_tasks([given]):
                texts.append(task.text)
                context = task.fields.get("context")
                contexts.append(context if isinstance(context, str) and context.strip() else None)
        files[str(given)] = len(texts) + len(hashes) - before
        if not files[str(given)]:
            raise InputError(f"{given}: holds no posts; check that it is the right file")
    return Reference(texts, contexts, frozenset(hashes), files)


def _is_table(path: Path) -> bool:
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if path.is_dir():
        return False
    from netral_nlp.corpus.annotations.read import annotation_format
    from netral_nlp.corpus.annotations.tasks import TaskOptions

    return annotation_format(path, TaskOptions()) == "table"


def _table_rows(path: Path) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Yield text, context and hash of each row.

    Raises:
        InputError: the file cannot be read, or has neither.
    """
    from netral_nlp.formats import guess_columns, missing_text_column, open_posts

    with open_posts(path) as reader:  # no rejects: a hole in what is held out would be a leak
        guessed = guess_columns(reader.columns, reader.export)
        folded = {name.strip().lower(): name for name in reversed(reader.columns)}
        # The ids of posts with texts are any ids; those of a label file are hashes.
        names = [name for name in HASH_NAMES if name != "id" or guessed.text is None]
        hashed = next((folded[name] for name in names if name in folded), None)
        if guessed.text is None and hashed is None:
            raise InputError(missing_text_column(path, reader.columns).partition("; name one")[0] + ", and no 'sha256'")
        for batch in reader.batches():
            nothing: list[str | None] = [None] * len(batch.numbers)
            columns = [
                nothing if name is None else batch.strings(name) for name in (guessed.text, guessed.context, hashed)
            ]
            for number, (text, context, digest) in zip(batch.numbers, zip(*columns, strict=True), strict=True):
                if not (text or "").strip() and hashed is not None:
                    yield None, None, hash_digits(digest, f"{path}: row {number:,}, column {hashed!r}")
                else:
                    yield text or "", context if context and context.strip() else None, None


def exclude(
    pool: Pool,
    *,
    never: Reference | None = None,
    labelled: Reference | None = None,
    suites: Iterable[str] = (),
    near: float = 0.7,
) -> Exclusions:
    """Say which posts of a pool may be drawn.

    Two posts are nearly the same where their texts are (see `corpus.duplicates`), as they stand or without their
    handles, links, phone and id numbers, as `check` and `split` compare them. Short texts, of at most five words, mean
    different things under different posts: they are the same only where what they answer is nearly the same, too, or
    is not known of one of them. Of each near-same group in the pool the first post stays.

    Args:
        pool: the posts.
        never: held-out posts.
        labelled: posts that have a label already, or are with the annotators.
        suites: cases of the behaviour suites, which stay unseen whatever their context.
        near: the least likeness (Jaccard of the runs of five characters), 0.1 to 1.

    Raises:
        InputError: `near` is out of range.
    """
    reason: list[str | None] = [None] * len(pool)
    views = _views(pool.texts, pool.contexts)
    normaliser = Normaliser()
    for row, text in enumerate(pool.texts):
        if not has_words(text, normaliser):
            reason[row] = NO_WORDS
    for reference, same, nearly in (
        (never, HELD_OUT, NEAR_HELD_OUT),
        (labelled, LABELLED, NEAR_LABELLED),
        (Reference.of(suites), SUITE, SUITE),
    ):
        if reference is None or not len(reference):
            continue
        left = [row for row, why in enumerate(reason) if why is None]
        for row, exact in _found(views, left, reference, near):
            reason[row] = same if exact else nearly
    left = [row for row, why in enumerate(reason) if why is None]
    groups = _groups(views, left, near)
    sizes = Counter(groups)
    first: dict[int, int] = {}
    for row, group in zip(left, groups, strict=True):
        if first.setdefault(group, row) != row:
            reason[row] = REPEATED
    counted = Counter(why for why in reason if why is not None)
    kept = [(row, sizes[group]) for row, group in zip(left, groups, strict=True) if reason[row] is None]
    return Exclusions(
        np.array([row for row, _ in kept], dtype=np.int64),
        np.array([size for _, size in kept], dtype=np.int64),
        {why: counted[why] for why in REASONS if counted[why]},
    )


def has_words(text: str, normaliser: Normaliser) -> bool:
    """Say whether a post has anything to read beside handles and links; emoji count."""
    if len(_PLAIN_WORD.findall(text, 0, 400)) > 1:  # most posts: no need to normalise them
        return True
    return normaliser.has_words(normaliser(text))


def _found(
    views: Sequence[_Compared], rows: Sequence[int], reference: Reference, near: float
) -> Iterator[tuple[int, bool]]:
    """Yield the rows that are among a reference, and whether their very text is."""
    own = [view.take(rows) for view in views]
    texts, contexts = own[0].texts, own[0].contexts
    hit = dict.fromkeys(_hashed(texts, reference.hashes), True)
    if hit:  # what is held out is known by now, and so is what resembles it
        reference = Reference(
            [*reference.texts, *(texts[place] for place in hit)],
            [*reference.contexts, *(contexts[place] for place in hit)],
        )
    exact = set(reference.texts)
    for view, others in zip(own, _views(reference.texts, reference.contexts), strict=True):
        for place in _nearly(view, others, near):
            hit.setdefault(place, texts[place] in exact)
    yield from ((rows[place], same) for place, same in sorted(hit.items()))


@dataclass(frozen=True)
class _Compared:
    """Texts and contexts as they are compared."""

    texts: Sequence[str]
    contexts: Sequence[str | None]

    def take(self, rows: Sequence[int]) -> _Compared:
        """Return some of them, in the order of `rows`."""
        return _Compared([self.texts[row] for row in rows], [self.contexts[row] for row in rows])


def _views(texts: Sequence[str], contexts: Sequence[str | None]) -> tuple[_Compared, _Compared]:
    """Return posts as they stand, and without handles, links, phone and id numbers.

    A context that is nothing else stays as it is.
    """
    known = {context: comparable(context) or context for context in set(contexts) if context}  # answered many times
    bare = [known[context] if context else None for context in contexts]
    return _Compared(texts, contexts), _Compared([comparable(text) for text in texts], bare)


def _nearly(own: _Compared, others: _Compared, near: float) -> Iterator[int]:
    """Yield the places of `own` that are nearly the same as one of the others."""
    bound = [place for place, text in enumerate(own.texts) if own.contexts[place] and _is_short(text)]
    apart = set(bound)
    free = [place for place in range(len(own.texts)) if place not in apart]
    known = [place for place, context in enumerate(others.contexts) if context]
    unknown = [place for place, context in enumerate(others.contexts) if not context]
    # A short text in a context is compared with those whose context is not known, then with those in the same one.
    pairs = [
        (free, list(range(len(others.texts)))),
        (bound, unknown),
        *_shared_contexts(own, bound, others, known, near),
    ]
    for places, theirs in pairs:
        for pair in near_duplicates_across(
            [own.texts[place] for place in places], [others.texts[other] for other in theirs], near
        ):
            yield places[pair.row]


def _hashed(texts: Sequence[str], hashes: frozenset[str]) -> Iterator[int]:
    """Yield the places of texts whose hash is among these, be it after a change that copying makes."""
    if not hashes:
        return
    from netral_nlp.corpus.text_variants import variants

    known = {digest[:SHORTEST_HASH] for digest in hashes}
    for place, text in enumerate(texts):
        for _, variant in variants(text):
            if hashlib.sha256(variant.encode("utf-8", "surrogatepass")).hexdigest()[:SHORTEST_HASH] in known:
                yield place
                break


def _shared_contexts(
    own: _Compared, bound: Sequence[int], others: _Compared, known: Sequence[int], near: float
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the short texts of one side and the texts of the other that answer nearly the same post."""
    ours = [own.contexts[place] or "" for place in bound]
    theirs = [others.contexts[place] or "" for place in known]
    if not ours or not theirs:
        return
    groups = near_same_groups([*ours, *theirs], near)
    mine: dict[int, list[int]] = {}
    for place, group in zip(bound, groups[: len(ours)], strict=True):
        mine.setdefault(group, []).append(place)
    found: dict[int, list[int]] = {}
    for place, group in zip(known, groups[len(ours) :], strict=True):
        found.setdefault(group, []).append(place)
    for group in mine.keys() & found.keys():
        yield mine[group], found[group]


def _groups(views: Sequence[_Compared], rows: Sequence[int], near: float) -> list[int]:
    """Return a number for each row; near-same posts share one."""
    partitions = []
    for view in (view.take(rows) for view in views):
        around = [
            context if context and _is_short(text) else ""
            for text, context in zip(view.texts, view.contexts, strict=True)
        ]
        alike, grouped = near_same(view.texts, near).tolist(), near_same(around, near).tolist()
        partitions.append(
            numbered(
                [(text, group if context else -1) for text, group, context in zip(alike, grouped, around, strict=True)]
            )
        )
    found: list[int] = connected(*partitions).tolist()
    return found


def _is_short(text: str) -> bool:
    return len(text.split(maxsplit=_SHORT)) <= _SHORT
