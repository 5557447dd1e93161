"""What an app in a terminal needs, and Textual's does not have."""

import asyncio
import signal
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.screen import Screen

from models.console.command import ExitCode


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
