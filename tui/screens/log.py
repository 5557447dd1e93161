"""What the native libraries said, and what the program knows of itself."""

import platform
from collections import deque
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from models.display import display
from models.i18n import tr
from tui.screens.dialogs import Dialog

if TYPE_CHECKING:
    from tui.app import SentimentApp

_LINES = 200  # of the log


class Log(Dialog):
    """Versions, places, and the end of the log."""

    app: "SentimentApp"

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with VerticalScroll(classes="box tall") as box:
            box.border_title = tr("Log")
            box.border_subtitle = tr("Esc goes back")
            yield Static("\n".join(facts(self.app)), markup=False, classes="keys")
            yield Static(_end_of_log(self.app), markup=False)


def facts(app: "SentimentApp") -> list[str]:
    """Return versions and places."""
    lines = [f"Python {platform.python_version()}, {platform.platform()}"]
    for name in ("sentiment-tui", "onnxruntime", "onnxruntime-gpu", "tokenizers", "textual"):
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    places = app.places
    named = (places.keys, places.state, app.corrections.path, places.log)
    return [*lines, *(display(path) for path in (app.model, *named))]


def _end_of_log(app: "SentimentApp") -> str:
    if not app.places.log.is_file():
        return tr("The log is empty.")
    with app.places.log.open(encoding="utf-8", errors="replace") as file:
        end = deque(file, _LINES)
    return display("".join(end), keep="\n") or tr("The log is empty.")
