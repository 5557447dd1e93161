"""A file run: what the engine does on its thread, and what the screen reads of it meanwhile.

Nothing is posted per row: the counters are there to be read, and the answers are in `rows`.
"""

import time
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from models.console.command import UserError, reason_of
from tui.app.model_worker import Ended, LoadedModel, ModelWorker, Post
from tui.app.result_store import ResultStore
from tui.batch.engine import Hooks, Stopped, classify
from tui.batch.inspection import Found, Settings
from tui.batch.summary import Summary

if TYPE_CHECKING:
    from models.predictor import Predictor

_GLANCE = 0.05  # seconds between two looks at whether a pause is over


class JobState(Enum):
    """What a run is at."""

    RUNNING = auto()
    PAUSED = auto()
    STOPPING = auto()
    STOPPED = auto()
    FAILED = auto()
    DONE = auto()


class Job:
    """Classifies a file into another; what is done is kept, and the same job can start again.

    Args:
        engine: to do it.
        settings: what to do, with both files named.
        found: what `inspect` found for these settings.
        labels: of the model, as far as is known before it runs.

    Attributes:
        rows: the answers so far.
        summary: the counts so far; None before the first batch.
        reason: why it failed.
        marked: indices of the rows that the user marked.
        filter: what the user typed to find rows by.
    """

    def __init__(
        self, engine: ModelWorker, settings: Settings, found: Found, labels: tuple[str, ...]
    ) -> None:
        self.settings, self.found, self.results = settings, found, ResultStore(labels)
        self.summary: Summary | None = None
        self.reason = self.filter = ""
        self.marked: set[int] = set()
        self._worker = engine
        self._requested = JobState.RUNNING  # or paused or stopping, as the user wants
        self._ended: JobState | None = None

    def start(self, reply: Post) -> None:
        """Start, or go on where it was stopped; `reply` is told when it has ended."""
        self.results, self.summary = ResultStore(self.labels), None
        self.marked.clear()
        self._requested, self._ended = JobState.RUNNING, None
        self._worker.submit(self._work, reply)

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the model that runs."""
        return self.results.labels

    @property
    def state(self) -> JobState:
        """What it is at."""
        return self._ended or self._requested

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._ended is None

    def pause(self) -> None:
        """Pause before the next batch, or go on."""
        self._requested = (
            JobState.RUNNING if self._requested is JobState.PAUSED else JobState.PAUSED
        )

    def stop(self) -> None:
        """Stop before the next batch."""
        self._requested = JobState.STOPPING

    def _work(self, model: LoadedModel) -> Ended:
        if self.labels != model.manifest.labels:  # another one was opened meanwhile
            self.results = ResultStore(model.manifest.labels)
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
            time.sleep(_GLANCE)
        raise Stopped
