"""Reads XLSX by python-calamine and Parquet by pyarrow; each is imported when it is needed."""

import datetime
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.command import ExitCode, UserError
from models.i18n import tr
from models.tables import Dialect, Item, Place, Record, Reject, Table, unique

MOST_INFLATED = 1 << 30
"""Bytes that an XLSX may hold when inflated: reviews by the million stay far below."""

MOST_CELLS = 50_000_000
"""Rows × columns of a sheet: a million rows of fifty columns."""

_CELL = re.compile(rb"""\br=["']([A-Z]{1,7})([0-9]{1,9})["']""")
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(EOFError, OSError, ValueError),
)
_BLOCK = 1 << 20  # bytes
_ROWS = 512  # of Parquet that are decoded together


@contextmanager
def open_sheet(path: Path, dialect: Dialect) -> Iterator[Table]:
    """Open a table that is no text file.

    Raises:
        UserError: DATA, it is damaged, would fill the memory, or has several sheets and none was
            named.
    """
    if dialect.format == "xlsx":
        yield _open_xlsx(path, dialect)
        return
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, "Parquet", error) from error
    with file:
        columns = unique(file.schema_arrow.names)
        records = _parquet_records(path, file, columns)
        yield Table(str(path), Dialect("parquet"), columns, records, file.schema_arrow)


def from_arrow(scalar: Any) -> Any:
    """Return an Arrow scalar as Python and JSON have it; dates and times as ISO 8601 text."""
    import pyarrow

    if pyarrow.types.is_temporal(scalar.type) and not pyarrow.types.is_duration(scalar.type):
        scalar = scalar.cast(pyarrow.string())  # all nine digits of a nanosecond
    return scalar.as_py()


def _unreadable(path: Path, format: str, reason: object) -> UserError:
    return UserError(
        ExitCode.DATA,
        tr("{path} cannot be read as {format}: {reason}", path=path, format=format, reason=reason),
    )


def _parquet_records(path: Path, file: Any, columns: list[str]) -> Iterator[Item]:
    import pyarrow

    number = 0
    try:
        for batch in file.iter_batches(_ROWS):
            for row in range(batch.num_rows):
                number += 1
                values = [column[row] for column in batch.columns]
                fields = dict(zip(columns, values, strict=True))
                yield Record(Place(number, number, number), fields)
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, "Parquet", error) from error


def _open_xlsx(path: Path, dialect: Dialect) -> Table:
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    _check_size(path)
    try:
        book = CalamineWorkbook.from_path(path)
        shown = [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
        wanted = [dialect.sheet] if dialect.sheet is not None else shown
        if len(wanted) != 1 or wanted[0] not in book.sheet_names:
            raise UserError(
                ExitCode.DATA,
                tr(
                    "{path}: expected one sheet, found {found}; name yours with --sheet",
                    path=path,
                    found=", ".join(book.sheet_names),
                ),
            )
        rows = enumerate(book.get_sheet_by_name(wanted[0]).iter_rows(), start=1)
    except (CalamineError, OSError) as error:
        raise _unreadable(path, "XLSX", error) from error
    columns: list[str] = []
    for _, values in rows:
        if any(value != "" for value in values):
            width = max(at for at, value in enumerate(values, start=1) if value != "")
            columns = [str(at) for at in range(1, width + 1)]
            if dialect.header:
                columns = unique(str(_cell(value)) for value in values[:width])
                break
            rows = enumerate(book.get_sheet_by_name(wanted[0]).iter_rows(), start=1)
            break
    if not columns:
        raise UserError(ExitCode.DATA, tr("{name} is empty: expected records", name=path))
    dialect = Dialect("xlsx", header=dialect.header, sheet=wanted[0])
    return Table(str(path), dialect, columns, _xlsx_items(rows, columns))


def _check_size(path: Path) -> None:
    """Inflate every part and look: what a zip file declares of itself may be a lie.

    The reader lays a sheet out from its first to its last cell, so two cells far apart can be
    worth the whole memory.
    """
    left = MOST_INFLATED
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                row = column = 0
                end = b""
                with archive.open(entry) as part:
                    while block := part.read(min(_BLOCK, left + 1)):
                        left -= len(block)
                        for letters, digits in _CELL.findall(end + block):
                            row = max(row, int(digits))
                            column = max(column, _column(letters))
                        end = block[-32:]
                        if left < 0 or row * column > MOST_CELLS:
                            raise _unreadable(path, "XLSX", tr("it would fill the memory"))
    except _DAMAGED as error:
        raise _unreadable(path, "XLSX", error) from error


def _column(letters: bytes) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _cell(value: Any) -> Any:
    """Return a value of a cell: XLSX has no integers, and Python's times are no JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value) if isinstance(value, datetime.timedelta) else value


def _xlsx_items(rows: Iterator[tuple[int, list[Any]]], columns: list[str]) -> Iterator[Item]:
    number = 0
    for line, values in rows:
        if len(columns) > 1 and all(value == "" for value in values):
            continue  # a blank row holds no record
        number += 1
        place = Place(number, line, line)
        cells = [_cell(value) for value in values]
        cells += [""] * (len(columns) - len(cells))
        if any(cell != "" for cell in cells[len(columns) :]):
            problem = tr(
                "expected {expected} fields as in the header, found {found}",
                expected=len(columns),
                found=len(cells),
            )
            yield Reject(place, "field_count", problem)
        else:
            yield Record(place, dict(zip(columns, cells, strict=False)))
