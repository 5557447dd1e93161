"""What `sentiment-tui doctor` finds, where things lie, and what native libraries said."""

import os
from collections import deque

from textual import work
from textual.app import ComposeResult
from textual.widgets import Static

from models.console import aligned, display, reason_of, tr
from tui.app.screens.dialogs import Dialog
from tui.app.threads import run_in_thread

_MAX_LINES = 200  # of the log


class LogDialog(Dialog):
    """Shows the findings, which take a while, and the end of the log."""

    def __init__(self) -> None:
        super().__init__(tr("Log"))

    def _body(self) -> ComposeResult:
        end = ""
        if os.path.isfile(self.app.dirs.log):
            with self.app.dirs.log.open(encoding="utf-8", errors="replace") as file:
                end = "".join(deque(file, _MAX_LINES))
        looking = tr("Looking at this machine…")
        yield Static(looking, id="findings", classes="keys", markup=False)
        yield Static(display(end, keep="\n") or tr("The log is empty."), markup=False)

    def on_mount(self) -> None:
        """Look at the machine on another thread."""
        self._examine()

    @work
    async def _examine(self) -> None:
        from tui.doctor import examine

        app = self.app
        found, problem = await run_in_thread(lambda: examine(app.model, app.device))
        lines = aligned(found)
        for path in (app.dirs.config_file, app.dirs.state, app.corrections.path):
            lines.append(display(path))
        if problem is not None:
            lines.append(f"! {display(reason_of(problem))}")
        for place in self.query("#findings").results(Static):  # none, once the dialog is left
            place.update("\n".join(lines))
