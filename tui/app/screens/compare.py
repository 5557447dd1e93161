"""Another labelled file beside the one that is open: the records whose labels differ."""

from pathlib import Path

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from models.console import display, one_line, tr
from tui.app.screens.dialogs import shown
from tui.app.screens.page import Detail, Page
from tui.app.screens.pick import FilePicker
from tui.app.theme import FAINT, padded
from tui.app.threads import run_in_thread
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.compare import Comparison, compare
from tui.batch.findings.finished import open_finished
from tui.batch.findings.result_store import ResultStore

_NUMBER_CELLS = 9
_CONFIDENCE_CELLS = 7
_MAX_LABEL_CELLS = 14


class CompareScreen(Page):
    """Counts of both files, and the records whose labels differ.

    Args:
        path: the second file.
        found: what was found.
    """

    BINDINGS = [Binding("escape", "leave", show=False)]
    BINDING_GROUP_TITLE = tr("Two files")

    def __init__(self, path: Path, found: Comparison) -> None:
        super().__init__()
        self._path, self._found = path, found
        longest = max(cell_len(display(name)) for name in found.labels)
        self._cells = min(longest, _MAX_LABEL_CELLS) + _CONFIDENCE_CELLS + 2

    def _body(self) -> ComposeResult:
        with VerticalScroll(id="counts", can_focus=False):
            yield Static("\n".join(self._found.lines()), markup=False)
        empty = tr("No label differs.")
        yield VirtualList(self._found.differing, self._draw, empty, id="table")
        yield Detail()

    def refresh_state(self) -> None:
        """Say which file the second one is."""
        table = self.query_one(VirtualList)
        table.border_title = Content(tr("Second file: {name}", name=self._path.name))
        table.focus()

    def _draw(self, pair: int, width: int) -> Content:
        """Draw a record: its number, both labels, its text."""
        number, *answers, text = self._found.cells(int(pair))
        line = Content.styled(f"{number:>{_NUMBER_CELLS}}  ", FAINT)
        line += Content("".join(padded(answer, self._cells) for answer in answers))
        return line + Content(one_line(text, width - line.cell_length))

    @on(VirtualList.Moved)
    def _moved(self) -> None:
        pair = self.query_one(VirtualList).chosen
        self.show_detail("" if pair is None else shown(self._found.cells(int(pair))[-1]))


async def ask_and_compare(page: Page, first: ResultStore, text_column: str | None) -> None:
    """Ask for a second file and for what tells the records apart, and show both; in a worker.

    Args:
        page: the screen that asks.
        first: answers of the first file.
        text_column: column of its texts, which the second file may have, too.
    """
    from models.tables import format_of

    app = page.app
    title = tr("Compare with a file that was classified")
    picker = FilePicker(title, lambda path: bool(format_of(path)), app.recent)
    path = await app.push_screen_wait(picker)
    if path is None or not app.allows(path):
        return
    app.notify(tr("Reading {name}…", name=path.name))
    with app.showing_errors():
        second = await run_in_thread(lambda: open_finished(path, likely=text_column))
        keys = [name for name in first.columns.names if name in second.columns.names]
        words = [tr("Their texts"), *keys]
        number = await app.ask(tr("What tells the records apart?"), words)
        if number is not None:
            key = keys[number - 1] if number else None
            found = await run_in_thread(lambda: compare(first, second, key))
            app.push_screen(CompareScreen(path, found))
