"""What all screens of the app have in common."""

from textual import events
from textual.screen import Screen, ScreenResultType


class FullScreen(Screen[ScreenResultType]):
    """A screen as large as the terminal."""

    def on_resize(self, event: events.Resize) -> None:
        """Take the size of the terminal, whatever size this event has.

        While one size comes after another, Textual tells a screen of both in turn, and never ends;
        and an event of the size before may have taken the place of the last one.
        """
        if event.size != self.app.size:
            event.prevent_default()
            if self.outer_size != self.app.size:
                self.post_message(events.Resize.from_dimensions(self.app.size, None))
