"""What the app remembers between sessions, and where: choices, recent files, answers, corrections.

Files of JSON, written whole or by a line; none is needed, and all can be deleted.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from tui.app.model_worker import Answer
from tui.app.paths import is_file

_ANSWERS = 2000  # kept between sessions
_RECENT = 8  # files


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

        folders = PlatformDirs("sentiment-tui", appauthor=False)
        return cls(folders.user_config_path, folders.user_state_path, folders.user_data_path)

    @property
    def keys(self) -> Path:
        """The file in which the user chooses keys."""
        return self.config / "config.toml"

    @property
    def log(self) -> Path:
        """Where native code's complaints go while the app has the screen."""
        return self.state / "log.txt"


def _write(path: Path, values: Iterable[object]) -> None:
    """Replace a small file, so that it is the old or the new one whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.writelines(map(_line, values))
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _line(value: object) -> bytes:
    # Half a surrogate pair has no encoding; as a backslash escape it is what JSON has for it.
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """Read JSON objects, a line each. One that a crash left in half is passed over."""
    if is_file(path):
        for line in path.read_bytes().split(b"\n"):
            with suppress(ValueError):
                if isinstance(found := json.loads(line), dict):
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
        choices = cls()
        for name, value in next(_objects(state / "state.json"), {}).items():
            if type(value) is type(getattr(choices, name, None)):
                setattr(choices, name, value)
        choices.recent = [name for name in choices.recent if isinstance(name, str)]
        return choices

    def save(self, state: Path) -> None:
        """Write them down."""
        _write(state / "state.json", [asdict(self)])

    def opened(self, path: Path) -> None:
        """Put a file on top of the recent ones."""
        name = str(path.absolute())
        self.recent = [name, *(other for other in self.recent if other != name)][:_RECENT]


class Archive:
    """The answers of earlier sessions, in `history.jsonl`, oldest first."""

    def __init__(self, state: Path) -> None:
        self._path = state / "history.jsonl"

    def load(self) -> list[Answer]:
        """Read the answers, and forget the oldest when there are far too many."""
        answers = []
        for found in _objects(self._path):
            with suppress(TypeError, ValueError):
                answer = Answer(**found)
                labels = tuple(map(str, answer.labels))
                numbers = tuple(map(float, answer.probabilities))
                if numbers and len(labels) == len(numbers) and isinstance(answer.text, str):
                    answers.append(replace(answer, labels=labels, probabilities=numbers))
        if len(answers) > 2 * _ANSWERS:
            with suppress(OSError):  # another time, then
                _write(self._path, map(asdict, answers[-_ANSWERS:]))
        return answers[-_ANSWERS:]

    def add(self, answer: Answer) -> None:
        """Write an answer down."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with os.fdopen(os.open(self._path, flags, 0o600), "wb") as file:
            file.write(_line(asdict(answer)))

    def clear(self) -> None:
        """Forget all answers."""
        self._path.unlink(missing_ok=True)


class Corrections:
    """The right labels that the user gave, in a file that `python -m trainer --data` reads.

    Attributes:
        path: of the file: JSON objects with `text` and `label`, one for each text.
    """

    def __init__(self, data: Path) -> None:
        self.path = data / "corrections.jsonl"

    @cached_property
    def labels(self) -> dict[str, str]:
        """The right label of each text, as far as this session knows."""
        return self._read()

    def _read(self) -> dict[str, str]:
        found = [(one.get("text"), one.get("label")) for one in _objects(self.path)]
        return {t: label for t, label in found if isinstance(t, str) and isinstance(label, str)}

    def correct(self, text: str, label: str | None) -> None:
        """Note that the right label of `text` is `label`, or none; the last word counts."""
        labels = self._read()  # other sessions may have written meanwhile
        labels.pop(text, None)
        if label is not None:
            labels[text] = label
        _write(self.path, ({"text": text, "label": label} for text, label in labels.items()))
        self.labels = labels
