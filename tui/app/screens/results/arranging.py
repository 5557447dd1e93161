"""Order and columns of the results, as the user arranges them."""

from collections.abc import Sequence

from textual import work
from textual.widgets import Static

from models.console.i18n import tr
from tui.app.job import Job
from tui.app.screens.dialogs import ChoiceDialog, ColumnsDialog
from tui.app.screens.results import table
from tui.app.screens.results.correcting import Correcting
from tui.batch.findings.result_store import ASCENDING, DESCENDING, ResultStore

_CYCLE = "file unsure sure label status"  # orders that one key goes through


class Arranging(Correcting):
    """A screen with a table whose rows can be sorted, and whose columns can be chosen."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._order = "file"
        self._columns: table.Columns | None = None

    def _poll(self) -> None:
        """Show the rows in another order."""
        raise NotImplementedError

    def action_sort(self, orders: str = _CYCLE) -> None:
        """Take the next of some orders."""
        self._take_order(orders.split())

    def action_sort_column(self, place: int) -> None:
        """Sort by a column of the input, up and then down."""
        name = self.results.columns.names[place]
        self._take_order([ASCENDING + name, DESCENDING + name])

    def _take_order(self, choices: Sequence[str]) -> None:
        following = 0
        if self._order in choices:
            following = choices.index(self._order) + 1
        self._order = choices[following % len(choices)]
        self._poll()

    @work(group="choose", description="sort")
    async def action_sort_by(self) -> None:
        """Ask for a column of the input to sort by."""
        names = self.results.columns.names
        dialog = ChoiceDialog(tr("Sort by a column"), names)
        number = await self.app.push_screen_wait(dialog)
        if number is not None:
            self.action_sort_column(number)

    # Columns

    def action_columns_left(self) -> None:
        """Scroll the columns right of the status back by one."""
        self._scroll_columns(-1)

    def action_columns_right(self) -> None:
        """Scroll the columns right of the status on by one."""
        self._scroll_columns(1)

    def _scroll_columns(self, by: int) -> None:
        if self._columns is not None:
            self._columns.scroll(by)
            self._show_header()

    @work(group="choose", description="columns")
    async def action_columns(self) -> None:
        """Ask which columns of the input to show."""
        names = self.results.columns.names
        shown = [name for name in names if name not in self.job.hidden]
        chosen = await self.app.push_screen_wait(ColumnsDialog(names, shown))
        if chosen is not None:
            self.job.hidden = set(names) - set(chosen)
            self._lay_out(self.results)
            self._show_header()

    def _lay_out(self, results: ResultStore) -> None:
        """Show the columns of the input that are not hidden."""
        shown = set(results.columns.names) - self.job.hidden
        truth = self.job.settings.label_column is not None
        self._columns = table.Columns(results, shown, truth=truth)

    def _show_header(self) -> None:
        if self._columns is not None:
            width = self._table.scrollable_content_region.width
            drawn = table.header(self._columns, self._order, width)
            self.query_one("#header", Static).update(drawn)
            self._table.refresh()
