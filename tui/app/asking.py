"""An app whose workers may ask the user, even while the screen that they belong to goes away."""

import asyncio
from typing import Any

from textual.app import App
from textual.screen import Screen


class AskingApp(App[None], inherit_bindings=False):
    """Shows dialogs, and hands their answers to workers."""

    async def push_screen_wait(self, screen: Screen[Any] | str, *, mode: str | None = None) -> Any:
        """Show a dialog, and return its answer; for workers only.

        Textual's own first runs what the app has yet to do. Where that removes the screen to which
        the worker belongs, the worker waits for its own end, and the app ends with it.
        """
        shown = self.push_screen(screen, wait_for_dismiss=True, mode=mode)
        return await asyncio.shield(shown)
