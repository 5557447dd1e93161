"""Files that fooled others: the record count that a person would give, or an error with the flag.

The kinds are those of the Pollock benchmark (Vitagliano et al., VLDB 2023), the files are ours; the
first cases are after reports to DuckDB and Polars, where a reader lost rows and said nothing.
"""

from pathlib import Path

import pytest

from models.console import ExitCode, UserError
from models.tables import Dialect, Record, open_table

# What is done to a table of three records, and what a person finds: records, and how many of them
# are whole. The flags are what the person has to say.
CASES: dict[str, tuple[str, dict[str, object], int, int]] = {
    # duckdb/duckdb#25827: read with ";", the header became the only row
    "a delimiter that the header lacks": ("c0\nv0\na;b\n", {}, 2, 2),
    # duckdb/duckdb#25827: rows whose width changes late
    "a width that changes late": ("a,b\n" + "1,2\n" * 2046 + "1,2,3\n" * 5, {}, 2051, 2046),
    # pola-rs/polars#21519: the quote swallowed the next row
    "a quote in the middle": ('col1,col2\nval1,abc"\nval2,random\n', {}, 2, 2),
    # pola-rs/polars#10585: long rows were cut
    "long rows": ("a,b\n1,2\n3,4,5\n6,7\n", {}, 3, 2),
    "an open quote in the first record": ('a,b\n"1,2\n3,4\n5,6\n', {}, 3, 2),
    "an open quote in the middle": ('a,b\n1,2\n3,"4\n5,6\n', {}, 3, 2),
    "an open quote in the last record": ('a,b\n1,2\n3,4\n5,"6', {}, 3, 2),
    "an open quote before a quoted value": ('a,b\n1,"2\n3,"4"\n5,6\n', {}, 3, 2),
    "an open quote in a long file": ('a\n"1\n' + "2\n" * 5000, {}, 5001, 5000),
    # Pollock, files
    "no line end at the end": ("a,b\n1,2\n3,4\n5,6", {}, 3, 3),
    "two line ends at the end": ("a,b\n1,2\n3,4\n5,6\n\n", {}, 3, 3),
    "blank lines": ("\na,b\n1,2\n\n3,4\n  \n5,6\n", {}, 3, 3),
    "no header": ("1,2\n3,4\n5,6\n", {"header": False}, 3, 3),
    "a header alone": ("a,b\n", {}, 0, 0),
    "a header with a name twice": ("a,a\n1,2\n3,4\n5,6\n", {}, 3, 3),
    "a header with an empty name": ("a,\n1,2\n3,4\n5,6\n", {}, 3, 3),
    "a header of two rows": ("a,b\n[kg],[m]\n1,2\n3,4\n", {}, 3, 3),
    "a byte order mark": ("\ufeffa,b\n1,2\n3,4\n5,6\n", {}, 3, 3),
    "several tables": ("a,b\n1,2\n3,4\nx,y,z\n1,2,3\n", {}, 4, 2),
    "a line of comment in between": ("a,b\n1,2\n# page 2\n3,4\n", {}, 3, 2),
    # Pollock, dialects
    "CRLF": ("a,b\r\n1,2\r\n3,4\r\n5,6\r\n", {}, 3, 3),
    "LF and CRLF": ("a,b\r\n1,2\n3,4\r\n5,6\n", {}, 3, 3),
    "a CR in a value": ("a,b\n1,2\r2\n3,4\n5,6\n", {}, 3, 3),
    "semicolons": ("a;b\n1;2,5\n3;4,5\n5;6,5\n", {}, 3, 3),
    "tabs": ("a\tb\n1\t2\n3\t4\n5\t6\n", {}, 3, 3),
    "pipes": ("a|b\n1|2\n3|4\n5|6\n", {}, 3, 3),
    "spaces": ("a b\n1 2\n3 4\n5 6\n", {"delimiter": " "}, 3, 3),
    "a comma and a space": ("a, b\n1, 2\n3, 4\n5, 6\n", {}, 3, 3),
    "single quotes": ("a,b\n1,'2,\n2'\n3,4\n5,6\n", {"quoting": "single"}, 3, 3),
    "backslashes before quotes": ('a,b\n1,"2\\",2"\n3,4\n5,6\n', {"quoting": "backslash"}, 3, 3),
    "everything quoted": ('"a","b"\n"1","2"\n"3","4"\n"5","6"\n', {}, 3, 3),
    "a quoted delimiter": ('"a;x",b\n1,"2,2"\n3,4\n5,6\n', {}, 3, 3),
    "a quoted line end in the header": ('a,"b\r\nc"\n1,2\n3,4\n5,6\n', {}, 3, 3),
    "a quoted line end": ('a,b\n1,"2\n2"\n3,4\n5,6\n', {}, 3, 3),
    # Pollock, records
    "a delimiter too few": ("a,b,c\n1,2,3\n4,5\n6,7,8\n", {}, 3, 2),
    "a delimiter too many": ("a,b\n1,2\n3,,4\n5,6\n", {}, 3, 2),
    "a delimiter at the end of each": ("a,b,\n1,2,\n3,4,\n5,6,\n", {}, 3, 3),
    "a quote too many": ('a,b\n1,"2""\n3,4\n5,6\n', {}, 3, 2),
    "text after a quote": ('a,b\n1,"2"x\n3,4\n5,6\n', {}, 3, 2),
    "another delimiter": ("a,b\n1,2\n3;4\n5,6\n", {}, 3, 2),
    "NUL": ("a,b\n1,\0\n3,4\n5,6\n", {}, 3, 3),
    "U+2028 and U+0085": ("a,b\n1,\u20282\n3,\x854\n5,6\n", {}, 3, 3),
    "one column": ("a\n1\n\n3\n", {}, 3, 3),
    "a thousand columns": (",".join(map(str, range(1000))) + "\n" + "x," * 999 + "x\n", {}, 1, 1),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le"])
def test_a_polluted_file_has_the_records_that_a_person_would_count(
    tmp_path: Path, case: str, encoding: str
) -> None:
    content, dialect, records, whole = CASES[case]
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode(encoding))
    with open_table(path, Dialect(encoding=encoding, **dialect)) as table:  # type: ignore[arg-type]
        items = list(table.items)
    assert len(items) == records
    assert sum(isinstance(item, Record) for item in items) == whole


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b;c\n1,2;3\n", "--delimiter"),
        (b"a,b\r1,2\r\n3,4\r", "some lines end at CR alone"),
        (b'"a,b\n1,2\n', "line 1: a quote that opens here is never closed"),
        (b"a,b\n1,\xff\xff\n", "--encoding"),
    ],
)
def test_a_file_that_cannot_be_understood_says_what_to_do(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught, open_table(path):
        pass
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"a": NaN}', "not_json"),
        (b'{"a": 1,}', "not_json"),
        (b'{"a": 1, "a": 2}', "not_json"),
        (b'{"a": ' + b"[" * 100_000, "not_json"),
        (b'{"a": 1e99999999999999999999}', "not_json"),
        (b'["a"]', "not_an_object"),
        (b'{"a": "\xff"}', "undecodable"),
        (b'{"a": "1"} {"a": "2"}', "not_json"),
    ],
)
def test_a_polluted_line_of_jsonl_costs_itself_alone(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": "x"}\r\n' + content + b'\n\n{"a": "y"}')
    with open_table(path) as table:
        first, second, third = table.items
    assert isinstance(first, Record)
    assert not isinstance(second, Record)
    assert second.code == code
    assert isinstance(third, Record)
    assert third.fields == {"a": "y"}


def test_characters_that_end_in_the_byte_of_a_pipe_or_a_backslash_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a|b\n乗億|乗\\\n".encode("gb18030"))
    with open_table(path, Dialect(encoding="gb18030")) as table:
        (record,) = table.records
    assert dict(record.fields) == {"a": "乗億", "b": "乗\\"}


def test_a_cell_of_100_megabytes_passes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write("a,b\n1,2\n3,")
        for _ in range(100):
            file.write("x" * 1_000_000)
        file.write("\n5,6\n")
    with open_table(path) as table:
        assert [len(record.fields["b"]) for record in table.records] == [1, 100_000_000, 1]


def test_a_workbook_whose_cells_lie_far_apart_does_not_fill_the_memory(tmp_path: Path) -> None:
    import xlsxwriter

    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_string(0, 0, "text")
    sheet.write_string(1_048_575, 16_383, "x")
    book.close()
    with pytest.raises(UserError, match="fill the memory"), open_table(path):
        pass


def test_a_workbook_that_inflates_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    from models.tables import extent

    monkeypatch.setattr(extent, "MOST_INFLATED", 1 << 20)
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (2 << 20))
    assert path.stat().st_size < 1 << 13
    with pytest.raises(UserError, match="fill the memory"), open_table(path):
        pass


def test_of_several_sheets_one_has_to_be_named_and_hidden_ones_do_not_count(
    tmp_path: Path,
) -> None:
    import xlsxwriter

    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    for name in ("一", "二", "三"):
        sheet = book.add_worksheet(name)
        sheet.write_column(0, 0, ["text", name])
        if name == "三":
            sheet.hide()
    book.close()
    with pytest.raises(UserError, match=r"found 一, 二; .*--sheet"), open_table(path):
        pass
    with open_table(path, Dialect(sheet="二")) as table:
        assert [record.fields["text"] for record in table.records] == ["二"]


def test_strings_that_are_announced_and_not_there_get_no_room(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", b'<sst count="1" uniqueCount="999999999999">')
    with pytest.raises(UserError, match="fill the memory"), open_table(path):
        pass


@pytest.mark.parametrize("far", [b"<row/>" * 50_000, b'<row r="900000"><c><v>1</v></c></row>'])
def test_cells_that_do_not_say_their_place_are_counted_too(tmp_path: Path, far: bytes) -> None:
    import zipfile

    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        wide = b"<row>" + b"<c><v>1</v></c>" * 16_000 + b"</row>"
        archive.writestr("xl/worksheets/sheet1.xml", b"<sheetData>" + wide + far)
    with pytest.raises(UserError, match="fill the memory"), open_table(path):
        pass
