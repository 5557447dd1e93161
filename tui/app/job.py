"""A file run: what the engine does on its thread, and what the screen reads of it meanwhile.

Nothing is posted per row: the counters are there to be read, and the answers are in `rows`.
"""

import time
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from models.console.command import UserError, reason_of
from tui.app.engine import Ended, Engine, Model, Post
from tui.app.result_store import Rows
from tui.batch.engine import Hooks, Stopped, classify
from tui.batch.inspection import Found
from tui.batch.settings import BatchSettings
from tui.batch.summary import Summary

if TYPE_CHECKING:
    from models.predictor import Predictor

_GLANCE = 0.05  # seconds between two looks at whether a pause is over


class State(Enum):
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
        self, engine: Engine, settings: BatchSettings, found: Found, labels: tuple[str, ...]
    ) -> None:
        self.settings, self.found, self.rows = settings, found, Rows(labels)
        self.summary: Summary | None = None
        self.reason = self.filter = ""
        self.marked: set[int] = set()
        self._engine = engine
        self._wish = State.RUNNING  # or paused or stopping, as the user wants
        self._ended: State | None = None

    def start(self, reply: Post) -> None:
        """Start, or go on where it was stopped; `reply` is told when it has ended."""
        self.rows, self.summary = Rows(self.labels), None
        self.marked.clear()
        self._wish, self._ended = State.RUNNING, None
        self._engine.submit(self._work, reply)

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the model that runs."""
        return self.rows.labels

    @property
    def state(self) -> State:
        """What it is at."""
        return self._ended or self._wish

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._ended is None

    def pause(self) -> None:
        """Pause before the next batch, or go on."""
        self._wish = State.RUNNING if self._wish is State.PAUSED else State.PAUSED

    def stop(self) -> None:
        """Stop before the next batch."""
        self._wish = State.STOPPING

    def _work(self, model: Model) -> Ended:
        if self.labels != model.manifest.labels:  # another one was opened meanwhile
            self.rows = Rows(model.manifest.labels)
        hooks = Hooks(between=self._between, answered=self.rows.append)
        try:
            self.summary = classify(
                self.settings, cast("Predictor", model), found=self.found, hooks=hooks
            )
            self._ended = State.DONE
        except Stopped:
            self._ended = State.STOPPED
        except (UserError, OSError) as error:
            self.reason = reason_of(error)
            self._ended = State.FAILED
            return Ended(self.reason)
        return Ended()

    def _between(self, summary: Summary) -> None:
        self.summary = summary
        while self._engine.breathe() and self._wish is not State.STOPPING:
            if self._wish is State.RUNNING:
                return
            time.sleep(_GLANCE)
        raise Stopped
