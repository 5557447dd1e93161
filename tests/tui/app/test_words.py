"""The words of two groups in the app: by label or by filter, and from a word to its rows."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.app.harness import (
    SIZES,
    FakeModel,
    app_of,
    lacks,
    row_of,
    shows,
    until,
)
from tests.tui.batch.findings.made import bert_tokenizer
from tui.app.app import SentimentApp
from tui.app.screens import words as module
from tui.app.screens.words import WordsScreen
from tui.app.widgets.text_entry import SafeInput
from tui.batch.engine import Stopped
from tui.batch.findings.words import Word

REVIEWS = ["空调坏了"] * 60 + ["房间很干净"] * 60 + ["前台慢，坏"] * 30 + ["wifi,快"] * 30


@pytest.fixture
def app() -> SentimentApp:
    """Return an app whose model blames what has a 坏 and praises the rest."""
    fake = FakeModel()
    fake.probabilities = [0.2, 0.8]
    fake.manifest = replace(fake.manifest, tokenizer=bert_tokenizer())
    return app_of(fake)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.txt"
    path.write_text("\n".join(REVIEWS) + "\n", encoding="utf-8")
    return path


async def results(pilot: Pilot[Any], path: Path) -> None:
    await shows(pilot, "CPU")
    pilot.app.open_file(path)  # type: ignore[attr-defined]
    await shows(pilot, "How it is read", " record")
    await pilot.press("f5")
    await shows(pilot, "done, written to")


@pytest.mark.parametrize("size", SIZES)
async def test_from_a_word_to_its_rows_and_back(
    app: SentimentApp, reviews: Path, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await results(pilot, reviews)
        await pilot.press("k")
        await shows(pilot, "label:负向", "label:正向", "90 rows")
        assert row_of(pilot, "空调", "66.7%")
        await pilot.press("enter")
        await shows(pilot, "60 of 180 rows")
        assert app.job is not None
        assert app.job.filter == "label:负向评价 空调坏"
        styles = [
            (str(segment.text), segment.style)
            for strip in app.screen._compositor.render_strips()
            for segment in strip
        ]
        assert any(text == "空调坏" and style and style.underline for text, style in styles)
        await pilot.press("escape")
        await shows(pilot, "label:负向", "66.7%")
        await pilot.press("right", "enter")
        await shows(pilot, "60 of 180 rows")
        assert app.job.filter == "label:正向评价 房间很干净"
        await pilot.press("escape", "escape")
        await shows(pilot, "180 of 180 rows")


async def test_examples_of_the_word_under_the_cursor_are_shown(
    app: SentimentApp, reviews: Path
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await results(pilot, reviews)
        await pilot.press("k")
        await shows(pilot, "空调坏了")
        await lacks(pilot, "前台慢，坏")
        await pilot.press("down")
        await shows(pilot, "前台慢，坏")
        await pilot.press("right")
        await shows(pilot, "房间很干净")


async def test_groups_are_what_is_typed_under_the_filter_of_the_rows(
    app: SentimentApp, reviews: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await results(pilot, reviews)
        assert app.job is not None
        app.job.filter = "坏"
        await pilot.press("k")
        await shows(pilot, "Under the filter 坏", "Nothing beyond chance")  # no praise is left
        for entry, line in zip(app.screen.query(SafeInput), ["空调", "前台"], strict=True):
            entry.value = line
        await shows(pilot, "60 rows", "30 rows", "100.0%", "前台慢")
        await pilot.press("enter")
        await shows(pilot, "60 of 180 rows")
        assert app.job.filter == "坏 空调 空调坏"


async def test_a_filter_that_cannot_be_read_is_complained_about(
    app: SentimentApp, reviews: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await results(pilot, reviews)
        await pilot.press("k")
        await shows(pilot, "66.7%")
        await pilot.press("slash", *"label", "colon", "x", "enter")
        await shows(pilot, "found x")
        assert row_of(pilot, "空调", "66.7%")


async def test_a_label_is_compared_with_all_others(reviews: Path) -> None:
    fake = FakeModel(["good", "very good", "bad"])
    fake.manifest = replace(fake.manifest, tokenizer=bert_tokenizer())
    fake.answer = lambda text: (0.1, 0.1, 0.8) if "坏" in text else (0.8, 0.1, 0.1)  # type: ignore[method-assign]
    app = app_of(fake)
    async with app.run_test(size=(80, 24)) as pilot:
        await results(pilot, reviews)
        await pilot.press("k")
        await shows(pilot, "-label:good", "66.7%")
        await pilot.press("l")
        await shows(pilot, '-label:"very good"', "180 rows")
        await pilot.press("l")
        await shows(pilot, "-label:bad", "66.7%")
        assert "空调坏" in row_of(pilot, "房间很干净")  # 空调坏 is on the left by now


async def test_leaving_stops_the_count(
    app: SentimentApp, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    going = threading.Event()

    def count(*args: Any) -> list[Word]:
        progress: Callable[[float], object] = args[-1]
        try:
            while True:
                progress(0.5)
                going.set()
        except Stopped:
            stopped.set()
            raise

    monkeypatch.setattr(module, "distinctive", count)
    async with app.run_test(size=(80, 24)) as pilot:
        await results(pilot, reviews)
        await pilot.press("k")
        await shows(pilot, " 50%")
        await lacks(pilot, "Nothing beyond chance")  # nothing is counted yet
        assert going.is_set()
        await pilot.press("escape")
        await until(pilot, stopped.is_set)
        assert not isinstance(app.screen, WordsScreen)
