"""A file run in figures: how far it is, and what its answers are like."""

from pathlib import Path

import numpy as np
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from models.console.display import display
from models.console.i18n import tr
from tui.app.job import Job, State
from tui.app.paint import bar, named
from tui.app.result_store import BINS, Rows
from tui.app.screens.dialogs import Dialog
from tui.app.theme import look, one_line
from tui.batch.answer import Status
from tui.batch.summary import scores

_CELLS = 30  # of a bar
_WIDTH = 66  # of a line in the box


def status_names() -> tuple[str, ...]:
    """Return the name of each `Status`, for people."""
    return tuple(status.title for status in Status)


class SummaryBox(Dialog):
    """Shares of the labels, and how sure the model was, drawn in characters."""

    def __init__(self, job: Job) -> None:
        super().__init__(tr("Summary"))
        self._job = job

    def _body(self) -> ComposeResult:
        yield Static(Content.styled(tr("Labels"), "bold underline"))
        yield Static(_shares(self._job.rows), classes="keys")
        yield Static(_facts(self._job), classes="keys", markup=False)
        yield Static(Content.styled(tr("Confidence"), "bold underline"))
        yield Static(_histogram(self._job.rows), classes="keys")


def progress(job: Job, width: int) -> Content:
    """Return three lines: what the run is at, how far it is, and the labels so far.

    Only why it failed may take more than its line.
    """
    summary, rows, output = job.summary, job.rows, Path(str(job.settings.output))
    total = job.found.records or 0
    done = summary.predicted if summary else 0
    parts = [
        {
            State.RUNNING: tr("running") if summary else tr("waiting"),
            State.PAUSED: tr("paused"),
            State.STOPPING: tr("stopping…"),
            State.STOPPED: tr("stopped; what is done is kept"),
            State.FAILED: f"✗ {job.reason}",
            State.DONE: tr("done, written to {path}", path=output.name),
        }[job.state],
    ]
    if job.state is not State.DONE:
        parts.append(f"{done:,} / {total:,}")
    if summary is not None and summary.resumed:
        parts.append(tr("{count} done before", count=f"{summary.resumed:,}"))
    if summary is not None and summary.rejected:
        parts.append(tr("{count} rejected", count=f"{summary.rejected:,}"))
    if summary is not None and job.running and (left := summary.left) is not None:
        parts.append(tr("{rate}/s", rate=f"{summary.rate:,.0f}"))
        parts.append(tr("{time} left", time=left))
    whole = max(int(rows.counts.sum()), 1)
    counts = Content("   ").join(
        Content.styled(
            f"{glyph} {one_line(name, 12)} {count:,} ({count / whole:.1%})", f"$text-{colour}"
        )
        for label, (name, count) in enumerate(zip(rows.labels, rows.counts, strict=True))
        for glyph, colour in (look(rows.labels, label),)
    )
    line = " · ".join(parts)
    line = display(line) if job.state is State.FAILED else one_line(line, width)
    share = done / total if total else 1.0
    return Content("\n").join([Content(line), bar(share, max(width, 10), "primary"), counts])


def _shares(rows: Rows) -> Content:
    """Return a bar for the share of each label."""
    whole = max(int(rows.counts.sum()), 1)
    return Content("\n").join(
        Content.assemble(
            named(rows.labels, label),
            f" {count:>10,} {count / whole:>6.1%}  ",
            bar(count / whole, _CELLS, look(rows.labels, label)[1], track=False),
        )
        for label, count in enumerate(rows.counts.tolist())
    )


def _histogram(rows: Rows) -> Content:
    """Return a bar for each step of confidence."""
    counts = rows.histogram()
    most = max(int(counts.max()), 1)
    edges = np.linspace(1 / len(rows.labels), 1, BINS + 1).tolist()
    return Content("\n").join(
        Content.assemble(
            f"{edges[step]:>4.0%} – {edges[step + 1]:<4.0%}{count:>13,}         ",
            bar(count / most, _CELLS, "accent", track=False),
        )
        for step, count in enumerate(counts.tolist())
    )


def _facts(job: Job) -> str:
    """Return the counts that the other two leave out, and the scores where there are any."""
    states = np.bincount(job.rows.column("states"), minlength=len(Status)).tolist()
    named_counts = zip(status_names(), states, strict=True)
    found = [" · ".join(f"{name} {count:,}" for name, count in named_counts)]
    if job.summary is not None and job.summary.rejected:
        found.append(tr("{count} rejected", count=f"{job.summary.rejected:,}"))
        found += [one_line(f"  {reject}", _WIDTH) for reject in job.summary.rejects]
    if job.summary is not None and (metrics := job.summary.metrics) is not None:
        found += scores(metrics, job.labels)
    return "\n".join(found)
