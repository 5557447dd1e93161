"""Writes classified records: every input column as it was, then the columns of the answer."""

import base64
import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from models.command import ExitCode, UserError
from models.i18n import tr
from models.tables import QUOTING, Record, plain

if TYPE_CHECKING:  # `--help` needs the names of the formats alone
    from tui.durable import Draft

OUTPUT_FORMATS = ("csv", "tsv", "jsonl", "xlsx", "parquet")

XLSX_ROWS, XLSX_COLUMNS, XLSX_CHARACTERS = 1_048_576, 16_384, 32_767
"""Limits of the format, by Microsoft's "Excel specifications and limits"."""

Answer = Mapping[str, str | int | float | None]
"""The columns of an answer; None where a record has no answer."""

_ROW_GROUP = 16_384  # rows of Parquet that are written together, and so held in memory


class UnwritableError(Exception):
    """A value that the format of the output cannot hold: the record is to be rejected."""

    def __init__(self, column: str | None, message: str) -> None:
        super().__init__(message)
        self.column = column


class Writer(Protocol):
    """Writes one table."""

    def write(self, record: Record, answer: Answer) -> None:
        """Add a record; raises UnwritableError, and then has added nothing."""

    def close(self) -> None:
        """Write what a format has at its end."""


def open_writer(
    file: "Draft",
    output_format: str,
    columns: Sequence[str],
    types: Mapping[str, Any],
    *,
    whole_lines: bool = False,
    quoted: bool = False,
    excel: bool = False,
    folder: Path | None = None,
) -> Writer:
    """Begin a table.

    Args:
        file: to write to.
        output_format: one of `OUTPUT_FORMATS`.
        columns: in order, those of the answer included.
        types: Parquet types of columns that are not text: an Arrow type, `int` or `float`.
        whole_lines: keep the lines of a JSONL input as they are, and only add the answer.
        quoted: quote the values of TSV where that is needed.
        excel: write CSV so that Excel takes it for UTF-8, and no text for a formula.
        folder: for temporary files of XLSX.

    Raises:
        UserError: DATA, the format cannot hold the name of a column.
    """
    try:
        if output_format == "jsonl":
            return _Jsonl(file, None if whole_lines else columns)
        if output_format == "xlsx":
            return _Xlsx(file, columns, folder)
        if output_format == "parquet":
            return _Parquet(file, columns, types)
        if output_format == "tsv" and not quoted:
            return _Lines(file, columns, _unquoted_line)
        line = _csv_line("\t" if output_format == "tsv" else ",")
        return _Lines(file, columns, line, excel=excel)
    except (UnwritableError, UnicodeError) as error:
        reason = tr("the name of a column cannot be written: {reason}", reason=error)
        raise UserError(ExitCode.DATA, reason) from error


def _text(value: Any) -> str:
    """Return a value as a text that says the same; bytes in Base64."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value) if isinstance(value, Decimal) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return _text(value) if isinstance(value, bytes) else str(value)


def _cells(
    record: Record,
    answer: Answer,
    columns: Sequence[str],
    convert: Callable[[Any], Any] = lambda value: value,
) -> list[Any]:
    """Return the values of some columns, as Python has them and then converted."""
    found = []
    for column in columns:
        value = answer[column] if column in answer else record.fields.get(column)
        try:
            found.append(convert(plain(value)))
        except (ValueError, RecursionError) as error:
            raise _unwritable(column, error) from error
    return found


def _unwritable(column: str | None, reason: object) -> UnwritableError:
    return UnwritableError(column, tr("this value cannot be written: {reason}", reason=reason))


def _encodable(value: Any) -> str:
    """Return a value as a text that UTF-8 can hold: JSON can spell half a character alone."""
    text = _text(value)
    text.encode()
    return text


class _Lines:
    """CSV and TSV."""

    def __init__(
        self,
        file: "Draft",
        columns: Sequence[str],
        line: Callable[[Sequence[str], Sequence[str]], str],
        *,
        excel: bool = False,
    ) -> None:
        self._file, self._columns, self._line, self._excel = file, columns, line, excel
        self._add(columns, "\ufeff" if excel else "")

    def write(self, record: Record, answer: Answer) -> None:
        self._add(_cells(record, answer, self._columns, _encodable))

    def _add(self, cells: Sequence[str], before: str = "") -> None:
        if self._excel:
            # OWASP, "CSV Injection": what a spreadsheet would run begins with one of these.
            cells = [f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell for cell in cells]
        self._file.write((before + self._line(cells, self._columns) + "\n").encode())

    def close(self) -> None:
        pass


def _csv_line(delimiter: str) -> Callable[[Sequence[str], Sequence[str]], str]:
    class Last:
        line = ""

        def write(self, line: str) -> None:
            self.line = line

    last = Last()
    # With CRLF for a line end, the module quotes a lone CR on every version of Python.
    rows = csv.writer(last, delimiter=delimiter, lineterminator="\r\n", **QUOTING["double"])

    def line(cells: Sequence[str], _columns: Sequence[str]) -> str:
        rows.writerow(cells)
        return last.line[:-2]

    return line


def _unquoted_line(cells: Sequence[str], columns: Sequence[str]) -> str:
    for column, cell in zip(columns, cells, strict=True):
        if "\t" in cell or "\n" in cell or "\r" in cell:
            raise UnwritableError(
                column,
                tr(
                    "TSV cannot hold a tab or a line break in a value; write CSV or JSONL, "
                    "or say --quoting double"
                ),
            )
    return "\t".join(cells)


class _Jsonl:
    def __init__(self, file: "Draft", columns: Sequence[str] | None) -> None:
        self._file, self._columns = file, columns

    def write(self, record: Record, answer: Answer) -> None:
        try:
            if self._columns is None:
                # The record's own text is kept, so that no number is rounded and no key reordered;
                # it is an object that is not empty, for the text stands in it.
                line = record.source.rstrip()[:-1] + ", " + _json(answer)[1:]
            else:
                cells = _cells(record, answer, self._columns)
                line = _json(dict(zip(self._columns, cells, strict=True)))
            content = (line + "\n").encode()
        except (ValueError, RecursionError) as error:  # infinity, or half a character
            raise _unwritable(None, error) from error
        self._file.write(content)

    def close(self) -> None:
        pass


class _Xlsx:
    def __init__(self, file: "Draft", columns: Sequence[str], folder: Path | None) -> None:
        import datetime

        import xlsxwriter

        options: dict[str, Any] = {"constant_memory": True}
        if folder is not None:
            options["tmpdir"] = str(folder)
        self._book = xlsxwriter.Workbook(file, options)
        # the same bytes every time
        self._book.set_properties({"created": datetime.datetime(2000, 1, 1)})
        self._sheet = self._book.add_worksheet()
        self._columns = columns
        self._rows = 0
        self._add(list(columns))

    def write(self, record: Record, answer: Answer) -> None:
        self._add(_cells(record, answer, self._columns, _cell))

    def _add(self, cells: Sequence[Any]) -> None:
        if self._rows == XLSX_ROWS:
            raise UnwritableError(None, tr("XLSX has no more rows"))
        for column, cell in zip(self._columns, cells, strict=True):
            if isinstance(cell, str) and (
                len(cell.encode("utf-16-le", "surrogatepass")) > 2 * XLSX_CHARACTERS
                or re.search("[\ud800-\udfff\ufffe\uffff]", cell)
            ):
                raise UnwritableError(
                    column,
                    tr(
                        "XLSX cannot hold this text: it has over {most} characters, or one that "
                        "XML lacks",
                        most=XLSX_CHARACTERS,
                    ),
                )
        for at, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._rows, at, cell)  # never a formula, never a link
            elif isinstance(cell, bool):
                self._sheet.write_boolean(self._rows, at, cell)
            elif cell is not None:
                self._sheet.write_number(self._rows, at, cell)
        self._rows += 1

    def close(self) -> None:
        self._book.close()


def _cell(value: Any) -> Any:
    """Return a value as XLSX has it: a number that a double does not hold exactly is text."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float | Decimal):
        try:
            if Decimal(str(float(value))) == Decimal(str(value)):
                return float(value)
        except (OverflowError, ValueError, ArithmeticError):
            pass
    return _text(value)


class _Parquet:
    def __init__(self, file: "Draft", columns: Sequence[str], types: Mapping[str, Any]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow = pyarrow
        known = {int: pyarrow.int64(), float: pyarrow.float64()}
        self._types = [types.get(column, str) for column in columns]
        kinds = [pyarrow.string() if t is str else known.get(t, t) for t in self._types]
        self._schema = pyarrow.schema(list(zip(columns, kinds, strict=True)))
        self._columns = columns
        self._rows: list[list[Any]] = []
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema)

    def write(self, record: Record, answer: Answer) -> None:
        row = []
        for column, kind in zip(self._columns, self._types, strict=True):
            if kind is str:
                row += _cells(record, answer, [column], lambda v: v if v is None else _encodable(v))
            else:
                row.append(answer[column] if column in answer else record.fields.get(column))
        self._rows.append(row)
        if len(self._rows) == _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        arrays = [
            # Scalars of any type, nested ones too, become an array only one by one.
            self._arrow.concat_arrays([self._arrow.repeat(value, 1) for value in values])
            if hasattr(values[0], "as_py")
            else self._arrow.array(values, type=field.type)
            for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows.clear()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()
