"""Finds a file: type its path and complete it, walk through the tree, or take a recent one."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

from rich.text import Text, TextType
from textual import events, on
from textual.app import ComposeResult
from textual.suggester import Suggester
from textual.widgets import DirectoryTree, OptionList

from models.console.display import display
from models.console.i18n import tr
from tui.app.paths import is_file, is_folder, is_inside, typed_path
from tui.app.screens.dialogs import Dialog
from tui.app.threads import run_in_thread
from tui.app.widgets.text_entry import SafeInput, dropped_path

_MOST = 5000  # entries of a folder that are looked at

Wanted = Callable[[Path], bool]


def split(typed: str) -> tuple[Path, str]:
    """Return the folder that a path which is being typed is in, and how the rest of it begins."""
    path = typed_path(typed)
    whole = not typed or typed.endswith(("/", "\\"))
    return (path, "") if whole else (path.parent, path.name)


def entries(
    paths: Iterable[Path], start: str, wanted: Wanted, root: Path | None = None
) -> list[Path]:
    """Return the folders and wanted files in `root` that have `start` in their names.

    Hidden ones are left out, unless `start` begins as they do.
    """
    found = []
    for path in islice(paths, _MOST):
        hidden = path.name.startswith(".") and not start.startswith(".")
        named = not hidden and start.casefold() in path.name.casefold()
        if named and is_inside(path, root) and (wanted(path) or is_folder(path)):
            found.append(path)
    return found


def completed(typed: str, wanted: Wanted, root: Path | None = None) -> str | None:
    """Return the path that `typed` may become; files go first, and names that begin with it."""
    folder, start = split(typed)
    try:
        found = entries(folder.iterdir(), start, wanted, root)
    except OSError:
        return None

    def rank(path: Path) -> tuple[bool, bool, str]:
        begins = path.name.casefold().startswith(start.casefold())
        return not begins, is_folder(path), path.name.casefold()

    if not start or not found:
        return None
    best = min(found, key=rank)
    return typed[: len(typed) - len(start)] + best.name + ("/" if is_folder(best) else "")


class _Paths(Suggester):
    """Shows how a path goes on."""

    def __init__(self, wanted: Wanted, root: Path | None) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._wanted, self._root = wanted, root

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole path, where it begins as what is typed and can be shown as it is."""
        found = await run_in_thread(lambda: completed(value, self._wanted, self._root))
        return found if found and found.startswith(value) and display(found) == found else None


class _Tree(DirectoryTree):
    """The folders, and the files that are wanted."""

    ICON_NODE, ICON_NODE_EXPANDED, ICON_FILE = "▸ ", "▾ ", "  "

    def __init__(self, wanted: Wanted, root: Path | None) -> None:
        self.start, self._wanted, self._root = "", wanted, root
        super().__init__(root or Path.cwd())

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Leave out what is not wanted; in the uppermost folder, also by what is typed."""
        paths = list(islice(paths, _MOST))
        top = bool(paths) and paths[0].parent == self.path
        return entries(paths, self.start if top else "", self._wanted, self._root)

    def process_label(self, label: TextType) -> Text:
        """Show a name without what could act on the terminal."""
        return Text(display(label))


class FilePicker(Dialog):
    """Returns the path of a file, or None.

    Args:
        title: what is looked for.
        wanted: tells a file that can be taken.
        recent: paths to offer.
    """

    scrolls = False

    def __init__(self, title: str, wanted: Wanted, recent: Sequence[Path] = ()) -> None:
        super().__init__(title, tr("Tab completes · ↑ ↓ move · Enter opens · Esc goes back"))
        self._wanted = wanted
        self._recent = [path for path in recent if is_file(path)]

    def _body(self) -> ComposeResult:
        suggester = _Paths(self._wanted, self.app.root)
        yield SafeInput(
            placeholder=tr("Path"), suggester=suggester, id="path", select_on_focus=False
        )
        if self._recent:
            names = [tr("recent") + f"  {display(path)}" for path in self._recent]
            yield OptionList(*names, markup=False)
        yield _Tree(self._wanted, self.app.root)

    @on(SafeInput.Changed)
    def _typed(self, event: SafeInput.Changed) -> None:
        folder, start = split(event.value)
        tree = self.query_one(_Tree)
        tree.start = start
        tree.path = folder.absolute()

    @on(SafeInput.Submitted)
    async def _submitted(self, event: SafeInput.Submitted) -> None:
        path = dropped_path(event.value, self.app.root) or typed_path(event.value)
        if not self.app.allows(path):
            return
        if not is_file(path) and (found := await self._completed(event.value)):
            path = typed_path(found)
        if is_file(path):
            self.dismiss(path)
        elif is_folder(path):
            self._type(f"{path}/")
        elif event.value:
            self.app.notify(tr("no such file: {path}", path=event.value), severity="error")

    @on(OptionList.OptionSelected)
    def _again(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._recent[event.option_index])

    @on(DirectoryTree.FileSelected)
    def _taken(self, event: DirectoryTree.FileSelected) -> None:
        # a folder that is typed and not there is called one as well
        if is_file(event.path) and self.app.allows(event.path):
            self.dismiss(event.path)

    async def _completed(self, typed: str) -> str | None:
        root = self.app.root
        return await run_in_thread(lambda: completed(typed, self._wanted, root))

    def _type(self, path: str) -> None:
        entry = self.query_one(SafeInput)
        entry.value = path
        entry.cursor_position = len(path)

    async def on_key(self, event: events.Key) -> None:
        """Complete at Tab, and let the arrows move between the parts."""
        typed, focused = self.query_one(SafeInput), self.focused
        if event.key == "down" and focused is typed:
            self.focus_next()
        elif event.key == "up" and (
            (isinstance(focused, OptionList) and not focused.highlighted)
            or (isinstance(focused, DirectoryTree) and focused.cursor_line <= 0)
        ):
            self.focus_previous()
        elif event.key == "tab" and focused is typed and typed.value:
            if found := await self._completed(typed.value):
                self._type(found)
        else:
            return
        event.stop()
        event.prevent_default()
