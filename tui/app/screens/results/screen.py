"""The results screen: keeps what is shown in step with the run, the filter and the order."""

import gc
from functools import partial
from time import monotonic

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content

from models.console import UserError, tr
from tui.app import keymap
from tui.app.job import Job, JobState
from tui.app.screens.compare import ask_and_compare
from tui.app.screens.dialogs import shown
from tui.app.screens.groups import GroupsScreen, ask_column
from tui.app.screens.page import Detail, Progress
from tui.app.screens.results.rows import RowsPage
from tui.app.screens.results.save import ask_and_report, ask_and_save
from tui.app.screens.results.selection import Selection
from tui.app.screens.results.table import ResultsTable, named_order
from tui.app.screens.summary import SummaryDialog, progress
from tui.app.screens.words import WordsScreen
from tui.app.theme import marked
from tui.app.threads import run_in_thread
from tui.app.widgets.columns import Titles
from tui.app.widgets.text_entry import SafeInput
from tui.app.widgets.virtual_list import Items, VirtualList
from tui.batch.findings.query import FILTER_HELP, IS, Query, quoted, terms_without

_POLL = 0.1  # seconds between two looks at the counters of a run
_RESELECT = 1.0  # seconds between two selections while rows come in


class ResultsScreen(RowsPage):
    """A file run, while it goes on and after.

    What is shown follows from the run with its filter, and from the order: `_wanted` derives the
    selection, `_poll` notices that it is another one, `_select` finds its rows, `_show` shows them.
    """

    BINDINGS = [Binding("escape", "back", show=False), *keymap.RESULTS_SCREEN]
    AUTO_FOCUS = "#table"
    BINDING_GROUP_TITLE = tr("A file run")
    help_text = FILTER_HELP
    shows_run = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._complaint = ""  # about the filter
        self._shown = Selection(job.results, Query(), self._order, 0)
        self._asked: Selection | None = None  # last given to `_select`
        self._asked_at = 0.0

    def _body(self) -> ComposeResult:
        hint = tr("Filter: words, -not, a|b, label:…, <70%, column:… (F1)")
        if self.job.settings.label_column is not None:
            hint += tr(", is:wrong")
        empty = tr("Nothing here yet, or nothing that the filter leaves.")
        none: Items[int] = range(0)
        yield Progress()
        yield SafeInput(self.job.filter, placeholder=hint, id="filter")
        yield Titles(self._titles)
        yield ResultsTable(none, self._draw, empty, id="table")
        yield Detail()

    def on_mount(self) -> None:
        """Begin to follow the run."""
        self.set_interval(_POLL, partial(self.call_later, self._poll))

    def on_unmount(self) -> None:
        """Let the results be collected, see `_show`."""
        gc.unfreeze()

    @property
    def _filter(self) -> SafeInput:
        return self.query_one("#filter", SafeInput)

    # What is shown

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done: to pause a run or save what it wrote; labels that there are."""
        done = self.job.state is JobState.DONE
        match action:
            case "label_as":
                return int(str(parameters[0])) <= len(self.job.labels)
            case "pause":
                return not done
            case "save":
                return done
            case "explain" | "correct":
                return len(self.job.results) > 0
        return True

    def refresh_state(self) -> None:
        """Show what there is by now."""
        self.refresh_bindings()
        self._asked = None
        self._table.refresh()
        self._poll()

    def _wanted(self) -> Selection:
        """Return the selection to show; a filter that cannot be read leaves its query as it was."""
        results = self.job.results
        query, line = self._shown.query, self._shown.line
        self._complaint = ""
        try:
            query, line = self.job.query(self.job.filter), self.job.filter.strip()
        except UserError as error:
            self._complaint = str(error)
        return Selection(results, query, self._order, len(results), line)

    def _poll(self) -> None:
        """Show the counters, and select again where another selection is wanted."""
        if not self.is_current:
            return
        shown = progress(self.job, self.size.width - 4, self.app.key_of("review"))
        self.query_one(Progress).show(shown)
        wanted, asked = self._wanted(), self._asked
        if wanted == asked:
            return
        recent = monotonic() - self._asked_at < _RESELECT
        if recent and asked is not None and wanted.is_alike(asked) and not wanted.every:
            return
        self._asked, self._asked_at = wanted, monotonic()
        self._select(wanted)

    @work(exclusive=True, group="select", description="select")
    async def _select(self, wanted: Selection) -> None:
        rows: Items[int] = range(wanted.total)
        if not wanted.every:
            query, order = wanted.query, wanted.order
            rows = await run_in_thread(lambda: wanted.results.select(query, order))
        self.call_later(self._show, wanted, rows)

    def _show(self, selection: Selection, rows: Items[int]) -> None:
        """Show these rows, if no others are wanted by now."""
        if selection != self._asked:
            return
        before, self._shown = self._shown, selection
        self.results = selection.results
        grown = before.total and selection.is_alike(before)
        if grown and selection.every and self.job.running:
            self._table.grow(rows)
            return
        if (selection.query, selection.order) == (before.query, before.order):
            self._show_again(rows)
        else:
            self._table.show(rows, cursor=0)
        if before.results is not selection.results or not before.total:
            # A collection of all that was imported by now would hold the event loop up for 100 ms.
            gc.freeze()
            self._lay_out()
            self.refresh_bindings()  # the keys that act on rows do so now
        self.query_one(Titles).refresh()
        self._show_title()

    def _show_title(self) -> None:
        selection = self._shown
        if self._complaint:
            title = Content.styled(self._complaint, "$text-warning")
        elif self.job.running and selection.every:  # the counters of the run tell how many
            title = Content(named_order(selection.order))
        else:
            words = tr(
                "{shown:,} of {of:row}, {order}",
                shown=len(self._table.items),
                of=selection.total,
                order=named_order(selection.order),
            )
            title = Content(words)
        self._table.border_title = title
        self._show_counts()

    def _draw(self, index: int, width: int) -> Content:
        """Draw a row of the table."""
        row = self.results.row(int(index), 8 * width)
        marks = "●" if index in self.job.marked else " "
        if row.corrected >= 0:
            marks += "✎"
        elif row.wrong:
            marks += "✗"
        return self._fields.line(int(index), row, width, marks, self._shown.query.words)

    # The run

    def action_pause(self) -> None:
        """Pause the run, or go on."""
        if self.job.state in (JobState.RUNNING, JobState.PAUSED):
            self.job.pause()
        else:
            self.action_stop()

    def action_stop(self) -> None:
        """Stop what is being written; else the run, or go on with one that was stopped."""
        if self.app.saving is not None:
            self.app.saving.set()
        elif self.job.running:
            self.job.stop()
        elif self.job.state is not JobState.DONE and self.app.require_model():
            self._start_again()

    @work
    async def _start_again(self) -> None:
        """Go on with the run, when it is clear that nothing is lost by it."""
        job, settings = self.job, self.job.settings
        allowed = settings if settings.force else await self.may_write(job.output, settings)
        if allowed is not None and not job.running:
            job.settings = allowed
            job.start(self.app.post_message)
            self.refresh_state()

    # Filter and order

    @on(SafeInput.Changed, "#filter")
    def _filter_changed(self) -> None:
        self._set_filter(self._filter.value)

    def _set_filter(self, line: str) -> None:
        """Filter by a line, and show what is wrong with it."""
        self.job.filter = self._filter.value = line
        self._poll()
        self._show_title()

    @on(SafeInput.Submitted, "#filter")
    def _to_table(self) -> None:
        self._table.focus()

    def action_filter(self) -> None:
        """Go to the line that filters."""
        self._filter.focus()

    def action_label(self) -> None:
        """Show one label after the other, then all again."""
        labels, label = self.job.labels, self._wanted().query.only("label")
        following = 0 if label is None else label + 1
        terms = terms_without(self.job.filter, "label")
        if following < len(labels):
            name = labels[following]
            terms.append(f"label:{quoted(name)}")
        self._set_filter(" ".join(terms))

    def action_wrong(self) -> None:
        """Show the rows whose label is not the true one, then all again."""
        if self.job.settings.label_column is None:
            self.app.notify(tr("Which labels are wrong shows where a label column was named."))
            return
        terms = terms_without(self.job.filter, "is")
        if self._wanted().query.only("is") != IS.index("wrong"):
            terms.append("is:wrong")
        self._set_filter(" ".join(terms))

    def action_review(self) -> None:
        """Show, the least sure first, what to look at first, then all to look at, then all rows."""
        terms = self.job.review_terms
        words = self.job.filter.split()
        others = [word for word in words if word not in terms]
        active = [place for place, term in enumerate(terms) if term in words]
        following = terms[active[-1] + 1 :] if active else terms
        self._order = "unsure" if following or not active else "file"
        self._set_filter(" ".join(others + following[:1]))

    # Rows

    @on(VirtualList.Moved)
    def _moved(self) -> None:
        row = self._row
        self.show_detail(marked(shown(row.text), self._shown.query.words) if row else "")

    # All rows

    @work(exclusive=True, group="summary")
    async def action_summary(self) -> None:
        """Show shares and confidences of the rows that the filter leaves."""
        selection = self._wanted()
        rows = await run_in_thread(selection.rows)
        if self.is_current:
            self.app.push_screen(SummaryDialog(self.job, rows, selection.line))

    def action_words(self) -> None:
        """Show which words the labels do not have alike."""
        if self.app.require_model():
            self.app.push_screen(WordsScreen(self.job, self._wanted().line))

    @work
    async def action_compare(self) -> None:
        """Ask for another labelled file, and show where its labels differ."""
        await ask_and_compare(self, self.job.results, self.job.found.text_column)

    @work
    async def action_report(self) -> None:
        """Ask where to write a report of the rows that the filter leaves, and write it."""
        if self.app.saving is not None:
            self.app.bell()
        elif self.job.state is not JobState.DONE:
            self.app.notify(tr("A report can be written when the run has ended."))
        else:
            await ask_and_report(self, self.job, self._wanted())

    @work
    async def action_groups(self) -> None:
        """Ask for a column, and show the rows by it."""
        if column := await ask_column(self, self.job):
            selection = self._wanted()
            screen = GroupsScreen(self.job, selection.line, selection.query, column)
            self.app.push_screen(screen)

    @work
    async def action_save(self) -> None:
        """Ask which rows to save and where to, and write them."""
        if self.app.saving is not None:
            self.app.bell()
        else:
            await ask_and_save(self, self.job, self._wanted())

    def action_back(self) -> None:
        """Go from the filter to the table, and from there to the screen before."""
        if self._filter.has_focus:
            self._table.focus()
        else:
            self.action_leave()
