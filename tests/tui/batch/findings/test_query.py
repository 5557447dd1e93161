"""A typed line asks for the rows that it seems to ask for."""

from dataclasses import replace

import numpy as np
import pytest

from models.console.command import ExitCode, UserError
from models.tables import Place, Record
from tests.tui.batch.findings.test_result_store import LABELS, chunk_of
from tui.batch.findings.query import Query, Term, quoted, terms_without
from tui.batch.findings.result_store import ResultStore

COLUMNS = ("产品", "价格", "日期", "商品 名称")


def text(*values: str, negated: bool = False) -> Term:
    return Term("text", values, negated=negated)


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("", []),
        ("早餐 好", [text("早餐"), text("好")]),
        ('"早餐 好" "open', [text("早餐 好"), text("open")]),
        ("“早餐 好” ＂x y＂", [text("早餐 好"), text("x y")]),
        ('早餐|早饭|"b c"|', [text("早餐", "早饭", "b c")]),
        (
            '-早餐 -a|b -"c d"',
            [text("早餐", negated=True), text("a", "b", negated=True), text("c d", negated=True)],
        ),
        (
            "缺点： ５０％ ＜好 ：) - | a-b",
            [text(word) for word in ["缺点：", "５０％", "＜好", "：)", "-", "|", "a-b"]],
        ),
        ("-缺点：", [text("缺点：", negated=True)]),
        ("label:差 <70%", [Term("label", (0,)), Term("confidence", (0.7,), "<")]),
        ("＜７０．５％ label：好", [Term("confidence", (0.705,), "<"), Term("label", (1,))]),
        ("label:差|好 -label:好", [Term("label", (0, 1)), Term("label", (1,), negated=True)]),
        (">=95 ＞＝９０％", [Term("confidence", (0.95,), ">="), Term("confidence", (0.9,), ">=")]),
        ("status:truncated status:＂emp", [Term("status", (3,)), Term("status", (4,))]),
        ("is:wrong is:corr", [Term("is", (0,)), Term("is", (2,))]),
        ("产品：手机|电脑", [Term("column", ("手机", "电脑"), ":", "产品")]),
        ('-"产品"="a b"', [Term("column", ("a b",), "=", "产品", negated=True)]),
        (
            '"商品 名称":x 商品="',
            [Term("column", ("x",), ":", "商品 名称"), Term("column", ("",), "=", "商品 名称")],
        ),
        (
            "价格>３ 日期<=2025/1/3",
            [Term("column", ("3",), ">", "价格"), Term("column", ("2025/1/3",), "<=", "日期")],
        ),
        ("评论:早餐", [Term("text", ("早餐",), ":", "评论")]),
    ],
)
def test_a_line_is_read_as_terms(line: str, terms: list[Term]) -> None:
    assert Query.parse(line, LABELS, COLUMNS, "评论") == Query(tuple(terms))


@pytest.mark.parametrize("line", ['label:"very good" 早餐', '早餐 label:"very g'])
def test_a_label_with_a_space_stands_in_quotes(line: str) -> None:
    query = Query.parse(line, ("very good", "very bad"))
    assert set(query.terms) == {Term("label", (0,)), text("早餐")}
    assert query.only("label") == 0
    assert query.only("status") is None


@pytest.mark.parametrize("line", ["label:", "label:x", "status:q", "is:"])
def test_a_line_that_names_no_label_says_what_there_is(line: str) -> None:
    with pytest.raises(UserError, match="expected the beginning of one of") as caught:
        Query.parse(line, LABELS)
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.parametrize("line", ["产地:上海", "http://x", "a=1", "-产地:x"])
def test_a_column_that_is_not_there_is_said(line: str) -> None:
    with pytest.raises(UserError, match=r"no column is called .*, but 产品, 价格") as caught:
        Query.parse(line, LABELS, COLUMNS)
    assert caught.value.code == ExitCode.USAGE
    Query.parse(f'"{line}"', LABELS, COLUMNS)


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(UserError, match=r"expected a number or a date .* after >=, found 贵"):
        Query.parse("价格>=贵", LABELS, COLUMNS)


@pytest.mark.parametrize("value", ["手机", "a b", "a:b", "-a", "", "好|坏", "x>3"])
def test_a_quoted_value_is_read_as_it_is(value: str) -> None:
    query = Query.parse(f"产品={quoted(value)}", LABELS, COLUMNS)
    assert query.terms == (Term("column", (value,), "=", "产品"),)


def test_terms_of_a_name_are_taken_out_whole() -> None:
    line = '早餐 label:"very good" -label:x "label:y" is:wrong'
    assert terms_without(line, "label") == ["早餐", '"label:y"', "is:wrong"]


CELLS = {
    "产品": ["手机", "手机壳", "iPhone 13", "13", "", " 手机 "],
    "价格": ["3", "3.0", "1,300", "30", "3元", ""],
    "单号": ["1234567890123456567", "1234567890123456568", "x", "567", "01", "1"],
    "日期": ["2025-01-03", "2025/1/3 12:30", "2025年2月1日", "", "2024-12-31", "x"],
}


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("产品:手机", [0, 1, 5]),
        ("产品=手机", [0, 5]),
        ("产品:IPHONE", [2]),
        ("产品:13", [2, 3]),
        ('产品:""', [4]),
        ("-产品:手机|13", [4]),
        ("价格:3", [0, 1, 4]),
        ("价格=3", [0, 1]),
        ("价格>3", [2, 3]),
        ("价格>=3 价格<100", [0, 1, 3]),
        ("日期:2025-01", [0, 1]),
        ("日期=2025-01-03", [0, 1]),
        ("日期:2025-Q1", [0, 1, 2]),
        ("日期:2025", [0, 1, 2]),
        ("日期>2025/1/3", [2]),
        ("日期<=2025-01-03", [0, 1, 4]),
        ("单号=1234567890123456567", [0]),
        ("单号:567", [3]),
        ("单号=01", [4]),
        ("单号:1", [5]),
        ("好 产品:手机", [0, 1, 5]),
        ("坏 产品:手机", []),
    ],
)
def test_cells_are_found(line: str, rows: list[int]) -> None:
    store = ResultStore(LABELS, tuple(CELLS))
    for number, cells in enumerate(zip(*CELLS.values(), strict=True), start=1):
        record = Record(Place(number, number, number), dict(zip(CELLS, cells, strict=True)))
        store.append(replace(chunk_of([("好", 1, 0.9, 0, -1)]), records=[record]))
    found = store.select(Query.parse(line, LABELS, tuple(CELLS)))
    assert found.tolist() == rows


def test_a_filter_of_an_empty_file_finds_nothing() -> None:
    store = ResultStore(LABELS, ["产品"])
    for line in ("产品:手机", "产品>3", "好", "-is:wrong", "产品:2025-01"):
        assert np.array_equal(store.select(Query.parse(line, LABELS, ["产品"]), "↑产品"), [])
