"""A list of any length, of which only the lines in view are ever drawn."""

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from tui.looks import one_line


class Lines(ScrollView, can_focus=True, inherit_bindings=False):
    """One line a row, and a cursor. A subclass says how many rows there are, and draws them.

    Attributes:
        cursor: the row that keys act on, 0 where there is none.
        empty: what stands there instead of rows.
    """

    COMPONENT_CLASSES = {"lines--cursor"}  # noqa: RUF012 - Textual types it so
    BINDINGS = [  # noqa: RUF012 - as above
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "go(0)", show=False),
        Binding("end", "go(-1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row, or the rows are others."""

    class Chosen(Message):
        """Enter was pressed on a row, or the mouse clicked twice."""

        def __init__(self, lines: "Lines") -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self.empty = empty

    @property
    def rows(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def draw(self, row: int, width: int) -> Content:
        """Return a row as at most `width` cells."""
        raise NotImplementedError

    def changed(self, *, cursor: int | None = None) -> None:
        """Draw anew, for the rows are others; optionally with the cursor elsewhere."""
        self.virtual_size = Size(0, self.rows)
        self.go(self.cursor if cursor is None else cursor)

    def go(self, row: int) -> None:
        """Put the cursor on a row, or the nearest that there is, and bring it into view."""
        self.cursor = max(0, min(row, self.rows - 1))
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
        self.go(row if row >= 0 else self.rows - 1)

    def action_choose(self) -> None:
        """Tell that the row under the cursor is meant."""
        if self.rows:
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        """Go to the row under the mouse."""
        if (place := event.get_content_offset(self)) is not None:
            row = self.scroll_offset.y + place.y
            if row < self.rows:
                self.go(row)
                if event.chain == 2:
                    self.action_choose()

    def render_line(self, y: int) -> Strip:
        """Draw the line at `y` of the part in view."""
        width = self.scrollable_content_region.width
        row = self.scroll_offset.y + y
        style = self.visual_style
        if row < self.rows:
            line = self.draw(row, width)
            if row == self.cursor and self.has_focus:
                style = self.get_visual_style("lines--cursor")
        elif y == 0 and not self.rows:
            line = Content.styled(one_line(self.empty, width), "$foreground 60%")
        else:
            return Strip.blank(width, self.rich_style)
        return Visual.to_strips(self, line, width, 1, style, pad=True)[0]
