"""Reads XLSX by python-calamine, which is imported when it is needed."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables.dialect import Dialect
from models.tables.records import ParsedRow, Place, Table, named, unreadable
from models.tables.source import InputFile

MOST_INFLATED = 1 << 30
"""Bytes that an XLSX may hold when inflated: reviews by the million stay far below."""

MOST_CELLS = 50_000_000
"""Rows × columns of a sheet: a million rows of fifty columns."""

_ANNOUNCED = re.compile(rb'\buniqueCount=["\'](\d{1,18})')
_PLACE = re.compile(rb"""\br=["']([A-Z]{0,7})([0-9]{1,9})["']""")  # of a cell, or of a row
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_CELL = re.compile(rb"<(?:\w+:)?c\b")
_DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError)
_BLOCK = 1 << 20  # bytes


def open_xlsx(file: InputFile, dialect: Dialect) -> Table:
    """Open an XLSX file.

    Raises:
        UserError: DATA, it is damaged, would fill the memory, is empty, or has several sheets and
            none was named.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    _check_size(file)
    try:
        book = CalamineWorkbook.from_path(str(file))
        wanted = _visible(book)
        if dialect.sheet is not None:
            wanted = [dialect.sheet]
        if len(wanted) != 1 or wanted[0] not in book.sheet_names:
            raise UserError(
                ExitCode.DATA,
                "{path}: expected one sheet, found {found}; name yours with --sheet",
                path=file,
                found=", ".join(book.sheet_names),
            )
        sheet = book.get_sheet_by_name(wanted[0])
        rows = _rows(sheet, dialect.header)
    except (CalamineError, OSError) as error:
        raise unreadable(file, "XLSX", error) from error
    columns, items = named(file, rows, dialect.header)
    dialect = replace(dialect, sheet=wanted[0])
    return Table(file, dialect, columns, items)


def sheets_of(path: Path) -> list[str]:
    """Return the names of the visible sheets of an XLSX file; none if it is damaged."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        _check_size(path)
        return _visible(CalamineWorkbook.from_path(path))
    except (CalamineError, OSError, UserError):
        return []


def _visible(book: Any) -> list[str]:
    from python_calamine import SheetVisibleEnum

    visible = SheetVisibleEnum.Visible
    return [sheet.name for sheet in book.sheets_metadata if sheet.visible == visible]


def _rows(sheet: Any, begin: int) -> Iterator[ParsedRow]:
    """Yield the rows of a sheet from a line on; the first not blank tells how wide they are."""
    width = 0
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        if line < begin:
            continue
        filled = len(cells)
        while filled and cells[filled - 1] == "":
            filled -= 1
        width = width or filled
        values = [_value(cell) for cell in cells[: max(filled, width)]]
        place = Place(0, line, line)
        yield ParsedRow(place, values, blank=not filled)


def _value(cell: Any) -> Any:
    """Return the value of a cell: XLSX has no integers."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell


def _check_size(path: object) -> None:
    """Inflate every part and look: what a zip file declares of itself may be a lie.

    Raises:
        UserError: DATA, it is damaged, or would fill the memory.
    """
    left = MOST_INFLATED
    too_large = unreadable(path, "XLSX", tr("it would fill the memory"))
    try:
        with zipfile.ZipFile(str(path)) as archive:
            for entry in archive.infolist():
                extent = _Extent()
                with archive.open(entry) as part:
                    while block := part.read(min(_BLOCK, left + 1)):
                        left -= len(block)
                        extent.add(block)
                        if left < 0 or extent.cells > MOST_CELLS:
                            raise too_large
    except _DAMAGED as error:
        raise unreadable(path, "XLSX", error) from error


class _Extent:
    """Says how many cells the reader would make room for, from the blocks of a sheet's XML.

    It lays a sheet out from its first to its last cell, so two cells far apart can be worth the
    whole memory. A cell that does not say its place follows the one before it.
    """

    def __init__(self) -> None:
        self._last_row = self._last_column = 0
        self._rows = self._cells_in_row = 0  # those that do not say their place
        self._announced = 0  # strings: the reader makes room for as many
        self._end = b""  # of the block before, for what two blocks share

    @property
    def cells(self) -> int:
        """Number of cells, or of strings where more are announced."""
        return max(self._last_row * self._last_column, self._announced)

    def add(self, block: bytes) -> None:
        """Read another block."""
        both = self._end + block
        for letters, digits in _PLACE.findall(both):
            self._last_row = max(self._last_row, int(digits))
            self._last_column = max(self._last_column, _column(letters))
        for count in _ANNOUNCED.findall(both):
            self._announced = max(self._announced, int(count))
        self._end = block[-32:]
        cells = [len(_CELL.findall(row)) for row in _ROW.split(block)]
        before, *rows = cells
        before += self._cells_in_row  # the row that the block before began
        self._cells_in_row = rows[-1] if rows else before
        self._rows += len(rows)
        self._last_row = max(self._last_row, self._rows)
        self._last_column = max(self._last_column, before, *rows)


def _column(letters: bytes) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number
