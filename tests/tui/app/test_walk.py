"""A walk through the app in a real terminal, with keys only, as its users take it."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xlsxwriter

from tests.shared import once
from tests.tiny import REVIEWS as BOTH

TMUX = shutil.which("tmux")
SECONDS = 120  # a busy machine is no fault of the app

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
        end = time.monotonic() + SECONDS
        screen = self.screen()
        while not all(word in screen for word in words):
            if time.monotonic() > end:
                pytest.fail(f"{words} not in:\n{screen}")
            time.sleep(0.05)
            screen = self.screen()

    def lacks(self, words: str) -> None:
        end = time.monotonic() + SECONDS
        while words in self.screen():
            assert time.monotonic() < end, self.screen()
            time.sleep(0.05)


@contextmanager
def walk(model: Path, folder: Path, *arguments: str, **environment: str) -> Iterator[Tmux]:
    """Start the app in a folder."""
    if TMUX is None:
        pytest.skip("there is no tmux")
    program = Path(sys.executable).with_name("sentiment-tui")
    own = {k: v for k, v in os.environ.items() if k.startswith(("XDG_", "LC_"))} | environment
    started = ["env", *(f"{k}={v}" for k, v in own.items()), str(program)]
    line = shlex.join([*started, "--model", str(model), "--device", "cpu", *arguments])
    server = Tmux(folder / "socket", f"{line}; echo exit code $?; sleep 60", folder)
    try:
        yield server
    finally:
        server.run("kill-server")


@pytest.fixture
def tmux(model: Path, tmp_path: Path) -> Iterator[Tmux]:
    with walk(model, tmp_path) as server:
        yield server


def test_type_explain_open_filter_correct_save_quit(tmux: Tmux, tmp_path: Path, home: Path) -> None:
    (tmp_path / "reviews.csv").write_text(REVIEWS, encoding="utf-8")
    tmux.shows("type a text", "· CPU")
    tmux.type("房间很干净，早餐也不错")
    tmux.shows("in ", " ms")  # answered while typing
    tmux.press("F2")
    tmux.shows("underlined")
    tmux.press("Escape")
    tmux.lacks("log-odds")  # else the terminal sends Alt+Enter
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
    tmux.shows("2  The 2 rows under the filter")
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


LABELS = ("负向评价", "正向评价")
PRODUCTS = ("酒店", "图书", "手机")


def write_labelled(folder: Path) -> None:
    """Write 6,000 reviews with their answers, as a file run does."""
    columns = ["评论", "产品", "日期", "星级", "predicted_label", "confidence", "status"]
    with xlsxwriter.Workbook(folder / "labelled.xlsx") as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, columns)
        for row in range(6_000):
            text, label = BOTH[row % len(BOTH)]
            product = PRODUCTS[row % 7 % 3]
            cells = [f"{text} {row}", product, None, row % 5 + 1, LABELS[label], 0.9, "ok"]
            sheet.write_row(row + 1, 0, cells)
            sheet.write_number(row + 1, 2, 45_658 + row % 300, day)  # from 2025-01-01 on


@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "of_it"), [("en_US.UTF-8", "Filter"), ("zh_CN.UTF-8", "筛选")]
)
def test_from_labels_to_findings(
    model: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    home: Path,
    language: str,
    of_it: str,
) -> None:
    shutil.copy(once(tmp_path_factory, "labelled", write_labelled) / "labelled.xlsx", tmp_path)
    with walk(model, tmp_path, "labelled.xlsx", LC_ALL=language) as tmux:
        tmux.shows("labelled.xlsx", "│  2  ", "· CPU")
        tmux.press("1")  # browse the answers
        tmux.shows("6,000", of_it, "房间很脏")
        tmux.press("g")
        tmux.shows("1  产品", "2  日期")
        tmux.press("2")
        tmux.shows("2025-01", "2025-09")  # by month
        tmux.press("g")
        tmux.shows("1  产品")
        tmux.press("1")
        tmux.shows(*PRODUCTS, "50.")
        tmux.press("Enter")
        tmux.shows('"产品"=="酒店"', "房间很脏")
        tmux.press("k")
        tmux.shows("label:负向评价", "失望")
        tmux.press("Enter")
        tmux.shows('"产品"=="酒店" label:负向评价 ')
        tmux.shows("纸张太差，字迹模糊，糟糕 13")
        tmux.press("F2")
        tmux.shows("Esc", "━━━", "负向评价, " if language.startswith("en") else "负向评价，")
        tmux.press("Escape")
        tmux.lacks("━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ ")
        tmux.press("2")
        tmux.shows("✎")
        tmux.press("u")
        tmux.lacks("✎")
        tmux.press("F9")
        tmux.shows("labelled.report.html")
        tmux.press("Enter")
        end = time.monotonic() + SECONDS
        while not (tmp_path / "labelled.report.html").exists():
            assert time.monotonic() < end, tmux.screen()
            time.sleep(0.1)
        tmux.press("C-q")
        tmux.shows("exit code 0")
    page = (tmp_path / "labelled.report.html").read_text(encoding="utf-8")
    assert "label:负向评价" in page
    assert "失望" in page
    (file,) = home.rglob("corrections.jsonl")
    assert not file.read_text(encoding="utf-8")  # the correction was taken back
