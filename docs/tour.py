"""Makes the moving picture of the README: `python docs/tour.py` writes docs/tour-LANGUAGE.svg.

A real session of the app, with the built-in model and held-out reviews of benchmarks/builtin: open
an Excel file, run, look at the wrong ones, ask why, see the shares by product, write a report. Each
frame is a picture that Textual makes; a line that several frames have is written once.
"""

import asyncio
import csv
import html
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import xlsxwriter
from pictures import ROOT, in_cells, in_each_language

from benchmarks.builtin.prepare import tenth
from models.console.i18n import tr
from models.locations import BUILTIN
from models.predictor import Predictor
from tui.app.app import SentimentApp
from tui.app.job import JobState
from tui.app.preferences import UserDirs
from tui.app.screens.results.screen import ResultsScreen

REVIEWS = ROOT / "benchmarks" / "builtin" / "reviews.tsv"
SIZE = (80, 24)
PRODUCTS = {
    "restaurant": "餐厅",
    "takeaway": "外卖",
    "phone": "手机",
    "book": "图书",
    "hotel": "酒店",
}
LABELS = {"0": "负向评价", "1": "正向评价"}
COLUMNS = ("产品", "日期", "评论", "真实标签")
FILE = "reviews.xlsx"
REPORT = "reviews.labelled.report.html"
CAPTIONS = {
    "en": {
        "open": f"sentiment-tui {FILE}",
        "label": "Enter: name the column of true labels",
        "run": "F5: classify",
        "done": "done: the answers are in reviews.labelled.xlsx, too",
        "wrong": "w: the wrong ones",
        "why": "F2: why?",
        "group": "g: by product",
        "report": "F9: write a report to send around",
    },
    "zh": {
        "open": f"sentiment-tui {FILE}",
        "label": "Enter：指定真实标签列",
        "run": "F5：预测",
        "done": "完成：结果也在 reviews.labelled.xlsx 中",
        "wrong": "w：只看错的",
        "why": "F2：为什么？",
        "group": "g：按产品汇总",
        "report": "F9：写一份可以发给同事的报告",
    },
}
SECONDS = 2.5
"""How long a frame is seen, where it is not said."""

LONGEST = 60
"""Seconds that a frame may take to look as expected."""

_LINE = 24.4
"""Height of a line of cells in a picture of Textual, in pixels."""


@dataclass
class Film:
    """Puts frames, one after the other, into one picture.

    Attributes:
        frames: the lines of each frame, as numbers of `lines`; its caption; its seconds.
        lines: what is drawn on a line → its number.
        styles: rules of a style sheet → their number.
    """

    frames: list[tuple[dict[int, int], str, float]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    styles: dict[str, int] = field(default_factory=dict)

    def add(self, svg: str, caption: str, seconds: float) -> None:
        """Add a picture of Textual as a frame."""
        rules = dict(re.findall(r"\.terminal-[^ ]*?(r\d+) \{([^}]*)\}", svg))
        drawn: dict[int, list[str]] = {}
        for fill, x, y, width in re.findall(
            r'<rect fill="([^"]*)" x="([^"]*)" y="([^"]*)" width="([^"]*)" height="24\.65"', svg
        ):
            number, part = round((float(y) - 1.5) / _LINE), (fill, float(x), float(width))
            drawn.setdefault(number, []).append(
                f'<rect fill="{part[0]}" x="{part[1]:.1f}" width="{part[2]:.1f}" height="24.6"/>'
            )
        texts = re.findall(
            r'<text class="terminal-[^"]*?(r\d+)" x="([^"]*)" y="([^"]*)" '
            r'textLength="([^"]*)"[^>]*>([^<]*)</text>',
            svg,
        )
        for rule, x, y, length, text in texts:
            number = round((float(y) - 20) / _LINE)
            style = self.styles.setdefault(rules[rule].strip(), len(self.styles))
            drawn.setdefault(number, []).append(
                f'<text class="s{style}" x="{x}" y="18.5" textLength="{length}">{text}</text>'
            )
        frame = {}
        for number, parts in drawn.items():
            line = "".join(parts)
            frame[number] = self.lines.setdefault(line, len(self.lines))
        self.frames.append((frame, caption, seconds))

    def svg(self) -> str:
        """Return the moving picture."""
        width, height = SIZE[0] * 12.2, SIZE[1] * _LINE
        whole = sum(seconds for _, _, seconds in self.frames)
        moving, drawn, start = [], [], 0.0
        for number, (frame, caption, seconds) in enumerate(self.frames):
            begin, end = 100 * start / whole, 100 * (start + seconds) / whole
            start += seconds
            before = f"0%,{begin:.3f}%{{opacity:0}}" if begin else ""
            after = f"{end:.3f}%,100%{{opacity:0}}" if end < 100 else ""
            moving.append(
                f"@keyframes f{number}{{{before}{begin:.3f}%,{end:.3f}%{{opacity:1}}{after}}}"
                f".f{number}{{animation:f{number} {whole}s step-end infinite}}"
            )
            lines = "".join(
                f'<use href="#l{line}" y="{at * _LINE:.1f}"/>' for at, line in sorted(frame.items())
            )
            drawn.append(
                f'<g class="f{number}"><text class="c" x="500" y="26">{caption}</text>'
                f'<g transform="translate(12 44)">{lines}</g></g>'
            )
        styles = "".join(f".s{number}{{{rule}}}" for rule, number in self.styles.items())
        defs = "".join(f'<g id="l{number}">{line}</g>' for line, number in self.lines.items())
        hidden = "@media (prefers-reduced-motion:reduce){g[class]{animation-play-state:paused}}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 24:.0f} '
            f'{height + 56:.0f}"><style>text{{font:20px "DejaVu Sans Mono",Menlo,Consolas,'
            "monospace;white-space:pre}.c{fill:#ddd;text-anchor:middle}g[class^=f]{opacity:0}"
            f"{styles}{''.join(moving)}{hidden}</style><defs>{defs}</defs>"
            f'<rect width="100%" height="100%" rx="8" fill="#121212"/>{"".join(drawn)}</svg>\n'
        )


def main() -> None:
    """Write the pictures beside this file."""
    if len(sys.argv) == 1:
        in_each_language(__file__)
        return
    with tempfile.TemporaryDirectory() as home:
        film = asyncio.run(play(Path(home), CAPTIONS[sys.argv[1]]))
    path = Path(__file__).with_name(f"tour-{sys.argv[1]}.svg")
    path.write_text(film.svg(), encoding="utf-8")


def write_workbook(path: Path) -> int:
    """Write reviews that the built-in model never learned from, and return how many they are."""
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        reviews = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("2025")
        sheet.write_row(0, 0, COLUMNS)
        row = 0
        for review in reviews:
            if review["domain"] not in PRODUCTS or tenth(review["text"]) >= 1:
                continue
            row += 1
            day = f"2025-{row % 12 + 1:02}-{row % 28 + 1:02}"
            product = PRODUCTS[review["domain"]]
            sheet.write_row(row, 0, [product, day, review["text"], LABELS[review["label"]]])
    return row


async def play(home: Path, captions: dict[str, str]) -> Film:
    """Do in the app what the picture shows."""
    rows = str(write_workbook(home / FILE))
    os.chdir(home)
    dirs = UserDirs(home / "config", home / "state", home / "data")
    film = Film()
    app = SentimentApp(
        lambda path, device: Predictor.open(path, device=device), BUILTIN, "cpu", dirs, Path(FILE)
    )
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        busy = "".join(tr("Leaving out each piece of the text in turn…").split())

        async def until(condition: Callable[[], bool]) -> None:
            while not condition():
                await pilot.pause(0.05)

        async def shoot(name: str, key: str, *words: str, seconds: float = SECONDS) -> None:
            """Press a key, wait until the screen has the words, and take a picture of it."""
            if key:
                await pilot.press(key)
            for _ in range(LONGEST):
                await pilot.pause(1)
                picture = in_cells(app.export_screenshot())
                seen = words_of(picture)
                if all(word in seen for word in words) and busy not in seen:
                    film.add(picture, captions[name], seconds)
                    return
            raise TimeoutError(f"{name}: expected {words}, found {seen}")

        await until(lambda: app.state == "ready")
        await shoot("open", "", rows, "CPU")
        await pilot.press("down", "down")
        await shoot("label", "enter", "5真实标签", seconds=1.5)
        await shoot("label", "5", "F5", seconds=1.5)
        await shoot("run", "f5", "状态" if "zh" in os.environ["LC_ALL"] else "status", seconds=1)
        await until(lambda: app.job is not None and app.job.state is JobState.DONE)
        await shoot("done", "", rows, seconds=3)
        await shoot("wrong", "w", rows, seconds=3)
        await shoot("why", "f2", "Esc", seconds=3.5)
        await pilot.press("escape", "w")
        await shoot("group", "g", "1产品", seconds=1.5)
        await shoot("group", "1", "酒店", seconds=3.5)
        await pilot.press("escape")
        await until(lambda: isinstance(app.screen, ResultsScreen))
        await shoot("report", "f9", ".html", seconds=1.5)
        await pilot.press("enter")
        await until((home / REPORT).exists)
        written = "".join(tr("written to {path}", path="").split())
        await shoot("report", "", f"▌{written}", seconds=3)
    return film


def words_of(svg: str) -> str:
    """Return what is written in a picture, without blanks."""
    return "".join(html.unescape("".join(re.findall(r"<text [^>]*>([^<]*)", svg))).split())


if __name__ == "__main__":
    main()
