"""Before a file is classified: what was recognised of it, its first records, and what to change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from models.command import UserError
from models.display import display
from models.i18n import tr
from models.tables import FORMATS, OUTPUT_FORMATS, TEXT_FORMATS, Dialect
from tui.aside import aside
from tui.engine import reason_of
from tui.inspection import Found, Settings, inspect
from tui.looks import one_line, padded
from tui.screens.dialogs import Ask, Question
from tui.widgets.bars import KeyBar, StatusBar
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.app import SentimentApp

_ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16")
_DELIMITERS = {",": ",", "\t": "Tab", ";": ";", "|": "|"}


@dataclass(frozen=True)
class Field:
    """A line of what was recognised, and what it can be changed to."""

    name: str
    value: str
    choices: Sequence[tuple[str, Settings]] = ()
    path: bool = False


def fields_of(settings: Settings, found: Found | None) -> list[Field]:
    """Return what can be changed, as things stand."""
    dialect = found.dialect if found else settings.dialect
    columns = found.columns if found else ()

    def reading(**changes: Any) -> Settings:
        return replace(settings, dialect=replace(settings.dialect, **changes))

    fields = [
        Field(tr("Output"), str(settings.output), path=True),
        Field(
            tr("Text column"),
            (found and found.text_column) or "?",
            [(name, replace(settings, text_column=name)) for name in columns],
        ),
        Field(
            tr("Label column, to score by"),
            settings.label_column or "–",
            [(tr("none"), replace(settings, label_column=None))]
            + [(name, replace(settings, label_column=name)) for name in columns],
        ),
        Field(
            tr("Format"),
            dialect.format or "?",
            [(name, replace(settings, dialect=Dialect(format=name))) for name in FORMATS],
        ),
    ]
    if dialect.format in TEXT_FORMATS:
        choices = [(name, reading(encoding=name)) for name in _ENCODINGS]
        fields.append(Field(tr("Encoding"), dialect.encoding or "?", choices))
    if dialect.format in ("csv", "tsv"):
        shown = _DELIMITERS.get(dialect.delimiter or "", dialect.delimiter or "?")
        choices = [(name, reading(delimiter=one)) for one, name in _DELIMITERS.items()]
        fields.append(Field(tr("Delimiter"), shown, choices))
        yes_no = [(tr("yes"), reading(header=True)), (tr("no"), reading(header=False))]
        fields.append(
            Field(tr("First row names the columns"), yes_no[not dialect.header][0], yes_no)
        )
    return fields


class _Fields(Lines):
    """The settings, one a line."""

    def __init__(self) -> None:
        super().__init__(id="fields")
        self.fields: list[Field] = []

    @property
    def rows(self) -> int:
        return len(self.fields)

    def draw(self, row: int, width: int) -> Content:
        field = self.fields[row]
        name = padded(field.name, min(28, width // 2))
        return Content.assemble((name, "$foreground 60%"), one_line(field.value, width - 30))


class _Preview(Lines):
    """The first records, the text column first."""

    def __init__(self) -> None:
        super().__init__(tr("No record can be shown."), id="preview")
        self.lines: list[tuple[str, str, str]] = []

    @property
    def rows(self) -> int:
        return len(self.lines)

    def draw(self, row: int, width: int) -> Content:
        number, text, rest = self.lines[row]
        half = max(width * 2 // 3 - 6, 10)
        return Content.assemble(
            (f"{number:>5} ", "$foreground 60%"),
            padded(text, half),
            (" " + one_line(rest, width - half - 7), "$foreground 60%"),
        )


def _lines(found: Found) -> list[tuple[str, str, str]]:
    """Return number, text and the rest of each record of the preview."""
    lines = []
    for record in found.preview:
        text = str(record.fields.get(found.text_column or "", ""))
        rest = [
            f"{name}={value}" for name, value in record.fields.items() if name != found.text_column
        ]
        lines.append((str(record.place.number), text, " · ".join(rest)))
    return lines


class FileScreen(Screen[None]):
    """Shows how a file will be read; from here it is classified."""

    app: "SentimentApp"
    BINDINGS = [Binding("escape", "app.pop_screen", show=False)]  # noqa: RUF012 - Textual types it so

    def __init__(self, source: Path) -> None:
        super().__init__()
        suffix = source.suffix if source.suffix.removeprefix(".") in OUTPUT_FORMATS else ".csv"
        self._settings = Settings(source, source.with_name(f"{source.stem}.labelled{suffix}"))
        self._found: Found | None = None
        self._problem: str | None = None

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(id="recognised", markup=False)
        yield _Fields()
        yield _Preview()
        yield StatusBar()
        yield KeyBar()

    async def on_mount(self) -> None:
        """Take the keys that the user chose, and look at the file."""
        self.app.keys.bind(self, "file")
        self.query_one(_Fields).border_title = tr("How it is read")
        self.query_one(_Preview).border_title = tr("The first records")
        self.query_one(_Fields).focus()
        self._say(tr("Reading {name}…", name=self._settings.source))
        self._inspect(self._settings)

    def _inspect(self, settings: Settings) -> None:
        self._settings = settings
        self.run_worker(self._look(settings), exclusive=True, description="inspect")

    async def _look(self, settings: Settings) -> None:
        """Read the file, and show what was found."""
        try:
            self._found = await aside(lambda: inspect(settings))
            self._problem = str(self._found.problem) if self._found.problem else None
        except (UserError, OSError) as error:
            self._found, self._problem = None, reason_of(error)
        self._show()

    def _show(self) -> None:
        found = self._found
        if self._problem is not None:
            self._say(f"✗ {self._problem}", "$text-error")
        elif found is not None:
            counts = tr(
                "{name}: {records} records, {rejected} of them cannot be read",
                name=Path(found.name).name,
                records=f"{found.records:,}",
                rejected=f"{found.rejected:,}",
            )
            self._say(counts)
        fields = self.query_one(_Fields)
        fields.fields = fields_of(self._settings, found)
        fields.changed()
        preview = self.query_one(_Preview)
        preview.lines = _lines(found) if found is not None else []
        preview.changed(cursor=0)
        self.refresh_bindings()

    def _say(self, text: str, style: str = "bold") -> None:
        self.query_one("#recognised", Static).update(Content.styled(display(text), style))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer to classify only what can be."""
        ready = self._found is not None and self._problem is None and self.app.state == "ready"
        return action != "classify" or ready

    def action_change(self) -> None:
        """Ask for another value of the setting under the cursor."""
        listed = self.query_one(_Fields)
        field = listed.fields[listed.cursor]

        def named(path: str | None) -> None:
            if path:
                output = Path(path).expanduser()
                self._inspect(replace(self._settings, output=output, output_format=None))

        def chosen(number: int | None) -> None:
            if number is not None:
                self._inspect(field.choices[number][1])

        if field.path:
            self.app.push_screen(Ask(field.name, field.value), named)
        elif field.choices:
            self.app.push_screen(Question(field.name, [name for name, _ in field.choices]), chosen)

    @on(Lines.Chosen)
    def _chosen(self, event: Lines.Chosen) -> None:
        if event.lines.id == "fields":
            self.action_change()

    def action_classify(self) -> None:
        """Classify, when it is clear that nothing is lost by it."""
        output = self._settings.output
        assert output is not None and self._found is not None  # noqa: S101 - for mypy
        found = self._found

        def answered(number: int | None) -> None:
            if number == 0:
                self.app.run_job(replace(self._settings, force=True), found)

        if output.exists():
            title = tr("{name} exists already", name=output.name)
            self.app.push_screen(Question(title, [tr("Replace it"), tr("Go back")]), answered)
        else:
            self.app.run_job(self._settings, found)
