"""Reads XLSX by python-calamine, which is imported when it is needed."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables.dialect import Dialect
from models.tables.records import Place, Row, Table, named, unreadable

MOST_INFLATED = 1 << 30
"""Bytes that an XLSX may hold when inflated: reviews by the million stay far below."""

MOST_CELLS = 50_000_000
"""Rows × columns of a sheet: a million rows of fifty columns."""

_ANNOUNCED = re.compile(rb'\buniqueCount=["\'](\d{1,18})')
_PLACE = re.compile(rb"""\br=["']([A-Z]{0,7})([0-9]{1,9})["']""")  # of a cell, or of a row
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_CELL = re.compile(rb"<(?:\w+:)?c\b")
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(EOFError, OSError, ValueError),
)
_BLOCK = 1 << 20  # bytes


def open_xlsx(path: Path, dialect: Dialect) -> Table:
    """Open an XLSX file.

    Raises:
        UserError: DATA, it is damaged, would fill the memory, is empty, or has several sheets and
            none was named.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    _check_size(path)
    try:
        book = CalamineWorkbook.from_path(path)
        wanted = [dialect.sheet] if dialect.sheet is not None else _visible(book)
        if len(wanted) != 1 or wanted[0] not in book.sheet_names:
            raise UserError(
                ExitCode.DATA,
                "{path}: expected one sheet, found {found}; name yours with --sheet",
                path=path,
                found=", ".join(book.sheet_names),
            )
        rows = _xlsx_rows(book.get_sheet_by_name(wanted[0]), dialect.header)
    except (CalamineError, OSError) as error:
        raise unreadable(path, "XLSX", error) from error
    columns, items = named(str(path), rows, header=dialect.header)
    dialect = replace(dialect.fitting("xlsx"), sheet=wanted[0])
    return Table(str(path), dialect, columns, items)


def sheets_of(path: Path) -> list[str]:
    """Return the names of the sheets of an XLSX file that are not hidden; none if it is damaged."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        _check_size(path)
        return _visible(CalamineWorkbook.from_path(path))
    except (CalamineError, OSError, UserError):
        return []


def _visible(book: Any) -> list[str]:
    from python_calamine import SheetVisibleEnum

    return [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]


def _xlsx_rows(sheet: Any, begin: int) -> Iterator[Row]:
    """Yield the rows of a sheet from a line on; the first not blank tells how wide they are."""
    width = 0
    for line, cells in islice(enumerate(sheet.iter_rows(), start=1), max(begin - 1, 0), None):
        filled = max((at for at, cell in enumerate(cells, start=1) if cell != ""), default=0)
        width = width or filled
        values = [_cell(value) for value in cells[: max(filled, width)]]
        yield Row(Place(0, line, line), values, blank=not filled)


def _check_size(path: Path) -> None:
    """Inflate every part and look: what a zip file declares of itself may be a lie.

    The reader lays a sheet out from its first to its last cell, so two cells far apart can be
    worth the whole memory. A cell that does not say its place follows the one before it.
    """
    left = MOST_INFLATED
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                row = column = rows = cells = 0
                end = b""
                with archive.open(entry) as part:
                    while block := part.read(min(_BLOCK, left + 1)):
                        left -= len(block)
                        for letters, digits in _PLACE.findall(end + block):
                            row = max(row, int(digits))
                            column = max(column, _column(letters))
                        # the reader makes room for as many strings as are announced
                        announced = max(map(int, _ANNOUNCED.findall(end + block)), default=0)
                        end = block[-32:]
                        # cells before the first row of this block, and in each row
                        first, *others = map(len, map(_CELL.findall, _ROW.split(block)))
                        rows += len(others)
                        row, column = max(row, rows), max(column, cells + first, *others)
                        cells = others[-1] if others else cells + first
                        if left < 0 or max(row * column, announced) > MOST_CELLS:
                            raise unreadable(path, "XLSX", tr("it would fill the memory"))
    except _DAMAGED as error:
        raise unreadable(path, "XLSX", error) from error


def _column(letters: bytes) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _cell(value: Any) -> Any:
    """Return a value of a cell: XLSX has no integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
