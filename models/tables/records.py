"""What a table holds: records, and a reject in the place of what cannot be one."""

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables.columns import unique
from models.tables.dialect import Dialect
from models.tables.source import InputFile

Problem = tuple[str, str]
"""Code of what is wrong, as docs/files.md lists them, and a message for people."""

_SURROGATE = re.compile("[\ud800-\udfff]")


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
            XLSX possibly a date, in JSONL whatever JSON has. `plain` makes JSON of all of them.
        source: the line itself, for a record of a JSONL file; else "".
    """

    place: Place
    fields: Mapping[str, Any]
    source: str = ""

    def text(self, column: str) -> Any:
        """Return the value in the column of the texts; a string in it can be encoded in UTF-8.

        A number of XLSX is returned as it is written, for Excel makes a number of 666 whatever is
        meant by it. Half a surrogate pair, which JSON can spell, becomes U+FFFD.

        Raises:
            KeyError: there is no such column.
            UnicodeDecodeError: a Parquet file has bytes for a string that are not UTF-8.
        """
        value = self.fields[column]
        if self.source:
            is_text = isinstance(value, str)
            return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value) if is_text else value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return plain(value)

    def get(self, column: str) -> Any:
        """Return the same as `text`; None without the column, bytes for what is not UTF-8."""
        try:
            return self.text(column) if column in self.fields else None
        except UnicodeDecodeError:
            return self.fields[column].as_buffer().to_pybytes()


@dataclass(frozen=True, slots=True)
class Reject:
    """Stands in the place of a record that cannot be classified.

    Attributes:
        place: where it stands.
        code: as docs/files.md lists them.
        message: the reason, for people.
        column: name of the column that is to blame, if one is.
    """

    place: Place
    code: str
    message: str
    column: str | None = None

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
    """

    place: Place
    values: list[Any] | Problem
    blank: bool = False


@dataclass(frozen=True)
class Table:
    """An opened table: read its items once.

    Attributes:
        input: the opened file.
        dialect: how it is written down, with nothing left to find out.
        columns: names in order; those of the first record in JSONL.
        items: records and rejects in order.
        schema: the `pyarrow.Schema` of a Parquet file.
    """

    input: InputFile
    dialect: Dialect
    columns: list[str]
    items: Iterator[Item]
    schema: Any = None

    @property
    def name(self) -> str:
        """Name of the file, for messages; "-" for standard input."""
        return str(self.input)

    @property
    def records(self) -> Iterator[Record]:
        """Its records, for whom a reject is an error: raises UserError DATA."""
        for item in self.items:
            if isinstance(item, Reject):
                raise wrong(self.input, item.place.line, item.message)
            yield item


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dates of XLSX and Arrow scalars are converted.

    Raises:
        UnicodeDecodeError: a Parquet file has bytes for a string that are not UTF-8.
    """
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if not hasattr(value, "as_py"):
        return value
    import pyarrow

    types = pyarrow.types
    if types.is_temporal(value.type) and not types.is_duration(value.type):
        written = value.cast(pyarrow.string()).as_py()  # all nine digits of a nanosecond
        return written and written.replace(" ", "T")  # ISO 8601
    return value.as_py()


def named(
    file: InputFile, rows: Iterator[ParsedRow], header: int
) -> tuple[list[str], Iterator[Item]]:
    """Return the columns, named by the first row, and the items.

    Raises:
        UserError: DATA, there is no row, or the first one cannot be read.
    """
    for first in rows:
        if not first.blank:
            break
    else:
        raise empty(file, header)
    if isinstance(first.values, tuple):
        raise wrong(file, first.place.line, first.values[1])
    if header:
        columns = unique(str(plain(value)) for value in first.values)
    else:
        numbers = range(1, len(first.values) + 1)
        columns = [str(number) for number in numbers]
        rows = chain([first], rows)
    return columns, items_of(columns, rows)


def items_of(columns: Sequence[str], rows: Iterable[ParsedRow]) -> Iterator[Item]:
    """Number the rows that hold a record, and name their values."""
    filled = (row for row in rows if not row.blank or len(columns) == 1)
    for number, (place, values, _) in enumerate(filled, start=1):
        place = place._replace(number=number)
        if isinstance(values, tuple):
            yield Reject(place, *values)
        elif len(values) == len(columns):
            yield Record(place, dict(zip(columns, values, strict=True)))
        else:
            problem = tr(
                "expected {expected} fields as in the header, found {found}",
                expected=len(columns),
                found=len(values),
            )
            yield Reject(place, "field_count", problem)


def wrong(file: InputFile, line: int, problem: str) -> UserError:
    """Return the error of a line that breaks the rules of its format."""
    return UserError(
        ExitCode.DATA, "{name}, line {line}: {problem}", name=file, line=line, problem=problem
    )


def empty(file: InputFile, header: int = 1) -> UserError:
    """Return the error of a file that ends before its first record, or before its header."""
    if header <= 1:
        return UserError(ExitCode.DATA, "{name} is empty: expected records", name=file)
    return UserError(
        ExitCode.DATA,
        "{name} ends before line {line}, which was said to name the columns",
        name=file,
        line=header,
    )


def unreadable(path: object, format: str, reason: object) -> UserError:
    """Return the error of a file that is damaged, or not of its format."""
    return UserError(
        ExitCode.DATA,
        "{path} cannot be read as {format}: {reason}",
        path=path,
        format=format,
        reason=reason,
    )
