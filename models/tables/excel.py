"""Reads workbooks (XLSX, XLS, XLSB, ODS) by python-calamine, imported when it is needed."""

import datetime
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from models.console import UserError, data_error, tr
from models.tables.cells import EXACT, Note, SheetNotes, TwiceError, whole_number
from models.tables.dialect import Dialect
from models.tables.extent import DamagedError, TooLargeError, check_size
from models.tables.mistaken import is_workbook, refuse
from models.tables.packed import zipped_format
from models.tables.records import ParsedRow, Place, Table, damaged, named, unreadable
from models.tables.source import InputFile

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # part of a file with a password
_DAMAGED = (OSError, KeyError, ValueError, IndexError, ExpatError, zipfile.BadZipFile)


def open_workbook(file: InputFile, dialect: Dialect) -> Table:
    """Open a workbook, whatever its name says of its format.

    Raises:
        UserError: DATA, it is no workbook, is damaged, has a password, would fill the memory, is
            empty, or has several sheets and none was named.
    """
    book, data, format = _open(file, str(dialect.format))
    visible = _visible(book)
    if dialect.sheet is None:
        visible = _filled(book, visible)
    wanted = visible if dialect.sheet is None else [dialect.sheet]
    if len(wanted) != 1 or wanted[0] not in book.sheet_names:
        raise data_error(
            "{path}: expected one sheet, found {found}; name yours with --sheet",
            path=file,
            found=visible,
        )
    dialect = replace(dialect.fitting(format), sheet=wanted[0])
    rows = _rows(file, book, data, dialect)
    columns, items = named(file, rows, dialect.header)
    return Table(file, dialect, columns, items)


def sheets_of(path: Path) -> list[str]:
    """Return the names of the visible sheets of a workbook; none if it is damaged."""
    try:
        with InputFile(path) as file:
            return _visible(_open(file, "xlsx")[0])
    except (OSError, UserError):
        return []


def _open(file: InputFile, format: str) -> tuple[Any, str | io.BytesIO, str]:
    """Return the opened workbook, what it is in, and its true format."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    if not is_workbook(file):
        refuse(file, format)
    is_zip = file.peek(2).startswith(b"PK")
    data = file.whole()
    found = format if is_zip else "xls"
    try:
        if is_zip:
            check_size(data)
            found = zipped_format(data) or ""
            if not found:
                raise DamagedError
        elif _has_password(data):
            raise PasswordError
        if isinstance(data, io.BytesIO):
            data.seek(0)
            return CalamineWorkbook.from_filelike(data), data, found
        with Path(data).open("rb") as stream:
            return CalamineWorkbook.from_filelike(stream), data, found
    except PasswordError as error:
        raise data_error(
            "{path} is protected with a password: open it, and save it without one",
            path=file,
        ) from error
    except TooLargeError as error:
        raise unreadable(
            file,
            found.upper(),
            tr(
                "it would fill the memory. Delete the empty rows and columns beside and below the "
                "table, or save the sheet as CSV"
            ),
        ) from error
    except (CalamineError, DamagedError, OSError) as error:
        raise _broken(file, found, error) from error


def _broken(file: InputFile, format: str, error: Exception) -> UserError:
    unknown = re.search("cell error value '(.+)'", str(error))
    if unknown is None:
        return damaged(file, format.upper())
    problem = tr(
        "a cell shows the error {shown}, which the reader does not know; clear it, or save the "
        "sheet as CSV",
        shown=unknown[1],
    )
    return unreadable(file, format.upper(), problem)


def _has_password(data: str | io.BytesIO) -> bool:
    """Return whether a compound file is an encrypted workbook."""
    content = data.getvalue() if isinstance(data, io.BytesIO) else Path(data).read_bytes()
    return _ENCRYPTED in content


def _visible(book: Any) -> list[str]:
    """Return the names of the visible sheets that have cells, not a chart alone."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    chart, visible = SheetTypeEnum.ChartSheet, SheetVisibleEnum.Visible
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ != chart]
    return [sheet.name for sheet in sheets if sheet.visible == visible]


def _filled(book: Any, names: list[str]) -> list[str]:
    """Return the sheets without the empty ones; those behind the second that is not stay, unread.

    One alone, and several that are all empty, are what they are.
    """
    from python_calamine import CalamineError

    if len(names) == 1:
        return names
    filled: list[str] = []
    for number, name in enumerate(names, start=1):
        with suppress(CalamineError):  # one that cannot be read is not empty
            if not book.get_sheet_by_name(name).height:
                continue
        filled.append(name)
        if len(filled) > 1:
            return filled + names[number:]
    return filled or names


def _rows(
    file: InputFile, book: Any, data: str | io.BytesIO, dialect: Dialect
) -> Iterator[ParsedRow]:
    """Yield the rows of a sheet from the header on; the first not blank tells how wide they are."""
    from python_calamine import CalamineError

    width = 0
    try:
        sheet = book.get_sheet_by_name(dialect.sheet)
        notes = SheetNotes(data, str(dialect.sheet)) if dialect.format == "xlsx" else None
        for line, (values, formats) in enumerate(_noted(sheet, notes), start=1):
            if line < dialect.header:
                continue
            filled = len(values)
            while filled and values[filled - 1] == "":
                filled -= 1
            width = width or filled
            del values[max(filled, width) :]
            yield ParsedRow(Place(0, line, line), values, not filled, formats)
    except TwiceError as error:
        problem = tr(
            "row {row} or a cell in it stands twice, and one of them would be lost; open it, and "
            "save it again",
            row=error.row,
        )
        raise unreadable(file, "XLSX", problem) from error
    except (CalamineError, *_DAMAGED) as error:
        raise _broken(file, str(dialect.format), error) from error


def _noted(
    sheet: Any, notes: SheetNotes | None
) -> Iterator[tuple[list[Any], dict[int, int | str] | None]]:
    """Yield the values of each row, and the number formats of some of them."""
    before = (sheet.start or (0, 0))[1]  # columns that calamine leaves out
    rows = sheet.iter_rows()
    for line in count(1):
        cells = next(rows, None)
        # calamine ends before rows of nothing but formulas without a value
        if cells is None and (notes is None or notes.next_row < line):
            return
        values = [_value(cell) for cell in cells or ()]
        formats = _apply(notes.of_row(line), values, before) if notes else {}
        yield values, formats or None


def _apply(notes: dict[int, Note], values: list[Any], before: int) -> dict[int, int | str]:
    """Put right the values of a row; return their number formats, by index."""
    formats: dict[int, int | str] = {}
    for column, note in notes.items():
        index = column - before
        if index < 0:
            continue
        if note.value is not None:
            values += [""] * (index + 1 - len(values))
            if not isinstance(note.value, float) or _is_wrong(values[index]):
                values[index] = _value(note.value)
        if note.format is not None and index < len(values):
            formats[index] = note.format
    return formats


def _is_wrong(date: Any) -> bool:
    """Return whether the reader makes this of a number below 0, or of Excel's 1900-02-29."""
    if isinstance(date, datetime.datetime):
        date = date.date()
    return isinstance(date, datetime.time) or date == datetime.date(1900, 2, 28)


def _value(cell: Any) -> Any:
    """Return the value of a cell: workbooks have no integers, only doubles that are whole."""
    if not isinstance(cell, float) or not cell.is_integer():
        return cell
    number = int(cell) if abs(cell) < EXACT else whole_number(str(cell))
    return cell if number is None else number
