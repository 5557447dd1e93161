"""A report from the results screen, and another labelled file beside the one that is open."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.tui.app.harness import SECONDS, SIZES, choose, lacks, notified, row_of, shows, until
from tests.tui.app.test_files import type_path
from tests.tui.app.test_words import REVIEWS, app, results, reviews
from tui.app.app import SentimentApp
from tui.app.job import JobState
from tui.app.screens.results import save
from tui.app.widgets.text_entry import SafeInput
from tui.batch.findings.report.command import write
from tui.batch.findings.report.content import report_of

__all__ = ["app", "reviews"]


@pytest.mark.parametrize("size", SIZES)
async def test_a_report_has_the_rows_under_the_filter(
    app: SentimentApp, reviews: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    report = tmp_path / "mine.html"
    async with app.run_test(size=size, notifications=True) as pilot:
        await results(pilot, reviews)
        await pilot.press("slash", *"wifi", "enter")
        await shows(pilot, "30 of 180 rows")
        await pilot.press("f9")
        await shows(pilot, "Report to")
        await type_path(pilot, report)
        await until(pilot, report.exists)
        await pilot.press("f9")
        await shows(pilot, "Report to")
        await type_path(pilot, report)
        await choose(pilot, "2", "mine.html exists already")
    drawn = report.read_text(encoding="utf-8")
    assert "30 of 180 rows, under the filter wifi" in drawn
    assert "180 read = 180 written + 0 rejected" in drawn


async def test_what_is_no_report_is_said(app: SentimentApp, reviews: Path, tmp_path: Path) -> None:
    async with app.run_test(notifications=True) as pilot:
        await results(pilot, reviews)
        assert app.job is not None
        app.job._ended = JobState.STOPPED
        await pilot.press("f9")
        await shows(pilot, "A report can be written")
        app.job._ended = JobState.DONE
        await pilot.press("f9")
        await shows(pilot, "Report to")
        await type_path(pilot, tmp_path / "mine.pdf")
        await shows(pilot, "mine.pdf: a report is called")


@pytest.mark.parametrize("size", SIZES)
async def test_labels_that_differ_from_another_file_are_shown(
    app: SentimentApp, reviews: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    other = tmp_path / "other.jsonl"
    lines = []
    for number, text in enumerate(REVIEWS):
        blamed = ("坏" in text) != (number == 90)
        answer = {"predicted_label": "负向评价" if blamed else "正向评价"}
        lines.append(json.dumps({"text": text, **answer, "confidence": 0.6, "status": "ok"}))
    other.write_text("\n".join(lines) + "\n", encoding="utf-8")
    async with app.run_test(size=size, notifications=True) as pilot:
        await results(pilot, reviews)
        await pilot.press("d")
        await shows(pilot, "Compare with")
        await type_path(pilot, other)
        await choose(pilot, "1", "Their texts")
        await shows(pilot, "labels that differ: 1 (0.56%)", "other.jsonl")
        row = row_of(pilot, "房间很干净", "91")
        assert "正向评价 80.0%" in row
        assert "负向评价 60.0%" in row
        await pilot.press("escape")
        await shows(pilot, "180 of 180 rows")


async def test_a_file_that_was_not_classified_is_no_second_file(
    app: SentimentApp, reviews: Path
) -> None:
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await results(pilot, reviews)
        await pilot.press("d")
        await shows(pilot, "Compare with")
        await type_path(pilot, reviews)
        await shows(pilot, "was not classified")
        await lacks(pilot, "Their texts")


@pytest.mark.parametrize("name", [f"{'a' * 300}.html", f"{'a' * 300}/b.html"])
async def test_a_report_whose_name_cannot_be_is_refused(
    app: SentimentApp, reviews: Path, name: str
) -> None:
    async with app.run_test(notifications=True) as pilot:
        await results(pilot, reviews)
        await pilot.press("f9")
        await shows(pilot, "Report to")
        await type_path(pilot, reviews.parent / name)
        await notified(pilot, "too long")
        await shows(pilot, "180 of 180 rows")


async def test_a_report_goes_on_when_its_screen_is_left_and_quitting_asks(
    app: SentimentApp, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing, go_on = threading.Event(), threading.Event()

    def slowly(*args: Any) -> None:
        drawing.set()
        assert go_on.wait(SECONDS)
        write(*args)

    monkeypatch.setattr(save, "write", slowly)
    async with app.run_test(notifications=True) as pilot:
        await results(pilot, reviews)
        await pilot.press("f9")
        await shows(pilot, "Report to")
        await type_path(pilot, reviews.with_name("mine.html"))
        await until(pilot, drawing.is_set)
        await pilot.press("ctrl+q")
        await choose(pilot, "2", "A file is being saved")
        await pilot.press("escape")
        go_on.set()
        await notified(pilot, "written to")
    assert reviews.with_name("mine.html").exists()


async def test_a_report_can_be_stopped_and_then_leaves_nothing(
    app: SentimentApp, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting, go_on = threading.Event(), threading.Event()

    def slowly(*args: Any, **more: Any) -> Any:
        counting.set()
        assert go_on.wait(SECONDS)
        return report_of(*args, **more)

    monkeypatch.setattr(save, "report_of", slowly)
    async with app.run_test(notifications=True) as pilot:
        await results(pilot, reviews)
        await pilot.press("f9")
        await shows(pilot, "Report to")
        await type_path(pilot, reviews.with_name("mine.html"))
        await until(pilot, counting.is_set)
        await pilot.press("f8")
        go_on.set()
        await notified(pilot, "mine.html was not written.")
    assert not reviews.with_name("mine.html").exists()


@pytest.mark.parametrize("edited", [False, True])
async def test_a_report_of_browsed_answers_says_how_they_were_made(
    app: SentimentApp, reviews: Path, edited: bool
) -> None:
    output = reviews.with_name("reviews.labelled.csv")
    async with app.run_test(notifications=True) as pilot:
        await results(pilot, reviews)
        if edited:
            output.write_text(output.read_text().replace("很干净", "不干净"))
        app.open_file(output)
        await choose(pilot, "1", "1  Browse them")
        await shows(pilot, "read from reviews.labelled.csv")
        await pilot.press("slash", *"wifi", "enter")
        await shows(pilot, "30 of 180 rows")
        app.screen.query_one("#filter", SafeInput).value = "wifi a:b"
        await shows(pilot, "no column is called a")
        await pilot.press("f9")
        await shows(pilot, "Report to")
        await type_path(pilot, reviews.with_name("mine.html"))
        await notified(pilot, "written to")
    drawn = reviews.with_name("mine.html").read_text(encoding="utf-8")
    assert "30 of 180 rows, under the filter wifi" in drawn
    assert "there is no receipt" not in drawn
    assert ("its receipt is of other bytes" in drawn) == edited
    assert ("180 read = 180 written + 0 rejected" in drawn) != edited
