"""What `sentiment-tui doctor` finds, where things lie, and what native libraries said."""

from collections import deque

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from models.console.display import aligned, display
from models.console.i18n import tr
from tui.app.paths import is_file
from tui.app.screens.dialogs import Dialog
from tui.app.threads import run_in_thread

_LINES = 200  # of the log


class LogDialog(Dialog):
    """Shows the findings, which take a while, and the end of the log."""

    def __init__(self) -> None:
        super().__init__(tr("Log"))

    def _body(self) -> ComposeResult:
        end = ""
        if is_file(self.app.dirs.log):
            with self.app.dirs.log.open(encoding="utf-8", errors="replace") as file:
                end = display("".join(deque(file, _LINES)), keep="\n")
        yield Static(tr("Looking at this machine…"), id="findings", classes="keys")
        yield Static(end or tr("The log is empty."), markup=False)

    def on_mount(self) -> None:
        """Look, on another thread."""
        self.run_worker(self._look(), description="doctor")

    async def _look(self) -> None:
        from tui.doctor import examine

        app = self.app
        found, problems = await run_in_thread(lambda: examine(app.model, app.device))
        places = (app.dirs.keys, app.dirs.state, app.corrections.path)
        lines = [*aligned(found), *(display(path) for path in places)]
        lines += [f"! {display(problem)}" for problem in problems]
        self.query_one("#findings", Static).update(Content("\n".join(lines)))
