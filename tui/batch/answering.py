"""Answers to the texts of a run, chunk by chunk.

Those of a chunk are a pure function of them and the model, on whatever machine. Here they
are asked for, several chunks at once where there is who answers them, and kept in order.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.arrays import Float32
from models.predictor import Predictor
from tui.batch.inspection import Found
from tui.batch.journal import Journal
from tui.batch.opinion import bare, has_opinion, is_blank
from tui.batch.settings import BatchSettings
from tui.batch.summary import Chunk, Summary

BATCH = 16384
"""Characters of the texts between two chances to stop, so that of short ones a whole chunk comes
at once: of few batches, the cores get unequal shares."""


class Question(NamedTuple):
    """Texts of a chunk that ask for a label.

    Attributes:
        texts: theirs.
        windows: as `Predictor.predict` takes it.
        name: of the file, for people.
        first: number of the first record of the chunk.
        last: number of the last one.
    """

    texts: Sequence[str]
    windows: bool
    name: str
    first: int
    last: int


Between = Callable[[int], object]
"""Called between two batches with the number of texts that the first one answered."""

Ask = Callable[[Predictor, Question, Between], Float32]
"""Returns what `answer` does, wherever it is computed."""


def answer(predictor: Predictor, question: Question, between: Between = lambda _: None) -> Float32:
    """Return probabilities, and the share of the text that was read, `[texts, labels + 1]`."""
    texts = question.texts
    answers = np.empty((len(texts), len(predictor.manifest.labels) + 1), np.float32)
    # By length, so that little is padding.
    order = sorted(range(len(texts)), key=lambda row: (len(texts[row]), texts[row]))
    rows: list[int] = []
    characters = 0
    for end, row in enumerate(order, 1):
        rows.append(row)
        characters += len(texts[row])
        if characters < BATCH and end < len(order):
            continue
        predictions = predictor.predict([texts[row] for row in rows], windows=question.windows)
        answers[rows, :-1] = predictions.probabilities
        answers[rows, -1] = predictions.read
        if end < len(order):
            between(len(rows))
        rows, characters = [], 0
    return answers


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """Raised by a hook to end a run. All finished chunks stay, for the same run to go on."""


@dataclass(frozen=True)
class Hooks:
    """Functions that a run calls as it goes on; every default does nothing.

    Attributes:
        found: called once, before the first record.
        between: called before every chunk, and every batch of texts, on another thread, or
            on several of them where there are `workers`. It may block, which is a
            pause, or raise `Stopped`. The summary goes on changing until the run ends.
        answered: called for every chunk that was written, in order, on the caller's thread.
        ask: called for the answers to the texts of a chunk, by up to `workers` threads at once.
        workers: number of these threads.
        ahead: returns how many chunks may be on their way before the first of them is written.
    """

    found: Callable[[Found], object] = lambda _: None
    between: Callable[[Summary], object] = lambda _: None
    answered: Callable[[Chunk], object] = lambda _: None
    ask: Ask = answer
    workers: int = 1
    ahead: Callable[[], int] = lambda: 1


class Answering:
    """Takes the answers of a run from its journal, and asks for those that it has not.

    Args:
        predictor: the model.
        settings: what the run is asked to do.
        hooks: who is told, and asked.
        summary: counts what is answered.

    Attributes:
        journal: keeps the answers; None where nothing can be resumed.
        ended: set when no further chunk is to be begun.
    """

    def __init__(
        self, predictor: Predictor, settings: BatchSettings, hooks: Hooks, summary: Summary
    ) -> None:
        self.journal: Journal | None = None
        self.ended = threading.Event()
        self._failure: BaseException | None = None
        self._predictor = predictor
        self._settings = settings
        self._hooks = hooks
        self._summary = summary
        self._fillers = frozenset(bare(text) for text in settings.no_opinion)
        self._started = time.monotonic()
        self._counting = threading.Lock()
        self._is_loading = True

    def tick(self) -> None:
        """Note how long the run has taken."""
        self._summary.seconds = time.monotonic() - self._started

    def rewind(self) -> None:
        """Begin again with the first chunk, whose answers are in the journal by now."""
        # They will be counted as those of another run.
        self._summary.resumed -= self._summary.predicted
        self._summary.predicted = 0
        self.ended.clear()
        if self.journal is not None:
            self.journal.rewind()
        self._is_loading = True

    def load(self, texts: list[str]) -> Float32 | None:
        """Take the answers of a chunk from the journal, until it has no more; then it is saved."""
        if self.journal is None or not self._is_loading:
            return None
        kept = self.journal.load(texts, len(self._summary.labels) + 1)
        self._is_loading = kept is not None
        return kept

    def answer(
        self,
        question: Question,
        rejected: int,
        kept: Float32 | None,
        before: Future[Float32] | None,
    ) -> Float32:
        """Return the answers of a chunk, and keep in the journal what it had not."""
        try:
            self._let_stop()
            if kept is not None:
                self._count(rejected + len(kept), resumed=rejected + len(kept))
                return kept
            self._count(rejected)
            answers = self._predict(question)
            if before is not None:
                before.result()  # the journal is in order, and has no holes
            if self.journal is not None:
                self.journal.save(question.texts, answers)
            return answers
        except BaseException as error:
            self._failure = self._failure or error
            self.ended.set()  # before the next chunk is begun
            raise

    def _predict(self, question: Question) -> Float32:
        """Return the answers to a chunk, zeros for texts that get no label."""
        texts = question.texts
        answers = np.zeros((len(texts), len(self._summary.labels) + 1), np.float32)
        filled = [row for row, text in enumerate(texts) if self._is_labelled(text)]
        left = len(texts)

        def between(count: int) -> None:
            nonlocal left
            left -= count
            self._count(count)
            self._let_stop()

        if filled:
            asked = question._replace(texts=[texts[row] for row in filled])
            answers[filled] = self._hooks.ask(self._predictor, asked, between)
        self._count(left)
        return answers

    def _count(self, records: int, resumed: int = 0) -> None:
        with self._counting:
            self._summary.predicted += records
            self._summary.resumed += resumed

    def _is_labelled(self, text: str) -> bool:
        everything = self._settings.label_everything
        return not is_blank(text) and (everything or has_opinion(text, self._fillers))

    def _let_stop(self) -> None:
        """Let the run be paused or stopped."""
        if self.ended.is_set():  # a chunk before this one must not hide why
            raise self._failure or Stopped
        asked = time.monotonic()
        self._summary.seconds = asked - self._started
        self._hooks.between(self._summary)
        self._started += time.monotonic() - asked  # a pause is no time of the run
