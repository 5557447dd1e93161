"""A file run: the worker's thread does it, the screen reads how far it is.

Nothing is posted per row: the counters are there to be read, and the answers are in `results`.
"""

import time
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from models.console.command import UserError, reason_of
from tui.app.model_worker import Ended, LoadedModel, ModelWorker, Post
from tui.app.preferences import Corrections
from tui.batch.engine import Hooks, Stopped, classify
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
        summary: counts so far; None before the first batch.
        reason: why it failed.
        marked: indices of the rows that the user marked.
        filter: line that the user typed to find rows by.
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
        self.summary: Summary | None = None
        self.reason = ""
        self.filter = ""
        self.marked: set[int] = set()
        self._worker = worker
        self._requested = JobState.RUNNING  # by the user; or PAUSED, or STOPPING
        self._ended: JobState | None = None

    def _renew(self, labels: tuple[str, ...]) -> None:
        columns = [name for name in self.found.kept if name != self.found.text_column]
        self.results = ResultStore(labels, columns)
        self.correct()

    def correct(self) -> None:
        """Let the labels count that the user gave by now."""
        self.results.correct(self._corrections.labels)

    def start(self, reply: Post) -> None:
        """Start, or go on after a stop; `reply` gets `Ended` at the end."""
        self._renew(self.labels)
        self.summary = None
        self.marked.clear()
        self._requested = JobState.RUNNING
        self._ended = None
        self._worker.submit(self._work, reply)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the model that runs."""
        return self.results.labels

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
        if self.summary is None or not self.found.records:
            return 0.0
        return self.summary.predicted / self.found.records

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
        hooks = Hooks(between=self._between, answered=self.results.append)
        try:
            self.summary = classify(
                self.settings, cast("Predictor", model), found=self.found, hooks=hooks
            )
            self._ended = JobState.DONE
        except Stopped:
            self._ended = JobState.STOPPED
        except (UserError, OSError) as error:
            self.reason = reason_of(error)
            self._ended = JobState.FAILED
            return Ended(self.reason)
        return Ended()

    def _between(self, summary: Summary) -> None:
        self.summary = summary
        while self._worker.run_pending() and self._requested is not JobState.STOPPING:
            if self._requested is JobState.RUNNING:
                return
            time.sleep(_PAUSE_POLL)
        raise Stopped
