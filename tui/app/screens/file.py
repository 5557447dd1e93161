"""Before a file is classified: what was recognised of it, its first records, and what to change."""

import gc
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from models.console.command import UserError, reason_of
from models.console.display import display
from models.console.i18n import tr
from models.tables import FORMATS, OUTPUT_FORMATS, TEXT_FORMATS, Dialect, Record, format_of
from models.tables.encoding import ENCODINGS
from models.tables.excel import sheets_of
from tui.app.job import Job
from tui.app.paint import FAINT
from tui.app.paths import exists, typed_output
from tui.app.screens.dialogs import Ask, Question
from tui.app.screens.page import Page
from tui.app.screens.results import ResultsScreen
from tui.app.theme import one_line, padded
from tui.app.threads import aside
from tui.app.widgets.virtual_list import Lines
from tui.batch.inspection import Found, inspect
from tui.batch.journal import run_folder
from tui.batch.receipt import as_interrupted
from tui.batch.settings import BatchSettings

_DELIMITERS = {",": ",", "\t": "Tab", ";": ";", "|": "|"}
_PREFIXES = ("", "new_", "model_")
_HEADERS = (*range(1, 10), 0)  # lines that may name the columns; 0: none does


class Field(NamedTuple):
    """A line of what was recognised; where its choices are None, it is a path.

    On the command line its name is `flag`.
    """

    name: str
    value: str
    choices: Mapping[str, BatchSettings] | None
    flag: str


def fields_of(settings: BatchSettings, found: Found | None, sheets: Sequence[str]) -> list[Field]:
    """Return what can be changed, as things stand; `sheets` are those of a workbook."""
    assert isinstance(settings.source, Path)  # noqa: S101 - for mypy
    dialect = found.dialect if found else settings.dialect
    if dialect.format is None:
        dialect = replace(dialect, format=format_of(settings.source))
    columns = found.columns if found else ()
    text_column = found.text_column if found else None

    def reading(**changes: Any) -> BatchSettings:
        return replace(settings, dialect=replace(settings.dialect, **changes))

    texts = {name: replace(settings, text_column=name) for name in columns}
    labels = {name: replace(settings, label_column=name) for name in columns}
    formats = {name: replace(settings, dialect=Dialect(format=name)) for name in FORMATS}
    unlabelled = {tr("none"): replace(settings, label_column=None)}
    fields = [
        Field(tr("Output"), str(settings.output), None, "--output"),
        Field(tr("Text column"), text_column or "?", texts, "--text-column"),
        Field(
            *(tr("Label column, to score by"), settings.label_column or "–", unlabelled | labels),
            "--label-column",
        ),
        Field(tr("Format"), dialect.format or "?", formats, "--from"),
    ]
    if dialect.format in TEXT_FORMATS:
        encodings = {name: reading(encoding=name) for name in (*ENCODINGS, "utf-16")}
        fields.append(Field(tr("Encoding"), dialect.encoding or "?", encodings, "--encoding"))
    if dialect.format in ("csv", "tsv"):
        mark = dialect.delimiter or "?"
        delimiters = {name: reading(delimiter=one) for one, name in _DELIMITERS.items()}
        shown = _DELIMITERS.get(mark, mark)
        fields.append(Field(tr("Delimiter"), shown, delimiters, "--delimiter"))
    if dialect.format == "xlsx":
        named = {name: reading(sheet=name) for name in sheets}
        fields.append(Field(tr("Sheet"), dialect.sheet or "?", named, "--sheet"))
    if dialect.format in ("csv", "tsv", "xlsx"):
        lines = {str(line or tr("none")): reading(header=line) for line in _HEADERS}
        header = str(dialect.header or tr("none"))
        fields.append(Field(tr("Line that names the columns"), header, lines, "--header"))
    prefixes = {prefix or tr("none"): replace(settings, prefix=prefix) for prefix in _PREFIXES}
    prefix = settings.prefix or "–"
    fields.append(Field(tr("Prefix of the new columns"), prefix, prefixes, "--prefix"))
    return fields


def in_words_of(fields: Sequence[Field], said: str) -> str:
    """Return what was said with each option of the command line called as it is here."""
    names = {field.flag: f"“{field.name}”" for field in fields}
    return re.sub("--[a-z-]+", lambda flag: names.get(flag[0], flag[0]), said)


class FileScreen(Page):
    """Shows how a file will be read; from here it is classified."""

    BINDINGS = [Binding("escape", "app.pop_screen", show=False)]  # noqa: RUF012 - Textual types it so
    place = "file"

    def __init__(self, source: Path) -> None:
        super().__init__()
        suffix = source.suffix if format_of(source) in OUTPUT_FORMATS else ".csv"
        self._proposed = source.with_name(f"{source.stem}.labelled{suffix}")
        self._settings = as_interrupted(BatchSettings(source, self._proposed))
        self._found: Found | None = None
        self._sheets: Sequence[str] = ()
        self._problem: str | None = None

    def _body(self) -> ComposeResult:
        fields: list[Field] = []
        preview: list[Record] = []
        yield Static(id="recognised", markup=False)
        yield Lines(fields, self._draw_field, id="fields")
        yield Lines(preview, self._draw_record, tr("No record can be shown."), id="preview")

    def on_mount(self) -> None:
        """Look at the file."""
        self.query_one("#fields").focus()
        self._inspect(self._settings)

    @work(exclusive=True, description="inspect")
    async def _inspect(self, settings: BatchSettings) -> None:
        """Read the file, and show what was found."""
        self._settings, self._found, self._problem = settings, None, None
        self.call_later(self.tell)
        try:
            self._found = await aside(lambda: inspect(settings))
            self._problem = str(self._found.problem) if self._found.problem else None
        except (UserError, OSError) as error:
            self._problem = reason_of(error)
        source = settings.source
        if isinstance(source, Path) and (settings.dialect.format or format_of(source)) == "xlsx":
            self._sheets = await aside(lambda: sheets_of(source))
        self.call_later(self.tell)

    def tell(self) -> None:
        """Show what was found."""
        found, output = self._found, self._settings.output
        assert isinstance(output, Path)  # noqa: S101 - for mypy
        fields = fields_of(self._settings, found, self._sheets)
        if self._problem is not None:
            said = in_words_of(fields, display(self._problem))
            shown = Content.styled(f"✗ {said}", "$text-error")
        elif found is None:
            shown = Content(tr("Reading {name}…", name=self._settings.source))
        else:
            name = Path(found.name).name
            lines = [tr("{name}: {records:record}", name=name, records=found.records)]
            if found.rejected:
                lines[0] += tr(", {count:,} of them cannot be read", count=found.rejected)
            lines += [one_line(f"  {reject}", self.size.width - 4) for reject in found.rejects]
            if exists(run_folder(output)):
                lines.append(tr("A run of it was interrupted, and goes on where it stopped."))
            shown = Content.styled(in_words_of(fields, "\n".join(lines)), "bold")
        self.query_one("#recognised", Static).update(shown)
        for name, title, items in (
            ("#fields", tr("How it is read"), fields),
            ("#preview", tr("The first records"), found.preview if found else ()),
        ):
            listed = self.query_one(name, Lines)
            listed.border_title = title
            listed.show(items)
        self.query_one("#fields").border_subtitle = tr("Enter changes · Esc goes back")
        self.refresh_bindings()

    def _draw_field(self, field: Field, width: int) -> Content:
        name = padded(field.name, min(28, width // 2))
        return Content.assemble((name, FAINT), one_line(field.value, width - 30))

    def _draw_record(self, record: Record, width: int) -> Content:
        """Draw a record: number, text, and the other columns."""
        column = self._found and self._found.text_column
        rest = [f"{name}={value}" for name, value in record.fields.items() if name != column]
        half = max(width * 2 // 3 - 6, 10)
        return Content.assemble(
            (f"{record.place.number:>5} ", FAINT),
            padded(str(record.fields.get(column or "", "")), half),
            (" " + one_line(" · ".join(rest), width - half - 7), FAINT),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer to classify only what can be."""
        ready = self._found is not None and self._problem is None and self.app.state == "ready"
        return action != "classify" or ready

    @on(Lines.Chosen, "#fields")
    @work(description="change")
    async def _change(self) -> None:
        """Ask for another value of the setting under the cursor."""
        listed: Lines[Field] = self.query_one("#fields", Lines)
        field = listed.items[listed.cursor]
        if field.choices is None:
            if path := await self.app.push_screen_wait(Ask(field.name, field.value)):
                output = typed_output(path, self._proposed)
                self._inspect(replace(self._settings, output=output, output_format=None))
            return
        if not field.choices:  # none is known before the file is read
            self.app.bell()
            return
        names = list(field.choices)
        number = await self.app.push_screen_wait(Question(field.name, names))
        if number is not None:
            self._inspect(field.choices[names[number]])

    @work(description="classify")
    async def action_classify(self) -> None:
        """Classify, when it is clear that nothing is lost by it."""
        settings, found = self._settings, self._found
        assert isinstance(settings.output, Path)  # noqa: S101 - for mypy
        if found is None:  # it is being read anew since the key was pressed
            return
        if not await self.may_write(settings.output, settings):
            return
        if self.app.classifying:  # by the same key, pressed twice
            return
        job = self.app.job = Job(
            self.app.engine,
            replace(settings, force=exists(settings.output)),
            found,
            self.app.labels,
        )
        # Now, for in the run, a collection that walks all that was imported would hold the loop up
        # for 100 ms.
        gc.collect()
        gc.freeze()
        job.start(self.app.post_message)
        self.app.show(ResultsScreen(job))
