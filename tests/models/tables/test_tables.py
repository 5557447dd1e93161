"""What the reader promises: every record once, in order, or an error that names the line."""

import codecs
import csv
import hashlib
import io
import json
import os
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.console import ExitCode, UserError, require_file
from models.tables import Columns, Dialect, Record, Reject, find_column, open_table
from models.tables.columns import unique
from models.tables.encoding import encoding_of
from models.tables.source import InputFile


def read(tmp_path: Path, name: str, content: bytes | str) -> list[Record]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_table(path) as table:
        return list(table.records)


def detect_encoding(path: Path) -> str:
    with InputFile(path) as file:
        return encoding_of(file)


def texts(records: list[Record], column: str = "text") -> list[object]:
    return [record.fields[column] for record in records]


def zipped(name: str) -> bytes:
    """Return a ZIP that holds a file of this name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "text\n好\n")
    return content.getvalue()


def test_csv_honours_quotes(tmp_path: Path) -> None:
    records = read(tmp_path, "a.csv", 'id,text\n1,"a,""b""\nc"\n2,d\n')
    assert texts(records) == ['a,"b"\nc', "d"]
    assert [(record.place.number, record.place.line) for record in records] == [(1, 2), (2, 4)]


def test_tsv_has_no_quotes(tmp_path: Path) -> None:
    records = read(tmp_path, "a.tsv", 'label\ttext\n1\t"只有一个引号\n0\t也"不"少\n')
    assert texts(records) == ['"只有一个引号', '也"不"少']


def test_jsonl_keeps_the_line_as_it_was(tmp_path: Path) -> None:
    line = '{"text": "好", "n": 1.10}'
    (record,) = read(tmp_path, "a.jsonl", line + "\n\n")
    assert record.fields["text"] == "好"
    assert record.source == line


def test_a_comma_behind_an_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "好"}, \n{"text": "差",\n{"text": "x"}\n', encoding="utf-8")
    with open_table(path) as table:
        comma, cut, last = table.items
    assert "a comma stands behind it" in str(comma)
    assert "breaks off" in str(cut)
    assert isinstance(last, Record)


def test_every_line_of_a_txt_file_is_a_record_even_an_empty_one(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.txt", "a\n\nb\n")) == ["a", "", "b"]


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.jsonl"])
def test_lines_end_at_lf_or_crlf_and_nowhere_else(tmp_path: Path, name: str) -> None:
    odd = "一\u2028二\u0085三\x0b四\x0c五"
    content = {
        "a.txt": f"{odd}\r\nb\n",
        "a.tsv": f"text\r\n{odd}\r\nb\n",
        "a.jsonl": f'{{"text": {json.dumps(odd, ensure_ascii=False)}}}\r\n{{"text": "b"}}\n',
    }[name]
    assert texts(read(tmp_path, name, content)) == [odd, "b"]


def test_a_file_without_a_last_line_end_loses_nothing(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.csv", "text\na\nb")) == ["a", "b"]


def test_a_huge_cell_passes(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "a.csv", "text\n" + "很" * 1_000_000 + "\n")
    assert len(str(record.fields["text"])) == 1_000_000


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("gb18030", "gb18030"),
        ("utf-16", "utf-16-le"),
    ],
)
def test_the_encoding_is_found_and_the_text_survives_it(
    tmp_path: Path, encoding: str, found: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\n房间很干净，乗億\n".encode(encoding))
    assert detect_encoding(path) == found
    with open_table(path) as table:
        assert texts(list(table.records)) == ["房间很干净，乗億"]


def test_an_encoding_is_decided_on_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"ascii\n" * 400_000 + "很好".encode("gb18030"))
    assert detect_encoding(path) == "gb18030"


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_line_that_tells_excel_the_delimiter_is_no_header(
    tmp_path: Path, mark: str, quote: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{quote}sep={mark}{quote}\n分{mark}评论\n5{mark}很好\n", encoding="utf-8")
    with open_table(path) as table:
        assert table.dialect == Dialect("csv", "utf-8", mark, "double", header=2)
        assert texts(list(table.records), "评论") == ["很好"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["评论\n(必填)", "评论\n必填\n,选填", '评论\n""必填""'])
def test_the_delimiter_stands_behind_a_name_of_several_lines_too(
    tmp_path: Path, mark: str, name: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'"{name}"{mark}分\n很好{mark}5\n', encoding="utf-8")
    with open_table(path) as table:
        assert table.dialect.delimiter == mark
        assert table.columns == [name.replace('""', '"'), "分"]
        assert texts(list(table.records), "分") == ["5"]


def test_a_quote_within_a_name_does_not_make_the_header_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for rest in ("a,b;很好\n", 'a,b;5" 屏\n'):
        path.write_text('5" 屏;text\n' + rest, encoding="utf-8")
        with open_table(path) as table:
            assert table.columns == ['5" 屏', "text"]


@pytest.mark.parametrize("line", ["SEP=;", "sep=;;;", '"sep=;";;'])
def test_a_line_that_tells_excel_the_delimiter_may_be_padded(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{line}\n分;评论\n5;很好\n", encoding="utf-8")
    with open_table(path) as table:
        assert texts(list(table.records), "评论") == ["很好"]


def test_a_txt_with_columns_is_an_error_that_names_both_readings(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("评论\t分\n很好\t5\n", encoding="utf-16")
    with pytest.raises(UserError, match=r"found a TAB.*--from tsv.*--from txt"), open_table(path):
        pass
    with open_table(path, Dialect("txt")) as table:
        assert texts(list(table.records)) == ["评论\t分", "很好\t5"]
    with open_table(path, Dialect("tsv")) as table:
        assert texts(list(table.records), "评论") == ["很好"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "评论,分\n很好,5\n", "found names of columns.*--from csv.*--from txt"),
        ("a.txt", '{"text": "好"}\n', "its first line is JSON; say --from jsonl, or --from txt"),
        ("a.csv", '[{"text": "好"},\n', "its first line is JSON; say --from jsonl, or --from csv"),
        ("a.csv", "<table><tr>", "a web page"),
        ("a.csv", b"\x1f\x8b\x08\0", "packed with gzip; add .gz"),
        ("a.csv", b"Rar!\x1a\x07\x01\0\xff", "packed with RAR; unpack it"),
        ("a.zip", b"Rar!\x1a\x07\x01\0\xff", "is no ZIP, .* packed with RAR; unpack it"),
        ("a.xlsx", b"7z\xbc\xaf\x27\x1c\0\xff", "packed with 7z; unpack it"),
        ("a.xlsx", b"\x1f\x8b\x08\0", "packed with gzip; add .gz"),
        ("a.csv", zipped("a.csv"), "is no CSV, .* packed with ZIP; add .zip"),
        ("a.xlsx", zipped("a.csv"), "is no XLSX, .* packed with ZIP; add .zip"),
        ("a.xlsx", zipped("word/document.xml"), "is no XLSX, .* a document; copy its table"),
        ("a.csv", zipped("ppt/presentation.xml"), "is no CSV, .* a document; copy its table"),
        ("a.xlsx", zipped("drawing.xml"), "it is damaged"),
        ("a.zip", b"\x1f\x8b\x08\0", "is no ZIP, .* a .gz file"),
        ("a.csv.gz", zipped("a.csv"), "is no GZ, .* a .zip file"),
        ("a.txt", b"PAR1\0", "say --from parquet"),
        ("a.csv", b"%PDF-1.4", "a PDF"),
        ("a.parquet", "评论,分\n", "it is a text file; say --from csv"),
        ("a.csv.gz", "评论,分\n", "is not packed.*take .gz off"),
        ("a.jsonl", "text,label\n好,1\n", "--from csv or --from txt"),
        ("a.json", '["好","差"]', "write each record as a JSON object"),
    ],
)
def test_a_file_of_another_format_than_it_is_called_says_what_it_is(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=message) as caught, open_table(path):
        pass
    assert caught.value.code == ExitCode.DATA


def test_a_txt_of_texts_with_commas_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("内容好,评论多\n{很好}\n", encoding="utf-8")
    with open_table(path) as table:
        assert texts(list(table.records)) == ["内容好,评论多", "{很好}"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "content", ["评论\n很好用\n", "评论\n" + "房间很干净，" * 90_000 + "\n👍\n"]
)
def test_utf_16_of_chinese_alone_needs_no_mark(tmp_path: Path, encoding: str, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode(encoding))
    with open_table(path) as table:
        assert table.dialect.encoding == encoding
        assert texts(list(table.records), "评论") == content.split("\n")[1:-1]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_zero_by_mistake_makes_no_utf_16(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\n很好\0\nab\0\n".encode(encoding))
    assert detect_encoding(path) == encoding


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_needs_no_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("评论,评分\r\n好用,5\r\n差,1\r\n".encode(encoding))
    with open_table(path) as table:
        assert table.dialect.encoding == encoding
        assert texts(list(table.records), "评论") == ["好用", "差"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("評論\n房間乾淨整潔，位置便利\n".encode("cp950"), "cp950"),
        ("評論\n間房好乾淨，職員嘅態度唔錯\n".encode("big5hkscs"), "big5hkscs"),
        ("评论\n房間乾淨整潔，位置便利\n".encode("gb18030"), "gb18030"),
        ("评论\n洗发水很好用\ue411，让人喜欢\n".encode("gb18030"), "gb18030"),
    ],
)
def test_big5_is_told_from_gb18030_which_has_nearly_all_bytes(
    tmp_path: Path, content: bytes, found: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert detect_encoding(path) == found


def test_an_encoding_that_is_none_of_ours_is_said_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\n很好\n".encode() + b"\xff\xff\n")
    with pytest.raises(UserError, match=r"utf-8 fails in line 3.*--encoding utf-8") as caught:
        detect_encoding(path)
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize(
    ("content", "likely"),
    [
        (b"text\n\xff\xff\n\xff\xff\n", "--encoding"),
        ("좋아\n싫다\n".encode("utf-16-le"), "likely utf-16-le"),
    ],
)
def test_an_encoding_that_fails_in_every_line_is_no_remedy(
    tmp_path: Path, content: bytes, likely: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"none of these.*{likely}$"):
        detect_encoding(path)


def test_a_mark_of_utf_8_before_another_encoding_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(codecs.BOM_UTF8 + "text,评分\n很好,5\n".encode("gb18030"))
    for encoding in (None, "gbk"):
        with open_table(path, Dialect(encoding=encoding)) as table:
            assert table.columns == ["text", "评分"]
            assert texts(list(table.records)) == ["很好"]
    path.write_bytes(codecs.BOM_UTF8 + "text\n很好\n".encode() + b"\xff\n")
    assert detect_encoding(path) == "utf-8-sig"


@pytest.mark.parametrize("amount", [b"\x8020", b"20\x80", b"\x80 20"])
def test_the_euro_of_windows_in_china_is_one(tmp_path: Path, amount: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\n花了".encode("gb18030") + amount + "好用\n".encode("gb18030"))
    assert detect_encoding(path) == "gb18030"
    with open_table(path) as table:
        (found,) = texts(list(table.records))
    assert found == f"花了{amount.decode('cp1252')}好用"


def test_a_wrong_encoding_by_hand_is_an_error_for_people(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\n很好\n".encode("gb18030"))
    with (
        pytest.raises(UserError, match=r"line 2: these bytes are not of the encoding.*--encoding"),
        open_table(path, Dialect(encoding="utf-8")) as table,
    ):
        list(table.records)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.tsv", "", "is empty"),
        ("a.txt", "", "is empty"),
        ("a.jsonl", "\n", "is empty"),
        ("a.csv", "a,text\n1,x\n1,x,y\n", "line 3: expected 2 fields.*found 3"),
        ("a.csv", "a,text\n1\n", "line 2: expected 2 fields.*found 1"),
        ("a.csv", 'text\nok\n"open\nx\n', "line 3: a quote that opens here is never closed"),
        ("a.csv", 'text\n"a"b\n', "line 2: the quotes are not as in CSV"),
        ("a.tsv", "a\ttext\n1\tx\ty\n", "line 2: expected 2 fields.*found 3"),
        ("a.jsonl", '{"text": "a"}\n{oops\n', "line 2: expected a JSON object"),
        ("a.jsonl", '{"text": "a"}\n["b"]\n', r"line 2: expected a JSON object, found \[.b.\]"),
        ("a.jsonl", '{"text": ' + "[" * 100_000 + "\n", "line 1: expected a JSON object"),
    ],
)
def test_a_broken_file_is_an_error_that_names_the_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, name, content)
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize("encoding", ["nope", "hex"])
def test_an_encoding_that_nobody_knows_is_wrong_usage(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_text("text\na\n")
    with (
        pytest.raises(UserError, match=f"--encoding {encoding} is none") as caught,
        open_table(tmp_path / "a.csv", Dialect(encoding=encoding)),
    ):
        pass
    assert caught.value.code == ExitCode.USAGE


def test_a_folder_is_not_called_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found the folder") as caught, open_table(tmp_path):
        pass
    assert caught.value.code == ExitCode.NO_INPUT


def test_a_missing_file_and_an_unknown_format_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file") as caught, open_table(tmp_path / "no.csv"):
        pass
    assert caught.value.code == ExitCode.NO_INPUT
    advice = {
        "a.data": "say --from csv",
        "a.tar.gz": "say --from csv",
        "a.bz2": "say --from csv",
    }
    for name, said in advice.items():
        (tmp_path / name).touch()
        with pytest.raises(UserError, match=said) as caught, open_table(tmp_path / name):
            pass
        assert caught.value.code == ExitCode.USAGE


def test_a_column_is_found_by_its_flag_or_by_a_known_name() -> None:
    known = ("text", "review")
    assert find_column(Columns("f", ["id", "Text"]), None, known, "--text-column") == "Text"
    assert find_column(Columns("f", ["id", "x"]), "x", known, "--text-column") == "x"


@pytest.mark.parametrize(
    ("columns", "wanted"), [(["id", "body"], None), (["text", "review"], None), (["text"], "no")]
)
def test_a_column_is_never_guessed(columns: list[str], wanted: str | None) -> None:
    with pytest.raises(UserError, match=f"found the columns {', '.join(columns)}.*--text-column"):
        find_column(Columns("f", columns), wanted, ("text", "review"), "--text-column")


# One line of text for every format; what TSV and TXT cannot hold is left out.
cells = st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=20))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    as_csv = io.StringIO(newline="")
    csv.writer(as_csv).writerows([("label", "text"), *rows])
    contents = {
        "a.csv": as_csv.getvalue(),
        "a.tsv": "".join(f"{a}\t{b}\n" for a, b in [("label", "text"), *rows]),
        "a.jsonl": "".join(json.dumps({"label": a, "text": b}) + "\n" for a, b in rows),
        "a.txt": "".join(f"{b}\n" for _, b in rows),
    }
    for name, content in contents.items():
        assert texts(read(folder, name, content)) == [b for _, b in rows]


def test_a_workbook_may_have_any_line_end_in_its_header(tmp_path: Path) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    book.add_worksheet().write_column(0, 0, ["te\r\nxt", "a"])
    book.close()
    with open_table(tmp_path / "a.xlsx") as table:
        assert [name.split() for name in table.columns] == [["te", "xt"]]


def test_a_name_that_stands_often_in_the_header_is_numbered_and_takes_no_time() -> None:
    assert unique(["a", "a#2", "a", "b", "a", "a#2"]) == ["a", "a#2", "a#3", "b", "a#4", "a#2#2"]
    start = time.process_time()
    assert unique([""] * 20_000)[-1] == "#20000"
    assert time.process_time() - start < 5


@pytest.mark.parametrize("content", ["a,b\n1,x\\", "a,b\n1,x\\\n", 'a,b\n1,"x\\'])
def test_a_backslash_at_the_end_is_not_called_an_open_quote(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with open_table(tmp_path / "a.csv", Dialect(quoting="backslash")) as table:
        (reject,) = table.items
    assert isinstance(reject, Reject)
    assert (reject.code, "ends in a backslash" in reject.message) == ("bad_quote", True)


def test_a_pipe_is_not_called_missing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(UserError, match="standard input, as -") as caught:
        require_file(tmp_path / "a.csv")
    assert caught.value.code == ExitCode.NO_INPUT


def test_half_a_surrogate_pair_is_replaced_in_the_text_and_kept_in_the_line(tmp_path: Path) -> None:
    line = r'{"text": "好\ud800", "n": "\udfff"}'
    (record,) = read(tmp_path, "a.jsonl", line)
    assert record.text("text") == record.get("text") == "好\N{REPLACEMENT CHARACTER}"
    assert record.source == line


@pytest.mark.parametrize(("size", "length"), [(10, 10), (1_000, 11_000)])
def test_the_pass_that_reads_a_file_hashes_it(tmp_path: Path, size: int, length: int) -> None:
    content = b"text\n" + (b"0" * length + b"\n") * size
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with open_table(path) as table:
        assert sum(1 for _ in table.items) == size
        assert table.input.digest() == hashlib.sha256(content).hexdigest()
        path.write_bytes(content[:-2])
        assert table.input.digest_now() == hashlib.sha256(content[:-2]).hexdigest()
        path.unlink()
        path.write_bytes(b"another")
        assert table.input.digest_now() == hashlib.sha256(b"another").hexdigest()


def test_of_a_parquet_file_a_part_is_in_memory_even_if_it_is_one_row_group(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = [os.urandom(64).hex() for _ in range(100_000)]
    pq.write_table(pa.table({"text": texts}), path, compression="none", use_dictionary=False)
    assert path.stat().st_size > 12 << 20
    before = pa.total_allocated_bytes()
    with open_table(path) as table:
        assert next(table.items)
        assert pa.total_allocated_bytes() - before < 4 << 20
