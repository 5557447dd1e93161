"""What the command palette offers: the actions of the moment, and all that can be chosen."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from models.console import display, language, tr
from models.locations import BUILTIN
from tui.app.paths import is_inside
from tui.app.screens.dialogs import Dialog, Options
from tui.app.widgets.text_entry import SafeInput

if TYPE_CHECKING:
    from tui.app.app import SentimentApp

Commands = Iterator[tuple[str, Callable[[], object]]]
"""What a command is called, and what does it."""

_MOVES = {
    "up": "cursor_up",
    "down": "cursor_down",
    "pageup": "page_up",
    "pagedown": "page_down",
}
"""Key in the line that searches → action of the list."""


class PaletteDialog(Dialog):
    """Asks for a command, by some letters of what it is called, and does it."""

    scrolls = False

    def __init__(self, commands: Iterable[tuple[str, Callable[[], object]]]) -> None:
        super().__init__(tr("Commands"), tr("Enter chooses · Esc goes back"))
        self._commands = dict(commands)

    def _body(self) -> ComposeResult:
        yield SafeInput(placeholder=tr("Search for a command…"))
        listed = Options(*[Option(Content(words), words) for words in self._commands])
        listed.highlighted = 0
        yield listed

    def on_input_changed(self, event: SafeInput.Changed) -> None:
        """List the commands that have these letters in this order, the likeliest first."""
        query, search = event.value.strip(), FuzzySearch()
        found: list[tuple[float, Sequence[int], str]] = []
        for words in self._commands:
            # the search fails on an empty query
            score, letters = search.match(query, words) if query else (1.0, ())
            if score:
                found.append((score, letters, words))
        listed = self.query_one(Options)
        listed.clear_options()
        for _, letters, words in sorted(found, key=lambda match: -match[0]):
            shown = Content(words)
            for letter in letters:
                shown = shown.stylize("bold underline", letter, letter + 1)
            listed.add_option(Option(shown, words))
        if found:
            listed.highlighted = 0

    def on_input_submitted(self) -> None:
        """Take the command under the cursor of the list."""
        self.query_one(Options).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Do it, on the screen below."""
        if self.app.screen_stack[-1] is self:
            self.dismiss()
            self.app.call_later(self._commands[str(event.option_id)])

    def on_key(self, event: events.Key) -> None:
        """Let the keys that move act on the list, while the line has the focus."""
        if event.key in _MOVES and self.query_one(SafeInput).has_focus:
            event.stop()
            getattr(self.query_one(Options), f"action_{_MOVES[event.key]}")()


def commands(app: "SentimentApp") -> Commands:
    """Yield everything that can be done now."""
    yield from _actions(app)
    yield from _models(app)
    yield from _preferences(app)
    for path in app.recent:
        yield tr("Open {path}", path=path), partial(app.open_file, path)


def _actions(app: "SentimentApp") -> Commands:
    """Yield what keys can do now, but for typing and opening the palette."""
    for node, binding, _, _ in app.screen.active_bindings.values():
        if not binding.id or binding.id == "palette" or node.id == "entry":
            continue
        words = f"{binding.description}  ({app.get_key_display(binding)})"
        if language() == "zh":
            words += f"  {binding.id}"  # found by its English name, too
        yield words, partial(app.run_action, binding.action, node)


def _models(app: "SentimentApp") -> Commands:
    """Yield the models of this folder, the one in use and the built-in one, and the devices."""
    here = sorted(Path("models").glob("[!.]*.onnx"))
    allowed = [path for path in here if is_inside(path, app.root)]
    found = {path.resolve(): path for path in [*allowed, app.model, BUILTIN]}
    for path in found.values():
        if not os.path.isfile(path) or path.name.endswith(".rejected.onnx"):
            continue
        name = display(path)
        if path.samefile(BUILTIN):
            name = tr("built-in model")
        yield tr("Model: {name}", name=name), partial(app.open_model, path, app.device)
    yield tr("Model: another file…"), app.pick_model
    for device in ("auto", "cpu", "cuda"):
        words = tr("Device: {device}", device=device)
        yield words, partial(app.open_model, app.model, device)


def _preferences(app: "SentimentApp") -> Commands:
    """Yield what the user can choose for good."""
    change = app.set_preferences
    themes = {"dark": tr("dark"), "light": tr("light"), "contrast": tr("high contrast")}
    for theme, name in themes.items():
        yield tr("Theme: {name}", name=name), partial(change, theme=theme)
    if language() == "zh":
        yield tr("Language: {name}", name="English"), partial(change, language="en")
    else:
        yield tr("Language: {name}", name="中文"), partial(change, language="zh")
    if app.preferences.live:
        yield tr("Answer only at Enter"), partial(change, live=False)
    else:
        yield tr("Answer while typing"), partial(change, live=True)
    if app.preferences.history:
        yield tr("Keep no history, and forget it"), partial(change, history=False)
    else:
        yield tr("Keep a history"), partial(change, history=True)
