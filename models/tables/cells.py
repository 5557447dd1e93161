"""Reads from the XML of an XLSX what its reader leaves out: digits, errors, and formats.

A double has 15 digits for sure, so an order number of 19 comes out of it as another one. An error,
and a formula whose value was never stored, come out as an empty text.
"""

import posixpath
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, NamedTuple, TypeVar
from xml.parsers import expat

from models.tables.values import CellError

EXACT = 2**53
"""Whole numbers from here on are not all doubles."""

_MOST_ROWS = 1 << 20
_MOST_DIGITS = 20  # of whole numbers that are written out
_BLOCK = 1 << 16  # bytes
_GENERAL = (0, 49)  # indices of the formats that say nothing of a number

Attributes = dict[str, str]
Found = TypeVar("Found")


class TwiceError(ValueError):
    """A row, or a cell in it, stands twice, or a cell in another row: one would be lost."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


class Note(NamedTuple):
    """What a cell has beyond its value.

    Attributes:
        value: what stands for the reader's value; None where that is right.
        format: number format: its index where Excel has it built in, else its code; None: General.
    """

    value: float | CellError | None
    format: int | str | None


class SheetNotes:
    """Notes on the cells of one sheet, row by row and with constant memory.

    Args:
        file: an XLSX file.
        sheet: name of the sheet.

    Raises:
        expat.ExpatError, KeyError: a part is damaged, or missing.
    """

    def __init__(self, file: str | BinaryIO, sheet: str) -> None:
        self._archive = zipfile.ZipFile(file)
        self._parts = {name.lower(): name for name in self._archive.namelist()}
        (workbook,) = [path for _, kind, path in self._related("") if kind == "officeDocument"]
        wanted = self._id_of(sheet, workbook)
        related = list(self._related(workbook))
        formats: list[int | str | None] = []
        for _, kind, path in related:
            if kind == "styles":
                formats = self._read_formats(path)
        (path,) = [path for id, _, path in related if id == wanted]
        self._rows = _rows(self._blocks(path), formats)
        self._next = next(self._rows, None)

    def of_row(self, number: int) -> dict[int, Note]:
        """Return the notes on a row, by column from 0; rows are asked for in order."""
        while self._next is not None and self._next[0] < number:
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] > number:
            return {}
        return self._next[1]

    @property
    def next_row(self) -> int:
        """Number of the next row that has notes; 0 after the last."""
        return self._next[0] if self._next else 0

    def _blocks(self, name: str) -> Iterator[bytes]:
        with self._archive.open(name) as part:
            while block := part.read(_BLOCK):
                yield block

    def _elements(self, name: str) -> Iterator[tuple[str, Attributes]]:
        """Yield the elements of a part, by their names without prefix."""
        found: list[tuple[str, Attributes]] = []
        parser = _parser()
        parser.StartElementHandler = lambda tag, attributes: found.append((_local(tag), attributes))
        return _parsed(self._blocks(name), parser, found)

    def _related(self, path: str) -> Iterator[tuple[str, str, str]]:
        """Yield id, kind and path of the parts that one refers to; "" refers to the workbook."""
        folder, name = posixpath.split(path)
        rels = self._parts[posixpath.join(folder, "_rels", f"{name}.rels").lower()]
        for tag, attributes in self._elements(rels):
            if tag == "Relationship":
                target = posixpath.join("/", folder, attributes["Target"])
                target = posixpath.normpath(target).lstrip("/")
                kind = attributes["Type"].rpartition("/")[2]
                yield attributes["Id"], kind, self._parts.get(target.lower(), target)

    def _id_of(self, sheet: str, workbook: str) -> str:
        """Return the id by which the workbook refers to a sheet."""
        for tag, attributes in self._elements(workbook):
            if tag == "sheet" and attributes.get("name") == sheet:
                return next(value for key, value in attributes.items() if key.endswith(":id"))
        raise KeyError(sheet)

    def _read_formats(self, name: str) -> list[int | str | None]:
        """Return the number format of each style."""
        codes: dict[int, str] = {}
        formats: list[int | str | None] = []
        inside = False
        for tag, attributes in self._elements(name):
            if tag == "numFmt":
                codes[int(attributes["numFmtId"])] = attributes["formatCode"]
            elif tag in ("cellXfs", "cellStyles", "dxfs"):
                inside = tag == "cellXfs"
            elif tag == "xf" and inside:
                index = int(attributes.get("numFmtId", 0))
                formats.append(None if index in _GENERAL else codes.get(index, index))
        return formats


def _rows(
    blocks: Iterator[bytes], formats: list[int | str | None]
) -> Iterator[tuple[int, dict[int, Note]]]:
    """Yield the number of each row that has notes, and these."""
    sheet = _Sheet(formats)
    parser = _parser()
    parser.StartElementHandler = sheet.start
    parser.EndElementHandler = sheet.end
    parser.CharacterDataHandler = sheet.add
    return _parsed(blocks, parser, sheet.finished)


def _parsed(blocks: Iterator[bytes], parser: Any, found: list[Found]) -> Iterator[Found]:
    """Parse block by block; yield what its handlers find."""
    for block in blocks:
        parser.Parse(block)
        yield from found
        found.clear()
    parser.Parse(b"", True)


class _Sheet:
    """Hears of the elements of a sheet; a cell that does not say its place follows the last."""

    def __init__(self, formats: list[int | str | None]) -> None:
        self.finished: list[tuple[int, dict[int, Note]]] = []
        self._formats = formats
        self._row = 0
        self._column = -1
        self._begun = bytearray(_MOST_ROWS + 1)
        self._columns: set[int] = set()  # of the row
        self._notes: dict[int, Note] = {}
        self._cell: Attributes = {}
        self._parts: dict[str, list[str]] = {}
        self._add: Callable[[str], object] | None = None

    def start(self, tag: str, attributes: Attributes) -> None:
        tag = _local(tag)
        if tag == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = -1
            self._columns = set()
            self._notes = {}
        elif tag == "c":
            self._begin_cell(attributes.get("r", ""))
            self._cell = attributes
            self._parts = {}
        elif tag in ("v", "f"):
            self._add = self._parts.setdefault(tag, []).append

    def _begin_cell(self, reference: str) -> None:
        letters = reference.rstrip("0123456789")
        self._column = column_of(letters) - 1 if letters else self._column + 1
        row = int(reference.removeprefix(letters) or self._row)
        twice = self._column in self._columns
        if not self._columns:
            self._row = row
            place = min(row, _MOST_ROWS)
            twice = bool(self._begun[place])
            self._begun[place] = 1
        if twice or row != self._row:
            raise TwiceError(row)
        self._columns.add(self._column)

    def add(self, text: str) -> None:
        if self._add is not None:
            self._add(text)

    def end(self, tag: str) -> None:
        tag = _local(tag)
        if tag in ("v", "f"):
            self._add = None
        elif tag == "c":
            note = self._note()
            if note is not None:
                self._notes[self._column] = note
        elif tag == "row" and self._notes:
            self.finished.append((self._row, self._notes))

    def _note(self) -> Note | None:
        """Return what there is to say of the cell that ends."""
        kind = self._cell.get("t", "n")
        value = "".join(self._parts.get("v", ()))
        if kind == "e":
            return Note(CellError(value, "error_cell"), None)
        if "f" in self._parts and not value and kind != "str":
            formula = "=" + "".join(self._parts["f"])
            return Note(CellError(formula, "no_stored_value"), None)
        if kind not in ("n", "d") or not value:
            return None
        format = None
        if style := self._cell.get("s"):
            index = int(style)
            format = self._formats[index] if index < len(self._formats) else None
        number: float | None = None
        if kind == "n":
            number = whole_number(value) if len(value) > 15 else None
            number = _no_date(value, format) if number is None else number
        if number is None and format is None:
            return None
        return Note(number, format)


def _no_date(written: str, format: int | str | None) -> float | None:
    """Return a number that has a format, and that the reader would make another date of.

    Excel's calendar begins at 0, and its day 60 is 1900-02-29, which never was.
    """
    number = float(written)
    if format is not None and (number < 0 or 60 <= number < 61):
        return number
    return None


def whole_number(written: str) -> int | None:
    """Return a whole number that is no double for sure, with the digits that it is written in."""
    try:
        number = Decimal(written)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > _MOST_DIGITS or abs(number) < EXACT:
        return None
    return int(number) if number == int(number) else None


def column_of(letters: str) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _parser() -> Any:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse  # a sheet has none, and entities can be bombs
    return parser


def _refuse(*_: object) -> None:
    raise ValueError


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]
