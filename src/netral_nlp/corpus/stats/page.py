"""The figures as one page, and the file of numbers beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from netral_nlp.corpus.stats import plots
from netral_nlp.corpus.stats.copies import Copies, Group, Overlap
from netral_nlp.corpus.stats.lengths import Lengths
from netral_nlp.corpus.stats.measure import Stats
from netral_nlp.corpus.stats.posts import COLUMNS, UNLABELLED, Counts, counted
from netral_nlp.corpus.stats.table import DOUBT_ROWS, SAME, SPREAD_HEAD, beyond_line, name, present, spread_row
from netral_nlp.errors import InputError
from netral_nlp.evaluation.metrics import percent
from netral_nlp.labels import LABELS
from netral_nlp.page.document import document
from netral_nlp.page.html import folded, label_html, left_cell, name_cell, section, table_html

PAGE_NAME, FIGURES_NAME = "stats.html", "stats.json"
_TITLE = "What the posts are made of"


def check_report_folder(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that the page must not be written into, before long counting.

    Raises:
        InputError: it is a file, or holds such a page already and `overwrite` is not set.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; name a folder for the report")
    for file in (PAGE_NAME, FIGURES_NAME):
        if not overwrite and (path / file).exists():
            raise InputError(f"{path / file}: is there already; name another folder, or replace it with --overwrite")


def write_page(stats: Stats, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write `stats.html` and `stats.json` into a folder, which is made where it is missing.

    Args:
        stats: what was counted.
        folder: where to.
        overwrite: replace what is there.

    Returns:
        The paths of the files, the page first.

    Raises:
        InputError: the folder cannot be written, or holds such files already.
    """
    folder = Path(folder)
    check_report_folder(folder, overwrite=overwrite)
    contents = {PAGE_NAME: render_page(stats), FIGURES_NAME: figures_text(stats)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            part = folder / f"{file}.part"  # whole or not at all
            part.write_text(content, encoding="utf-8", errors="replace")
            part.replace(folder / file)
    except OSError as error:
        raise InputError(f"{folder}: cannot write the report ({error.strerror}); name another folder") from None
    return tuple(folder / file for file in contents)


def figures_text(stats: Stats) -> str:
    """Return what `stats.json` holds."""
    return json.dumps(stats.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def render_page(stats: Stats) -> str:
    """Return the figures as one HTML page that asks for nothing from outside and shows no post."""
    files = ", ".join(f"{escape(file)} ({rows:,})" for file, rows in stats.files.items())
    parts = {
        "balance": ("Labels", [_balance(stats), *(_cut(cut.column, cut.rows(), stats.balance) for cut in stats.cuts)]),
        "time": ("Over time", [_time(stats)]),
        "annotation": ("Annotators, authors, contexts", [_people(stats)]),
        "lengths": ("Lengths", [_lengths(stats)]),
        "content": ("What posts consist of", [_content(stats)]),
        "duplicates": ("Duplicates", [_repeats(stats)]),
        "overlap": ("Overlap", [_overlap(overlap, stats.repeats.threshold) for overlap in stats.repeats.overlaps]),
        "words": ("Telling words", [_words(stats)]),
    }
    shown = {key: (title, body) for key, (title, found) in parts.items() if (body := [part for part in found if part])}
    links = " ".join(f'<a href="#{key}">{title}</a>' for key, (title, _) in shown.items())
    notes = "".join(f'<p class="soft small">Note: {escape(_sentence(note))}</p>' for note in stats.notes)
    return document(
        _TITLE,
        [
            f"<h1>{_TITLE}</h1>",
            f'<p class="soft">{counted(stats.posts)} in {counted(len(stats.files), "file")}: {files}</p>',
            _tiles(stats),
            notes,
            f"<nav>{links}</nav>",
            *(section(key, title, *body) for key, (title, body) in shown.items()),
        ],
        style=plots.STYLE,
    )


def _sentence(note: str) -> str:
    return f"{note}."


def _tiles(stats: Stats) -> str:
    labelled = sum(stats.balance[: len(LABELS)])
    found = stats.repeats
    copies = found.near or found.exact
    one, several = ("a copy", "copies") if found.near is None else ("a copy or near copy", "copies or near copies")
    kind = f"is {one}" if copies.copies == 1 else f"are {several}"
    tiles = [
        (f"{stats.posts:,}", "post" if stats.posts == 1 else "posts"),
        (f"{labelled:,}", "of them labelled"),
        (f"{copies.copies:,}", f"{kind} of another ({percent(copies.copies, copies.posts)})"),
    ]
    tiles += [_leak(overlap) for overlap in found.overlaps[:1]]
    if labelled:
        rarest = min(range(len(LABELS)), key=lambda code: stats.balance[code])
        share = percent(stats.balance[rarest], labelled)
        tiles.append((share, f"of the labelled posts are {COLUMNS[rarest]}, the rarest label"))
    shown = "".join(f'<div class="tile"><b>{value}</b><span>{what}</span></div>' for value, what in tiles)
    return f'<div class="tiles">{shown}</div>'


def _label(code: int) -> str:
    return label_html(COLUMNS[code]) if code < len(LABELS) else UNLABELLED


def _key(codes: Sequence[int]) -> str:
    items = "".join(f"<li>{plots.swatch(code)} <span>{_label(code)}</span></li>" for code in codes)
    return f'<ul class="key">{items}</ul>'


def _balance(stats: Stats) -> str:
    codes = present(stats.balance)
    plot = plots.balance_plot([(code, name(COLUMNS[code])) for code in codes], stats.balance)
    return f'<div class="figures"><figure>{plot}</figure></div>'


def _cut(column: str, values: Sequence[tuple[str, Counts]], balance: Counts) -> str:
    """One column's values: bars that the labels share, with counts."""
    codes = present(balance)
    rows = [
        [
            name_cell(value),
            f"{sum(counts):,}",
            f'<td class="bar">{plots.share_bar(counts, value)}</td>',
            *(f'{counts[code]:,} <span class="range">{percent(counts[code], sum(counts))}</span>' for code in codes),
        ]
        for value, counts in values
    ]
    axis = '<th class="bar">share of its posts<span><span>0</span><span>100 %</span></span></th>'
    head = [escape(column), "posts", axis, *(f"{plots.swatch(code)} {_label(code)}" for code in codes)]
    return f'<h3>By {escape(column)}</h3><div class="cut">{table_html(head, rows)}</div>'


def _time(stats: Stats) -> str:
    timeline = stats.timeline
    if timeline is None:
        return ""
    codes = present(stats.balance)
    plot = f'<div class="scroll"><figure>{plots.time_plot(timeline)}</figure></div>'
    left = []
    if timeline.undated:
        left.append(f"{counted(timeline.undated)} without a {timeline.unit}")
    if timeline.unreadable:
        left.append(f"the dates of {timeline.unreadable:,} could not be read")
    note = f'<p class="soft small">{_capital("; ".join(left))}.</p>' if left else ""
    numbers = _cut(timeline.unit, list(timeline.parts.items()), stats.balance)
    if timeline.unit == "year":  # the same numbers stand above already
        return f"{_key(codes)}{plot}{note}"
    return f"{_key(codes)}{plot}{note}{folded('Label balance by month', numbers)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _people(stats: Stats) -> str:
    rows: list[tuple[str, int]] = []
    if stats.with_context:
        rows.append(("with the text that they answer", stats.with_context))
    if stats.unsure is not None:
        rows += [(DOUBT_ROWS.get(what, f"sure or not: {what}"), posts) for what, posts in stats.unsure.items() if posts]
    rows += [(f"labelled by {counted(number, 'annotator')}", posts) for number, posts in stats.annotators.items()]
    parts = []
    if rows:
        shown = [[name_cell(what), f"{posts:,}", percent(posts, stats.posts)] for what, posts in rows]
        parts.append(table_html(["posts", "", "share"], shown))
    people = [
        [
            left_cell(what),
            f"{persons.count:,}",
            f"{persons.posts:,}",
            f'<td class="name">{", ".join(f"{posts:,}" for posts in persons.most_active)}</td>',
            percent(sum(persons.most_active), persons.posts),
        ]
        for what, persons in (("authors", stats.authors), ("threads", stats.threads))
        if persons is not None
    ]
    if people:
        parts.append(table_html(["", "different", "posts", "posts of the ten with most", "their share"], people))
    return "".join(parts)


def _lengths(stats: Stats) -> str:
    if not stats.lengths:
        return ""
    names = {code: name(COLUMNS[code]) for code in present(stats.balance)}
    parts = []
    for unit, lengths in stats.lengths.items():
        figures = "".join(f"<figure>{plot}</figure>" for plot in plots.length_plots(lengths, names))
        told = beyond_line(lengths, stats.model)
        body = f'<div class="figures">{figures}</div>{_spreads(lengths)}' + (
            f"<p>{_capital(escape(told))}.</p>" if told else ""
        )
        parts.append(f"<h3>In {unit}</h3>{body}" if unit != "characters" else folded("In characters", body))
    parts.sort(key=lambda part: part.startswith("<details"))
    note = (
        '<p class="soft small">Of posts that are not empty. Links, account names, hashtags and numbers are no words. '
        "The last bar also holds everything longer.</p>"
    )
    return note + "".join(parts)


def _spreads(lengths: Lengths) -> str:
    rows = [spread_row("all", lengths.all)]
    if len(lengths.by_label) > 1:
        rows += [spread_row(label, spread) for label, spread in lengths.by_label.items()]
    return table_html(["", *SPREAD_HEAD], rows)


def _content(stats: Stats) -> str:
    rows = [[left_cell(kind), f"{posts:,}", percent(posts, stats.posts)] for kind, posts in stats.kinds.items()]
    flags = [[left_cell(flag), f"{posts:,}", percent(posts, stats.posts)] for flag, posts in stats.flags.items()]
    return (
        f'<div class="pair"><div>{table_html(["posts of", "posts", "share"], rows)}</div>'
        f"<div>{table_html(['posts with', 'posts', 'share'], flags)}</div></div>"
    )


def _repeats(stats: Stats) -> str:
    found = stats.repeats
    kinds: list[tuple[str, Copies]] = [("Word for word", found.exact)]
    if found.near is not None:
        kinds.append((f"Nearly (likeness {found.threshold:g} or more)", found.near))
    rows = [
        [
            left_cell(title),
            f"{copies.copies:,}",
            percent(copies.copies, copies.posts),
            f"{copies.groups:,}",
            f"{copies.in_groups:,}",
            f"{copies.mixed:,}",
        ]
        for title, copies in kinds
    ]
    head = ["the same", "copies", "share", "groups", "posts in them", "groups with different labels"]
    parts = [
        f'<p class="soft small">A copy is a post beyond the first of its group: {SAME}, nor does what a post answers. '
        "Likeness is the Jaccard index of runs of five characters; empty posts are not compared.</p>",
        table_html(head, rows),
    ]
    drawn = [
        f"<figure>{plots.copies_plot(copies, f'{title}: posts by size of group')}</figure>"
        for (_, copies), title in zip(kinds, ("Word for word", "Near duplicates"), strict=False)
        if copies.groups
    ]
    if drawn:
        parts.append(f'<div class="figures">{"".join(drawn)}</div>')
    largest = (found.near or found.exact).largest
    if largest:
        parts.append(
            "<h3>The largest groups</h3>"
            + table_html(
                ["posts", '<th class="left">rows</th>', "texts", *(_label(code) for code in present(stats.balance))],
                [
                    [
                        f"{group.posts:,}",
                        f'<td class="wide">{_where(group)}</td>',
                        f"{group.texts:,}",
                        *(f"{group.labels[code]:,}" for code in present(stats.balance)),
                    ]
                    for group in largest
                ],
            )
        )
    return "".join(parts)


def _where(group: Group) -> str:
    listed = sum(len(rows) for rows in group.rows.values())
    parts = [f"{escape(file)}: {', '.join(map(str, rows))}" for file, rows in group.rows.items()]
    more = f"; and {group.posts - listed:,} more" if group.posts > listed else ""
    return "<br>".join(parts) + more


def _leak(overlap: Overlap) -> tuple[str, str]:
    """Return the pair of parts that have most in common, of the smaller one's posts, as a tile."""
    pairs = [pair for pair in overlap.shared if overlap.posts[pair.part] and _either(pair.exact, pair.near)]
    if not pairs:
        return "0", f"posts are in two {overlap.kind}s at once"
    worst = max(pairs, key=lambda pair: _either(pair.exact, pair.near) / overlap.posts[pair.part])
    number = _either(worst.exact, worst.near)
    share = percent(number, overlap.posts[worst.part])
    told = "post of {} ({}) is" if number == 1 else "posts of {} ({}) are"
    return f"{number:,}", f"{told.format(escape(worst.part), share)} also in {escape(worst.other)}"


def _either(exact: int, near: int | None) -> int:
    return exact if near is None else near


def _overlap(overlap: Overlap, threshold: float) -> str:
    names = list(overlap.posts)
    rows = []
    for part in names:
        cells = []
        for other in names:
            if part == other:
                cells.append('<td class="empty"></td>')
                continue
            pair = overlap.between(part, other)
            near = "?" if pair.near is None else f"{pair.near:,}"
            share = _either(pair.exact, pair.near) / max(overlap.posts[part], 1)
            cells.append(
                f'<td class="shade" style="--part:{round(60 * share)}%">{pair.exact:,} / {near}'
                f'<span class="range"> {percent(share, 1)}</span></td>'
            )
        rows.append([name_cell(part), f"{overlap.posts[part]:,}", *cells])
    left = f" The {overlap.left_out:,} smallest of them are not compared." if overlap.left_out else ""
    unknown = (
        " A question mark: near duplicates were not looked for in all of both."
        if any(pair.near is None for pair in overlap.shared)
        else ""
    )
    return (
        f"<h3>Between {overlap.kind}s</h3>"
        + table_html(["posts of \\ that are also in", "posts", *map(escape, names)], rows)
        + '<p class="soft small">Word for word / word for word or nearly (likeness '
        f"{threshold:g} or more), and the share of the row's posts.{left}{unknown}</p>"
    )


def _words(stats: Stats) -> str:
    if not stats.words:
        return ""
    tables = [
        f"<div><h3>{label_html(label)}</h3>"
        + table_html(
            ["word", "its posts", "others", "z"],
            [[name_cell(word.word), f"{word.posts:,}", f"{word.others:,}", f"{word.z:.1f}"] for word in words],
        )
        + "</div>"
        for label, words in stats.words.items()
        if words
    ]
    note = (
        '<p class="soft small">Words that posts of a label have more often than the others: log-odds ratios with an '
        "informative Dirichlet prior (Monroe, Colaresi and Quinn 2008), in standard errors. Copies count once; links, "
        "account names and numbers are left out, and words of fewer than ten posts.</p>"
    )
    return f'{note}<div class="pair">{"".join(tables)}</div>' if tables else ""
