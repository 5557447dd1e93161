"""`classify --by`: the answers of a run by columns of its input."""

import json
from pathlib import Path

import pytest

from models.console.command import ExitCode
from tests.cli import Invoke, Result

HEADER = "产品,日期,星级,评价\n"
ROWS = [
    "手机,2025-01-03,5,很好",
    "手机,2025/1/30 12:30,1,坏了",
    "酒店,2025年2月1日,3,早餐不错",
    "手机,不详,4,",
    ",2025-02-28,4,很差",
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "评价.csv"
    path.write_text(HEADER + "\n".join(ROWS) + "\n", encoding="utf-8")
    return path


def tables_of(result: Result) -> list[dict[str, object]]:
    assert result.code == ExitCode.OK, result.stderr
    tables: list[dict[str, object]] = json.loads(result.stdout)["by"]
    return tables


def groups_of(table: dict[str, object]) -> list[tuple[str, int]]:
    groups = table["groups"]
    assert isinstance(groups, list)
    return [(group["value"], group["rows"]) for group in groups]


def test_a_table_stands_for_each_column_with_its_rows_shares_and_intervals(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    result = classify(table, "-o", tmp_path / "out.csv", "--by", "产品", "--by", "日期")
    lines = result.stderr.splitlines()
    assert result.code == ExitCode.OK
    (start,) = [place for place, line in enumerate(lines) if line.startswith("产品 ")]
    assert lines[start].split() == ["产品", "rows", "负向评价", "正向评价", "to", "review"]
    assert [line.split()[:2] for line in lines[start + 1 : start + 4]] == [
        ["手机", "3"],
        ["(nothing)", "1"],
        ["酒店", "1"],
    ]
    (of_hotel,) = [line for line in lines if line.startswith("酒店")]
    assert "100.0% (20.7–100.0)" in of_hotel  # Wilson's interval of 1 of 1
    assert "1 row without a date" in lines


def test_json_has_the_tables_beside_the_receipt(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    by = ["--by", "日期:quarter", "--by", "日期：day", "--by", "星级"]
    quarters, days, stars = tables_of(classify(table, "-o", output, "--json", "-q", *by))
    assert (quarters["by"], groups_of(quarters)) == ("quarter", [("2025-Q1", 4)])
    assert quarters["other"] == 1
    assert [name for name, _ in groups_of(days)] == [
        *("2025-01-03", "2025-01-30"),
        *("2025-02-01", "2025-02-28"),
    ]
    assert (stars["by"], groups_of(stars)) == ("number", [("1", 1), ("3", 1), ("4", 2), ("5", 1)])
    assert "by" not in json.loads(Path(f"{output}.receipt.json").read_text(encoding="utf-8"))


def test_a_column_that_is_not_kept_can_be_grouped_by(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    options = ["--select", "评价", "--by", "产品", "--json"]
    (products,) = tables_of(classify(table, "-o", tmp_path / "out.csv", *options))
    assert sum(rows for _, rows in groups_of(products)) == len(ROWS)


@pytest.mark.parametrize("wanted", ["品", "日期:year", "日期:", ":month", "month"])
def test_a_column_that_is_not_there_ends_the_command_before_anything_is_written(
    classify: Invoke, table: Path, tmp_path: Path, wanted: str
) -> None:
    result = classify(table, "-o", tmp_path / "out.csv", "--by", wanted)
    assert result.code == ExitCode.USAGE
    assert "产品, 日期, 星级, 评价" in result.stderr
    assert "day|week|month|quarter|range|number|value" in result.stderr
    assert list(tmp_path.iterdir()) == [table]


def test_a_column_may_have_a_colon_in_its_name(classify: Invoke, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("a:day,text\n1,好\n2,坏\n", encoding="utf-8")
    result = classify(table, "-o", tmp_path / "out.csv", "--json", "--by", "a:day")
    assert groups_of(tables_of(result)[0]) == [("1", 1), ("2", 1)]


def test_a_run_that_had_finished_has_the_same_tables(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    arguments = [table, "-o", tmp_path / "out.csv", "--prefix", "a_", "--json"]
    by = ["--by", "产品", "--by", "日期", "--by", "星级"]
    first = tables_of(classify(*arguments, *by))
    again = classify(*arguments, *by)
    assert "nothing to do" in again.stderr
    assert tables_of(again) == first
    assert first[0]["groups"] != []


def test_a_finished_output_without_its_texts_says_so(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    arguments = [table, "-o", tmp_path / "out.csv", "--select", "产品", "--by", "产品"]
    assert classify(*arguments).code == ExitCode.OK
    result = classify(*arguments)
    assert result.code == ExitCode.USAGE
    assert "written without the column 评价" in result.stderr


def test_a_finished_output_without_the_column_says_so(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    arguments = [table, "-o", tmp_path / "out.csv", "--select", "评价"]
    assert classify(*arguments).code == ExitCode.OK
    result = classify(*arguments, "--by", "产品")
    assert result.code == ExitCode.USAGE
    assert "written without the column 产品" in result.stderr
