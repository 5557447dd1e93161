"""Saving rows from the results screen: which ones, where to, and how it went."""

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.console.command import UserError, reason_of
from models.console.i18n import tr
from tui.app.job import Job
from tui.app.paths import typed_output, typed_path
from tui.app.saving import save_rows
from tui.app.screens.dialogs import ChoiceDialog, PromptDialog
from tui.app.screens.page import Page
from tui.app.threads import run_in_thread
from tui.app.widgets.virtual_list import Items
from tui.batch.engine import Stopped
from tui.batch.settings import BatchSettings

Indices = NDArray[np.int64]


async def ask_and_save(page: Page, job: Job, shown: Items[int]) -> None:
    """Ask which rows to save and where to, and begin to write them; in a worker.

    Args:
        page: the screen that asks; the writing goes on when it is left.
        job: a finished run.
        shown: indices of the rows that the table shows; a range where it shows all.
    """
    scopes = _scopes(job, shown)
    app, output = page.app, job.settings.output
    assert isinstance(output, Path)  # noqa: S101 - the app writes files
    number = await app.push_screen_wait(ChoiceDialog(tr("What to save"), list(scopes)))
    if number is None:
        return
    proposed = output.with_name(f"{output.stem}.rows{output.suffix}")
    title = tr("Save to (CSV, TSV, JSONL, XLSX or Parquet)")
    typed = await app.push_screen_wait(PromptDialog(title, str(proposed)))
    if not typed or not app.allows(typed_path(typed)):
        return
    path = typed_output(typed, proposed)
    settings = await page.may_write(path, job.settings, alone=True)
    if settings is not None:
        rows = list(scopes.values())[number]
        app.run_worker(_save(page, job, settings, rows, path), description="save")


def _scopes(job: Job, shown: Items[int]) -> dict[str, Indices | None]:
    """Return the rows that can be saved, by what to call them; None for all."""
    scopes: dict[str, Indices | None] = {tr("All {count:row}", count=len(job.results)): None}
    if not isinstance(shown, range):
        name = tr("The {count:row} shown", count=len(shown))
        scopes[name] = np.asarray(shown)
    if job.marked:
        name = tr("The {count:marked row}", count=len(job.marked))
        scopes[name] = np.array(sorted(job.marked))
    return scopes


async def _save(
    page: Page, job: Job, settings: BatchSettings, rows: Indices | None, path: Path
) -> None:
    app, stop = page.app, threading.Event()
    app.notify(tr("Saving to {path}… {key} stops it.", path=path, key=app.key_of("stop")))
    app.saving = stop
    try:
        count = await run_in_thread(
            lambda: save_rows(settings, job.found, job.results, rows, path, stop)
        )
    except (UserError, OSError) as error:
        app.notify(reason_of(error), severity="error")
    except Stopped:
        app.notify(tr("Stopped: {path} was not written.", path=path))
    else:
        app.notify(tr("{count:record} saved to {path}", count=count, path=path))
    finally:
        stop.set()  # for the thread, where the app ends first
        app.saving = None
