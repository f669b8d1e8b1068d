"""When posts were written: reading the times that exports hold, and refusing to guess what day 03/04/2024 is."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import InputError

DateOrder = Literal["day-first", "month-first"]
FloatArray = npt.NDArray[np.float64]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januari january jan",
            "februari february feb peb pebruari",
            "maret march mar mrt",
            "april apr",
            "mei may",
            "juni june jun",
            "juli july jul",
            "agustus august agu agt ags agst aug",
            "september sept sep",
            "oktober october okt oct",
            "november nopember nov nop",
            "desember december des dec",
        ),
        start=1,
    )
    for name in names.split()
}
_ZONES = {"z": 0, "utc": 0, "gmt": 0, "wib": 7, "wita": 8, "wit": 9}
_CLOCK = (
    r"(?:(?:\s*[,T·-]?\s*)(?:(?:pukul|pkl|jam|at)\.?\s*)?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})"
    r"(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?(?:\s*(?P<half>[ap])\.?m\.?)?)?"
    r"\s*(?P<zone>Z|UTC|GMT|WIB|WITA|WIT|[+-]\d{2}:?\d{2})?"
)
_WEEKDAY = r"(?:[^\W\d_]+,?\s+)?"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_YEAR_FIRST = _pattern(rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){_CLOCK}")
_YEAR_MONTH = _pattern(r"(?P<year>\d{4})-(?P<month>\d{2})")
_DAY_NAME_YEAR = _pattern(rf"{_WEEKDAY}(?P<day>\d{{1,2}})[\s-]+(?P<name>[^\W\d_]+)\.?,?[\s-]+(?P<year>\d{{4}}){_CLOCK}")
_NAME_DAY_YEAR = _pattern(
    rf"{_WEEKDAY}(?P<name>[^\W\d_]+)\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}}){_CLOCK}"
)
_NAME_YEAR = _pattern(r"(?P<name>[^\W\d_]+)\.?\s+(?P<year>\d{4})")
# What Twitter's API writes, and tweet-harvest after it: Wed Nov 27 08:15:00 +0000 2024
_TWITTER = _pattern(
    r"[a-z]{3}\s+(?P<name>[a-z]{3})\s+(?P<day>\d{1,2})\s+(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
    r"\s+(?P<zone>[+-]\d{4})\s+(?P<year>\d{4})"
)
_NUMBERS = _pattern(rf"{_WEEKDAY}(?P<one>\d{{1,2}})(?P<mark>[-/.])(?P<two>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_CLOCK}")
_EPOCH = re.compile(r"(\d+)(?:\.(\d+))?")
_UTC = datetime.UTC


def read_times(
    values: Sequence[str | None], *, order: DateOrder | None = None, where: Callable[[int], str] | None = None
) -> FloatArray:
    """Read a column of times.

    Read are ISO 8601 ("2024-11-27", "2024-11-27T08:15:00+07:00"), Twitter's "Wed Nov 27 08:15:00 +0000 2024",
    Indonesian and English dates with the month's name ("Rabu, 27 November 2024 pukul 15.15 WIB"), seconds, milliseconds
    and microseconds since 1970, plain years and months, and dates of numbers alone ("27/11/2024") where the column
    itself shows which number is the day. Times without a zone are taken as UTC; a date stands for its start.

    Args:
        values: n cells.
        order: which number comes first in dates of numbers; by default the column has to show it.
        where: names a row in messages; by default "row N", from 1.

    Returns:
        (n,) seconds since 1970 in UTC; NaN where a cell is missing or holds no time.

    Raises:
        InputError: dates of numbers are written in both orders, or in one that cannot be told.
    """
    if order is None:
        order = _order(values, where or (lambda row: f"row {row + 1:,}"))
    known: dict[str | None, float] = {None: np.nan}
    return np.array(
        [known[cell] if cell in known else known.setdefault(cell, _seconds(cell, order)) for cell in values],
        dtype=np.float64,
    )


def as_date(seconds: float) -> str:
    """Return a time as a date, in UTC: "2024-11-27"."""
    return datetime.datetime.fromtimestamp(seconds, _UTC).date().isoformat()


def _order(values: Sequence[str | None], where: Callable[[int], str]) -> DateOrder | None:
    """Say in which order a column writes its dates of numbers; None where it has none."""
    day_first = month_first = unsure = None
    for row, cell in enumerate(values):
        if cell is None or (match := _NUMBERS.fullmatch(cell.strip())) is None:
            continue
        one, two = int(match["one"]), int(match["two"])
        if one > 12 >= two and day_first is None:
            day_first = row
        elif two > 12 >= one and month_first is None:
            month_first = row
        elif one != two and unsure is None:
            unsure = row
    if day_first is not None and month_first is not None:
        raise InputError(
            f"dates stand in both orders: day first in {where(day_first)}, month first in {where(month_first)}; "
            "write them as 2024-11-27"
        )
    if day_first is None and month_first is None:
        if unsure is not None:
            raise InputError(
                f"dates such as that of {where(unsure)} could be day first or month first; "
                "say which with --dates day-first or month-first, or write them as 2024-11-27"
            )
        return None
    return "day-first" if day_first is not None else "month-first"


def _seconds(cell: str | None, order: DateOrder | None) -> float:
    """Read one cell; NaN where it holds no time."""
    text = (cell or "").strip()
    if not text:
        return np.nan
    try:
        if (number := _EPOCH.fullmatch(text)) is not None:
            return _from_number(number[1], number[2])
        for pattern in (_YEAR_FIRST, _TWITTER, _DAY_NAME_YEAR, _NAME_DAY_YEAR, _NUMBERS, _YEAR_MONTH, _NAME_YEAR):
            if (match := pattern.fullmatch(text)) is not None:
                found = _from_match(match.groupdict(), order)
                if found is not None:
                    return found
        return _stamp(datetime.datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return np.nan


def _from_number(whole: str, fraction: str | None) -> float:
    """Read a year, a date without marks, or an age since 1970, told apart by their digits.

    Nineteen digits could be nanoseconds or a tweet's id, and are neither.
    """
    digits = len(whole)
    if digits == 4 and 1900 <= int(whole) <= 2100 and not int(fraction or 0):
        return _stamp(datetime.datetime(int(whole), 1, 1))
    if digits == 8 and fraction is None:
        return _stamp(datetime.datetime(int(whole[:4]), int(whole[4:6]), int(whole[6:])))
    scale = {9: 1, 10: 1, 12: 1e3, 13: 1e3, 15: 1e6, 16: 1e6}.get(digits)
    return np.nan if scale is None else float(f"{whole}.{fraction or 0}") / scale


def _from_match(parts: dict[str, str | None], order: DateOrder | None) -> float | None:
    """Put a time together; None where the month's name is none.

    Raises:
        ValueError: there is no such day or time.
    """
    if (name := parts.get("name")) is not None:
        if (month := _MONTHS.get(name.lower())) is None:
            return None
        day = int(parts.get("day") or 1)
    elif (one := parts.get("one")) is not None:
        day, month = int(one), int(parts["two"] or 0)
        if order == "month-first":
            day, month = month, day
    else:
        day, month = int(parts.get("day") or 1), int(parts["month"] or 0)
    hour = int(parts.get("hour") or 0)
    if (half := parts.get("half")) is not None:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    zone = _UTC
    if (named := parts.get("zone")) is not None:
        offset = datetime.timedelta(hours=_ZONES.get(named.lower(), 0))
        if named[0] in "+-":
            offset = datetime.timedelta(hours=int(named[1:3]), minutes=int(named[-2:])) * (-1 if named[0] == "-" else 1)
        zone = datetime.timezone(offset)
    return _stamp(
        datetime.datetime(
            int(parts["year"] or 0), month, day, hour, int(parts.get("minute") or 0), int(parts.get("second") or 0),
            tzinfo=zone,
        )
    )  # fmt: skip


def _stamp(moment: datetime.datetime) -> float:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=_UTC)).timestamp()
