"""`sentiment-tui classify`, as a shell sees it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models import predictor as predictor_module
from models.command import ExitCode
from models.predictor import Predictor
from tests.cli import Invoke, invoker
from tests.tiny import REVIEWS
from tui import classify as classify_module
from tui.cli import cli

REVIEWS_CSV = 'id,text,note\n1,房间很干净，"a,b"\n2,"太差了，\n""再也不来""",\n3,,x\n'.replace(
    "很干净，", "很干净,"
)
PROGRAM = [sys.executable, "-c", "from tui.cli import main; main()", "classify"]


@pytest.fixture
def classify(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], model: Path
) -> Invoke:
    """Run the command with the tiny model."""
    invoke = invoker(cli, monkeypatch, capfd)
    return lambda *arguments: invoke("classify", "--model", model, *arguments)


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


def test_a_record_without_text_comes_out_without_a_label_and_is_counted(
    classify: Invoke, table: Path, tmp_path: Path
) -> None:
    result = classify(table, "-o", tmp_path / "out.csv")
    assert rows(tmp_path / "out.csv")[3] == ["3", "", "x", "", "", "", "empty"]
    assert "1 records have no text" in result.stderr


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
        monkeypatch.setattr(classify_module, "CHUNK", chunk)
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
        ("a.csv", b"id,body\n1,x\n", (), ExitCode.DATA, "found the columns id, body"),
        ("a.csv", b"text\n\xff\xff\n", (), ExitCode.DATA, "utf-8 fails at byte 5"),
        ("a.csv", b"a,text;b\n", (), ExitCode.DATA, "found , ;; name yours with --delimiter"),
        ("a.csv", b"text\na\n", ("--label-column", "no"), ExitCode.DATA, "a column no"),
        ("a.dat", b"text\n", (), ExitCode.USAGE, "--from csv"),
        ("a.csv", b"text\na\n", ("--device", "tpu"), ExitCode.USAGE, "tpu"),
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
    assert "cannot be created: No such file or directory" in result.stderr


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


def test_a_bug_is_called_one(
    classify: Invoke, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(predictor_module.Predictor, "predict", broken)
    result = classify(table)
    assert result.code == ExitCode.BUG
    assert "this is a bug in program" in result.stderr


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
