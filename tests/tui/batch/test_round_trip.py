"""Every format to every other and back keeps every value."""

import csv
import datetime
import decimal
import itertools
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import xlsxwriter
from hypothesis import example, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from models.console.command import ExitCode, UserError
from models.tables import OUTPUT_FORMATS, Dialect, open_table, plain
from tests.tui.batch.runs import run
from tui.batch.inspection import inspect
from tui.batch.settings import BatchSettings
from tui.batch.summary import Summary

# What UTF-8 can hold and XML too.
values = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=12
)
NASTY = ("=1+1", '"', "a,b\r\nc", "\r", "\t", "\x00\x1b[2J", "_x0041_", " ", "1.0", "\u2028", "'x")


def read(path: Path, dialect: Dialect) -> list[tuple[object, ...]]:
    with open_table(path, dialect) as table:
        return [tuple(map(plain, list(record.fields.values())[:2])) for record in table.records]


@pytest.mark.long
@settings(max_examples=10)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=4))
@example([(value, value) for value in NASTY])
def test_every_format_to_every_other_and_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "note"), *rows])
    dialect = Dialect(quoting="double", delimiter=None, encoding="utf-8")

    def rewrite(source: Path, output: Path) -> Summary:
        to = BatchSettings(source, output, dialect)
        said = to.dialect_of(source.suffix[1:])
        return run(source, output, select=("text", "note"), force=True, dialect=said)

    for first in OUTPUT_FORMATS:
        start = tmp_path / f"start.{first}"
        assert rewrite(tmp_path / "a.csv", start).rejected == 0
        assert read(start, dialect) == rows
        for second in OUTPUT_FORMATS:
            there, back = tmp_path / f"there.{second}", tmp_path / f"back.{first}"
            assert rewrite(start, there).rejected == 0
            assert read(there, dialect) == rows
            assert rewrite(there, back).rejected == 0
            assert back.read_bytes() == start.read_bytes()


def test_dates_of_a_sheet_are_dates_in_a_sheet_and_iso_8601_elsewhere(tmp_path: Path) -> None:
    values = {
        "yyyy/m/d": datetime.date(2026, 1, 2),
        "m/d hh:mm": datetime.datetime(2026, 1, 2, 3, 4, 5, 678000),
        "hh:mm": datetime.time(3, 4),
        "[h]:mm": datetime.timedelta(hours=36),
    }
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["text", *"abcd"])
        sheet.write_string(1, 0, "很好")
        for column, (shown, value) in enumerate(values.items(), start=1):
            sheet.write_datetime(1, column, value, book.add_format({"num_format": shown}))
    run(tmp_path / "a.xlsx", tmp_path / "b.xlsx")
    found = CalamineWorkbook.from_path(tmp_path / "b.xlsx").get_sheet_by_index(0).to_python()
    assert found[1][1:5] == list(values.values())
    run(tmp_path / "a.xlsx", tmp_path / "b.jsonl")
    row = json.loads((tmp_path / "b.jsonl").read_text(encoding="utf-8"))
    iso = ["2026-01-02", "2026-01-02T03:04:05.678000", "03:04:00", "PT36H"]
    assert [row[name] for name in "abcd"] == iso


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    columns = {
        "text": pyarrow.array(["很好", None, ""]),
        "when": pyarrow.array([1, None, 10**18 + 1], pyarrow.timestamp("ns", "UTC")),
        "day": pyarrow.array([datetime.date(2026, 1, 2), None, None]),
        "price": pyarrow.array([decimal.Decimal("1.10"), None, decimal.Decimal("2.00")]),
        "tags": pyarrow.array([["a", "b"], [], None]),
        "more": pyarrow.array([{"x": 1}, None, {"x": None}]),
        "shop": pyarrow.array(["甲", "乙", "甲"]).dictionary_encode(),
        "bytes": pyarrow.array([b"\xff", b"", None]),
        "big": pyarrow.array([2**63 - 1, None, -1]),
        "yes": pyarrow.array([True, None, False]),
    }
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    run(tmp_path / "a.parquet", tmp_path / "b.parquet")
    found = pyarrow.parquet.read_table(tmp_path / "b.parquet")
    assert found.select(table.schema.names).equals(table)
    run(tmp_path / "a.parquet", tmp_path / "b.jsonl")
    first = json.loads((tmp_path / "b.jsonl").open(encoding="utf-8").readline())
    assert first["when"] == "1970-01-01T00:00:00.000000001Z"
    assert (first["price"], first["tags"], first["more"]) == (1.1, ["a", "b"], {"x": 1})
    assert (first["day"], first["shop"], first["big"]) == ("2026-01-02", "甲", 2**63 - 1)
    for name in ("c.csv", "c.xlsx"):
        assert run(tmp_path / "a.parquet", tmp_path / name).read == 3


def test_jsonl_becomes_a_table_with_all_columns_that_occur(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"text": "a", "n": 1.10}\n{"m": [1, {"x": null}], "text": "b"}\n{"text": "c", "n": true}',
        encoding="utf-8",
    )
    for name in ("b.csv", "b.xlsx", "b.parquet"):
        run(tmp_path / "a.jsonl", tmp_path / name)
        with open_table(tmp_path / name) as table:
            assert table.columns[:3] == ["text", "n", "m"]
    with (tmp_path / "b.csv").open(encoding="utf-8", newline="") as file:
        rows = [row[:3] for row in csv.reader(file)]
    assert rows[1:] == [["a", "1.10", ""], ["b", "", '[1, {"x": null}]'], ["c", "true", ""]]


def test_the_first_record_of_jsonl_may_lack_what_the_others_have(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n{"text": "a"}\n{"text": "b"}\n')
    summary = run(tmp_path / "a.jsonl", tmp_path / "b.csv")
    assert (summary.written, summary.rejected) == (2, 1)


def test_a_number_within_another_value_is_never_lost(tmp_path: Path) -> None:
    deep = "[" * 900 + "1e400" + "]" * 900
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "b", "x": ' + deep + "}\n")
    summary = run(tmp_path / "a.jsonl", tmp_path / "b.csv")
    assert (summary.written, summary.rejected) == (2, 0)
    assert '[""1E+400""]' in (tmp_path / "b.csv").read_text()
    assert run(tmp_path / "a.jsonl", tmp_path / "b.jsonl").written == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b.csv", [("", "[1.5, null]"), ("inf", "[]"), ("-inf", ""), ("1.5", "")]),
        ("b.xlsx", [("", "[1.5, null]"), ("inf", "[]"), ("-inf", ""), (1.5, "")]),
        ("b.jsonl", [(None, [1.5, None]), (None, []), (None, None), (1.5, None)]),
    ],
)
def test_what_is_no_finite_number_is_written_as_far_as_a_format_can(
    tmp_path: Path, name: str, expected: list[object]
) -> None:
    numbers = [float("nan"), float("inf"), float("-inf"), 1.5]
    lists = [[1.5, float("nan")], [], None, None]
    table = pyarrow.table({"x": numbers, "y": lists, "text": [*"abcd"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    summary = run(tmp_path / "a.parquet", tmp_path / name)
    assert (summary.written, summary.rejected) == (4, 0)
    assert read(tmp_path / name, Dialect()) == expected
    run(tmp_path / "a.parquet", tmp_path / "b.parquet")
    kept = pyarrow.parquet.read_table(tmp_path / "b.parquet").column("x")
    assert str(kept.to_pylist()) == str(numbers)


def test_a_text_in_a_workbook_is_never_a_formula_or_a_link(tmp_path: Path) -> None:
    import zipfile

    texts = ["=1+1", "@SUM(1)", "+1", "-1", "http://example.org", "'x"]
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    run(tmp_path / "a.txt", tmp_path / "b.xlsx")
    with zipfile.ZipFile(tmp_path / "b.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "hyperlink" not in sheet
    assert [row[0] for row in read(tmp_path / "b.xlsx", Dialect())] == texts


def test_csv_for_excel_has_a_mark_and_no_formula(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,=x\n=1+1,-2\n+a,@b\nc,d=e\n", encoding="utf-8")
    run(tmp_path / "a.csv", tmp_path / "b.csv", excel=True)
    content = (tmp_path / "b.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = [line.split(",")[:2] for line in content.decode("utf-8-sig").splitlines()]
    assert rows == [["text", "'=x"], ["'=1+1", "'-2"], ["'+a", "'@b"], ["c", "d=e"]]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("b.tsv", "a\tb", 1), ("b.xlsx", "x" * 32_768, 1), ("b.xlsx", "x" * 32_767, 0)],
)
def test_what_a_format_cannot_hold_is_rejected_and_nothing_else(
    tmp_path: Path, name: str, value: str, code: int
) -> None:
    rows = [("text",), ("a",), (value,), ("b",)]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    summary = run(tmp_path / "a.csv", tmp_path / name)
    assert (summary.written, summary.rejected) == (3 - code, code)


@pytest.mark.parametrize(
    ("name", "column"), [("b.tsv", "a\tb"), ("b.xlsx", "x" * 40_000), ("b.parquet", "\ud800")]
)
def test_a_column_name_that_a_format_cannot_hold_is_an_error_for_people(
    tmp_path: Path, name: str, column: str
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a", column: "b"}) + "\n")
    with pytest.raises(UserError, match="the name of a column cannot be written") as caught:
        run(tmp_path / "a.jsonl", tmp_path / name)
    assert caught.value.code == ExitCode.DATA
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_more_records_than_a_workbook_holds_are_refused_before_anything_is_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.batch import inspection

    monkeypatch.setattr(inspection, "XLSX_ROWS", 3)
    (tmp_path / "a.txt").write_text("a\nb\nc\n", encoding="utf-8")
    found = inspect(BatchSettings(tmp_path / "a.txt", tmp_path / "b.xlsx"))
    assert found.problem is not None
    with pytest.raises(UserError, match="more than XLSX holds") as caught:
        run(tmp_path / "a.txt", tmp_path / "b.xlsx")
    assert caught.value.code == ExitCode.USAGE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt"]


def test_the_same_run_writes_the_same_bytes_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("很好\n太差\n", encoding="utf-8")
    for name, folder in itertools.product(OUTPUT_FORMATS, ("x", "y")):
        (tmp_path / folder).mkdir(exist_ok=True)
        run(tmp_path / "a.txt", tmp_path / folder / f"b.{name}")
    for path in (tmp_path / "x").iterdir():
        assert path.read_bytes() == (tmp_path / "y" / path.name).read_bytes(), path.name


def test_what_arrow_cannot_convert_costs_its_record_alone_and_is_shown_as_such(
    tmp_path: Path,
) -> None:
    bad = pyarrow.array([b"0", b"\xff"]).view(pyarrow.string())
    table = pyarrow.table({"text": ["a", "b"], "note": bad, "label": ["0", "0"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    first, second = inspect(BatchSettings(tmp_path / "a.parquet", tmp_path / "b.csv")).preview
    assert (first.fields["note"], second.fields["note"]) == ("0", "\ufffd")
    summary = run(tmp_path / "a.parquet", tmp_path / "b.csv")
    assert (summary.written, summary.rejected) == (1, 1)
    summary = run(tmp_path / "a.parquet", tmp_path / "b.parquet", label_column="note")
    assert (summary.written, summary.rejected) == (2, 0)  # Parquet can hold them
    assert summary.unscored == {"unknown": {"\ufffd": 1}}
    kept = pyarrow.parquet.read_table(tmp_path / "b.parquet").column("note")
    assert kept.cast("binary").to_pylist() == [b"0", b"\xff"]


def test_a_column_that_no_record_of_jsonl_has_cannot_be_selected(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "b", "id": 1}\n')
    with pytest.raises(UserError, match="a column called ID, found the columns text, id"):
        run(tmp_path / "a.jsonl", tmp_path / "b.jsonl", select=("ID",))
    assert run(tmp_path / "a.jsonl", tmp_path / "b.jsonl", select=("id",)).written == 2


def test_a_text_column_is_looked_for_in_a_table_of_one_column_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\nb\n")
    dialect = Dialect(header=0)
    with pytest.raises(UserError, match="a column called nope, found the columns 1"):
        run(tmp_path / "a.csv", tmp_path / "b.csv", dialect=dialect, text_column="nope")
    assert (
        run(tmp_path / "a.csv", tmp_path / "b.csv", dialect=dialect, text_column="1").written == 2
    )
