"""The app in a real pseudo-terminal: how it starts and ends, and what reaches the terminal."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.console.command import ExitCode
from models.predictor import Predictor
from tests.cli import invoker
from tests.tui.app.terminal import LEFT, Terminal
from tui.batch.engine import classify
from tui.batch.settings import BatchSettings
from tui.cli import cli


@pytest.fixture
def start(model: Path) -> Iterator[Callable[..., Terminal]]:
    started: list[Terminal] = []

    def start(*files: Path, path: Path | None = None, **environment: str) -> Terminal:
        options = ["--model", str(path or model), "--device", "cpu"]
        started.append(Terminal([*options, *map(str, files)], environment))
        return started[-1]

    yield start
    for terminal in started:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


Start = Callable[..., Terminal]


def test_it_starts_answers_follows_the_size_and_quits(start: Start, home: Path) -> None:
    terminal = start()
    terminal.shows("type a text", "· CPU")
    terminal.type("好\r")
    terminal.shows("Answers · 1")
    terminal.seen = b""
    terminal.resize(100, 30)
    terminal.shows("─" * 90)
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK
    (log,) = home.rglob("log.txt")
    assert log.read_text() == "[W:onnxruntime:NOISE]\n"
    assert b"NOISE" not in terminal.seen


def test_ctrl_c_only_says_how_to_quit(start: Start) -> None:
    terminal = start()
    terminal.shows("· CPU")
    terminal.type("\x03")
    terminal.shows("^Q quits.")
    assert terminal.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(start: Start, number: int) -> None:
    terminal = start()
    terminal.shows("· CPU")
    terminal.process.send_signal(number)
    assert terminal.ends() == ExitCode.TERMINATED


def test_another_language_starts_it_anew_with_the_same_model_and_its_history(start: Start) -> None:
    terminal = start()
    terminal.shows("type a text", "· CPU")
    terminal.type("好\r")
    terminal.shows("Answers · 1")
    terminal.type("\x10")  # ^P
    terminal.shows("Search for a command")
    terminal.seen = b""
    terminal.type("language")
    terminal.shows("中文")
    terminal.type("\r")
    terminal.until(lambda seen: LEFT in seen)
    terminal.shows("· CPU", "历史结果 · 1", "帮助", "退出")
    terminal.type("\x11")
    terminal.seen = b""
    assert terminal.ends() == ExitCode.OK


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(start: Start) -> None:
    terminal = start()
    terminal.shows("· CPU")
    terminal.type("\x1a")
    terminal.until(lambda seen: LEFT in seen)
    # The screen is left a moment before the process stops; to go on before that is no fg.
    os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED | os.WNOWAIT)
    terminal.seen = b""
    terminal.process.send_signal(signal.SIGCONT)
    terminal.shows("type a text")
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK


def test_a_bug_leaves_the_terminal_whole_and_a_file_without_texts(start: Start, home: Path) -> None:
    terminal = start(BREAK="my secret review")
    assert terminal.ends() == ExitCode.BUG
    (crash,) = home.rglob("crash-*.txt")
    written = crash.read_text()
    assert "KeyError" in written
    assert "model_worker.py" in written
    assert "secret" not in written
    assert b"secret" not in terminal.seen
    assert crash.name.encode() in terminal.seen.replace(b"\r\n", b"")


GBK, X10_MOUSE, CUT_OFF = "很好".encode("gbk"), b"\x1b[MC\xe0!", b"\xe5\xa5a"


@pytest.mark.parametrize("sent", [b"\xff", GBK, X10_MOUSE, CUT_OFF])
def test_a_byte_that_is_not_utf_8_ends_nothing(start: Start, sent: bytes) -> None:
    terminal = start()
    terminal.shows("type a text", "· CPU")
    terminal.send(sent)
    terminal.type("好\r")
    terminal.shows("Answers · 1")
    # Textual takes the report of a mouse from the text, and leaves it at that.
    assert ("\N{REPLACEMENT CHARACTER}".encode() in terminal.seen) is (sent != X10_MOUSE)
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK


def test_an_app_without_its_terminal_ends_even_without_a_signal(start: Start) -> None:
    terminal = start(NO_SIGHUP="1")
    terminal.shows("· CPU")
    os.close(terminal.master)
    terminal.master = os.open(os.devnull, os.O_RDWR)  # for whoever closes it
    assert terminal.process.wait(120) == ExitCode.TERMINATED


def test_nor_does_it_end_a_run(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("text\n" + "".join(f"好 {n}\n" for n in range(1500)), encoding="utf-8")
    terminal = start(file, SLOW="1")
    terminal.shows("1,500 records", "· CPU")
    terminal.type("\x1b[15~")  # F5
    terminal.until(lambda seen: re.search(rb"[1-9][0-9,]* of [1-9][0-9,]* rows", seen) is not None)
    terminal.send(X10_MOUSE)
    terminal.shows("done, written to many.labelled.csv")
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK


@pytest.mark.parametrize("how", ["DRIVER", "PANIC"])
def test_what_ends_the_app_from_outside_is_told_as_a_bug(
    start: Start, home: Path, how: str
) -> None:
    terminal = start(**{how: "1"})
    assert terminal.ends() == ExitCode.BUG
    (crash,) = home.rglob("crash-*.txt")
    assert crash.name.encode() in terminal.seen.replace(b"\r\n", b"")
    assert ("ZeroDivisionError" in crash.read_text()) is (how == "DRIVER")


def test_a_model_that_cannot_be_opened_is_no_end(start: Start, tmp_path: Path) -> None:
    terminal = start(path=tmp_path / "no.onnx")
    terminal.shows("no such model file")
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK


def test_no_byte_of_a_text_is_a_control_sequence(start: Start, tmp_path: Path) -> None:
    evil = "a\x1b]52;c;ZXZpbA==\x07b\x1b[2Jc\x9b31md\x1b]0;evil\x07"
    file = tmp_path / "evil.txt"
    file.write_text(evil + "\n", encoding="utf-8")
    terminal = start()
    terminal.shows("· CPU")
    terminal.type(f"\x1b[200~{evil}\x1b[201~\r")
    terminal.shows("Answers · 1")
    terminal.type(f"\x1b[200~{file}\x1b[201~")
    terminal.shows("1 record")
    terminal.type("\x1b[15~")  # F5
    terminal.shows("done, written to")
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK
    for sequence in (b"\x1b]52", b"\x9b31m", b"\x1b]0;evil", b"c\x1b[2J", b"\xc2\x9b"):
        assert sequence not in terminal.seen
    assert "␛]52;c;".encode() in terminal.seen


def test_a_run_of_an_app_that_was_killed_goes_on_in_the_next(
    start: Start, model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "many.csv"
    file.write_text("text\n" + "".join(f"好 {n}\n" for n in range(1500)), encoding="utf-8")
    output, expected = tmp_path / "many.labelled.csv", tmp_path / "expected.csv"
    killed = start(SLOW="1")
    killed.shows("· CPU")
    killed.type(f"\x1b[200~{file}\x1b[201~")
    killed.shows("1,500 records")
    killed.type("\x1b[15~")  # F5
    killed.shows("480 / 1,500")  # 32, 64, 128, 256
    killed.process.kill()
    killed.process.wait()
    assert not output.exists()
    again = start()
    again.shows("· CPU")
    again.type(f"\x1b[200~{file}\x1b[201~")
    again.shows("A run of it was interrupted, and goes on where it stopped.")
    again.type("\x1b[15~")
    again.shows("done, written to many.labelled.csv", "480 done before")
    again.type("\x11")
    assert again.ends() == ExitCode.OK
    classify(BatchSettings(file, expected), Predictor.open(model, device="cpu"))
    assert output.read_bytes() == expected.read_bytes()


def test_what_cannot_be_opened_in_the_app_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path, model: Path
) -> None:
    invoke = invoker(cli, monkeypatch, capfd)
    (tmp_path / "a.csv").write_text("text\n好\n", encoding="utf-8")
    for name, code, said in (
        ("a.csv", ExitCode.USAGE, "the app needs a terminal"),
        ("b.csv", ExitCode.NO_INPUT, "no such file"),
        (".", ExitCode.USAGE, "is a folder; to classify it: sentiment-tui classify"),
        (model, ExitCode.USAGE, "is a model; to use it: sentiment-tui --model"),
        ("clasify", ExitCode.USAGE, "clasify"),
    ):
        found = invoke(tmp_path / name if name != "clasify" else name)
        assert (found.code, said in found.stderr) == (code, True), found.stderr


def test_it_opens_with_a_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n好\n", encoding="utf-8")
    terminal = start(tmp_path / "a.csv")
    terminal.shows("a.csv: 1 record", "How it is read")
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK


def test_it_starts_where_nothing_can_be_remembered(
    start: Callable[..., Terminal], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    terminal = start(XDG_STATE_HOME=str(tmp_path / "file" / "state"))
    terminal.shows("· CPU")
    terminal.type("\x11")
    assert terminal.ends() == ExitCode.OK
    assert b"NOISE" not in terminal.seen
