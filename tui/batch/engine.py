"""Classifies a table of texts: the one engine of the command line and of the app.

Reads a chunk of records, predicts it, writes it, until there is no more. It prints nothing: hooks
tell whoever asked how far it is. `tui.batch.inspection` has what is known of an input before,
`tui.batch.journal` how a run survives being killed, `tui.batch.receipt` how its output appears.
"""

import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.arrays import Float32
from models.files import json_bytes
from models.predictor import Predictor
from models.review import limited
from models.tables import Item, Reject, Table, open_table
from tui.batch.answer import AnswerColumns, Confidences, decide
from tui.batch.answering import Answering, Hooks, Question, Stopped
from tui.batch.inspection import Found, counted_labels, inspect, recognise
from tui.batch.journal import Draft, Journal, Sink, discard, journal_of
from tui.batch.opinion import is_blank
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
from tui.batch.screen import standard_output
from tui.batch.settings import BatchSettings
from tui.batch.status import Status
from tui.batch.summary import Chunk, Summary
from tui.batch.validation import Accepted, check_run, validate
from tui.batch.writers import UnwritableError, Writer, open_writer

__all__ = ["CHUNK", "FIRST", "Hooks", "Stopped", "classify", "replay"]

CHUNK = 512
"""Records that are read, kept and written together: memory is bounded by this."""

FIRST = 32
"""Records of the first chunk, so that answers are there at once; each has twice as many as the one
before it, up to `CHUNK`."""


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
            found = replace(found, labels=counted_labels(first, found))
        run = _Run(predictor, found, hooks)
        hooks.found(found)
        if settings.output:
            run.publish(table, settings.output)
        else:
            run.write(table, standard_output())
        return run.summary


def replay(settings: BatchSettings, predictor: Predictor, found: Found, hooks: Hooks) -> Summary:
    """Take the answers that an interrupted run has; nothing is written, and the run can go on.

    Args:
        settings: of the run.
        predictor: a model that raises Stopped where it is asked.
        found: what `inspect` returned for these settings.
        hooks: who is told of the answers.

    Raises:
        UserError: as `classify`, where the run could not go on; but the output may exist.
        OSError: the input cannot be read any more, …
    """
    assert settings.output is not None  # noqa: S101 - such a run leads into a file
    run = _Run(predictor, found, hooks)
    with (
        open_table(settings.source, found.dialect) as table,
        journal_of(settings.output) as journal,
    ):
        journal.keep = True
        resume(journal, fingerprint_of(predictor, found))
        with suppress(Stopped):
            run.read_back(table, journal)
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
    answers: Future[Float32]


def _settled(answers: Future[Float32]) -> Float32:
    """Return answers when they are there; Ctrl-C that comes just before the wait is not lost.

    Python runs the handler of a signal when a wait ends, unless the signal comes within it.
    """
    while not wait([answers], timeout=1).done:
        pass
    return answers.result()


class _Run:
    """One run: its summary, and whoever reads, predicts and writes for it."""

    def __init__(self, predictor: Predictor, found: Found, hooks: Hooks) -> None:
        labels = predictor.manifest.labels
        self._settings, self._found = found.settings, found
        self._predictor, self._hooks = predictor, hooks
        self._columns = AnswerColumns(found.settings, labels)
        self._label_map = check_run(found, self._columns)
        self._share, limit = found.settings.review_limit
        self.summary = Summary(labels, found.records)
        self.summary.label_map = self._label_map
        self.summary.review = predictor.manifest.review
        if limit is not None:
            self.summary.review = limited(self.summary.review, limit)
        self._answering = Answering(
            predictor,
            found.settings,
            hooks,
            self.summary,
        )

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
                self._answering.journal = journal
                if self._share is not None:
                    self._limit_to(self._share)
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
            if not settings.keep:
                discard(folder)

    def read_back(self, table: Table, journal: Journal) -> None:
        """Tell of the answers in a journal, as if they were written; raises Stopped at its end."""
        self._answering.journal = journal
        if self._share is not None:
            try:
                self._limit_to(self._share)
            except Stopped:  # which answers are the share, only all of them tell
                self._answering.rewind()
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            self.write(table, Sink(nowhere.fileno()), scratch=journal.folder)

    def _limit_to(self, share: float) -> None:
        """Answer everything, to find the confidence that a share of the answers does not reach."""
        confidences = Confidences()
        source, dialect = self._settings.source, self._found.dialect
        with open_table(source, dialect) as table, closing(self._chunks(table)) as chunks:
            for work in chunks:
                confidences.add(_settled(work.answers))
        self.summary.review = limited(self.summary.review, confidences.limit_of(share))
        self._answering.rewind()

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
                self._answering.tick()
                self._hooks.answered(chunk)
        writer.close()
        output.finish()
        if rejects is not None:
            rejects.finish()

    def _chunks(self, table: Table) -> Generator[_Work]:
        """Yield the chunks of a table; while some are predicted, the next is read."""
        ahead: deque[_Work] = deque()
        with ThreadPoolExecutor(self._hooks.workers) as pool:
            try:
                size = min(FIRST, CHUNK)
                while items := list(islice(table.items, size)):
                    size = min(2 * size, CHUNK)
                    before = ahead[-1].answers if ahead else None
                    ahead.append(self._begin(items, pool, before))
                    if len(ahead) > self._hooks.ahead():
                        yield ahead.popleft()
                yield from ahead
            finally:
                self._answering.ended.set()

    def _begin(
        self, items: list[Item], pool: ThreadPoolExecutor, before: Future[Float32] | None
    ) -> _Work:
        """Tell records from rejects, and have the texts answered after the chunk `before`."""
        checked = [validate(item, self._found, self._columns, self._label_map) for item in items]
        accepted = [one for one in checked if isinstance(one, Accepted)]
        rejects = [one for one in checked if isinstance(one, Reject)]
        texts = [one.text for one in accepted]
        ends = items[0].place.number, items[-1].place.number
        question = Question(
            texts,
            self._settings.windows,
            self._found.name,
            *ends,
        )
        kept = self._answering.load(texts)
        answers = pool.submit(
            self._answering.answer,
            question,
            len(rejects),
            kept,
            before,
        )
        return _Work(accepted, rejects, answers)

    def _written(self, work: _Work, writer: Writer) -> Chunk:
        """Write the records of a chunk; those that the format cannot hold join its rejects."""
        answers = _settled(work.answers)
        ids, confidences, statuses = decide(answers, self.summary.review)
        kept: list[int] = []
        rejects = list(work.rejects)
        for row, (record, text, _) in enumerate(work.accepted):
            if statuses[row] == Status.EMPTY and not is_blank(text):
                statuses[row] = Status.NO_OPINION
            probabilities = answers[row, :-1].tolist()
            label, confidence = int(ids[row]), float(confidences[row])
            answer = self._columns.row(
                label,
                confidence,
                statuses[row],
                probabilities,
            )
            try:
                writer.write(record, answer)
                kept.append(row)
            except UnwritableError as error:
                rejects.append(Reject(record.place, "unwritable", str(error), error.column))
        written = [work.accepted[row] for row in kept]
        truths = [one.truth for one in written]
        ids_of_truths = np.array([truth.id for truth in truths], np.int64)
        return Chunk(
            records=[one.record for one in written],
            texts=[one.text for one in written],
            ids=ids[kept],
            confidences=confidences[kept],
            statuses=statuses[kept],
            truths=ids_of_truths if self._settings.label_column else None,
            unscored=[truth for truth in truths if truth.problem],
            rejects=sorted(rejects, key=lambda reject: reject.place.number),
        )
