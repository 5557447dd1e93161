"""Groups of rows count what a plain loop over the rows would count."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics import wilson
from models.tables import Place, Record
from tui.batch.findings.groups import KINDS, by_column, crossed, term_of
from tui.batch.findings.query import Query
from tui.batch.findings.result_store import ResultStore
from tui.batch.status import TO_REVIEW
from tui.batch.summary import Chunk

LABELS = ("差评", "好评")
Row = tuple[str, str, int, int]
"""Product, date, label and status."""

rows_of_reviews = st.lists(
    st.tuples(
        st.sampled_from(["手机", "手机壳", "酒店", "", "a\nb", "10", "9"]),
        st.sampled_from(["2025-01-03", "2025/1/30 12:00", "2025年2月1日", "无", ""]),
        st.integers(-1, 1),
        st.integers(0, 3),
    ),
    max_size=40,
)


def store_of(rows: list[Row], size: int = 7) -> ResultStore:
    store = ResultStore(LABELS, ["产品", "日期"])
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        records = []
        for number, (product, day, _, _) in enumerate(part, start=start + 1):
            fields = {"产品": product, "日期": day}
            records.append(Record(Place(number, number, number), fields))
        store.append(
            Chunk(
                records=records,
                texts=["好"] * len(part),
                ids=np.array([label for _, _, label, _ in part]),
                confidences=np.ones(len(part), dtype=np.float32),
                statuses=np.array([status for *_, status in part]),
                truths=None,
                rejects=[],
            )
        )
    return store


def every(store: ResultStore) -> np.ndarray:
    return np.arange(len(store))


def column_of(name: str, cells: list[str]) -> ResultStore:
    return store_of([(cell, "", 0, 0) if name == "产品" else ("", cell, 0, 0) for cell in cells])


@given(rows_of_reviews, st.integers(0, 3))
def test_groups_count_what_a_loop_would(rows: list[Row], left_out: int) -> None:
    store = store_of(rows)
    kept = every(store)[left_out:]
    table = by_column(store, kept, "产品", "value")
    assert table.other == 0
    assert list(table.names) == sorted({product for product, *_ in rows[left_out:]})
    for group, name in enumerate(table.names):
        of_group = [row for row in rows[left_out:] if row[0] == name]
        assert table.rows[group] == len(of_group)
        assert table.review[group] == sum(s in TO_REVIEW for *_, s in of_group)
        for label in (0, 1):
            assert table.counts[group, label] == sum(row[2] == label for row in of_group)


@given(rows_of_reviews)
def test_a_cross_table_adds_up_to_its_groups(rows: list[Row]) -> None:
    store = store_of(rows)
    table = crossed(store, every(store), ("产品", "日期"), ("value", "month"))
    found: Counter[tuple[str, str]] = Counter()
    for down, name in enumerate(table.down.names):
        for across, month in enumerate(table.across.names):
            found[name, month] = int(table.cell(down, across).sum())
    expected: Counter[tuple[str, str]] = Counter()
    for product, day, _, _ in rows:
        if day.startswith("2025"):
            expected[product, "2025-02" if "2月" in day else "2025-01"] += 1
    assert +found == expected
    assert table.across.other == len(rows) - expected.total()


def test_dates_are_grouped_by_month_and_what_is_none_is_counted() -> None:
    days = ["2025-01-03", "2025/1/3 12:30", "2025年2月1日", "20250203", "45660", "昨天"]
    store = column_of("日期", days + ["2024-12-31"] * 4)
    table = by_column(store, every(store), "日期")
    assert table.kind == "month"
    assert list(table.names) == ["2024-12", "2025-01", "2025-02"]
    assert (table.rows.tolist(), table.other) == ([4, 3, 2], 1)
    weeks = by_column(store, every(store), "日期", "week")
    assert list(weeks.names) == ["2025-W01", "2025-W05", "2025-W06"]


def test_numbers_are_grouped_by_value_in_their_order_or_in_ranges() -> None:
    stars = column_of("产品", ["5", "1", "10", "2", "五", ""])
    table = by_column(stars, every(stars), "产品")
    assert (table.kind, list(table.names)) == ("number", ["1", "2", "5", "10"])
    assert table.other == 2
    as_they_are = by_column(stars, every(stars), "产品", "value")
    assert list(as_they_are.names) == ["", "1", "10", "2", "5", "五"]
    assert as_they_are.other == 0
    prices = column_of("产品", [f"{price:,}" for price in range(0, 2000, 10)] + ["面议", "99999"])
    table = by_column(prices, every(prices), "产品")
    assert table.kind == "range"
    assert list(table.names[:2]) == ["< 200", "200 – 400"]
    assert table.names[-1] == "≥ 1800"
    assert (table.rows.tolist(), table.other) == ([20] * 9 + [21], 1)


@pytest.mark.parametrize(
    "cells",
    [
        ["10023456789012", "10023456789013", "10023456789014"],
        ["1234567890123456567", "1234567890123456568", "-1234567890123456567"],
        ["001", "01", "1"],
    ],
)
@pytest.mark.parametrize("kind", [None, "number", "value"])
def test_each_code_is_a_group_that_its_filter_finds(cells: list[str], kind: str | None) -> None:
    store = column_of("产品", cells * 2)
    table = by_column(store, every(store), "产品", kind)
    assert table.kind == (kind or "value")
    assert sorted(table.names) == sorted(cells)
    assert table.rows.tolist() == [2, 2, 2]
    for group, name in enumerate(table.names):
        for line in (term_of(table, group), f"产品={name}"):
            found = store.select(Query.parse(line, LABELS, ["产品"]))
            assert {store.cell("产品", row) for row in found.tolist()} == {name}


def test_numbers_are_equal_however_they_are_written_and_never_have_an_exponent() -> None:
    store = column_of("产品", ["+5", "5.00", "5", "-0", "0.0", "1,250.50", "1250.5", "0.000012"])
    table = by_column(store, every(store), "产品", "number")
    assert list(table.names) == ["0", "0.000012", "5", "1250.5"]
    assert table.rows.tolist() == [2, 1, 3, 2]
    sizes = column_of("产品", [f"{10**12 * size}" for size in range(1, 31)])
    names = by_column(sizes, every(sizes), "产品", "range").names
    assert names[1] == "3900000000000 – 6800000000000"


@pytest.mark.parametrize("cell", ["", "7", "-0.5", "无"])
def test_ranges_of_one_value_or_of_none_are_still_whole(cell: str) -> None:
    store = column_of("产品", [cell] * 3)
    table = by_column(store, every(store), "产品", "range")
    assert table.rows.sum() + table.other == 3
    assert table.other == (3 if cell in ("", "无") else 0)


def test_the_kind_follows_the_rows_that_count() -> None:
    store = column_of("日期", ["2025-01-03"] * 3 + ["无", "没有"] * 7)
    assert by_column(store, every(store), "日期").kind == "value"
    assert by_column(store, every(store)[:3], "日期").kind == "month"


def test_shares_have_intervals_and_groups_can_be_sorted_by_any_figure() -> None:
    rows = [("a", "", 0, 0)] * 9 + [("a", "", 1, 1), ("b", "", 1, 1), ("b", "", -1, 3)]
    store = store_of([*rows, ("c", "", 0, 0)])
    table = by_column(store, every(store), "产品")
    assert [table.group(group).shares[0].share for group in range(3)] == [0.9, 0.0, 1.0]
    assert table.group(0).shares[0][-2:] == wilson(9, 10)
    assert table.group(1).shares[1][-2:] == wilson(1, 1)
    assert table.order("name").tolist() == [0, 1, 2]
    assert table.order("rows", descending=True).tolist() == [0, 1, 2]
    assert table.order("rows").tolist() == [2, 1, 0]
    assert table.order("review", descending=True).tolist() == [1, 0, 2]
    assert table.order(0).tolist() == [1, 0, 2]


def test_a_table_is_json() -> None:
    store = store_of([("a", "", 0, 0), ("a", "", 1, 1), ("a", "", -1, 3)])
    written = json.loads(json.dumps(by_column(store, every(store), "产品").as_dict()))
    low, high = written["groups"][0]["labels"]["差评"].pop("interval")
    assert 0 < low < 0.5 < high < 1
    assert written == {
        "column": "产品",
        "by": "value",
        "groups": [
            {
                "value": "a",
                "rows": 3,
                "review": 1,
                "labels": {
                    "差评": {"rows": 1, "share": 0.5},
                    "好评": {
                        "rows": 1,
                        "share": 0.5,
                        "interval": written["groups"][0]["labels"]["好评"]["interval"],
                    },
                },
            }
        ],
        "other": 0,
    }


CELLS = ["手机", "手机壳", " 手机 ", "iPhone", "IPHONE", "", "10", "10.0", "9", "-9", "1,000"]
CELLS += ["010", "+9", "1000.50", "12345678901234567890", "12345678901234567891", "0.00001", "-0"]
CELLS += ["a b", "a|b", "-x", "a:b", '5"', "<3", "2025-01", "2025-01-03", "2025/1/3 12:00", "45660"]
cells_of_a_column = st.lists(st.sampled_from(CELLS), min_size=1, max_size=30)


@given(cells_of_a_column, st.sampled_from([None, *KINDS]))
def test_the_filter_of_a_group_finds_its_rows(cells: list[str], kind: str | None) -> None:
    store = column_of("产品", cells)
    table = by_column(store, every(store), "产品", kind)
    for group, rows in enumerate(table.rows):
        query = Query.parse(term_of(table, group), LABELS, ["产品", "日期"])
        assert len(store.select(query)) == rows, term_of(table, group)
