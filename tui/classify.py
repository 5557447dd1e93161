"""Classifies a table of texts: read a chunk, predict it, write it, until there is no more.

Knows no screen: the command line and the app give it a function that is told how far it is.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import compress, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.i18n import tr
from models.labels import LabelSet
from models.metrics import Metrics
from models.predictor import Predictor
from models.tables import TEXT_COLUMNS, Record, Table, find_column, format_of, open_table
from tui.formats import OUTPUT_FORMATS, atomic_output, open_writer

CHUNK = 2048
"""Records that are read, batched by length and written together: memory is bounded by this."""

PREVIEW = 10
"""Records kept for the table that is shown at the end."""

_MISSING = object()


@dataclass(frozen=True)
class Settings:
    """What a file run is asked to do.

    Attributes:
        source: the input file, or None for standard input.
        output: the output file, or None for standard output.
        source_format: one of `models.tables.FORMATS`; None takes it from the name.
        output_format: one of `OUTPUT_FORMATS`; None takes it from the output's name, or else from
            the input.
        encoding: of the input; None finds it out.
        text_column: None takes the one with a name that is known.
        label_column: holds true labels to score the predictions by.
        prefix: put before the names of the answer's columns.
        force: replace an existing output.
    """

    source: Path | None
    output: Path | None = None
    source_format: str | None = None
    output_format: str | None = None
    encoding: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    prefix: str = ""
    force: bool = False

    @property
    def added(self) -> tuple[str, str, str]:
        """The columns of the answer."""
        p = self.prefix
        return f"{p}predicted_label", f"{p}predicted_id", f"{p}confidence"


@dataclass(frozen=True)
class Shown:
    """A record as the closing table shows it; `right` is None without a label column."""

    number: int
    text: str
    label: str | None
    confidence: float
    right: bool | None


@dataclass(frozen=True)
class _Chunk:
    """Answers to the texts of a chunk: id -1 and confidence 0 for a blank one, both `[records]`."""

    ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
    truncated: NDArray[np.bool_]


@dataclass
class Summary:
    """What a run did so far.

    Attributes:
        labels: the names of the model's labels.
        counts: records by predicted label, `[labels]`.
        blank: records without text, which get no label.
        truncated: records of whose text only the first `max_length` tokens were read.
        metrics: of the records with text, where a label column was named.
        preview: the first `PREVIEW` records.
        seconds: since the start.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    blank: int = 0
    truncated: int = 0
    metrics: Metrics | None = None
    preview: list[Shown] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def records(self) -> int:
        """How many records were written."""
        return int(self.counts.sum()) + self.blank

    def add(
        self,
        records: list[Record],
        texts: list[str],
        chunk: _Chunk,
        truths: NDArray[np.int64] | None,
    ) -> None:
        """Count a chunk that was written."""
        filled = chunk.ids >= 0
        self.counts += np.bincount(chunk.ids[filled], minlength=len(self.labels))
        self.blank += int((~filled).sum())
        self.truncated += int(chunk.truncated.sum())
        if truths is not None:
            found = Metrics.of(truths[filled], chunk.ids[filled], len(self.labels))
            self.metrics = found if self.metrics is None else self.metrics + found
        for row in range(min(PREVIEW - len(self.preview), len(records))):
            label = self.labels[chunk.ids[row]] if filled[row] else None
            right = bool(chunk.ids[row] == truths[row]) if truths is not None else None
            self.preview.append(
                Shown(records[row].number, texts[row], label, float(chunk.confidences[row]), right)
            )


@dataclass(frozen=True)
class Recognised:
    """What was found out about the input, to be told before it is classified."""

    name: str
    format: str
    encoding: str
    text_column: str
    output_format: str


def classify(
    settings: Settings,
    predictor: Predictor,
    *,
    recognised: Callable[[Recognised], None] = lambda _: None,
    progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Classify every record of a table, in order.

    Args:
        settings: what to do.
        predictor: the model.
        recognised: told once, before the first record.
        progress: told after every chunk.

    Raises:
        UserError: USAGE, a format is not known or cannot be written; NO_INPUT; DATA, the input
            breaks the rules of its format, has no text column, a column named like the answer's,
            or a label that the model does not have; CANNOT_CREATE, see `atomic_output`.
    """
    started = time.monotonic()
    names = predictor.manifest.labels
    labels = LabelSet(names)
    summary = Summary(names, np.zeros(len(names), dtype=np.int64))
    with ExitStack() as stack:
        table = stack.enter_context(
            open_table(settings.source, format=settings.source_format, encoding=settings.encoding)
        )
        text_column = find_column(
            table.name, table.columns, settings.text_column, TEXT_COLUMNS, "--text-column"
        )
        if settings.label_column is not None:
            find_column(table.name, table.columns, settings.label_column, (), "--label-column")
        added = settings.added
        _check_added(added, table.name, 1, table.columns)
        output_format = _output_format(settings, table)
        recognised(Recognised(table.name, table.format, table.encoding, text_column, output_format))
        file = stack.enter_context(
            atomic_output(settings.output, force=settings.force, source=settings.source)
        )
        write = open_writer(file, output_format, table, added)
        for records in _chunks(table.records):
            texts = [_text(record, table, text_column) for record in records]
            truths = _truths(records, table, settings.label_column, labels)
            chunk = _predict(texts, predictor)
            for record, number, confidence in zip(
                records, chunk.ids.tolist(), chunk.confidences.tolist(), strict=True
            ):
                if table.format == "jsonl":  # the only one whose records differ in their columns
                    _check_added(added, table.name, record.line, record.fields)
                values = (names[number], number, round(confidence, 6))
                answer = values if number >= 0 else (None, None, None)
                write(record, dict(zip(added, answer, strict=True)))
            summary.add(records, texts, chunk, truths)
            summary.seconds = time.monotonic() - started
            progress(summary)
    summary.seconds = time.monotonic() - started
    return summary


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _output_format(settings: Settings, table: Table) -> str:
    if settings.output_format is not None:
        return settings.output_format
    known = format_of(settings.output) if settings.output is not None else table.format
    if known not in OUTPUT_FORMATS:
        raise UserError(
            ExitCode.USAGE,
            tr(
                "the answer has columns, and {name} names no format that has; say --to {formats}",
                name=settings.output or tr("a TXT input"),
                formats="|".join(OUTPUT_FORMATS),
            ),
        )
    return known


def _check_added(added: Sequence[str], name: str, line: int, columns: Iterable[str]) -> None:
    taken = sorted(set(columns).intersection(added))
    if taken:
        raise UserError(
            ExitCode.DATA,
            tr(
                "{name}, line {line}: the input has a column {columns} already; "
                "choose other names for the answer with --prefix",
                name=name,
                line=line,
                columns=", ".join(taken),
            ),
        )


def _predict(texts: list[str], predictor: Predictor) -> _Chunk:
    """Classify the texts that are not blank."""
    filled = np.array([bool(text.strip()) for text in texts], dtype=bool)
    predictions = predictor.predict(list(compress(texts, filled)))
    chunk = _Chunk(
        ids=np.full(len(texts), -1, dtype=np.int64),
        confidences=np.zeros(len(texts), dtype=np.float32),
        truncated=predictions.truncated,
    )
    chunk.ids[filled] = predictions.ids
    chunk.confidences[filled] = predictions.confidences
    return chunk


def _text(record: Record, table: Table, column: str) -> str:
    """Return the text of a record; "" where a JSONL record has null for it."""
    text = record.fields.get(column, _MISSING)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise UserError(
            ExitCode.DATA,
            tr(
                "{name}, line {line}: expected a string in {column}, found {found}",
                name=table.name,
                line=record.line,
                column=column,
                found=tr("nothing") if text is _MISSING else f"{text!r:.60}",
            ),
        )
    return text


def _truths(
    records: list[Record], table: Table, column: str | None, labels: LabelSet
) -> NDArray[np.int64] | None:
    """Return the true label ids `[records]`, or None without a label column."""
    if column is None:
        return None
    truths = np.empty(len(records), dtype=np.int64)
    for row, record in enumerate(records):
        label = str(record.fields.get(column))
        number = labels.find(label)
        if number is None:
            raise UserError(
                ExitCode.DATA,
                tr(
                    "{name}, line {line}: label {label} in {column} is not one of the model's: "
                    "{labels}",
                    name=table.name,
                    line=record.line,
                    label=label[:60],
                    column=column,
                    labels=labels,
                ),
            )
        truths[row] = number
    return truths
