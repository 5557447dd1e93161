"""What the command palette offers: the actions of the moment, and all that can be chosen."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from models.console.display import display
from models.console.i18n import language, tr
from models.locations import BUILTIN
from tui.app.paths import is_inside

if TYPE_CHECKING:
    from tui.app.app import SentimentApp

Commands = Iterator[tuple[str, Callable[[], object]]]
"""What a command is called, and what does it."""


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
