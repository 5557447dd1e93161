"""Finding a file: type its path and complete it, walk through the tree, or take a recent one."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

from rich.style import Style
from rich.text import Text, TextType
from textual import events, on
from textual.app import ComposeResult
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import DirectoryTree, OptionList
from textual.widgets.directory_tree import DirEntry
from textual.widgets.tree import TreeNode

from models.console import display, tr
from tui.app.paths import is_inside, typed_path
from tui.app.screens.dialogs import Dialog, Options
from tui.app.threads import run_in_thread
from tui.app.widgets.text_entry import SafeInput, dropped_path

_MAX_ENTRIES = 5000  # of a folder that are looked at

Wanted = Callable[[Path], bool]


def split(typed: str) -> tuple[Path, str]:
    """Return the folder of a path that is being typed, and the beginning of the name in it."""
    path = typed_path(typed)
    if not typed or typed.endswith(("/", "\\")):
        return path, ""
    return path.parent, path.name


def entries(
    paths: Iterable[Path], start: str, wanted: Wanted, root: Path | None = None
) -> list[Path]:
    """Return the folders and wanted files in `root` that have `start` in their names.

    Hidden ones are left out, unless `start` begins as they do.
    """
    found = []
    for path in islice(paths, _MAX_ENTRIES):
        if path.name.startswith(".") and not start.startswith("."):
            continue
        if start.casefold() not in path.name.casefold() or not is_inside(path, root):
            continue
        if wanted(path) or os.path.isdir(path):
            found.append(path)
    return found


def completed(typed: str, wanted: Wanted, root: Path | None = None) -> str | None:
    """Return the path that `typed` may become; files go first, and names that begin with it."""
    folder, start = split(typed)
    if not start:
        return None
    try:
        found = entries(folder.iterdir(), start, wanted, root)
    except OSError:
        return None

    def rank(path: Path) -> tuple[bool, bool, str]:
        name = path.name.casefold()
        return not name.startswith(start.casefold()), os.path.isdir(path), name

    best = min(found, key=rank, default=None)
    if best is None:
        return None
    end = "/" if os.path.isdir(best) else ""
    return typed.removesuffix(start) + best.name + end


class _PathSuggester(Suggester):
    """Shows how a path goes on."""

    def __init__(self, wanted: Wanted, root: Path | None) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._wanted, self._root = wanted, root

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole path, where it begins as what is typed and can be shown as it is."""
        found = await run_in_thread(lambda: completed(value, self._wanted, self._root))
        if found and found.startswith(value) and display(found) == found:
            return found
        return None


class _FileTree(DirectoryTree):
    """The folders, and the files that are wanted."""

    ICON_NODE, ICON_NODE_EXPANDED, ICON_FILE = "▸ ", "▾ ", "  "

    def __init__(self, wanted: Wanted, root: Path | None) -> None:
        self.start, self._wanted, self._root = "", wanted, root
        super().__init__(root or Path.cwd())

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Leave out what is not wanted; in the uppermost folder, also by what is typed."""
        paths = list(islice(paths, _MAX_ENTRIES))
        start = ""
        if paths and paths[0].parent == self.path:
            start = self.start
        return entries(paths, start, self._wanted, self._root)

    def render_label(self, node: TreeNode[DirEntry], base_style: Style, style: Style) -> Text:
        """Show which folder leads up."""
        label = super().render_label(node, base_style, style)
        return Text("‥ ") + label if node.is_root else label

    def process_label(self, label: TextType) -> Text:
        """Show a name without what could act on the terminal."""
        return Text(display(label))


class FilePicker(Dialog):
    """Asks for a file, and returns its path, or None.

    Args:
        title: the question.
        wanted: tells a file that can be taken.
        recent: paths to offer.
    """

    scrolls = False

    def __init__(self, title: str, wanted: Wanted, recent: Sequence[Path] = ()) -> None:
        super().__init__(title, tr("Tab completes · ↑ ↓ move · Enter opens · Esc goes back"))
        self._wanted = wanted
        self._recent = [path for path in recent if os.path.isfile(path)]

    def _body(self) -> ComposeResult:
        root = self.app.root
        suggester = _PathSuggester(self._wanted, root)
        yield SafeInput(
            placeholder=tr("Path"), suggester=suggester, id="path", select_on_focus=False
        )
        if self._recent:
            names = [tr("recent") + f"  {display(path)}" for path in self._recent]
            yield Options(*names, markup=False)
        yield _FileTree(self._wanted, root)

    @on(SafeInput.Changed)
    def _show_folder(self, event: SafeInput.Changed) -> None:
        folder, start = split(event.value)
        tree = self.query_one(_FileTree)
        tree.start = start
        tree.path = folder.absolute()

    @on(SafeInput.Submitted)
    async def _take_typed(self, event: SafeInput.Submitted) -> None:
        path = dropped_path(event.value, self.app.root) or typed_path(event.value)
        if not self.app.allows(path):
            return
        if not os.path.isfile(path):
            path = typed_path(await self._completed(event.value) or event.value)
        if os.path.isfile(path):
            self.dismiss(path)
        elif os.path.isdir(path):
            self._type(f"{path}/")
        elif event.value:
            self.app.notify(tr("no such file: {path}", path=event.value), severity="error")

    @on(OptionList.OptionSelected)
    def _take_recent(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._recent[event.option_index])

    @on(DirectoryTree.FileSelected)
    def _take_from_tree(self, event: DirectoryTree.FileSelected) -> None:
        # a folder that is typed and not there is called a file as well
        if os.path.isfile(event.path) and self.app.allows(event.path):
            self.dismiss(event.path)

    @on(DirectoryTree.DirectorySelected)
    def _go_up(self, event: DirectoryTree.DirectorySelected) -> None:
        """Go from the uppermost folder to the one that it is in."""
        if event.node.is_root:
            event.node.expand()
            parent = event.path.absolute().parent
            if is_inside(parent, self.app.root):
                self._type(str(parent / "_")[:-1])

    async def _completed(self, typed: str) -> str | None:
        root = self.app.root
        return await run_in_thread(lambda: completed(typed, self._wanted, root))

    def _type(self, path: str) -> None:
        line = self.query_one(SafeInput)
        line.value = path
        line.cursor_position = len(path)

    async def on_key(self, event: events.Key) -> None:
        """Complete at Tab, and let the arrows move between the parts."""
        line = self.query_one(SafeInput)
        if event.key == "down" and line.has_focus:
            self.focus_next()
        elif event.key == "up" and _is_at_top(self.focused):
            self.focus_previous()
        elif event.key == "tab" and line.has_focus and line.value:
            if found := await self._completed(line.value):
                self._type(found)
        else:
            return
        event.stop()
        event.prevent_default()


def _is_at_top(widget: Widget | None) -> bool:
    """Return whether a list has its cursor on the first line."""
    if isinstance(widget, OptionList):
        return not widget.highlighted
    return isinstance(widget, DirectoryTree) and widget.cursor_line <= 0
