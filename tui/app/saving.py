"""Saves rows of a finished run to another file, through the writers of the run itself."""

import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.console.command import ExitCode, UserError
from models.files import file_digest
from models.tables import Record, open_table
from tui.app.result_store import Rows
from tui.batch.answer import AnswerColumns
from tui.batch.engine import Stopped
from tui.batch.inspection import Found
from tui.batch.journal import Draft, journal_of, publish
from tui.batch.receipt import begin_anew, check_output
from tui.batch.settings import BatchSettings
from tui.batch.writers import UnwritableError, Writer, open_writer


def save_rows(
    settings: BatchSettings,
    found: Found,
    rows: Rows,
    chosen: NDArray[np.int64] | None,
    path: Path,
    stop: threading.Event,
    corrections: Mapping[str, str],
) -> int:
    """Write the records of some rows, in the order of the input, with their answers.

    All rows, in the format of the run, give the bytes of the run's own output, unless one of them
    was corrected: then a column `corrected_label` stands before the answer.

    Args:
        settings: of the run; `force` says whether `path` may exist.
        found: what the run found.
        rows: its answers.
        chosen: indices of rows; None for all.
        path: of the new file, whose name tells its format.
        stop: set by another thread, it ends this, and nothing is written.
        corrections: text → right label.

    Returns:
        How many records were written.

    Raises:
        UserError: CANNOT_CREATE, `path` exists or is the input; USAGE, no format of that name;
            DATA, the input is not what it was, or the format cannot hold a value.
        Stopped: `stop` was set.
    """
    assert isinstance(settings.source, Path)  # noqa: S101 - the app classifies files
    if file_digest(settings.source) != found.digest:
        raise UserError(ExitCode.DATA, "{name} was changed since it was read", name=found.name)
    settings = replace(settings, output=path, output_format=None, probabilities=False)
    check_output(path, settings)
    indices = np.arange(len(rows)) if chosen is None else np.sort(chosen)
    numbers, written = rows.column("numbers")[indices], 0
    columns = AnswerColumns(settings, rows.labels)
    corrected = settings.prefix + "corrected_label"
    texts = ((index, rows.row(index).text) for index in (indices.tolist() if corrections else ()))
    labels = {index: corrections[text] for index, text in texts if text in corrections}
    with open_table(settings.source, found.dialect) as table:
        format = settings.format_from(str(table.dialect.format))
        now = replace(found, settings=settings, output_format=format)
        if labels and not now.keeps_lines:
            select = (*now.kept, corrected)
            now = replace(now, settings=replace(settings, select=select))
        with journal_of(path) as journal:
            begin_anew(journal, path, force=False)
            with closing(Draft(journal.folder / "output.draft")) as draft:
                writer = open_writer(now, table, columns, draft, journal.folder)
                for item in table.items:
                    if stop.is_set():
                        raise Stopped
                    if written == len(indices):
                        break
                    if isinstance(item, Record) and item.place.number == numbers[written]:
                        index = int(indices[written])
                        row = rows.row(index, 0)
                        values = columns.row(row.label, row.confidence, row.status)
                        answer = {corrected: labels.get(index)} if labels else {}
                        _write(writer, item, answer | values)
                        written += 1
                writer.close()
                draft.finish()
            publish(journal.folder / "output.draft", path)
    return written


def _write(writer: Writer, record: Record, answer: Mapping[str, Any]) -> None:
    try:
        writer.write(record, answer)
    except UnwritableError as error:
        raise UserError(
            ExitCode.DATA,
            "record {number}, column {column}: {reason}",
            number=record.place.number,
            column=error.column or "-",
            reason=error,
        ) from error
