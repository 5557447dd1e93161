"""The terminal app: what all its screens share, and how they come and go.

The first frame is drawn before the model is loaded, and nothing here ever waits for the model: it
lives on the model's thread and speaks in messages. Nor for numpy: what imports it is imported late.
"""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual import on, work
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen, Screen

from models.console import display, one_line, tr
from models.locations import BUILTIN, Device
from tui.app import keymap
from tui.app import model_worker as messages
from tui.app.model_worker import Answer, ModelWorker, OpenModel
from tui.app.palette import PaletteDialog, commands
from tui.app.paths import is_inside, require_inside
from tui.app.preferences import Archive, Corrections, Preferences, UserDirs
from tui.app.screens.dialogs import HelpDialog, QuitDialog
from tui.app.screens.log import LogDialog
from tui.app.screens.page import Page, StatusBar
from tui.app.screens.pick import FilePicker
from tui.app.screens.type import TypeScreen
from tui.app.terminal_app import TerminalApp
from tui.app.theme import THEMES
from tui.config import Config

if TYPE_CHECKING:
    from models.manifest import Manifest
    from tui.app.job import Job

_NAME_CELLS = 24  # of a model in the status bar


class SentimentApp(TerminalApp, inherit_bindings=False):
    """Holds what outlives a screen: model, answers, preferences, corrections, the file run.

    Args:
        open_model: opens a model on a device; runs on the model's thread, may raise UserError.
        model: path of the model to open first.
        device: device to run it on.
        dirs: folders to keep things in.
        file: a file of texts to show at first.
        root: the folder to open and save files in; None for any.

    Attributes:
        state: state of the model that was asked for.
        refusal: why that model could not be opened.
        status: text of the status bar of all screens.
        answers: answers of this session and those before, oldest first.
        manifest: facts about the model that is open, once one is.
        job: the file run of this session.
        saving: stops the rows or the report that are being written when set; None where none are.
        restarting: the app ended to start anew.
    """

    CSS_PATH = "app.tcss"
    TITLE = "sentiment-tui"
    ENABLE_COMMAND_PALETTE = False  # see `action_palette`
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]
    BINDINGS = [Binding("ctrl+c", "help_quit", show=False), *keymap.APP]
    BINDING_GROUP_TITLE = tr("Everywhere")

    def __init__(
        self,
        open_model: OpenModel,
        model: Path,
        device: Device,
        dirs: UserDirs,
        file: Path | None = None,
        root: Path | None = None,
    ) -> None:
        super().__init__()
        self._open_model, self._file = open_model, file
        self.model, self.device = model, device
        self.dirs, self.root = dirs, root
        self.config = Config.load(dirs.config_file)
        self.keymap = keymap.Keymap.of(self.config.keys, dirs.config_file)
        self.set_keymap(self.keymap.changed)
        self.preferences = Preferences.load(dirs.state)
        self.corrections = Corrections(dirs.data)
        self.archive = Archive(dirs.state)
        self.answers: list[Answer] = self.archive.load() if self.preferences.history else []
        self.model_worker = ModelWorker(self.post_message)
        self.state: Literal["loading", "ready", "refused"] = "loading"
        self.refusal = ""
        self.status = Content()
        self.manifest: Manifest | None = None
        self.labels: tuple[str, ...] = ()
        self._facts: list[str] = []
        self.job: Job | None = None
        self.saving: threading.Event | None = None
        self.restarting = False
        self.error_console.quiet = True  # Textual would print a traceback with our texts
        self.animation_level = "none"
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = THEMES.get(self.preferences.theme, THEMES["dark"]).name

    def get_default_screen(self) -> Screen[None]:
        """Return the screen that is there at first, and under all others."""
        return TypeScreen()

    def on_mount(self) -> None:
        """Begin to load the model."""
        self.exit_on_signals()
        self.model_worker.start()
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.open_model(self.model, self.device)
        if self._file is not None:
            self.call_later(self.open_file, self._file)

    def on_unmount(self) -> None:
        """Let the model go, whatever it is at."""
        self.model_worker.close()

    @property
    def crash(self) -> Exception | None:
        """The unexpected exception that ended the app, if any."""
        return self._exception

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keep the keys of the app from acting under a dialog, but for quitting."""
        bound = {binding.action for binding in keymap.APP} - {"quit"}
        under = isinstance(self.screen, ModalScreen)
        return None if under and action in bound else True  # the footer shows them, dimly

    def get_key_display(self, binding: Binding) -> str:
        """Return the key of a binding as people write it."""
        return keymap.written(binding.key)

    def key_of(self, name: str) -> str:
        """Return the key of an action as people write it."""
        return self.keymap.shown(name)

    def refresh_state(self) -> None:
        """Let every page show how things stand."""
        for screen in self.screen_stack:
            if isinstance(screen, Page):
                screen.call_later(screen.refresh_state)

    # The model

    def open_model(self, model: Path, device: Device) -> None:
        """Open a model; until it is there, the one before it answers."""
        if self.state == "refused":
            self.state = "loading"
            self.refresh_state()
        self._show_status(*self._facts, tr("loading…"))
        self.model_worker.open(model, device, self._open_model, self.post_message)

    @work
    async def pick_model(self) -> None:
        """Ask for the file of a model, and open it."""
        picker = FilePicker(tr("Open a model"), lambda path: path.suffix == ".onnx")
        if path := await self.push_screen_wait(picker):
            self.open_model(path, self.device)

    def require_model(self) -> "Manifest | None":
        """Return facts about the model that is open; where none is, say so, and return None."""
        if self.manifest is None:
            key = self.key_of("palette")
            words = tr("A model is needed, and none is open yet: {key} chooses one.", key=key)
            self.notify(words, severity="warning")
        return self.manifest

    @on(messages.Opened)
    def _opened(self, event: messages.Opened) -> None:
        self.model, self.device = event.path, event.wanted
        self.manifest, self.labels = event.manifest, event.manifest.labels
        device = event.device.upper()
        if self.device not in ("auto", event.device):
            device += " " + tr("! asked for {device}", device=self.device.upper())
        self._facts = [device]
        self._show_status(*self._facts)
        self.state = "ready"
        self.refresh_state()

    @on(messages.Unopened)
    def _unopened(self, event: messages.Unopened) -> None:
        if self.state == "ready":  # the model before it still answers
            self._show_status(*self._facts)
            self.notify(event.reason, severity="error")
            return
        self.state, self.refusal = "refused", event.reason
        self._show_status(tr("could not be opened"))
        self.refresh_state()

    @on(messages.Refused)
    def _refused(self, event: messages.Refused) -> None:
        if self.state == "ready":  # else the reason is that there is no model, which is shown
            self.notify(event.reason, severity="error")

    @on(messages.Crashed)
    def _crashed(self, event: messages.Crashed) -> None:
        raise event.error

    def _show_status(self, *facts: str) -> None:
        name = one_line(self.model.stem, _NAME_CELLS)
        if self.model.resolve() == BUILTIN.resolve():
            name = tr("built-in model")
        self.status = Content(" · ".join([name, *map(display, facts)]))
        for screen in self.screen_stack:
            for bar in screen.query(StatusBar):
                bar.show()

    def keep(self, answer: Answer) -> None:
        """Put an answer into the history."""
        self.answers.append(answer)
        if self.preferences.history:
            with self.showing_errors():
                self.archive.add(answer)

    def set_preferences(self, **changes: Any) -> None:
        """Change preferences, and keep them."""
        for name, value in changes.items():
            setattr(self.preferences, name, value)
        with self.showing_errors():
            self.preferences.save(self.dirs.state)
        if "theme" in changes:
            self.theme = self.preferences.theme
        if changes.get("history") is False:
            with self.showing_errors():
                self.archive.clear()
        if "language" in changes:
            self._restart()

    def _restart(self) -> None:
        """Let `launch` start the app anew, where that loses no file run and no browser's tab."""
        if self.job is not None or self.is_web:
            self.notify(tr("The language changes at the next start."))
        else:
            self.restarting = True
            self.exit()

    # Files and dialogs

    @property
    def classifying(self) -> bool:
        """Whether a file is being classified."""
        return self.job is not None and self.job.running

    @property
    def recent(self) -> list[Path]:
        """The files that were opened and may be opened again, the latest first."""
        paths = map(Path, self.preferences.recent)
        return [path for path in paths if is_inside(path, self.root)]

    def allows(self, path: Path) -> bool:
        """Return whether a file may be opened or saved there; where not, say why."""
        with self.showing_errors():
            require_inside(path, self.root)
            return True
        return False

    @work
    async def action_open(self) -> None:
        """Ask for a file."""
        from models.tables import format_of

        picker = FilePicker(tr("Open a file"), lambda path: bool(format_of(path)), self.recent)
        if path := await self.push_screen_wait(picker):
            self.open_file(path)

    def open_file(self, path: Path) -> None:
        """Show how a file will be read."""
        from tui.app.screens.file import FileScreen

        if not self.allows(path):
            return
        if self.classifying:
            self.notify(tr("One file at a time: {key} shows the run.", key=self.key_of("results")))
            return
        self.preferences.opened(path)
        with self.showing_errors():
            self.preferences.save(self.dirs.state)
        self.show(FileScreen(path))

    @on(messages.Ended)
    def _ended(self, event: messages.Ended) -> None:
        from tui.app.screens.results import ResultsScreen

        self.refresh_state()
        if event.failed is not None:
            self.notify(event.failed, severity="error")
        elif not isinstance(self.screen, ResultsScreen):
            self.notify(tr("The file run has ended: {key} shows it.", key=self.key_of("results")))

    def action_results(self) -> None:
        """Show the file run of this session, if there was one."""
        from tui.app.screens.results import ResultsScreen

        if self.job is None:
            self.notify(tr("No file was classified yet: {key} opens one.", key=self.key_of("open")))
        elif not isinstance(self.screen, ResultsScreen):
            self.show(ResultsScreen(self.job))

    def push_results(self, job: "Job") -> None:
        """Show rows of a run over the present screen."""
        from tui.app.screens.results import ResultsScreen

        self.push_screen(ResultsScreen(job))

    def show(self, page: Page) -> None:
        """Show a screen over the first one, and no other."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.push_screen(page)

    def action_help(self) -> None:
        """Show the keys of what has the focus."""
        more = self.screen.help_text if isinstance(self.screen, Page) else ""
        self.push_screen(HelpDialog(self.screen.active_bindings.values(), more))

    def action_log(self) -> None:
        """Show what native libraries said."""
        self.push_screen(LogDialog())

    def action_palette(self) -> None:
        """Show the command palette."""
        if not isinstance(self.screen, ModalScreen):  # another key of the same burst opened one
            self.push_screen(PaletteDialog(commands(self)))

    async def action_quit(self) -> None:
        """Leave; while a file is saved or classified, ask first, and leave at the second time."""
        question = None
        if self.saving is not None:
            text = tr("To quit now leaves nothing of it.")
            question = QuitDialog(tr("A file is being saved"), text)
        elif self.classifying:
            text = tr("What is done is kept: classify the same file again to go on.")
            question = QuitDialog(tr("A file is being classified"), text)
        if question is None or isinstance(self.screen, QuitDialog):
            self.exit()
        else:
            self.push_screen(question, lambda number: self.exit() if number == 0 else None)

    def action_help_quit(self) -> None:
        """Say how to quit, to whoever pressed Ctrl+C."""
        self.notify(tr("{key} quits.", key=self.key_of("quit")))
