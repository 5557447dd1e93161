"""The terminal app: what all its screens share, and how they come and go.

The first frame is drawn before the model is loaded, and nothing here ever waits for the model: it
lives on the engine's thread and speaks in messages.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual import on
from textual.app import App
from textual.command import CommandPalette
from textual.content import Content
from textual.reactive import reactive
from textual.screen import ModalScreen, Screen

from models.display import display
from models.i18n import choose_language, tr
from models.locations import BUILTIN, Device
from tui.actions import Action, Keys, actions
from tui.engine import Answer, Crashed, Ended, Engine, Model, Opened, Refused, reason_of
from tui.looks import one_line
from tui.memory import Archive, Choices, Corrections, Places
from tui.screens.type import TypeScreen
from tui.themes import CONTRAST, THEMES

if TYPE_CHECKING:
    from tui.inspection import Found, Settings
    from tui.job import Job

OpenModel = Callable[[Path, Device], Model]

_WIDEST_NAME = 24  # cells of the status bar


class SentimentApp(App[None], inherit_bindings=False):
    """Holds what outlives a screen: engine, model, answers, choices, corrections.

    Args:
        open_model: opens a model on a device; runs on the engine's thread, may raise UserError.
        model: the path of the first one.
        device: where to run it.
        places: where to remember things.

    Attributes:
        engine: works with the model.
        state: of the model that is wanted.
        refusal: why it could not be opened.
        answers: of this session and those before, oldest first.
        labels: of the model.
        job: the file run of this session.
        status: the status bar, of all screens.
    """

    CSS_PATH = "app.tcss"
    TITLE = "sentiment-tui"
    ENABLE_COMMAND_PALETTE = False  # ours has our words, see `action_palette`
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012 - Textual types it so
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-wide")]  # noqa: RUF012 - as above

    status: reactive[Content] = reactive(Content())

    def __init__(
        self,
        open_model: OpenModel,
        model: Path,
        device: Device = "auto",
        places: Places | None = None,
    ) -> None:
        super().__init__()
        self.places = places or Places.of_user()
        self.keys = Keys.load(self.places.keys)
        self.choices = Choices.load(self.places.state)
        self.corrections = Corrections(self.places.data)
        self.archive = Archive(self.places.state)
        self.answers: list[Answer] = self.archive.load() if self.choices.history else []
        self.engine = Engine(self.post_message)
        self.model, self.device = model, device
        self.labels: tuple[str, ...] = ()
        self.job: Job | None = None
        self.state: Literal["loading", "ready", "refused"] = "loading"
        self.refusal = ""
        self._open_model = open_model
        self._facts: list[str] = []
        self._above = {found.name for found in actions() if found.place == "app"} - {"quit"}
        self.register_theme(CONTRAST)
        self.animation_level = "none"
        choose_language(self.choices.language)
        self.theme = THEMES.get(self.choices.theme, THEMES["dark"])
        self._bind()

    def _bind(self) -> None:
        self.keys.bind(self, "app")
        self._bindings.bind("ctrl+c", "help_quit", show=False)

    def get_default_screen(self) -> Screen[None]:
        """Return the screen that is there at first, and under all others."""
        return TypeScreen()

    @property
    def first(self) -> TypeScreen:
        """That screen."""
        screen = self.screen_stack[0]
        assert isinstance(screen, TypeScreen)  # noqa: S101 - as `get_default_screen` made it
        return screen

    def on_mount(self) -> None:
        """Begin to load the model."""
        from tui.launch import exit_on_signals

        exit_on_signals(self)
        self.engine.start()
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.open_model(self.model, self.device)

    def on_unmount(self) -> None:
        """Let the engine go, whatever it is at."""
        self.engine.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keep the keys of the app from acting under a dialog, but for leaving."""
        return action not in self._above or not isinstance(self.screen, ModalScreen)

    def possible(self, screen: Screen[Any]) -> list[tuple[Action, Callable[[], Any]]]:
        """Return what can be done where the focus of a screen is, each with what does it."""
        nodes = [*(screen.focused.ancestors_with_self if screen.focused else [screen])]
        doers = {
            binding.id: partial(self.run_action, binding.action, node)
            for node in (*nodes, self)
            for _, binding in node._bindings
        }
        return [(action, doers[action.id]) for action in actions() if action.id in doers]

    def say(
        self, text: str, severity: Literal["information", "warning", "error"] = "information"
    ) -> None:
        """Show a message for some seconds."""
        self.notify(display(text, keep="\n"), severity=severity, markup=False)

    def key_of(self, name: str) -> str:
        """Return the key of an action as people write it."""
        return next(self.keys.shown(action) for action in actions() if action.name == name)

    # The model

    def open_model(self, model: Path, device: Device) -> None:
        """Open a model; until it is there, the one before it answers."""
        self._wanted = (model, device)
        if self.state == "refused":
            self.state = "loading"
            self.first.tell()
        self._say_status(*self._facts, tr("loading…"))
        self.engine.open(partial(self._open_model, model, device), self.post_message)

    @on(Opened)
    def _opened(self, event: Opened) -> None:
        self.model, self.device = self._wanted
        manifest = event.manifest
        self.labels = manifest.labels
        self._facts = [manifest.digest[:12], manifest.precision, event.device.upper()]
        if self.device not in ("auto", event.device):
            self._facts[-1] += " " + tr("! asked for {device}", device=self.device.upper())
        self._say_status(*self._facts)
        self.state = "ready"
        self.first.tell()

    @on(Refused)
    def _was_refused(self, event: Refused) -> None:
        if self.state == "ready":  # the model before it still answers
            self._say_status(*self._facts)
            self.say(event.reason, "error")
            return
        self.state, self.refusal = "refused", event.reason
        self._say_status(tr("could not be opened"))
        self.first.tell()

    @on(Crashed)
    def _crashed(self, event: Crashed) -> None:
        self._handle_exception(event.error)

    @property
    def crash(self) -> Exception | None:
        """The unexpected exception that ended the app, if any."""
        return self._exception

    def _handle_exception(self, error: Exception) -> None:
        """Leave, and let `launch` write down where it happened: Textual would print our texts."""
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.exit()

    def _say_status(self, *facts: str) -> None:
        builtin = self.model.resolve() == BUILTIN.resolve()
        name = tr("built-in model") if builtin else one_line(self.model.stem, _WIDEST_NAME)
        self.status = Content(" · ".join([name, *map(display, facts)]))

    # What is remembered

    def keep(self, answer: Answer) -> None:
        """Put an answer into the history."""
        self.answers.append(answer)
        if self.choices.history:
            self._remember(lambda: self.archive.add(answer))

    def correct(self, text: str, label: str) -> None:
        """Note the right label of a text down."""
        if self._remember(lambda: self.corrections.correct(text, label)):
            self.say(tr("Noted in {path}", path=self.corrections.path))

    def _remember(self, write: Callable[[], object]) -> bool:
        """Write something down; where that cannot be done, say so and go on."""
        try:
            write()
        except OSError as error:
            self.say(reason_of(error), "error")
            return False
        return True

    async def choose(self, **choices: Any) -> None:
        """Change choices, and remember them."""
        for name, value in choices.items():
            setattr(self.choices, name, value)
        self._remember(lambda: self.choices.save(self.places.state))
        if "theme" in choices:
            self.theme = THEMES[self.choices.theme]
        if choices.get("history") is False:
            self._remember(self.archive.clear)
        if "language" in choices:
            choose_language(self.choices.language)
            self._bind()
            self._say_status(*self._facts)
            await self.first.rebuild()

    # Screens

    def open_file(self, path: Path | None) -> None:
        """Show how a file will be read."""
        from tui.screens.file import FileScreen

        if path is None:
            return
        if self.job is not None and self.job.running:
            self.say(tr("One file at a time: {key} shows the run.", key=self.key_of("results")))
            return
        self.choices.opened(path)
        self._remember(lambda: self.choices.save(self.places.state))
        self._home()
        self.push_screen(FileScreen(path))

    def run_job(self, settings: "Settings", found: "Found") -> None:
        """Classify a file, and show how it goes."""
        from tui.job import Job

        self.job = Job(self.engine, settings, found, self.labels)
        self.job.start(self.post_message)
        self.action_results()

    @on(Ended)
    def _ended(self, event: Ended) -> None:
        from tui.screens.results import ResultsScreen

        if isinstance(self.screen, ResultsScreen):
            self.screen.ended()
        elif event.failed is None:
            self.say(tr("The file run has ended: {key} shows it.", key=self.key_of("results")))
        if event.failed is not None:
            self.say(event.failed, "error")

    def _home(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_open(self) -> None:
        """Ask for a file."""
        from tui.screens.pick import Pick

        self.push_screen(Pick(), self.open_file)

    def action_results(self) -> None:
        """Show the file run of this session, if there was one."""
        from tui.screens.results import ResultsScreen

        if self.job is None:
            self.say(tr("No file was classified yet: {key} opens one.", key=self.key_of("open")))
        elif not isinstance(self.screen, ResultsScreen):
            self._home()
            self.push_screen(ResultsScreen(self.job))

    def action_help(self) -> None:
        """Show the keys of what has the focus."""
        from tui.screens.dialogs import Help

        places = dict.fromkeys(action.place for action, _ in self.possible(self.screen))
        self.push_screen(Help(list(places)))

    def action_log(self) -> None:
        """Show what native libraries said."""
        from tui.screens.log import Log

        self.push_screen(Log())

    def action_palette(self) -> None:
        """Show the command palette."""
        from tui.palette import Commands

        self.push_screen(CommandPalette([Commands], placeholder=tr("Search for a command…")))

    async def action_quit(self) -> None:
        """Leave; while a file is classified, ask."""
        from tui.screens.dialogs import Question

        def answered(number: int | None) -> None:
            if number == 0:
                self.exit()

        if self.job is not None and self.job.running and not isinstance(self.screen, Question):
            text = tr("What is done is kept: classify the same file again to go on.")
            title = tr("A file is being classified")
            self.push_screen(Question(title, [tr("Quit"), tr("Go on")], text), answered)
        else:
            self.exit()

    def action_help_quit(self) -> None:
        """Say how to quit, to whoever pressed Ctrl+C."""
        self.say(tr("{key} quits.", key=self.key_of("quit")))
