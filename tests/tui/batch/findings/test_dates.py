"""Dates are read as shops write them, and nothing else is."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from tui.batch.findings.dates import between, first_day, name_of, names_of, period_of

ONE_DAY = [
    "2025-01-03",
    "2025/1/3",
    "2025/1/3 12:30",
    "2025-01-03T12:30:00",
    "2025-01-03 12:30:05.123456+08:00",
    "2025-01-03T00:00:00Z",
    "2025/1/3 9:05:00 PM",
    "2025/1/3 下午 9:05",
    "2025.1.3",
    "2025年1月3日",
    "2025年01月03日 星期五",
    "2025年1月3日（周五）",
    "2025年1月3日12时30分",
    "2025 年 1 月 3 日",
    "20250103",
    "20250103123005",
    "  2025-1-3 ",
    "2025-01-03 10:00:00 +0800 CST",
    "2025-01-03 10:00:00 UTC",
    "2025-01-03 Fri",
    "2025-01-03 来自 iPhone",
    "２０２５－０１－０３",
    "2025-01-03，10:00",
    "2025年1月3号",
    "2025\u201101\u201103",
    "'2025-01-03",
    "\ufeff2025-01-03",
]
NO_DAY = [
    "",
    " ",
    "昨天",
    "1/3/2025",
    "03-01-2025",
    "25-1-3",
    "2025-02-29",
    "2025-13-01",
    "2025-00-10",
    "20251301",
    "2025",
    "45660",
    "2025010",
    "2025-01-03-0017",
    "2025-01-031",
    "AB2025-01-03",
    "2025-01-03x",
    "2025-01-03 ~ 2025-01-05",
    "2025-02-30 10:00 UTC",
    "2025 01 03",
    "发表于2025-01-03",
    "1234-01-01",
    "00000000",
]


@pytest.mark.parametrize("cell", ONE_DAY)
def test_a_date_is_read_in_any_way_that_shops_write_it(cell: str) -> None:
    cells = pa.array([cell])
    assert names_of(cells, "day") == ["2025-01-03"]
    assert names_of(cells, "week") == ["2025-W01"]
    assert names_of(cells, "month") == ["2025-01"]
    assert names_of(cells, "quarter") == ["2025-Q1"]


@pytest.mark.parametrize("cell", NO_DAY)
def test_what_is_no_date_is_not_guessed(cell: str) -> None:
    assert names_of(pa.array([cell]), "month") == [None]


def test_a_month_is_a_date_for_periods_that_are_no_finer() -> None:
    cells = pa.array(["2025-05", "2025年12月", "2025/1"])
    assert names_of(cells, "month") == ["2025-05", "2025-12", "2025-01"]
    assert names_of(cells, "quarter") == ["2025-Q2", "2025-Q4", "2025-Q1"]
    assert names_of(cells, "week") == names_of(cells, "day") == [None] * 3


def test_a_day_of_excel_is_read_where_it_is_asked_for() -> None:
    cells = pa.array(["45660", "45660.52", "60", "456600", "4.5"])
    assert names_of(cells, "day", serials=True) == ["2025-01-03", "2025-01-03", None, None, None]


def test_every_name_tells_its_period_and_its_first_day() -> None:
    for period in ("day", "week", "month", "quarter"):
        names = {}
        for days in range(800):
            day = date(2023, 12, 1) + timedelta(days)
            names.setdefault(name_of(day, period), day)
        assert list(names) == sorted(names)
        for name, day in list(names.items())[1:]:
            assert first_day(name) == day
            assert period_of(name) == period
        assert between(min(names), max(names), period) == sorted(names)


@pytest.mark.parametrize("name", ["", "手机", "2025", "2025-1", "2025-Q5", "2025-W60", "2025-W1"])
def test_another_name_is_of_no_period(name: str) -> None:
    assert period_of(name) is None
