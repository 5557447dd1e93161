"""A share over time in characters: a point for each period, and a line as far as its interval."""

from math import ceil, floor

from textual.content import Content
from textual.widgets import Static

from tui.app.theme import FAINT, look
from tui.batch.findings.dates import between
from tui.batch.findings.groups import Table

_AXIS_CELLS = 6
_MOST_CELLS = 8  # for a period


class Timeline(Static):
    """The share of a label in each period, those without rows included.

    Colour says nothing that the characters don't.
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._drawn: tuple[Table, int] | None = None

    def show(self, table: Table, label: int) -> None:
        """Draw a label of a table by periods."""
        self._drawn = (table, label)
        size = self.scrollable_content_region
        if size.width > _AXIS_CELLS and size.height > 2:
            _, colour = look(table.labels, label)
            lines = []
            for line in plot(table, label, size.width, size.height):
                drawn = Content.styled(line, f"$text-{colour}")
                lines.append(drawn.stylize(FAINT, 0, _AXIS_CELLS))
            self.update(Content("\n").join(lines))

    def on_resize(self) -> None:
        """Draw as large as there is room."""
        if self._drawn is not None:
            self.show(*self._drawn)


def plot(table: Table, label: int, width: int, height: int) -> list[str]:
    """Return lines: the share from the lowest tenth to the highest, below it the periods' names.

    Where there is no room for all periods, the last ones are drawn.
    """
    room = width - _AXIS_CELLS
    names = between(table.names[0], table.names[-1], table.kind)[-room:]
    cells = min(room // len(names), _MOST_CELLS)
    shares = {}  # by name
    for group, name in enumerate(table.names):
        if name >= names[0] and table.counts[group].any():
            shares[name] = table.group(group).shares[label]
    heights = [share.share for share in shares.values()]
    bottom = floor(10 * min(heights, default=0)) / 10
    top = ceil(10 * max(heights, default=1)) / 10
    top = max(top, bottom + 0.1)
    last = height - 2
    scale = last / (top - bottom)
    axis = ["     │"] * (last + 1)
    axis[0] = f"{top:>4.0%} ┤"
    axis[last] = f"{bottom:>4.0%} ┤"
    columns = [axis]
    for name in names:
        column = [" " * cells] * (last + 1)
        if name in shares:
            middle, low, high = [round(scale * (top - end)) for end in shares[name][-3:]]
            for line in range(max(high, 0), min(low, last) + 1):
                column[line] = "│".ljust(cells)
            column[middle] = "●".ljust(cells)
        columns.append(column)
    lines = ["".join(marks).rstrip() for marks in zip(*columns, strict=True)]
    every = ceil((len(names[0]) + 1) / cells)
    below = [name.ljust(every * cells) for name in names[::every]]
    under = " " * _AXIS_CELLS + "".join(below)
    return [*lines, under[:width].rstrip()]
