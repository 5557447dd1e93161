"""Makes the pictures of the app: `python docs/pictures.py` writes docs/app-SCREEN-LANGUAGE.svg.

They show a real run: the built-in model reads the reviews below and those of examples/, and its
answers are what is seen.
"""

import asyncio
import html
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from unittest.mock import patch

from rich.cells import cell_len

from models.locations import BUILTIN
from models.predictor import Predictor
from tui.app.app import SentimentApp
from tui.app.job import JobState
from tui.app.preferences import UserDirs
from tui.app.widgets.text_entry import TextEntry

LOCALES = {"en": "en_US.UTF-8", "zh": "zh_CN.UTF-8"}
ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "reviews.csv"
REVIEWS = (
    "等了一个小时才上菜，味道偏咸，服务员还爱答不理。",
    "物流很快，包装也完好，就是颜色比图片深一点。",
    "耳机戴了两天左边就没声音了，客服一直让我等。",
    "故事讲得慢，可是越读越舍不得放下。",
    "房间不大，但是干净，下次出差还住这里。",
)


def main() -> None:
    """Write the pictures beside this file."""
    if len(sys.argv) == 1:
        in_each_language(__file__)
    else:
        write(sys.argv[1], (80, 24), Path(__file__).parent)


def in_each_language(script: str) -> None:
    """Run a script of this folder once a language: it counts from the start of a process.

    Raises:
        SystemExit: the built-in model is not there.
    """
    if not BUILTIN.is_file():
        raise SystemExit(f"no built-in model: expected the file {BUILTIN}")
    for name, locale in LOCALES.items():
        environment = os.environ | {"LC_ALL": locale, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, script, name], env=environment, check=True)  # noqa: S603


def write(language: str, size: tuple[int, int], folder: Path) -> None:
    """Write a picture of each screen, of so many cells, into a folder."""
    # The picture of the log shows what doctor finds; which kernel that was, no reader needs.
    with tempfile.TemporaryDirectory() as home, patch("platform.platform", platform.system):
        for screen, picture in asyncio.run(take(Path(home), size)).items():
            path = folder / f"app-{screen}-{language}.svg"
            path.write_text(in_cells(picture), encoding="utf-8")


async def take(home: Path, size: tuple[int, int]) -> dict[str, str]:
    """Walk through the app, and return a picture of each of its screens."""
    here = home / "here"
    here.mkdir()
    shutil.copy(EXAMPLES, here / "reviews.csv")
    (here / "models").symlink_to(BUILTIN.parent)
    os.chdir(here)
    Path("broken.csv").write_bytes("text\n很好".encode() + b"\xff\n")
    places = UserDirs(Path("~/.config/sentiment-tui"), home / "state", home / "data")
    app = SentimentApp(
        lambda path, device: Predictor.open(path, device=device),
        Path("models/mine.onnx"),
        "cpu",
        places,
    )
    pictures: dict[str, str] = {}
    async with app.run_test(size=size) as pilot:

        async def until(condition: Callable[[], bool]) -> None:
            while not condition():
                await pilot.pause(0.02)
            await pilot.pause(0.3)

        async def shoot(name: str, *keys: str, leave: bool = False) -> None:
            await pilot.press(*keys)
            await pilot.pause(0.7)
            pictures[name] = app.export_screenshot(title="sentiment-tui")
            if leave:
                await pilot.press("escape")
                await pilot.pause(0.3)

        await until(lambda: app.state == "refused")
        await shoot("refused")
        app.open_model(Path("models", BUILTIN.name), "cpu")
        await until(lambda: app.state == "ready")
        await shoot("empty")
        for asked, review in enumerate(REVIEWS, start=1):
            app.query_one(TextEntry).insert(review)
            await pilot.press("enter")
            await until(lambda asked=asked: len(app.answers) == asked)  # type: ignore[misc]
        await shoot("type")
        await shoot("why", "f2", leave=True)
        await shoot("help", "f1", leave=True)
        await shoot("palette", "ctrl+p", leave=True)
        await shoot("open", "ctrl+o", leave=True)
        await pilot.press("f12")
        await pilot.pause(3)
        await shoot("log", leave=True)
        app.open_file(Path("broken.csv"))
        await shoot("unreadable")
        app.open_file(Path("reviews.csv"))
        await shoot("file")
        await pilot.press("f5")
        await until(lambda: app.job is not None and app.job.state is JobState.DONE)
        await shoot("results", "s", "down")
        await shoot("summary", "f3", leave=True)
        await shoot("correct", "f4", leave=True)
        await shoot("nothing", "slash", *"label:x", "enter")
    return pictures


def in_cells(svg: str) -> str:
    """Mend a picture that Rich made: give every Chinese character two cells, and local fonts.

    Rich gives a piece of text the width of its characters, as if each took one cell, and names a
    font on a server, which a picture in a page may not load.
    """
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "'DejaVu Sans Mono', Menlo, Consolas, monospace")
    return re.sub(
        r'<text( class="[^"]*" )x="([^"]*)"( y="[^"]*" )textLength="([^"]*)"([^>]*)>([^<]*)</text>',
        _piecewise,
        svg,
    )


def _piecewise(match: re.Match[str]) -> str:
    """Split a text into pieces of wide and of narrow characters, and put each in its cells."""
    before, x, y, length, after, escaped = match.groups()
    text = html.unescape(escaped)
    cell = float(length) / len(text)
    place = float(x)
    pieces = ""
    for (_, blank), characters in groupby(text, key=lambda one: (cell_len(one), one.isspace())):
        piece = "".join(characters)
        width = cell * cell_len(piece)
        if blank:  # nothing to draw, and not every program draws it in its width
            place += width
            continue
        pieces += f'<text{before}x="{place:.1f}"{y}textLength="{width:.1f}"{after}>'
        pieces += html.escape(piece) + "</text>"
        place += width
    return pieces


if __name__ == "__main__":
    main()
