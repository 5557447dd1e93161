"""A file run while it goes on and after: its progress, and its answers to browse and correct."""

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from models.command import UserError
from models.display import display
from models.i18n import tr
from tui.aside import aside
from tui.clipboard import copy
from tui.engine import reason_of
from tui.formats import UnwritableError
from tui.job import Job, State
from tui.looks import look, one_line, padded, percent
from tui.results import STATUSES
from tui.rows import Query, Row
from tui.saving import save_rows
from tui.screens.dialogs import Ask, Question
from tui.screens.summary import LABEL, SHOWN, SummaryBox, Whole, progress, status_names
from tui.widgets.bars import KeyBar, StatusBar
from tui.widgets.entry import Line
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import SentimentApp

_LOOK = 0.1  # seconds between two looks at the counters of a run
_SELECT = 1.0  # seconds between two selections while rows come in


class Table(Lines):
    """The answers: those that the filter leaves, in the order that is asked for."""

    app: "SentimentApp"

    def __init__(self, job: Job) -> None:
        super().__init__(tr("Nothing here yet, or nothing that the filter leaves."), id="table")
        self.job = job
        self.order: NDArray[np.int64] | None = None  # None: all rows as they come
        self.marked: set[int] = set()
        self.names = status_names()
        self.widest = min(max(map(cell_len, job.labels)), LABEL)

    def on_mount(self) -> None:
        """Take the keys that the user chose."""
        self.app.keys.bind(self, "table")

    @property
    def rows(self) -> int:
        """How many rows are shown."""
        return len(self.job.rows) if self.order is None else len(self.order)

    def index(self, row: int) -> int:
        """Return which of all rows is shown as `row`."""
        return row if self.order is None else int(self.order[row])

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor."""
        return self.job.rows.row(self.index(self.cursor)) if self.rows else None

    @property
    def header(self) -> Content:
        """The names of the columns."""
        return Content.styled(
            " " * (8 - cell_len(tr("record")))
            + f"{tr('record')}    "
            + padded(tr("label"), self.widest + 3)
            + padded(tr("confidence"), 12)
            + padded(tr("status"), 8)
            + tr("text"),
            "bold $foreground 60%",
        )

    def draw(self, row: int, width: int) -> Content:
        """Draw an answer."""
        index = self.index(row)
        found = self.job.rows.row(index, 8 * width)
        marks = "●" if index in self.marked else " "
        marks += "✎" if found.text in self.app.corrections.labels else " "
        glyph, colour = (
            look(self.job.labels, found.label) if found.label >= 0 else (" ", "foreground")
        )
        label = self.job.labels[found.label] if found.label >= 0 else "–"
        confidence = percent(found.confidence) if found.label >= 0 else " " * 7
        return Content.assemble(
            (f"{found.number:>8,} {marks} ", "$foreground 60%"),
            (
                f"{glyph} {padded(label, self.widest)}",
                f"$text-{colour}" if colour != "foreground" else "",
            ),
            f" {confidence}    ",
            (padded(self.names[found.status], 8), "$text-warning" if found.status else ""),
            one_line(found.text, width - self.widest - 35),
        )


class ResultsScreen(Screen[None]):
    """Shows a job."""

    app: "SentimentApp"
    BINDINGS = [Binding("escape", "back", show=False)]  # noqa: RUF012 - Textual types it so

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._order = "file"
        self._query = Query()
        self._selected = 0.0  # when rows were last selected
        self._selecting = False
        self._seen = -1  # rows at the last look

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(id="progress", markup=False)
        yield Line(placeholder=tr("Filter: words, label:…, status:…, <70%, >95%"), id="filter")
        yield Static(id="header", markup=False)
        yield Table(self.job)
        with VerticalScroll(id="detail", can_focus=False):
            yield Static(id="text", markup=False)
        yield StatusBar()
        yield KeyBar()

    def on_mount(self) -> None:
        """Take the keys that the user chose, and begin to look."""
        self.app.keys.bind(self, "results")
        self.table.focus()
        self._look()
        self.set_interval(_LOOK, self._look)

    @property
    def table(self) -> Table:
        """The table of answers."""
        return self.query_one(Table)

    # Progress

    def _look(self) -> None:
        """Read the counters, and show what is new."""
        if not self.is_current:
            return
        self.query_one("#progress", Static).update(progress(self.job, self.size.width - 4))
        self.query_one("#header", Static).update(self.table.header)
        rows = len(self.job.rows)
        if rows == self._seen:
            return
        if self._query == Query():
            self._seen = rows
            self.table.changed()
            self._title()
        elif monotonic() - self._selected > _SELECT:
            self._seen = rows
            self._select()

    def action_pause(self) -> None:
        """Pause the run, or go on."""
        if self.job.state in (State.RUNNING, State.PAUSED):
            self.job.pause()
        else:
            self.action_stop()

    def action_stop(self) -> None:
        """Stop the run, or go on with one that was stopped."""
        if self.job.running:
            self.job.stop()
        elif self.job.state is not State.DONE:
            self._seen = -1
            self.table.marked.clear()
            self.job.start(self.app.post_message)

    def ended(self) -> None:
        """Show that the run is over."""
        self._seen = -1
        self._look()

    # Which rows, in which order

    @on(Line.Changed, "#filter")
    def _filtered(self, event: Line.Changed) -> None:
        try:
            self._query = Query.parse(event.value, self.job.labels, status_names(), self._order)
        except UserError as error:
            self.table.border_title = Content.styled(str(error), "$text-warning")
            return
        self._select()

    @on(Line.Submitted, "#filter")
    def _to_table(self) -> None:
        self.table.focus()

    def _select(self) -> None:
        self._selected = monotonic()
        self.run_worker(self._select_soon(), exclusive=True, group="select", description="select")

    async def _select_soon(self) -> None:
        """Select on another thread, and show the outcome if nothing else is wanted by then."""
        query = self._query
        order = None if query == Query() else await aside(lambda: self.job.rows.select(query))
        if query == self._query:
            self.table.order = order
            self.table.changed(cursor=0 if self._shown_query != query else None)
            self._shown_query = query
            self._title()

    _shown_query = Query()

    def _title(self) -> None:
        shown, of = self.table.rows, len(self.job.rows)
        orders = {
            "file": tr("in the order of the file"),
            "unsure": tr("unsure first"),
            "sure": tr("sure first"),
        }
        self.table.border_title = tr(
            "{shown} of {of} rows, {order}",
            shown=f"{shown:,}",
            of=f"{of:,}",
            order=orders[self._order],
        )
        self.table.border_subtitle = (
            tr("{count} marked", count=len(self.table.marked)) if self.table.marked else ""
        )

    def action_filter(self) -> None:
        """Go to the line that filters."""
        self.query_one("#filter", Line).focus()

    def action_label(self) -> None:
        """Show one label after the other, then all again."""
        labels = self.job.labels
        label = 0 if self._query.label is None else self._query.label + 1
        words = [
            w for w in self.query_one("#filter", Line).value.split() if not w.startswith("label:")
        ]
        words += [f"label:{labels[label]}"] if label < len(labels) else []
        self.query_one("#filter", Line).value = " ".join(words)

    def action_sort(self) -> None:
        """Take the next order."""
        orders = ("file", "unsure", "sure")
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._query = Query(**{**vars(self._query), "order": self._order})
        self._select()

    def action_next_unsure(self) -> None:
        """Go to the next row of which the model is unsure."""
        table = self.table
        states = self.job.rows.column("states")
        order = np.arange(len(states)) if table.order is None else table.order
        unsure = np.flatnonzero(states[order] == STATUSES.index("uncertain"))
        after = unsure[unsure > table.cursor]
        if len(after):
            table.go(int(after[0]))
        else:
            self.app.say(tr("No row after this one is unsure."))

    # One row

    @on(Lines.Moved)
    def _moved(self) -> None:
        chosen = self.table.chosen
        text = display(chosen.text[:SHOWN], keep="\n") if chosen else ""
        self.query_one("#text", Static).update(Content(text))

    @on(Lines.Chosen)
    def action_whole(self) -> None:
        """Show the whole text over everything else."""
        if (chosen := self.table.chosen) is not None:
            self.app.push_screen(Whole(self.job, chosen))

    def action_mark(self) -> None:
        """Mark the row, or not any more, and go on to the next."""
        table = self.table
        if table.rows:
            table.marked ^= {table.index(table.cursor)}
            table.go(table.cursor + 1)
            self._title()

    def action_copy(self) -> None:
        """Copy the text."""
        if (chosen := self.table.chosen) is not None:
            self.app.say(copy(self.app, chosen.text))

    def action_copy_rows(self) -> None:
        """Copy the row, or those that are marked, as lines with tabs between label and text."""
        table = self.table
        if table.rows:
            indices = sorted(table.marked) or [table.index(table.cursor)]
            rows = [self.job.rows.row(index) for index in indices]
            lines = [
                "\t".join(
                    [
                        str(row.number),
                        self.job.labels[row.label] if row.label >= 0 else "",
                        f"{row.confidence:.6f}",
                        " ".join(row.text.split()),
                    ]
                )
                for row in rows
            ]
            self.app.say(copy(self.app, "\n".join(lines)))

    def action_correct(self) -> None:
        """Ask which label is right, and note it down."""
        chosen = self.table.chosen
        if chosen is None:
            return
        labels = self.job.labels

        def answered(number: int | None) -> None:
            if number is not None:
                self.app.correct(chosen.text, labels[number])
                self.table.go(self.table.cursor + 1)

        text = one_line(chosen.text, 200)
        self.app.push_screen(Question(tr("Which label is right?"), labels, text), answered)

    # All rows

    def action_summary(self) -> None:
        """Show shares and confidences."""
        self.app.push_screen(SummaryBox(self.job))

    def action_save(self) -> None:
        """Ask which rows to save and where to, and write them."""
        if self.job.state is not State.DONE:
            self.app.say(tr("Rows can be saved when the run has ended."))
            return
        table = self.table
        scopes: list[tuple[str, NDArray[np.int64] | None]] = [
            (tr("All {count} rows", count=f"{len(self.job.rows):,}"), None)
        ]
        if table.order is not None:
            shown = tr("The {count} rows that are shown", count=f"{len(table.order):,}")
            scopes.append((shown, table.order))
        if table.marked:
            marked = np.array(sorted(table.marked), dtype=np.int64)
            scopes.append((tr("The {count} marked rows", count=f"{len(marked):,}"), marked))
        output = self.job.settings.output
        assert output is not None  # noqa: S101 - for mypy
        start = str(output.with_name(f"{output.stem}.rows{output.suffix}"))

        def named(path: str | None, rows: NDArray[np.int64] | None) -> None:
            if not path:
                return
            target = Path(path).expanduser()
            if not target.exists():
                self._save(target, rows)
                return
            title = tr("{name} exists already", name=target.name)
            self.app.push_screen(
                Question(title, [tr("Replace it"), tr("Go back")]),
                lambda number: self._save(target, rows) if number == 0 else None,
            )

        def chosen(number: int | None) -> None:
            if number is not None:
                title = tr("Save to (CSV, TSV, JSONL, XLSX or Parquet)")
                self.app.push_screen(Ask(title, start), lambda path: named(path, scopes[number][1]))

        self.app.push_screen(Question(tr("What to save"), [words for words, _ in scopes]), chosen)

    def _save(self, path: Path, rows: NDArray[np.int64] | None) -> None:
        self.app.say(tr("Saving to {path}…", path=path))
        self.run_worker(self._save_soon(path, rows), group="save", description="save")

    async def _save_soon(self, path: Path, rows: NDArray[np.int64] | None) -> None:
        """Save, and say how it went."""
        job = self.job
        settings = replace(job.settings, force=True)
        try:
            count = await aside(lambda: save_rows(settings, job.found, job.rows, rows, path))
        except (UserError, OSError, UnwritableError) as error:
            reason = str(error) if isinstance(error, UnwritableError) else reason_of(error)
            self.app.say(reason, "error")
        else:
            self.app.say(tr("{count} records saved to {path}", count=f"{count:,}", path=path))

    def action_back(self) -> None:
        """Go from the filter to the table, and from there to the screen before."""
        if self.query_one("#filter", Line).has_focus:
            self.table.focus()
        else:
            self.app.pop_screen()
