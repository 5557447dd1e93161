"""Answers by a column, in the app: a table, a chart, two columns, and back to the rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from tests.tui.app.harness import (
    FakeModel,
    app_of,
    choose,
    lacks,
    let_answer_by_chunks,
    row_of,
    screen,
    shows,
    until,
)
from tui.app.widgets.timeline import plot
from tui.batch.findings.groups import Table

ROWS = [
    *["手机,2025-01-03,坏了"] * 3,
    "手机,2025/3/5 12:30,很好",
    "手机壳,2025年3月6日,很好",
    "酒店,不详,太坏",
    ",2025-03-07,",
]


@pytest.fixture
def fake(fake: FakeModel) -> FakeModel:
    fake.probabilities = [0.3, 0.7]
    return fake


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text("产品,日期,评价\n" + "\n".join(ROWS) + "\n", encoding="utf-8")
    return path


async def grouped(pilot: Pilot[Any], path: Path, column: str) -> None:
    """Classify a file, and group its rows by the column with this digit."""
    await shows(pilot, "CPU")
    pilot.app.open_file(path)  # type: ignore[attr-defined]
    await shows(pilot, "How it is read", " record")
    await pilot.press("f5")
    await shows(pilot, "done, written to")
    await pilot.press("g")
    await choose(pilot, column, "By which column?")
    await shows(pilot, "groups")


async def test_a_column_is_a_table_of_shares_and_enter_shows_the_rows_of_a_group(
    fake: FakeModel, table: Path
) -> None:
    async with app_of(fake).run_test(size=(80, 24)) as pilot:
        await grouped(pilot, table, "1")
        await shows(pilot, "产品 · value by value · 7 rows", "4 groups")
        assert row_of(pilot, "手机 ").split()[2:5] == ["4", "75.0%", "(30.1–95.4)"]
        assert row_of(pilot, "(nothing)").split()[2:4] == ["1", "–"]
        await pilot.press("enter")
        await shows(pilot, "4 of 7 rows", '"产品"=="手机"')
        await pilot.press("escape")
        await shows(pilot, "产品 · value by value · 7 rows")
        await pilot.press("escape")
        await shows(pilot, "7 of 7 rows")


async def test_groups_stay_under_the_filter_and_sort_by_any_figure(
    fake: FakeModel, table: Path
) -> None:
    async with app_of(fake).run_test(size=(80, 24)) as pilot:
        await grouped(pilot, table, "1")
        order = []
        for _ in range(6):
            await pilot.press("s")
            await pilot.pause()
            lines = screen(pilot)[4:8]
            order.append([line.split()[1] for line in lines])
        by_name = ["(nothing)", "手机", "手机壳", "酒店"]
        assert order[0] == by_name
        assert order[1] == ["手机", "(nothing)", "手机壳", "酒店"]  # rows
        assert order[2] == ["酒店", "手机", "(nothing)", "手机壳"]  # the first label
        assert order[5] == by_name
        await pilot.press("escape")
        await shows(pilot, "7 of 7 rows")
        await pilot.press("slash", *"label:", "负", "enter", "g")
        await choose(pilot, "1", "By which column?")
        await shows(pilot, "产品 · value by value · 4 rows · label:负", "2 groups")
        await pilot.press("enter")
        await shows(pilot, "3 of 7 rows", 'label:负 "产品"=="手机"')


async def test_dates_have_a_chart_and_any_period(fake: FakeModel, table: Path) -> None:
    async with app_of(fake).run_test(size=(80, 24)) as pilot:
        await grouped(pilot, table, "2")
        await shows(pilot, "日期 · by month · 7 rows", "1 row without a date", "╭─ 负向评价")
        await shows(pilot, "100% ┤●", "2025-01 2025-02 2025-03")
        await pilot.press("l")
        await shows(pilot, "╭─ 正向评价")
        await pilot.press("p")
        await choose(pilot, "4", "by quarter")
        await shows(pilot, "by quarter", "2025-Q1")
        await lacks(pilot, "┤")  # of one period there is no change
        await pilot.press("enter")
        await shows(pilot, "6 of 7 rows")


async def test_two_columns_cross_and_a_pair_shows_its_rows(fake: FakeModel, table: Path) -> None:
    async with app_of(fake).run_test(size=(80, 24)) as pilot:
        await grouped(pilot, table, "1")
        await pilot.press("x")
        await choose(pilot, "1", "And by which column?")
        await shows(pilot, "产品 × 日期", "share of 负向评价", "2025-01", "2025-03")
        assert row_of(pilot, "手机 ").split() == ["│", "手机", "4", "100%", "3", "0%", "1", "│"]
        assert row_of(pilot, "酒店").split() == ["│", "酒店", "1", "–", "–", "│"]
        await pilot.press("left", "right", "right", "right", "enter")
        await shows(pilot, "1 of 7 rows", '"产品"=="手机" "日期"=2025-03')
        await pilot.press("escape", "x")
        await lacks(pilot, "×")


async def test_an_input_of_texts_alone_has_no_column_to_group_by(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("很好\n坏了\n", encoding="utf-8")
    async with app_of(fake).run_test(notifications=True) as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(pilot, "How it is read", "2 records")
        await pilot.press("f5")
        await shows(pilot, "done, written to")
        await pilot.press("g")
        await shows(pilot, "no other column")


@pytest.mark.parametrize("size", [(1, 3), (20, 5), (60, 15), (200, 50)])
async def test_the_screen_bears_any_size(
    fake: FakeModel, table: Path, size: tuple[int, int]
) -> None:
    async with app_of(fake).run_test(size=(80, 24)) as pilot:
        await grouped(pilot, table, "2")
        await pilot.resize_terminal(*size)
        await pilot.press("l", "s", "x")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "And by which column?")


def by_month(names: list[str], negative: list[int], rows: int = 10) -> Table:
    counts = np.array([[count, rows - count] for count in negative])
    of_all = counts.sum(axis=1)
    return Table("日期", "month", ("差评", "好评"), names, counts, of_all, 0 * of_all, 0)


def test_a_chart_has_a_place_for_each_period_and_one_without_rows_is_empty() -> None:
    table = by_month(["2024-12", "2025-01", "2025-03"], [2, 5, 8])
    lines = plot(table, 0, 6 + 4 * 8, 8)
    assert lines[0].startswith(" 80% ┤")
    assert lines[-2].startswith(" 20% ┤")
    assert lines[-1].split() == ["2024-12", "2025-01", "2025-02", "2025-03"]
    columns = [line.ljust(38)[6:] for line in lines[:-1]]
    points = {(column, row) for row, line in enumerate(columns) for column in find(line, "●")}
    assert points == {(0, 6), (8, 3), (24, 0)}
    assert {column for line in columns for column in find(line, "│")} == {0, 8, 24}


def test_a_chart_with_too_many_periods_shows_the_last_ones() -> None:
    table = by_month([f"20{year}-01" for year in range(10, 26)], [5] * 16)
    lines = plot(table, 0, 6 + 30, 6)
    assert sum(line.count("●") for line in lines) == 3  # of 30 months: 2023-01, 2024-01, 2025-01
    assert max(map(len, lines)) <= 36


def find(line: str, mark: str) -> list[int]:
    return [place for place, character in enumerate(line) if character == mark]


async def test_the_cursor_stays_on_its_group_while_rows_come_in(
    fake: FakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "shops.csv"
    shops = [*["b", "b", "c"] * 11, *["a"] * 60]  # the first 32 rows have no a
    path.write_text("text,shop\n" + "".join(f"很好,{shop}\n" for shop in shops))
    gate = let_answer_by_chunks(fake)
    async with app_of(fake).run_test() as pilot:
        await shows(pilot, "CPU")
        pilot.app.open_file(path)  # type: ignore[attr-defined]
        await shows(pilot, "How it is read", " record")
        await pilot.press("f5")
        gate.release()
        await shows(pilot, "32 / 93")
        await pilot.press("g")
        await choose(pilot, "1", "By which column?")
        await shows(pilot, "2 groups")
        await pilot.press("down")
        assert "c" in row_of(pilot, "10 ", "c ")
        gate.release()
        await shows(pilot, "3 groups")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.job.filter != "")  # type: ignore[attr-defined]
    assert pilot.app.job.filter == '"shop"=="c"'  # type: ignore[attr-defined]
