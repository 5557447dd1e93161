"""What `sentiment-tui doctor` finds, where things lie, and what native libraries said."""

from collections import deque
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from models.display import aligned, display
from models.i18n import tr
from tui.aside import aside
from tui.screens.dialogs import Dialog

if TYPE_CHECKING:
    from tui.app import SentimentApp

_LINES = 200  # of the log


class Log(Dialog):
    """Shows the findings, which take a while, and the end of the log."""

    app: "SentimentApp"

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with VerticalScroll(classes="box tall") as box:
            box.border_title = tr("Log")
            box.border_subtitle = tr("Esc goes back")
            yield Static(tr("Looking at this machine…"), id="findings", classes="keys")
            yield Static(_end_of_log(self.app), markup=False)

    def on_mount(self) -> None:
        """Look, on another thread."""
        self.run_worker(self._look(), description="doctor")

    async def _look(self) -> None:
        from tui.doctor import examine

        app = self.app
        found, problems = await aside(lambda: examine(app.model, app.device))
        places = (app.places.keys, app.places.state, app.corrections.path)
        lines = [*aligned(found), *(display(path) for path in places)]
        lines += [f"! {display(problem)}" for problem in problems]
        self.query_one("#findings", Static).update(Content("\n".join(lines)))


def _end_of_log(app: "SentimentApp") -> str:
    if not app.places.log.is_file():
        return tr("The log is empty.")
    with app.places.log.open(encoding="utf-8", errors="replace") as file:
        end = deque(file, _LINES)
    return display("".join(end), keep="\n") or tr("The log is empty.")
