"""Saves rows of a finished run to another file, by the writers of the run itself."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import Int64
from models.console import data_error
from models.files import file_digest
from models.tables import Record, Table, open_table
from tui.batch.answer import AnswerColumns
from tui.batch.engine import Stopped
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import Found
from tui.batch.journal import Draft, discard, journal_of
from tui.batch.publishing import check_output
from tui.batch.receipt import begin_anew
from tui.batch.settings import BatchSettings
from tui.batch.writers import UnwritableError, Writer, open_writer


def save_rows(
    settings: BatchSettings,
    found: Found,
    results: ResultStore,
    chosen: Int64 | None,
    path: Path,
    stop: threading.Event,
) -> int:
    """Write the records of some rows, in the order of the input, with their answers.

    All rows, in the format of the run, give the bytes of the run's own output, unless one of them
    was corrected: then a column `corrected_label` stands before the answer.

    Args:
        settings: of the run; `force` says whether `path` may exist.
        found: what the run found.
        results: its answers.
        chosen: indices of rows; None for all.
        path: new file, whose name tells its format.
        stop: set by another thread, it ends this, and nothing is written.

    Returns:
        Number of records that were written.

    Raises:
        UserError: CANNOT_CREATE, `path` exists or is the input; USAGE, no format of that name;
            DATA, the input has changed, or the format cannot hold a value.
        Stopped: `stop` was set.
    """
    source = settings.source
    assert isinstance(source, Path)  # noqa: S101 - the app classifies files
    if file_digest(source) != found.digest:
        raise data_error("{name} was changed since it was read", name=found.name)
    settings = replace(settings, output=path, output_format=None, probabilities=False)
    target = check_output(path, settings, alone=True)
    indices = np.arange(len(results)) if chosen is None else np.sort(chosen)
    corrected = _corrected_rows(results, indices)
    columns = AnswerColumns(settings, results.labels)
    column = settings.prefix + "corrected_label"
    with open_table(source, found.dialect) as table, journal_of(path, target.mode) as journal:
        format = settings.format_from(str(table.dialect.format))
        found = replace(found, settings=settings, output_format=format)
        if corrected and not found.keeps_lines:
            found = replace(found, settings=replace(settings, select=(*found.kept, column)))
        begin_anew(journal, path, force=False)
        with closing(Draft(journal.folder / "output.draft", target.mode)) as draft:
            writer = open_writer(found, table, columns, draft, journal.folder)
            for index, record in _records_of(table, results, indices, stop):
                row = results.row(index, 0)
                answer = columns.row(row.label, row.confidence, row.status)
                if corrected:
                    answer = {column: corrected.get(index), **answer}
                _write(writer, record, answer)
            writer.close()
            draft.finish()
        journal.keep = True  # also where its name is taken by now
        target.publish({target.output: journal.folder / "output.draft"})
        discard(journal.folder)
    return len(indices)


def _corrected_rows(results: ResultStore, indices: Int64) -> dict[int, str]:
    """Return the right labels of the rows whose text was corrected, by index."""
    corrected = results.corrected_of(indices)
    found = corrected >= 0
    labels = [results.labels[label] for label in corrected[found].tolist()]
    return dict(zip(indices[found].tolist(), labels, strict=True))


def _records_of(
    table: Table, results: ResultStore, indices: Int64, stop: threading.Event
) -> Iterator[tuple[int, Record]]:
    """Yield rows, which are in the order of the input, with their records.

    Raises:
        UserError: DATA, a record cannot be read.
        Stopped: `stop` was set.
    """
    records = (item for item in table.items if isinstance(item, Record))
    numbers = results.column("number")[indices].tolist()
    for index, number in zip(indices.tolist(), numbers, strict=True):
        for record in records:
            if stop.is_set():
                raise Stopped
            if record.place.number == number:
                yield index, record
                break
        else:
            raise data_error(
                "{name}: expected record {number} as it was read before, and it cannot be read "
                "again; save the file anew in Excel or WPS, and open that",
                name=table.name,
                number=number,
            )


def _write(writer: Writer, record: Record, answer: Mapping[str, Any]) -> None:
    try:
        writer.write(record, answer)
    except UnwritableError as error:
        raise data_error(
            "record {number}, column {column}: {reason}",
            number=record.place.number,
            column=error.column or "-",
            reason=error,
        ) from error
