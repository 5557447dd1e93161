"""What the command palette lists: the actions of the moment, and all that can be chosen."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from models.console.display import display
from models.console.i18n import language, tr
from models.locations import BUILTIN
from tui.app import keymap
from tui.app.paths import is_file, is_inside

if TYPE_CHECKING:
    from tui.app.app import SentimentApp


class Commands(Provider):
    """Everything that can be done now."""

    async def discover(self) -> Hits:
        """List all, before anything is typed."""
        for words, run in self._commands():
            yield DiscoveryHit(Content(words), run, text=words)

    async def search(self, query: str) -> Hits:
        """List what matches."""
        matcher = self.matcher(query)
        for words, run in self._commands():
            score, places = matcher.fuzzy_search.match(query, words)
            if score > 0:
                shown = Content(words)  # and no markup, as `matcher.highlight` would have it
                for place in places:
                    shown = shown.stylize(matcher.match_style, place, place + 1)
                yield Hit(score, shown, run, text=words)

    def _commands(self) -> Iterator[tuple[str, Callable[[], object]]]:
        app = cast("SentimentApp", self.app)
        for node, binding, _, _ in self.screen.active_bindings.values():
            if binding.id and binding.id != "palette" and binding not in keymap.TEXT_ENTRY:
                words = f"{binding.description}  ({app.get_key_display(binding)})"
                yield words, partial(app.run_action, binding.action, node)
        for model in _models(app.model, app.root):
            name = tr("built-in model") if model.samefile(BUILTIN) else display(model)
            yield tr("Model: {name}", name=name), partial(app.open_model, model, app.device)
        yield tr("Model: another file…"), app.pick_model
        for device in ("auto", "cpu", "cuda"):
            words = tr("Device: {device}", device=device)
            yield words, partial(app.open_model, app.model, device)
        themes = {"dark": tr("dark"), "light": tr("light"), "contrast": tr("high contrast")}
        for theme, name in themes.items():
            yield tr("Theme: {name}", name=name), partial(app.set_preferences, theme=theme)
        other, name = ("en", "English") if language() == "zh" else ("zh", "中文")
        yield tr("Language: {name}", name=name), partial(app.set_preferences, language=other)
        live, kept = app.preferences.live, app.preferences.history
        words = tr("Answer only at Enter") if live else tr("Answer while typing")
        yield words, partial(app.set_preferences, live=not live)
        words = tr("Keep no history, and forget it") if kept else tr("Keep a history")
        yield words, partial(app.set_preferences, history=not kept)
        for path in app.recent:
            yield tr("Open {path}", path=path), partial(app.open_file, path)


def _models(current: Path, root: Path | None) -> list[Path]:
    """Return the models that can be chosen: the one in use, those of this folder, built-in."""
    here = [path for path in sorted(Path("models").glob("[!.]*.onnx")) if is_inside(path, root)]
    found = {path.resolve(): path for path in [*here, current, BUILTIN] if is_file(path)}
    return [path for path in found.values() if not path.name.endswith(".rejected.onnx")]
