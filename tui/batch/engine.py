"""Classifies a table of texts: the one engine of the command line and of the app.

Reads a chunk of records, predicts it, writes it, until there is no more. It prints nothing and
knows no screen: hooks tell whoever asked how far it is. `tui.batch.inspection` has what is known of
an input before, `tui.batch.journal` how a run survives being killed, `tui.batch.receipt` how its
output appears.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.console.command import ExitCode, UserError
from models.console.display import display
from models.console.i18n import tr
from models.labels import LabelSet
from models.predictor import Predictor
from models.tables import TEXT_FORMATS, Item, Record, Reject, Table, open_table, plain
from tui.batch.inspection import (
    Found,
    Settings,
    digest_of,
    has_text,
    inspect,
    keeps_lines,
    recognise,
    text_of,
)
from tui.batch.journal import Draft, Journal, Screen, discard, journal_of
from tui.batch.receipt import (
    begin_anew,
    check_output,
    fingerprint_of,
    finished,
    json_bytes,
    publish,
    reject_fields,
    resume,
)
from tui.batch.summary import STATUSES, Chunk, Summary
from tui.batch.writers import UnwritableError, Writer, open_writer

CHUNK = 512
"""Records that are read, kept and written together: memory is bounded by this."""

FIRST = 32
"""Records of the first chunk, so that answers are there at once; each has twice as many as the one
before it, up to `CHUNK`."""

BATCH = 128
"""Texts between two chances to stop."""


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """What a hook raises to end a run. All finished chunks stay, for the same run to go on."""


@dataclass(frozen=True)
class Hooks:
    """What a run tells whoever asked for it; every default does nothing.

    Attributes:
        found: told once, before the first record.
        between: called before every chunk, and every batch of `BATCH` texts, on another thread. It
            may block, which is a pause, or raise `Stopped`. The summary goes on changing until the
            run ends.
        answered: told of every chunk that was written, in order, on the caller's thread.
    """

    found: Callable[[Found], object] = lambda _: None
    between: Callable[[Summary], object] = lambda _: None
    answered: Callable[[Chunk], object] = lambda _: None


def classify(
    settings: Settings,
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
    if found is None and settings.source is not None:
        found = inspect(settings)
    with open_table(settings.source, found.dialect if found else settings.dialect) as table:
        found = found or recognise(settings, table)
        _check(settings, predictor, found)
        hooks.found(found)
        run = _Run(settings, predictor, found, hooks)
        if settings.output is None:
            run.write(table, Screen() if os.isatty(1) else Draft(None))
        else:
            run.publish(table, settings.output)
        return run.summary


def _check(settings: Settings, predictor: Predictor, found: Found) -> None:
    if found.problem is not None:
        raise found.problem
    labels, column = LabelSet(predictor.manifest.labels), settings.label_column
    if column is not None and found.preview:
        named = {str(record.fields.get(column)) for record in found.preview}
        if all(labels.find(name) is None for name in named):  # then none would be classified
            raise UserError(
                ExitCode.DATA,
                "{name}: expected labels of the model in the column {column}: {labels}; found "
                "{found}. Rename them, or leave --label-column out",
                name=found.name,
                column=column,
                labels=labels,
                found=display(", ".join(sorted(named)), limit=200),
            )
    if settings.output is None and found.output_format not in TEXT_FORMATS and os.isatty(1):
        raise UserError(
            ExitCode.USAGE,
            "{format} is not for a terminal: name an --output, or lead it into a pipe or a file",
            format=found.output_format,
        )
    kept = settings.select or found.columns
    taken = sorted(set(kept).intersection(settings.added(predictor.manifest.labels)))
    if taken:
        raise UserError(
            ExitCode.DATA,
            "{name}: the input has a column {columns} already; "
            "choose other names for the answer with --prefix",
            name=found.name,
            columns=", ".join(taken),
        )


class _Work(NamedTuple):
    """A chunk on its way: records with their text and true label, what was rejected, answers.

    The answers will be float32 `[records, labels + 1]`: the probabilities, and the share of the
    text that was read; 0 where there is no text.
    """

    rows: list[tuple[Record, str, int]]
    rejects: list[Reject]
    answers: Future[NDArray[np.float32]]


class _Run:
    def __init__(
        self, settings: Settings, predictor: Predictor, found: Found, hooks: Hooks
    ) -> None:
        self._settings, self._found, self._hooks = settings, found, hooks
        self._predictor = predictor
        self._labels = LabelSet(predictor.manifest.labels)
        self._added = settings.added(predictor.manifest.labels)
        self._known = frozenset(found.columns)
        self._keeps_lines = keeps_lines(settings, found)
        self._ended = threading.Event()
        self._started = time.monotonic()
        self.summary = Summary.begin(predictor.manifest.labels, found.records)
        self._journal: Journal | None = None

    def publish(self, table: Table, output: Path) -> None:
        """Write the whole table into a file: go on where a run ended, or begin anew."""
        settings, found = self._settings, self._found
        fingerprint = fingerprint_of(settings, self._predictor, found)
        receipt = finished(settings, fingerprint)
        if receipt is None:
            check_output(output, settings)
        with journal_of(output) as journal:
            folder = journal.folder
            if receipt is not None:
                self.summary = Summary.of(receipt)
                discard(folder)  # a run may be killed before it does this
                return
            if settings.source is None:
                begin_anew(journal, output, force=settings.force)
            else:
                resume(journal, fingerprint)
                self._journal = journal
            with (
                closing(Draft(folder / "output.draft")) as draft,
                closing(Draft(folder / "rejects.draft")) as rejects,
            ):
                self.write(table, draft, rejects, folder)
            if settings.source is not None and (
                self.summary.read != found.records or digest_of(settings.source) != found.digest
            ):
                raise UserError(
                    ExitCode.DATA,
                    "{name} was changed since it was read. Undo the change to go on, or remove "
                    "{folder} to begin anew",
                    name=found.name,
                    folder=folder,
                )
            publish(output, draft, rejects, folder, self.summary, fingerprint)
            discard(folder)

    def write(
        self,
        table: Table,
        output: Draft,
        rejects: Draft | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Write the whole table; while a chunk is predicted, the next is read, the last written."""
        writer = open_writer(self._settings, self._found, table, self._added, output, scratch)

        def finish(work: _Work) -> None:
            chunk = self._written(work, writer)
            if rejects is None:
                output.flush()
            else:
                for reject in chunk.rejects:
                    rejects.write(json_bytes(reject_fields(self._found, reject)) + b"\n")
            self.summary.add(chunk)
            self.summary.seconds = time.monotonic() - self._started
            self._hooks.answered(chunk)

        with ThreadPoolExecutor(1) as pool:
            try:
                ahead: deque[_Work] = deque()
                size = min(FIRST, CHUNK)
                while items := list(islice(table.items, size)):
                    size = min(2 * size, CHUNK)
                    ahead.append(self._begin(items, pool))
                    if len(ahead) > 1:
                        finish(ahead.popleft())
                for work in ahead:
                    finish(work)
            finally:
                self._ended.set()
        writer.close()
        output.finish()
        if rejects is not None:
            rejects.finish()

    def _begin(self, items: list[Item], pool: ThreadPoolExecutor) -> _Work:
        """Tell records from rejects, and have the texts predicted."""
        checked = [self._checked(item) for item in items]
        rows = [row for row in checked if not isinstance(row, Reject)]
        rejects = [row for row in checked if isinstance(row, Reject)]
        return _Work(
            rows, rejects, pool.submit(self._answer, [text for _, text, _ in rows], len(rejects))
        )

    def _checked(self, item: Item) -> tuple[Record, str, int] | Reject:
        """Add to a record its text and true label, -1 without a column; or say why not."""
        if isinstance(item, Reject):
            return item
        text = text_of(item, self._found.text_column)
        if isinstance(text, Reject):
            return text
        # In JSONL the columns differ, and are known from before only where it is a file.
        if item.source and not self._settings.select:
            for name in item.fields:
                if name in self._added:
                    message = tr("the column is one of the answer's; choose others with --prefix")
                    return Reject(item.place, "taken_column", message, name)
                if not self._keeps_lines and name not in self._known:
                    message = tr("the first record lacks this column; save the input to a file")
                    return Reject(item.place, "unknown_column", message, name)
        column = self._settings.label_column
        if column is None:
            return item, text, -1
        try:
            label = str(plain(item.fields.get(column)))
        except ValueError as error:  # that Arrow cannot convert
            return Reject(item.place, "unknown_label", str(error), column)
        truth = self._labels.find(label)
        if truth is None:
            message = tr(
                "label {label} is not one of the model's: {labels}",
                label=label[:60],
                labels=self._labels,
            )
            return Reject(item.place, "unknown_label", message, column)
        return item, text, truth

    def _answer(self, texts: list[str], rejected: int) -> NDArray[np.float32]:
        """Take the answers of a chunk from the journal, or predict them and keep them there."""
        summary, journal, width = self.summary, self._journal, len(self._labels) + 1
        filled = [row for row, text in enumerate(texts) if has_text(text)]
        try:
            self._breathe()
            answers = None if journal is None else journal.load(texts, width)
            if answers is not None:
                summary.resumed += rejected + len(texts)
                summary.predicted += rejected + len(texts)
                return answers
            summary.predicted += rejected + len(texts) - len(filled)
            answers = np.zeros((len(texts), width), dtype=np.float32)
            # Shortest first, so that few tokens are padding.
            filled.sort(key=lambda row: (len(texts[row]), texts[row]))
            for start in range(0, len(filled), BATCH):
                if start:
                    self._breathe()
                rows = filled[start : start + BATCH]
                predictions = self._predictor.predict(
                    [texts[row] for row in rows], windows=self._settings.windows
                )
                answers[rows] = np.column_stack([predictions.probabilities, predictions.read])
                summary.predicted += len(rows)
            if journal is not None:
                journal.save(texts, answers)
        except BaseException:
            self._ended.set()  # before the next chunk is begun: the journal has no holes
            raise
        return answers

    def _breathe(self) -> None:
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
        probabilities, read = answers[:, :-1], answers[:, -1]
        confidences = probabilities.max(axis=1, initial=0.0)
        ids = np.where(read > 0, probabilities.argmax(axis=1), -1)
        unsure = confidences < self._predictor.manifest.uncertain_below
        statuses = np.select([read == 0, read < 1, unsure], [3, 2, 1])  # as in STATUSES
        rejects, kept = list(work.rejects), []
        for row, ((record, _, _), label, confidence, status) in enumerate(
            zip(work.rows, ids.tolist(), confidences.tolist(), statuses.tolist(), strict=True)
        ):
            values = values_of(self._labels.names, label, confidence, status)
            if self._settings.probabilities:
                each = probabilities[row].tolist()
                values += [round(p, 6) if label >= 0 else None for p in each]
            try:
                writer.write(record, dict(zip(self._added, values, strict=True)))
                kept.append(row)
            except UnwritableError as error:
                rejects.append(Reject(record.place, "unwritable", str(error), error.column))
        truths = np.array([truth for _, _, truth in work.rows], dtype=np.int64)
        return Chunk(
            records=[work.rows[row][0] for row in kept],
            texts=[work.rows[row][1] for row in kept],
            ids=ids[kept],
            confidences=confidences[kept],
            statuses=statuses[kept],
            truths=None if self._settings.label_column is None else truths[kept],
            rejects=sorted(rejects, key=lambda reject: reject.place.number),
        )


def values_of(labels: Sequence[str], label: int, confidence: float, status: int) -> list[Any]:
    """Return the values of the answer's first four columns; `label` is -1 for an empty text."""
    known = [labels[label], label, round(confidence, 6)] if label >= 0 else [None] * 3
    return [*known, STATUSES[status]]
