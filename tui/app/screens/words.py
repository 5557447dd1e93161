"""Words that one group of rows has more often than another, each group found by a filter."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from models.console.command import UserError
from models.console.display import display, one_line
from models.console.i18n import tr
from models.tokenizer import Tokenizer
from tui.app import keymap
from tui.app.clipboard import copy
from tui.app.job import Job
from tui.app.screens.page import Page
from tui.app.theme import FAINT, bar, marked, padded
from tui.app.threads import run_in_thread
from tui.app.widgets.text_entry import SafeInput
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.engine import Stopped
from tui.batch.findings import examples
from tui.batch.findings.query import quoted
from tui.batch.findings.words import Indices, Word, distinctive

_POLL = 0.1  # seconds between two looks at the count
_EXAMPLES = 3  # of a word
_EXAMPLE_CHARACTERS = 300
_FIGURES = "{:>7}{:>8}{:>9}"  # here, there, rows


class WordsList(VirtualList[Word]):
    """The words of one group, with the keys that act on them."""

    BINDINGS = [*keymap.WORDS_LIST]
    BINDING_GROUP_TITLE = tr("A list of words")


class WordsScreen(Page):
    """The words of two groups of the rows that a filter leaves: of two labels, or as typed.

    Args:
        job: the run.
        open_rows: returns the screen that shows the rows of the run under its filter.
    """

    BINDINGS = [Binding("escape", "back", show=False)]
    BINDING_GROUP_TITLE = tr("Words")

    def __init__(self, job: Job, open_rows: Callable[[], Page]) -> None:
        super().__init__()
        self._job = job
        self._filter = job.filter
        self._open_rows = open_rows
        self._label = 0
        self._asked: tuple[object, ...] = ()
        self._stop = threading.Event()
        self._share: float | None = None  # of the count that goes on
        self._groups: Sequence[Indices] = ()

    def _body(self) -> ComposeResult:
        yield Static(id="progress", markup=False)
        with Horizontal(id="groups"):
            for group, line in enumerate(self._label_lines()):
                with Vertical():
                    yield SafeInput(line, classes="group")
                    yield Static(classes="figures", markup=False)
                    empty = tr("No words that chance does not explain.")
                    yield WordsList([], partial(self._draw, group), empty, id=f"words-{group}")
        with VerticalScroll(id="detail", can_focus=False):
            yield Static(id="text", markup=False)

    def on_mount(self) -> None:
        """Count, and follow the count."""
        self._lists[0].focus()
        self.set_interval(_POLL, partial(self.call_later, self.refresh_state))

    def on_screen_resume(self) -> None:
        """Come back from the rows of a word: the filter is what it was."""
        self._job.filter = self._filter

    def on_unmount(self) -> None:
        """Stop counting."""
        self._stop.set()

    @property
    def _lists(self) -> list[WordsList]:
        return list(self.query(WordsList))

    @property
    def _lines(self) -> list[str]:
        """The filters of the groups, with the one that both are under."""
        return [f"{self._filter} {entry.value}".strip() for entry in self.query(SafeInput)]

    def _label_lines(self) -> list[str]:
        """Return the filters of a label and of what has another one."""
        labels = self._job.labels
        name = quoted(labels[self._label])
        if len(labels) == 2:
            return [f"label:{name}", f"label:{quoted(labels[1 - self._label])}"]
        return [f"label:{name}", f"-label:{name}"]

    # What is shown

    def refresh_state(self) -> None:
        """Show how far the count is; count when there is something new, while no run goes on."""
        if not self.is_current or self.app.manifest is None:
            return
        rows = 0 if self._job.running else len(self._job.results)
        wanted = (*self._lines, rows)
        if wanted != self._asked and not isinstance(self.focused, SafeInput):
            self._asked = wanted
            self._count()
        self._show_progress()

    def _show_progress(self) -> None:
        words = Content(tr("Under the filter {filter}", filter=self._filter))
        if not self._filter.strip():
            words = Content(tr("All {count:row}", count=len(self._job.results)))
        if self._share is not None:
            counted = bar(self._share, 20, "primary")
            words = Content.assemble(words, f"  {self._share:4.0%} ", counted)
        self.query_one("#progress", Static).update(words)

    @work(exclusive=True, group="words", description="words")
    async def _count(self) -> None:
        self._stop.set()
        stop = self._stop = threading.Event()
        manifest, store = self.app.manifest, self._job.results
        assert manifest is not None  # noqa: S101 - `refresh_state` waits for it
        self._share = 0.0

        def progress(share: float) -> None:
            if stop.is_set():
                raise Stopped
            self._share = share

        def count() -> tuple[list[Indices], list[Word]]:
            groups = [store.select(query) for query in queries]
            tokenizer = Tokenizer(manifest.tokenizer, manifest.max_length)
            return groups, distinctive(store, *groups, tokenizer, progress)

        groups: list[Indices] = []
        words: list[Word] = []
        try:
            queries = [self._job.query(line) for line in self._lines]
            groups, words = await run_in_thread(count)
        except UserError as error:
            self.app.notify(str(error), severity="error")
        except Stopped:
            return
        self._share = None
        self.call_later(self._show, groups, words)

    def _show(self, groups: Sequence[Indices], words: Sequence[Word]) -> None:
        if not self.is_attached:
            return
        self._groups = groups
        sides = [
            [word for word in words if word.z > 0],
            [word for word in reversed(words) if word.z < 0],
        ]
        for place, side, rows in zip(self._lists, sides, groups, strict=False):
            place.show(side, cursor=0)
            place.border_title = Content(tr("{count:row}", count=len(rows)))
        for figures in self.query(".figures").results(Static):
            names = _FIGURES.format(tr("here"), tr("there"), tr("rows"))
            figures.update(names)

    def _draw(self, group: int, word: Word, width: int) -> Content:
        """Draw a word of a group: its shares here and there, and its rows here."""
        here, there = word.shares[group], word.shares[1 - group]
        figures = _FIGURES.format(f"{here:.1%}", f"{there:.1%}", f"{word.rows[group]:,}")
        return Content(padded(word.text, width - len(figures))) + figures
