"""What all screens of the app have in common."""

from textual import events
from textual.screen import Screen, ScreenResultType


class FullScreen(Screen[ScreenResultType]):
    """A screen as large as the terminal."""

    def on_resize(self, event: events.Resize) -> None:
        """Leave out a size that the terminal has no more.

        While one comes after the other, Textual tells a screen of both in turn, and never ends.
        """
        if event.size != self.app.size:
            event.prevent_default()
