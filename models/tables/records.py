"""What a table holds: records, and a reject in the place of what cannot be one."""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables.columns import unique
from models.tables.dialect import Dialect

Problem = tuple[str, str]
"""A stable code for what is wrong, as docs/files.md lists them, and a message for people."""


class Place(NamedTuple):
    """Where a record stands.

    Attributes:
        number: counted from 1, the header not being one.
        line: of the file, counted from 1, on which it begins; the row of XLSX and Parquet.
        last_line: on which it ends.
        start: offset of its first byte; None in XLSX and Parquet.
        raw: its bytes, line end included; likewise.
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
        fields: column → value. A value of a CSV, TSV or TXT file is always a string, one of a
            Parquet file an Arrow scalar, one of XLSX may be a date: see `plain`.
        source: the line itself, for a record of a JSONL file; else "".
    """

    place: Place
    fields: Mapping[str, Any]
    source: str = ""

    def text(self, column: str) -> Any:
        """Return the value in the column of the texts; a number of XLSX as it is written.

        Excel makes a number of 666 whatever is meant by it; other formats tell the two apart.

        Raises:
            KeyError: there is no such column.
            UnicodeDecodeError: see `plain`.
        """
        value = self.fields[column]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number and not self.source else plain(value)

    def get(self, column: str) -> Any:
        """Return the same; None where it lacks, and bytes where a string is not UTF-8."""
        try:
            return self.text(column) if column in self.fields else None
        except UnicodeDecodeError:
            return self.fields[column].as_buffer().to_pybytes()


@dataclass(frozen=True, slots=True)
class Reject:
    """What stands where a record should be, and cannot be one.

    Attributes:
        place: where it stands.
        code: as docs/files.md lists them.
        message: for people.
        column: that is to blame, where it is one.
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


class Row(NamedTuple):
    """What a format's parser hands out: a record without its number and the names of its values.

    Attributes:
        place: where it stands; its number is not known yet.
        values: in order; or the code and the message of what is wrong with it.
        blank: it has no values, and so holds no record of a table with several columns.
    """

    place: Place
    values: list[Any] | Problem
    blank: bool = False


@dataclass(frozen=True)
class Table:
    """An opened table: read its items once.

    Attributes:
        name: of the file, for messages.
        dialect: with nothing left to find out.
        columns: in order; those of the first record where the format is JSONL.
        items: what it holds, in order.
        schema: of a Parquet file, a `pyarrow.Schema`.
    """

    name: str
    dialect: Dialect
    columns: list[str]
    items: Iterator[Item]
    schema: Any = None

    @property
    def records(self) -> Iterator[Record]:
        """The items, for whom one that is no record is an error: raises UserError DATA."""
        for item in self.items:
            if isinstance(item, Reject):
                raise wrong(self.name, item.place.line, item.message)
            yield item


def plain(value: Any) -> Any:
    """Return a value as JSON has it: of an Arrow scalar, and of a date in XLSX.

    Raises:
        UnicodeDecodeError: a Parquet file calls bytes a string that are none.
    """
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if not hasattr(value, "as_py"):
        return value
    import pyarrow

    if pyarrow.types.is_temporal(value.type) and not pyarrow.types.is_duration(value.type):
        written = value.cast(pyarrow.string()).as_py()  # all nine digits of a nanosecond
        return written and written.replace(" ", "T")  # ISO 8601
    return value.as_py()


def named(name: str, rows: Iterator[Row], *, header: int) -> tuple[list[str], Iterator[Item]]:
    """Name the values of each row by the first one, or by their position where `header` is 0.

    Raises:
        UserError: DATA, there is no row, or the first one is none.
    """
    first = next((row for row in rows if not row.blank), None)
    if first is None:
        raise empty(name, header)
    if isinstance(first.values, tuple):
        raise wrong(name, first.place.line, first.values[1])
    if not header:
        columns = [str(number) for number in range(1, len(first.values) + 1)]
        return columns, items_of(columns, chain([first], rows))
    columns = unique(str(plain(value)) for value in first.values)
    return columns, items_of(columns, rows)


def items_of(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[Item]:
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


def wrong(name: str, line: int, problem: str) -> UserError:
    """Return the error of a line that breaks the rules of its format."""
    return UserError(
        ExitCode.DATA, "{name}, line {line}: {problem}", name=name, line=line, problem=problem
    )


def empty(name: str, header: int = 1) -> UserError:
    """Return the error of a file that ends before its first record, or before its header."""
    if header > 1:
        return UserError(
            ExitCode.DATA,
            "{name} ends before line {line}, which was said to name the columns",
            name=name,
            line=header,
        )
    return UserError(ExitCode.DATA, "{name} is empty: expected records", name=name)


def unreadable(path: Path, format: str, reason: object) -> UserError:
    """Return the error of a file that is damaged, or not of its format."""
    return UserError(
        ExitCode.DATA,
        "{path} cannot be read as {format}: {reason}",
        path=path,
        format=format,
        reason=reason,
    )
