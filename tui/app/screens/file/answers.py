"""Answers that a file, or an interrupted run of it, already has: browsed without predicting."""

from dataclasses import replace
from pathlib import Path

from models.console.i18n import tr
from models.files import file_digest
from tui.app.job import Job
from tui.app.screens.page import Page
from tui.app.screens.results import ResultsScreen
from tui.app.threads import run_in_thread
from tui.batch.findings.finished import Finished, prefixes_of, read_finished
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import Found
from tui.batch.settings import BatchSettings


def free_prefix(finished: Finished) -> str:
    """Return a prefix for other answers in the same file."""
    taken = prefixes_of(finished.found.columns)
    number = 2
    prefix = "new_"
    while prefix in taken:
        prefix = f"new{number}_"
        number += 1
    return prefix


async def browse_file(page: Page, finished: Finished) -> None:
    """Read the answers of a file, and show them; in a worker."""
    path = Path(finished.found.name)

    def read() -> tuple[ResultStore, str]:
        return read_finished(finished), file_digest(path)

    with page.app.showing_errors():
        store, digest = await run_in_thread(read)
        found = finished.found
        _, *answer = finished.hidden
        kept = tuple(name for name in store.columns.schema.names if name not in answer)
        settings = replace(found.settings, select=kept)
        found = replace(found, settings=settings, records=len(store), digest=digest)
        job = _job_of(page, settings, found)
        note = tr("read from {path}", path=path.name)
        if finished.edited:
            note += tr(", which was changed since its run")
        job.open(store, note, finished.levels)
        _show(page, job)


async def browse_interrupted(page: Page, settings: BatchSettings, found: Found) -> None:
    """Read what an interrupted run has answered, and show it; in a worker."""
    job = _job_of(page, settings, found)
    with page.app.showing_errors():
        await run_in_thread(job.replay)
        _show(page, job)


def _job_of(page: Page, settings: BatchSettings, found: Found) -> Job:
    app = page.app
    return Job(app.model_worker, settings, found, app.labels, app.corrections)


def _show(page: Page, job: Job) -> None:
    """Show the answers, unless the user went elsewhere meanwhile."""
    if page.is_current and not page.app.classifying:
        page.app.job = job
        page.app.show(ResultsScreen(job))
