"""The box that the user types in."""

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import TextArea

from models.display import display
from models.i18n import tr

_MOST = 20_000  # characters; a longer paste would hold the screen up, and no model reads as much


class Entry(TextArea):
    """A text area in which Enter submits, and in which a paste of many lines stays whole.

    `Input` would keep the first line of a paste only. Besides, it tells input methods a place one
    cell off; `TextArea` tells the right one.
    """

    class Submitted(Message):
        """The user pressed Enter."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(
            highlight_cursor_line=False,
            placeholder=tr("For example: 房间很干净，早餐也不错。"),
        )
        # Here and not in BINDINGS: the words follow the locale of the run, not of the import.
        self._bindings.bind("enter", "submit", tr("Classify"), key_display="Enter")
        self._bindings.bind("ctrl+j,shift+enter", "newline", tr("New line"), key_display="Ctrl+J")
        self.border_title = tr("请输入文本 · type a text")
        self.cursor_blink = False  # each repaint would drag an input method's window with it

    def get_line(self, line_index: int) -> Text:
        """Return a line as it is drawn: what could act on the terminal is made visible."""
        shown = display(self.document.get_line(line_index), keep="\t")
        return Text(shown, end="", no_wrap=True)

    def action_submit(self) -> None:
        """Hand out the text, and empty the box at once: the next keys may be here already."""
        self.post_message(self.Submitted(self.text))
        self.clear()

    def action_newline(self) -> None:
        """Break the line at the cursor."""
        self.replace("\n", *self.selection, maintain_selection_offset=False)

    async def _on_key(self, event: events.Key) -> None:
        # The app runs bindings in its own time: with them, Enter would overtake letters that were
        # typed just before it. They are there for the footer and its clicks.
        actions = {
            "enter": self.action_submit,
            "ctrl+j": self.action_newline,
            "shift+enter": self.action_newline,
        }
        if event.key in actions:
            event.stop()
            event.prevent_default()
            actions[event.key]()

    async def _on_paste(self, event: events.Paste) -> None:
        if len(event.text) > _MOST:
            event.stop()
            event.prevent_default()
            self.app.notify(
                tr(
                    "That paste has {count} characters, more than the {most} that fit here. "
                    "Save it as a file and run: sentiment-tui classify FILE",
                    count=len(event.text),
                    most=_MOST,
                ),
                severity="warning",
                markup=False,
            )
