"""Saving rows from the results screen, or a report of them: which ones, where to, how it went."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.arrays import Int64
from models.console import tr
from models.tokenizer import Tokenizer
from tui.app.job import Job
from tui.app.paths import typed_output, typed_path
from tui.app.saving import save_rows
from tui.app.screens.page import Page
from tui.app.screens.results.selection import Selection
from tui.app.threads import run_in_thread
from tui.batch.engine import Stopped
from tui.batch.findings.report.command import kind_of, made_of, write
from tui.batch.findings.report.content import report_of


async def ask_and_save(page: Page, job: Job, selection: Selection) -> None:
    """Ask which rows to save and where to, and begin to write them; in a worker.

    Args:
        page: the screen that asks; the writing goes on when it is left.
        job: a finished run.
        selection: what the filter leaves.
    """
    scopes = await run_in_thread(lambda: _scopes(job, selection))
    app, output = page.app, job.output
    number = await app.ask(tr("What to save"), list(scopes))
    if number is None:
        return
    proposed = output.with_name(f"{output.stem}.rows{output.suffix}")
    typed = await app.prompt(tr("Save to (CSV, TSV, JSONL, XLSX or Parquet)"), str(proposed))
    if not typed or not app.allows(typed_path(typed)):
        return
    path = typed_output(typed, proposed)
    settings = await page.may_write(path, job.settings, alone=True)
    if settings is not None:
        rows = list(scopes.values())[number]

        def save(stop: threading.Event) -> str:
            count = save_rows(settings, job.found, job.results, rows, path, stop)
            return tr("{count:record} saved to {path}", count=count, path=path)

        app.run_worker(_write(page, path, save), description="save")


def _scopes(job: Job, selection: Selection) -> dict[str, Int64 | None]:
    """Return the rows that can be saved, by what to call them; None for all."""
    scopes: dict[str, Int64 | None] = {tr("All {count:row}", count=len(job.results)): None}
    if selection.line:
        rows = selection.rows()
        name = tr(
            "The {count:row} under the filter {filter}", count=len(rows), filter=selection.line
        )
        scopes[name] = rows
    if job.marked:
        name = tr("The {count:marked row}", count=len(job.marked))
        scopes[name] = np.array(sorted(job.marked))
    return scopes


async def _write(page: Page, path: Path, work: Callable[[threading.Event], str]) -> None:
    """Write a file on another thread, and say how that went.

    Args:
        page: the screen that asked.
        path: the file.
        work: writes it, and returns what to say; raises Stopped soon after the event is set.
    """
    app, stop = page.app, threading.Event()
    app.notify(tr("Saving to {path}… {key} stops it.", path=path, key=app.key_of("stop")))
    app.saving = stop
    try:
        with app.showing_errors():
            app.notify(await run_in_thread(lambda: work(stop)))
    except Stopped:
        app.notify(tr("Stopped: {path} was not written.", path=path))
    finally:
        stop.set()  # for the thread, where the app ends first
        app.saving = None


async def ask_and_report(page: Page, job: Job, selection: Selection) -> None:
    """Ask where to write a report, and begin to write it; in a worker.

    Args:
        page: the screen that asks; the writing goes on when it is left.
        job: a run that has ended.
        selection: the rows that count.
    """
    app, output = page.app, job.output
    if (manifest := app.require_model()) is None:
        return
    proposed = output.with_name(f"{output.stem}.report.html")
    typed = await app.prompt(tr("Report to (HTML or Markdown)"), str(proposed))
    if not typed:
        return
    path = typed_output(typed, proposed)
    if not app.allows(path):
        return
    if os.path.exists(path):
        title = tr("{name} exists already", name=path.name)
        if await app.ask(title, [tr("Replace it"), tr("Go back")]) != 0:
            return

    def work(stop: threading.Event) -> str:
        def progress(_: float) -> None:
            if stop.is_set():
                raise Stopped

        kind_of(path)
        report = report_of(
            job.results,
            selection.rows(),
            Tokenizer(manifest.tokenizer, manifest.max_length),
            name=output.name,
            made=made_of(job.summary.receipt, edited=job.edited),
            filter=selection.line,
            truth=job.settings.label_column,
            progress=progress,
        )
        progress(1.0)
        write(report, path, output)
        return tr("written to {path}", path=path)

    app.run_worker(_write(page, path, work), description="report")
