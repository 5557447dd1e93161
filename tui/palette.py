"""What the command palette lists: the actions of the moment, and all that can be chosen."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from models.display import display
from models.i18n import language, tr
from models.locations import BUILTIN
from tui.themes import THEMES

if TYPE_CHECKING:
    from tui.app import SentimentApp


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
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), run, text=words)

    def _commands(self) -> Iterator[tuple[str, Callable[[], object]]]:
        app = cast("SentimentApp", self.app)
        for action, run in app.possible(self.screen):
            if action.place != "entry" and action.name != "palette":
                yield f"{action.words}  ({app.keys.shown(action)})", run
        for model in _models(app.model):
            yield tr("Model: {name}", name=_name(model)), partial(app.open_model, model, app.device)
        for device in ("auto", "cpu", "cuda"):
            words = tr("Device: {device}", device=device)
            yield words, partial(app.open_model, app.model, device)
        for theme in THEMES:
            name = {"dark": tr("dark"), "light": tr("light"), "contrast": tr("high contrast")}[
                theme
            ]
            yield tr("Theme: {name}", name=name), partial(app.choose, theme=theme)
        for code, name in (("en", "English"), ("zh", "中文")):
            if code != language():
                yield tr("Language: {name}", name=name), partial(app.choose, language=code)
        live, kept = app.choices.live, app.choices.history
        words = tr("Answer only at Enter") if live else tr("Answer while typing")
        yield words, partial(app.choose, live=not live)
        words = tr("Keep no history, and forget it") if kept else tr("Keep a history")
        yield words, partial(app.choose, history=not kept)
        for name in app.choices.recent:
            path = Path(name)
            yield tr("Open {path}", path=display(name)), partial(app.open_file, path)


def _models(current: Path) -> list[Path]:
    """Return the models that can be chosen: the one in use, those of this folder, built-in."""
    here = sorted(Path("models").glob("[!.]*.onnx"))
    found = {path.resolve(): path for path in [*here, current, BUILTIN]}
    return [path for path in found.values() if not path.name.endswith(".rejected.onnx")]


def _name(model: Path) -> str:
    return tr("built-in model") if model.resolve() == BUILTIN.resolve() else display(model)
