"""A file run in figures: how far it is, and what its answers are like."""

from itertools import pairwise

import numpy as np
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from models.arrays import Int64
from models.console import display, one_line, tr
from tui.app.job import Job, JobState
from tui.app.screens.dialogs import Dialog
from tui.app.theme import bar, look, named
from tui.batch.findings.result_store import ResultStore
from tui.batch.status import Status
from tui.batch.summary import Summary, advice, frequent, scores

_BAR_CELLS = 30
_LINE_CELLS = 66


class SummaryDialog(Dialog):
    """Shares of the labels of some rows, and how sure the model was, drawn in characters.

    Args:
        job: the run.
        rows: indices of the rows.
        line: the filter that leaves them; "" for none.
    """

    def __init__(self, job: Job, rows: Int64, line: str) -> None:
        title = tr("Summary")
        if line:
            title = tr("Summary of the rows that the filter leaves: {filter}", filter=line)
        super().__init__(one_line(title, _LINE_CELLS))
        self._job = job
        self._rows = rows
        self._line = line

    def _body(self) -> ComposeResult:
        job, results = self._job, self._job.results
        counts, doubts = results.statuses(self._rows)
        lines = [*_facts(results, self._rows, counts), *advice(counts, doubts, job.summary.review)]
        if not self._line:
            lines += _run_facts(job.summary)
        yield Static(Content.styled(tr("Labels"), "bold underline"))
        yield Static(_label_bars(results, self._rows), classes="keys")
        yield Static("\n".join(lines), classes="keys", markup=False)
        yield Static(Content.styled(tr("Confidence"), "bold underline"))
        yield Static(_confidence_bars(results, self._rows), classes="keys")


def progress(job: Job, width: int, key: str) -> Content:
    """Return three lines: the state of the run, a bar, and the labels so far.

    At the end, what is to be looked at first takes the place of the bar, behind the key that goes
    there. Only the reason of a failure may take more than its line.
    """
    summary = job.summary
    second = bar(job.share, max(width, 10), "primary")
    if job.state is JobState.DONE:
        for line in advice(summary.statuses, summary.doubts, summary.review)[:1]:
            second = Content(one_line(f"{key} · {line}", width))
    state = _state(job)
    if job.state is not JobState.FAILED:
        state = one_line(state, width)
    return Content("\n").join([Content(display(state)), second, _label_counts(job.results)])


def _state(job: Job) -> str:
    """Return the state of a run and its counters, between dots."""
    summary = job.summary
    words = {
        JobState.RUNNING: tr("running") if summary.seconds else tr("waiting"),
        JobState.PAUSED: tr("paused"),
        JobState.STOPPING: tr("stopping…"),
        JobState.STOPPED: tr("stopped; what is done is kept"),
        JobState.FAILED: f"✗ {job.reason}",
        JobState.DONE: job.note or tr("done, written to {path}", path=job.output.name),
    }
    parts = [words[job.state]]
    if job.state is not JobState.DONE:
        parts.append(f"{summary.predicted:,} / {summary.records or 0:,}")
    if summary.resumed:
        parts.append(tr("{count} done before", count=f"{summary.resumed:,}"))
    if summary.rejected:
        parts.append(tr("{count} rejected", count=f"{summary.rejected:,}"))
    if job.running and summary.left is not None:
        parts.append(tr("{rate}/s", rate=f"{summary.rate:,.0f}"))
        parts.append(tr("{time} left", time=summary.left))
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


def _label_bars(results: ResultStore, rows: Int64) -> Content:
    """Return a bar for the share of each label."""
    counts = results.count(results.labels_of(rows))
    shares = counts / max(counts.sum(), 1)
    lines = []
    for label, (count, share) in enumerate(zip(counts.tolist(), shares.tolist(), strict=True)):
        _, colour = look(results.labels, label)
        figures = f" {count:>10,} {share:>6.1%}  "
        drawn = bar(share, _BAR_CELLS, colour, track=False)
        lines.append(Content.assemble(named(results.labels, label), figures, drawn))
    return Content("\n").join(lines)


def _confidence_bars(results: ResultStore, rows: Int64) -> Content:
    """Return a bar for each bin of the histogram of confidences."""
    counts = results.histogram(rows).tolist()
    edges = pairwise(np.linspace(1 / len(results.labels), 1, len(counts) + 1).tolist())
    lines = []
    for count, (low, high) in zip(counts, edges, strict=True):
        figures = f"{low:>4.0%} – {high:<4.0%}{count:>13,}         "
        drawn = bar(count / max(*counts, 1), _BAR_CELLS, "accent", track=False)
        lines.append(Content.assemble(figures, drawn))
    return Content("\n").join(lines)


def _facts(results: ResultStore, rows: Int64, statuses: Int64) -> list[str]:
    """Return lines with the counts by status, and the scores where true labels are known."""
    parts = []
    for status in Status:
        if statuses[status]:
            parts.append(f"{status.title} {statuses[status]:,}")
    lines = [" · ".join(parts)]
    corrected = np.count_nonzero(results.corrected_of(rows) >= 0)
    if corrected:
        lines.append(tr("{count} corrected", count=f"{corrected:,}"))
    if (metrics := results.metrics(rows)) is not None:
        lines += scores(metrics, results.labels)
    return lines


def _run_facts(summary: Summary) -> list[str]:
    """Return lines on all records of a run: the rejects, and the texts that occur often."""
    lines = []
    if summary.rejected:
        lines.append(tr("{count} rejected", count=f"{summary.rejected:,}"))
        for reject in summary.rejects:
            lines.append(one_line(f"  {reject}", _LINE_CELLS))
    return [*lines, *frequent(summary)]
