"""Several files at once: each has an engine of its own, and all ask the same workers."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from models.arrays import Float32
from models.console import tr
from models.cores import available_cores
from models.predictor import Predictor
from tui.batch.answering import Between, Hooks, Question, Stopped, answer
from tui.batch.engine import classify
from tui.batch.inspection import Found
from tui.batch.objects import staged
from tui.batch.report import Report
from tui.batch.settings import BatchSettings
from tui.batch.summary import Chunk, Summary, duration, progress_words

Outcome = tuple[Report, Summary]
"""What a file that is done has to tell, and its counts."""


class Board:
    """Numbers that the engines of a command and the command itself tell each other.

    Args:
        sizes: of the files, in bytes.
        path: of a file that the processes of one machine share, which is empty in the beginning.
            None keeps the numbers in memory.
    """

    def __init__(self, sizes: Sequence[int], path: Path | None = None) -> None:
        self._made_of = sizes, path
        self._sizes = np.array(sizes, np.float64)
        # Whether to stop, and chunks ahead; then for each file records that were predicted, those
        # of them that an interrupted run had, rejects, and all records.
        self._numbers = np.zeros((len(sizes) + 1, 4), np.int64)
        if path is not None:
            self._numbers = np.memmap(
                path,
                np.int64,
                "r+",
                shape=self._numbers.shape,
            )
        self._started = time.monotonic()

    def __reduce__(self) -> tuple[type["Board"], tuple[Sequence[int], Path | None]]:
        return Board, self._made_of

    def stop(self) -> None:
        """Have all engines stop before their next batch."""
        self._numbers[0, 0] = 1

    def share_out(self, cores: int, files: int) -> None:
        """Let some files keep some cores busy, with two chunks on their way for each core."""
        self._numbers[0, 1] = max(2, 2 * cores // max(files, 1))

    @property
    def ahead(self) -> int:
        """Number of chunks of a file that may be on their way."""
        return int(self._numbers[0, 1])

    def note(self, number: int, summary: Summary) -> None:
        """Note how far a file is."""
        records = summary.records or 0
        done = summary.predicted, summary.resumed
        if summary.finished:
            done = records, records
        self._numbers[number + 1] = *done, summary.rejected, records

    def between(self, number: int, summary: Summary) -> None:
        """Note how far a file is, or raise Stopped."""
        self.note(number, summary)
        if self._numbers[0, 0]:
            raise Stopped

    @property
    def predicted(self) -> int:
        """Number of records that were predicted or rejected."""
        return int(self._numbers[1:, 0].sum())

    def words(self, done: int) -> str:
        """Say how far all files are, of which some are done; what is left is told by bytes."""
        predicted, resumed, rejected, records = self._numbers[1:].T
        new = predicted - resumed
        seconds = time.monotonic() - self._started
        words = [
            tr("{done:,} of {files:file}", done=done, files=len(self._sizes)),
            tr("{count:record}", count=int(predicted.sum())),
        ]
        per_record = self._sizes / np.maximum(records, 1)
        left = None
        if speed := (per_record * new).sum() / seconds:
            left = duration((self._sizes.sum() - (per_record * predicted).sum()) / speed)
        return progress_words(words, new.sum() / seconds, left, rejected.sum())


class Workers:
    """Cores of this machine, or its GPU; `tui.batch.cluster` has those of many machines.

    Engines are threads here: what takes time is native code.

    Args:
        predictor: computes a text on one core, or on the GPU.
        board: how far the files are.

    Attributes:
        files: number of files at once.
        at_once: number of chunks of one of them that are answered at once, at most.
    """

    def __init__(self, predictor: Predictor, board: Board) -> None:
        self.predictor = predictor
        self.board = board
        self.at_once = self.cores
        self.files = self.cores + 1  # so that one may read or write
        self._free = threading.Semaphore(self.cores)

    @property
    def cores(self) -> int:
        """Number of chunks that are answered at once."""
        return available_cores() if self.predictor.device == "cpu" else 1

    @property
    def place(self) -> str:
        """Whose cores they are, for people, before what is said of the files; "" here."""
        return ""

    def hooks(
        self,
        found: Callable[[Found], object],
        between: Callable[[Summary], object],
        answered: Callable[[Chunk], object],
    ) -> Hooks:
        """Return the hooks of a run that these workers answer."""
        return Hooks(
            found,
            between,
            answered,
            self._ask,
            self.at_once,
            lambda: self.board.ahead,
        )

    def _ask(self, predictor: Predictor, question: Question, between: Between) -> Float32:
        with self._free:
            return answer(predictor, question, between)

    def classify(self, number: int, run: BatchSettings, report: Report) -> Outcome:
        """Classify a file, and return when that is done.

        Args:
            number: of the file among the command's.
            run: what to do.
            report: the command's.

        Raises:
            UserError, Stopped, OSError: as `engine.classify`.
        """
        own = replace(report, at_end=True)
        between = partial(self.board.between, number)
        between(Summary(()))
        hooks = self.hooks(own.found, between, own.answered)
        with staged(run) as local:
            summary = classify(local, self.predictor, hooks=hooks)
        self.board.note(number, summary)
        own.close(summary, run.output)
        summary.close()
        return own, summary
