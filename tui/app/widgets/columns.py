"""Columns of a list: the line of titles over it, and texts as wide as they are."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from models.console import one_line
from tui.app.theme import FAINT, padded


class Column(NamedTuple):
    """A column of a list.

    Attributes:
        title: what stands over it.
        cells: how wide it is.
        click: action of a click on the title; "" for none.
        active: whether the list is sorted by it, so that the title is underlined.
        right: whether texts stand at the right.
        gap: cells that are free before them.
    """

    title: str
    cells: int
    click: str = ""
    active: bool = False
    right: bool = False
    gap: int = 1

    def fit(self, text: str) -> str:
        """Return a text as wide as the column."""
        if not self.right:
            return padded(text, self.cells)
        text = one_line(text, self.cells - self.gap)
        return " " * (self.cells - cell_len(text)) + text


class Titles(Widget):
    """The line of titles.

    Args:
        columns: returns the columns for so many cells.
    """

    ALLOW_SELECT = False  # by a double click

    def __init__(self, columns: Callable[[int], Iterable[Column]]) -> None:
        super().__init__()
        self._columns = columns

    def render(self) -> Content:
        """Draw them, as wide as there is room now."""
        line = Content()
        for column in self._columns(self.content_size.width):
            text = column.fit(column.title)
            title = Content(text)
            if column.active:
                start = len(text) - len(text.lstrip())
                title = title.stylize("underline", start, len(text.rstrip()))
            if column.click:
                title = title.stylize(Style.from_meta({"@click": column.click}))
            line += title
        return line.stylize_before(f"bold {FAINT}")
