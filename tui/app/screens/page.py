"""What the screens that are no dialogs share: two lines at the foot, and some questions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Footer, Static

from models.console import one_line, tr
from tui.app import keymap
from tui.app.screens.full_screen import FullScreen

if TYPE_CHECKING:
    from tui.app.app import SentimentApp
    from tui.app.job import Job
    from tui.batch.settings import BatchSettings

_POLL = 0.5  # seconds between two looks at the run
_KEY_PADDING = 3  # cells around a key in the footer and its description


class Page(FullScreen[None]):
    """A screen with a status bar and a footer; a subclass composes the rest.

    Attributes:
        help_text: what the help says beside the keys.
        shows_run: it says itself how far the file run is.
    """

    app: "SentimentApp"
    help_text = ""
    shows_run: ClassVar[bool] = False

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield from self._body()
        yield StatusBar(markup=False)
        yield KeyBar()

    def _body(self) -> ComposeResult:
        """Lay out all above the two lines."""
        raise NotImplementedError

    def refresh_state(self) -> None:
        """Show how things stand.

        Timers and threads call it by `call_later`, so that no widget is missing while the screen
        is being composed or left.
        """
        raise NotImplementedError

    def on_mount(self) -> None:
        """Show how things stand."""
        self.refresh_state()

    def show_detail(self, text: str | Content) -> None:
        """Show a text in the `Detail` of the screen, unless it is being left."""
        for place in self.query("Detail Static").results(Static):
            place.update(text)

    def action_leave(self) -> None:
        """Go to the screen below, once: two keys that arrive together may both leave."""
        if self.app.screen_stack[-1] is self:
            self.app.pop_screen()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The bindings that work now, by key, in the order of the keymap."""
        found = super().active_bindings.items()
        return dict(sorted(found, key=lambda item: keymap.rank(item[1].binding)))

    @work(description="correct")
    async def ask_label(
        self, texts: Sequence[str], labels: Sequence[str], then: Callable[[], object]
    ) -> None:
        """Ask which label of some texts is right, note it down, and go on with `then`."""
        answers: list[str | None] = [*labels]
        words = [*labels]
        if not self.app.corrections.labels.keys().isdisjoint(texts):
            answers.append(None)
            words.append(tr("Forget the correction"))
        about = one_line(texts[0], 200)
        if len(texts) > 1:
            about = tr("{count:marked row}", count=len(texts))
        number = await self.app.ask(tr("Which label is right?"), words, about)
        if number is not None and self.correct(dict.fromkeys(texts, answers[number])):
            then()

    def correct(self, changes: Mapping[str, str | None]) -> bool:
        """Note the right labels of some texts, which count from now on; return whether it did."""
        with self.app.showing_errors():
            self.app.corrections.correct(changes)
            self._let_count()
            return True
        return False

    def _let_count(self) -> None:
        if self.app.job is not None:
            self.app.job.correct()

    async def may_write(
        self, path: Path, settings: "BatchSettings", *, alone: bool = False
    ) -> "BatchSettings | None":
        """Ask whether a file that exists may be replaced, if it may be at all; in a worker.

        Args:
            path: the output.
            settings: of the run.
            alone: whether no receipt and no rejects are written.

        Returns:
            The settings with that permission, or without where nothing is replaced; None for no.
        """
        from tui.batch.journal import run_folder
        from tui.batch.publishing import check_output  # imports numpy and the tokenizer

        if not (self.app.allows(path) and self.app.allows(run_folder(path))):
            return None
        with self.app.showing_errors():
            taken = check_output(path, replace(settings, force=True), alone=alone).taken()
            if taken is None:
                return replace(settings, force=False)
            title = tr("{name} exists already", name=taken.name)
            answers = [tr("Replace it"), tr("Go back"), tr("Open it")]
            number = await self.app.ask(title, answers)
            if number == 0:
                return replace(settings, force=True)
            if number == 2:
                self.app.open_file(taken)
        return None


class FindingsPage(Page):
    """A screen about the rows that a filter leaves, which can show some of them.

    Args:
        job: the run.
        line: the filter.
    """

    def __init__(self, job: "Job", line: str) -> None:
        super().__init__()
        self._job = job
        self._filter = line
        self._typed = job.filter

    def show_rows(self, line: str) -> None:
        """Show the rows of the run under a filter."""
        self._job.filter = line
        self.app.push_results(self._job)

    def on_screen_resume(self) -> None:
        """Come back from there: what was typed as a filter is what it was."""
        self._job.filter = self._typed


class Detail(VerticalScroll, can_focus=False):
    """The text of the row under the cursor of a list."""

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield Static(markup=False)


class Progress(Static):
    """How far something is, said many times a second: it lays the screen out where it must."""

    def __init__(self) -> None:
        super().__init__(id="progress", markup=False)

    def show(self, content: Content) -> None:
        """Show other words, and let the others make way where their height is another."""
        self.update(content, layout=False)
        size = self.content_size
        if content.get_height({}, size.width or 1) != size.height:
            self.refresh(layout=True)


class StatusBar(Static):
    """The file run while it has not ended; the model and its device."""

    app: "SentimentApp"
    _shown = Content()

    def on_mount(self) -> None:
        """Begin to follow the run; the app tells what else is new."""
        self.show()
        self.set_interval(_POLL, self.show)

    def show(self) -> None:
        """Show how things stand."""
        run = Content()
        if isinstance(self.screen, Page) and not self.screen.shows_run:
            run = self._run()
        shown = run + self.app.status
        if shown.is_same(self._shown):
            return  # an idle app sends nothing
        self._shown = shown
        self.update(shown, layout=False)

    def _run(self) -> Content:
        """Return how far the file run is, and the key that goes there."""
        job = self.app.job
        if job is None or not job.running:
            return Content()
        state = tr("running")
        if job.state.name == "PAUSED":
            state = tr("paused")
        words = tr(
            "{state}, {share}: {key} goes there",
            state=state,
            share=f"{job.share:.0%}",
            key=self.app.key_of("results"),
        )
        return Content.styled(words, "$text-accent") + Content(" · ")


class KeyBar(Footer):
    """A footer that shows as many keys as fit; the last ones give way, but for help and quit."""

    def compose(self) -> ComposeResult:
        """Leave out keys before the last two."""
        keys: list[Any] = list(super().compose())
        widths = [cell_len(key.key_display + key.description) + _KEY_PADDING for key in keys]
        while sum(widths) > self.size.width and len(keys) > 3:
            del keys[-3], widths[-3]
        yield from keys

    def on_resize(self) -> None:
        """Show as many as fit now."""
        self.bindings_changed(self.screen)
