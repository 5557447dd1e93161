"""A walk through the app in a real terminal, with keys only, as its users take it."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TMUX = shutil.which("tmux")

REVIEWS = "text,id\n房间很干净,1\n早餐太少,2\n服务很好,3\n下次还来,4\n"


class Tmux:
    """A tmux server of its own with one window, in which a shell runs `command`."""

    def __init__(self, socket: Path, command: str, folder: Path) -> None:
        self._tmux = [str(TMUX), "-S", str(socket), "-f", "/dev/null"]
        size = ["-x", "80", "-y", "24"]
        self.run("new-session", "-d", *size, "-c", str(folder), command)

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)

    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    def shows(self, *words: str) -> None:
        end = time.monotonic() + 30
        while not all(word in self.screen() for word in words):
            if time.monotonic() > end:
                pytest.fail(f"{words} not in:\n{self.screen()}")
            time.sleep(0.05)

    def lacks(self, words: str) -> None:
        end = time.monotonic() + 30
        while words in self.screen():
            assert time.monotonic() < end, self.screen()
            time.sleep(0.05)


@pytest.fixture
def tmux(model: Path, tmp_path: Path) -> Iterator[Tmux]:
    if TMUX is None:
        pytest.skip("there is no tmux")
    program = Path(sys.executable).with_name("sentiment-tui")
    environment = {k: v for k, v in os.environ.items() if k.startswith(("XDG_", "LC_"))}
    started = ["env", *(f"{k}={v}" for k, v in environment.items()), str(program)]
    line = shlex.join([*started, "--model", str(model), "--device", "cpu"])
    server = Tmux(tmp_path / "socket", f"{line}; echo exit code $?; sleep 60", tmp_path)
    yield server
    server.run("kill-server")


def test_type_explain_open_filter_correct_save_quit(tmux: Tmux, tmp_path: Path, home: Path) -> None:
    (tmp_path / "reviews.csv").write_text(REVIEWS, encoding="utf-8")
    tmux.shows("type a text", "fp32")
    tmux.type("房间很干净，早餐也不错")
    tmux.shows("in ", " ms")  # answered while typing
    tmux.press("F2")
    tmux.shows("Each piece of the text was left out")
    tmux.press("Escape")
    tmux.lacks("Each piece")  # else the terminal sends Alt+Enter
    tmux.press("Enter")
    tmux.shows("Answers · 1")
    tmux.press("C-o")
    tmux.shows("reviews.csv")
    tmux.type("rev")
    tmux.press("Enter")
    tmux.shows("4 records", "房间很干净")
    tmux.press("F5")
    tmux.shows("done, written to", "4 of 4 rows", "/ Filter")
    tmux.press("/")
    tmux.lacks("/ Filter")  # the line that filters has the focus
    tmux.type("很")
    tmux.shows("2 of 4 rows", "服务很好")
    tmux.press("Enter")
    tmux.press("F4")
    tmux.shows("Which label is right?")
    tmux.press("2")
    tmux.shows("✎")
    tmux.press("C-s")
    tmux.shows("2  The 2 rows shown")
    tmux.press("2")
    tmux.shows("Save to", "reviews.labelled.rows.csv")
    tmux.press("Enter")
    tmux.shows("2 records saved to")
    tmux.press("C-q")
    tmux.shows("exit code 0")
    saved = (tmp_path / "reviews.labelled.rows.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in saved[1:]] == [["房间很干净", "1"], ["服务很好", "3"]]
    (file,) = home.rglob("corrections.jsonl")
    assert json.loads(file.read_text(encoding="utf-8"))["text"] == "房间很干净"
