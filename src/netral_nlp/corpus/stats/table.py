"""The figures as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from netral_nlp.corpus.stats.copies import Copies, Group, Overlap
from netral_nlp.corpus.stats.lengths import Lengths, Spread
from netral_nlp.corpus.stats.measure import Cut, Stats
from netral_nlp.corpus.stats.posts import COLUMNS, UNLABELLED, Counts, counted
from netral_nlp.evaluation.metrics import align, percent
from netral_nlp.labels import LABELS, Label

_LONGEST_NAME = 60
_GROUPS = 5
_ROWS = 8
SAME = "handles, links, phone and identity numbers and letter case do not make another post"
"""What "the same" means, wherever copies are counted."""
DOUBT_ROWS = {"unsure": "an annotator unsure, or annotators differ", "sure": "annotators sure"}
QUANTILE_NAMES = {0.05: "5 %", 0.25: "25 %", 0.5: "median", 0.75: "75 %", 0.95: "95 %", 0.99: "99 %"}


def tables(stats: Stats) -> str:
    """Return the figures as compact tables, one blank line apart."""
    parts = [_head(stats), _balance(stats)]
    parts += [_cut(cut, stats.balance) for cut in stats.cuts]
    if stats.timeline is not None and stats.timeline.unit == "month":
        rows = list(stats.timeline.parts.items())
        parts.append(_by("month", rows, stats.balance))
    parts += [_people(stats), _content(stats), _lengths(stats), _repeats(stats)]
    parts += [_overlap(overlap) for overlap in stats.repeats.overlaps]
    if stats.words is not None:
        parts += [
            f"words that tell {name(label)} from the others: "
            + ", ".join(f"{word.word} ({word.z:.1f})" for word in words)
            for label, words in stats.words.items()
            if words
        ]
    parts += [f"note: {note}" for note in stats.notes]
    return "\n\n".join(part for part in parts if part)


def name(column: str) -> str:
    """Return a label with its Indonesian name; what is no label stays."""
    return column if column == UNLABELLED else f"{column} ({Label(column).indonesian})"


def present(balance: Counts) -> list[int]:
    """Return which of `COLUMNS` are worth a column: the labels where any post has one, unlabelled where any has not."""
    labels = list(range(len(LABELS))) if sum(balance[: len(LABELS)]) else []
    return [*labels, len(LABELS)] if balance[len(LABELS)] else labels


def _head(stats: Stats) -> str:
    files = ", ".join(f"{_short(file)} {rows:,}" for file, rows in stats.files.items()) if len(stats.files) > 1 else ""
    shown = f"{counted(stats.posts)} in {counted(len(stats.files), 'file')}"
    return f"{shown}: {files}" if files else shown


def _balance(stats: Stats) -> str:
    rows = [["label", "posts", "share"]]
    labelled = sum(stats.balance[: len(LABELS)])
    for code in present(stats.balance):
        whole = labelled if code < len(LABELS) and stats.balance[len(LABELS)] == 0 else stats.posts
        rows.append([name(COLUMNS[code]), f"{stats.balance[code]:,}", percent(stats.balance[code], whole)])
    return "\n".join(align(rows))


def _cut(cut: Cut, balance: Counts) -> str:
    return _by(cut.column, cut.rows(), balance)


def _by(column: str, values: Sequence[tuple[str, Counts]], balance: Counts) -> str:
    shown = present(balance)
    rows = [[column, "posts", *(COLUMNS[code] for code in shown if len(shown) > 1)]]
    for value, counts in values:
        posts = sum(counts)
        cells = [percent(counts[code], posts) for code in shown if len(shown) > 1]
        rows.append([_short(value), f"{posts:,}", *cells])
    return "\n".join(align(rows))


def _people(stats: Stats) -> str:
    rows = []
    if stats.with_context:
        rows.append(["with the text they answer", f"{stats.with_context:,}", percent(stats.with_context, stats.posts)])
    if stats.unsure is not None:
        shown = [(DOUBT_ROWS.get(what, f"sure or not {what}"), posts) for what, posts in stats.unsure.items() if posts]
        rows += [[what, f"{posts:,}", percent(posts, stats.posts)] for what, posts in shown]
    for number, posts in stats.annotators.items():
        rows.append([f"labelled by {counted(number, 'annotator')}", f"{posts:,}", percent(posts, stats.posts)])
    lines = align([["posts", "", "share"], *rows]) if rows else []
    for what, persons in (("authors", stats.authors), ("threads", stats.threads)):
        if persons is not None:
            most = ", ".join(f"{posts:,}" for posts in persons.most_active)
            lines.append(
                f"{what}: {persons.count:,} of {counted(persons.posts)}; those with most posts: {most} "
                f"({percent(sum(persons.most_active), persons.posts)})"
            )
    return "\n".join(lines)


def _content(stats: Stats) -> str:
    rows = [["posts consist of", "posts", "share"]]
    rows += [[kind, f"{posts:,}", percent(posts, stats.posts)] for kind, posts in stats.kinds.items()]
    rows += [[f"with {flag}", f"{posts:,}", percent(posts, stats.posts)] for flag, posts in stats.flags.items()]
    return "\n".join(align(rows))


def spread_row(title: str, spread: Spread) -> list[str]:
    """Return one row of a table of lengths."""
    quantiles = [f"{value:,.0f}" for value in spread.quantiles.values()]
    return [title, f"{spread.posts:,}", f"{spread.mean:,.1f}", f"{spread.least:,}", *quantiles, f"{spread.most:,}"]


SPREAD_HEAD = ("posts", "mean", "least", *QUANTILE_NAMES.values(), "most")


def beyond_line(lengths: Lengths, model: str | None) -> str:
    """Say how many posts are longer than the model reads at once; nothing where no tokens were counted."""
    if lengths.window is None or lengths.beyond is None:
        return ""
    verb, them = ("is", "it is") if lengths.beyond == 1 else ("are", "they are")
    return (
        f"{counted(lengths.beyond)} ({percent(lengths.beyond, lengths.all.posts)}) {verb} longer than the "
        f"{lengths.window:,} tokens that {model} reads at once: {them} read in windows when scored, and cut in "
        "training"
    )


def _lengths(stats: Stats) -> str:
    rows = [["length in", *SPREAD_HEAD]]
    for unit, lengths in stats.lengths.items():
        rows.append(spread_row(unit, lengths.all))
        if unit == "words" and len(lengths.by_label) > 1:
            rows += [spread_row(f"  {label}", spread) for label, spread in lengths.by_label.items()]
    if len(rows) == 1:
        return ""
    lines = align(rows)
    lines += [line for lengths in stats.lengths.values() if (line := beyond_line(lengths, stats.model))]
    return "\n".join(lines)


def _repeats(stats: Stats) -> str:
    found = stats.repeats
    rows = [["duplicates", "copies", "share", "groups", "posts in them", "with different labels"]]
    shown: list[tuple[str, Copies]] = [("word for word", found.exact)]
    if found.near is not None:
        shown.append((f"near (likeness {found.threshold:g})", found.near))
    rows += [
        [
            title,
            f"{copies.copies:,}",
            percent(copies.copies, copies.posts),
            f"{copies.groups:,}",
            f"{copies.in_groups:,}",
            f"{copies.mixed:,}",
        ]
        for title, copies in shown
    ]
    lines = [*align(rows), f"({SAME})"]
    largest = (found.near or found.exact).largest[:_GROUPS]
    if largest:
        lines.append("largest groups (posts; rows):")
        lines += [f"  {group.posts:,}; {rows_of(group, _ROWS)}" for group in largest]
    return "\n".join(lines)


def rows_of(group: Group, most: int) -> str:
    """Say where a group's first posts are."""
    parts, left = [], most
    for file, rows in group.rows.items():
        if left <= 0:
            break
        parts.append(f"{_short(file)} {', '.join(map(str, rows[:left]))}")
        left -= len(rows[:left])
    more = group.posts - (most - left)
    return "; ".join(parts) + (f"; and {more:,} more" if more else "")


def _overlap(overlap: Overlap) -> str:
    names = list(overlap.posts)
    rows = [[f"{overlap.kind}: posts that are also in", *(_short(other, 24) for other in names), "of posts"]]
    for part in names:
        cells = ["" if part == other else overlap_cell(overlap, part, other) for other in names]
        rows.append([_short(part), *cells, f"{overlap.posts[part]:,}"])
    lines = [*align(rows), "(word for word / word for word or nearly)"]
    if overlap.left_out:
        lines.append(f"({overlap.left_out:,} smaller ones are not compared)")
    return "\n".join(lines)


def overlap_cell(overlap: Overlap, part: str, other: str) -> str:
    """Return how many of a part's posts another has: exact / near."""
    shared = overlap.between(part, other)
    return f"{shared.exact:,} / {'?' if shared.near is None else f'{shared.near:,}'}"


def _short(text: str, most: int = _LONGEST_NAME) -> str:
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"
