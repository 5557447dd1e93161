"""What can be done by which key: the bindings of every part of the app, and what the user changed.

Textual runs the bindings of the widgets that have the focus or contain it; the footer, the help and
the command palette list them. A binding's id is its name in config.toml.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from textual.binding import Binding

from models.console import ExitCode, UserError, config_error, tr


def _bind(key: str, action: str, words: str, *, show: bool = True, name: str = "") -> Binding:
    """Return a binding of a widget to an action, of its own or of its screen."""
    return Binding(key, action, words, show=show, id=name or action.removeprefix("screen."))


def _bind_first(key: str, action: str, words: str, *, show: bool = True) -> Binding:
    """Return a binding of a screen or the app, whose key no widget in it takes for itself."""
    return Binding(key, action, words, show=show, priority=True, id=action)


LABEL_KEYS = 9
"""Labels that a digit gives to a row."""


def _label_key(number: int) -> Binding:
    words = tr("Label {number} is right", number=number)
    action = f"screen.label_as({number})"
    return _bind(str(number), action, words, show=False, name=f"label_{number}")


def _scroll_key(side: str, by: int, words: str) -> Binding:
    action = f"screen.scroll_columns({by})"
    return _bind(side, action, words, show=False, name=f"columns_{side}")


TEXT_ENTRY = [
    _bind("enter", "submit", tr("Classify")),
    _bind("ctrl+j,shift+enter", "newline", tr("New line"), show=False),
    _bind("ctrl+underscore", "undo", tr("Undo"), show=False),
]
TYPE_SCREEN = [
    _bind_first("f2", "explain", tr("Why?")),
    _bind_first("f4", "correct", tr("Correct")),
    _bind_first("ctrl+r", "find", tr("Search the history"), show=False),
]
HISTORY = [
    _bind("c", "screen.copy", tr("Copy the text")),
]
FILE_SCREEN = [
    _bind_first("f5", "classify", tr("Classify")),
    _bind_first("f3", "browse", tr("Browse the answers")),
]
RESULTS_TABLE = [
    _bind("slash", "screen.filter", tr("Filter")),
    _bind("l", "screen.label", tr("By label"), show=False),
    _bind("w", "screen.wrong", tr("Wrong ones, where true labels are known"), show=False),
    _bind("s", "screen.sort", tr("Sort"), show=False),
    _bind("g", "screen.groups", tr("By column")),
    _bind("k", "screen.words", tr("Words")),
    _bind("S", "screen.sort_by", tr("Sort by a column"), show=False),
    _bind("v", "screen.columns", tr("Columns to show"), show=False),
    _scroll_key("left", -1, tr("Columns further left")),
    _scroll_key("right", 1, tr("Columns further right")),
    _bind("r", "screen.review", tr("To review, the least sure first"), show=False),
    _bind("n", "screen.next_unsure", tr("Next to review"), show=False),
    _bind("space", "screen.mark", tr("Mark"), show=False),
    *(_label_key(number) for number in range(1, LABEL_KEYS + 1)),
    _bind("u", "screen.undo_correction", tr("Undo the last correction"), show=False),
    _bind("d", "screen.compare", tr("Differences from another file"), show=False),
    _bind("c", "screen.copy", tr("Copy the text"), show=False),
    _bind("y", "screen.copy_rows", tr("Copy the row, or the marked ones"), show=False),
]
RESULTS_SCREEN = [
    _bind_first("ctrl+s", "save", tr("Save")),
    _bind_first("f6", "pause", tr("Pause")),
    _bind_first("f3", "summary", tr("Summary")),
    _bind_first("f2", "explain", tr("Why?")),
    _bind_first("f4", "correct", tr("Correct")),
    _bind_first("f9", "report", tr("Report"), show=False),
    _bind_first("f8", "stop", tr("Stop, or go on later"), show=False),
]
WORDS_LIST = [
    _bind("enter", "choose", tr("Rows")),
    _bind("slash", "screen.filter", tr("Filter")),
    _bind("l", "screen.label", tr("Next label")),
    _bind("left,right", "screen.other_list", tr("The other group"), show=False),
]
GROUPS_TABLE = [
    _bind("enter", "choose", tr("Rows")),
    _bind("s", "screen.sort", tr("Sort")),
    _bind("g", "screen.groups", tr("By column")),
    _bind("p", "screen.kind", tr("How")),
    _bind("x", "screen.cross", tr("Cross")),
    _bind("left", "screen.across(-1)", tr("Column before"), show=False, name="column_before"),
    _bind("right", "screen.across(1)", tr("Column after"), show=False, name="column_after"),
    _bind("l", "screen.label", tr("Next label"), show=False),
]
APP = [
    _bind_first("f7", "results", tr("The file run"), show=False),
    _bind_first("ctrl+o", "open", tr("Open")),
    _bind_first("ctrl+p", "palette", tr("Commands")),
    _bind_first("f1", "help", tr("Help")),
    _bind_first("f12", "log", tr("Log"), show=False),
    _bind_first("ctrl+z", "suspend_process", tr("Suspend; fg goes on"), show=False),
    _bind_first("ctrl+q", "quit", tr("Quit")),
]

_TOGETHER = [
    [*TEXT_ENTRY, *TYPE_SCREEN],
    [*HISTORY, *TYPE_SCREEN],
    WORDS_LIST,
    [*RESULTS_TABLE, *RESULTS_SCREEN],
    GROUPS_TABLE,
    FILE_SCREEN,
]
"""Bindings that work at the same time, beside those of the app: of a widget and its screen."""

_WHILE_TYPING = [*TEXT_ENTRY, *TYPE_SCREEN, *RESULTS_SCREEN, *APP]
"""Bindings that work where a letter is text."""

_BY_NAME = {str(binding.id): binding for binding in chain(*_TOGETHER, APP)}
_FIRST = ("choose", "filter", "save", "pause", "summary", "groups", "words")
"""Bindings that come first in the footer, and so stay where it is narrow."""

_RANKS = {name: rank for rank, name in enumerate(dict.fromkeys((*_FIRST, *_BY_NAME)))}


@dataclass(frozen=True)
class Keymap:
    """The keys of the bindings, as the user changed them.

    Attributes:
        changed: id of a binding → its keys, between commas.
    """

    changed: Mapping[str, str]

    @classmethod
    def of(cls, changed: Mapping[str, Any], path: Path) -> "Keymap":
        """Return the keys that a table `[keys]` names.

        Args:
            changed: the table.
            path: the file it stands in, for messages.

        Raises:
            UserError: CONFIG, it names what is no binding, or two bindings that work at the same
                time have the same key.
        """
        unknown = [
            name
            for name, keys in changed.items()
            if name not in _BY_NAME or not isinstance(keys, str)
        ]
        if unknown:
            raise UserError(
                ExitCode.CONFIG,
                '{path}: expected a table [keys] with lines such as explain = "f10", for '
                "{names}; found {unknown}",
                path=path,
                names=", ".join(sorted(_BY_NAME)),
                unknown=", ".join(sorted(unknown)),
            )
        keymap = cls(changed)
        if problem := keymap._conflict():
            raise config_error("{path}: {reason}", path=path, reason=problem)
        return keymap

    def keys(self, binding: Binding) -> list[str]:
        """Return the keys of a binding."""
        keys = self.changed.get(str(binding.id), binding.key)
        return [key.strip() for key in keys.split(",")]

    def shown(self, name: str) -> str:
        """Return the first key of a binding as people write it."""
        return written(self.keys(_BY_NAME[name])[0])

    def _conflict(self) -> str | None:
        """Return what is wrong with the keys, if anything is."""
        for binding in _WHILE_TYPING:
            for key in self.keys(binding):
                if len(key) == 1:
                    return tr(
                        "{action} cannot have the key {key}: it is typed there",
                        action=binding.id,
                        key=key,
                    )
        for bindings in _TOGETHER:
            taken: dict[str, str | None] = {}
            for binding in [*bindings, *APP]:
                for key in self.keys(binding):
                    other = taken.setdefault(key, binding.id)
                    if other != binding.id:
                        return tr(
                            "{action} and {other} have the same key {key}",
                            action=binding.id,
                            other=other,
                            key=key,
                        )
        return None


def rank(binding: Binding) -> int:
    """Return the place of a binding among all, whatever keys the user chose; ours come last."""
    return _RANKS.get(binding.id or "", -1)


def written(key: str) -> str:
    """Return a key as people write it: "F2", "^O" for Ctrl and O."""
    if len(key) == 1:
        return key
    arrows = {"up": "↑", "down": "↓", "left": "←", "right": "→"}
    names = {"slash": "/", "escape": "Esc", "underscore": "_", "space": tr("Space"), **arrows}
    *modifiers, last = [names.get(part, part.capitalize()) for part in key.split("+")]
    if modifiers == ["Ctrl"]:
        return f"^{last}"
    return "+".join([*modifiers, last])
