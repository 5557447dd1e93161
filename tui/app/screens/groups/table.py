"""The columns of a table of groups, and a line for each group."""

from dataclasses import dataclass, replace

from textual.content import Content

from models.console import tr
from tui.app.theme import look
from tui.app.widgets.columns import Column
from tui.batch.by_column import named, written
from tui.batch.findings.dates import PERIODS
from tui.batch.findings.groups import KINDS, CrossTable, Table

_NAME_CELLS = 14  # at least
_ROWS_CELLS = 9
_SHARE_CELLS = 10
_INTERVAL_CELLS = 20  # with the share
_PAIR_CELLS = 15

By = str | int | None
"""What groups are sorted by, as `Table.order` takes it."""


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

    def columns(self, width: int) -> dict[By, Column]:
        """Return the columns that there is room for in a line of so many cells, by what is in it.

        That is what `Table.order` sorts by; or, for pairs, the number of the second column's group.
        """
        room = width - _NAME_CELLS - _ROWS_CELLS
        columns: dict[By, Column] = {"rows": self._column("rows", tr("rows"), _ROWS_CELLS)}
        if self.pairs is not None:
            fitting = max(room // _PAIR_CELLS, 1)
            start = max(self.across - fitting, 0)
            names = self.pairs.across.names[start : start + fitting]
            for place, name in enumerate(names, start + 1):
                columns[place] = self._column(place, named(name), _PAIR_CELLS)
        else:
            labels = self.table.labels
            cells = _SHARE_CELLS
            if room >= _INTERVAL_CELLS * len(labels) + _SHARE_CELLS:
                cells = _INTERVAL_CELLS
            for label, name in enumerate(labels):
                glyph, _ = look(labels, label)
                columns[label] = self._column(label, f"{glyph} {name}", cells)
            columns["review"] = self._column("review", tr("to review"), _SHARE_CELLS)
        rest = max(width - sum(column.cells for column in columns.values()), 0)
        first = self._column("name", self.table.column, rest)
        return {"name": first._replace(right=False), **columns}

    def _column(self, of: By, title: str, cells: int) -> Column:
        """Return a column; a click sorts by it, or picks a group of the second column."""
        if self.pairs is not None and isinstance(of, int):
            return Column(title, cells, f"screen.pick({of})", of == self.across, right=True)
        return Column(title, cells, f"screen.sort({of!r})", of == self.by, right=True)

    def line(self, group: int, width: int) -> Content:
        """Return a group as a line."""
        line = ""
        for of, column in self.columns(width).items():
            line += column.fit(self._text(of, group, column.cells))
        return Content(line)

    def _text(self, of: By, group: int, cells: int) -> str:
        """Return what a group has in a column."""
        table = self.table
        match of:
            case "name":
                return named(table.names[group])
            case "rows":
                return f"{table.rows[group]:,}"
            case int() if self.pairs is not None:
                return _of_pair(self.pairs, group, of - 1, self.label)
            case int():
                share = written(table.group(group).shares[of])
                return share if cells == _INTERVAL_CELLS else share.partition(" ")[0]
        return f"{table.group(group).review_share:.1%}"

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


def _of_pair(pairs: CrossTable, down: int, across: int, label: int) -> str:
    """Return the share of a label in two groups, and how many rows they have in common."""
    counts = pairs.cell(down, across)
    labelled = counts[:-1].sum()
    if not labelled:
        return "–"
    return f"{counts[label] / labelled:.0%} {counts.sum():>6,}"


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
