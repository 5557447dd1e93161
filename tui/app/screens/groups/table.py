"""The columns of a table of groups: the header that sorts them, and a line for each group."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.style import Style

from models.console.display import one_line
from models.console.i18n import tr
from tui.app.theme import FAINT, look, padded
from tui.batch.by_column import named, review_of, share_of
from tui.batch.findings.dates import PERIODS
from tui.batch.findings.groups import KINDS, CrossTable, Table

_NAME_CELLS = 14  # at least
_ROWS_CELLS = 9
_SHARE_CELLS = 10
_INTERVAL_CELLS = 20  # with the share
_PAIR_CELLS = 15

By = str | int | None
"""What groups are sorted by, as `Table.order` takes it."""


class Column(NamedTuple):
    """A column of figures.

    Attributes:
        title: what stands over it.
        cells: how wide it is.
        action: what a click on the title does: "sort" or "pick".
        argument: what that is given.
    """

    title: str
    cells: int
    action: str
    argument: By


@dataclass(frozen=True)
class View:
    """A table of groups as it is shown.

    Attributes:
        table: the groups; of `pairs` those by the first column.
        pairs: groups by two columns, where there are two.
        label: the label of pairs, and of the chart.
        across: the group of the second column that is chosen, from 1; 0 for none.
        by: what the groups are sorted by.
        descending: whether they are from the most to the least.
    """

    table: Table
    pairs: CrossTable | None = None
    label: int = 0
    across: int = 0
    by: By = None
    descending: bool = False

    def columns(self, width: int) -> list[Column]:
        """Return the columns that there is room for in a line of so many cells."""
        room = width - _NAME_CELLS - _ROWS_CELLS
        columns = [Column(tr("rows"), _ROWS_CELLS, "sort", "rows")]
        if self.pairs is not None:
            fitting = max(room // _PAIR_CELLS, 1)
            start = max(self.across - fitting, 0)
            names = self.pairs.across.names[start : start + fitting]
            for place, name in enumerate(names, start + 1):
                columns.append(Column(named(name), _PAIR_CELLS, "pick", place))
            return columns
        labels = self.table.labels
        cells = _SHARE_CELLS
        if room >= _INTERVAL_CELLS * len(labels) + _SHARE_CELLS:
            cells = _INTERVAL_CELLS
        for label, name in enumerate(labels):
            glyph, _ = look(labels, label)
            columns.append(Column(f"{glyph} {name}", cells, "sort", label))
        review = Column(tr("to review"), _SHARE_CELLS, "sort", "review")
        columns.append(review)
        return columns

    def figure(self, column: Column, group: int) -> str:
        """Return what a group has in a column."""
        table, place = self.table, column.argument
        if column.action == "pick":
            return self._of_pair(group, int(place or 0) - 1)
        if place == "rows":
            return f"{table.rows[group]:,}"
        if place == "review":
            return review_of(table, group)
        share = share_of(table, int(place or 0), group)
        return share if column.cells == _INTERVAL_CELLS else share.partition(" ")[0]

    def _of_pair(self, down: int, across: int) -> str:
        """Return the share of the label in two groups, and how many rows they have in common."""
        assert self.pairs is not None  # noqa: S101 - the column is one of its
        counts = self.pairs.cell(down, across)
        labelled = counts[:-1].sum()
        if not labelled:
            return "–"
        share = counts[self.label] / labelled
        return f"{share:.0%} {counts.sum():>6,}"

    def groups(self) -> list[int]:
        """Return the groups in their order."""
        order = self.table.order(self.by, descending=self.descending)
        return [int(group) for group in order]

    @property
    def has_chart(self) -> bool:
        """Whether there are periods to draw."""
        return self.pairs is None and self.table.kind in PERIODS and len(self.table) > 1

    def sorted_by(self, by: By) -> "View":
        """Return this sorted by a column, the other way where it was that; None is the next."""
        if by is None:
            by = self._following
        descending = by != "name"
        if by == self.by:
            descending = not self.descending
        return replace(self, by=by, descending=descending)

    @property
    def _following(self) -> By:
        """What the groups are sorted by next."""
        orders: list[By] = ["name", "rows"]
        if self.pairs is None:
            orders += range(len(self.table.labels))
            orders.append("review")
        if self.by not in orders[:-1]:
            return "name"
        place = orders.index(self.by)
        return orders[place + 1]

    def header(self, width: int) -> Content:
        """Return the titles; a click sorts by one, or picks a group of the second column."""
        name = Column(self.table.column, 0, "sort", "name")
        parts = [self._title(name, padded(name.title, self._rest(width)))]
        for column in self.columns(width):
            parts.append(self._title(column, _right(column.title, column.cells)))
        return Content("").join(parts).stylize_before(f"bold {FAINT}")

    def _title(self, column: Column, text: str) -> Content:
        title = Content(text)
        if column.argument == (self.by if column.action == "sort" else self.across):
            start = len(text) - len(text.lstrip())
            title = title.stylize("underline", start, len(text.rstrip()))
        meta = {"@click": f"screen.{column.action}({column.argument!r})"}
        return title.stylize(Style.from_meta(meta))

    def _rest(self, width: int) -> int:
        """Return the cells that are left for names."""
        cells = [column.cells for column in self.columns(width)]
        return max(width - sum(cells), 0)

    def line(self, group: int, width: int) -> Content:
        """Return a group as a line."""
        line = padded(named(self.table.names[group]), self._rest(width))
        for column in self.columns(width):
            line += _right(self.figure(column, group), column.cells)
        return Content(line)


def kind_titles() -> dict[str, str]:
    """Return what each of `KINDS` is called."""
    titles = (
        tr("by day"),
        tr("by week"),
        tr("by month"),
        tr("by quarter"),
        tr("numbers in ranges"),
        tr("number by number"),
        tr("value by value"),
    )
    return dict(zip(KINDS, titles, strict=True))


def _right(text: str, cells: int) -> str:
    """Return a text at the right of so many cells, with one before it."""
    if cell_len(text) >= cells:
        text = one_line(text, cells - 1)
    return " " * (cells - cell_len(text)) + text
