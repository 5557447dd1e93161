"""The file screen: shows how a file will be read, and starts to classify it."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from models.console import UserError, display, one_line, reason_of, tr
from models.files import file_digest
from models.label_proposal import proposed_map
from models.tables import WORKBOOKS, Record, bare_name, format_of, output_suffix
from models.tables.excel import sheets_of
from tui.app import keymap
from tui.app.job import Job
from tui.app.paths import typed_output, typed_path
from tui.app.screens.file.fields import (
    Field,
    changed,
    fields_of,
    free_prefixes,
    in_words_of,
    read_alike,
    taken,
)
from tui.app.screens.page import Page
from tui.app.screens.results import ResultsScreen
from tui.app.theme import FAINT, padded
from tui.app.threads import run_in_thread
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.finished import Finished, find_finished, read_finished
from tui.batch.inspection import Found, inspect, with_output
from tui.batch.journal import run_folder
from tui.batch.receipt import as_interrupted
from tui.batch.settings import BatchSettings
from tui.batch.truth import label_map_of, with_counts

_VALUES_SHOWN = 8


class FileScreen(Page):
    """Shows how a file will be read; from here it is classified."""

    BINDINGS = [Binding("escape", "leave", show=False), *keymap.FILE_SCREEN]
    AUTO_FOCUS = "#fields"
    BINDING_GROUP_TITLE = tr("Before a file is classified")

    def __init__(self, source: Path) -> None:
        super().__init__()
        format = format_of(source)
        suffix = ".csv" if format in (None, "txt") else output_suffix(source, format)
        self._proposed = source.with_name(f"{bare_name(source)}.labelled{suffix}")
        no_opinion = self.app.config.no_opinion
        settings = BatchSettings(source, self._proposed, no_opinion=no_opinion)
        self._settings = as_interrupted(settings)
        self._found: Found | None = None
        self._finished: Finished | None = None
        self._sheets: Sequence[str] = ()
        self._problem: str | None = None
        self._checked: tuple[str, ...] = ()  # labels that `_check` went by

    def _body(self) -> ComposeResult:
        fields: list[Field] = []
        preview: list[Record] = []
        yield Static(id="recognised", markup=False)
        yield VirtualList(fields, self._draw_field, id="fields")
        yield VirtualList(preview, self._draw_record, id="preview")

    def on_mount(self) -> None:
        """Begin to read the file."""
        self._look_for_answers(then_inspect=True)

    @work
    async def _look_for_answers(self, *, then_inspect: bool = False) -> None:
        """Read the file; where it has answers, offer to browse them."""
        settings = self._settings
        source = Path(str(settings.source))
        known: dict[str, Any] = {"dialect": settings.dialect, "text_column": settings.text_column}
        with suppress(UserError, OSError):  # what is wrong, `_inspect` says
            self._finished = await run_in_thread(lambda: find_finished(source, **known))
        if then_inspect:
            self._inspect(self._settings)  # of which some may have been changed meanwhile
        if self._finished is None:
            return
        title = tr("{name} has answers already", name=source.name)
        answers = [tr("Browse them"), tr("Classify it anew, beside them")]
        if await self.app.ask(title, answers) == 0:
            await self._browse(self._finished)

    @work
    async def action_browse(self) -> None:
        """Show the answers that the file, or an interrupted run of it, already has."""
        if self._finished is not None:
            await self._browse(self._finished)
        elif self._found is not None:
            job = self._job(self._settings, self._found)
            with self.app.showing_errors():
                await run_in_thread(job.replay)
                self._show(job)

    async def _browse(self, finished: Finished) -> None:
        """Read the answers of the file, and show them."""
        found = finished.found
        path = Path(found.name)
        note = tr("read from {path}", path=path.name)
        if finished.edited:
            note += tr(", which was changed since its run")
        with self.app.showing_errors():
            store = await run_in_thread(lambda: read_finished(finished))
            digest = await run_in_thread(lambda: file_digest(path))
            _, *answer = finished.hidden
            kept = tuple(name for name in store.columns.schema.names if name not in answer)
            settings = replace(found.settings, select=kept)
            found = replace(found, settings=settings, records=len(store), digest=digest)
            job = self._job(settings, found)
            job.open(finished, store, note)
            self._show(job)

    def _job(self, settings: BatchSettings, found: Found) -> Job:
        app = self.app
        return Job(app.model_worker, settings, found, app.labels, app.corrections)

    def _show(self, job: Job) -> None:
        """Show the answers, unless the user went elsewhere meanwhile."""
        if self.is_current and not self.app.classifying:
            self.app.job = job
            self.app.show(ResultsScreen(job))

    @property
    def _interrupted(self) -> bool:
        """Whether a run of this output was interrupted."""
        output = self._settings.output
        return isinstance(output, Path) and os.path.exists(run_folder(output))

    def _inspect(self, settings: BatchSettings) -> None:
        """Take other settings, and read the file where they have it read otherwise."""
        before, found = self._settings, self._found
        self._settings, self._found, self._problem = settings, None, None
        alike = found is not None and found.problem is None and read_alike(settings, before)
        self._read(settings, found if alike else None)

    @work(exclusive=True, group="inspect")
    async def _read(self, settings: BatchSettings, found: Found | None) -> None:
        """Read the file, unless it was read, and show what was found."""
        try:
            if found is not None:
                self._found = with_output(found, settings)
            else:
                self.call_later(self.refresh_state)
                self._found = await run_in_thread(lambda: inspect(settings))
            if taken(self._found, settings.prefix):
                self._settings = replace(settings, prefix=next(free_prefixes(self._found)))
                self._found = replace(self._found, settings=self._settings)
            self._check(self._found, self.app.labels)
        except (UserError, OSError) as error:
            self._problem = reason_of(error)
        await self._find_sheets()
        self.call_later(self.refresh_state)

    def _check(self, found: Found, labels: tuple[str, ...]) -> None:
        """Note what is wrong with what was found, for a model with these labels; () for none."""
        self._checked, self._problem = labels, None
        try:
            if found.problem is not None:
                raise found.problem
            if labels:
                label_map_of(found.settings, found.name, found.labels, labels)
        except UserError as error:
            self._problem = reason_of(error)
            if found.labels and labels and self.is_current:
                self._map_labels(found)

    async def _find_sheets(self) -> None:
        """Read the names of a workbook's sheets, once."""
        source = self._settings.source
        if self._sheets or not isinstance(source, Path):
            return
        format = self._settings.dialect.format
        if (format or format_of(source)) in WORKBOOKS:
            self._sheets = await run_in_thread(lambda: sheets_of(source))

    @work(description="map labels")
    async def _map_labels(self, found: Found) -> None:
        """Show how often each value of the label column occurs, and ask what it stands for."""
        settings = self._settings
        column = settings.label_column or ""
        proposal = settings.label_map or proposed_map(found.labels, self.app.labels, column)
        counts = with_counts(found.labels, _VALUES_SHOWN).replace(" × ", "  × ")
        text = tr(
            "Labels of the model: {labels}. Write VALUE,VALUE=LABEL; VALUE= leaves it out.",
            labels=", ".join(self.app.labels),
        )
        about = "\n".join([*counts.split(", "), "", text])
        typed = await self.app.prompt(tr("What its labels stand for"), proposal, about)
        if typed is not None:
            self._inspect(replace(settings, label_map=typed.strip() or None))

    def refresh_state(self) -> None:
        """Show what was found, and whether the model that is there by now can score it."""
        if self._found is not None and self._checked != self.app.labels:
            self._check(self._found, self.app.labels)
        fields = fields_of(self._settings, self._found, self._sheets)
        self.query_one("#recognised", Static).update(self._recognised(fields))
        listed = self.query_one("#fields", VirtualList)
        listed.border_title = tr("How it is read")
        listed.border_subtitle = tr("Enter changes · Esc goes back")
        listed.show(fields)
        preview = self.query_one("#preview", VirtualList)
        preview.border_title = tr("The first records")
        preview.empty = tr("No record can be shown.")
        if self._found is None and self._problem is None:
            preview.empty = tr("Reading…")
        preview.show(self._found.preview if self._found else ())
        self.refresh_bindings()

    def _recognised(self, fields: Sequence[Field]) -> Content:
        """Return what stands in the way, or how many records were found."""
        found = self._found
        if self._problem is not None:
            problem = in_words_of(fields, display(self._problem))
            return Content.styled(f"✗ {problem}", "$text-error")
        if found is None:
            return Content(tr("Reading {name}…", name=self._settings.source))
        name = Path(found.name).name
        lines = [tr("{name}: {records:record}", name=name, records=found.records)]
        if found.rejected:
            lines[0] += tr(", {count:,} of them cannot be read", count=found.rejected)
        lines += [one_line(f"  {reject}", self.size.width - 4) for reject in found.rejects]
        if found.answers_excel:
            lines.append(tr("The input is of Excel: the answer gets a byte order mark for it."))
        if columns := taken(found, ""):
            words = tr(
                "It has {columns} already: --prefix tells the new ones apart.", columns=columns
            )
            lines.append(one_line(words, self.size.width - 4))
        if self._interrupted:
            lines.append(tr("A run of it was interrupted, and goes on where it stopped."))
        return Content.styled(in_words_of(fields, "\n".join(lines)), "bold")

    def _draw_field(self, field: Field, width: int) -> Content:
        name = padded(field.title, min(28, width // 2))
        return Content.assemble((name, FAINT), one_line(field.value, width - 30))

    def _draw_record(self, record: Record, width: int) -> Content:
        """Draw a record: number, text, and the other columns."""
        column = self._found.text_column if self._found else None
        text = record.get(column or "") or ""
        others = [f"{name}={value}" for name, value in record.fields.items() if name != column]
        text_width = max(width * 2 // 3 - 6, 10)
        rest = one_line(" · ".join(others), width - text_width - 7)
        number = f"{record.place.number:>5} "
        return Content.assemble((number, FAINT), padded(str(text), text_width), (f" {rest}", FAINT))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer to classify only what can be, and to browse what is there."""
        read = self._found is not None and self._problem is None
        if action == "browse":
            return self._finished is not None or (read and self._interrupted)
        ready = read and self.app.state == "ready"
        return action != "classify" or ready

    @on(VirtualList.Chosen, "#fields")
    @work
    async def _change(self) -> None:
        """Ask for another value of the setting under the cursor."""
        listed: VirtualList[Field] = self.query_one("#fields", VirtualList)
        field = listed.items[listed.cursor]
        if field.name == "label_map":
            if self._found is not None and self.app.require_model():
                self._map_labels(self._found)
        elif field.choices is None:
            typed = await self.app.prompt(field.title, field.value)
            if typed and self.app.allows(typed_path(typed)):
                output = typed_output(typed, self._proposed)
                self._inspect(replace(self._settings, output=output, output_format=None))
        elif not field.choices:  # none is known before the file is read
            self.app.bell()
        else:
            names = list(field.choices)
            number = await self.app.ask(field.title, names)
            if number is not None:
                settings = changed(self._settings, field.name, field.choices[names[number]])
                self._inspect(settings)
                if field.name == "text_column" and self._finished is None:
                    self._look_for_answers()  # where the texts are may have been unknown

    @work
    async def action_classify(self) -> None:
        """Classify, when it is clear that nothing is lost by it."""
        settings, found = self._settings, self._found
        if found is None:  # it is being read anew since the key was pressed
            return
        allowed = await self.may_write(Path(str(settings.output)), settings)
        if allowed is None:
            return
        if self.app.classifying:  # by the same key, pressed twice
            return
        job = self.app.job = self._job(allowed, found)
        job.start(self.app.post_message)
        self.app.show(ResultsScreen(job))
