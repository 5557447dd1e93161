"""The one table of what the app can do: footer, help, command palette and keys are made from it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from textual.binding import Binding
from textual.dom import DOMNode

from models.console.command import ExitCode, UserError
from models.console.i18n import tr

_INSIDE = {"entry": "type", "history": "type", "table": "results", "filter": "results"}
"""A place, and the screen around it. Around every screen is the "app"."""

_TYPING = {"entry", "filter"}
"""Places where a letter is text."""


@dataclass(frozen=True)
class Action:
    """Something that a key does.

    Attributes:
        name: of the method `action_NAME`, and in config.toml.
        place: where the key works: "app", a screen, or a widget.
        keys: one or more, as Textual calls them, between commas.
        words: what it does, for people.
        footer: whether the line of keys shows it.
    """

    name: str
    place: str
    keys: str
    words: str
    footer: bool = True

    @property
    def id(self) -> str:
        """What tells it from all others: the same thing may be done in two places."""
        return f"{self.place}.{self.name}"


def actions() -> tuple[Action, ...]:
    """Return all actions, in the user's language; the footer shows them in this order."""
    return (
        Action("submit", "entry", "enter", tr("Classify")),
        Action("newline", "entry", "ctrl+j,shift+enter", tr("New line"), footer=False),
        Action("undo", "entry", "ctrl+underscore", tr("Undo"), footer=False),
        Action("explain", "type", "f2", tr("Why?")),
        Action("correct", "type", "f4", tr("Correct")),
        Action("find", "type", "ctrl+r", tr("Search the history"), footer=False),
        Action("copy", "history", "c", tr("Copy the text")),
        Action("classify", "file", "f5", tr("Classify")),
        Action("filter", "table", "slash", tr("Filter")),
        Action("label", "table", "l", tr("By label"), footer=False),
        Action("wrong", "table", "w", tr("Wrong ones, where true labels are known"), footer=False),
        Action("sort", "table", "s", tr("Sort")),
        Action("next_unsure", "table", "n", tr("Next unsure"), footer=False),
        Action("mark", "table", "space", tr("Mark"), footer=False),
        Action("copy", "table", "c", tr("Copy the text"), footer=False),
        Action("copy_rows", "table", "y", tr("Copy the row, or the marked ones"), footer=False),
        Action("correct", "results", "f4", tr("Correct")),
        Action("save", "results", "ctrl+s", tr("Save")),
        Action("summary", "results", "f3", tr("Summary")),
        Action("pause", "results", "f6", tr("Pause, or go on")),
        Action("stop", "results", "f8", tr("Stop, or go on later"), footer=False),
        Action("results", "app", "f7", tr("The file run"), footer=False),
        Action("open", "app", "ctrl+o", tr("Open")),
        Action("palette", "app", "ctrl+p", tr("Commands")),
        Action("help", "app", "f1", tr("Help")),
        Action("log", "app", "f12", tr("Log"), footer=False),
        Action("suspend_process", "app", "ctrl+z", tr("Suspend; fg goes on"), footer=False),
        Action("quit", "app", "ctrl+q", tr("Quit")),
    )


@dataclass(frozen=True)
class Keymap:
    """The keys of the actions, as the user changed them.

    Attributes:
        changed: name of an action → its keys.
    """

    changed: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> "Keymap":
        """Read the table `[keys]` of a TOML file, if it is there.

        Raises:
            UserError: CONFIG, it is not TOML, names what is no action, or two actions that can be
                meant at once have the same key.
        """
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8") if path.is_file() else "")
        except (ValueError, OSError) as error:
            raise UserError(
                ExitCode.CONFIG, "{path} is not TOML: {reason}", path=path, reason=error
            ) from error
        changed = found.pop("keys", {})
        names = {action.name for action in actions()}
        if not isinstance(changed, dict):
            found, changed = {"keys": changed}, {}
        unknown = [*found, *(n for n, k in changed.items() if n not in names or type(k) is not str)]
        if unknown:
            raise UserError(
                ExitCode.CONFIG,
                '{path}: expected a table [keys] with lines such as explain = "f3", for '
                "{names}; found {unknown}",
                path=path,
                names=", ".join(sorted(names)),
                unknown=", ".join(sorted(unknown)),
            )
        keys = cls(changed)
        if problem := keys._conflict():
            raise UserError(ExitCode.CONFIG, "{path}: {reason}", path=path, reason=problem)
        return keys

    def of(self, action: Action) -> list[str]:
        """Return the keys of an action."""
        return [key.strip() for key in self.changed.get(action.name, action.keys).split(",")]

    def shown(self, action: Action) -> str:
        """Return the first key of an action as people write it: "F2", "^O" for Ctrl and O."""
        key = self.of(action)[0]
        if len(key) == 1:
            return key
        names = {"slash": "/", "escape": "Esc", "underscore": "_"}
        parts = [names.get(part, part.capitalize()) for part in key.split("+")]
        return "^" + parts[1] if parts[0] == "Ctrl" and len(parts) == 2 else "+".join(parts)

    def bind(self, node: DOMNode, place: str) -> None:
        """Give a node the bindings of its place, beside those that its class has."""
        bindings = type(node)._merge_bindings()
        for action in actions():
            if action.place != place:
                continue
            # what a widget does not do itself, its screen does
            own = hasattr(node, f"action_{action.name}")
            for number, key in enumerate(self.of(action)):
                binding = Binding(
                    key,
                    action.name if own else f"screen.{action.name}",
                    action.words,
                    show=action.footer and number == 0,
                    key_display=self.shown(action),
                    priority=place not in _INSIDE,
                    id=action.id,
                )
                bindings.key_to_bindings.setdefault(key, []).append(binding)
        node._bindings = bindings

    def _conflict(self) -> str | None:
        """Return what is wrong with the keys, if anything is."""
        typing = set().union(*map(_around, _TYPING))
        for action in actions():
            for key in self.of(action):
                if len(key) == 1 and action.place in typing:
                    return tr(
                        "{action} cannot have the key {key}: it is typed there",
                        action=action.name,
                        key=key,
                    )
        for other, action in combinations(actions(), 2):
            if action.place in _around(other.place) or other.place in _around(action.place):
                for key in {*self.of(action)} & {*self.of(other)}:
                    return tr(
                        "{action} and {other} have the same key {key}",
                        action=action.name,
                        other=other.name,
                        key=key,
                    )
        return None


def _around(place: str) -> set[str]:
    """Return the places whose keys work where those of `place` do."""
    return {place, _INSIDE.get(place, "app"), "app"}
