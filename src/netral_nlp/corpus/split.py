"""Part posts into train, dev and test, or into folds, so that nothing that a model learnt from stands in its test."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from netral_nlp.corpus.groups import IntArray, connected, copies, numbered, values_apart
from netral_nlp.corpus.times import FloatArray, as_date, read_times
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.labels import LABELS, Label

NearSame = Literal["auto", "join", "set-aside"]
SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}
LEFT_OUT = -1
"""The side of posts that stand on none."""
COPIES = "copies"
"""What binds posts that are the same or nearly so, where columns bind them by their names."""

UNLABELLED, UNDATED = "no label", "no readable time"

_LARGEST_JOINED = 0.5
"""A group that joining makes may hold this share of the posts; beyond, posts chain everything together."""
_OFF = 0.02
"""A share may miss what was wanted by this much (2 points) before it is said."""
_UNBALANCED = 0.05
"""A label's share in a split may differ from its share in all posts by this much (5 points) before it is said."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_ROUNDS = 4
_RESERVED = frozenset({"left_out", "split"})


@dataclass(frozen=True)
class SplitOptions:
    """How posts are parted.

    Attributes:
        shares: the sides in their order (by time: earliest first) and what each is to hold; they sum to 1.
        near: from which likeness on (Jaccard of the runs of five characters) posts are copies.
        near_same: "join" keeps everything together that copies link; "set-aside" lets them stand apart otherwise, and
            leaves out those on another side than their fellows; "auto" joins unless that chains most posts together.
        folds: make this many folds of one size instead of the sides.
        dev_from: by time: dev begins here ("2024-11-01"); ends what train holds.
        test_from: by time: test begins here.
        dates: which number comes first in dates such as 03/04/2024, where the column does not show it.
        undated: what happens to posts without a readable time, by time: "error" or "set-aside".
        unlabelled: what happens to posts without a label: "error", "set-aside" or "keep".
        seed: of the division.
    """

    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    near: float = 0.7
    near_same: NearSame = "auto"
    folds: int | None = None
    dev_from: str | None = None
    test_from: str | None = None
    dates: Literal["day-first", "month-first"] | None = None
    undated: Literal["error", "set-aside"] = "error"
    unlabelled: Literal["error", "set-aside", "keep"] = "error"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the request.

        Raises:
            ConfigError: it contradicts itself, or a value is out of range.
        """
        names = list(self.shares)
        if not names or any(not _NAME.fullmatch(name) or name.lower() in _RESERVED for name in names):
            raise ConfigError(
                "each of the shares has a name of letters, digits, '-' and '_' that is not left_out or split"
            )
        if len({name.lower() for name in names}) < len(names):
            raise ConfigError("two of the shares have one name; files of both would be the same on some systems")
        if any(not 0 < share <= 1 for share in self.shares.values()) or abs(sum(self.shares.values()) - 1) > 0.01:
            given = " ".join(f"{name}={share:g}" for name, share in self.shares.items())
            raise ConfigError(f"shares lie above 0 and sum to 1, such as train=0.8 dev=0.1 test=0.1; got {given}")
        if self.folds is not None and self.folds < 2:
            raise ConfigError(f"folds are at least 2, not {self.folds}")
        if self.folds is not None and (self.dev_from or self.test_from):
            raise ConfigError("folds hold each post out once and know no order of time; leave one of the two")
        if self.near_same not in ("auto", "join", "set-aside"):
            raise ConfigError(f"near-same is auto, join or set-aside, not {self.near_same!r}")
        if self.seed < 0:
            raise ConfigError(f"a seed is 0 or more, not {self.seed}")

    @property
    def wanted(self) -> dict[str, float]:
        """The sides in their order, and what each is to hold, summing to 1."""
        if self.folds is not None:
            return {f"fold_{number}": 1 / self.folds for number in range(1, self.folds + 1)}
        total = sum(self.shares.values())
        return {name: share / total for name, share in self.shares.items()}


@dataclass(frozen=True)
class Side:
    """One part of a split.

    Attributes:
        name: such as "train".
        rows: its posts' positions (from 0), in input order.
        share: its part of the posts that were placed.
        wanted: what it was to hold; None where dates decided.
        labels: its posts of each label; posts without one are not among them.
        groups: how many groups that must not be parted it holds.
        first: the time of its earliest post in seconds since 1970, by time.
        last: that of its latest.
    """

    name: str
    rows: tuple[int, ...]
    share: float
    wanted: float | None
    labels: Mapping[Label, int]
    groups: int
    first: float | None = None
    last: float | None = None


@dataclass(frozen=True)
class Split:
    """Posts parted into sides.

    Attributes:
        sides: in their order.
        side_of: (n,) the place of each post's side among `sides`; `LEFT_OUT` for posts on none.
        reasons: why a post was left out, by its position.
        groups: (n,) the groups of posts that copies and values link, numbered by their first posts; -1 if left out.
        bound_by: what binds posts: `COPIES`, and the columns whose values stand on one side only.
        near_same: "joined", or "set aside" where copies did not bind, and those on other sides were left out.
        notes: what a user should know, one line each.
    """

    sides: tuple[Side, ...]
    side_of: IntArray
    reasons: Mapping[int, str]
    groups: IntArray
    bound_by: tuple[str, ...]
    near_same: str
    notes: tuple[str, ...]

    def rows(self, name: str) -> list[int]:
        """Return the positions (from 0) of a side's posts, in input order.

        Raises:
            KeyError: there is no such side.
        """
        for side in self.sides:
            if side.name == name:
                return list(side.rows)
        raise KeyError(name)

    @property
    def left_out(self) -> dict[str, int]:
        """How many posts were left out, by reason, most first."""
        counts = Counter(self.reasons.values())
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def group_sizes(self) -> IntArray:
        """(g,) how many posts each group holds."""
        sizes: IntArray = np.bincount(self.groups[self.groups >= 0])
        return sizes

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready, without rows."""
        sizes = self.group_sizes
        return {
            "sides": {
                side.name: {
                    "rows": len(side.rows),
                    "share": round(side.share, 6),
                    "wanted": None if side.wanted is None else round(side.wanted, 6),
                    "labels": {label.value: count for label, count in side.labels.items()},
                    "groups": side.groups,
                    **({} if side.first is None else {"first": _iso(side.first), "last": _iso(side.last)}),
                }
                for side in self.sides
            },
            "left_out": self.left_out,
            "groups": {
                "bound_by": list(self.bound_by),
                "near_same": self.near_same,
                "count": len(sizes),
                "of_several_posts": int((sizes > 1).sum()),
                "largest": int(sizes.max()) if sizes.size else 0,
            },
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """Return the sides as lines for a terminal: posts, shares, labels, groups."""
        from netral_nlp.evaluation.metrics import align

        dated = any(side.first is not None for side in self.sides)
        present = [label for label in LABELS if any(side.labels[label] for side in self.sides)]
        head = ["split", "posts", "share", "wanted", *(label.value for label in present), "groups"]
        rows = [head + (["from", "to"] if dated else [])]
        for side in self.sides:
            labelled = sum(side.labels.values())
            cells = [side.name, f"{len(side.rows):,}", _percent(side.share)]
            cells.append("-" if side.wanted is None else _percent(side.wanted))
            cells += [
                f"{side.labels[label]:,} ({_percent(side.labels[label] / max(labelled, 1))})" for label in present
            ]
            cells.append(f"{side.groups:,}")
            if dated:
                cells += ["-" if at is None else as_date(at) for at in (side.first, side.last)]
            rows.append(cells)
        return "\n".join(align(rows))


def split_posts(
    texts: Sequence[str],
    labels: Sequence[Label | str | None] | None = None,
    *,
    contexts: Sequence[str | None] | None = None,
    apart: Mapping[str, Sequence[str | None]] | None = None,
    times: Sequence[str | None] | None = None,
    strata: Sequence[object] | None = None,
    until: str | None = None,
    options: SplitOptions | None = None,
    where: Callable[[int], str] | None = None,
) -> Split:
    """Part posts into sides on which no text, no near-same text and no value of a column stands twice.

    Posts that copies or values link, directly or through other posts, are a group, and no group is parted. Groups are
    laid out largest first, each where it brings the counts of labels and posts closest to what is wanted (by the
    chi-square distance). scikit-learn's StratifiedGroupKFold works in the same spirit, but knows folds of one size only
    and takes more than a minute to cut 100,000 groups into 20.

    With `times`, the earliest posts come first and nothing is shuffled. A text or value that stands on both sides of a
    border stays where its first post is, and its posts beyond the border are left out.

    Args:
        texts: n posts.
        labels: their labels; each keeps its share on every side as far as the groups allow.
        contexts: what each post answers, see `groups.copies`.
        apart: columns by name; no value stands on two sides. Missing and blank values bind nothing.
        times: when each post was written, in any way that `times.read_times` reads; parts by time.
        strata: what to keep the shares of, in place of the labels; one hashable value a post.
        until: compare the part of the columns' values before this text, such as ":" of `repository:file`.
        options: how; shares of 80, 10 and 10 % by default.
        where: names a row in messages; by default "row N", from 1.

    Raises:
        ConfigError: options contradict each other.
        InputError: a label is unknown or missing, a time cannot be read, the values chain too many posts into one
            group, or a side would be empty.
    """
    options = options or SplitOptions()
    where = where or (lambda row: f"row {row + 1:,}")
    count = len(texts)
    for name, column in {
        "labels": labels,
        "contexts": contexts,
        "times": times,
        "strata": strata,
        **(apart or {}),
    }.items():
        if column is not None and len(column) != count:
            raise InputError(f"{len(column):,} {name} for {count:,} posts; give one each")
    if times is None and (options.dev_from or options.test_from):
        raise ConfigError("dev-from and test-from part by time: name the column with the posts' times")
    if times is not None and options.folds is not None:
        raise ConfigError("folds hold each post out once and know no order of time; leave one of the two")

    reasons: dict[int, str] = {}
    codes = _label_codes(labels, count, options, where, reasons)
    moments = None
    if times is not None:
        moments = _moments(times, options, where, reasons)
    kept = np.array([row for row in range(count) if row not in reasons], dtype=np.int64)
    if not kept.size:
        raise InputError("no posts are left to split" if count else "there are no posts to split")
    same = copies(
        [texts[row] for row in kept], None if contexts is None else [contexts[row] for row in kept], options.near
    )
    columns = {name: values_apart([values[row] for row in kept], until) for name, values in (apart or {}).items()}

    wanted = options.wanted
    chained = False
    if moments is not None:
        names, borders = _borders(moments[kept], options)
        sides = np.searchsorted(borders, moments[kept], side="right").astype(np.int64)
        dropped = _behind(sides, moments[kept], {COPIES: same, **columns}, names)
    else:
        names = list(wanted)
        bound, chained = _bound(same, columns, options, wanted, until)
        keys = codes[kept].tolist() if strata is None else [strata[row] for row in kept]
        sides = assign_groups(bound, numbered(keys), list(wanted.values()), options.seed)
        dropped = _stray_copies(sides, same, list(wanted.values()), names) if chained else {}

    side_of = np.full(count, LEFT_OUT, dtype=np.int64)
    side_of[kept] = sides
    for place, reason in dropped.items():
        reasons[int(kept[place])] = reason
        side_of[kept[place]] = LEFT_OUT
    placed = side_of[kept] != LEFT_OUT
    groups = np.full(count, -1, dtype=np.int64)
    groups[kept[placed]] = connected(same[placed], *(column[placed] for column in columns.values()))
    _check_whole(side_of, groups)
    by_dates = options.dev_from is not None or options.test_from is not None
    found = tuple(
        _side(name, place, side_of, groups, codes, None if by_dates else wanted[name], moments)
        for place, name in enumerate(names)
    )
    for side in found:
        if not side.rows:
            raise InputError(_empty(side.name, count, groups, moments is not None, dropped))
    notes = _notes(found, codes, groups, dropped, chained, columns, moments is not None)
    return Split(
        found, side_of, dict(sorted(reasons.items())), groups, (COPIES, *columns),
        "set aside" if chained or moments is not None else "joined", tuple(notes),
    )  # fmt: skip


def assign_groups(groups: IntArray, strata: IntArray, shares: Sequence[float], seed: int) -> IntArray:
    """Choose a side for every group, so that each stratum has its share on every side as nearly as may be.

    Args:
        groups: (n,) the group of each post, from 0.
        strata: (n,) what is to have the same share everywhere, such as the label, from 0.
        shares: what each side is to hold, summing to 1.
        seed: decides between groups of about one size.

    Returns:
        (n,) the side of each post.
    """
    sizes = np.bincount(groups)
    strata_count = int(strata.max()) + 1
    pairs, counts = np.unique(groups * strata_count + strata, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(len(sizes) + 1) * strata_count).tolist()
    held = list(zip((pairs % strata_count).tolist(), counts.tolist(), strict=True))
    # All posts together are a stratum as well, so that rare labels, which must be rounded, do not shift the shares.
    totals = [*np.bincount(strata).tolist(), len(groups)]
    wanted = [[share * total for total in totals] for share in shares]
    here = [[0] * len(totals) for _ in shares]
    # Largest first, but sizes within a factor of 2 in any order: with few groups, seeds then differ.
    jitter = np.random.default_rng(seed).random(len(sizes)) + 1
    order = np.argsort(-sizes * jitter, kind="stable").tolist()
    chosen = [LEFT_OUT] * len(sizes)
    everything = len(totals) - 1

    def parts(group: int) -> list[tuple[int, int]]:
        return [*held[starts[group] : starts[group + 1]], (everything, int(sizes[group]))]

    def cost(side: int, items: list[tuple[int, int]], before: int) -> float:
        """How much farther from what is wanted a side is with a group than without; `before`: 1 if it is counted in."""
        have, want = here[side], wanted[side]
        total: float = sum(
            size * (2 * (have[stratum] - before * size - want[stratum]) + size) / want[stratum]
            for stratum, size in items
        )
        return total

    def put(side: int, items: list[tuple[int, int]], sign: int) -> None:
        for stratum, size in items:
            here[side][stratum] += sign * size

    for group in order:
        items = parts(group)
        costs = [cost(side, items, 0) for side in range(len(shares))]
        chosen[group] = costs.index(min(costs))
        put(chosen[group], items, 1)
    for _ in range(_ROUNDS):  # what was laid early could not know what came later
        moved = False
        for group in order:
            items, own = parts(group), chosen[group]
            costs = [cost(side, items, int(side == own)) for side in range(len(shares))]
            best = costs.index(min(costs))
            if costs[best] < costs[own] - 1e-9:
                put(own, items, -1)
                put(best, items, 1)
                chosen[group] = best
                moved = True
        if not moved:
            break
    for side in range(len(shares)):
        if here[side][everything]:
            continue
        # A side that holds nothing is of no use: what changes the others least goes there.
        several = Counter(chosen)
        movable = [group for group in order if several[chosen[group]] > 1]
        if movable:
            least = min(movable, key=lambda group: cost(side, parts(group), 0) - cost(chosen[group], parts(group), 1))
            put(chosen[least], parts(least), -1)
            put(side, parts(least), 1)
            chosen[least] = side
    return np.array(chosen, dtype=np.int64)[groups]


def hold_out(
    texts: Sequence[str],
    labels: Sequence[int],
    share: float,
    seed: int,
    contexts: Sequence[str | None] | None = None,
) -> tuple[list[int], list[int]]:
    """Choose the posts to hold out: by label, and never one of two copies.

    Args:
        texts: posts.
        labels: their labels; each keeps its share on both sides as far as the groups allow.
        share: how much to hold out.
        seed: decides which.
        contexts: what each post answers, see `groups.copies`.

    Returns:
        The places of the training posts and of the held-out posts, each in input order.

    Raises:
        InputError: there are too few posts to hold any out.
    """
    groups = copies(texts, contexts)
    different = len(set(groups.tolist()))
    if different < max(2, round(1 / share)):
        raise InputError(
            f"{different} different posts are too few to hold {share:.0%} out; give dev files, or more data"
        )
    sides = assign_groups(groups, np.asarray(labels, dtype=np.int64), [1 - share, share], seed)
    train, dev = (np.flatnonzero(sides == side).tolist() for side in (0, 1))
    return train, dev


# -- reading labels and times -----------------------------------------------------------------------------------------


def _label_codes(
    labels: Sequence[Label | str | None] | None,
    count: int,
    options: SplitOptions,
    where: Callable[[int], str],
    reasons: dict[int, str],
) -> IntArray:
    """Return severities, -1 without a label; posts that are set aside for that get their reason."""
    codes = np.full(count, -1, dtype=np.int64)
    if labels is None:
        return codes
    known: dict[object, int] = {label: label.severity for label in LABELS}
    for row, value in enumerate(labels):
        if value is not None and str(value).strip():
            if value not in known:
                try:
                    known[value] = Label.parse(value).severity
                except InputError as error:
                    # A long value may be a post, and error messages hold no post text.
                    told = str(error) if len(str(value)) <= 32 else f"unknown label of {len(str(value))} characters"
                    raise InputError(f"{where(row)}: {told}; mend the row, or say what it means with --map") from None
            codes[row] = known[value]
        elif options.unlabelled == "set-aside":
            reasons[row] = UNLABELLED
        elif options.unlabelled == "error":
            lacking = sum(value is None or not str(value).strip() for value in labels)
            raise InputError(
                f"{where(row)}: no label ({lacking:,} of {count:,} posts have none); label them, or leave them out "
                "with --unlabelled set-aside"
            )
    return codes


def _moments(
    times: Sequence[str | None], options: SplitOptions, where: Callable[[int], str], reasons: dict[int, str]
) -> FloatArray:
    """Return the posts' times; posts that are set aside without one get their reason."""
    moments = read_times(times, order=options.dates, where=where)
    lacking = [row for row in np.flatnonzero(np.isnan(moments)).tolist() if row not in reasons]
    if lacking and options.undated == "error":
        raise InputError(
            f"{len(lacking):,} of {len(moments):,} posts have no time that can be read, the first in "
            f"{where(lacking[0])}; mend them, or leave them out with --undated set-aside"
        )
    reasons.update(dict.fromkeys(lacking, UNDATED))
    return moments


# -- sides ------------------------------------------------------------------------------------------------------------


def _bound(
    same: IntArray,
    columns: Mapping[str, IntArray],
    options: SplitOptions,
    wanted: Mapping[str, float],
    until: str | None,
) -> tuple[IntArray, bool]:
    """Return the groups that are not parted, and whether copies do not bind them.

    Raises:
        InputError: values (or, with near-same "join", copies too) chain too many posts into one group.
    """
    count = len(same)
    alone = connected(*columns.values()) if columns else np.arange(count, dtype=np.int64)
    linked = connected(same, alone)
    chained = options.near_same == "set-aside"
    if options.near_same == "auto" and columns:
        chained = int(linked.max()) + 1 < len(wanted) or bool(
            np.bincount(linked).max() > _LARGEST_JOINED * count >= np.bincount(alone).max()
        )
    bound = alone if chained else linked
    sizes = np.bincount(bound)
    limit = max(_LARGEST_JOINED, *wanted.values())
    if columns and (len(sizes) < len(wanted) or sizes.max() > limit * count):
        names = " and ".join(columns)
        each = {name: int(np.bincount(values).max()) for name, values in columns.items()}
        told = "; ".join(f"{name} alone: {largest:,}" for name, largest in each.items())
        joined = options.near_same == "join"
        if joined and np.bincount(alone).max() <= limit * count and int(alone.max()) + 1 >= len(wanted):
            remedy = "set copies aside instead of joining them (--near-same set-aside)"
        elif len(columns) > 1 and min(each.values()) <= limit * count:
            remedy = f"keep fewer columns apart (the largest group of {told})"
        elif until:
            fewer = "make fewer folds (--folds)" if options.folds else "make fewer sides (--shares)"
            helps = 1 < len(sizes) < len(wanted) and sizes.max() <= limit * count
            remedy = f"{f'{fewer}, or ' if helps else ''}compare the whole values, without --until"
        else:
            remedy = "keep another column apart, or compare only the beginning of its values (--until)"
        raise InputError(
            f"kept apart by {names}{' and copies' if joined else ''}, {count:,} posts make {len(sizes):,} groups, the "
            f"largest of {sizes.max():,} ({_percent(sizes.max() / count)}): they cannot be parted into {len(wanted)} "
            f"sides; {remedy}"
        )
    return bound, chained


def _stray_copies(sides: IntArray, same: IntArray, wanted: Sequence[float], names: Sequence[str]) -> dict[int, str]:
    """Say which posts to leave out so that copies of one post stand on one side; by row, with the reason.

    Copies stay on the side that would miss them most, measured by what each side is to hold.
    """
    width = len(wanted)
    table = np.zeros((int(same.max()) + 1, width))
    np.add.at(table, (same, sides), 1)
    keep = np.argmax(table / np.asarray(wanted), axis=1)
    return {row: f"{COPIES} stand in {names[keep[same[row]]]}" for row in np.flatnonzero(sides != keep[same]).tolist()}


def _borders(moments: FloatArray, options: SplitOptions) -> tuple[list[str], FloatArray]:
    """Return the sides' names, earliest first, and where each but the first begins.

    Raises:
        ConfigError: a border cannot be read, or dev begins after test.
        InputError: shares would leave a side without a time of its own.
    """
    if options.dev_from is not None or options.test_from is not None:
        given = {"train": None, "dev": options.dev_from, "test": options.test_from}
        names = [name for name, value in given.items() if name == "train" or value is not None]
        borders = read_times([given[name] for name in names[1:]], order=options.dates)
        for name, border in zip(names[1:], borders.tolist(), strict=True):
            if math.isnan(border):
                raise ConfigError(f"--{name}-from: cannot read {given[name]!r} as a time; write it as 2024-11-27")
        if (np.diff(borders) <= 0).any():
            raise ConfigError("--dev-from lies before --test-from: train is earliest, test latest")
        return names, borders
    names, shares = list(options.wanted), list(options.wanted.values())
    ordered = np.sort(moments)
    starts = np.flatnonzero(
        np.diff(ordered, prepend=-np.inf)
    )  # where another time begins: posts of one time stay together
    cuts = np.cumsum(shares)[:-1] * len(ordered)
    chosen = [int(starts[np.argmin(np.abs(starts - cut))]) for cut in cuts]
    if 0 in chosen or len(set(chosen)) < len(chosen):
        raise InputError(
            f"{len(starts):,} different times part {len(ordered):,} posts too coarsely for the shares "
            f"{', '.join(names)}; give times to the day or finer, or borders with --dev-from and --test-from"
        )
    return names, ordered[chosen]


def _behind(
    sides: IntArray, moments: FloatArray, columns: Mapping[str, IntArray], names: Sequence[str]
) -> dict[int, str]:
    """Say which posts to leave out because their text or value stands on another side first; by row, the reason."""
    order = np.lexsort((np.arange(len(sides)), moments)).tolist()
    homes: dict[str, dict[int, int]] = {name: {} for name in columns}
    listed = {name: values.tolist() for name, values in columns.items()}
    own = sides.tolist()
    dropped: dict[int, str] = {}
    for row in order:
        away = next((name for name in listed if homes[name].get(listed[name][row], own[row]) != own[row]), None)
        if away is None:
            for name, values in listed.items():
                homes[name][values[row]] = own[row]
        else:
            what = f"{COPIES} stand" if away == COPIES else f"{away} stands"
            dropped[row] = f"{what} in {names[homes[away][listed[away][row]]]}"
    return dropped


def _check_whole(side_of: IntArray, groups: IntArray) -> None:
    """Make sure that no group stands on two sides, whatever way the sides were found."""
    placed = groups >= 0
    sides = np.full(int(groups.max()) + 1, LEFT_OUT, dtype=np.int64)
    sides[groups[placed]] = side_of[placed]
    if (sides[groups[placed]] != side_of[placed]).any():
        raise RuntimeError("a group of posts stands on two sides of the split")


def _side(
    name: str,
    place: int,
    side_of: IntArray,
    groups: IntArray,
    codes: IntArray,
    wanted: float | None,
    moments: FloatArray | None,
) -> Side:
    rows = np.flatnonzero(side_of == place)
    counts = np.bincount(codes[rows][codes[rows] >= 0], minlength=len(LABELS))
    return Side(
        name=name,
        rows=tuple(rows.tolist()),
        share=len(rows) / max(int((side_of != LEFT_OUT).sum()), 1),
        wanted=wanted,
        labels={label: int(counts[label.severity]) for label in LABELS},
        groups=len(np.unique(groups[rows])),
        first=float(moments[rows].min()) if moments is not None and rows.size else None,
        last=float(moments[rows].max()) if moments is not None and rows.size else None,
    )


# -- saying what came out ---------------------------------------------------------------------------------------------


def _empty(name: str, count: int, groups: IntArray, by_time: bool, dropped: Mapping[int, str]) -> str:
    if by_time:
        because = (
            f" once {len(dropped):,} posts are left out whose text or value stands in an earlier one" if dropped else ""
        )
        return f"{name} would be empty{because}; set other borders, or keep fewer columns apart"
    return (
        f"{name} would be empty: {count:,} posts make only {int(groups.max()) + 1:,} groups that cannot be parted; "
        "give it a larger share, or more posts"
    )


def _notes(
    sides: Sequence[Side],
    codes: IntArray,
    groups: IntArray,
    dropped: Mapping[int, str],
    chained: bool,
    columns: Mapping[str, IntArray],
    by_time: bool,
) -> list[str]:
    notes = []
    placed = groups >= 0
    largest = int(np.bincount(groups[placed]).max())
    if dropped and not by_time:
        notes.append(
            f"{len(dropped):,} posts are left out because copies of them stand on another side"
            + (
                f": joined with {' and '.join(columns)}, copies would chain most posts into one group"
                if columns
                else ""
            )
        )
    elif dropped:
        notes.append(f"{len(dropped):,} posts are left out because their text or value stands in an earlier split")
    elif chained:
        notes.append("copies did not bind; none of them stands on two sides")
    off = [
        (side.name, side.share, side.wanted)
        for side in sides
        if side.wanted is not None and abs(side.share - side.wanted) > max(_OFF, 1 / int(placed.sum()))
    ]
    if off:
        why = (
            "posts were left out" if dropped
            else "many posts have one time" if by_time
            else f"{int(placed.sum()):,} posts are few for these shares" if largest == 1
            else f"groups are not parted, and the largest has {largest:,} posts"
        )  # fmt: skip
        (first, share, wanted), *others = off
        told = [f"{first} holds {_percent(share)} of the posts instead of {_percent(wanted)}"]
        told += [f"{name} {_percent(share)} instead of {_percent(wanted)}" for name, share, wanted in others]
        notes.append(f"{', '.join(told)}: {why}")
    return [*notes, *_label_notes(sides, codes, placed)]


def _label_notes(sides: Sequence[Side], codes: IntArray, placed: npt.NDArray[np.bool_]) -> list[str]:
    """Say which labels a side lacks, and which have another share there than in all posts: one line each."""
    overall = np.bincount(codes[placed & (codes >= 0)], minlength=len(LABELS))
    without: dict[tuple[str, ...], list[str]] = {}
    uneven: dict[Label, list[tuple[float, str]]] = {}
    for side in sides:
        labelled = sum(side.labels.values())
        lacking = tuple(label.value for label in LABELS if overall[label.severity] and not side.labels[label])
        if lacking:
            without.setdefault(lacking, []).append(side.name)
        for label in LABELS:
            if not labelled or label.value in lacking:
                continue
            share, all_share = side.labels[label] / labelled, float(overall[label.severity] / overall.sum())
            if abs(share - all_share) > max(_UNBALANCED, 1 / labelled):
                uneven.setdefault(label, []).append((share, f"{_percent(share)} of {side.name}"))
    notes = []
    if without:
        told = [
            f"{_and(names)} {'has' if len(names) == 1 else 'have'} no {' and no '.join(labels)} post"
            for labels, names in without.items()
        ]
        notes.append("; ".join(told))
    if uneven:
        told = []
        for label, found in sorted(uneven.items(), key=lambda item: item[0].severity):
            everywhere = _percent(float(overall[label.severity] / overall.sum()))
            shares = [share for _, share in found]
            if len(found) > 2:  # the table has all of them
                shares = [f"{min(found)[1]} to {max(found)[1]}"]
            told.append(f"{label.value} are {everywhere} of all posts, but {_and(shares)}")
        notes.append("; ".join(told))
    return notes


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _iso(seconds: float | None) -> str | None:
    import datetime

    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
