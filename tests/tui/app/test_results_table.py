"""The table of answers, and a row of it as a line."""

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.content import Content

from tests.tui.batch.findings.made import store_of
from tui.app.screens.results.table import Fields
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.result_store import ResultRow
from tui.batch.status import Status


def test_words_of_the_filter_stand_out_in_the_text_and_no_letters_of_the_status() -> None:
    fields = Fields(store_of(["look, good"]), (), truth=True)
    row = ResultRow(1, 1, 0.6, Status.LOOK, 0, -1, "look, good")
    line = fields.line(0, row, 100, "● ", ["good"])
    marked = [line.plain[span.start : span.end] for span in line.spans if "bold" in str(span.style)]
    assert marked == ["good"]
    assert cell_len(line.plain) == 100
    titles = "".join(column.fit(column.title) for column in fields.titles(100, "file"))
    assert cell_len(titles) == 100
    before_title, before_text = titles.partition("text")[0], line.plain.partition("look, good")[0]
    assert cell_len(before_title) == cell_len(before_text)


@pytest.mark.parametrize("width", [56, 76, 116])
@pytest.mark.parametrize("truth", [False, True])
def test_the_text_has_room_whatever_else_there_is(width: int, truth: bool) -> None:
    text = "房间很干净，早餐也不错，下次还来"
    fields = Fields(store_of([text]), (), truth=truth)
    row = ResultRow(1, 1, 0.6, Status.LOOK, 0, -1, text)
    line = fields.line(0, row, width, "  ", []).plain
    titles = "".join(column.fit(column.title) for column in fields.titles(width, "file"))
    assert cell_len(line) == cell_len(titles) == width
    assert text[:7] in line
    assert cell_len(titles.partition("text")[0]) == cell_len(line.partition("房间")[0])
    assert ("true label" in titles) == (truth and width > 56)
    assert ("status" in titles) == (width > 56)
    assert "confidence" in titles


class Growing(App[None]):
    """A list of numbers, which notes those that are drawn."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.drawn: list[int] = []
        self.numbers = VirtualList(range(count), self._draw, id="numbers")

    def _draw(self, number: int, width: int) -> Content:
        self.drawn.append(number)
        return Content(f"{number}"[:width])

    def compose(self) -> ComposeResult:
        yield self.numbers


async def test_rows_below_the_view_are_added_without_drawing_those_in_view() -> None:
    app = Growing(100)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.drawn.clear()
        app.numbers.grow(range(1000))
        await pilot.pause()
        assert app.drawn == []
        assert app.numbers.vertical_scrollbar.window_virtual_size == 1000
        await pilot.press("end")
        await pilot.pause()
        assert app.drawn[-1] == app.numbers.cursor == 999


async def test_rows_that_come_into_view_are_drawn() -> None:
    app = Growing(3)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        app.numbers.grow(range(20))
        await pilot.pause()
        assert app.drawn[-10:] == list(range(10))
        assert app.numbers.show_vertical_scrollbar
