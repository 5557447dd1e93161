"""A report of the rows that the results screen shows: where to, and how it went."""

from pathlib import Path

import numpy as np
from textual import work

from models.console.command import UserError, reason_of
from models.console.i18n import tr
from models.tokenizer import Tokenizer
from tui.app.job import Job, JobState
from tui.app.paths import typed_output
from tui.app.screens.compare import ask_and_compare
from tui.app.screens.dialogs import ChoiceDialog, PromptDialog
from tui.app.screens.page import Page
from tui.app.screens.results.arranging import Arranging
from tui.app.screens.words import WordsScreen
from tui.app.threads import run_in_thread
from tui.app.widgets.virtual_list import Items
from tui.batch.findings.report.command import kind_of, made_of, write
from tui.batch.findings.report.content import report_of


class Reporting(Arranging):
    """A screen with a table of rows whose words, report, and second file can be shown."""

    def action_words(self) -> None:
        """Show which words the labels do not have alike."""
        self.app.push_screen(WordsScreen(self.job, lambda: type(self)(self.job)))

    @work(group="report", description="report")
    async def action_report(self) -> None:
        """Ask where to write a report of the rows that are shown, and write it."""
        if self.job.state is not JobState.DONE:
            self.app.notify(tr("A report can be written when the run has ended."))
        else:
            await ask_and_report(self, self.job, self._table.items)

    @work(group="compare", description="compare")
    async def action_compare(self) -> None:
        """Ask for another labelled file, and show where its labels differ."""
        await ask_and_compare(self, self.job.results)


async def ask_and_report(page: Page, job: Job, shown: Items[int]) -> None:
    """Ask where to write a report, and write it; in a worker.

    Args:
        page: the screen that asks.
        job: a run that has ended.
        shown: indices of the rows that count.
    """
    app, output = page.app, job.settings.output
    assert isinstance(output, Path)  # noqa: S101 - the app writes files
    proposed = output.with_name(f"{output.stem}.report.html")
    typed = await app.push_screen_wait(
        PromptDialog(tr("Report to (HTML or Markdown)"), str(proposed))
    )
    if not typed or app.manifest is None:
        return
    path = typed_output(typed, proposed)
    if not app.allows(path):
        return
    if path.exists():
        title = tr("{name} exists already", name=path.name)
        dialog = ChoiceDialog(title, [tr("Replace it"), tr("Go back")])
        if await app.push_screen_wait(dialog) != 0:
            return
    manifest = app.manifest

    def work() -> None:
        kind_of(path)
        report = report_of(
            job.results,
            np.sort(np.asarray(shown, dtype=np.int64)),
            Tokenizer(manifest.tokenizer, manifest.max_length),
            name=output.name,
            made=made_of(job.summary.receipt if job.summary else {}),
            filter=job.filter,
            truth=job.settings.label_column,
        )
        write(report, path, output)

    app.notify(tr("Writing {path}…", path=path))
    try:
        await run_in_thread(work)
    except (UserError, OSError) as error:
        app.notify(reason_of(error), severity="error")
    else:
        app.notify(tr("written to {path}", path=path))
