"""A file run in figures: how far it is, and what its answers are like."""

from pathlib import Path

import numpy as np
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from models.console.display import display, one_line
from models.console.i18n import tr
from models.metrics import Metrics
from tui.app.job import Job, JobState
from tui.app.screens.dialogs import Dialog
from tui.app.theme import bar, look, named
from tui.batch.findings.query import status_names
from tui.batch.findings.result_store import HISTOGRAM_BINS, Indices, ResultStore
from tui.batch.review import doubts_of
from tui.batch.status import Status
from tui.batch.summary import advice, frequent, scores

_BAR_CELLS = 30
_LINE_CELLS = 66


class SummaryDialog(Dialog):
    """Shares of the labels of some rows, and how sure the model was, drawn in characters.

    Args:
        job: the run.
        rows: indices of the rows; a slice takes all.
    """

    def __init__(self, job: Job, rows: Indices | slice) -> None:
        title = tr("Summary")
        if job.filter:
            title = tr("Summary of the rows that the filter leaves: {filter}", filter=job.filter)
        super().__init__(one_line(title, _LINE_CELLS))
        self._job = job
        self._rows = rows

    def _body(self) -> ComposeResult:
        results = self._job.results
        yield Static(Content.styled(tr("Labels"), "bold underline"))
        yield Static(_label_bars(results, self._rows), classes="keys")
        lines = [
            *_facts(results, self._rows),
            *_advice(self._job, self._rows),
            *_run_facts(self._job),
        ]
        yield Static("\n".join(lines), classes="keys", markup=False)
        yield Static(Content.styled(tr("Confidence"), "bold underline"))
        yield Static(_confidence_bars(results, self._rows), classes="keys")


def progress(job: Job, width: int, key: str) -> Content:
    """Return three lines: the state of the run, a bar, and the labels so far.

    At the end, what is to be looked at first takes the place of the bar, behind the key that goes
    there. Only the reason of a failure may take more than its line.
    """
    summary = job.summary
    total = job.found.records
    done = summary.predicted if summary else 0
    share = done / total if total else 1.0
    second = bar(share, max(width, 10), "primary")
    if summary is not None and job.state is JobState.DONE:
        for line in advice(summary.statuses, summary.doubts, summary.review)[:1]:
            words = one_line(f"{key} · {line}", width)
            second = Content(words)
    state = _state(job)
    if job.state is not JobState.FAILED:
        state = one_line(state, width)
    lines = [Content(display(state)), second, _label_counts(job.results)]
    return Content("\n").join(lines)


def _state(job: Job) -> str:
    """Return the state of a run and its counters, between dots."""
    summary, output = job.summary, Path(str(job.settings.output))
    words = {
        JobState.RUNNING: tr("running") if summary else tr("waiting"),
        JobState.PAUSED: tr("paused"),
        JobState.STOPPING: tr("stopping…"),
        JobState.STOPPED: tr("stopped; what is done is kept"),
        JobState.FAILED: f"✗ {job.reason}",
        JobState.DONE: job.note or tr("done, written to {path}", path=output.name),
    }
    parts = [words[job.state]]
    if job.state is not JobState.DONE:
        done = summary.predicted if summary else 0
        parts.append(f"{done:,} / {job.found.records or 0:,}")
    if summary is not None:
        if summary.resumed:
            parts.append(tr("{count} done before", count=f"{summary.resumed:,}"))
        if summary.rejected:
            parts.append(tr("{count} rejected", count=f"{summary.rejected:,}"))
        left = summary.left
        if job.running and left is not None:
            parts.append(tr("{rate}/s", rate=f"{summary.rate:,.0f}"))
            parts.append(tr("{time} left", time=left))
    return " · ".join(parts)


def _label_counts(results: ResultStore) -> Content:
    """Return how many rows have each label, on a line."""
    whole = max(int(results.counts.sum()), 1)
    parts = []
    for label, count in enumerate(results.counts.tolist()):
        glyph, colour = look(results.labels, label)
        name = one_line(results.labels[label], 12)
        share = f"{count / whole:.1%}"
        words = glyph + " " + tr("{name} {count:,} ({share})", name=name, count=count, share=share)
        parts.append(Content.styled(words, f"$text-{colour}"))
    return Content("   ").join(parts)


def _label_bars(results: ResultStore, rows: Indices | slice) -> Content:
    """Return a bar for the share of each label."""
    labels = results.labels_of(rows)
    counts = np.bincount(labels[labels >= 0], minlength=len(results.labels))
    whole = max(int(counts.sum()), 1)
    lines = []
    for label, count in enumerate(counts.tolist()):
        share = count / whole
        _, colour = look(results.labels, label)
        drawn = bar(share, _BAR_CELLS, colour, track=False)
        figures = f" {count:>10,} {share:>6.1%}  "
        lines.append(Content.assemble(named(results.labels, label), figures, drawn))
    return Content("\n").join(lines)


def _confidence_bars(results: ResultStore, rows: Indices | slice) -> Content:
    """Return a bar for each bin of the histogram of confidences."""
    counts = results.histogram(rows).tolist()
    most = max(*counts, 1)
    edges = np.linspace(1 / len(results.labels), 1, HISTOGRAM_BINS + 1).tolist()
    lines = []
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        drawn = bar(count / most, _BAR_CELLS, "accent", track=False)
        figures = f"{low:>4.0%} – {high:<4.0%}{count:>13,}         "
        lines.append(Content.assemble(figures, drawn))
    return Content("\n").join(lines)


def _facts(results: ResultStore, rows: Indices | slice) -> list[str]:
    """Return lines with the counts by status, and the scores where true labels are known."""
    names = status_names()
    counts = np.bincount(results.column("status")[rows], minlength=len(names)).tolist()
    parts = []
    for name, count in zip(names, counts, strict=True):
        if count:
            parts.append(f"{name} {count:,}")
    lines = [" · ".join(parts)]
    corrected = np.count_nonzero(results.corrected_of(rows) >= 0)
    if corrected:
        lines.append(tr("{count} corrected", count=f"{corrected:,}"))
    labels = results.labels_of(rows)
    truths = results.column("truth")[rows]
    known = (labels >= 0) & (truths >= 0)
    if known.any():
        metrics = Metrics.of(truths[known].astype(np.int64), labels[known], len(results.labels))
        lines += scores(metrics, results.labels)
    return lines


def _advice(job: Job, rows: Indices | slice) -> list[str]:
    """Return lines on the answers to look at."""
    if job.summary is None:
        return []
    statuses = job.results.column("status")[rows]
    doubts = doubts_of(statuses, job.results.column("confidence")[rows])
    counts = np.bincount(statuses, minlength=len(Status))
    return advice(counts, doubts, job.summary.review)


def _run_facts(job: Job) -> list[str]:
    """Return lines on all records of a run: the rejects, and the texts that occur often."""
    summary = job.summary
    if summary is None or job.filter:
        return []
    lines = []
    if summary.rejected:
        lines.append(tr("{count} rejected", count=f"{summary.rejected:,}"))
        for reject in summary.rejects:
            lines.append(one_line(f"  {reject}", _LINE_CELLS))
    return [*lines, *frequent(summary)]
