"""Words that one group of rows has more often than another, each group found by a filter."""

import threading
from collections.abc import Sequence
from functools import partial

import numpy as np
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content

from models.arrays import Int64
from models.console import UserError, one_line, tr
from models.manifest import Manifest
from models.tokenizer import Tokenizer
from tui.app import keymap
from tui.app.job import Job
from tui.app.screens.page import Detail, FindingsPage, Progress
from tui.app.theme import bar, marked
from tui.app.threads import run_in_thread
from tui.app.widgets.columns import Column, Titles
from tui.app.widgets.text_entry import SafeInput
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.engine import Stopped
from tui.batch.findings import examples
from tui.batch.findings.query import Query, Term, quoted
from tui.batch.findings.words import Word, distinctive

_POLL = 0.1  # seconds between two looks at the count
_EXAMPLES = 3  # of a word
_EXAMPLE_CELLS = 300


class WordsList(VirtualList[Word]):
    """The words of one group, with the keys that act on them."""

    BINDINGS = [*keymap.WORDS_LIST]
    BINDING_GROUP_TITLE = tr("A list of words")


class WordsScreen(FindingsPage):
    """The words of two groups of the rows that a filter leaves: of two labels, or as typed."""

    BINDINGS = [Binding("escape", "back", show=False)]
    BINDING_GROUP_TITLE = tr("Words")

    def __init__(self, job: Job, line: str) -> None:
        super().__init__(job, line)
        self._label = 0
        self._asked: object = None  # last given to `_count`
        self._stop = threading.Event()
        self._share: float | None = None  # of the count that goes on
        self._complaint = ""  # about a group's filter
        self._groups: Sequence[Int64] = ()

    def _body(self) -> ComposeResult:
        yield Progress()
        with Horizontal(id="sides"):
            for group, line in enumerate(self._label_lines()):
                with Vertical():
                    yield SafeInput(line, classes="filter")
                    yield Titles(_columns)
                    draw = partial(self._draw, group)
                    yield WordsList([], draw, id=f"words-{group}")
        yield Detail()

    def on_mount(self) -> None:
        """Count, and follow the count."""
        self._lists[0].focus()
        self.set_interval(_POLL, partial(self.call_later, self.refresh_state))

    def on_unmount(self) -> None:
        """Stop counting."""
        self._stop.set()

    @property
    def _lists(self) -> list[WordsList]:
        return list(self.query(WordsList))

    @property
    def _entries(self) -> list[SafeInput]:
        return list(self.query(SafeInput))

    @property
    def _chosen(self) -> tuple[int, Word | None]:
        """The group whose list has the focus, and the word under its cursor."""
        group = int(self._lists[1].has_focus)
        return group, self._lists[group].chosen

    def _label_lines(self) -> list[str]:
        """Return the filters of a label and of all others."""
        labels = self._job.labels
        name = quoted(labels[self._label])
        if len(labels) == 2:
            return [f"label:{name}", f"label:{quoted(labels[1 - self._label])}"]
        return [f"label:{name}", f"-label:{name}"]

    def _line(self, group: int) -> str:
        """Return the filter of a group with the one that both are under."""
        return f"{self._filter} {self._entries[group].value}".strip()

    # What is shown

    def refresh_state(self) -> None:
        """Show how far the count is; count anew when something else is wanted."""
        if not self.is_current or self.app.manifest is None:
            return
        ended = not self._job.running  # while a run goes on, its rows are counted once
        wanted = (self._line(0), self._line(1), ended, self.app.manifest.digest)
        if wanted != self._asked and not isinstance(self.focused, SafeInput):
            self._asked = wanted
            self._stop.set()
            self._stop = threading.Event()
            self._count(self.app.manifest, self._stop)
        words = Content(tr("All {count:row}", count=len(self._job.results)))
        if self._filter.strip():
            words = Content(tr("Under the filter {filter}", filter=self._filter))
        if self._complaint:
            words = Content.styled(self._complaint, "$text-warning")
        if self._share is not None:
            done = f"   {self._share:4.0%} "
            words = Content.assemble(words, done, bar(self._share, 20, "primary"))
        self.query_one(Progress).show(words)

    @work(exclusive=True, group="words", description="words")
    async def _count(self, manifest: Manifest, stop: threading.Event) -> None:
        job, store = self._job, self._job.results
        lines = [self._line(0), self._line(1)]

        def progress(share: float) -> None:
            if stop.is_set():
                raise Stopped
            self._share = share

        def count() -> tuple[list[Int64], list[Word]]:
            groups = [store.select(job.query(line)) for line in lines]
            tokenizer = Tokenizer(manifest.tokenizer, manifest.max_length)
            return groups, distinctive(store, groups[0], groups[1], tokenizer, progress)

        self._share, self._complaint = 0.0, ""
        try:
            groups, words = await run_in_thread(count)
        except Stopped:
            return
        except UserError as error:
            self._complaint = str(error)
        else:
            self.call_later(self._show, groups, words)
        self._share = None

    def _show(self, groups: Sequence[Int64], words: Sequence[Word]) -> None:
        self._groups = groups
        first = [word for word in words if word.z > 0]
        second = [word for word in reversed(words) if word.z < 0]
        for place, side, rows in zip(self._lists, (first, second), groups, strict=False):
            place.empty = tr("Nothing beyond chance.")  # as has been counted by now
            place.show(side, cursor=0)
            place.border_title = tr("{count:row}", count=len(rows))

    def _draw(self, group: int, word: Word, width: int) -> Content:
        """Draw a word of a group: its shares in this group and in the other, and its rows."""
        here, there = word.shares[group], word.shares[1 - group]
        cells = [word.text, f"{here:.1%}", f"{there:.1%}", f"{word.rows[group]:,}"]
        drawn = [column.fit(cell) for column, cell in zip(_columns(width), cells, strict=True)]
        return Content("".join(drawn))

    @on(VirtualList.Moved)
    @on(events.DescendantFocus)
    def _moved(self) -> None:
        group, word = self._chosen
        if word is not None:
            self._show_examples(group, word.text)

    @work(exclusive=True, group="examples")
    async def _show_examples(self, group: int, word: str) -> None:
        """Show rows of the group that stand for a word."""
        store, rows = self._job.results, self._groups[group]

        def find() -> list[str]:
            query = Query((Term("text", (word,)),))
            having = np.intersect1d(rows, store.select(query), assume_unique=True)
            return store.texts(np.array(examples.of(store, having, _EXAMPLES), dtype=np.int64))

        found = await run_in_thread(find)
        lines = [marked(one_line(text, _EXAMPLE_CELLS), [word]) for text in found]
        self.show_detail(Content("\n").join(lines))

    # What is asked for

    @on(VirtualList.Chosen)
    def _open(self) -> None:
        """Show the rows of the group that have the word."""
        group, word = self._chosen
        if word is not None:
            self.show_rows(f"{self._line(group)} {quoted(word.text)}")

    @on(SafeInput.Submitted)
    def _to_list(self) -> None:
        for entry, place in zip(self._entries, self._lists, strict=True):
            if entry.has_focus:
                place.focus()
                return

    def action_filter(self) -> None:
        """Go to the line that says which rows are the group's."""
        group, _ = self._chosen
        self._entries[group].focus()

    def action_label(self) -> None:
        """Compare the next label with the others."""
        self._label = (self._label + 1) % len(self._job.labels)
        for entry, line in zip(self._entries, self._label_lines(), strict=True):
            entry.value = line

    def action_other_list(self) -> None:
        """Go to the other group."""
        group, _ = self._chosen
        self._lists[1 - group].focus()

    def action_back(self) -> None:
        """Go from a line to its list, and from there to the screen before."""
        if isinstance(self.focused, SafeInput):
            self._to_list()
        else:
            self.action_leave()


def _columns(width: int) -> list[Column]:
    """Return the columns: a word, its shares in this group and in the other, its rows."""
    return [
        Column("", width - 21),
        Column(tr("here"), 6, right=True, gap=0),
        Column(tr("there"), 7, right=True),
        Column(tr("rows"), 8, right=True),
    ]
