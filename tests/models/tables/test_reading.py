"""Files as people have them: workbooks, packed files, JSON lists, and columns by their names."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from models.console import UserError
from models.tables import (
    TEXT_COLUMNS,
    CellError,
    Dialect,
    Record,
    Reject,
    find_column,
    open_table,
    plain,
)
from models.tables.excel import sheets_of
from models.tables.extent import _BinaryExtent
from models.tables.names import format_of, output_format_of, output_suffix

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(path: Path, *rows: str) -> Path:
    """Write an XLSX of these cells."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
            f'Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
            f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        body = "".join(f"<row>{row}</row>" for row in rows)
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{SHEET}"><sheetData>{body}</sheetData></worksheet>',
        )
    return path


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def fields(path: Path) -> list[dict[str, Any]]:
    with open_table(path) as table:
        return [dict(record.fields) for record in table.records]


def test_whole_numbers_of_a_workbook_keep_their_digits(tmp_path: Path) -> None:
    numbers = ["2412345678901234567", "2412345678901234568", "9007199254740993", "2.5E+18", "666"]
    rows = [f"<c><v>{number}</v></c>" + text("好") for number in numbers]
    path = workbook(tmp_path / "a.xlsx", text("订单号") + text("评论"), *rows)
    assert [row["订单号"] for row in fields(path)] == [
        *(2412345678901234567, 2412345678901234568, 9007199254740993, 2500000000000000000, 666),
    ]


def test_errors_and_formulas_without_a_value_are_no_empty_cells(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        text("评论"),
        '<c t="e"><f>-差</f><v>#NAME?</v></c>',
        '<c t="str"><f>B2</f><v></v></c>',
        "<c><f>A2&amp;B2</f><v/></c>",
    )
    error, nothing, formula = (row["评论"] for row in fields(path))
    assert error == CellError("#NAME?", "error_cell")
    assert nothing == ""
    assert formula == CellError("=A2&B2", "no_stored_value")
    assert [plain(error), plain(formula)] == ["#NAME?", "=A2&B2"]


def test_a_workbook_says_what_it_is_whatever_its_name_says(tmp_path: Path) -> None:
    contents = {
        "csv.xlsx": ("评论\n好\n".encode(), "it is a text file; say --from csv"),
        "html.xls": (b"<html><table></table></html>", r"it is a web page \(HTML\)"),
        "password.xlsx": (
            bytes.fromhex("d0cf11e0a1b11ae1")
            + b"\0" * 512
            + "EncryptedPackage".encode("utf-16-le"),
            "is protected with a password",
        ),
        "cut.xlsx": (b"PK\x03\x04cut", "it is damaged, or cut short"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=message), open_table(tmp_path / name):
            pass


def test_a_workbook_called_csv_is_read_as_a_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.csv", text("评论"), text("好"))
    with open_table(path) as table:
        assert table.dialect.format == "xlsx"
        assert [record.fields for record in table.records] == [{"评论": "好"}]
    said = Dialect("csv")
    with pytest.raises(UserError, match="a workbook; say --from xlsx"), open_table(path, said):
        pass


@pytest.mark.parametrize(
    ("filled", "found"),
    [
        (["a"], "a"),
        (["c"], "c"),
        (["a", "c"], "expected one sheet, found a, c;"),
        ([], "found a, b"),
    ],
)
def test_empty_sheets_and_charts_are_not_asked_for(
    tmp_path: Path, filled: list[str], found: str
) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("a", "b", "c"):
            book.add_worksheet(name).write_column(0, 0, ["text", "好"] if name in filled else [])
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=a!$A$1:$A$2"})
        book.add_chartsheet("d").set_chart(chart)
    if len(filled) == 1:
        with open_table(path) as table:
            assert table.dialect.sheet == found
            assert [record.fields for record in table.records] == [{"text": "好"}]
    else:
        with pytest.raises(UserError, match=found), open_table(path):
            pass
    assert sheets_of(path) == ["a", "b", "c"]


@pytest.mark.parametrize("shown", ["#SPILL!", "Err:502"])
def test_an_error_that_the_reader_does_not_know_is_told(tmp_path: Path, shown: str) -> None:
    cell = f'<c t="e"><v>{shown}</v></c>'
    path = workbook(tmp_path / "a.xlsx", text("评论") + text("x"), text("好") + cell)
    with pytest.raises(UserError, match=f"a cell shows the error {shown}"), open_table(path):
        pass


def packed(path: Path, content: bytes, name: str = "r.csv") -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._r.csv", b"x")
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["r.csv.gz", "r.zip"])
def test_a_packed_table_is_read_and_its_digest_is_that_of_the_file(
    tmp_path: Path, name: str
) -> None:
    path = packed(tmp_path / name, "评论,分\n好,5\n差,1\n".encode())
    assert format_of(path) == "csv"
    with open_table(path) as table:
        assert [record.fields["评论"] for record in table.records] == ["好", "差"]
        assert table.input.digest() == table.input.digest_now()


def test_a_workbook_in_a_zip_is_read(tmp_path: Path) -> None:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    book.add_worksheet().write_column(0, 0, ["评论", "好"])
    book.close()
    path = packed(tmp_path / "r.zip", content.getvalue(), "表.xlsx")
    assert fields(path) == [{"评论": "好"}]


def test_what_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.tables import packed as module

    monkeypatch.setattr(module, "MOST_UNPACKED", 1 << 20)
    path = packed(tmp_path / "r.csv.gz", b"text\n" + b"a\n" * (2 << 20))
    with pytest.raises(UserError, match="over 100 times its size"), open_table(path):
        pass


def test_a_damaged_or_ambiguous_archive_is_an_error(tmp_path: Path) -> None:
    path = packed(tmp_path / "r.csv.gz", b"text\n" + bytes(range(14, 200)) * 99)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="cannot be unpacked"), open_table(path):
        pass
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "text\na\n")
        archive.writestr("b.csv", "text\na\n")
    path = tmp_path / "two.zip"
    with pytest.raises(UserError, match=r"one table in it, found a.csv, b.csv"), open_table(path):
        pass


OBJECTS = [{"text": '好}"{', "n": [1, {"a": 2}]}, {"text": "差", "n": []}]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_json_list_is_read_object_by_object(
    tmp_path: Path, name: str, indent: int | None
) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(OBJECTS, ensure_ascii=False, indent=indent), encoding="utf-8")
    content = path.read_bytes()
    assert fields(path) == OBJECTS
    with open_table(path) as table:
        for record in table.records:
            place = record.place
            assert place.start is not None and place.raw is not None
            assert content[place.start : place.start + len(place.raw)] == place.raw
            assert json.loads(place.raw) == json.loads(record.source) == record.fields
            assert "\n" not in record.source


@pytest.mark.parametrize(
    "broken",
    [
        '{"text": "b", "tags": [1]',
        '{"text": "b", "more": {"x": {"y": 1}',
        '{"text": "b", "tags": [1}',
        '{"text": "b}',
        '{\n  "text": "b",\n  "more":\n  {\n    "x": 1\n  }',
    ],
)
def test_an_object_that_is_never_closed_costs_itself_alone(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "a.json"
    objects = [{"text": text, "more": {"x": [{"y": 1}]}} for text in "acd"]
    for indent in (None, 0, 2):
        first, *others = [json.dumps(one, indent=indent) for one in objects]
        path.write_text("[\n" + ",\n".join([first, broken, *others]) + "\n]")
        with open_table(path) as table:
            items = list(table.items)
        assert [isinstance(item, Record) for item in items] == [True, False, True, True]
        reject = items[1]
        assert isinstance(reject, Reject) and reject.code == "not_json"
        begin, end = first.count("\n") + 3, broken.count("\n")
        assert (reject.place.line, reject.place.last_line) == (begin, begin + end)
        content = path.read_bytes()
        start, raw = reject.place.start, reject.place.raw
        assert start is not None and raw is not None
        assert content[start : start + len(raw)] == raw
        assert [item.fields for item in items if isinstance(item, Record)] == objects


def test_lists_of_joined_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '[{"text": "好"}]\n\ufeff[\n{"text": "差"},\n{"text": "快"}\n]', encoding="utf-8"
    )
    assert fields(path) == [{"text": "好"}, {"text": "差"}, {"text": "快"}]


def test_objects_over_several_lines_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    shown = [json.dumps(one, ensure_ascii=False, indent=1) for one in OBJECTS]
    path.write_text("\n".join(shown), encoding="utf-8")
    assert fields(path) == OBJECTS
    path.write_text("\n".join([shown[0], "{\n oops\n}", shown[1], "{"]), encoding="utf-8")
    with open_table(path) as table:
        items = list(table.items)
    assert [isinstance(item, Record) for item in items] == [True, False, True, False]
    assert isinstance(items[1], Reject) and items[1].code == "not_json"


@pytest.mark.parametrize(
    "name",
    [
        *("微博正文", "微博内容", "评价内容(content)", "评论（必填）", "评论\n（必填）", "正文"),
        *("data", "sentence", "*评论", "评论内容必填", "1.评论", "Q3_评论内容", "第2题：评价"),
        *("评\u200b论", "ｔｅｘｔ", "\xa0评论\xa0", "Review (required)", "评论［选填］"),
    ],
)
def test_a_column_is_known_by_its_name_but_for_remarks(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'id,"{name}"\n1,好\n', encoding="utf-8")
    with open_table(path) as table:
        assert find_column(table.to_search(), None, TEXT_COLUMNS) == name


def test_lists_are_no_texts_and_an_exact_name_goes_before_others(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "好", "Comments": [], "data": "x"}\n', encoding="utf-8")
    with open_table(path) as table:
        assert find_column(table.to_search(), None, TEXT_COLUMNS) == "text"


def test_joined_files_lose_nothing_and_their_header_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    one = '\ufeff评论,分\r\n"好,用",5\r\n'
    path.write_bytes((one + one + '\ufeff"差,退",1\r\n').encode())
    with open_table(path) as table:
        first, again, second, third = table.items
    assert isinstance(again, Reject) and again.code == "repeated_header"
    texts = [one.fields["评论"] for one in (first, second, third) if isinstance(one, Record)]
    assert texts == ["好,用", "好,用", "差,退"]


@pytest.mark.parametrize("again", [" 评论 ,ID", "评论,ｉｄ"])
def test_a_header_that_differs_by_case_width_or_spaces_is_no_record(
    tmp_path: Path, again: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"评论,id\n好,1\n{again}\n差,2\n", encoding="utf-8")
    assert fields(path) == [{"评论": "好", "id": "1"}, {"评论": "差", "id": "2"}]


def test_below_a_header_in_another_order_values_keep_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("评论,id\n好,1\nID,评论\n2,差\n评论,id\n快,3\n", encoding="utf-8")
    assert [row["评论"] for row in fields(path)] == ["好", "差", "快"]
    with open_table(path) as table:
        codes = [item.code for item in table.items if isinstance(item, Reject)]
    assert codes == ["repeated_header"] * 2


def test_a_record_of_some_names_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("评论,id\n评论,1\nid,id\n", encoding="utf-8")
    assert [row["评论"] for row in fields(path)] == ["评论", "id"]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ('{"data": [{"text": "好"}], "total": 1}', "the texts lie inside of these"),
        ('[{"review": {"content": "好"}}]', "the texts lie inside of these"),
        ('[{"x": "好", "y": {}}]', "likely --text-column x"),
        ('[{"My Review": "好的"}]', "likely --text-column 'My Review'"),
    ],
)
def test_the_hint_of_an_unknown_column_is_of_use(tmp_path: Path, content: str, hint: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, encoding="utf-8")
    with open_table(path) as table, pytest.raises(UserError, match=hint):
        find_column(table.to_search(), None, TEXT_COLUMNS, "--text-column")


def test_a_title_is_not_proposed_as_a_column_and_one_column_may_be_several(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content, has, lacks in (
        ("导出,\n评论,分\n好,5\n", "--header", "likely"),
        ("评论^分\n好^5\n", "--delimiter", "nothing"),
    ):
        path.write_text(content, encoding="utf-8")
        with open_table(path) as table, pytest.raises(UserError, match=has) as caught:
            find_column(table.to_search(), None, TEXT_COLUMNS, "--text-column")
        assert lacks not in str(caught.value)


def test_a_column_that_looks_like_the_wanted_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("评论,\u200b评分 \n好,5\n", encoding="utf-8")
    with (
        open_table(path) as table,
        pytest.raises(UserError, match="likely --label-column '\u200b评分 '"),
    ):
        find_column(table.to_search(), "评分", (), "--label-column")


def test_lines_of_an_old_mac_end_at_cr(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("评论,分\r好,5\r差,1".encode("gb18030"))
    assert fields(tmp_path / "a.csv") == [{"评论": "好", "分": "5"}, {"评论": "差", "分": "1"}]


def test_one_line_of_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("评论\n好用\n".encode("gb18030") + "太差了\n很满意，下次还来\n".encode())
    with pytest.raises(UserError, match=r"gb18030 fails in line 3 \(1 line"), open_table(path):
        pass


def test_the_name_of_an_answer_follows_from_that_of_the_input() -> None:
    for name, suffix in {
        "a.xls": ".xlsx",
        "a.ods": ".xlsx",
        "a.xlsm": ".xlsx",
        "a.csv.gz": ".csv",
        "a.json": ".jsonl",
        "a.CSV": ".CSV",
    }.items():
        assert output_suffix(Path(name), format_of(Path(name))) == suffix
    assert output_format_of(Path("a.csv.gz")) is output_format_of(Path("a.xls")) is None


def test_far_cells_of_a_binary_workbook_are_counted_across_blocks() -> None:
    row = b"\x00\x04" + (1_048_575).to_bytes(4, "little")
    cell = b"\x02\x08" + (16_383).to_bytes(4, "little") + b"\0" * 4
    extent = _BinaryExtent()
    for byte in row + cell:
        extent.add(bytes([byte]))
    assert extent.cells == 1_048_576 * 16_384
