"""A file run: the worker's thread does it, the screen reads how far it is.

Nothing is posted per row: the counters are there to be read, and the answers are in `results`.
"""

import time
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, cast

from models.console import UserError, reason_of
from tui.app.model_worker import Ended, LoadedModel, ModelWorker, Post
from tui.app.preferences import Corrections
from tui.batch.engine import Hooks, Stopped, classify, replay
from tui.batch.findings.finished import Finished
from tui.batch.findings.half_done import RecordedModel
from tui.batch.findings.query import Query
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import Found
from tui.batch.settings import BatchSettings
from tui.batch.summary import Summary

if TYPE_CHECKING:
    from models.predictor import Predictor

_PAUSE_POLL = 0.05  # seconds between two looks at whether a pause is over


class JobState(Enum):
    """State of a run; the last three are final until it is started again."""

    RUNNING = auto()
    PAUSED = auto()
    STOPPING = auto()
    STOPPED = auto()
    FAILED = auto()
    DONE = auto()


class Job:
    """Classification of one file into another; once stopped, it can start again.

    Args:
        worker: thread that does it.
        settings: what to do, with both files named.
        found: what `inspect` found for these settings.
        labels: labels of the present model; another one may have been opened when it runs.
        corrections: labels that the user gave, which count.

    Attributes:
        results: answers so far.
        summary: counts so far.
        reason: why it failed.
        note: where the answers are from, if no model gave them.
        edited: whether they are from a file that was changed since its run.
        marked: indices of the rows that the user marked.
        filter: line that the user typed to find rows by.
        hidden: names of the columns of the input that the user does not want to see.
    """

    def __init__(
        self,
        worker: ModelWorker,
        settings: BatchSettings,
        found: Found,
        labels: tuple[str, ...],
        corrections: Corrections,
    ) -> None:
        self.settings = settings
        self.found = found
        self._corrections = corrections
        self._renew(labels)
        self.reason = ""
        self.note = ""
        self.edited = False
        self.filter = ""
        self.marked: set[int] = set()
        self.hidden: set[str] = set()
        self._worker = worker
        self._requested = JobState.RUNNING  # by the user; or PAUSED, or STOPPING
        self._ended: JobState | None = None

    def _renew(self, labels: tuple[str, ...]) -> None:
        columns = [name for name in self.found.kept if name != self.found.text_column]
        text_column = str(self.found.text_column)
        self.results = ResultStore(labels, columns, text_column=text_column)
        self.summary = Summary(labels, self.found.records)
        self.correct()

    def query(self, line: str) -> Query:
        """Return what a line of the filter asks for; raises UserError."""
        columns = self.results.columns.names
        return Query.parse(line, self.labels, columns, self.found.text_column)

    def correct(self) -> None:
        """Let the labels count that the user gave by now."""
        self.results.correct(self._corrections.labels)

    def open(self, finished: Finished, results: ResultStore, note: str) -> None:
        """Take answers that were read from a file, and end; `note` says where they are from."""
        self.results = results
        self.edited = finished.edited
        self.note = note
        self.correct()
        self.summary = Summary(results.labels, len(results))
        self.summary.predicted = len(results)
        self.summary.statuses, self.summary.doubts = results.statuses()
        self.summary.review = finished.levels
        self.summary.receipt = finished.receipt
        self._ended = JobState.DONE

    def replay(self) -> None:
        """Take the answers that an interrupted run has, without a model.

        Raises:
            UserError: as `replay` of the engine, and `RecordedModel.of`; OSError likewise.
        """
        model = RecordedModel.of(self.output)
        self._renew(model.manifest.labels)
        hooks = Hooks(answered=self.results.append)
        self.summary = replay(self.settings, cast("Predictor", model), self.found, hooks)
        self._ended = JobState.STOPPED

    def start(self, reply: Post) -> None:
        """Start, or go on after a stop; `reply` gets `Ended` at the end."""
        self._renew(self.labels)
        self.marked.clear()
        self._requested = JobState.RUNNING
        self._ended = None
        self._worker.submit(self._work, reply)

    @property
    def output(self) -> Path:
        """The file to write."""
        assert isinstance(self.settings.output, Path)  # noqa: S101 - the app writes files
        return self.settings.output

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the model that runs."""
        return self.results.labels

    @property
    def review_terms(self) -> list[str]:
        """The filters of what is to be looked at first, and of all that is to be looked at."""
        limits = sorted({level.below for level in self.summary.review[:2]} - {0.0})
        return [f"<{100 * limit:g}%" for limit in limits]

    @property
    def state(self) -> JobState:
        """Final state, or the one that the user requested."""
        return self._ended or self._requested

    @property
    def running(self) -> bool:
        """Whether the run has not ended."""
        return self._ended is None

    @property
    def share(self) -> float:
        """Share of the records that are done."""
        records = self.summary.records
        return self.summary.predicted / records if records else 1.0

    def pause(self) -> None:
        """Pause before the next batch, or go on."""
        paused = self._requested is JobState.PAUSED
        self._requested = JobState.RUNNING if paused else JobState.PAUSED

    def stop(self) -> None:
        """Stop before the next batch."""
        self._requested = JobState.STOPPING

    def _work(self, model: LoadedModel) -> Ended:
        if self.labels != model.manifest.labels:  # another one was opened meanwhile
            self._renew(model.manifest.labels)
        self.reason = ""
        hooks = Hooks(between=self._between, answered=self.results.append)
        predictor = cast("Predictor", model)
        try:
            self.summary = classify(self.settings, predictor, found=self.found, hooks=hooks)
            self._ended = JobState.DONE
        except Stopped:
            self._ended = JobState.STOPPED
        except (UserError, OSError) as error:
            self.reason = reason_of(error)
            self._ended = JobState.FAILED
        return Ended(self.reason or None)

    def _between(self, summary: Summary) -> None:
        self.summary = summary
        while self._worker.run_pending() and self._requested is not JobState.STOPPING:
            if self._requested is JobState.RUNNING:
                return
            time.sleep(_PAUSE_POLL)
        raise Stopped
