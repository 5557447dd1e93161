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
                axis = (line[:_AXIS_CELLS], FAINT)
                points = (line[_AXIS_CELLS:], f"$text-{colour}")
                lines.append(Content.assemble(axis, points))
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
    points = {}  # name → share, and both ends of its interval
    for group, name in enumerate(table.names):
        if name >= names[0] and table.counts[group].any():
            share = table.share(group, label)
            low, high = table.interval(group, label)
            points[name] = (share, low, high)
    shares = [share for share, _, _ in points.values()]
    bottom = floor(10 * min(shares, default=0)) / 10
    top = ceil(10 * max(shares, default=1)) / 10
    top = max(top, bottom + 0.1)
    last = height - 2
    axis = ["     │"] * height
    axis[0] = f"{top:>4.0%} ┤"
    axis[last] = f"{bottom:>4.0%} ┤"
    scale = last / (top - bottom)
    lines = []
    for line in range(last + 1):
        drawn = axis[line]
        for name in names:
            mark = " "
            if name in points:
                places = [round(scale * (top - end)) for end in points[name]]
                mark = _mark(line, *places)
            drawn += mark.ljust(cells)
        lines.append(drawn.rstrip())
    every = ceil((len(names[0]) + 1) / cells)
    below = [name.ljust(every * cells) for name in names[::every]]
    under = " " * _AXIS_CELLS + "".join(below)
    lines.append(under[:width].rstrip())
    return lines


def _mark(line: int, share: int, low: int, high: int) -> str:
    """Return what a period has on a line; lines count from the top."""
    if line == share:
        return "●"
    if high <= line <= low:
        return "│"
    return " "
