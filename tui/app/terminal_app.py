"""What an app in a terminal needs, and Textual's does not have."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from textual.app import App
from textual.notifications import SeverityLevel
from textual.screen import Screen

from models.console import ExitCode, UserError, display, reason_of
from tui.app.screens.dialogs import ChoiceDialog, PromptDialog


class TerminalApp(App[None], inherit_bindings=False):
    """An app that ends on signals, and whose workers can ask, whatever becomes of their screen."""

    def exit_on_signals(self) -> None:
        """Let SIGTERM, and a terminal that goes away, end the app as quitting does."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            with suppress(NotImplementedError, AttributeError):  # Windows has neither
                loop.add_signal_handler(getattr(signal, name), self.exit, None, ExitCode.TERMINATED)

    async def push_screen_wait(self, screen: Screen[Any] | str, *, mode: str | None = None) -> Any:
        """Show a dialog, and return its answer; for workers only.

        Textual's own first runs what the app has yet to do. Where that removes the screen to which
        the worker belongs, the worker waits for its own end, and the app ends with it.
        """
        shown = self.push_screen(screen, wait_for_dismiss=True, mode=mode)
        return await asyncio.shield(shown)

    def notify(self, message: str, *, severity: SeverityLevel = "information", **_: Any) -> None:
        """Show a message for some seconds; no text in it acts on the terminal."""
        super().notify(display(message, keep="\n"), severity=severity, markup=False)

    @contextmanager
    def showing_errors(self) -> Iterator[None]:
        """Show an error that is expected, and go on after what it ends."""
        try:
            yield
        except (UserError, OSError) as error:
            self.notify(reason_of(error), severity="error")

    async def ask(self, title: str, answers: Sequence[str], text: str = "") -> int | None:
        """Ask for one of some answers, and return its number; for workers, as all that asks."""
        number: int | None = await self.push_screen_wait(ChoiceDialog(title, answers, text))
        return number

    async def prompt(self, title: str, value: str, text: str = "") -> str | None:
        """Ask for a line of text."""
        line: str | None = await self.push_screen_wait(PromptDialog(title, value, text))
        return line
