"""What the app keeps between sessions, and where: preferences, recent files, answers, corrections.

Files of JSON, written whole or by a line; none is needed, and all can be deleted.
"""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from models.files import draft_of, json_bytes
from models.review import Level
from tui.app.model_worker import Answer
from tui.batch.status import Status

_MAX_ANSWERS = 2000  # kept between sessions
_MAX_RECENT = 8


@dataclass(frozen=True)
class UserDirs:
    """The folders of one user. On Linux the XDG variables move them.

    Attributes:
        config: holds config.toml, which the user writes.
        state: holds what the app notes for itself, its log among it.
        data: holds corrections.jsonl, which the user may want to keep.
    """

    config: Path
    state: Path
    data: Path

    @classmethod
    def of_user(cls) -> Self:
        """Return the folders that this system has for them; none is made before it is used."""
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("sentiment-tui", appauthor=False)
        return cls(dirs.user_config_path, dirs.user_state_path, dirs.user_data_path)

    @property
    def config_file(self) -> Path:
        """The file in which the user chooses keys."""
        return self.config / "config.toml"

    @property
    def log(self) -> Path:
        """Where native code's complaints go while the app has the screen."""
        return self.state / "log.txt"


def _write_objects(path: Path, objects: Iterable[object]) -> None:
    """Replace a file of JSON, a line each, which only the user can read."""
    with draft_of(path) as draft:
        draft.touch(mode=0o600)
        draft.write_bytes(b"".join(map(json_bytes, objects)))


def _read_objects(path: Path) -> Iterator[dict[str, Any]]:
    """Yield JSON objects, a line each. One that a crash left in half is passed over."""
    if not os.path.isfile(path):
        return
    for line in path.read_bytes().split(b"\n"):
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found


@dataclass
class Preferences:
    """What the user chose on the screen, kept in `state.json`.

    Attributes:
        theme: a name of `tui.app.theme.THEMES`.
        language: "en" or "zh"; "" follows the locale.
        history: answers are kept between sessions.
        live: answers come while one types.
        recent: files that were opened, the latest first.
    """

    theme: str = "dark"
    language: str = ""
    history: bool = True
    live: bool = True
    recent: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, state: Path) -> Self:
        """Read them back; what is not there, or of another type, is as at first."""
        preferences = cls()
        kept = next(_read_objects(state / "state.json"), {})
        for name, value in kept.items():
            if type(value) is type(getattr(preferences, name, None)):
                setattr(preferences, name, value)
        preferences.recent = [path for path in preferences.recent if isinstance(path, str)]
        return preferences

    def save(self, state: Path) -> None:
        """Write them down."""
        _write_objects(state / "state.json", [asdict(self)])

    def opened(self, path: Path) -> None:
        """Put a file on top of the recent ones."""
        name = str(path.absolute())
        if name in self.recent:
            self.recent.remove(name)
        self.recent = [name, *self.recent][:_MAX_RECENT]


class Archive:
    """The answers of earlier sessions, in `history.jsonl`, oldest first."""

    def __init__(self, state: Path) -> None:
        self._path = state / "history.jsonl"

    def load(self) -> list[Answer]:
        """Read the answers, and forget the oldest when there are far too many."""
        answers = []
        for found in _read_objects(self._path):
            with suppress(TypeError, ValueError):
                answers.append(_answer_of(found))
        if len(answers) > 2 * _MAX_ANSWERS:
            with suppress(OSError):  # another time, then
                _write_objects(self._path, map(asdict, answers[-_MAX_ANSWERS:]))
        return answers[-_MAX_ANSWERS:]

    def add(self, answer: Answer) -> None:
        """Write an answer down."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with os.fdopen(os.open(self._path, flags, 0o600), "wb") as file:
            file.write(json_bytes(asdict(answer)))

    def clear(self) -> None:
        """Forget all answers."""
        self._path.unlink(missing_ok=True)


def _answer_of(found: dict[str, Any]) -> Answer:
    """Return an answer that was kept; raise TypeError or ValueError where it is none."""
    found["labels"] = tuple(map(str, found.get("labels", ())))
    found["probabilities"] = tuple(map(float, found.get("probabilities", ())))
    found.pop("unsure", None)  # of versions before there were levels
    found["status"] = Status(found.get("status", Status.OK))
    if found.get("level"):
        found["level"] = Level(**found["level"])
    answer = Answer(**found)
    if not isinstance(answer.text, str) or not answer.labels:
        raise ValueError
    if len(answer.labels) != len(answer.probabilities):
        raise ValueError
    return answer


class Corrections:
    """The right labels that the user gave, in a file that `python -m trainer --data` reads.

    Attributes:
        path: the file: JSON objects with `text` and `label`, one for each text.
    """

    def __init__(self, data: Path) -> None:
        self.path = data / "corrections.jsonl"
        self._undone: list[Mapping[str, str | None]] = []  # what takes back each of this session

    @cached_property
    def labels(self) -> dict[str, str]:
        """The right label of each text, as far as this session knows."""
        return self._read()

    def _read(self) -> dict[str, str]:
        labels = {}
        for found in _read_objects(self.path):
            text, label = found.get("text"), found.get("label")
            if isinstance(text, str) and isinstance(label, str):
                labels[text] = label
        return labels

    def correct(self, changes: Mapping[str, str | None]) -> None:
        """Note the right label of each of some texts, None for none; the last word counts."""
        before = self._write(changes)
        if before != changes:
            self._undone.append(before)

    def undo(self) -> Collection[str]:
        """Take back the last correction of this session, if there was one, and return its texts."""
        if not self._undone:
            return ()
        self._write(self._undone[-1])
        return self._undone.pop().keys()

    def _write(self, changes: Mapping[str, str | None]) -> Mapping[str, str | None]:
        """Write the labels down, and return those that the texts had before."""
        labels = self._read()  # other sessions may have written meanwhile
        before = {text: labels.pop(text, None) for text in changes}
        for text, label in changes.items():
            if label is not None:
                labels[text] = label
        if before != changes:
            objects = [{"text": text, "label": label} for text, label in labels.items()]
            _write_objects(self.path, objects)
        self.labels = labels
        return before
