"""Writes XLSX by xlsxwriter, which is imported when it is needed."""

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from models.console import tr
from models.tables import Record, plain
from tui.batch.inspection import XLSX_ROWS
from tui.batch.journal import Sink
from tui.batch.writers.base import UnwritableError, Writer, as_text

XLSX_COLUMNS = 16_384
XLSX_CHARACTERS = 32_767
XLSX_FORMAT = 255
"""Limits of a row, of a cell, and of the code of a number format, by Microsoft's "Excel
specifications and limits"."""

_DATES = {
    datetime.date: "yyyy-mm-dd",
    datetime.datetime: "yyyy-mm-dd hh:mm:ss",
    datetime.time: "hh:mm:ss",
    datetime.timedelta: "[h]:mm:ss",
}
"""How each type of date is shown."""


class ExcelWriter(Writer):
    """One sheet; dates of XLSX stay dates."""

    def __init__(self, file: Sink, columns: Sequence[str], folder: Path | None) -> None:
        import xlsxwriter

        super().__init__(file, columns)
        if len(columns) > XLSX_COLUMNS:
            raise ValueError(tr("XLSX has no more columns"))
        options = {"constant_memory": True, "tmpdir": folder and str(folder)}
        self._book = xlsxwriter.Workbook(file, options)
        created = datetime.datetime(2000, 1, 1)  # the same bytes every time
        self._book.set_properties({"created": created})
        self._sheet = self._book.add_worksheet()
        self._formats: dict[int | str, Any] = {}
        for code in _DATES.values():
            self._format(code)
        self._written_as: Mapping[str, int | str] = {}  # number formats of the record in hand
        self._rows = 0
        self._add([self._cell(column, column) for column in columns])

    def write(self, record: Record, answer: Mapping[str, Any]) -> None:
        """Add a record; raises UnwritableError, and then has added nothing."""
        self._written_as = record.formats or {}
        super().write(record, answer)

    def _shown(self, column: int, cell: Any) -> Any:
        """Return the number format of a cell: that of the input, or what its type has."""
        code = self._written_as.get(self._columns[column])
        if code is None or len(str(code)) > XLSX_FORMAT:
            code = _DATES.get(type(cell))
        return None if code is None else self._format(code)

    def _format(self, code: int | str) -> Any:
        if code not in self._formats:
            self._formats[code] = self._book.add_format({"num_format": code})
        return self._formats[code]

    def _cell(self, _column: str, value: Any, /) -> Any:
        if type(value) in _DATES:
            return value
        value = plain(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float | Decimal) and (number := _exact(value)) is not None:
            return number
        text = as_text(value)
        units = len(text.encode("utf-16-le")) // 2  # what Excel counts as characters
        if units > XLSX_CHARACTERS or re.search("[\ufffe\uffff]", text):
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
        sheet, row = self._sheet, self._rows
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                sheet.write_string(row, column, cell)  # never a formula, never a link
            elif type(cell) in _DATES:
                sheet.write_datetime(row, column, cell, self._shown(column, cell))
            elif cell is not None:
                sheet.write(row, column, cell, self._shown(column, cell))
        self._rows += 1

    def close(self) -> None:
        """Write the file, of which only the rows were on the disk."""
        self._book.close()


def _exact(value: float | Decimal) -> float | None:
    """Return the double that is this number; None where none is, and it has to be a text."""
    with suppress(ArithmeticError):
        number = float(value)
        if math.isfinite(number) and Decimal(str(number)) == Decimal(str(value)):
            return number
    return None
