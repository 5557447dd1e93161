"""A list of any length, of which only the lines in view are drawn."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from models.console import one_line
from tui.app.theme import FAINT

T = TypeVar("T", covariant=True)


class Items(Protocol[T]):
    """Items of a list: a sequence, a range, an array."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> T: ...


class VirtualList(ScrollView, Generic[T], can_focus=True, inherit_bindings=False):
    """One line an item, and a cursor.

    Args:
        items: items to list.
        draw: returns an item as a line of at most so many cells.
        empty: sentence that stands there when the list is empty.
        id: id of the widget.

    Attributes:
        empty: that sentence.
    """

    COMPONENT_CLASSES = {"virtual-list--cursor"}
    BINDINGS = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "go(0)", show=False),
        Binding("end", "go(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """The cursor or the items have changed."""

    class Chosen(Message):
        """Enter was pressed on an item, or it was clicked twice."""

        def __init__(self, lines: "VirtualList[Any]") -> None:
            super().__init__()
            self.lines = lines

        @property
        def control(self) -> "VirtualList[Any]":
            """List that was chosen from, which `on` selects by."""
            return self.lines

    def __init__(
        self, items: Items[T], draw: Callable[[Any, int], Content], empty: str = "", *, id: str
    ) -> None:
        super().__init__(id=id)
        self.items, self.cursor = items, 0
        self._draw, self.empty = draw, empty

    def on_mount(self) -> None:
        """List the items."""
        self.show(self.items)

    @property
    def chosen(self) -> T | None:
        """The item under the cursor."""
        return self.items[self.cursor] if len(self.items) else None

    def show(self, items: Items[T], *, cursor: int | None = None) -> None:
        """List other items, and put the cursor on one of them if it is given.

        The view scrolls only where the cursor moves, or was on no item.
        """
        stays = cursor is None and self.cursor < min(len(self.items), len(items))
        self.items = items
        self.virtual_size = Size(0, len(items))
        if stays:
            self.refresh()
            self.post_message(self.Moved())
        else:
            self.go(self.cursor if cursor is None else cursor)

    def grow(self, items: Items[T]) -> None:
        """List more of the same items; where these fill the view, nothing but its bar is drawn."""
        if self.scroll_offset.y + self.size.height >= len(self.items):
            self.show(items)
            return
        self.items = items
        self.set_reactive(VirtualList.virtual_size, Size(0, len(items)))
        self.vertical_scrollbar.window_virtual_size = len(items)

    def follow(self, items: Items[T], row: int) -> None:
        """List the items among others by now; the one under the cursor is at `row`.

        It stays where it is in the view.
        """
        scrolled = self.scroll_offset.y + row - self.cursor
        self.items, self.cursor = items, row
        self.show(items)
        self.scroll_to(y=scrolled, animate=False, force=True, immediate=True)

    def go(self, row: int) -> None:
        """Put the cursor on a row, or the nearest one, and scroll it into view."""
        self.cursor = max(0, min(row, len(self.items) - 1))
        line = Region(0, self.cursor, self.size.width, 1)
        self.scroll_to_region(line, animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """Go down by some rows."""
        self.go(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Go down by some pages."""
        self.go(self.cursor + by * max(self.scrollable_content_region.height - 1, 1))

    def action_go(self, row: int) -> None:
        """Go to a row; -1 is the last."""
        self.go(row if row >= 0 else len(self.items) - 1)

    def action_choose(self) -> None:
        """Post `Chosen` for the item under the cursor."""
        if len(self.items):
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        """Go to the row under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        row = self.scroll_offset.y + offset.y
        if row < len(self.items):
            self.go(row)
            if event.chain == 2:
                self.action_choose()

    def render_line(self, y: int) -> Strip:
        """Draw line `y` of the view."""
        width = self.scrollable_content_region.width
        row = self.scroll_offset.y + y
        style = self.visual_style
        if width < 1:  # the terminal is a few cells wide
            return Strip.blank(0)
        if row < len(self.items):
            line = self._draw(self.items[row], width)
            if row == self.cursor and self.has_focus:
                style = self.get_visual_style("virtual-list--cursor")
        elif y == 0 and not len(self.items):
            line = Content.styled(one_line(self.empty, width), FAINT)
        else:
            return Strip.blank(width, self.rich_style)
        return Visual.to_strips(self, line, width, 1, style, pad=True)[0]
