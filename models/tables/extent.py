"""Looks how much memory a workbook would take, before a reader opens it."""

import re
import zipfile
import zlib
from typing import BinaryIO

from models.tables.cells import column_of

MOST_INFLATED = 1 << 30
"""Bytes that a workbook may hold when inflated: reviews by the million stay far below."""

MOST_CELLS = 50_000_000
"""Rows × columns of a sheet: a million rows of fifty columns."""

_ANNOUNCED = re.compile(rb'\buniqueCount=["\'](\d{1,18})')
_PLACE = re.compile(rb"""\br=["']([A-Z]{0,7})([0-9]{1,9})["']""")  # of a cell, or of a row
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_CELL = re.compile(rb"<(?:\w+:)?c\b")
_ROW_HEADER = 0  # record of XLSB
_CELL_RECORDS = range(1, 12)  # records of XLSB
_DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError)
_BLOCK = 1 << 20  # bytes


class TooLargeError(Exception):
    """The workbook would fill the memory: by its size, or by one cell far from the others."""


class DamagedError(Exception):
    """The workbook is no whole ZIP file."""


def check_size(file: str | BinaryIO) -> None:
    """Inflate every part and look: what a zip file declares of itself may be a lie.

    Raises:
        TooLargeError: it would fill the memory.
        DamagedError: it is damaged.
    """
    left = MOST_INFLATED
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                is_binary = entry.filename.lower().endswith(".bin")
                extent = _BinaryExtent() if is_binary else _Extent()
                with archive.open(entry) as part:
                    while block := part.read(min(_BLOCK, left + 1)):
                        left -= len(block)
                        extent.add(block)
                        if left < 0 or extent.cells > MOST_CELLS:
                            raise TooLargeError
    except _DAMAGED as error:
        raise DamagedError from error


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
            self._last_column = max(self._last_column, column_of(letters.decode()))
        for count in _ANNOUNCED.findall(both):
            self._announced = max(self._announced, int(count))
        self._end = block[-32:]
        before, *rows = [len(_CELL.findall(row)) for row in _ROW.split(block)]
        before += self._cells_in_row  # the row that the block before began
        self._cells_in_row = rows[-1] if rows else before
        self._rows += len(rows)
        self._last_row = max(self._last_row, self._rows)
        self._last_column = max(self._last_column, before, *rows)


class _BinaryExtent:
    """Says the same of a sheet of XLSB ([MS-XLSB] 2.1.4: records of type, size, data)."""

    def __init__(self) -> None:
        self._last_row = self._last_column = 0
        self._rest = b""

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self._last_row * self._last_column

    def add(self, block: bytes) -> None:
        """Read another block."""
        data = self._rest + block
        begin = 0
        while True:
            kind, place = _variable(data, begin, 2)
            size, place = _variable(data, place, 4)
            if place + size > len(data):
                break
            value = int.from_bytes(data[place : place + 4], "little")
            if kind == _ROW_HEADER:
                self._last_row = max(self._last_row, value + 1)
            elif kind in _CELL_RECORDS:
                self._last_column = max(self._last_column, value + 1)
            begin = place + size
        self._rest = data[begin:]


def _variable(data: bytes, place: int, most: int) -> tuple[int, int]:
    """Return a number of up to `most` bytes, seven bits in each, and where it ends."""
    number = 0
    for index in range(most):
        if place >= len(data):
            return number, place + 1  # past the end: the record is not whole yet
        byte = data[place]
        number |= (byte & 0x7F) << 7 * index
        place += 1
        if byte < 0x80:
            break
    return number, place
