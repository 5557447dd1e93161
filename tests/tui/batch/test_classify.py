"""`sentiment-tui classify`, as a shell sees it."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xlsxwriter

from models import predictor as predictor_module
from models.console.command import ExitCode
from models.predictor import Predictor
from models.session import Session
from tests.cli import Invoke, Result, invoker
from tests.tiny import REVIEWS
from tests.tui.batch.runs import run
from tui.batch import engine as engine_module
from tui.batch.engine import Hooks
from tui.batch.inspection import Found
from tui.batch.settings import BatchSettings
from tui.cli import cli

REVIEWS_CSV = 'id,text,note\n1,房间很干净，"a,b"\n2,"太差了，\n""再也不来""",\n3,,x\n'.replace(
    "很干净，", "很干净,"
)
PROGRAM = [sys.executable, "-c", "from tui.cli import main; main()", "classify"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Three records: one plain, one with quotes and a line break, one without text."""
    path = tmp_path / "reviews.csv"
    path.write_text(REVIEWS_CSV, encoding="utf-8")
    return path


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_every_column_is_kept_and_the_answer_follows(
    classify: Invoke, table: Path, model: Path, tmp_path: Path
) -> None:
    result = classify(table, "-o", tmp_path / "out.csv")
    assert result.code == ExitCode.OK
    assert result.stdout == ""
    found = rows(tmp_path / "out.csv")
    answer = ["predicted_label", "predicted_id", "confidence", "status"]
    assert found[0] == ["id", "text", "note", *answer]
    assert [row[:3] for row in found] == rows(table)
    predictor = Predictor.open(model)
    answers = predictor.predict([found[1][1], found[2][1]])
    for row, label, confidence in zip(found[1:3], answers.ids, answers.confidences, strict=True):
        assert row[3:5] == [predictor.manifest.labels[label], str(label)]
        assert float(row[5]) == pytest.approx(confidence, abs=1e-6)


def test_a_long_text_is_cut_and_says_so_or_read_whole_in_windows(
    classify: Invoke, tmp_path: Path
) -> None:
    source = tmp_path / "long.csv"
    long = "房间很脏，床单上有头发，太差了" * 60 + "很喜欢" * 200
    source.write_text(f"text\n{long}\n", encoding="utf-8")
    classify(source, "-o", tmp_path / "cut.csv")
    classify(source, "-o", tmp_path / "whole.csv", "--long", "windows")
    (cut,), (whole,) = rows(tmp_path / "cut.csv")[1:], rows(tmp_path / "whole.csv")[1:]
    assert cut[4] == "truncated"
    assert whole[4] != "truncated"
    assert whole[3] != cut[3]


def test_a_record_without_text_comes_out_without_a_label_and_is_counted(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    result = classify(table, "-o", tmp_path / "out.csv")
    assert rows(tmp_path / "out.csv")[3] == ["3", "", "x", "", "", "", "empty"]
    assert "1 record without text" in result.stderr


def test_without_an_output_the_data_goes_to_stdout_and_the_words_to_stderr(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    classify(table, "-o", tmp_path / "out.csv")
    result = classify(table)
    assert result.stdout.encode() == (tmp_path / "out.csv").read_bytes()
    assert "text column: text" in result.stderr
    assert classify(table, "--quiet").stderr == ""


def test_tsv_is_read_and_written_without_quotes(classify: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('text\tid\n"不错\t1\n他说"好"\t2\n', encoding="utf-8")
    classify(tmp_path / "a.tsv", "-o", tmp_path / "out.tsv")
    lines = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["text", "id"],
        ['"不错', "1"],
        ['他说"好"', "2"],
    ]
    assert all(len(line.split("\t")) == 6 for line in lines)


def test_jsonl_keeps_every_byte_of_a_record_before_the_answer(
    classify: Invoke, tmp_path: Path
) -> None:
    lines = [
        '{"text": "好", "n": 1.10, "big": 12345678901234567890.5}',
        '{"b": [1e400], "text": "差"}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    classify(tmp_path / "a.jsonl", "-o", tmp_path / "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    for before, after in zip(lines, written, strict=True):
        assert after.startswith(before[:-1] + ", ")
        assert list(json.loads(after))[-4:-1] == ["predicted_label", "predicted_id", "confidence"]


def test_txt_becomes_a_table_of_the_format_that_the_output_names(
    classify: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("很好\n\n太差\n", encoding="utf-8")
    classify(tmp_path / "a.txt", "-o", tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").open(encoding="utf-8")]
    assert [record["text"] for record in found] == ["很好", "", "太差"]
    assert [record["predicted_label"] is None for record in found] == [False, True, False]
    result = classify(tmp_path / "a.txt")
    assert (result.code, "--to csv|tsv|jsonl|xlsx|parquet" in result.stderr) == (
        ExitCode.USAGE,
        True,
    )


def test_true_labels_are_scored(classify: Invoke, reviews: Path, tmp_path: Path) -> None:
    result = classify(reviews / "test.tsv", "-o", tmp_path / "o.tsv", "--label-column", "label")
    found = [line.split("\t") for line in (tmp_path / "o.tsv").read_text("utf-8").splitlines()[1:]]
    right = sum(row[0] == row[3] for row in found)
    assert f"({right} of {len(found)}), macro-F1" in result.stderr
    assert "true \\ predicted  负向评价  正向评价" in result.stderr


def test_the_answer_does_not_depend_on_where_a_chunk_ends(
    classify: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text for text, _ in REVIEWS]
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    outputs = []
    for chunk in (1, 7, 4096):
        monkeypatch.setattr(engine_module, "CHUNK", chunk)
        outputs.append(classify(tmp_path / "a.txt", "--to", "tsv").stdout)
    labels = [[line.split("\t")[:3] for line in output.splitlines()] for output in outputs]
    assert [row[0] for row in labels[0][1:]] == texts
    assert labels[0] == labels[1] == labels[2]


def test_a_column_of_the_answer_that_is_taken_names_the_way_out(
    classify: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("text,confidence\n好,1\n", encoding="utf-8")
    result = classify(tmp_path / "a.csv")
    assert (result.code, result.stdout) == (ExitCode.DATA, "")
    assert "has a column confidence already" in result.stderr
    assert "--prefix" in result.stderr
    again = classify(tmp_path / "a.csv", "--prefix", "model_")
    assert again.stdout.startswith("text,confidence,model_predicted_label,model_predicted_id,")
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "b", "confidence": 1}\n')
    assert "the input has a column confidence" in classify(tmp_path / "a.jsonl").stderr


def test_an_existing_output_is_kept_unless_forced(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    output.write_text("mine")
    assert classify(table, "-o", output).code == ExitCode.CANNOT_CREATE
    assert output.read_text() == "mine"
    assert classify(table, "-o", output, "--force").code == ExitCode.OK
    assert len(rows(output)) == 4


@pytest.mark.parametrize("link", ["same", "symlink", "hardlink"])
def test_the_input_is_never_replaced(
    classify: Invoke, table: Path, tmp_path: Path, link: str
) -> None:
    output = table if link == "same" else tmp_path / "link.csv"
    if link == "symlink":
        output.symlink_to(table)
    elif link == "hardlink":
        output.hardlink_to(table)
    result = classify(table, "-o", output, "--force")
    assert result.code == ExitCode.CANNOT_CREATE
    assert "is the input" in result.stderr
    assert table.read_text(encoding="utf-8") == REVIEWS_CSV


@pytest.mark.parametrize(
    ("name", "content", "arguments", "code", "message"),
    [
        ("a.csv", b"", (), ExitCode.DATA, "is empty"),
        (
            "a.csv",
            b"id,body\n1,x\n",
            (),
            ExitCode.DATA,
            "id = 1 | body = x; name yours with --text-column, likely --text-column b",
        ),
        ("a.csv", b"text\n\xff\xff\n", (), ExitCode.DATA, "utf-8 fails in line 2"),
        ("a.csv", b"a,text;b\n", (), ExitCode.DATA, "found , ;; name yours with --delimiter"),
        ("a.csv", b"text\na\n", ("--label-column", "no"), ExitCode.DATA, "a column called no"),
        ("a.dat", b"text\n", (), ExitCode.USAGE, "--from csv"),
        ("a.csv", b"text\na\n", ("--device", "tpu"), ExitCode.USAGE, "tpu"),
        ("a.csv", b"text\na\n", ("--delimiter", ";;"), ExitCode.USAGE, "or TAB"),
        ("a.csv", b"text\na\n", ("--delimiter", '"'), ExitCode.USAGE, "or TAB"),
    ],
)
def test_what_cannot_be_classified_says_why_and_writes_nothing(
    classify: Invoke,
    tmp_path: Path,
    name: str,
    content: bytes,
    arguments: tuple[str, ...],
    code: ExitCode,
    message: str,
) -> None:
    (tmp_path / name).write_bytes(content)
    output = tmp_path / f"out{Path(name).suffix if name != 'a.dat' else '.csv'}"
    result = classify(tmp_path / name, "-o", output, *arguments)
    assert result.code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_missing_input_and_a_missing_model_have_their_code(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    assert classify(tmp_path / "no.csv").code == ExitCode.NO_INPUT
    assert classify(table, "--model", tmp_path / "no.onnx").code == ExitCode.NO_INPUT
    assert classify(table, "--model", table).code == ExitCode.CONFIG


def test_a_device_that_is_not_there_has_its_code(
    classify: Invoke, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    result = classify(table, "--device", "cuda")
    assert (result.code, result.stdout) == (ExitCode.UNAVAILABLE, "")


def test_a_folder_that_is_not_there_cannot_be_written_to(classify: Invoke, table: Path) -> None:
    result = classify(table, "-o", table.parent / "no" / "out.csv")
    assert result.code == ExitCode.CANNOT_CREATE
    assert "out.csv cannot be created: there is no folder" in result.stderr


def test_a_full_disk_is_an_error_and_leaves_nothing(
    classify: Invoke, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = classify(table, "-o", tmp_path / "out.csv")
    assert result.code == ExitCode.IO
    assert "No space left on device" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [table.name]


@pytest.mark.parametrize("kind", [ZeroDivisionError, type("PanicException", (BaseException,), {})])
def test_a_bug_is_called_one_and_what_it_says_is_harmless(
    classify: Invoke, table: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def broken(*_: object, **__: object) -> None:
        try:
            raise ValueError("\x1b]0;title\x07\u202e")
        except ValueError as error:
            raise kind("\x1b]52;c;eA==\x07\x1b[2J\x9b31m\n\u2066") from error

    monkeypatch.setattr(predictor_module.Predictor, "predict", broken)
    result = classify(table)
    assert result.code == ExitCode.BUG
    assert "␛]52;c;eA==␇␛[2J" in result.stderr
    assert "this is a bug in program" in result.stderr
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066]", result.stderr)


def test_a_model_that_fails_at_a_text_ends_the_run_and_keeps_what_was_answered(
    classify: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "a.csv", tmp_path / "out.csv"
    source.write_text("text\n" + "".join(f"评价{n}\n" for n in range(40)), encoding="utf-8")
    monkeypatch.setattr(engine_module, "CHUNK", 4)
    run = Session.run
    bad: list[bool] = []

    def sometimes(session: Session, batch: dict[str, np.ndarray]) -> np.ndarray:
        answers = run(session, batch)
        bad.append(True)
        return answers * np.nan if len(bad) > 5 else answers

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", sometimes)
        result = classify(source, "-o", output)
    assert result.code == ExitCode.CONFIG
    assert "fails at one of these texts: expected probabilities, found [nan nan]" in result.stderr
    assert not output.exists()
    assert answered(tmp_path / ".out.csv.run" / "journal") > 0
    again = classify(source, "-o", output)
    assert again.code == ExitCode.OK
    assert "of them before the interruption" in again.stderr
    classify(source, "-o", tmp_path / "golden.csv")
    assert output.read_bytes() == (tmp_path / "golden.csv").read_bytes()


def test_the_newest_model_of_a_folder_is_named_even_where_nothing_is_to_be_said(
    table: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    command = invoker(cli, monkeypatch, capfd)

    def classify(*arguments: object) -> Result:
        return command("classify", table, "-q", *arguments)

    monkeypatch.chdir(tmp_path)
    assert classify().stderr == ""
    (tmp_path / "models").mkdir()
    shutil.copy(model, tmp_path / "models" / "theirs.onnx")
    assert classify().stderr.startswith("model: models/theirs.onnx (")
    assert classify("--model", "models/theirs.onnx").stderr == ""
    assert classify("--model", "builtin").stderr == ""


def test_an_evil_text_reaches_the_terminal_harmless_and_the_file_as_it_was(
    classify: Invoke, tmp_path: Path
) -> None:
    evil = "\x1b]52;c;aGFoYQ==\x07\x1b[2J很好\u202e"
    name = tmp_path / "\x1b[31m.csv"
    name.write_text(f"text,\x1b[0m\n{evil},x\n", encoding="utf-8")
    result = classify(name, "-o", tmp_path / "out.csv")
    assert result.code == ExitCode.OK
    assert "␛]52;c;aGFoYQ==␇␛[2J很好" in result.stderr
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", result.stderr)
    assert rows(tmp_path / "out.csv")[1][0] == evil


def start(model: Path, *arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*PROGRAM, "--model", str(model), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_an_interrupted_run_leaves_nothing_behind(
    model: Path, tmp_path: Path, number: signal.Signals, code: ExitCode
) -> None:
    with start(model, "-", "--from", "txt", "-o", tmp_path / "out.csv") as process:
        assert process.stdin and process.stderr
        process.stdin.write("很好\n".encode())
        process.stdin.flush()
        assert any(line.startswith(b"input: -") for line in process.stderr)  # it waits for more
        process.send_signal(number)
        _, error = process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_is_no_error_to_talk_about(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("很好\n" * 20_000, encoding="utf-8")
    with start(model, tmp_path / "a.txt", "--to", "csv", "--quiet") as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"text,predicted_label,predicted_id,confidence,status\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == ExitCode.BROKEN_PIPE


def test_standard_input_is_classified(model: Path) -> None:
    with start(model, "-", "--from", "jsonl", "-q") as process:
        out, error = process.communicate('{"text": "很好"}\n'.encode())
    assert (process.returncode, error) == (ExitCode.OK, b"")
    assert json.loads(out)["predicted_label"] in ("负向评价", "正向评价")


def test_standard_input_does_not_tell_its_format(classify: Invoke) -> None:
    result = classify("-")
    assert (result.code, "--from csv" in result.stderr) == (ExitCode.USAGE, True)


def test_every_exit_code_is_documented(classify: Invoke) -> None:
    help_text = classify("--help").stdout
    for code in ExitCode:
        assert re.search(rf"^ +{code.value} ", help_text, re.MULTILINE), code


def test_several_inputs_go_into_a_folder_and_a_bad_one_spoils_only_itself(
    classify: Invoke, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("text\n很好\n", encoding="utf-8")
    (folder / "b.txt").write_text("太差\n", encoding="utf-8")
    (folder / "c.csv").write_text("")
    (folder / "notes.md").write_text("not a table")
    result = classify(folder, "-o", tmp_path / "out", "--to", "jsonl")
    assert result.code == ExitCode.DATA
    assert "c.csv is empty" in result.stderr
    assert "the names tell no format: notes.md\n" in result.stderr
    assert "1 of the inputs were not classified" in result.stderr
    assert re.search(r"together: 2 files, 2 records: \S+ \d \(\d+\.0%\), ", result.stderr)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{stem}.jsonl{end}" for stem in "ab" for end in ("", ".receipt.json")}
    (folder / "c.csv").unlink()
    again = classify(folder / "a.csv", folder / "b.txt", "-o", tmp_path / "out", "--to", "jsonl")
    assert again.code == ExitCode.OK
    assert again.stderr.count("nothing to do") == 2
    assert classify(folder).code == ExitCode.USAGE
    (folder / "a.txt").write_text("x\n")
    clash = classify(folder, "-o", tmp_path / "out", "--to", "jsonl")
    assert (clash.code, "both be written to" in clash.stderr) == (ExitCode.USAGE, True)
    (tmp_path / "none").mkdir()
    assert classify(tmp_path / "none", "-o", tmp_path / "out").code == ExitCode.NO_INPUT


def test_columns_can_be_chosen_and_probabilities_added(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    classify(table, "-o", output, "--select", "note", "--select", "id", "--probabilities")
    head, first, *_ = rows(output)
    assert head[:2] == ["note", "id"]
    assert head[-2:] == ["probability_负向评价", "probability_正向评价"]
    assert sum(map(float, first[-2:])) == pytest.approx(1, abs=1e-5)
    assert max(first[-2:]) == first[4]
    assert "a column called no" in classify(table, "--select", "no").stderr


def test_a_dry_run_shows_how_a_file_is_read_and_writes_nothing(
    classify: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id;text\n1;很好\n2\n", encoding="gb18030")
    result = classify(path, "-o", tmp_path / "out.csv", "--dry-run", "--model", "no.onnx")
    assert result.code == ExitCode.REJECTS
    assert 'csv, gb18030, delimiter ";", 2 records' in result.stderr
    assert "columns: id, text" in result.stderr
    assert "1  很好" in result.stderr
    assert "record 2, line 3: expected 2 fields" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert classify("-", "--from", "txt", "--dry-run").code == ExitCode.USAGE


def test_a_dry_run_shows_numbers_among_the_texts_as_the_run_does(
    classify: Invoke, tmp_path: Path
) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        book.add_worksheet().write_column(0, 0, ["text", 666, 0, 4.5, "很好"])
    result = classify(tmp_path / "a.xlsx", "--dry-run")
    assert result.code == ExitCode.OK
    assert result.stderr.endswith("#  text\n1  666\n2  0\n3  4.5\n4  很好\n")


def test_what_was_recognised_can_be_said_otherwise(classify: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("很好|a\n'太|差'|b\n", encoding="utf-8")
    flags = ("--header", "0", "--text-column", "1", "--delimiter", "|", "--quoting", "single")
    found = classify(path, *flags, "--to", "jsonl")
    assert "quotes single, header: none, 2 records" in found.stderr
    assert [json.loads(line)["1"] for line in found.stdout.splitlines()] == ["很好", "太|差"]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_title_may_stand_above_the_names_of_the_columns(
    classify: Invoke, tmp_path: Path, format: str
) -> None:
    path, output = tmp_path / f"a.{format}", tmp_path / "out.jsonl"
    rows = [['2025 "年'], [], ["id", "text"], ["1", "很好"], ["2", "太差"]]
    if format == "csv":
        lines = [";".join(row) for row in rows]
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    lacking = classify(path, "-o", output)
    assert lacking.code == ExitCode.DATA
    hint = "say --header 3" if format == "xlsx" else "with --header the line that has the names"
    assert hint in lacking.stderr
    found = classify(path, "-o", output, "--header", "3")
    assert found.code == ExitCode.OK
    assert "header: 3, 2 records" in found.stderr
    written = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in written] == ["1", "2"]
    late = classify(path, "-o", output, "--header", "9", "--force")
    assert late.code == ExitCode.DATA
    assert "ends before line 9, which was said to name the columns" in late.stderr


@pytest.mark.parametrize(
    ("flags", "format"),
    [
        (("--delimiter", ";"), "jsonl"),
        (("--header", "2"), "jsonl"),
        (("--quoting", "none"), "txt"),
        (("--sheet", "1"), "csv"),
    ],
)
def test_what_the_format_of_the_input_has_no_use_for_is_refused(
    classify: Invoke, tmp_path: Path, flags: tuple[str, ...], format: str
) -> None:
    path = tmp_path / f"a.{format}"
    path.write_text('{"text": "很好"}\n', encoding="utf-8")
    result = classify(path, *flags, "-o", tmp_path / "out.csv")
    assert result.code == ExitCode.USAGE
    assert f"is {format.upper()}, which has no use for {flags[0]}" in result.stderr


def test_of_several_inputs_each_takes_what_is_for_its_format(
    classify: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("n;text\n1;很好\n", encoding="utf-8")
    (tmp_path / "in/b.jsonl").write_text('{"text": "很好"}\n', encoding="utf-8")
    result = classify(tmp_path / "in", "--delimiter", ";", "-o", tmp_path / "out")
    assert result.code == ExitCode.OK
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"a.csv", "b.jsonl"}


def test_a_number_in_a_sheet_is_a_text_where_texts_are(classify: Invoke, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        for row, value in enumerate(["text", "很好", 666, 1.5]):
            sheet.write(row, 0, value)
    result = classify(tmp_path / "a.xlsx", "--to", "jsonl")
    assert result.code == ExitCode.OK
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["text"] for row in found] == ["很好", 666, 1.5]
    assert all(row["predicted_label"] for row in found)


def test_a_text_of_no_width_is_empty(classify: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,id\n\u200b\ufeff \u2060,1\n👍,2\n", encoding="utf-8")
    classify(tmp_path / "a.csv", "-o", tmp_path / "out.csv")
    assert [row[-1] == "empty" for row in rows(tmp_path / "out.csv")[1:]] == [True, False]


def test_a_tab_is_named_as_it_is_printed(classify: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,o\ttext\n1\t很好\n", encoding="utf-8")
    assert "found , TAB" in classify(tmp_path / "a.csv").stderr
    for name in ("TAB", r"\t"):
        result = classify(tmp_path / "a.csv", "--delimiter", name)
        assert result.stdout.splitlines()[1].startswith("1,很好,")


def test_the_receipt_goes_to_standard_output_when_asked_for(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    result = classify(
        table,
        "-o",
        tmp_path / "out.csv",
        "--json",
        "--label-column",
        "id",
        "--label-map",
        "1=负向评价; 2=正向评价; 3=",
    )
    receipt = json.loads(result.stdout)
    assert receipt == json.loads((tmp_path / "out.csv.receipt.json").read_text(encoding="utf-8"))
    assert receipt["counts"]["read"] == 3
    assert classify(table, "--json").code == ExitCode.USAGE


def test_records_that_are_rejected_have_their_exit_code_and_on_a_pipe_are_told_to_stderr(
    classify: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "好"}\n{"text": 1}\n{"x": "\x1b[2J"}\n', encoding="utf-8")
    result = classify(path, "--quiet")
    assert result.code == ExitCode.REJECTS
    assert len(result.stdout.splitlines()) == 1
    first, second = map(json.loads, result.stderr.splitlines())
    assert (first["code"], first["record"], first["column"]) == ("not_a_text", 2, "text")
    assert second["line"] == 3
    assert "\x1b" not in result.stderr


def test_the_first_rejects_are_told_and_all_are_counted(classify: Invoke, tmp_path: Path) -> None:
    lines = ['{"text": "好"}', *(f'{{"text": {n}}}' for n in range(9))]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    told = classify(tmp_path / "a.jsonl", "-o", tmp_path / "o.csv").stderr
    assert re.findall(r"record (\d+), line \d+: expected a string in text", told) == ["2", "3", "4"]
    assert "9 records rejected: see" in told


def test_the_first_answers_come_after_few_records(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"评价{n}\n" for n in range(2000)), encoding="utf-8")
    sizes: list[int] = []
    hooks = Hooks(answered=lambda chunk: sizes.append(len(chunk.records)))
    run(path, tmp_path / "o.csv", hooks=hooks)
    assert sizes == [32, 64, 128, 256, 512, 512, 496]


def test_the_closing_table_says_which_answers_are_not_sure(
    classify: Invoke, tmp_path: Path
) -> None:
    texts = "好", "这家的早餐不算差，可是" * 50
    (tmp_path / "a.csv").write_text("\n".join(["text", *texts]), encoding="utf-8")
    told = classify(tmp_path / "a.csv", "-o", tmp_path / "o.csv").stderr.splitlines()
    header = next(number for number, line in enumerate(told) if line.startswith("#"))
    assert told[header + 1].endswith("%")
    assert told[header + 2].endswith("%  truncated")


def test_a_column_that_holds_no_label_of_the_model_is_an_error_before_anything_is_done(
    classify: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("text,label\n好,物流\n差,质量\n", encoding="utf-8")
    result = classify(tmp_path / "a.csv", "-o", tmp_path / "o.csv", "--label-column", "label")
    assert result.code == ExitCode.DATA
    assert (
        "负向评价, 正向评价; found 物流 × 1, 质量 × 1. Say what they stand for, --label-map"
        in result.stderr
    )
    assert not (tmp_path / "o.csv").exists()


def test_records_of_a_pipe_whose_columns_differ_are_rejected_where_they_would_lose_one(
    model: Path,
) -> None:
    with start(model, "-", "--from", "jsonl", "--to", "csv", "-q") as process:
        out, error = process.communicate(b'{"text": "a"}\n{"text": "b", "n": 1}\n{"n": 2}\n')
    assert process.returncode == ExitCode.REJECTS
    assert len(out.splitlines()) == 2
    codes = [json.loads(line)["code"] for line in error.splitlines()]
    assert codes == ["unknown_column", "not_a_text"]


# A program whose predictor takes its time, and whose chunks are small.
SLOW = [
    sys.executable,
    "-c",
    "import sys, time\n"
    "from models import predictor\n"
    "from tests.tui.batch.runs import FakePredictor\n"
    "from tui.batch import answering, engine\n"
    "pause = float(sys.argv.pop(1))\n"
    "engine.CHUNK, answering.BATCH = 4, 2\n"
    "def wait():\n"
    "    if pause == 600:\n"
    "        print('predicts', file=sys.stderr, flush=True)\n"
    "    time.sleep(pause)\n"
    "predictor.Predictor.open = lambda *_, **__: FakePredictor(before=wait)\n"
    "from tui.cli import main\n"
    "main()",
]


def start_slow(pause: float, *arguments: object, **more: object) -> "subprocess.Popen[bytes]":
    command = [*SLOW, str(pause), "classify", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **more)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "".join(f"评价{n}\n" for n in range(100)), encoding="utf-8")
    return path


def wait_for_chunk(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    while not answered(folder / ".out.csv.run" / "journal"):
        assert process.poll() is None
        time.sleep(0.01)


def answered(journal: Path) -> int:
    """How many chunks of four answers a journal holds."""
    if not journal.exists():
        return 0
    _, _, chunks = journal.read_bytes().partition(b"\n")
    return len(chunks) // (32 + 4 * 4 * 3)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_an_interrupted_run_says_how_to_go_on_and_does(
    texts: Path, tmp_path: Path, number: signal.Signals, code: ExitCode
) -> None:
    with start_slow(0.05, texts, "-o", tmp_path / "out.csv") as process:
        wait_for_chunk(tmp_path, process)
        process.send_signal(number)
        _, error = process.communicate()
    assert process.returncode == code
    assert b"stopping after this batch" in error
    assert b"To go on, give the same command again" in error
    assert b"Traceback" not in error
    assert not (tmp_path / "out.csv").exists()
    with start_slow(0, texts, "-o", tmp_path / "out.csv") as process:
        _, error = process.communicate()
    assert process.returncode == ExitCode.OK
    assert b"of them before the interruption" in error
    with start_slow(0, texts, "-o", tmp_path / "golden.csv") as process:
        process.communicate()
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "golden.csv").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_the_second_ctrl_c_leaves_at_once(texts: Path, tmp_path: Path) -> None:
    with start_slow(600, texts, "-o", tmp_path / "out.csv") as process:
        assert process.stderr
        assert any(line.startswith(b"predicts") for line in process.stderr)  # for ten minutes
        process.send_signal(signal.SIGINT)
        assert any(b"stopping" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("resumable", [True, False])
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_a_run_that_hangs_in_native_code_is_left_after_a_while_and_can_go_on(
    texts: Path, tmp_path: Path, resumable: bool, number: signal.Signals, code: ExitCode
) -> None:
    output = tmp_path / "out.csv"
    impatient = "from tui.batch import command\ncommand.GRACE = 0.2\n" + SLOW[2]
    source = str(texts) if resumable else "-"
    arguments = ["600", "classify", source, "--from", "csv", "-o", str(output)]
    with (
        texts.open() as file,
        subprocess.Popen(
            [*SLOW[:2], impatient, *arguments], stderr=subprocess.PIPE, stdin=file
        ) as process,
    ):
        assert process.stderr
        assert any(line.startswith(b"predicts") for line in process.stderr)  # for ten minutes
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in error
    assert (b"give the same command again" in error) == resumable
    assert not output.exists()
    with start_slow(0, texts, "-o", output) as process:
        process.communicate()
    assert process.returncode == ExitCode.OK


def test_a_terminal_sees_how_far_a_run_is(texts: Path, tmp_path: Path) -> None:
    import pty

    texts.write_text(texts.read_text(encoding="utf-8") + '"\x1b[2J\n', encoding="utf-8")
    terminal, end = pty.openpty()
    command = [*SLOW, "0.02", "classify", str(texts), "-o", str(tmp_path / "out.csv")]
    with subprocess.Popen(command, stderr=end, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(end)
        seen = b""
        while True:
            try:
                seen += os.read(terminal, 4096)
            except OSError:  # it has closed its end
                break
    os.close(terminal)
    assert process.returncode == ExitCode.REJECTS
    assert re.search(rb"\r\x1b\[2K\d+ of 101 records, \d+/s, 0:00:\d\d left", seen)
    assert b"1 rejected" in seen or b"1 record rejected: see" in seen
    assert set(re.findall(rb"\x1b[^m]*?[A-Za-z]", seen)) == {b"\x1b[2K"}


def test_a_disk_that_is_full_keeps_what_was_done(texts: Path, tmp_path: Path) -> None:
    import resource

    texts.write_text("text\n" + "".join(f"{'很' * 200}{n}\n" for n in range(100)), encoding="utf-8")

    def limit() -> None:  # no file may grow beyond this: the answers fit, the output does not
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    with start_slow(0, texts, "-o", tmp_path / "out.csv", preexec_fn=limit) as process:
        _, error = process.communicate()
    assert process.returncode == ExitCode.IO
    assert b"File too large" in error
    assert b"Traceback" not in error
    assert answered(tmp_path / ".out.csv.run" / "journal") == 25
    with start_slow(600, texts, "-o", tmp_path / "out.csv") as process:  # predicts nothing again
        process.communicate()
    assert process.returncode == ExitCode.OK
    assert len(rows(tmp_path / "out.csv")) == 101


def test_a_pipe_that_is_full_is_an_error(texts: Path) -> None:
    with Path("/dev/full").open("wb") as full, start_slow(0, texts, stdout=full) as process:
        _, error = process.communicate()
    assert process.returncode == ExitCode.IO
    assert b"No space left on device" in error


def test_an_output_that_is_no_file_is_refused(classify: Invoke, table: Path) -> None:
    result = classify(table, "-o", "/dev/null", "--to", "csv", "--force")
    assert result.code == ExitCode.CANNOT_CREATE
    assert "for standard output say -" in result.stderr


@pytest.mark.parametrize("kind", ["rejects.jsonl", "receipt.json"])
def test_what_is_written_beside_the_output_never_replaces_the_input(
    classify: Invoke, tmp_path: Path, kind: str
) -> None:
    source = tmp_path / f"out.csv.{kind}"
    source.write_text('{"text": "好"}\n', encoding="utf-8")
    result = classify(source, "--from", "jsonl", "-o", tmp_path / "out.csv", "--force")
    assert (result.code, "is the input" in result.stderr) == (ExitCode.CANNOT_CREATE, True)


def test_a_model_and_a_device_may_be_said_before_the_command(
    table: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    invoke = invoker(cli, monkeypatch, capfd)
    before = ("--model", "no.onnx", "--device", "cpu", "classify")
    result = invoke(*before, table)
    assert (result.code, "no.onnx" in result.stderr) == (ExitCode.NO_INPUT, True)
    result = invoke(*before, "--model", model, table)
    assert (result.code, "device: cpu" in result.stderr) == (ExitCode.OK, True)
    assert invoke("--serve", "8001", "classify", table).code == ExitCode.USAGE


def test_a_file_name_that_is_not_utf_8_is_no_obstacle(classify: Invoke, tmp_path: Path) -> None:
    name = os.fsdecode("评价.csv".encode("gbk"))
    (tmp_path / name).write_text("text,n\n很好,1\n差\n", encoding="utf-8")
    result = classify(tmp_path / name, "-o", tmp_path / "out.csv", "--json")
    assert result.code == ExitCode.REJECTS
    assert json.loads(result.stdout)["run"]["input"]["name"] == name
    (reject,) = (tmp_path / "out.csv.rejects.jsonl").read_bytes().splitlines()
    assert json.loads(reject)["file"] == name
    assert classify(tmp_path / name).code == ExitCode.REJECTS


def test_a_missing_model_is_told_once_before_any_input_is_read(
    classify: Invoke, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("很好\n", encoding="utf-8")
    out = tmp_path / "out"
    result = classify(
        *tmp_path.glob("*.txt"), "-o", out, "--to", "csv", "--model", tmp_path / "no.onnx"
    )
    assert (result.code, result.stderr.count("no.onnx")) == (ExitCode.NO_INPUT, 1)
    assert not out.exists()


def test_of_several_inputs_one_that_cannot_be_read_or_written_spoils_only_itself(
    classify: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [tmp_path / f"{name}.txt" for name in "abc"]
    for source in sources:
        source.write_text("很好\n", encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.csv").write_text("mine")
    read = engine_module.inspect

    def failing(run: BatchSettings) -> Found:
        if run.source == sources[1]:
            raise PermissionError(13, "Permission denied", str(run.source))
        return read(run)

    monkeypatch.setattr(engine_module, "inspect", failing)
    result = classify(*sources, "-o", out, "--to", "csv")
    assert result.code == ExitCode.CANNOT_CREATE
    assert "a.csv exists" in result.stderr
    assert "b.txt: Permission denied" in result.stderr
    assert "2 of the inputs were not classified" in result.stderr
    assert (out / "a.csv").read_text() == "mine"
    assert (out / "c.csv").exists()


def test_a_dry_run_of_several_inputs_makes_no_folder(classify: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n很好\n", encoding="utf-8")
    assert classify(tmp_path, "-o", tmp_path / "out", "--dry-run").code == ExitCode.OK
    assert not (tmp_path / "out").exists()


def on_terminal(*arguments: object) -> tuple[bytes, bytes, int]:
    """Run the command with standard output at a terminal; return what it, and stderr, got."""
    import pty

    terminal, end = pty.openpty()
    with start_slow(0, *arguments, stdout=end) as process:
        os.close(end)
        seen = b""
        while True:
            try:
                seen += os.read(terminal, 4096)
            except OSError:  # it has closed its end
                break
        _, error = process.communicate()
    os.close(terminal)
    return seen, error, process.returncode


def test_an_evil_text_cannot_act_on_the_terminal_that_standard_output_is(tmp_path: Path) -> None:
    source = tmp_path / "a.tsv"
    source.write_text("id\ttext\n1\t\x1b]52;c;eA==\x07很好\x9b2J\n", encoding="utf-8")
    seen, _, code = on_terminal(source)
    lines = seen.decode().replace("\r\n", "\n").splitlines()
    assert code == ExitCode.OK
    assert lines[1].startswith("1\t␛]52;c;eA==␇很好\ufffd2J\t")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\n".join(lines))


@pytest.mark.parametrize("format", ["xlsx", "parquet"])
def test_what_is_no_text_is_not_written_to_a_terminal(texts: Path, format: str) -> None:
    seen, error, code = on_terminal(texts, "--to", format)
    assert (seen, code) == (b"", ExitCode.USAGE)
    assert b"name an --output" in error


@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [
        (0, ("-", "--from", "txt", "--to", "csv"), ExitCode.NO_INPUT),
        (1, ("a.csv",), ExitCode.USAGE),
        (2, ("a.csv", "-o", "out.csv"), ExitCode.OK),
    ],
)
def test_a_standard_stream_that_is_closed_is_no_bug(
    texts: Path, closed: int, arguments: tuple[str, ...], code: ExitCode
) -> None:
    command = [*SLOW, "0", "classify", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        command, cwd=texts.parent, env=environment, check=False, preexec_fn=lambda: os.close(closed)
    )
    assert done.returncode == code
