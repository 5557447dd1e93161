"""The columns of the results: the header that sorts them, and a line for each row."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.style import Style

from models.console.display import one_line
from models.console.i18n import tr
from tui.app import keymap
from tui.app.theme import FAINT, named, padded, percent, widest
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.query import status_names
from tui.batch.findings.result_store import ResultRow

_NUMBER_CELLS = 8
_STATUS_CELLS = 11


class ResultsTable(VirtualList[int]):
    """A list of indices of rows, with the keys that act on them."""

    BINDINGS = [*keymap.RESULTS_TABLE]
    BINDING_GROUP_TITLE = tr("The table of answers")


def header(labels: Sequence[str], order: str) -> Content:
    """Return the names of the columns; a click sorts by one, a second one the other way."""
    number = tr("record")
    number = " " * (_NUMBER_CELLS - cell_len(number)) + number
    columns = [
        (number, 12, ["file"]),
        (tr("label"), widest(labels) + 3, ["label"]),
        (tr("confidence"), 11, ["unsure", "sure"]),
        (tr("status"), _STATUS_CELLS, ["status"]),
    ]
    cells = []
    for words, width, orders in columns:
        cell = Content(set_cell_size(words, width))
        if order in orders:
            indent = len(words) - len(words.lstrip())
            cell = cell.stylize("underline", indent, len(words))
        sort = f"screen.sort('{' '.join(orders)}')"
        cells.append(cell.stylize(Style.from_meta({"@click": sort})))
    cells.append(Content(tr("text")))
    return Content("").join(cells).stylize_before(f"bold {FAINT}")


def line(row: ResultRow, labels: Sequence[str], width: int, *, mark: str, note: str) -> Content:
    """Return a row as a line.

    Args:
        row: the row; of its text, as many characters as `width` suffice.
        labels: names of the model's labels.
        width: of the line, in cells.
        mark: one cell, whether the user marked the row.
        note: one cell, whether the label is wrong or was corrected.
    """
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
    left = Content.assemble(number, label, f" {confidence}    ", status)
    return left + Content(one_line(row.text, width - left.cell_length))


def copied(row: ResultRow, labels: Sequence[str]) -> str:
    """Return a row for the clipboard: number, label, confidence and text between tabs."""
    label = labels[row.final] if row.final >= 0 else ""
    text = " ".join(row.text.split())
    return f"{row.number}\t{label}\t{row.confidence:.6f}\t{text}"
