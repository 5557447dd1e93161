"""Dates as shops write them: 2025-01-03, 2025/1/3 12:30, 2025年1月3日 星期五, 20250103, 2025-01.

Nothing is guessed: where the day may be the month, as in 1/3/2025, a cell is no date.
"""

import re
import unicodedata
from datetime import date, timedelta
from typing import Any

PERIODS = (
    "day",
    "week",
    "month",
    "quarter",
)

_DATE = re.compile(
    r"""
    \s* ((?:19|20)\d\d)
    (?:
        \s? [-/.年] \s? (\d{1,2}) \s? [-/.月] \s? (\d{1,2})
      | (\d\d) (\d\d) (?:\d{6})?
      | [-/年] (\d{1,2}) 月?
    )
    [日T\s（(星周]*
    """,
    re.VERBOSE,
)
_TIME = r"(日|\d[T\s（(星周])[\dT:：.时点分秒上下午APMZ+\-\s星期周一二三四五六天日（）()]*$"
_SERIAL = re.compile(r"\s*([2-7]\d{4})(\.\d+)?\s*")  # 1954 to 2119
_SERIALS_BEGIN = date(1899, 12, 30)  # so that they are right from March 1900 on


_BEGINS = re.compile(
    r"\s*'?((?:19|20)\d\d\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}(?:\s?日|(?=[T\s,_(]|$)))"
    r"(?!.*(?:19|20)\d\d).*",
    re.DOTALL,
)
"""A day with whatever stands behind it, but no second year: that may be a period."""

_AS_USUAL = str.maketrans("号‐–", "日--", "\ufeff")


def names_of(cells: Any, period: str, *, serials: bool = False) -> list[str | None]:
    """Return the name of the period that each cell of a `pyarrow.Array` is in.

    Names are 2025-01-03, 2025-W01 (ISO 8601), 2025-01, 2025-Q1; their order is that of time.

    Args:
        cells: strings `[cells]`; None comes of those that are no date.
        period: one of `PERIODS`; a month without a day is a date for those that are no finer.
        serials: whether a number such as 45660 counts, as Excel stores a day.
    """
    import pyarrow.compute as pc

    short = pc.replace_substring_regex(cells, _TIME, r"\1")  # few are left to read
    encoded = short.dictionary_encode()
    names: list[str | None] = []
    for cell in encoded.dictionary.to_pylist():
        day = _day_of(cell, period)
        if day is None and serials and (serial := _SERIAL.fullmatch(cell)):
            day = _SERIALS_BEGIN + timedelta(int(serial[1]))
        names.append(name_of(day, period) if day else None)
    return [names[index] for index in encoded.indices.to_pylist()]


def _day_of(cell: str, period: str) -> date | None:
    match = _DATE.fullmatch(cell)
    if match is None:
        begins = _BEGINS.fullmatch(unicodedata.normalize("NFKC", cell).translate(_AS_USUAL))
        match = _DATE.fullmatch(begins[1] if begins else "")
    if match is None:
        return None
    year, month, day, month_of_8, day_of_8, bare_month = match.groups()
    if bare_month:
        if period in ("day", "week"):
            return None
        month, day = bare_month, "1"
    try:
        return date(int(year), int(month or month_of_8), int(day or day_of_8))
    except ValueError:  # a thirteenth month
        return None


def name_of(day: date, period: str) -> str:
    """Return the name of the period that a day is in."""
    match period:
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year}-Q{(day.month + 2) // 3}"
    return day.isoformat()


def first_day(name: str) -> date:
    """Return the first day of a period by its name; raises ValueError for what is none."""
    year, _, part = name.partition("-")
    if part.startswith("W"):
        return date.fromisocalendar(int(year), int(part[1:]), 1)
    if part.startswith("Q"):
        return date(int(year), 3 * int(part[1:]) - 2, 1)
    return date.fromisoformat(name if len(part) > 2 else f"{name}-01")


def period_of(name: str) -> str | None:
    """Return which of `PERIODS` a name is of, None for what is no such name."""
    try:
        day = first_day(name)
    except ValueError:
        return None
    named = (period for period in PERIODS if name_of(day, period) == name)
    return next(named, None)


def between(first: str, last: str, period: str) -> list[str]:
    """Return the names of all periods from one to another."""
    day = first_day(first)
    names = [first]
    while names[-1] < last:
        day += timedelta(1)
        name = name_of(day, period)
        if name != names[-1]:
            names.append(name)
    return names
