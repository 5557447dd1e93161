"""The two lines at the foot of every screen: what is loaded, and which keys do what."""

from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Static

if TYPE_CHECKING:
    from tui.app import SentimentApp


class StatusBar(Static):
    """The model, its digest and its device; the same on all screens."""

    app: "SentimentApp"

    def __init__(self) -> None:
        super().__init__(markup=False)

    def on_mount(self) -> None:
        """Follow what the app says."""
        self.watch(self.app, "status", lambda status: self.update(status))


class KeyBar(Static):
    """The keys that do something now. Where the room ends, the first and the last ones stay."""

    app: "SentimentApp"

    def __init__(self) -> None:
        super().__init__(markup=False)

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._fill)

    def on_resize(self, _event: events.Resize) -> None:
        """Show as many as fit."""
        self._fill(self.screen)

    def _fill(self, screen: Screen[object]) -> None:
        if screen is not self.screen or self.app.screen is not screen:
            return
        shown = [
            Content.assemble(
                (f" {binding.key_display} ", "bold $footer-key-foreground"),
                f"{binding.description} ",
            ).stylize(Style.from_meta({"@click": f"app.simulate_key('{key}')"}))
            for key, (_, binding, enabled, _) in screen.active_bindings.items()
            if binding.show and binding.key_display and enabled
        ]
        # The last three are the same everywhere: commands, help, quit. They give way last.
        while sum(key.cell_length for key in shown) > self.size.width and len(shown) > 4:
            del shown[-4]
        self.update(Content("").join(shown))
