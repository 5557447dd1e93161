"""The terminal app: what all its screens share, and how they come and go.

The first frame is drawn before the model is loaded, and nothing here ever waits for the model: it
lives on the engine's thread and speaks in messages.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual import on, work
from textual.app import App
from textual.binding import Binding
from textual.command import CommandPalette
from textual.content import Content
from textual.screen import ModalScreen, Screen

from models.console.command import ExitCode, UserError, reason_of
from models.console.display import display, one_line
from models.console.i18n import choose_language, tr
from models.locations import BUILTIN, Device
from tui.app.engine import Answer, Crashed, Ended, Engine, Opened, OpenModel, Refused, Unopened
from tui.app.keymap import Keys, actions
from tui.app.paint import CONTRAST, THEMES
from tui.app.paths import is_inside, require_inside
from tui.app.preferences import Archive, Choices, Corrections, Places
from tui.app.screens.dialogs import Help, Question
from tui.app.screens.page import Page, StatusBar
from tui.app.screens.type import TypeScreen

if TYPE_CHECKING:
    from tui.app.job import Job

_WIDEST_NAME = 24  # cells of the status bar


class SentimentApp(App[None], inherit_bindings=False):
    """Holds what outlives a screen: engine, model, answers, choices, corrections.

    Args:
        open_model: opens a model on a device; runs on the engine's thread, may raise UserError.
        model: the path of the first one.
        device: where to run it.
        places: where to remember things.
        file: of texts, to show at first.
        root: the folder to open and save files in; None for any.

    Attributes:
        engine: works with the model.
        state: of the model that is wanted.
        refusal: why it could not be opened.
        answers: of this session and those before, oldest first.
        labels: of the model.
        job: the file run of this session.
        saving: set, it stops the rows from being saved that are; None where none are.
        status: the status bar, of all screens.
        crash: the unexpected exception that ended the app, if any.
    """

    CSS_PATH = "app.tcss"
    TITLE = "sentiment-tui"
    ENABLE_COMMAND_PALETTE = False  # ours has our words, see `action_palette`
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012 - Textual types it so
    BINDINGS = [Binding("ctrl+c", "help_quit", show=False)]  # noqa: RUF012 - as above

    def __init__(
        self,
        open_model: OpenModel,
        model: Path,
        device: Device,
        places: Places,
        file: Path | None = None,
        root: Path | None = None,
    ) -> None:
        super().__init__()
        self.places, self.root = places, root
        self.keys = Keys.load(self.places.keys)
        self.choices = Choices.load(self.places.state)
        self.corrections = Corrections(self.places.data)
        self.archive = Archive(self.places.state)
        self.answers: list[Answer] = self.archive.load() if self.choices.history else []
        self.engine = Engine(self.post_message)
        self.model, self.device = model, device
        self.labels: tuple[str, ...] = ()
        self.job: Job | None = None
        self.saving: threading.Event | None = None
        self.state: Literal["loading", "ready", "refused"] = "loading"
        self.refusal = ""
        self.crash: Exception | None = None
        self.status = Content()
        self._open_model, self._file = open_model, file
        self._facts: list[str] = []
        self.register_theme(CONTRAST)
        self.animation_level = "none"
        self.theme = THEMES.get(self.choices.theme, THEMES["dark"])
        choose_language(self.choices.language or None)
        self.keys.bind(self, "app")

    def get_default_screen(self) -> Screen[None]:
        """Return the screen that is there at first, and under all others."""
        return TypeScreen()

    def on_mount(self) -> None:
        """Begin to load the model."""
        self._exit_on_signals()
        self.engine.start()
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.open_model(self.model, self.device)
        if self._file is not None:
            self.call_later(self.open_file, self._file)

    def _exit_on_signals(self) -> None:
        """Let SIGTERM, and a terminal that goes away, end the app as quitting does."""
        leave = partial(self.exit, return_code=ExitCode.TERMINATED)
        for name in ("SIGTERM", "SIGHUP"):
            with suppress(NotImplementedError, AttributeError):  # Windows has neither
                asyncio.get_running_loop().add_signal_handler(getattr(signal, name), leave)

    def on_unmount(self) -> None:
        """Let the engine go, whatever it is at."""
        self.engine.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keep the keys of the app from acting under a dialog, but for leaving."""
        above = {found.name for found in actions() if found.place == "app"} - {"quit"}
        return action not in above or not isinstance(self.screen, ModalScreen)

    def say(
        self, text: str, severity: Literal["information", "warning", "error"] = "information"
    ) -> None:
        """Show a message for some seconds."""
        self.notify(display(text, keep="\n"), severity=severity, markup=False)

    def key_of(self, name: str) -> str:
        """Return the key of an action as people write it."""
        return next(self.keys.shown(action) for action in actions() if action.name == name)

    def tell(self) -> None:
        """Let every screen show how things stand."""
        for screen in self.screen_stack:
            if isinstance(screen, Page):
                screen.call_later(screen.tell)

    # The model

    def open_model(self, model: Path, device: Device) -> None:
        """Open a model; until it is there, the one before it answers."""
        if self.state == "refused":
            self.state = "loading"
            self.tell()
        self._say_status(*self._facts, tr("loading…"))
        self.engine.open(model, device, self._open_model, self.post_message)

    @work(description="model")
    async def pick_model(self) -> None:
        """Ask for the file of a model, and open it."""
        from tui.app.screens.pick import Pick

        pick = Pick(tr("Open a model"), lambda path: path.suffix == ".onnx")
        if path := await self.push_screen_wait(pick):
            self.open_model(path, self.device)

    @on(Opened)
    def _opened(self, event: Opened) -> None:
        self.model, self.device = event.path, event.wanted
        manifest = event.manifest
        self.labels = manifest.labels
        self._facts = [manifest.digest[:12], manifest.precision, event.device.upper()]
        if self.device not in ("auto", event.device):
            self._facts[-1] += " " + tr("! asked for {device}", device=self.device.upper())
        self._say_status(*self._facts)
        self.state = "ready"
        self.tell()

    @on(Unopened)
    def _unopened(self, event: Unopened) -> None:
        if self.state == "ready":  # the model before it still answers
            self._say_status(*self._facts)
            self.say(event.reason, "error")
            return
        self.state, self.refusal = "refused", event.reason
        self._say_status(tr("could not be opened"))
        self.tell()

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        if self.state == "ready":  # else the reason is that there is no model, which is shown
            self.say(event.reason, "error")

    @on(Crashed)
    def _crashed(self, event: Crashed) -> None:
        self._handle_exception(event.error)

    def _handle_exception(self, error: Exception) -> None:
        """Leave, and let `launch` write down where it happened: Textual would print our texts."""
        if self._exception is None:
            self._exception = self.crash = error
            self._exception_event.set()
        self.exit()

    def _say_status(self, *facts: str) -> None:
        builtin = self.model.resolve() == BUILTIN.resolve()
        name = tr("built-in model") if builtin else one_line(self.model.stem, _WIDEST_NAME)
        self.status = Content(" · ".join([name, *map(display, facts)]))
        for screen in self.screen_stack:
            for bar in screen.query(StatusBar):
                bar.update(self.status)

    # What is remembered

    def keep(self, answer: Answer) -> None:
        """Put an answer into the history."""
        self.answers.append(answer)
        if self.choices.history:
            self.remember(lambda: self.archive.add(answer))

    def remember(self, write: Callable[[], object]) -> bool:
        """Write something down; where that cannot be done, say so and go on."""
        try:
            write()
        except OSError as error:
            self.say(reason_of(error), "error")
            return False
        return True

    def choose(self, **choices: Any) -> None:
        """Change choices, and remember them."""
        for name, value in choices.items():
            setattr(self.choices, name, value)
        self.remember(lambda: self.choices.save(self.places.state))
        if "theme" in choices:
            self.theme = THEMES[self.choices.theme]
        if choices.get("history") is False:
            self.remember(self.archive.clear)
        if "language" in choices:
            choose_language(self.choices.language)
            self.keys.bind(self, "app")
            self._say_status(*self._facts)
            for screen in self.screen_stack:
                if isinstance(screen, Page):
                    screen.call_later(screen.relabel)

    # Files and dialogs

    @property
    def classifying(self) -> bool:
        """Whether a file is being classified."""
        return self.job is not None and self.job.running

    @property
    def recent(self) -> list[Path]:
        """The files that were opened and may be opened again, the latest first."""
        paths = map(Path, self.choices.recent)
        return [path for path in paths if is_inside(path, self.root)]

    def allows(self, path: Path) -> bool:
        """Return whether a file may be opened or saved there; where not, say why."""
        try:
            require_inside(path, self.root)
        except UserError as error:
            self.say(reason_of(error), "error")
            return False
        return True

    @work(description="open")
    async def action_open(self) -> None:
        """Ask for a file."""
        from models.tables import format_of
        from tui.app.screens.pick import Pick

        pick = Pick(tr("Open a file"), lambda path: bool(format_of(path)), self.recent)
        if path := await self.push_screen_wait(pick):
            self.open_file(path)

    def open_file(self, path: Path) -> None:
        """Show how a file will be read."""
        from tui.app.screens.file import FileScreen

        if not self.allows(path):
            return
        if self.classifying:
            self.say(tr("One file at a time: {key} shows the run.", key=self.key_of("results")))
            return
        self.choices.opened(path)
        self.remember(lambda: self.choices.save(self.places.state))
        self.show(FileScreen(path))

    @on(Ended)
    def _ended(self, event: Ended) -> None:
        self.tell()
        if event.failed is not None:
            self.say(event.failed, "error")
        elif not (isinstance(self.screen, Page) and self.screen.place == "results"):
            self.say(tr("The file run has ended: {key} shows it.", key=self.key_of("results")))

    def action_results(self) -> None:
        """Show the file run of this session, if there was one."""
        from tui.app.screens.results import ResultsScreen

        if self.job is None:
            self.say(tr("No file was classified yet: {key} opens one.", key=self.key_of("open")))
        elif not isinstance(self.screen, ResultsScreen):
            self.show(ResultsScreen(self.job))

    def show(self, page: Page) -> None:
        """Show a screen over the first one, and no other."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.push_screen(page)

    def action_help(self) -> None:
        """Show the keys of what has the focus."""
        from tui.app.palette import possible

        places = dict.fromkeys(action.place for action, _ in possible(self, self.screen))
        self.push_screen(Help(list(places)))

    def action_log(self) -> None:
        """Show what native libraries said."""
        from tui.app.screens.log import Log

        self.push_screen(Log())

    def action_palette(self) -> None:
        """Show the command palette."""
        from tui.app.palette import Commands

        self.push_screen(CommandPalette([Commands], placeholder=tr("Search for a command…")))

    async def action_quit(self) -> None:
        """Leave; while a file is classified, ask."""
        if self.classifying and not isinstance(self.screen, Question):
            title = tr("A file is being classified")
            text = tr("What is done is kept: classify the same file again to go on.")
            question = Question(title, [tr("Quit"), tr("Go on")], text)
            self.push_screen(question, lambda number: self.exit() if number == 0 else None)
        else:
            self.exit()

    def action_help_quit(self) -> None:
        """Say how to quit, to whoever pressed Ctrl+C."""
        self.say(tr("{key} quits.", key=self.key_of("quit")))
