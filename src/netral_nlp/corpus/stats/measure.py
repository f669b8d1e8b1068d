"""What a set of posts is made of, counted in one pass over it."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from netral_nlp.corpus.annotations.tasks import TaskOptions
from netral_nlp.corpus.field_values import FLAGS, fold
from netral_nlp.corpus.groups import value_key
from netral_nlp.corpus.stats.copies import RepeatFinder, Repeats
from netral_nlp.corpus.stats.lengths import Lengths, TokenCounter
from netral_nlp.corpus.stats.posts import COLUMNS, Counts, Post, counted
from netral_nlp.corpus.stats.reading import PostFiles
from netral_nlp.corpus.stats.traits import KINDS, Traits, traits_of, without_accounts
from netral_nlp.corpus.stats.words import TellingWord, WordCounts
from netral_nlp.corpus.times import read_times
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.formats.known import guess_field

SCHEMA = 1
KIND = "data-stats"
NOT_STATED = "(not stated)"
CUTS = ("split", "platform", "source", "action", "direction")
"""What label balance is always told by, where posts have it; besides, the year."""
NEVER_NAMED = ("author", "thread", "text", "context", "id")
"""Fields whose values point to a person or are posts: they are counted, never named."""
MARKS = ("links", "handles", "hashtags", "emoji")
NEAR_POSTS = 200_000
MOST_VALUES = 20
_MOST_ACTIVE = 10
_LONGEST_VALUE = 160
_MOST_MONTHS = 60
_FIRST_TIME, _LAST_TIME = 631_152_000, 4_102_444_800
"""1990 and 2100, in seconds since 1970."""
_YEAR = re.compile(r"((?:19|20)\d{2})(?:\.0)?")


@dataclass(frozen=True)
class StatsOptions:
    """What is counted.

    Attributes:
        by: further columns to tell label balance by.
        near: the least likeness of near duplicates (Jaccard of runs of five characters), 0.1 to 1.
        near_posts: among how many posts, from the first on, near duplicates are looked for; 0 for none.
        words: also find the words that tell the labels apart. They are words of posts.
        model: also count tokens as this model reads them.
    """

    by: Sequence[str] = ()
    near: float = 0.7
    near_posts: int = NEAR_POSTS
    words: bool = False
    model: str | Path | None = None

    def __post_init__(self) -> None:
        if not 0.1 <= self.near <= 1:
            raise ConfigError(f"--near is a likeness from 0.1 to 1; got {self.near:g}")
        if self.near_posts < 0:
            raise ConfigError(f"--near-posts is a whole number, 0 or more; got {self.near_posts}")
        for name in self.by:
            if name in NEVER_NAMED or guess_field("author", [name]) or guess_field("thread", [name]):
                raise ConfigError(f"--by {name}: its values are posts or point to a person; name another column")


@dataclass(frozen=True)
class Cut:
    """Label balance by the values of a column.

    Attributes:
        column: its name.
        values: posts by label for each of the most frequent values, the most frequent first.
        rest: posts by label of all other values together.
        rest_values: how many other values there are.
        missing: posts by label that state none.
    """

    column: str
    values: dict[str, Counts]
    rest: Counts
    rest_values: int
    missing: Counts

    def rows(self) -> list[tuple[str, Counts]]:
        """Return the values with their counts, then what is pooled and what is missing, where there is any."""
        rows = list(self.values.items())
        if self.rest_values:
            rows.append((f"({self.rest_values:,} others)", self.rest))
        if sum(self.missing):
            rows.append((NOT_STATED, self.missing))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "values": [{"value": value, **_named(counts)} for value, counts in self.values.items()],
            "other_values": self.rest_values,
            "others": _named(self.rest),
            "not_stated": _named(self.missing),
        }


@dataclass(frozen=True)
class Timeline:
    """Label balance over time.

    Attributes:
        unit: "month" or "year".
        parts: posts by label for each month (`2024-02`) or year that has posts, in order.
        undated: posts whose date is not stated.
        unreadable: posts whose date could not be read.
    """

    unit: str
    parts: dict[str, Counts]
    undated: int
    unreadable: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "unit": self.unit,
            "parts": [{self.unit: part, **_named(counts)} for part, counts in self.parts.items()],
            "undated": self.undated,
            "unreadable": self.unreadable,
        }


@dataclass(frozen=True)
class Persons:
    """How many authors (or threads) there are; none is named.

    Attributes:
        count: how many different ones.
        posts: posts that state theirs.
        most_active: posts of the ten that have most.
    """

    count: int
    posts: int
    most_active: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"count": self.count, "posts": self.posts, "posts_of_most_active": list(self.most_active)}


@dataclass(frozen=True)
class Stats:
    """What a set of posts is made of. It holds no text of a post but, where asked for, single words.

    Attributes:
        files: rows by file.
        posts: how many posts.
        balance: posts by label.
        cuts: label balance by column.
        timeline: label balance over time; None where no post has a date.
        with_context: posts with the text that they answer.
        unsure: posts of which an annotator was unsure (or annotators differ), all were sure, and nothing is said; None
            where no post says.
        annotators: posts by the number of people who labelled them; empty where no post says.
        authors: None where no post states its author.
        threads: None where no post states its thread.
        kinds: posts by what they consist of.
        flags: posts with links, account names, hashtags, emoji.
        lengths: of posts that are not empty, by unit.
        model: whose tokens were counted.
        repeats: copies and overlaps.
        words: each label's most telling words; None where not asked for.
        notes: what a reader must know, one line each.
    """

    files: dict[str, int]
    posts: int
    balance: Counts
    cuts: tuple[Cut, ...]
    timeline: Timeline | None
    with_context: int
    unsure: dict[str, int] | None
    annotators: dict[int, int]
    authors: Persons | None
    threads: Persons | None
    kinds: dict[str, int]
    flags: dict[str, int]
    lengths: dict[str, Lengths]
    model: str | None
    repeats: Repeats
    words: dict[str, tuple[TellingWord, ...]] | None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: what `stats.json` holds."""
        return {
            "schema": SCHEMA,
            "kind": KIND,
            "files": [{"file": file, "rows": rows} for file, rows in self.files.items()],
            "posts": self.posts,
            "balance": _named(self.balance),
            "by": {cut.column: cut.to_dict() for cut in self.cuts},
            "time": None if self.timeline is None else self.timeline.to_dict(),
            "with_context": self.with_context,
            "unsure": self.unsure,
            "annotators": {str(number): posts for number, posts in self.annotators.items()},
            "authors": None if self.authors is None else self.authors.to_dict(),
            "threads": None if self.threads is None else self.threads.to_dict(),
            "consists_of": self.kinds,
            "with": self.flags,
            "lengths": {unit: lengths.to_dict() for unit, lengths in self.lengths.items()},
            "model": self.model,
            "duplicates": self.repeats.to_dict(),
            "words": None
            if self.words is None
            else {label: [word.to_dict() for word in words] for label, words in self.words.items()},
            "notes": list(self.notes),
        }


def _named(counts: Counts) -> dict[str, int]:
    return {**dict(zip(COLUMNS, counts, strict=True)), "posts": sum(counts)}


class _Balance:
    """Posts by label, by value."""

    def __init__(self) -> None:
        self.counts: dict[str | None, list[int]] = {}

    def add(self, value: str | None, code: int) -> None:
        found = self.counts.get(value)
        if found is None:
            found = self.counts[value] = [0] * len(COLUMNS)
        found[code] += 1

    def check_values(self, column: str) -> None:
        """Refuse a column that is no kind of post but nearly another value in every post: such a column may hold texts.

        Raises:
            InputError: it is one.
        """
        values = self.counts.keys() - {None}
        stated = sum(sum(self.counts[value]) for value in values)
        if len(values) > MOST_VALUES and len(values) > stated / 2:
            raise InputError(
                f"--by {column}: {len(values):,} different values in {stated:,} posts; name a column whose values many "
                "posts share"
            )

    def cut(self, column: str) -> Cut | None:
        """Return the balance by value, None where no post states any."""
        named = [(value, _counts(counts)) for value, counts in self.counts.items() if value is not None]
        if not named:
            return None
        named.sort(key=lambda item: (-sum(item[1]), item[0]))
        if column == "year":
            named = sorted(named[:MOST_VALUES]) + named[MOST_VALUES:]
        rest = named[MOST_VALUES:]
        missing = self.counts.get(None)
        return Cut(
            column,
            dict(named[:MOST_VALUES]),
            _counts([sum(counts[code] for _, counts in rest) for code in range(len(COLUMNS))]),
            len(rest),
            _counts(missing or [0] * len(COLUMNS)),
        )


def _counts(counts: Sequence[int]) -> Counts:
    return counts[0], counts[1], counts[2], counts[3]


class _Dates:
    """Posts by month and by year; kept by file, since each may write its dates in its own way."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[list[str | None], list[str | None], array[int]]] = {}
        self.years = _Balance()
        self._months = _Balance()
        self._undated = 0
        self._unreadable = 0
        self.notes: list[str] = []

    def add(self, post: Post) -> None:
        times, years, codes = self._files.setdefault(post.file, ([], [], array("b")))
        times.append(post.value("posted_at"))
        years.append(post.value("year"))
        codes.append(post.code)

    def count(self) -> None:
        """Read all dates, once they are all there."""
        for file, (times, years, codes) in self._files.items():
            for time, year, code, month in zip(times, years, codes, self._read(file, times), strict=True):
                shown, only_year = month, month is None or time is None or _YEAR.fullmatch(time) is not None
                if shown is None and year is not None and (found := _YEAR.fullmatch(year)):
                    shown = found[1]
                self.years.add(None if shown is None else shown[:4], code)
                if shown is not None:
                    self._months.add(None if only_year else shown, code)
                elif time is None and year is None:
                    self._undated += 1
                else:
                    self._unreadable += 1
        self._files.clear()
        if self._unreadable:
            dates = "date" if self._unreadable == 1 else "dates"
            self.notes.append(f"the {dates} of {counted(self._unreadable)} could not be read")

    def _read(self, file: str, times: Sequence[str | None]) -> list[str | None]:
        """Return each time's month: `2024-02`."""
        if not any(times):
            return [None] * len(times)
        try:
            seconds = read_times(times)
        except InputError:  # for a picture of the whole, a guess that is told is better than none
            self.notes.append(f"{file}: dates such as 03/04/2024 were read with the day first")
            seconds = read_times(times, order="day-first")
        known = (seconds >= _FIRST_TIME) & (seconds < _LAST_TIME)  # what lies outside is some clock's zero
        months = np.where(known, seconds, 0).astype("datetime64[s]").astype("datetime64[M]").astype(str).tolist()
        return [month if there else None for month, there in zip(months, known.tolist(), strict=True)]

    def timeline(self) -> Timeline | None:
        """Return months where nearly all dated posts state theirs and they span five years at most; else years."""
        years, months = self.years.counts, self._months.counts
        dated = [value for value in years if value is not None]
        if not dated:
            return None
        spans = sorted(int(value[:4]) * 12 + int(value[5:]) for value in months if value is not None)
        without = sum(months.get(None, ()))
        total = sum(sum(years[value]) for value in dated)
        unit, found = "year", years
        if spans and spans[-1] - spans[0] < _MOST_MONTHS and without <= total / 10:
            unit, found = "month", months
        parts = {value: _counts(found[value]) for value in sorted(value for value in found if value is not None)}
        undated = self._undated + (without if unit == "month" else 0)
        return Timeline(unit, parts, undated, self._unreadable)


class _Lengths:
    def __init__(self, tokens: TokenCounter | None) -> None:
        self._tokens = tokens
        self._codes = array("b")
        self._found = {unit: array("i") for unit in ("characters", "words", *(("tokens",) if tokens else ()))}

    def add(self, text: str, traits: Traits, code: int) -> None:
        self._codes.append(code)
        self._found["characters"].append(len(text.strip()))
        self._found["words"].append(len(traits.words))
        if self._tokens is not None:
            self._found["tokens"].append(self._tokens.count(text))

    def measured(self) -> dict[str, Lengths]:
        found = {}
        for unit, lengths in self._found.items():
            window = self._tokens.window if self._tokens is not None and unit == "tokens" else None
            if (measured := Lengths.of(unit, lengths, self._codes, window)) is not None:
                found[unit] = measured
        return found


def measure_files(
    paths: Sequence[str | Path],
    options: StatsOptions = StatsOptions(),
    reading: TaskOptions = TaskOptions(),  # noqa: B008 (frozen)
    label_map: Mapping[str, str | None] | None = None,
) -> Stats:
    """Count what the posts of some files are made of; see `measure_posts`.

    Args:
        paths: annotation exports, labelled tables, unlabelled dumps.
        options: what is counted.
        reading: how to read them.
        label_map: label names of the project -> a label's name, or None for a post that takes no label.

    Raises:
        InputError: a file cannot be read or holds no posts, a label name is unknown, or no post has a column that was
            asked for.
        ModelFolderError: there is no such model.
        MissingExtraError: a `datasets` folder was given and datasets is not installed.
    """
    files = PostFiles(paths, reading, label_map or {})
    stats = measure_posts(files, options)
    return replace(stats, notes=(*files.notes, *stats.notes))


def measure_posts(posts: Iterable[Post], options: StatsOptions = StatsOptions()) -> Stats:
    """Count everything in one pass; the posts themselves are not kept, but for those compared for near duplicates.

    Args:
        posts: in any number.
        options: what is counted.

    Raises:
        InputError: there are no posts, or none has a column that was asked for.
        ModelFolderError: there is no such model.
    """
    tokens = None if options.model is None else TokenCounter.of(options.model)
    files: Counter[str] = Counter()
    balance = [0] * len(COLUMNS)
    columns = dict.fromkeys((*CUTS, *options.by))
    columns.pop("year", None)
    cuts = {name: _Balance() for name in columns}
    dates = _Dates()
    lengths = _Lengths(tokens)
    finder = RepeatFinder(options.near_posts)
    words = WordCounts() if options.words else None
    counted: dict[str, Counter[str]] = {"author": Counter(), "thread": Counter()}
    kinds, flags, unsure = Counter[str](), Counter[str](), Counter[str]()
    annotators: Counter[int] = Counter()
    contexts = 0
    seen: set[str] = set()
    told: set[int] = set()

    for post in posts:
        code = post.code
        files[post.file] += 1
        balance[code] += 1
        seen.update(post.fields)
        for name, counts in cuts.items():
            value = _shown(post.value(name))
            if value is not None or name != "direction" or code != 0:  # a neutral post takes none
                counts.add(value, code)
        dates.add(post)
        contexts += post.value("context") is not None
        unsure[_flag(post.value("unsure"))] += 1
        if post.annotators is not None:
            annotators[post.annotators] += 1
        for name, found in counted.items():
            if (value := value_key(post.value(name))) is not None:
                found[value] += 1
        traits = traits_of(post.text)
        kinds[traits.kind] += 1
        flags.update({name: 1 for name in MARKS if getattr(traits, name)})
        if not post.text.strip():
            continue
        lengths.add(post.text, traits, code)
        text = finder.add(post.text, code, post.file, post.row, post.value("split"))
        if words is not None and post.label is not None and text not in told:  # copies tell nothing new
            told.add(text)
            words.add(post.label, (*traits.words, *traits.hashtags))

    total = sum(balance)
    if not total:
        raise InputError("there are no posts in these files")
    for name in options.by:
        if name not in seen and name != "year":
            listed = ", ".join(sorted(seen - set(NEVER_NAMED))) or "none"
            raise InputError(f"--by {name}: no post has such a column; those that can be named are {listed}")
        if name in cuts:
            cuts[name].check_values(name)
    dates.count()
    repeats = finder.find(options.near)
    measured = {name: counts.cut(name) for name, counts in {**cuts, "year": dates.years}.items()}
    asked = (*CUTS[:3], "year", *CUTS[3:], *options.by)
    return Stats(
        files=dict(files),
        posts=total,
        balance=_counts(balance),
        cuts=tuple(cut for name in dict.fromkeys(asked) if (cut := measured[name]) is not None),
        timeline=dates.timeline(),
        with_context=contexts,
        unsure={name: unsure[name] for name in ("unsure", "sure", NOT_STATED)} if unsure[NOT_STATED] < total else None,
        annotators=dict(sorted(annotators.items())),
        authors=_persons(counted["author"]),
        threads=_persons(counted["thread"]),
        kinds={name: kinds[name] for name in KINDS},
        flags={name: flags[name] for name in MARKS},
        lengths=lengths.measured(),
        model=None if tokens is None else tokens.model,
        repeats=repeats,
        words=None if words is None else words.telling(),
        notes=tuple(_notes(total, balance, repeats, dates)),
    )


def _flag(value: str | None) -> str:
    unsure = FLAGS.get(fold(value or ""))
    return NOT_STATED if unsure is None else "unsure" if unsure else "sure"


@lru_cache(maxsize=4096)
def _shown(value: str | None) -> str | None:
    """Return a column's value as it is shown: links and account names hidden, and nothing that may be a whole post."""
    if value is None:
        return None
    value = without_accounts(value)
    return value if len(value) <= _LONGEST_VALUE else f"(longer than {_LONGEST_VALUE} characters)"


def _persons(counts: Mapping[str, int]) -> Persons | None:
    if not counts:
        return None
    most = sorted(counts.values(), reverse=True)
    return Persons(len(most), sum(most), tuple(most[:_MOST_ACTIVE]))


def _notes(total: int, balance: Sequence[int], repeats: Repeats, dates: _Dates) -> list[str]:
    notes = []
    if repeats.near is None:
        notes.append("near duplicates were not looked for")
    elif repeats.near_posts < repeats.exact.posts:
        notes.append(
            f"near duplicates were looked for among the first {repeats.near_posts:,} of {repeats.exact.posts:,} posts; "
            "--near-posts sets how many (each takes about 3 kB of memory)"
        )
    if balance[-1] == total:
        notes.append("no post has a label: balance by label says nothing")
    return [*notes, *dates.notes]
