"""What the screens that are no dialogs share: keys, another language, and two lines at the foot."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Static

from models.console.command import UserError, reason_of
from models.console.i18n import tr
from tui.app.paths import exists
from tui.app.screens.dialogs import Question
from tui.app.theme import one_line
from tui.app.widgets.text_entry import Entry, Line
from tui.app.widgets.virtual_list import Lines

if TYPE_CHECKING:
    from tui.app.app import SentimentApp
    from tui.batch.settings import BatchSettings

_STATE: dict[type[Any], str] = {Entry: "text", Line: "value", Lines: "cursor"}
"""What the user did to a widget: its attribute, which outlives another language."""


class Page(Screen[None]):
    """A screen with the two lines at its foot. A subclass composes the rest, and tells its state.

    Attributes:
        place: of its actions.
    """

    app: "SentimentApp"
    place: ClassVar[str]

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield from self._body()
        yield StatusBar(markup=False)
        yield KeyBar(markup=False)

    def _body(self) -> ComposeResult:
        """Lay out all above the two lines."""
        raise NotImplementedError

    def tell(self) -> None:
        """Show how things stand, in widgets that were just composed."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Take the keys that the user chose, and show how things stand."""
        self.app.keys.bind(self, self.place)
        self.tell()

    async def relabel(self) -> None:
        """Compose anew, in another language, with what the user did in its place.

        To be called by the screen itself (`call_later`), so that no message of its own comes
        between, and finds no widget. For the same reason timers of a screen do no more than
        `call_later`: what they call themselves runs beside the messages.
        """
        focused = self.focused.id if self.focused else None
        kept = [
            (widget.id, name, getattr(widget, name))
            for kind, name in _STATE.items()
            for widget in self.query(kind)
        ]
        await self.recompose()
        for identity, name, value in kept:
            setattr(self.query_one(f"#{identity}"), name, value)
        Page.on_mount(self)
        if focused is not None:
            self.query_one(f"#{focused}").focus()

    @work(description="correct")
    async def correct(self, text: str, labels: Sequence[str], then: Callable[[], object]) -> None:
        """Ask which label of a text is right, note it down, and go on with `then`."""
        corrections = self.app.corrections
        answers: list[str | None] = [*labels, *([None] if text in corrections.labels else [])]
        words = [tr("Forget the correction") if label is None else label for label in answers]
        question = Question(tr("Which label is right?"), words, one_line(text, 200))
        number = await self.app.push_screen_wait(question)
        if number is not None and self.app.remember(
            lambda: corrections.correct(text, answers[number])
        ):
            self.app.say(tr("Noted in {path}", path=corrections.path))
            then()

    async def may_write(self, path: Path, settings: "BatchSettings") -> bool:
        """Ask whether a file that exists may be replaced, if it may be at all; in a worker."""
        from tui.batch.receipt import check_output  # imports numpy and the tokenizer

        try:
            check_output(path, replace(settings, force=True))
        except (UserError, OSError) as error:
            self.app.say(reason_of(error), "error")
            return False
        if not exists(path):
            return True
        title = tr("{name} exists already", name=path.name)
        question = Question(title, [tr("Replace it"), tr("Go back")])
        return bool(await self.app.push_screen_wait(question) == 0)


class StatusBar(Static):
    """The model, its digest and its device; the same on all screens."""

    app: "SentimentApp"

    def on_mount(self) -> None:
        """Begin with what the app says; it tells what is new."""
        self.update(self.app.status)


class Buttons(Static):
    """A line of words that can be clicked, also twice, which would else select them."""

    ALLOW_SELECT = False


class KeyBar(Buttons):
    """The keys that do something now. Where the room ends, the first and the last ones stay."""

    app: "SentimentApp"

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._fill)

    def on_resize(self, _event: events.Resize) -> None:
        """Show as many as fit."""
        self._fill(self.screen)

    def _fill(self, screen: Screen[object]) -> None:
        if screen is not self.screen or self.app.screen is not screen:
            return
        shown = [
            Content.assemble(
                (f" {binding.key_display} ", "bold $footer-key-foreground"),
                f"{binding.description} ",
            ).stylize(Style.from_meta({"@click": f"app.simulate_key('{key}')"}))
            for key, (_, binding, enabled, _) in screen.active_bindings.items()
            if binding.show and binding.key_display and enabled
        ]
        # The last three are the same everywhere: commands, help, quit. They give way last.
        while sum(key.cell_length for key in shown) > self.size.width and len(shown) > 4:
            del shown[-4]
        self.update(Content("").join(shown))
