"""Makes the pictures of the app: `python docs/pictures.py` writes docs/app-en.svg and app-zh.svg.

They show a real run: the built-in model reads the reviews below, and its answers are what is seen.
"""

import asyncio
import html
import os
import re
from itertools import groupby
from pathlib import Path

from rich.cells import cell_len

from models.i18n import language
from models.locations import BUILTIN
from models.predictor import Predictor
from tui.app import SentimentApp
from tui.entry import Entry
from tui.history import History

LOCALES = {"en": "en_US.UTF-8", "zh": "zh_CN.UTF-8"}
REVIEWS = (
    "等了一个小时才上菜，味道偏咸，服务员还爱答不理。",
    "物流很快，包装也完好，就是颜色比图片深一点。",
    "耳机戴了两天左边就没声音了，客服一直让我等。",
    "故事讲得慢，可是越读越舍不得放下。",
    "客房干净整洁，前台办理入住很快，下次出差还住这里。",
)


def main() -> None:
    """Write the pictures beside this file.

    Raises:
        SystemExit: the built-in model is not there.
    """
    if not BUILTIN.is_file():
        raise SystemExit(f"no built-in model: expected the file {BUILTIN}")
    for name, locale in LOCALES.items():
        os.environ["LC_ALL"] = locale
        language.cache_clear()
        picture = asyncio.run(take())
        Path(__file__).with_name(f"app-{name}.svg").write_text(picture, encoding="utf-8")


async def take() -> str:
    """Ask the app about every review, and return its screen."""
    app = SentimentApp(lambda: Predictor.open(BUILTIN, device="cpu"), BUILTIN)
    async with app.run_test(size=(80, 24)) as pilot:
        for asked, review in enumerate(REVIEWS, start=1):
            app.query_one(Entry).insert(review)
            await pilot.press("enter")
            while app.query_one(History).virtual_size.height < asked:
                await pilot.pause(0.01)
        return in_cells(app.export_screenshot(title="sentiment-tui"))


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
    for _, characters in groupby(text, key=cell_len):
        piece = "".join(characters)
        width = cell * cell_len(piece)
        pieces += f'<text{before}x="{place:.1f}"{y}textLength="{width:.1f}"{after}>'
        pieces += html.escape(piece) + "</text>"
        place += width
    return pieces


if __name__ == "__main__":
    main()
