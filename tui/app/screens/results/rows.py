"""Rows of the results as the user arranges, marks and corrects them."""

from collections.abc import Collection, Sequence

import numpy as np
from textual import on, work
from textual.content import Content

from models.console import one_line, tr
from tui.app import keymap
from tui.app.clipboard import copy
from tui.app.job import Job
from tui.app.screens.dialogs import ColumnsDialog, TextDialog
from tui.app.screens.page import Page
from tui.app.screens.results.table import Fields, both_orders, copied
from tui.app.screens.why import ExplainDialog
from tui.app.widgets.columns import Column, Titles
from tui.app.widgets.virtual_list import Items, VirtualList
from tui.batch.findings.result_store import ResultRow
from tui.batch.status import TO_REVIEW, Status

_LABEL_CELLS = 12
_TEXT_CELLS = 40
_CYCLE = ("file", "unsure", "sure", "label", "status")  # orders that one key goes through


class RowsPage(Page):
    """A screen with a table of rows, which can be sorted, marked and corrected.

    Args:
        job: the run that the rows are of.

    Attributes:
        results: the store whose rows the table shows.
    """

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self.results = job.results
        self._order = "file"
        self._lay_out()

    def _poll(self) -> None:
        """Show the rows in another order."""
        raise NotImplementedError

    @property
    def _table(self) -> VirtualList[int]:
        return self.query_one("#table", VirtualList)

    @property
    def _row(self) -> ResultRow | None:
        """The row under the cursor."""
        index = self._table.chosen
        return None if index is None else self.results.row(int(index))

    # Order and columns

    def action_sort(self, orders: Sequence[str] = _CYCLE) -> None:
        """Take the next of some orders."""
        following = 0
        if self._order in orders:
            following = orders.index(self._order) + 1
        self._order = orders[following % len(orders)]
        self._poll()

    @work
    async def action_sort_by(self) -> None:
        """Ask for a column of the input to sort by."""
        names = self.results.columns.names
        number = await self.app.ask(tr("Sort by a column"), names)
        if number is not None:
            self.action_sort(both_orders(names[number]))

    def action_scroll_columns(self, by: int) -> None:
        """Scroll the columns right of the status by some."""
        self._fields.scroll(by)
        self._refresh_table()

    @work
    async def action_columns(self) -> None:
        """Ask which columns of the input to show."""
        names = self.results.columns.names
        shown = [name for name in names if name not in self.job.hidden]
        chosen = await self.app.push_screen_wait(ColumnsDialog(names, shown))
        if chosen is not None:
            self.job.hidden = set(names) - set(chosen)
            self._lay_out()
            self._refresh_table()

    def _lay_out(self) -> None:
        """Show the columns of the input that are not hidden."""
        shown = set(self.results.columns.names) - self.job.hidden
        truth = self.job.settings.label_column is not None
        self._fields = Fields(self.results, shown, truth=truth)

    def _titles(self, width: int) -> list[Column]:
        return self._fields.titles(width, self._order)

    def _refresh_table(self) -> None:
        self.query_one(Titles).refresh()
        self._table.refresh()

    def _show_again(self, rows: Items[int]) -> None:
        """Show rows of the same filter in the same order; the cursor stays on its record."""
        if isinstance(rows, range):  # in which a record keeps its place
            self._table.show(rows)
            return
        places = np.flatnonzero(np.asarray(rows) == self._table.chosen)
        if len(places):
            self._table.follow(rows, int(places[0]))
        else:
            self._table.show(rows)

    # The rows that are meant

    def _rows_meant(self) -> list[ResultRow]:
        """Return the marked rows; without any, the one under the cursor."""
        if self.job.marked:
            return [self.results.row(index) for index in sorted(self.job.marked)]
        row = self._row
        return [row] if row else []

    def _texts_meant(self) -> list[str]:
        """Return the texts of the rows that are meant; an empty one has no right label."""
        return [row.text for row in self._rows_meant() if row.text]

    def _show_counts(self) -> None:
        """Show how many rows are marked and corrected, and which key gives which label."""
        parts = []
        if self.job.marked:
            parts.append(tr("{count} marked", count=len(self.job.marked)))
        if self.results.corrected:
            parts.append(tr("{count} corrected", count=self.results.corrected))
        for number, label in enumerate(self.job.labels[: keymap.LABEL_KEYS], start=1):
            key = self.app.key_of(f"label_{number}")
            parts.append(f"{key} {one_line(label, _LABEL_CELLS)}")
        self._table.border_subtitle = Content(" · ".join(parts))

    @on(VirtualList.Chosen)
    def _opened(self) -> None:
        """Show the whole text over everything else."""
        if (row := self._row) is not None:
            label = self.job.labels[row.final] if row.final >= 0 else Status(row.status).title
            title = tr("Record {number}: {label}", number=row.number, label=label)
            self.app.push_screen(TextDialog(title, row.text))

    def action_copy(self) -> None:
        """Copy the text."""
        if (row := self._row) is not None:
            copy(self.app, row.text)

    def action_copy_rows(self) -> None:
        """Copy the row, or those that are marked, as lines with tabs between the columns."""
        labels = self.job.labels
        if rows := self._rows_meant():
            copy(self.app, "\n".join(copied(row, labels) for row in rows))

    def action_next_unsure(self) -> None:
        """Go to the next row to be looked at of which the user has said nothing yet."""
        listed = np.asarray(self._table.items, dtype=np.int64)
        unsure = np.isin(self.results.column("status")[listed], TO_REVIEW)
        untouched = self.results.corrected_of(listed) < 0
        places = np.flatnonzero(unsure & untouched)
        after = places[places > self._table.cursor]
        if len(after):
            self._table.go(int(after[0]))
        else:
            self.app.notify(tr("No row to review after this one."))

    def action_mark(self) -> None:
        """Mark the row, or not any more, and go on to the next."""
        if (index := self._table.chosen) is not None:
            self.job.marked ^= {int(index)}
            self._table.action_move(1)
            self._show_counts()

    def action_explain(self) -> None:
        """Show why the model answers so to the text of the row under the cursor."""
        if (row := self._row) is not None:
            self.app.push_screen(ExplainDialog(row.text))

    def action_correct(self) -> None:
        """Ask which label is right, and note it down."""
        if texts := self._texts_meant():
            self.ask_label(texts, self.job.labels, self._go_on)

    def action_label_as(self, number: int) -> None:
        """Note down that a label, which has this number on the keys, is right."""
        label = self.job.labels[number - 1]
        if self.correct(dict.fromkeys(self._texts_meant(), label)):
            self._go_on()

    def action_undo_correction(self) -> None:
        """Take the last correction back, and go to its row."""
        with self.app.showing_errors():
            texts = self.app.corrections.undo()
            self._let_count()
            self._go_to(texts)
            self.refresh_state()

    def _go_to(self, texts: Collection[str]) -> None:
        """Go to the nearest row with one of some texts; where none is listed, show a text."""
        hashes = [hash(text) for text in texts]
        listed = np.asarray(self._table.items, dtype=np.int64)
        places = np.flatnonzero(np.isin(self.results.column("hash")[listed], hashes))
        if len(places):
            nearest = np.abs(places - self._table.cursor).argmin()
            self._table.go(int(places[nearest]))
        elif texts:
            text = one_line(next(iter(texts)), _TEXT_CELLS)
            self.app.notify(tr("Taken back, of a row that is not listed: {text}", text=text))

    def _go_on(self) -> None:
        """Show what was corrected; from a single row go to the next."""
        if not self.job.marked:
            self._table.action_move(1)
        self.job.marked.clear()
        self._table.refresh()
        self._show_counts()
