"""A finished output gives the store that its run had, whatever its format; nothing is predicted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from models.console.command import ExitCode, UserError
from models.tables import Dialect
from tests.tui.batch.runs import MANIFEST, run
from tui.batch.engine import Hooks
from tui.batch.findings import finished as module
from tui.batch.findings import reading
from tui.batch.findings.finished import find_finished, open_finished
from tui.batch.findings.groups import by_column
from tui.batch.findings.result_store import ResultStore
from tui.batch.status import Status
from tui.cli import cli

FORMATS = ["csv", "tsv", "jsonl", "xlsx", "parquet"]
RECORDS = [
    {"product": "手机", "text": "很好,“快”", "stars": 5, "truth": "A"},
    {"product": "酒店", "text": "  ", "stars": None, "truth": "B"},
    {"product": "", "text": "太长" * 20, "stars": 1, "truth": "B"},
    {"product": "手机", "text": '他说"好"', "stars": 2, "truth": "什么"},
    {"product": "图书", "text": "无", "stars": 3, "truth": ""},
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    lines = [json.dumps(record, ensure_ascii=False) for record in RECORDS]
    path.write_text("\n".join(lines))
    return path


def classified(source: Path, suffix: str, **more: Any) -> tuple[Path, ResultStore]:
    output = source.with_name(f"out.{suffix}")
    columns = [name for name in RECORDS[0] if name != "text"]
    store = ResultStore(MANIFEST.labels, columns)
    more = {"prefix": "ai_", **more}
    run(source, output, hooks=Hooks(answered=store.append), **more)
    return output, store


def table_of(store: ResultStore) -> list[Any]:
    names = ("number", "label", "status", "truth")
    rows = [store.column(name).tolist() for name in names]
    rows.append(np.round(store.column("confidence"), 5).tolist())
    rows.append([store.row(index).text for index in range(len(store))])
    return rows + [store.values(name).to_pylist() for name in store.columns.names]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("has_receipt", [True, False])
def test_a_finished_output_opens_as_its_run_ended(
    source: Path, suffix: str, has_receipt: bool
) -> None:
    mapped = "A=正向评价; B=负向评价; 什么="
    output, store = classified(source, suffix, label_column="truth", label_map=mapped)
    if not has_receipt:
        output.with_name(f"{output.name}.receipt.json").unlink()
        store.column("truth")[:] = -1
    read = open_finished(output)
    assert read.labels == store.labels
    assert read.columns.names == store.columns.names
    assert table_of(read) == table_of(store)
    assert read.counts.tolist() == store.counts.tolist()


def test_the_receipt_counts_only_for_the_bytes_that_it_tells_of(source: Path) -> None:
    output, _ = classified(source, "csv")
    found = find_finished(output)
    assert found is not None
    assert found.receipt["run"]["model"]["labels"] == list(MANIFEST.labels)
    assert not found.edited
    output.write_text(output.read_text().replace("酒店", "饭店"))
    found = find_finished(output)
    assert found is not None
    assert (found.receipt, found.edited) == ({}, True)
    assert "饭店" in open_finished(output).values("product").to_pylist()


HEADER = "text,predicted_label,predicted_id,confidence,status\n"


def test_texts_in_a_column_of_any_name_are_found_again_or_named(tmp_path: Path) -> None:
    source, output = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text("买家留言,price\n很好,1\n坏,2\n")
    run(source, output, text_column="买家留言")
    output.write_text(output.read_text().replace("很好", "不错"))
    assert open_finished(output).row(0).text == "不错"
    output.with_name("b.csv.receipt.json").unlink()
    with pytest.raises(UserError, match="by its name to have the texts") as caught:
        open_finished(output)
    assert "likely --text-column 买家留言" in str(caught.value)
    assert "--header" not in str(caught.value)
    assert open_finished(output, text_column="买家留言").row(0).text == "不错"
    assert open_finished(output, likely="买家留言").row(0).text == "不错"
    with pytest.raises(UserError, match="expected a column called price2"):
        open_finished(output, text_column="price2")
    told = CliRunner().invoke(cli, ["compare", *[str(output)] * 2, "--text-column", "买家留言"])
    assert told.exit_code == ExitCode.OK, told.output


def test_records_are_read_as_we_read_them_where_pyarrow_reads_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    rows = ["a,好,1,1.0,ok", "  ", 'c,"坏",0,0.5,uncertain', "d,,,,empty"]
    path.write_text(HEADER + "\n".join(rows))
    store = open_finished(path)
    assert store.labels == ("坏", "好")
    assert store.column("number").tolist() == [1, 2, 3]
    assert store.column("label").tolist() == [1, 0, -1]
    assert store.column("status").tolist() == [Status.OK, Status.LOOK, Status.EMPTY]
    path.write_bytes(path.read_text().encode("gb18030"))
    assert table_of(open_finished(path)) == table_of(store)


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize("header", [HEADER, "\ufeff" + HEADER.upper(), "\ufeff"])
def test_labelled_files_that_were_joined_are_read_as_one(
    tmp_path: Path, suffix: str, header: str
) -> None:
    path = tmp_path / f"out.{suffix}"
    rows = "a,好,1,1.0,ok\nb,坏,0,0.5,uncertain\n"
    content = f"\ufeff{HEADER}{rows}{header}{rows}"
    path.write_text(content if suffix == "csv" else content.replace(",", "\t"))
    store = open_finished(path)
    assert store.texts(np.arange(len(store))) == ["a", "b", "a", "b"]
    assert store.labels_of().tolist() == [1, 0, 1, 0]
    assert store.column("number")[-1] == 4 + ("," in header)


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b,坏,0,0.5,ok,more", "expected 5 fields as in the header, found 6"),
        ('"b"c,坏,0,0.5,ok', "something follows a closing quote"),
        ('"b,坏,0,0.5,ok', "never closed"),
        ("b\udcff,坏,0,0.5,ok", "not of the encoding"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_and_not_left_out(
    tmp_path: Path, row: str, reason: str, format: str
) -> None:
    path = tmp_path / f"out.{format}"
    rows = ["a,好,1,1.0,ok", row, "c,好,1,0.5,ok"]
    content = HEADER + "\n".join(rows)
    where = "record 2, line 3"
    if format == "jsonl":
        names = HEADER.strip().split(",")
        lines = [json.dumps(dict(zip(names, rows[0].split(","), strict=True))), row]
        content, where, reason = "\n".join(lines), "record 2, line 2", "JSON|encoding"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=f"{where}: .*({reason}).*anew") as caught:
        open_finished(path, dialect=Dialect(format, encoding="utf-8"))
    assert caught.value.code == ExitCode.DATA


def test_quotes_are_looked_at_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_BYTES", 1)
    path = tmp_path / "out.csv"
    answer = ",好,1,1.0,ok\n"
    for text, is_strict in [
        ('"a""b,\n"', True),
        ('"""a"""', True),
        ('""', True),
        ('a"b', False),
        ('"a"b', False),
        ('"a,"b,"', False),
    ]:
        path.write_text(HEADER + text + answer)
        found = find_finished(path, dialect=Dialect("csv", quoting="double", delimiter=","))
        assert found is not None
        assert reading._is_strict(found.found) == is_strict, text


def test_what_python_cannot_have_of_parquet_is_shown_as_far_as_it_can_be(tmp_path: Path) -> None:
    bad = pyarrow.array([b"a", b"a\xff", b"a\xff", None]).view(pyarrow.string())
    lists = pyarrow.ListArray.from_arrays([0, 1, 2, 3, 4], bad)
    columns = {
        "text": [*"一二三四"],
        "note": bad,
        "kind": bad.dictionary_encode(),
        "tags": lists,
        "x": [float("nan"), float("inf"), 1.5, None],
        "long": pyarrow.array([2**62, 1, 1, 1], pyarrow.duration("s")),
    }
    source, output = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), source)
    store = ResultStore(MANIFEST.labels, list(columns)[1:])
    assert run(source, output, hooks=Hooks(answered=store.append)).written == 4
    read = open_finished(output)
    assert table_of(read)[:-1] == table_of(store)[:-1]
    assert read.values("note").to_pylist() == ["a", "a\ufffd", "a\ufffd", ""]
    assert read.values("x").to_pylist() == ["", "inf", "1.5", ""]
    assert by_column(read, np.arange(4), "note").rows.tolist() == [1, 1, 2]
    run(source, tmp_path / "c.csv", label_column="x", label_map="1.5=正向评价; inf=")


@pytest.mark.parametrize("has_receipt", [True, False])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_a_tsv_with_quotes_is_read_with_them(
    tmp_path: Path, suffix: str, has_receipt: bool
) -> None:
    texts = ["第一行\n第二行", '他说"好"', "a\tb", '"整句"', "好"]
    source, output = tmp_path / f"in.{suffix}", tmp_path / "out.tsv"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    (tmp_path / "first.jsonl").write_text("\n".join(lines))
    dialect = Dialect(quoting="double")
    said = dialect if suffix == "tsv" else Dialect()
    run(tmp_path / "first.jsonl", source, dialect=said, prefix="a_")
    run(source, output, dialect=dialect)
    if not has_receipt:
        output.with_name("out.tsv.receipt.json").unlink()
    store = open_finished(output)
    assert store.texts(np.arange(len(store))) == texts


@pytest.mark.parametrize("text", ['"整句"', '"a"b', '"a""b', '5" 屏', '"'])
def test_a_tsv_without_quotes_keeps_those_of_its_texts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out.tsv"
    path.write_text((HEADER + text + ",好,1,1.0,ok\n").replace(",", "\t"))
    assert open_finished(path).row(0).text == text


def test_of_several_answers_the_last_is_read_or_the_one_that_is_named(source: Path) -> None:
    first, _ = classified(source, "csv", prefix="")
    second = first.with_name("again.csv")
    run(first, second, prefix="ai_", text_column="text")
    found = find_finished(second)
    assert found is not None
    assert found.found.settings.prefix == "ai_"
    named = open_finished(second, prefix="")
    assert named.columns.names[-4:] == (
        "ai_predicted_label",
        "ai_predicted_id",
        "ai_confidence",
        "ai_status",
    )


def test_a_file_without_answers_is_none(source: Path) -> None:
    assert find_finished(source) is None
    with pytest.raises(UserError, match="predicted_label, confidence, status") as caught:
        open_finished(source)
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",ok", ",fine", "record 1: fine"),
        (",0.9", ",90%", "record 1: 90%"),
        ("好,1", "很好,1", "record 1: 很好"),
    ],
)
def test_a_cell_that_is_no_answer_is_an_error(
    tmp_path: Path, old: str, new: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.csv"
    content = "text,predicted_label,predicted_id,confidence,status\na,好,1,0.9,ok\n"
    path.write_text(content.replace(old, new))
    monkeypatch.setattr(module, "_labels_of", lambda *_: ("坏", "好"))
    with pytest.raises(UserError, match=said) as caught:
        open_finished(path, dialect=Dialect("csv"))
    assert caught.value.code == ExitCode.DATA


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_label_of_a_total_is_none_of_a_scale(tmp_path: Path, suffix: str) -> None:
    source, output = tmp_path / "in.csv", tmp_path / f"out.{suffix}"
    source.write_text("text,truth\n好,1\n坏,0\n合计,48\n")
    run(source, output, label_column="truth")
    assert open_finished(output).column("truth").tolist() == [1, 0, -1]


def test_what_the_progress_raises_ends_the_reading(source: Path) -> None:
    output, _ = classified(source, "csv")
    with pytest.raises(KeyboardInterrupt):
        open_finished(output, progress=_stop)


def _stop(_rows: int) -> None:
    raise KeyboardInterrupt
