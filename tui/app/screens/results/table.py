"""The columns of the results, and a line for each row."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content

from models.console import one_line, tr
from tui.app import keymap
from tui.app.theme import FAINT, marked, named, padded, percent, widest
from tui.app.widgets.columns import Column
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.result_store import ASCENDING, DESCENDING, ResultRow, ResultStore
from tui.batch.status import Status

_NUMBER_CELLS = 8
_TEXT_CELLS = 40  # of the text at least, where there are as many
_LEAST_CELLS = 16  # for the text, or what is scrolled to, before other columns give way
_GIVING_WAY = ("status", "truth", "confidence")
_MOST_CELLS = 24  # of a column of the input
_SAMPLE = 200  # rows that tell how wide a column is


class ResultsTable(VirtualList[int]):
    """A list of indices of rows, with the keys that act on them."""

    BINDINGS = [*keymap.RESULTS_TABLE]
    BINDING_GROUP_TITLE = tr("The table of answers")


class Field(NamedTuple):
    """A column of the table.

    Attributes:
        kind: attribute of `ResultRow`; "marks", or "column" for one of the input.
        title: what stands over it; the name of a column of the input.
        cells: how wide it is.
        orders: orders of the rows that a click on the title goes through.
    """

    kind: str
    title: str
    cells: int
    orders: tuple[str, ...] = ()


def named_order(order: str) -> str:
    """Return an order of the rows in words; one by a column of the input is called as it is."""
    names = {
        "file": tr("in the order of the file"),
        "unsure": tr("least sure first"),
        "sure": tr("sure first"),
        "label": tr("by label"),
        "status": tr("by status"),
        "truth": tr("by true label"),
    }
    return names.get(order, order)


def both_orders(column: str) -> tuple[str, ...]:
    """Return the orders of rows by a column of the input."""
    return ASCENDING + column, DESCENDING + column


class Fields:
    """The columns of the table; those right of the status scroll.

    Args:
        results: the rows.
        shown: names of the columns of the input to show.
        truth: whether there are true labels.

    Attributes:
        left: how many columns are scrolled out of view.
    """

    def __init__(self, results: ResultStore, shown: Collection[str], *, truth: bool) -> None:
        self.results = results
        self.left = 0
        cells = widest(results.labels) + 3
        self._fixed = [
            Field("number", tr("record"), _NUMBER_CELLS, ("file",)),
            Field("marks", "", 4),
            Field("label", tr("label"), cells, ("label",)),
            Field("confidence", tr("confidence"), 11, ("unsure", "sure")),
            Field("status", tr("status"), 11, ("status",)),
        ]
        self._others = [Field("text", tr("text"), 0)]
        if truth:
            title = tr("true label")
            cells = max(cells, cell_len(title) + 1)
            self._others.insert(0, Field("truth", title, cells, ("truth",)))
        for name in results.columns.names:
            if name in shown:
                sample = results.columns.values(name)[:_SAMPLE].to_pylist()
                cells = max(cell_len(one_line(cell, _MOST_CELLS)) for cell in [name, *sample])
                self._others.append(Field("column", name, cells + 2, both_orders(name)))

    def scroll(self, by: int) -> None:
        """Go right by some columns; the last one stays in view."""
        self.left = min(max(self.left + by, 0), len(self._others) - 1)

    def within(self, width: int) -> list[Field]:
        """Return the columns in view; the text gets what others leave, but so much at least.

        Where that is hardly anything, some of the others give way.
        """
        fields = [*self._fixed, *self._others[self.left :]]
        for kind in _GIVING_WAY:
            taken = sum(field.cells for field in fields if field.kind not in ("text", "column"))
            if width - taken >= _LEAST_CELLS:
                break
            fields = [field for field in fields if field.kind != kind]
        found = [field for field in fields if field in self._fixed]
        others = fields[len(found) :]
        room = width - sum(field.cells for field in found)
        text_cells = max(room - sum(field.cells for field in others), min(room, _TEXT_CELLS))
        for field in others:
            cells = text_cells if field.kind == "text" else field.cells
            cells = max(min(cells, room), 0)
            found.append(field._replace(cells=cells))
            room -= cells
        return found

    def titles(self, width: int, order: str) -> list[Column]:
        """Return the titles; a click sorts by one, a second one the other way."""
        columns = []
        for field in self.within(width):
            click = f"screen.sort({field.orders!r})" if field.orders else ""
            active = order in field.orders
            right = field.kind == "number"
            columns.append(Column(field.title, field.cells, click, active, right))
        return columns

    def line(
        self, index: int, row: ResultRow, width: int, marks: str, words: Sequence[str]
    ) -> Content:
        """Return a row as a line.

        Args:
            index: of the row.
            row: the row; of its text, as many characters as `width` suffice.
            width: of the line, in cells.
            marks: whether the user marked the row, and whether it is wrong or was corrected.
            words: words of the text that stand out.
        """
        line = Content()
        for field in self.within(width):
            if field.kind == "marks":
                cell = Content.styled(f" {marks}", FAINT)
            elif field.kind == "text":
                cell = marked(padded(row.text, field.cells - 1), words)
            elif field.kind == "column":
                value = self.results.cell(field.title, index)
                cell = Content.styled(padded(value, field.cells - 1), FAINT)
            else:
                cell = self._figure(field.kind, row)
            line += cell + " " * (field.cells - cell.cell_length)
        return line

    def _figure(self, kind: str, row: ResultRow) -> Content:
        """Return an attribute of a row."""
        labels = self.results.labels
        match kind:
            case "number":
                return Content.styled(f"{row.number:>{_NUMBER_CELLS},}", FAINT)
            case "label":
                return named(labels, row.final) if row.final >= 0 else Content("–")
            case "truth" if row.truth >= 0:
                return named(labels, row.truth)
            case "confidence" if row.label >= 0:
                return Content(percent(row.confidence))
            case "status" if row.status:
                return Content.styled(Status(row.status).title, "$text-warning")
        return Content()


def copied(row: ResultRow, labels: Sequence[str]) -> str:
    """Return a row for the clipboard: number, label, confidence and text between tabs."""
    label = labels[row.final] if row.final >= 0 else ""
    text = " ".join(row.text.split())
    return f"{row.number}\t{label}\t{row.confidence:.6f}\t{text}"
