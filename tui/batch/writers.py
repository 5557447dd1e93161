"""Writes classified records: every input column as it was, then the columns of the answer."""

import base64
import datetime
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables import Record, Table, plain
from tui.batch.inspection import XLSX_ROWS, Found, Settings, keeps_lines
from tui.batch.journal import Draft

XLSX_COLUMNS, XLSX_CHARACTERS = 16_384, 32_767
"""Limits of a row and of a cell, by Microsoft's "Excel specifications and limits"."""

_ROW_GROUP = 16_384  # rows of Parquet that are written together, and so held in memory


class UnwritableError(Exception):
    """A value that the format of the output cannot hold: the record is to be rejected."""

    def __init__(self, column: str | None, reason: object) -> None:
        super().__init__(tr("this value cannot be written: {reason}", reason=reason))
        self.column = column


class Writer(ABC):
    """Writes one table; a record is converted value by value, and then added whole."""

    def __init__(self, file: Draft, columns: Sequence[str]) -> None:
        self._file, self._columns = file, columns

    def write(self, record: Record, answer: Mapping[str, Any]) -> None:
        """Add a record; raises UnwritableError, and then has added nothing."""
        cells = []
        for column in self._columns:
            try:
                cells.append(self._cell(column, answer.get(column, record.fields.get(column))))
            except (ValueError, RecursionError) as error:
                raise UnwritableError(column, error) from error
        self._add(cells)

    @abstractmethod
    def _cell(self, column: str, value: Any, /) -> Any:
        """Return a value as the format has it; raises ValueError."""

    @abstractmethod
    def _add(self, cells: list[Any]) -> None:
        """Add a row of such values."""

    def close(self) -> None:  # noqa: B027 - most formats have none
        """Write what a format has at its end."""


def open_writer(
    settings: Settings,
    found: Found,
    table: Table,
    added: Sequence[str],
    file: Draft,
    folder: Path | None,
) -> Writer:
    """Begin an output: the columns of the input, then those of the answer.

    Args:
        settings: of the run.
        found: what was found for them.
        table: the input, opened.
        added: the columns of the answer.
        file: to write to.
        folder: for temporary files.

    Raises:
        UserError: DATA, the format cannot hold the name of a column.
    """
    columns = [*(settings.select or found.columns), *added]
    try:
        match found.output_format:
            case "jsonl":
                return (_JsonLines if keeps_lines(settings, found) else _Json)(file, columns)
            case "xlsx":
                return _Xlsx(file, columns, folder)
            case "parquet":
                return _Parquet(file, columns, table, added)
            case "tsv":
                quoted = settings.dialect.quoting == "double"
                return _Csv(file, columns, "\t", quoted=quoted)
            case _:
                return _Csv(file, columns, ",", excel=settings.excel)
    except ValueError as error:
        raise UserError(
            ExitCode.DATA, "the name of a column cannot be written: {reason}", reason=error
        ) from error


def _text(value: Any) -> str:
    """Return a value as a text that says the same; bytes in Base64."""
    value = plain(value)
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


class _Csv(Writer):
    """CSV as RFC 4180 has it, but with LF for a line end; and TSV, which has no quotes."""

    def __init__(
        self,
        file: Draft,
        columns: Sequence[str],
        delimiter: str,
        *,
        quoted: bool = True,
        excel: bool = False,
    ) -> None:
        super().__init__(file, columns)
        self._delimiter, self._quoted, self._excel = delimiter.encode(), quoted, excel
        self._special = re.compile((f'["\r\n{delimiter}]' if quoted else "[\r\n\t]").encode())
        if excel:
            file.write("\ufeff".encode())
        self._add([self._cell(column, column) for column in columns])

    def _cell(self, _column: str, value: Any, /) -> bytes:
        text = _text(value)
        # OWASP, "CSV Injection": what a spreadsheet would run begins with one of these.
        if self._excel and text.startswith(tuple("=+-@\t\r")):
            text = f"'{text}"
        cell = text.encode()  # UTF-8 cannot hold half a character alone, which JSON can spell
        if not self._special.search(cell):
            return cell
        if not self._quoted:
            raise ValueError(
                tr(
                    "TSV cannot hold a tab or a line break in a value; write CSV or JSONL, "
                    "or say --quoting double"
                )
            )
        return b'"' + cell.replace(b'"', b'""') + b'"'

    def _add(self, cells: list[bytes]) -> None:
        self._file.write(self._delimiter.join(cells) + b"\n")


class _Json(Writer):
    """JSONL."""

    def _cell(self, column: str, value: Any, /) -> bytes:
        return f"{_json(column)}: {_json(plain(value))}".encode()

    def _add(self, cells: list[bytes]) -> None:
        self._file.write(b"{" + b", ".join(cells) + b"}\n")


class _JsonLines(_Json):
    """JSONL from JSONL: the record's own text is kept, so no number is rounded, no key reordered.

    It is an object that is not empty, for the text stands in it.
    """

    def write(self, record: Record, answer: Mapping[str, Any]) -> None:
        line = record.source.rstrip()[:-1] + ", " + _json(answer)[1:] + "\n"
        try:
            self._file.write(line.encode())
        except UnicodeEncodeError as error:
            raise UnwritableError(None, error) from error


class _Xlsx(Writer):
    def __init__(self, file: Draft, columns: Sequence[str], folder: Path | None) -> None:
        import xlsxwriter

        super().__init__(file, columns)
        if len(columns) > XLSX_COLUMNS:
            raise ValueError(tr("XLSX has no more columns"))
        options = {"constant_memory": True, "tmpdir": None if folder is None else str(folder)}
        self._book = xlsxwriter.Workbook(file, options)
        # the same bytes every time
        self._book.set_properties({"created": datetime.datetime(2000, 1, 1)})
        self._sheet = self._book.add_worksheet()
        self._dates: dict[type, Any] = {
            kind: self._book.add_format({"num_format": shown})
            for kind, shown in (
                (datetime.date, "yyyy-mm-dd"),
                (datetime.datetime, "yyyy-mm-dd hh:mm:ss"),
                (datetime.time, "hh:mm:ss"),
                (datetime.timedelta, "[h]:mm:ss"),
            )
        }
        self._rows = 0
        self._add([self._cell(column, column) for column in columns])

    def _cell(self, _column: str, value: Any, /) -> Any:
        if type(value) in self._dates:  # of XLSX, where it is one again
            return value
        value = plain(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float | Decimal):
            try:
                number = float(value)
                if math.isfinite(number) and Decimal(str(number)) == Decimal(str(value)):
                    return number
            except (OverflowError, ArithmeticError):
                pass  # a number that a double does not hold exactly is text
        text = _text(value)
        if len(text.encode("utf-16-le")) > 2 * XLSX_CHARACTERS or re.search("[\ufffe\uffff]", text):
            raise ValueError(
                tr(
                    "XLSX cannot hold this text: it has over {most} characters, or one that "
                    "XML lacks",
                    most=XLSX_CHARACTERS,
                )
            )
        return text

    def _add(self, cells: list[Any]) -> None:
        if self._rows == XLSX_ROWS:
            raise UnwritableError(None, tr("XLSX has no more rows"))
        for at, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._rows, at, cell)  # never a formula, never a link
            elif type(cell) in self._dates:
                self._sheet.write_datetime(self._rows, at, cell, self._dates[type(cell)])
            elif cell is not None:
                self._sheet.write(self._rows, at, cell)
        self._rows += 1

    def close(self) -> None:
        self._book.close()


class _Parquet(Writer):
    def __init__(
        self, file: Draft, columns: Sequence[str], table: Table, added: Sequence[str]
    ) -> None:
        import pyarrow
        import pyarrow.parquet

        super().__init__(file, columns)
        self._arrow = pyarrow
        # of the answer, the label and the status are text
        self._types = dict.fromkeys([added[2], *added[4:]], pyarrow.float64())
        self._types[added[1]] = pyarrow.int64()
        if table.schema is not None:
            self._types |= dict(zip(table.columns, table.schema.types, strict=True))
        text = pyarrow.string()
        self._schema = pyarrow.schema([(name, self._types.get(name, text)) for name in columns])
        self._rows: list[list[Any]] = []
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema)

    def _cell(self, column: str, value: Any, /) -> Any:
        if column in self._types or value is None:
            return value
        text = _text(value)
        text.encode()
        return text

    def _add(self, cells: list[Any]) -> None:
        self._rows.append(cells)
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
