"""Finds a file: type its path and complete it, walk through folders, or take a recent one."""

from dataclasses import dataclass
from pathlib import Path

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from models.i18n import tr
from models.tables import format_of
from tui.aside import aside
from tui.looks import one_line, padded
from tui.screens.dialogs import Dialog
from tui.widgets.entry import Line, dropped_path
from tui.widgets.lines import Lines

_MOST = 5000  # entries of a folder that are looked at


@dataclass(frozen=True)
class Place:
    """A file or folder that can be chosen."""

    path: Path
    folder: bool
    note: str


def places_in(typed: str, recent: list[str]) -> list[Place]:
    """Return what a path that is being typed may become; for an empty one, recent files too."""
    path = Path(typed).expanduser()
    folder, start = (
        (path, "") if not typed or typed.endswith(("/", "\\")) else (path.parent, path.name)
    )
    found = []
    if not typed:
        known = [Path(name) for name in recent]
        found = [Place(one, False, tr("recent")) for one in known if one.is_file()]
    try:
        entries = sorted(list(folder.iterdir())[:_MOST], key=lambda entry: entry.name.casefold())
    except OSError:
        return found
    folders, files = [], []
    for entry in entries:
        if start.casefold() not in entry.name.casefold() or entry.name[0] == "." != start[:1]:
            continue
        if entry.is_dir():
            folders.append(Place(entry, True, ""))
        elif format_of(entry) is not None:
            files.append(Place(entry, False, _size(entry)))
    up = [Place(folder / "..", True, "")] if not start else []
    return [*found, *files, *up, *folders]


def _size(path: Path) -> str:
    size = float(path.stat().st_size)
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


class _Places(Lines):
    """What can be chosen."""

    def __init__(self) -> None:
        super().__init__(tr("No table here: CSV, TSV, JSONL, XLSX, Parquet or TXT."))
        self.places: list[Place] = []

    @property
    def rows(self) -> int:
        return len(self.places)

    def draw(self, row: int, width: int) -> Content:
        place = self.places[row]
        name = str(place.path) if place.note == tr("recent") else place.path.name
        name += "/" if place.folder else ""
        return Content.assemble(
            (padded(name, width - 10), "bold" if place.folder else ""),
            (f"{one_line(place.note, 10):>10}", "$foreground 60%"),
        )


class Pick(Dialog):
    """Returns the path of a file, or None."""

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with Vertical(classes="box tall") as box:
            box.border_title = tr("Open a file")
            box.border_subtitle = tr(
                "Tab completes · ↓ goes to the list · Enter opens · Esc goes back"
            )
            yield Line(placeholder=tr("Path of a table of texts"), id="path", select_on_focus=False)
            yield _Places()

    async def on_mount(self) -> None:
        """Show what is here."""
        await self._fill("")

    async def _fill(self, typed: str) -> None:
        places = await aside(lambda: places_in(typed, self.app.choices.recent))
        if self.query_one(Line).value == typed:
            self.query_one(_Places).places = places
            self.query_one(_Places).changed(cursor=0)

    @on(Line.Changed)
    async def _typed(self, event: Line.Changed) -> None:
        await self._fill(event.value)

    @on(Line.Submitted)
    def _submitted(self, event: Line.Submitted) -> None:
        path = dropped_path(event.value) or Path(event.value).expanduser()
        if event.value and path.is_file():
            self.dismiss(path)
        elif self.query_one(_Places).places:
            self._take()

    @on(Lines.Chosen)
    def _take(self) -> None:
        """Open the file under the cursor, or enter the folder."""
        listed = self.query_one(_Places)
        if not listed.places:
            return
        place = listed.places[listed.cursor]
        if place.folder:
            self._type(f"{place.path.resolve()}/".replace("//", "/"))
        else:
            self.dismiss(place.path)

    def _type(self, path: str) -> None:
        entry = self.query_one(Line)
        entry.value = path
        entry.cursor_position = len(path)
        entry.focus()

    def on_key(self, event: events.Key) -> None:
        """Complete at Tab, and let the arrows move between entry and list."""
        listed = self.query_one(_Places)
        if event.key == "tab" and listed.places:
            place = listed.places[listed.cursor if listed.has_focus else 0]
            self._type(f"{place.path}/" if place.folder else str(place.path))
        elif event.key == "down" and not listed.has_focus:
            listed.focus()
        elif event.key == "up" and listed.has_focus and listed.cursor == 0:
            self.query_one(Line).focus()
        else:
            return
        event.stop()
        event.prevent_default()
