"""The command palette: the actions of the moment, and all that can be chosen."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from models.console.display import display
from models.console.i18n import language, tr
from models.locations import BUILTIN
from tui.app.paths import is_inside

if TYPE_CHECKING:
    from tui.app.app import SentimentApp

Commands = Iterator[tuple[str, Callable[[], object]]]
"""What a command is called, and what does it."""


class AppCommands(Provider):
    """Everything that can be done now."""

    async def discover(self) -> Hits:
        """List all, before anything is typed."""
        for words, run in self._commands():
            yield DiscoveryHit(Content(words), run, text=words)

    async def search(self, query: str) -> Hits:
        """List what matches."""
        matcher = self.matcher(query)
        for words, run in self._commands():
            score, offsets = matcher.fuzzy_search.match(query, words)
            if score <= 0:
                continue
            shown = Content(words)  # and no markup, as `matcher.highlight` would have it
            for offset in offsets:
                shown = shown.stylize(matcher.match_style, offset, offset + 1)
            yield Hit(score, shown, run, text=words)

    def _commands(self) -> Commands:
        app = cast("SentimentApp", self.app)
        yield from self._actions(app)
        yield from _models(app)
        yield from _preferences(app)
        for path in app.recent:
            yield tr("Open {path}", path=path), partial(app.open_file, path)

    def _actions(self, app: "SentimentApp") -> Commands:
        """Yield what keys can do now, but for typing and opening this palette."""
        for node, binding, _, _ in self.screen.active_bindings.values():
            if binding.id and binding.id != "palette" and node.id != "entry":
                words = f"{binding.description}  ({app.get_key_display(binding)})"
                yield words, partial(app.run_action, binding.action, node)


def _models(app: "SentimentApp") -> Commands:
    """Yield the models of this folder, the one in use and the built-in one, and the devices."""
    here = sorted(Path("models").glob("[!.]*.onnx"))
    allowed = [path for path in here if is_inside(path, app.root)]
    found = {path.resolve(): path for path in [*allowed, app.model, BUILTIN]}
    for path in found.values():
        if not os.path.isfile(path) or path.name.endswith(".rejected.onnx"):
            continue
        name = tr("built-in model") if path.samefile(BUILTIN) else display(path)
        yield tr("Model: {name}", name=name), partial(app.open_model, path, app.device)
    yield tr("Model: another file…"), app.pick_model
    for device in ("auto", "cpu", "cuda"):
        words = tr("Device: {device}", device=device)
        yield words, partial(app.open_model, app.model, device)


def _preferences(app: "SentimentApp") -> Commands:
    """Yield what the user can choose for good."""
    themes = {"dark": tr("dark"), "light": tr("light"), "contrast": tr("high contrast")}
    for theme, name in themes.items():
        yield tr("Theme: {name}", name=name), partial(app.set_preferences, theme=theme)
    other, name = "zh", "中文"
    if language() == "zh":
        other, name = "en", "English"
    yield tr("Language: {name}", name=name), partial(app.set_preferences, language=other)
    live, kept = app.preferences.live, app.preferences.history
    words = tr("Answer only at Enter") if live else tr("Answer while typing")
    yield words, partial(app.set_preferences, live=not live)
    words = tr("Keep no history, and forget it") if kept else tr("Keep a history")
    yield words, partial(app.set_preferences, history=not kept)
