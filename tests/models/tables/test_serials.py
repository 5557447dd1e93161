"""XLSX: what is no date stays a number, and no record is lost to one of the same place."""

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from models.console import ExitCode, UserError
from models.tables import open_table

INLINE = '<c{reference} t="inlineStr"><is><t>{text}</t></is></c>'


@pytest.mark.parametrize("date_1904", [False, True])
@pytest.mark.parametrize("shown", ["yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "hh:mm:ss"])
def test_a_number_that_is_no_date_is_kept(tmp_path: Path, date_1904: bool, shown: str) -> None:
    numbers = [-1462, -1.25, -1, -0.5, -0.04166666666666666, -5.083333333333333]
    numbers += [0, 0.5, 59, 59.5, 60, 60.33333333333334, 60.5, 61]
    with xlsxwriter.Workbook(tmp_path / "a.xlsx", {"date_1904": date_1904}) as book:
        sheet = book.add_worksheet()
        date = book.add_format({"num_format": shown})
        sheet.write_row(0, 1, ["text", "when", "plain"])
        for row, number in enumerate(numbers, start=1):
            sheet.write_row(row, 1, ["好"])
            sheet.write_number(row, 2, number, date)
            sheet.write_number(row, 3, number)
    with open_table(tmp_path / "a.xlsx") as table:
        records = list(table.records)
    found = dict(zip(numbers, [record.fields["when"] for record in records], strict=True))
    assert [record.fields["plain"] for record in records] == numbers
    assert [found[number] for number in numbers[:6]] == numbers[:6]
    assert found[0.5] == datetime.time(12)
    if date_1904:
        assert found[60] == datetime.date(1904, 3, 1)
        assert found[59] == datetime.date(1904, 2, 29)
    else:
        assert [found[number] for number in numbers[10:13]] == numbers[10:13]
        assert found[59] == datetime.date(1900, 2, 28)
        assert found[59.5] == datetime.datetime(1900, 2, 28, 12)
        assert found[61] == datetime.date(1900, 3, 1)


def sheet_of(path: Path, rows: list[tuple[str, list[tuple[str, str]]]]) -> Path:
    """Write a sheet of rows and cells with these attributes."""
    written = ""
    for attributes, cells in rows:
        inside = [INLINE.format(reference=reference, text=text) for reference, text in cells]
        written += f"<row{attributes}>{''.join(inside)}</row>"
    whole = path.with_name("whole.xlsx")
    with xlsxwriter.Workbook(whole) as book:
        book.add_worksheet()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("sheet1.xml"):
                content = content.replace(
                    b"<sheetData/>", f"<sheetData>{written}</sheetData>".encode()
                )
            target.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "rows",
    [
        [(' r="1"', ' r="A1"'), (' r="2"', ' r="A2"'), (' r="2"', ' r="A2"')],
        [(' r="1"', ""), (' r="2"', ""), (' r="2"', "")],
        [("", ' r="A1"'), ("", ' r="A2"'), ("", ' r="A2"')],
        [(' r="1"', ' r="A1"'), (' r="2"', ' r="A2"'), (' r="3"', ' r="A2"')],
        [(' r="1"', ' r="A1"'), (' r="2"', ' r="A3"'), (' r="3"', ' r="A3"')],
    ],
)
def test_a_row_that_stands_twice_is_refused(tmp_path: Path, rows: list[Any]) -> None:
    texts = ["text", "好", "差"]
    cells = [(row, [(cell, text)]) for (row, cell), text in zip(rows, texts, strict=True)]
    path = sheet_of(tmp_path / "a.xlsx", cells)
    with pytest.raises(UserError, match="stands twice") as caught, open_table(path) as table:
        list(table.items)
    assert caught.value.code == ExitCode.DATA


def test_a_cell_that_stands_twice_is_refused(tmp_path: Path) -> None:
    cells = [(' r="A2"', "好"), (' r="A2"', "差")]
    path = sheet_of(tmp_path / "a.xlsx", [(' r="1"', [("", "text")]), (' r="2"', cells)])
    with pytest.raises(UserError, match=r"row 2 .* stands twice"), open_table(path) as table:
        list(table.items)


def test_rows_and_cells_in_any_order_are_read_as_long_as_each_is_one(tmp_path: Path) -> None:
    rows = [
        (' r="1"', [(' r="B1"', "note"), (' r="A1"', "text")]),
        (' r="4"', [(' r="A4"', "三")]),
        (' r="2"', [("", "一")]),
        ("", [(' r="A3"', "二")]),
    ]
    path = sheet_of(tmp_path / "a.xlsx", rows)
    with open_table(path) as table:
        assert [record.fields["text"] for record in table.records] == ["一", "二", "三"]
