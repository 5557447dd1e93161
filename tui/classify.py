"""Classifies a table of texts: the one engine of the command line and of the app.

Reads a chunk of records, predicts it, writes it, until there is no more. It prints nothing and
knows no screen: hooks tell whoever asked how far it is. `tui.inspection` has what is known of an
input before, `tui.chunks` how a run survives being killed, `tui.receipt` how its output appears.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from models.command import ExitCode, UserError
from models.i18n import tr
from models.labels import LabelSet
from models.predictor import Predictor
from models.tables import Item, Record, Reject, Table, open_table, plain
from tui import durable
from tui.chunks import Answers, RunFolder, run_folder
from tui.durable import Draft
from tui.formats import UnwritableError, Writer, open_writer
from tui.inspection import Found, Settings, digest_of, inspect, recognise, text_of
from tui.receipt import check_output, fingerprint_of, finished, publish, reject_line
from tui.results import STATUSES, Chunk, Summary

CHUNK = 512
"""Records that are read, published and written together: memory is bounded by this."""

BATCH = 128
"""Texts between two chances to stop."""


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """What a hook raises to end a run. All published chunks stay, for the same run to go on."""


@dataclass(frozen=True)
class Hooks:
    """What a run tells whoever asked for it; every default does nothing.

    Attributes:
        found: told once, before the first record.
        between: called before every batch of `BATCH` texts, on another thread. It may block, which
            is a pause, or raise `Stopped`. The summary goes on changing until the run ends.
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
    if settings.output is not None:
        check_output(settings.output, settings)
    if found is None and settings.source is not None:
        found = inspect(settings)
    with ExitStack() as stack:
        table = stack.enter_context(open_table(settings.source, settings.dialect))
        found = found or recognise(settings, table)
        _check(settings, predictor, found)
        hooks.found(found)
        run = _Run(settings, predictor, found, hooks)
        if settings.output is None:
            run.write(table, Draft(None), None, None)
            return run.summary
        fingerprint = fingerprint_of(settings, predictor, found)
        if receipt := finished(settings, fingerprint):
            if RunFolder.of(settings.output).path.exists():
                with run_folder(settings.output) as folder:  # killed before this was removed
                    durable.discard(folder.path)
            return Summary.of(receipt)
        check_output(settings.output, settings, exists=not settings.force)
        folder = stack.enter_context(run_folder(settings.output))
        folder.begin(fingerprint if settings.source else None)
        drafts = {
            kind: stack.enter_context(closing(Draft(folder.path / f"{kind}.draft")))
            for kind in ("output", "rejects")
        }
        run.write(table, drafts["output"], drafts["rejects"], folder)
        if settings.source is not None and (
            run.summary.read != found.records or digest_of(settings.source) != found.digest
        ):
            raise UserError(
                ExitCode.DATA, tr("{name} was changed while it was read", name=found.name)
            )
        publish(settings.output, drafts, folder.path, run.summary, fingerprint)
        durable.discard(folder.path)
        return run.summary


def _check(settings: Settings, predictor: Predictor, found: Found) -> None:
    if found.problem is not None:
        raise found.problem
    kept = settings.select or found.columns
    taken = sorted(set(kept).intersection(settings.added(predictor.manifest.labels)))
    if taken:
        raise UserError(
            ExitCode.DATA,
            tr(
                "{name}: the input has a column {columns} already; "
                "choose other names for the answer with --prefix",
                name=found.name,
                columns=", ".join(taken),
            ),
        )


@dataclass(frozen=True)
class _Work:
    """A chunk on its way: what was read, and the answers to come."""

    number: int
    records: list[Record]
    texts: list[str]
    truths: list[int]
    rejects: list[Reject]
    answers: "Future[Answers]"
    loaded: bool


class _Run:
    def __init__(
        self, settings: Settings, predictor: Predictor, found: Found, hooks: Hooks
    ) -> None:
        self._settings, self._found, self._hooks = settings, found, hooks
        self._predictor = predictor
        self._labels = LabelSet(predictor.manifest.labels)
        self._added = settings.added(predictor.manifest.labels)
        self._known = frozenset(found.columns)
        self._whole_lines = whole_lines(settings, found)
        self._ended = threading.Event()
        self._started = time.monotonic()
        self.summary = Summary.begin(predictor.manifest.labels, found.records)

    def write(
        self, table: Table, output: Draft, rejects: Draft | None, folder: RunFolder | None
    ) -> None:
        """Write the whole table; while a chunk is predicted, the next is read, the last written."""
        store = folder if self._settings.source is not None else None
        scratch = None if folder is None else folder.path
        writer = open_answers(self._settings, self._found, self._added, table, output, scratch)
        with ThreadPoolExecutor(1) as pool:
            try:
                pending: deque[_Work] = deque()
                for number, items in enumerate(_chunks(table.items)):
                    pending.append(self._begin(pool, number, items, store))
                    if len(pending) > 1:
                        self._finish(pending.popleft(), writer, rejects, store)
                        if folder is None:
                            output.flush()
                while pending:
                    self._finish(pending.popleft(), writer, rejects, store)
            finally:
                self._ended.set()
        writer.close()
        output.finish()
        if rejects is not None:
            rejects.finish()

    def _begin(
        self, pool: ThreadPoolExecutor, number: int, items: list[Item], store: RunFolder | None
    ) -> _Work:
        """Tell records from rejects, and have the texts predicted, unless that was done before."""
        records, texts, truths, rejects = [], [], [], []
        for item in items:
            checked = self._checked(item)
            if isinstance(checked, Reject):
                rejects.append(checked)
                continue
            assert isinstance(item, Record)  # noqa: S101 - for mypy
            records.append(item)
            texts.append(checked[0])
            truths.append(checked[1])
        filled = [text for text in texts if text.strip()]
        labels = len(self.summary.labels)
        loaded = store.load(number, filled, labels) if store is not None else None
        answers: Future[Answers] = Future()
        if loaded is None:
            answers = pool.submit(self._predict, filled)
        else:
            answers.set_result(loaded)
            self.summary.predicted += len(filled)
            self.summary.resumed += len(filled)
        self.summary.predicted += len(items) - len(filled)
        return _Work(number, records, texts, truths, rejects, answers, loaded is not None)

    def _checked(self, item: Item) -> tuple[str, int] | Reject:
        """Return the text and the true label of a record, -1 without a column; or why not."""
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
                if not self._whole_lines and name not in self._known:
                    message = tr("the first record lacks this column; save the input to a file")
                    return Reject(item.place, "unknown_column", message, name)
        column = self._settings.label_column
        if column is None:
            return text, -1
        label = str(plain(item.fields.get(column)))
        truth = self._labels.find(label)
        if truth is None:
            message = tr(
                "label {label} is not one of the model's: {labels}",
                label=label[:60],
                labels=self._labels,
            )
            return Reject(item.place, "unknown_label", message, column)
        return text, truth

    def _predict(self, texts: list[str]) -> Answers:
        """Classify the texts of a chunk: shortest first, so that few tokens are padding."""
        answers = Answers(
            np.empty((len(texts), len(self.summary.labels)), dtype=np.float32),
            np.empty(len(texts), dtype=bool),
        )
        order = sorted(range(len(texts)), key=lambda row: (len(texts[row]), texts[row]))
        for start in range(0, len(order), BATCH):
            if self._ended.is_set():
                raise Stopped
            self.summary.seconds = time.monotonic() - self._started
            self._hooks.between(self.summary)
            rows = order[start : start + BATCH]
            predictions = self._predictor.predict(
                [texts[row] for row in rows], windows=self._settings.windows
            )
            answers.probabilities[rows] = predictions.probabilities
            answers.truncated[rows] = predictions.truncated
            self.summary.predicted += len(rows)
        return answers

    def _finish(
        self, work: _Work, writer: Writer, rejects: Draft | None, store: RunFolder | None
    ) -> None:
        """Publish the answers of a chunk and write its records."""
        answers = work.answers.result()
        if store is not None and not work.loaded:
            filled = [text for text in work.texts if text.strip()]
            store.save(work.number, filled, answers)
        chunk = self._written(work, answers, writer)
        if rejects is not None:
            for reject in chunk.rejects:
                rejects.write(reject_line(self._found, reject).encode())
        self.summary.add(chunk)
        self.summary.seconds = time.monotonic() - self._started
        self._hooks.answered(chunk)

    def _written(self, work: _Work, answers: Answers, writer: Writer) -> Chunk:
        """Write the records of a chunk; those that the format cannot hold join its rejects."""
        filled = np.array([bool(text.strip()) for text in work.texts], dtype=bool)
        probabilities = np.zeros((len(filled), len(self.summary.labels)), dtype=np.float32)
        probabilities[filled] = answers.probabilities
        confidences = probabilities.max(axis=1, initial=0.0)
        ids = np.where(filled, probabilities.argmax(axis=1), -1)
        statuses = np.where(confidences < self._predictor.manifest.uncertain_below, 1, 0)
        statuses[filled] = np.where(answers.truncated, 2, statuses[filled])
        statuses[~filled] = 3
        rejects, kept = list(work.rejects), np.ones(len(filled), dtype=bool)
        labels = self.summary.labels
        for row, (record, label, confidence, status) in enumerate(
            zip(work.records, ids.tolist(), confidences.tolist(), statuses.tolist(), strict=True)
        ):
            values = values_of(labels, label, confidence, status)
            if self._settings.probabilities:
                each = probabilities[row].tolist()
                values += [round(p, 6) if label >= 0 else None for p in each]
            try:
                writer.write(record, dict(zip(self._added, values, strict=True)))
            except UnwritableError as error:
                kept[row] = False
                rejects.append(Reject(record.place, "unwritable", str(error), error.column))
        rows = np.flatnonzero(kept)
        return Chunk(
            records=[work.records[row] for row in rows],
            texts=[work.texts[row] for row in rows],
            ids=ids[rows],
            confidences=confidences[rows],
            statuses=statuses[rows],
            probabilities=probabilities[rows],
            truths=None if self._settings.label_column is None else np.array(work.truths)[rows],
            rejects=sorted(rejects, key=lambda reject: reject.place.number),
        )


def open_answers(
    settings: Settings,
    found: Found,
    added: Sequence[str],
    table: Table,
    output: Draft,
    scratch: Path | None,
) -> Writer:
    """Begin an output: the columns of the input, then those of the answer.

    Args:
        settings: of the run.
        found: what was found for them.
        added: the columns of the answer.
        table: the input, opened.
        output: to write to.
        scratch: a folder for temporary files.
    """
    assert found.output_format is not None  # noqa: S101 - for mypy
    types: dict[str, Any] = dict.fromkeys(added, float)
    types |= {added[0]: str, added[1]: int, added[3]: str}
    if table.schema is not None:
        types |= dict(zip(table.columns, table.schema.types, strict=True))
    return open_writer(
        output,
        found.output_format,
        [*(settings.select or found.columns), *added],
        types,
        whole_lines=whole_lines(settings, found),
        quoted=settings.dialect.quoting == "double",
        excel=settings.excel,
        folder=scratch,
    )


def whole_lines(settings: Settings, found: Found) -> bool:
    """Return whether the output keeps the lines of its input, and only adds to them."""
    return found.dialect.format == found.output_format == "jsonl" and not settings.select


def values_of(labels: Sequence[str], label: int, confidence: float, status: int) -> list[Any]:
    """Return the values of the answer's first four columns; `label` is -1 for an empty text."""
    known = [labels[label], label, round(confidence, 6)] if label >= 0 else [None] * 3
    return [*known, STATUSES[status]]


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
