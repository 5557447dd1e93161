"""Answers by a column of the input: a table of groups, one of two columns, a chart over time."""

from dataclasses import replace
from functools import partial
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from models.console import display, one_line, tr
from tui.app import keymap
from tui.app.job import Job
from tui.app.screens.groups.table import By, View, kind_titles
from tui.app.screens.page import FindingsPage, Page
from tui.app.threads import run_in_thread
from tui.app.widgets.columns import Column, Titles
from tui.app.widgets.timeline import Timeline
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.groups import KINDS, CrossTable, Table, by_column, crossed, term_of
from tui.batch.findings.query import Query

_FOLLOW = 1.0  # seconds between two looks at a run that goes on
_COLUMN_CELLS = 30


class GroupsList(VirtualList[int]):
    """A list of groups, with the keys that act on them."""

    BINDINGS = [*keymap.GROUPS_TABLE]
    BINDING_GROUP_TITLE = tr("The table of groups")


class GroupsScreen(FindingsPage):
    """The rows that a filter leaves, by one column or by two.

    Args:
        job: the run.
        line: its filter.
        query: what that asks for.
        column: the column that the rows are grouped by.
    """

    BINDINGS = [Binding("escape", "leave", show=False)]
    BINDING_GROUP_TITLE = tr("Answers by column")

    def __init__(self, job: Job, line: str, query: Query, column: str) -> None:
        super().__init__(job, line)
        self._query = query
        self._columns: tuple[str, ...] = (column,)
        self._kind: str | None = None
        self._view = View(Table.empty(column, job.labels))
        self._total = 0  # rows that the run had

    def _body(self) -> ComposeResult:
        yield Static(id="rows", markup=False)
        yield Titles(self._titles)
        yield GroupsList(range(0), self._draw, tr("Counting…"), id="groups")
        yield Timeline(id="timeline")

    def on_mount(self) -> None:
        """Begin to follow the run."""
        self._list.focus()
        self.refresh_state()
        self.set_interval(_FOLLOW, partial(self.call_later, self._follow))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer only what would change something."""
        has_pairs = self._view.pairs is not None
        if action == "across":
            return has_pairs
        return action != "label" or has_pairs or self._view.has_chart

    @property
    def _list(self) -> VirtualList[int]:
        return self.query_one(GroupsList)

    # What is shown

    def refresh_state(self) -> None:
        """Count again."""
        self._total = len(self._job.results)
        self._count()

    def _follow(self) -> None:
        if self.is_current and len(self._job.results) != self._total:
            self.refresh_state()

    @work(exclusive=True, group="groups")
    async def _count(self) -> None:
        store, query = self._job.results, self._query
        columns, kind = self._columns, self._kind

        def count() -> tuple[Table, CrossTable | None]:
            rows = store.select(query)
            if len(columns) == 1:
                return by_column(store, rows, columns[0], kind), None
            pairs = crossed(store, rows, (columns[0], columns[1]), (kind, None))
            return pairs.down, pairs

        table, pairs = await run_in_thread(count)
        self.call_later(self._take, (columns, kind), table, pairs)

    def _take(self, asked: object, table: Table, pairs: CrossTable | None) -> None:
        """Show groups as they are counted by now; the cursor stays on its group."""
        if not self.is_attached or asked != (self._columns, self._kind):
            return
        chosen, names = self._list.chosen, self._view.table.names
        self._change(table=table, pairs=pairs)
        if chosen is not None and names[chosen] in table.names:
            groups = self._view.groups()
            group = table.names.index(names[chosen])
            self._list.follow(groups, groups.index(group))

    def _change(self, **changes: Any) -> None:
        """Show the groups in another way."""
        self._view = replace(self._view, **changes)
        self._show()

    def _show(self) -> None:
        view, shown = self._view, self._list
        table = view.table
        shown.show(view.groups())
        shown.border_title = tr("{count:group}", count=len(table))
        shown.border_subtitle = table.outside if table.other else ""
        self.query_one(Titles).refresh()
        self.query_one("#rows", Static).update(self._about(view))
        timeline = self.query_one(Timeline)
        timeline.display = view.has_chart
        if view.has_chart:
            label = one_line(table.labels[view.label], _COLUMN_CELLS)
            timeline.border_title = Content(label)
            timeline.show(table, view.label)
        self.refresh_bindings()

    def _about(self, view: View) -> str:
        """Return which rows these are, and how they are grouped."""
        table = view.table
        columns = " × ".join(one_line(name, _COLUMN_CELLS) for name in self._columns)
        count = int(table.rows.sum()) + table.other
        parts = [columns, kind_titles()[table.kind], tr("{count:row}", count=count)]
        if view.pairs is not None:
            parts.append(tr("share of {label}", label=table.labels[view.label]))
        if self._filter:
            parts.append(display(self._filter))
        return " · ".join(parts)

    def _titles(self, width: int) -> list[Column]:
        return [*self._view.columns(width).values()]

    def _draw(self, group: int, width: int) -> Content:
        return self._view.line(group, width)

    # What is chosen

    @on(VirtualList.Chosen)
    def _open_group(self) -> None:
        """Show the rows of a group; Escape there comes back."""
        group, view = self._list.chosen, self._view
        if group is None:
            return
        terms = [self._filter, term_of(view.table, group)]
        if view.pairs is not None and view.across:
            terms.append(term_of(view.pairs.across, view.across - 1))
        self.show_rows(" ".join(filter(None, terms)))

    @work
    async def action_groups(self) -> None:
        """Ask for another column."""
        if column := await ask_column(self, self._job):
            self._group_by(column)

    @work
    async def action_cross(self) -> None:
        """Ask for a second column, or leave the one there is."""
        first, *others = self._columns
        if others:
            self._group_by(first, kind=self._kind)
        elif column := await ask_column(self, self._job, first):
            self._group_by(first, column, kind=self._kind)

    @work
    async def action_kind(self) -> None:
        """Ask how the cells of the column are grouped."""
        titles = list(kind_titles().values())
        number = await self.app.ask(one_line(self._columns[0], _COLUMN_CELLS), titles)
        if number is not None:
            self._group_by(*self._columns, kind=KINDS[number])

    def _group_by(self, *columns: str, kind: str | None = None) -> None:
        self._columns, self._kind = columns, kind
        self._view = View(Table.empty(columns[0], self._job.labels))
        self._list.show([])
        self.refresh_state()

    def action_sort(self, by: By = None) -> None:
        """Sort by a column, the other way where it was that; without one, by the next."""
        self._view = self._view.sorted_by(by)
        self._show()

    def action_across(self, by: int) -> None:
        """Choose the next group of the second column."""
        self.action_pick(self._view.across + by)

    def action_pick(self, across: int) -> None:
        """Choose a group of the second column, from 1; 0 chooses none."""
        pairs = self._view.pairs
        if pairs is not None and 0 <= across <= len(pairs.across):
            self._change(across=across)

    def action_label(self) -> None:
        """Show the next label in the chart, or in pairs."""
        following = self._view.label + 1
        self._change(label=following % len(self._job.labels))


async def ask_column(page: Page, job: Job, first: str | None = None) -> str | None:
    """Ask for a column of the input, or for a second one.

    Returns:
        Its name; None when nobody answered, or there is none.
    """
    names = [name for name in job.results.columns.names if name != first]
    question = tr("By which column?") if first is None else tr("And by which column?")
    if not names:
        page.app.notify(tr("The input has no other column."))
        return None
    number = await page.app.ask(question, names)
    return None if number is None else names[number]
