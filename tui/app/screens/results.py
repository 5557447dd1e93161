"""A file run while it goes on and after: its progress, and its answers to browse and correct."""

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from models.console.command import UserError, reason_of
from models.console.i18n import tr
from tui.app.clipboard import copy
from tui.app.job import Job, State
from tui.app.paint import FAINT, named, widest
from tui.app.paths import typed_output
from tui.app.result_store import ORDERS, Query, Row, Rows, words_of
from tui.app.saving import save_rows
from tui.app.screens.dialogs import Ask, Question, Whole, shown
from tui.app.screens.page import Buttons, Page
from tui.app.screens.summary import SummaryBox, progress, status_names
from tui.app.theme import one_line, padded, percent
from tui.app.threads import aside
from tui.app.widgets.text_entry import Line
from tui.app.widgets.virtual_list import Items, Lines
from tui.batch.answer import Status
from tui.batch.engine import Stopped

_LOOK = 0.1  # seconds between two looks at the counters of a run
_SELECT = 1.0  # seconds between two selections while rows come in


class ResultsScreen(Page):
    """Shows a job."""

    BINDINGS = [Binding("escape", "back", show=False)]  # noqa: RUF012 - Textual types it so
    place = "results"

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._query_shown = self._query = Query()
        self._labels = job.labels  # that the filter was read with
        self._complaint = ""  # about the filter, as it is typed
        self._rows: Items[int] = range(0)  # indices of the rows that are shown
        self._selected = 0.0  # when rows were last selected
        self._seen = -1  # rows at the last look

    def _body(self) -> ComposeResult:
        hint = tr("Filter: words, label:…, status:…, <70%, >95%")
        if self.job.settings.label_column is not None:
            hint += tr(", is:wrong")
        empty = tr("Nothing here yet, or nothing that the filter leaves.")
        none: Items[int] = range(0)
        yield Static(id="progress", markup=False)
        yield Line(self.job.filter, placeholder=hint, id="filter")
        yield Buttons(id="header", markup=False)
        yield Lines(none, self._draw, empty, id="table")
        with VerticalScroll(id="detail", can_focus=False):
            yield Static(id="text", markup=False)

    def on_mount(self) -> None:
        """Begin to look."""
        self._table.focus()
        self.set_interval(_LOOK, partial(self.call_later, self._look))

    @property
    def _table(self) -> Lines[int]:
        return self.query_one("#table", Lines)

    @property
    def _chosen(self) -> Row | None:
        """The row under the cursor."""
        index = self._table.chosen
        return None if index is None else self.job.rows.row(int(index))

    # Progress

    def _look(self) -> None:
        """Read the counters, and show what is new."""
        if self.is_current:
            self.query_one("#progress", Static).update(progress(self.job, self.size.width - 4))
            if self._labels != self.job.labels:  # another model goes on with the run
                self._filter()
            pace = 0.0 if self._query == Query() else _SELECT
            if len(self.job.rows) != self._seen and monotonic() - self._selected > pace:
                self._select()

    def tell(self) -> None:
        """Show what there is by now."""
        self._selected, self._seen = 0.0, -1
        self.query_one("#header", Static).update(self._header())
        self._look()

    def action_pause(self) -> None:
        """Pause the run, or go on."""
        if self.job.state in (State.RUNNING, State.PAUSED):
            self.job.pause()
        else:
            self.action_stop()

    def action_stop(self) -> None:
        """Stop what is being written; else the run, or go on with one that was stopped."""
        if self.app.saving is not None:
            self.app.saving.set()
        elif self.job.running:
            self.job.stop()
        elif self.job.state is not State.DONE:
            self._rows = range(0)  # before there are new ones
            self._table.show(self._rows)
            self.job.start(self.app.post_message)
            self.tell()

    # Which rows, in which order

    @on(Line.Changed, "#filter")
    def _filter(self) -> None:
        """Read the filter, and show what it leaves."""
        self._labels, order = self.job.labels, self._query.order
        typed = self.job.filter = self.query_one("#filter", Line).value
        try:
            self._query = Query.parse(typed, self._labels, status_names(), order)
        except UserError as error:
            self._complaint = str(error)
            self._title()
            return
        self._complaint = ""
        self._select()

    @on(Line.Submitted, "#filter")
    def _to_table(self) -> None:
        self._table.focus()

    @work(exclusive=True, group="select", description="select")
    async def _select(self) -> None:
        """Select on another thread, and then show the outcome."""
        query, rows = self._query, self.job.rows
        self._selected, self._seen = monotonic(), len(rows)
        every = query == Query()
        found = range(self._seen) if every else await aside(lambda: rows.select(query))
        self.call_later(self._show, query, rows, found)

    def _show(self, query: Query, rows: Rows, found: Items[int]) -> None:
        """Show some of these rows, if nothing else is wanted by now."""
        if query == self._query and rows is self.job.rows:
            self._rows = found
            self._table.show(found, cursor=0 if self._query_shown != query else None)
            self._query_shown = query
            self._title()

    def _title(self) -> None:
        self.query_one("#header", Static).update(self._header())
        orders = {
            "file": tr("in the order of the file"),
            "unsure": tr("unsure first"),
            "sure": tr("sure first"),
            "label": tr("by label"),
            "status": tr("by status"),
        }
        title = tr(
            "{shown:,} of {of:row}, {order}",
            shown=len(self._rows),
            of=self._seen,
            order=orders[self._query.order],
        )
        complaint = Content.styled(self._complaint, "$text-warning")
        self._table.border_title = complaint if self._complaint else title
        marked = len(self.job.marked)
        self._table.border_subtitle = tr("{count} marked", count=marked) if marked else ""

    def action_filter(self) -> None:
        """Go to the line that filters."""
        self.query_one("#filter", Line).focus()

    def action_label(self) -> None:
        """Show one label after the other, then all again."""
        labels, line = self.job.labels, self.query_one("#filter", Line)
        label = 0 if self._query.label is None else self._query.label + 1
        words = _without("label:", line.value)
        if label < len(labels):
            name = labels[label]
            words.append(f"label:{name}" if name.split() == [name] else f'label:"{name}"')
        line.value = " ".join(words)

    def action_wrong(self) -> None:
        """Show the rows whose label is not the true one, then all again."""
        if self.job.settings.label_column is None:
            self.app.say(tr("Which labels are wrong shows where a label column was named."))
            return
        line = self.query_one("#filter", Line)
        words = _without("is:", line.value)
        line.value = " ".join(words if self._query.right is False else [*words, "is:wrong"])

    def action_sort(self, orders: str = " ".join(ORDERS)) -> None:
        """Take the next of some orders."""
        known = orders.split()
        place = known.index(self._query.order) if self._query.order in known else -1
        self._query = replace(self._query, order=known[(place + 1) % len(known)])
        self._select()

    def action_next_unsure(self) -> None:
        """Go to the next row of which the model is unsure."""
        unsure = self.job.rows.column("states") == Status.UNCERTAIN
        after = np.flatnonzero(unsure[np.asarray(self._rows, dtype=np.int64)])
        after = after[after > self._table.cursor]
        if len(after):
            self._table.go(int(after[0]))
        else:
            self.app.say(tr("No row after this one is unsure."))

    # What a row looks like

    def _header(self) -> Content:
        """Return the names of the columns; a click sorts by one, a second one the other way."""
        record = " " * (8 - cell_len(tr("record"))) + tr("record")
        parts = []
        for words, width, orders in (
            (record, 12, "file"),
            (tr("label"), widest(self.job.labels) + 3, "label"),
            (tr("confidence"), 12, "unsure sure"),
            (tr("status"), 10, "status"),
            (tr("text"), cell_len(tr("text")), ""),
        ):
            part = Content(set_cell_size(words, width))
            if self._query.order in orders.split():
                part = part.stylize("underline", len(words) - len(words.lstrip()), len(words))
            if orders:
                part = part.stylize(Style.from_meta({"@click": f"screen.sort('{orders}')"}))
            parts.append(part)
        return Content("").join(parts).stylize_before(f"bold {FAINT}")

    def _draw(self, index: int, width: int) -> Content:
        """Draw an answer."""
        corrected = self.app.corrections.labels
        most = None if corrected else 8 * width  # only a whole text can be found among them
        found = self.job.rows.row(int(index), most)
        marks = "●" if index in self.job.marked else " "
        marks += "✎" if found.text in corrected else "✗" if found.wrong else " "
        label, confidence = Content(padded("  –", widest(self.job.labels) + 2)), " " * 7
        if found.label >= 0:
            label, confidence = named(self.job.labels, found.label), percent(found.confidence)
        status = padded(status_names()[found.status], 10)
        left = Content.assemble(
            (f"{found.number:>8,} {marks} ", FAINT),
            label,
            f" {confidence}    ",
            (status, "$text-warning" if found.status else ""),
        )
        return left + Content(one_line(found.text, width - left.cell_length))

    # One row

    @on(Lines.Moved)
    def _moved(self) -> None:
        chosen = self._chosen
        for place in self.query("#text").results(Static):  # none, once the screen is being left
            place.update(Content(shown(chosen.text) if chosen else ""))

    @on(Lines.Chosen)
    def _opened(self) -> None:
        """Show the whole text over everything else."""
        if (row := self._chosen) is not None:
            label = self.job.labels[row.label] if row.label >= 0 else status_names()[row.status]
            title = tr("Record {number}: {label}", number=row.number, label=label)
            self.app.push_screen(Whole(title, row.text))

    def action_mark(self) -> None:
        """Mark the row, or not any more, and go on to the next."""
        if (index := self._table.chosen) is not None:
            self.job.marked ^= {int(index)}
            self._table.action_move(1)
            self._title()

    def action_copy(self) -> None:
        """Copy the text."""
        if (chosen := self._chosen) is not None:
            self.app.say(copy(self.app, chosen.text))

    def action_copy_rows(self) -> None:
        """Copy the row, or those that are marked, as lines with tabs between the columns."""
        index = self._table.chosen
        if index is None:
            return
        lines = []
        for row in map(self.job.rows.row, sorted(self.job.marked) or [int(index)]):
            label = self.job.labels[row.label] if row.label >= 0 else ""
            text = " ".join(row.text.split())
            lines.append(f"{row.number}\t{label}\t{row.confidence:.6f}\t{text}")
        self.app.say(copy(self.app, "\n".join(lines)))

    def action_correct(self) -> None:
        """Ask which label is right, and note it down."""
        if (chosen := self._chosen) is not None:
            labels = self.job.labels
            self.correct(chosen.text, labels, lambda: self._table.action_move(1))

    # All rows

    def action_summary(self) -> None:
        """Show shares and confidences."""
        self.app.push_screen(SummaryBox(self.job))

    @work(group="save", description="save")
    async def action_save(self) -> None:
        """Ask which rows to save and where to, and write them."""
        if self.app.saving is not None:
            self.app.bell()
            return
        if self.job.state is not State.DONE:
            self.app.say(tr("Rows can be saved when the run has ended."))
            return
        scopes: dict[str, NDArray[np.int64] | None] = {
            tr("All {count:row}", count=len(self.job.rows)): None
        }
        if not isinstance(self._rows, range):
            count = len(self._rows)
            scopes[tr("The {count:row} shown", count=count)] = np.asarray(self._rows)
        if self.job.marked:
            count = len(self.job.marked)
            scopes[tr("The {count:marked row}", count=count)] = np.array(sorted(self.job.marked))
        number = await self.app.push_screen_wait(Question(tr("What to save"), list(scopes)))
        if number is None:
            return
        output = self.job.settings.output
        assert isinstance(output, Path)  # noqa: S101 - for mypy
        start = str(output.with_name(f"{output.stem}.rows{output.suffix}"))
        title = tr("Save to (CSV, TSV, JSONL, XLSX or Parquet)")
        if name := await self.app.push_screen_wait(Ask(title, start)):
            path = typed_output(name, Path(start))
            if await self.may_write(path, self.job.settings):
                saved = self._save(path, list(scopes.values())[number])
                self.app.run_worker(saved, description="save")  # it goes on when this is left

    async def _save(self, path: Path, rows: NDArray[np.int64] | None) -> None:
        """Save, and say how it went."""
        job, app, stop = self.job, self.app, threading.Event()
        corrections = dict(app.corrections.labels)
        settings = replace(job.settings, force=True)
        app.say(tr("Saving to {path}… {key} stops it.", path=path, key=app.key_of("stop")))
        app.saving = stop
        try:
            count = await aside(
                lambda: save_rows(settings, job.found, job.rows, rows, path, stop, corrections)
            )
        except (UserError, OSError) as error:
            app.say(reason_of(error), "error")
        except Stopped:
            app.say(tr("Stopped: {path} was not written.", path=path))
        else:
            app.say(tr("{count:record} saved to {path}", count=count, path=path))
        finally:
            stop.set()  # for the thread, where the app ends first
            app.saving = None

    def action_back(self) -> None:
        """Go from the filter to the table, and from there to the screen before."""
        if self.query_one("#filter", Line).has_focus:
            self._table.focus()
        else:
            self.app.pop_screen()


def _without(start: str, typed: str) -> list[str]:
    """Return the words of a filter but for those that begin so."""
    return [word for word in words_of(typed) if not word.startswith(start)]
