"""The columns of the results: the header that sorts them, and a line for each row."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.style import Style

from models.console.display import one_line
from models.console.i18n import tr
from tui.app import keymap
from tui.app.theme import FAINT, marked, named, padded, percent, widest
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.query import status_names
from tui.batch.findings.result_store import ASCENDING, DESCENDING, ResultRow, ResultStore

_NUMBER_CELLS = 8
_TEXT_CELLS = 40  # of the text at least, where there are as many
_MOST_CELLS = 24  # of a column of the input
_SAMPLE = 200  # rows that tell how wide a column is
_STATUS_CELLS = 11


class ResultsTable(VirtualList[int]):
    """A list of indices of rows, with the keys that act on them."""

    BINDINGS = [*keymap.RESULTS_TABLE]
    BINDING_GROUP_TITLE = tr("The table of answers")


class Column(NamedTuple):
    """A column of the table.

    Attributes:
        title: what stands over it.
        cells: how wide it is.
        orders: orders of the rows by it.
        click: action that sorts by it; "" for none.
        name: of a column of the input; "" for any other.
    """

    title: str
    cells: int
    orders: tuple[str, ...] = ()
    click: str = ""
    name: str = ""


class Columns:
    """The columns right of the status: the true label, the text, columns of the input.

    Args:
        results: the rows.
        shown: names of the columns of the input to show.
        truth: whether there are true labels.

    Attributes:
        left: how many of them are scrolled out of view.
    """

    def __init__(self, results: ResultStore, shown: Collection[str], *, truth: bool) -> None:
        self.results = results
        self.left = 0
        self._truth: list[Column] = []
        if truth:
            cells = max(widest(results.labels) + 3, cell_len(tr("true label")) + 1)
            truths = Column(
                tr("true label"),
                cells,
                orders=("truth",),
                click="screen.sort('truth')",
            )
            self._truth = [truths]
        self._others: list[Column] = []
        for place, name in enumerate(results.columns.names):
            if name not in shown:
                continue
            sample = results.columns.values(name)[:_SAMPLE].to_pylist()
            cells = max(cell_len(one_line(cell, _MOST_CELLS)) for cell in [name, *sample])
            orders = (ASCENDING + name, DESCENDING + name)
            click = f"screen.sort_column({place})"
            title = one_line(name, _MOST_CELLS)
            other = Column(
                title,
                cells + 2,
                orders,
                click,
                name,
            )
            self._others.append(other)

    def scroll(self, by: int) -> None:
        """Go right by some columns; the last one stays in view."""
        most = len(self._truth) + len(self._others)
        self.left = min(max(self.left + by, 0), most)

    def within(self, width: int) -> list[Column]:
        """Return the columns in view; the text gets what others leave, but so much at least."""
        others = sum(column.cells for column in [*self._truth, *self._others])
        text = Column(tr("text"), max(width - others, min(width, _TEXT_CELLS)))
        columns = [*self._truth, text, *self._others]
        found = []
        for column in columns[self.left :]:
            cells = max(min(column.cells, width), 0)
            found.append(column._replace(cells=cells))
            width -= cells
        return found

    def cell(self, column: Column, index: int, row: ResultRow, words: Sequence[str]) -> Content:
        """Return what a row has in a column; `words` stand out in the text."""
        if column.name:
            value = self.results.cell(column.name, index)
            return Content.styled(padded(value, column.cells - 1) + " ", FAINT)
        if not column.orders:
            return marked(padded(row.text, column.cells - 1), words) + Content(" ")
        if row.truth < 0:
            return Content(" " * column.cells)
        known = named(self.results.labels, row.truth)
        return known + " " * (column.cells - known.cell_length)


def header(columns: Columns, order: str, width: int) -> Content:
    """Return the names of the columns; a click sorts by one, a second one the other way."""
    labels = columns.results.labels
    number = tr("record")
    number = " " * (_NUMBER_CELLS - cell_len(number)) + number
    parts = [
        Column(
            number,
            cells=12,
            orders=("file",),
            click="screen.sort('file')",
        ),
        Column(
            tr("label"),
            cells=widest(labels) + 3,
            orders=("label",),
            click="screen.sort('label')",
        ),
        Column(
            tr("confidence"),
            cells=11,
            orders=("unsure", "sure"),
            click="screen.sort('unsure sure')",
        ),
        Column(
            tr("status"),
            cells=_STATUS_CELLS,
            orders=("status",),
            click="screen.sort('status')",
        ),
    ]
    used = sum(part.cells for part in parts)
    cells = []
    for part in [*parts, *columns.within(width - used)]:
        cell = Content(set_cell_size(part.title, part.cells))
        if order in part.orders:
            indent = len(part.title) - len(part.title.lstrip())
            cell = cell.stylize("underline", indent, len(part.title))
        if part.click:
            cell = cell.stylize(Style.from_meta({"@click": part.click}))
        cells.append(cell)
    return Content("").join(cells).stylize_before(f"bold {FAINT}")


def line(
    columns: Columns,
    index: int,
    row: ResultRow,
    width: int,
    *,
    mark: str,
    note: str,
    words: Sequence[str] = (),
) -> Content:
    """Return a row as a line.

    Args:
        columns: those right of the status.
        index: of the row.
        row: the row; of its text, as many characters as `width` suffice.
        width: of the line, in cells.
        mark: one cell, whether the user marked the row.
        note: one cell, whether the label is wrong or was corrected.
        words: words of the text that stand out.
    """
    labels = columns.results.labels
    label = Content(padded("  –", widest(labels) + 2))
    confidence = " " * 7
    if row.final >= 0:
        label = named(labels, row.final)
    if row.label >= 0:
        confidence = percent(row.confidence)
    status = Content(" " * _STATUS_CELLS)
    if row.status:
        words = padded(status_names()[row.status], _STATUS_CELLS)
        status = Content.styled(words, "$text-warning")
    number = Content.styled(f"{row.number:>{_NUMBER_CELLS},} {mark}{note} ", FAINT)
    drawn = Content.assemble(number, label, f" {confidence}    ", status)
    for column in columns.within(width - drawn.cell_length):
        drawn += columns.cell(column, index, row, words)
    return drawn


def copied(row: ResultRow, labels: Sequence[str]) -> str:
    """Return a row for the clipboard: number, label, confidence and text between tabs."""
    label = labels[row.final] if row.final >= 0 else ""
    text = " ".join(row.text.split())
    return f"{row.number}\t{label}\t{row.confidence:.6f}\t{text}"
