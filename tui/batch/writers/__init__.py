"""Writes classified records: every input column as it was, then the columns of the answer."""

from pathlib import Path

from models.console import data_error
from models.tables import Table
from tui.batch.answer import AnswerColumns
from tui.batch.inspection import Found
from tui.batch.journal import Sink
from tui.batch.writers.base import UnwritableError, Writer
from tui.batch.writers.csv import CsvWriter
from tui.batch.writers.excel import ExcelWriter
from tui.batch.writers.jsonl import JsonWriter, LineWriter
from tui.batch.writers.parquet import ParquetWriter

__all__ = ["UnwritableError", "Writer", "open_writer"]


def open_writer(
    found: Found, table: Table, answer: AnswerColumns, file: Sink, folder: Path | None
) -> Writer:
    """Begin an output: the columns of the input, then those of the answer.

    Args:
        found: what is known of the input, and how it is to be written.
        table: the input, opened.
        answer: columns of the answer.
        file: where to write to.
        folder: for temporary files.

    Raises:
        UserError: DATA, the format cannot hold the name of a column.
    """
    settings = found.settings
    columns = [*found.kept, *answer.names]
    try:
        match found.output_format:
            case "jsonl":
                writer = LineWriter if found.keeps_lines else JsonWriter
                return writer(file, columns)
            case "xlsx":
                return ExcelWriter(file, columns, folder)
            case "parquet":
                return ParquetWriter(file, columns, table, answer)
            case "tsv":
                return CsvWriter(file, columns, "\t", quoted=found.quoting is not None)
            case _:
                excel = bool(settings.excel)
                marked = excel or found.answers_excel
                return CsvWriter(file, columns, ",", marked=marked, excel=excel)
    except ValueError as error:
        raise data_error(
            "the name of a column cannot be written: {reason}", reason=error
        ) from error
