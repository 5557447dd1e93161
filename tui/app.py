"""The terminal app: type a text, press Enter, read its label and probabilities.

The first frame is drawn before the model is loaded, and nothing here ever waits for the model: it
lives on the engine's thread and speaks in messages.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal

from textual import on
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import Footer, Static

from models.command import ExitCode
from models.display import display
from models.i18n import tr
from models.locations import BUILTIN, Device
from tui.answer import AnswerCard
from tui.engine import Answered, Crashed, Engine, Model, Opened, Refused
from tui.entry import Entry
from tui.history import History
from tui.looks import one_line

_WIDEST_NAME = 24  # cells of the status bar


def run_app(model: Path, device: Device) -> None:
    """Show the app until the user quits.

    Args:
        model: the `.onnx` file to open.
        device: where to run it.

    Raises:
        SystemExit: TERMINATED, on SIGTERM; BUG, after Textual has printed the traceback of what
            went wrong on the screen.
        Exception: what went wrong in the engine, where nobody expected it.
    """

    def open_predictor() -> Model:
        from models.predictor import Predictor  # takes a while, so on the engine's thread

        return Predictor.open(model, device=device)

    app = SentimentApp(open_predictor, model)
    app.run()
    if app.crash is not None:
        raise app.crash
    code = ExitCode.BUG if app.return_code == 1 else app.return_code or ExitCode.OK
    if app.engine.busy:
        # It is in native code, loading. An interpreter that is taken down under it aborts now and
        # then ("terminate called without an active exception"), so this one just stops.
        os._exit(code)
    if code:
        sys.exit(code)


class SentimentApp(App[None], inherit_bindings=False):
    """The screen: an entry, the newest answer, the answers before it, and a status bar.

    Args:
        open_predictor: opens the model; runs on the engine's thread, and may raise UserError.
        model: its path, for the status bar.

    Attributes:
        engine: answers the questions.
        crash: the unexpected exception that ended the app, if any.
    """

    CSS_PATH = "app.tcss"
    TITLE = "sentiment-tui"
    ENABLE_COMMAND_PALETTE = False
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012 - Textual types it so

    def __init__(self, open_predictor: Callable[[], Model], model: Path) -> None:
        super().__init__()
        self.engine = Engine(open_predictor, self.post_message)
        self.crash: Exception | None = None
        self._model_name = tr("built-in model") if model == BUILTIN else model.stem
        self._state: Literal["loading", "ready", "refused"] = "loading"
        self._asked = False
        self._bindings.bind("ctrl+q", "quit", tr("Quit"), key_display="Ctrl+Q", priority=True)
        self._bindings.bind("ctrl+c", "help_quit", show=False)
        self.theme = "catppuccin-mocha"  # the ansi-* themes are black on black under NO_COLOR
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """Lay out the screen; the entry is on top, as input methods draw below the cursor."""
        yield Entry()
        yield AnswerCard()
        yield History()
        yield Static(id="status", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Say what is there, and begin to load the model."""
        with suppress(NotImplementedError):  # Windows has no such signal
            terminate = partial(self.exit, return_code=ExitCode.TERMINATED)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        self._say_status(tr("loading…"))
        self._card.say(tr("The model is loading. You can type already."))
        self.engine.start()

    def on_unmount(self) -> None:
        """Let the engine go, whatever it is at."""
        self.engine.close()

    @property
    def _card(self) -> AnswerCard:
        return self.query_one(AnswerCard)

    def _say_status(self, *facts: str) -> None:
        name = one_line(self._model_name, _WIDEST_NAME)
        shown = " · ".join([name, *(display(fact) for fact in facts)])
        self.query_one("#status", Static).update(Content(shown))

    @on(Entry.Submitted)
    def _submitted(self, event: Entry.Submitted) -> None:
        if event.text.strip() == "q":  # as in the tutorial's loop
            self.exit()
        elif self._state == "refused":
            self.bell()  # the card says why, and goes on saying it
        elif not event.text.strip():
            self._card.say(tr("Nothing to classify yet: type a text first."))
        else:
            self._asked = True
            self.engine.ask(event.text)
            if self._state == "loading":
                self._card.say(tr("The model is still loading; your answer will appear here."))

    @on(Opened)
    def _opened(self, event: Opened) -> None:
        if not self._asked:
            self._card.say(tr("Type a review above and press Enter."))
        manifest = event.manifest
        self._say_status(manifest.digest[:12], manifest.precision, event.device.upper())
        self._state = "ready"

    @on(Refused)
    def _was_refused(self, event: Refused) -> None:
        self._state = "refused"
        self.screen.add_class("-refused")
        self._say_status(tr("could not be opened"))
        self._card.refuse(event.reason)

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        self._card.show(event.answer)
        self.query_one(History).add(event.answer)

    @on(Crashed)
    def _crashed(self, event: Crashed) -> None:
        self.crash = event.error
        self.exit()

    def action_help_quit(self) -> None:
        """Say how to quit, to whoever pressed Ctrl+C."""
        self.notify(tr("Ctrl+Q quits."))
