"""What a table holds: records, and a reject in the place of what cannot be one."""

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, NamedTuple

from models.console import UserError, data_error, encodable, tr
from models.labels import folded
from models.tables.columns import Columns, has_name, unique
from models.tables.dialect import WORKBOOKS, Dialect
from models.tables.source import InputFile, StandardInput
from models.tables.values import CellError, plain, shown

Problem = tuple[str, str]
"""Code of what is wrong, as docs/files.md lists them, and a message for people."""

HEAD = 32
"""Items of a table that are looked at to tell its columns."""

_LONGEST_NAME = 1000  # characters of a name that is looked for among the records


class Place(NamedTuple):
    """Where a record stands.

    Attributes:
        number: position among the records, counted from 1.
        line: first line of it in the file, counted from 1; the row in XLSX and Parquet.
        last_line: last line of it.
        start: offset of its first byte; None in XLSX and Parquet.
        raw: its bytes, line end included; None in XLSX and Parquet.
    """

    number: int
    line: int
    last_line: int
    start: int | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a table.

    Attributes:
        place: where it stands.
        fields: value of each column: a string in CSV, TSV and TXT, an Arrow scalar in Parquet, in
            workbooks possibly a date or a `CellError`, in JSONL whatever JSON has. `plain` makes
            JSON of all of them.
        source: the line itself, for a record of a JSONL file; else "".
        formats: number format of some columns, in XLSX: its code, or the index of one that Excel
            has built in.
    """

    place: Place
    fields: Mapping[str, Any]
    source: str = ""
    formats: Mapping[str, int | str] | None = None

    def text(self, column: str) -> Any:
        """Return the value in the column of the texts; a string in it can be encoded in UTF-8.

        A `CellError` is returned itself. A number of XLSX is returned as it is written, for Excel
        makes a number of 666 whatever is meant by it. Half a surrogate pair, which JSON can
        spell, becomes U+FFFD.

        Raises:
            KeyError: there is no such column.
            UnicodeDecodeError: a Parquet file has bytes for a string that are not UTF-8.
        """
        value = self.fields[column]
        if isinstance(value, CellError):
            return value
        if self.source:
            return encodable(value) if isinstance(value, str) else value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return plain(value)

    def get(self, column: str) -> Any:
        """Return the same as `text`; None without the column, bytes for what Python lacks."""
        try:
            return self.text(column) if column in self.fields else None
        except (UnicodeDecodeError, OverflowError):
            value = self.fields[column]
            return value.as_buffer().to_pybytes() if hasattr(value, "as_buffer") else b""


@dataclass(frozen=True, slots=True)
class Reject:
    """Stands in the place of a record that cannot be classified.

    Attributes:
        place: where it stands.
        code: as docs/files.md lists them.
        message: the reason, for people.
        column: name of the column that is to blame, if one is.
        values: of a record with more or fewer fields than the header.
    """

    place: Place
    code: str
    message: str
    column: str | None = None
    values: Sequence[Any] = ()

    def __str__(self) -> str:
        """Return where it stands and why, for people."""
        return tr(
            "record {number}, line {line}: {reason}",
            number=self.place.number,
            line=self.place.line,
            reason=self.message,
        )


Item = Record | Reject


class ParsedRow(NamedTuple):
    """What the parser of a format hands out: a record without its number and column names.

    Attributes:
        place: where it stands, with 0 for its number.
        values: its values in order, or what is wrong with it.
        blank: whether it has no values: in a table of several columns, it holds no record.
        formats: number format of some values, by their index.
    """

    place: Place
    values: list[Any] | Problem
    blank: bool = False
    formats: Mapping[int, int | str] | None = None


@dataclass(frozen=True)
class Table:
    """An opened table: read its items once.

    Attributes:
        input: the opened file.
        dialect: how it is written down, with nothing left to find out.
        columns: names in order; those of the first record in JSONL.
        items: records and rejects in order.
        schema: the `pyarrow.Schema` of a Parquet file.
        head: the first of these items.
        from_excel: whether it was written by Excel, or for it.
    """

    input: InputFile
    dialect: Dialect
    columns: list[str]
    items: Iterator[Item]
    schema: Any = None
    head: tuple[Item, ...] = ()
    from_excel: bool = False

    def with_head(self) -> "Table":
        """Return the table with its `head` known; of a pipe, what was read of it anyway."""
        most = HEAD
        if isinstance(self.input.source, StandardInput):
            most = 1 if self.dialect.format == "jsonl" else 0
        items = iter(self.items)
        head = tuple(islice(items, most))
        return replace(self, items=chain(head, items), head=head)

    def to_search(self) -> Columns:
        """Return the columns, with some values of each, to find one among them."""
        samples: dict[str, list[Any]] = {}
        has_header = self.dialect.format in ("csv", "tsv", *WORKBOOKS)
        rows: list[tuple[int, list[str]]] = []
        for item in self.head:
            values = item.values if isinstance(item, Reject) else [*item.fields.values()]
            if has_header and values:
                rows.append((item.place.line, [str(shown(value)) for value in values]))
            if isinstance(item, Record):
                for column in item.fields:
                    if (value := item.get(column)) not in (None, ""):
                        samples.setdefault(column, []).append(value)
        format = str(self.dialect.format)
        return Columns(self.name, self.columns, samples, has_header, format=format, rows=rows)

    @property
    def name(self) -> str:
        """Name of the file, for messages; "-" for standard input."""
        return str(self.input)

    @property
    def records(self) -> Iterator[Record]:
        """Its records, for whom a reject is an error: raises UserError DATA.

        A header that stands there again is none.
        """
        for item in self.items:
            if isinstance(item, Reject):
                if item.code == "repeated_header":
                    continue
                raise wrong(self.input, item.place.line, item.message)
            yield item


def named(
    file: InputFile, rows: Iterator[ParsedRow], header: int
) -> tuple[list[str], Iterator[Item]]:
    """Return the columns, named by the first row, and the items.

    Raises:
        UserError: DATA, there is no row, or the first one cannot be read.
    """
    first = next((row for row in rows if not row.blank), None)
    if first is None:
        raise empty(file, header)
    if isinstance(first.values, tuple):
        raise wrong(file, first.place.line, first.values[1])
    names: list[str] = []
    if header:
        names = [str(plain(value)) for value in first.values]
        columns = unique(names)
    else:
        columns = [str(number) for number, _ in enumerate(first.values, start=1)]
        rows = chain([first], rows)
    return columns, items_of(columns, rows, names)


def items_of(
    columns: Sequence[str], rows: Iterable[ParsedRow], names: Sequence[str] = ()
) -> Iterator[Item]:
    """Number the rows that hold a record, and name their values.

    Args:
        columns: names of the columns, each another.
        rows: what was read.
        names: the header as it stands; where files were joined, it stands among the records, too,
            and if its names are in another order, so are the values below it.
    """
    filled = (row for row in rows if not row.blank or len(columns) == 1)
    header = [folded(name) for name in names]
    order = columns
    for number, (place, values, _, formats) in enumerate(filled, start=1):
        place = place._replace(number=number)
        if isinstance(values, tuple):
            yield Reject(place, *values)
        elif again := _columns_again(values, header, columns, place):
            order = again
            problem = tr("this is the header again: files were joined here")
            yield Reject(place, "repeated_header", problem)
        elif len(values) == len(columns):
            fields = dict(zip(order, values, strict=True))
            by_name = {order[column]: code for column, code in (formats or {}).items()}
            yield Record(place, fields, formats=by_name or None)
        else:
            problem = tr(
                "expected {expected} fields as in the header, found {found}",
                expected=len(columns),
                found=len(values),
            )
            if len(columns) == 1 and is_text_with_commas(place, values):
                problem += tr("; if each line is one text, say --delimiter TAB")
            yield Reject(place, "field_count", problem, values=values)


def is_text_with_commas(place: Place, values: Sequence[Any]) -> bool:
    """Return whether --delimiter TAB makes a single value of a line, which names no columns."""
    return place.raw is not None and b"\t" not in place.raw and not has_name(values)


def _columns_again(
    values: Sequence[Any], header: Sequence[str], columns: Sequence[str], place: Place
) -> list[str] | None:
    """Return the columns in the order in which a row names them; None if it is no header."""
    if len(values) != len(header) or not (len(header) > 1 or _begins_a_file(place)):
        return None
    first = str(values[0])
    if len(first) > _LONGEST_NAME or folded(first) not in header:
        return None
    named = [folded(str(plain(value))) for value in values]
    if named == header:
        return list(columns)
    if len(set(header)) < len(header) or sorted(named) != sorted(header):
        return None
    return [columns[header.index(name)] for name in named]


def _begins_a_file(place: Place) -> bool:
    """Return whether a record begins with a byte order mark."""
    marks = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return (place.raw or b"").startswith(marks)


def wrong(file: InputFile, line: int, problem: str) -> UserError:
    """Return the error of a line that breaks the rules of its format."""
    return data_error("{name}, line {line}: {problem}", name=file, line=line, problem=problem)


def empty(file: InputFile, header: int = 1) -> UserError:
    """Return the error of a file that ends before its first record, or before its header."""
    if header <= 1:
        return data_error("{name} is empty: expected records", name=file)
    return data_error(
        "{name} ends before line {line}, which was said to name the columns",
        name=file,
        line=header,
    )


def unreadable(path: object, format: str, reason: object) -> UserError:
    """Return the error of a file that is damaged, or not of its format."""
    return data_error(
        "{path} cannot be read as {format}: {reason}",
        path=path,
        format=format,
        reason=reason,
    )


def damaged(path: object, format: str) -> UserError:
    """Return the error of a file that its reader gave up, for a reason that helps nobody."""
    problem = tr("it is damaged, or cut short; save it again, or fetch it again")
    return unreadable(path, format, problem)
