"""A file run in figures: how far it is, what its answers are like, and one text in full."""

import numpy as np
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from models.display import display
from models.i18n import tr
from tui.job import Job, State
from tui.looks import bar, look, one_line, padded
from tui.results import STATUSES
from tui.rows import BINS, Row
from tui.screens.dialogs import Dialog

LABEL = 12
"""Cells of a label, at most."""

SHOWN = 20_000
"""Characters of a text in full: no one reads more, and it must not hold the screen up."""


def status_names() -> tuple[str, ...]:
    """Return the names of `STATUSES`, for people."""
    return tr("ok"), tr("unsure"), tr("cut"), tr("empty")


class Whole(Dialog):
    """A text in full."""

    def __init__(self, job: Job, row: Row) -> None:
        super().__init__()
        self._job, self._row = job, row

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        row = self._row
        label = self._job.labels[row.label] if row.label >= 0 else status_names()[row.status]
        with VerticalScroll(classes="box") as box:
            title = tr("Record {number}: {label}", number=row.number, label=label)
            box.border_title = Content(title)
            box.border_subtitle = tr("Esc goes back")
            yield Static(display(row.text[:SHOWN], keep="\n"), markup=False)
            if len(row.text) > SHOWN:
                note = tr("… and {count} more characters", count=len(row.text) - SHOWN)
                yield Static(note, markup=False)


class SummaryBox(Dialog):
    """Shares of the labels, and how sure the model was, drawn in characters."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with VerticalScroll(classes="box") as box:
            box.border_title = tr("Summary")
            box.border_subtitle = tr("Esc goes back")
            yield Static(Content.styled(tr("Labels"), "bold underline"))
            yield Static(shares(self._job, 30), classes="keys")
            yield Static(Content.styled(tr("Confidence"), "bold underline"))
            yield Static(histogram(self._job, 30), classes="keys")
            yield Static(facts(self._job), markup=False)


def progress(job: Job, width: int) -> Content:
    """Return two lines: how far the run is, and the labels so far."""
    summary = job.summary
    total = job.found.records or 0
    done = summary.predicted if summary else 0
    parts = [
        {
            State.RUNNING: tr("running") if summary else tr("waiting"),
            State.PAUSED: tr("paused"),
            State.STOPPING: tr("stopping…"),
            State.STOPPED: tr("stopped; what is done is kept"),
            State.FAILED: f"✗ {job.reason}",
            State.DONE: tr("done, written to {path}", path=job.settings.output),
        }[job.state],
    ]
    if job.state is not State.DONE:
        parts.append(f"{done:,} / {total:,}")
    if summary is not None and summary.rejected:
        parts.append(tr("{count} cannot be read", count=f"{summary.rejected:,}"))
    if summary is not None and job.running and done > summary.resumed and summary.seconds > 0:
        rate = (done - summary.resumed) / summary.seconds
        left = int((total - done) / rate)
        parts.append(tr("{rate}/s", rate=f"{rate:,.0f}"))
        parts.append(tr("{time} left", time=f"{left // 60}:{left % 60:02}"))
    share = done / total if total else 1.0
    cells = max(width, 10)
    filled = bar(share, cells)
    return Content.assemble(
        one_line(" · ".join(parts), width),
        "\n",
        (filled, "$primary"),
        ("─" * (cells - len(filled)), "$surface-lighten-2"),
        "\n",
        _counts(job),
    )


def _counts(job: Job) -> Content:
    counts = job.rows.counts
    whole = max(int(counts.sum()), 1)
    pieces = []
    for label, name in enumerate(job.labels):
        glyph, colour = look(job.labels, label)
        words = (
            f"{glyph} {one_line(name, LABEL)} {counts[label]:,} ({counts[label] / whole:.1%})   "
        )
        pieces.append(Content.styled(words, f"$text-{colour}"))
    return Content("").join(pieces)


def shares(job: Job, cells: int) -> Content:
    """Return a bar for the share of each label."""
    counts = job.rows.counts
    whole = max(int(counts.sum()), 1)
    return Content("\n").join(
        Content.assemble(
            f"{glyph} {padded(name, LABEL)} {count:>10,} {count / whole:>6.1%}  ",
            (bar(count / whole, cells), f"${colour}"),
        )
        for label, (name, count) in enumerate(zip(job.labels, counts.tolist(), strict=True))
        for glyph, colour in (look(job.labels, label),)
    )


def histogram(job: Job, cells: int) -> Content:
    """Return a bar for each step of confidence."""
    counts = job.rows.histogram()
    least = 1 / len(job.labels)
    most = max(int(counts.max()), 1)
    edges = [least + (1 - least) * step / BINS for step in range(BINS + 1)]
    return Content("\n").join(
        Content.assemble(
            f"{edges[step]:>4.0%} – {edges[step + 1]:<4.0%}{counts[step]:>13,}         ",
            (bar(counts[step] / most, cells), "$accent"),
        )
        for step in range(BINS)
    )


def facts(job: Job) -> str:
    """Return the counts that the other two leave out, and the scores where there are any."""
    states = np.bincount(job.rows.column("states"), minlength=len(STATUSES))
    lines = [f"{status_names()[status]}: {count:,}" for status, count in enumerate(states.tolist())]
    found = [" · ".join(lines)]
    if job.summary is not None and job.summary.rejected:
        found.append(tr("{count} cannot be read", count=f"{job.summary.rejected:,}"))
    if job.summary is not None and job.summary.metrics is not None:
        metrics = job.summary.metrics
        found.append(
            tr(
                "accuracy {accuracy}, macro-F1 {f1}",
                accuracy=f"{metrics.accuracy:.2%}",
                f1=f"{metrics.macro_f1:.2%}",
            )
        )
    return "\n".join(found)
