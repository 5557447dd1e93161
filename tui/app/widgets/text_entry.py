"""The box that the user types in."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rich.text import Text
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, TextArea

from models.console import display, tr
from tui.app import keymap
from tui.app.paths import is_inside, typed_path

if TYPE_CHECKING:
    from tui.app.app import SentimentApp

_MOST = 20_000  # characters; a longer paste would hold the screen up, and no model reads as much


def dropped_path(pasted: str, root: Path | None = None) -> Path | None:
    """Return the file in `root` that a paste names: so terminals hand over one that is dropped.

    They quote it, escape its spaces, or write it as a URL.
    """
    name = pasted.strip()
    if not name or "\n" in name or len(name) > 4096:
        return None
    quoted = re.fullmatch(r"(['\"])(.*)\1", name)
    plain = quoted[2] if quoted else name
    guesses = [plain, re.sub(r"\\(.)", r"\1", plain), unquote(plain.removeprefix("file://"))]
    for guess in guesses:
        path = typed_path(guess)
        if path.is_absolute() and is_inside(path, root) and os.path.isfile(path):
            return path
    return None


class SafeInput(Input):
    """An entry of one line, in which nothing that is pasted can act on the terminal."""

    def validate_value(self, value: str) -> str:
        """Make visible what would be a control sequence."""
        return display(value)


class TextEntry(TextArea):
    """A text area in which Enter submits, and in which a paste of many lines stays whole.

    `Input` would keep the first line of a paste only. Besides, it tells input methods a place one
    cell off; `TextArea` tells the right one.
    """

    app: "SentimentApp"
    BINDINGS = [*keymap.TEXT_ENTRY]
    BINDING_GROUP_TITLE = tr("The text box")

    @dataclass
    class Submitted(Message):
        """The user pressed Enter."""

        text: str

    @dataclass
    class ManyLines(Message):
        """The user pasted several lines, which may be one text or many."""

        text: str

    @dataclass
    class Dropped(Message):
        """The user dropped a file on the terminal."""

        path: Path

    def __init__(self) -> None:
        example = tr("For example: 房间很干净，早餐也不错。")
        super().__init__(id="entry", highlight_cursor_line=False, placeholder=example)
        self.border_title = tr("请输入文本 · type a text")
        self.cursor_blink = False  # each repaint would drag an input method's window with it

    def get_line(self, line_index: int) -> Text:
        """Return a line as it is drawn: what could act on the terminal is made visible."""
        shown = display(self.document.get_line(line_index), keep="\t")
        return Text(shown, end="", no_wrap=True)

    def render_line(self, y: int) -> Strip:
        """Draw a line; where there is no room, Textual cannot wrap the placeholder."""
        if self.content_size.width < 1:
            return Strip.blank(0)
        return super().render_line(y)

    def action_submit(self) -> None:
        """Hand out the text, and empty the box at once: the next keys may be here already."""
        self.post_message(self.Submitted(self.text))
        self.clear()

    def action_newline(self) -> None:
        """Break the line at the cursor."""
        self.replace("\n", *self.selection, maintain_selection_offset=False)

    def on_key(self, event: events.Key) -> None:
        """Do at once what a key is bound to.

        The app runs bindings in its own time: with them, Enter would overtake letters that were
        typed just before it. They are there for the footer and the help.
        """
        for binding in keymap.TEXT_ENTRY:
            if event.key in self.app.keymap.keys(binding):
                event.stop()
                event.prevent_default()
                getattr(self, f"action_{binding.action}")()

    def on_paste(self, event: events.Paste) -> None:
        """Tell a dropped file and many lines from a text, and refuse what is too long."""
        path = dropped_path(event.text, self.app.root)
        if path is not None:
            self.post_message(self.Dropped(path))
        elif len(event.text) > _MOST:
            self.app.notify(
                tr(
                    "That paste has {count} characters, more than the {most} that fit here. "
                    "Save it as a file, and open that with {key}.",
                    count=len(event.text),
                    most=_MOST,
                    key=self.app.key_of("open"),
                ),
                severity="warning",
            )
        elif len([line for line in event.text.splitlines() if line.strip()]) > 1:
            self.post_message(self.ManyLines(event.text))
        else:
            return
        event.stop()
        event.prevent_default()
