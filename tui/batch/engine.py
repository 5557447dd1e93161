"""Classifies a table of texts: the one engine of the command line and of the app.

Reads a chunk of records, predicts it, writes it, until there is no more. It prints nothing: hooks
tell whoever asked how far it is. `tui.batch.inspection` has what is known of an input before,
`tui.batch.journal` how a run survives being killed, `tui.batch.receipt` how its output appears.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.files import json_bytes
from models.predictor import Predictor
from models.review import limited
from models.tables import Item, Reject, Table, open_table
from tui.batch.answer import AnswerColumns, Floats, decide
from tui.batch.inspection import Found, inspect, recognise
from tui.batch.journal import Draft, Journal, Sink, discard, journal_of
from tui.batch.opinion import bare, has_opinion, is_blank
from tui.batch.publishing import check_output, take_over
from tui.batch.receipt import (
    begin_anew,
    check_unchanged,
    fingerprint_of,
    finished,
    publish,
    reject_fields,
    resume,
)
from tui.batch.review import Confidences
from tui.batch.screen import standard_output
from tui.batch.settings import BatchSettings
from tui.batch.status import Status
from tui.batch.summary import Chunk, Summary
from tui.batch.truth import count_label
from tui.batch.validation import Accepted, check_run, validate
from tui.batch.writers import UnwritableError, Writer, open_writer

CHUNK = 512
"""Records that are read, kept and written together: memory is bounded by this."""

FIRST = 32
"""Records of the first chunk, so that answers are there at once; each has twice as many as the one
before it, up to `CHUNK`."""

BATCH = 128
"""Texts between two chances to stop."""


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """Raised by a hook to end a run. All finished chunks stay, for the same run to go on."""


@dataclass(frozen=True)
class Hooks:
    """Functions that a run calls as it goes on; every default does nothing.

    Attributes:
        found: called once, before the first record.
        between: called before every chunk, and every batch of `BATCH` texts, on another thread. It
            may block, which is a pause, or raise `Stopped`. The summary goes on changing until the
            run ends.
        answered: called for every chunk that was written, in order, on the caller's thread.
    """

    found: Callable[[Found], object] = lambda _: None
    between: Callable[[Summary], object] = lambda _: None
    answered: Callable[[Chunk], object] = lambda _: None


def classify(
    settings: BatchSettings,
    predictor: Predictor,
    *,
    found: Found | None = None,
    hooks: Hooks = Hooks(),
) -> Summary:
    """Classify every record of a table, in order: written once, or rejected with the reason.

    From a file into a file, a run that was stopped or killed goes on when it is asked for again,
    and ends with the same bytes. From standard input or to standard output it begins anew; to
    standard output, only `hooks.answered` is told of rejects.

    Args:
        settings: what to do.
        predictor: the model.
        found: what `inspect` returned for these settings, if it was called.
        hooks: who is told how far it is.

    Raises:
        UserError: as `inspect`, its `problem` included; DATA also for a column named like the
            answer's, and an input that was changed; CONFIG, something else was changed since the
            run was interrupted; CANNOT_CREATE, the output exists or is the input, or its folder
            refuses it; LOCKED, another run is writing it.
        Stopped: a hook said so.
        OSError: the disk is full, a folder was removed, …
    """
    if found is None and isinstance(settings.source, Path):
        found = inspect(settings)
    dialect = settings.dialect if found is None else found.dialect
    with open_table(settings.source, dialect) as table:
        found = found or recognise(settings, table)
        found = replace(found, settings=settings)  # `force` may have been added since
        if found.problem is not None:
            raise found.problem
        if found.records is None:  # a pipe: what its labels stand for, its beginning must tell
            first = list(islice(table.items, FIRST if settings.label_column else 0))
            table = replace(table, items=chain(first, table.items))
            labels: Counter[str] = Counter()
            for item in first:
                count_label(labels, item, settings.label_column)
            found = replace(found, labels=labels)
        run = _Run(predictor, found, hooks)
        hooks.found(found)
        if isinstance(settings.output, Path):
            run.publish(table, settings.output)
        else:
            run.write(table, standard_output())
        return run.summary


class _Work(NamedTuple):
    """A chunk on its way.

    Attributes:
        accepted: records to be classified.
        rejects: those that cannot be.
        answers: to come, float32 `[accepted, labels + 1]`, as `decide` takes them.
    """

    accepted: list[Accepted]
    rejects: list[Reject]
    answers: Future[Floats]


class _Run:
    """One run: its summary, and whoever reads, predicts and writes for it."""

    def __init__(self, predictor: Predictor, found: Found, hooks: Hooks) -> None:
        labels = predictor.manifest.labels
        self._settings = found.settings
        self._found = found
        self._predictor = predictor
        self._hooks = hooks
        self._columns = AnswerColumns(found.settings, labels)
        self._fillers = frozenset(bare(text) for text in found.settings.no_opinion)
        self._label_map = check_run(found, self._columns)
        self._share, limit = found.settings.review_limit
        self._ended = threading.Event()
        self._started = time.monotonic()
        self._journal: Journal | None = None
        self.summary = Summary.begin(labels, found.records)
        self.summary.label_map = self._label_map
        self.summary.review = predictor.manifest.review
        if limit is not None:
            self.summary.review = limited(self.summary.review, limit)

    def publish(self, table: Table, output: Path) -> None:
        """Write the whole table into a file: go on where a run ended, or begin anew."""
        settings = self._settings
        fingerprint = fingerprint_of(self._predictor, self._found)
        receipt = finished(output, settings, fingerprint)
        if receipt is not None:
            self.summary = Summary.of(receipt)
            with journal_of(output) as journal:
                discard(journal.folder)  # a run may be killed before it does this
            return
        target = check_output(output, settings)
        if settings.resumable:
            take_over(output, json_bytes(fingerprint).rstrip())
        with journal_of(output, target.mode) as journal:
            folder = journal.folder
            if settings.resumable:
                resume(journal, fingerprint)
                self._journal = journal
                if self._share is not None:
                    self._limit_to(self._share, journal)
            else:
                begin_anew(journal, output, force=settings.force)
            with (
                closing(Draft(folder / "output.draft", target.mode)) as draft,
                closing(Draft(folder / "rejects.draft", target.mode)) as rejects,
            ):
                self.write(table, draft, rejects, folder)
            if settings.resumable:
                check_unchanged(table, self._found, self.summary, folder)
            journal.keep = True  # what is finished
            publish(target, draft, rejects, folder, self.summary, fingerprint)
            discard(folder)

    def _limit_to(self, share: float, journal: Journal) -> None:
        """Answer everything, to find the confidence that a share of the answers does not reach."""
        confidences = Confidences()
        source, dialect = self._settings.source, self._found.dialect
        with open_table(source, dialect) as table, closing(self._chunks(table)) as chunks:
            for work in chunks:
                confidences.add(work.answers.result())
        self.summary.review = limited(self.summary.review, confidences.limit_of(share))
        # Now all answers are loaded from the journal, which counts them as those of another run.
        self.summary.resumed -= self.summary.predicted
        self.summary.predicted = 0
        self._ended.clear()
        journal.rewind()

    def write(
        self,
        table: Table,
        output: Sink,
        rejects: Draft | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Write the whole table; while a chunk is predicted, the next is read, the last written."""
        writer = open_writer(self._found, table, self._columns, output, scratch)

        with closing(self._chunks(table)) as chunks:
            for work in chunks:
                chunk = self._written(work, writer)
                if rejects is None:
                    output.flush()
                else:
                    for reject in chunk.rejects:
                        rejects.write(json_bytes(reject_fields(self._found, reject)))
                self.summary.add(chunk)
                self.summary.seconds = time.monotonic() - self._started
                self._hooks.answered(chunk)
        writer.close()
        output.finish()
        if rejects is not None:
            rejects.finish()

    def _chunks(self, table: Table) -> Generator[_Work]:
        """Yield the chunks of a table; while one is predicted, the next is read."""
        ahead: deque[_Work] = deque()
        with ThreadPoolExecutor(1) as pool:
            try:
                size = min(FIRST, CHUNK)
                while items := list(islice(table.items, size)):
                    size = min(2 * size, CHUNK)
                    ahead.append(self._begin(items, pool))
                    if len(ahead) > 1:
                        yield ahead.popleft()
                yield from ahead
            finally:
                self._ended.set()

    def _begin(self, items: list[Item], pool: ThreadPoolExecutor) -> _Work:
        """Tell records from rejects, and have the texts predicted."""
        checked = [validate(item, self._found, self._columns, self._label_map) for item in items]
        accepted = [one for one in checked if isinstance(one, Accepted)]
        rejects = [one for one in checked if isinstance(one, Reject)]
        texts = [one.text for one in accepted]
        answers = pool.submit(self._answer, texts, len(rejects))
        return _Work(accepted, rejects, answers)

    def _answer(self, texts: list[str], rejected: int) -> Floats:
        """Take the answers of a chunk from the journal, or predict them and keep them there."""
        summary, journal = self.summary, self._journal
        try:
            self._let_stop()
            if journal is not None:
                kept = journal.load(texts, len(summary.labels) + 1)
                if kept is not None:
                    summary.resumed += rejected + len(texts)
                    summary.predicted += rejected + len(texts)
                    return kept
            summary.predicted += rejected
            answers = self._predict(texts)
            if journal is not None:
                journal.save(texts, answers)
            return answers
        except BaseException:
            self._ended.set()  # before the next chunk is begun: the journal has no holes
            raise

    def _predict(self, texts: list[str]) -> Floats:
        """Return the answers to a chunk, as `_Work` has them."""
        width = len(self.summary.labels) + 1
        answers = np.zeros((len(texts), width), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if self._is_labelled(text)]
        self.summary.predicted += len(texts) - len(filled)
        filled.sort(key=lambda row: (len(texts[row]), texts[row]))  # so that little is padding
        for start in range(0, len(filled), BATCH):
            if start:
                self._let_stop()
            rows = filled[start : start + BATCH]
            batch = [texts[row] for row in rows]
            predictions = self._predictor.predict(batch, windows=self._settings.windows)
            answers[rows, :-1] = predictions.probabilities
            answers[rows, -1] = predictions.read
            self.summary.predicted += len(rows)
        return answers

    def _is_labelled(self, text: str) -> bool:
        if is_blank(text):
            return False
        return self._settings.label_everything or has_opinion(text, self._fillers)

    def _let_stop(self) -> None:
        """Let the run be paused or stopped."""
        if self._ended.is_set():
            raise Stopped
        asked = time.monotonic()
        self.summary.seconds = asked - self._started
        self._hooks.between(self.summary)
        self._started += time.monotonic() - asked  # a pause is no time of the run

    def _written(self, work: _Work, writer: Writer) -> Chunk:
        """Write the records of a chunk; those that the format cannot hold join its rejects."""
        answers = work.answers.result()
        ids, confidences, statuses = decide(answers, self.summary.review)
        kept: list[int] = []
        rejects = list(work.rejects)
        for row, (record, text, _) in enumerate(work.accepted):
            if statuses[row] == Status.EMPTY and not is_blank(text):
                statuses[row] = Status.NO_OPINION
            probabilities = answers[row, :-1].tolist()
            label = int(ids[row])
            confidence = float(confidences[row])
            answer = self._columns.row(label, confidence, statuses[row], probabilities)
            try:
                writer.write(record, answer)
                kept.append(row)
            except UnwritableError as error:
                reject = Reject(record.place, "unwritable", str(error), error.column)
                rejects.append(reject)
        written = [work.accepted[row] for row in kept]
        truths = None
        if self._settings.label_column is not None:
            true_labels = [one.truth.id for one in written]
            truths = np.array(true_labels, dtype=np.int64)
        return Chunk(
            records=[one.record for one in written],
            texts=[one.text for one in written],
            ids=ids[kept],
            confidences=confidences[kept],
            statuses=statuses[kept],
            truths=truths,
            unscored=[one.truth for one in written if one.truth.problem],
            rejects=sorted(rejects, key=lambda reject: reject.place.number),
        )
