"""Reads tables of texts, record by record: what training learns from and what gets classified.

CSV is read as RFC 4180 has it, quotes and all. TSV has no quoting, as its registration (IANA
text/tab-separated-values) says: a quote is text. JSONL holds one object a line, TXT one text a
line; XLSX and Parquet are read in `models.tables.sheets`. What breaks the rules of its format is
handed out in its place as a `Reject`: no record is ever skipped, padded or joined to the next.
"""

import csv
import datetime
import json
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain, dropwhile, islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from models.console.command import ExitCode, UserError, require_file
from models.console.display import display
from models.console.i18n import tr
from models.tables.encoding import Line, detect_encoding, read_lines, with_byte_order

TEXT_FORMATS = ("csv", "tsv", "jsonl", "txt")
FORMATS = (*TEXT_FORMATS, "xlsx", "parquet")
OUTPUT_FORMATS = ("csv", "tsv", "jsonl", "xlsx", "parquet")
"""Those that have columns, as the answer has."""

TEXT_COLUMNS = (
    *("text", "text_a", "review", "reviews", "comment", "comments", "content", "sentence"),
    *("文本", "评论", "评价", "内容", "句子", "正文"),
    *("评论内容", "评价内容", "评论文本", "评价文本"),
    *("評論", "評價", "內容", "評論內容", "評價內容"),
)
LABEL_COLUMNS = ("label", "labels", "class", "sentiment", "标签", "类别", "標籤", "類別")

DELIMITERS = (",", ";", "\t", "|")
QUOTING: Mapping[str, dict[str, Any]] = {
    "double": {},
    "single": {"quotechar": "'"},
    "backslash": {"escapechar": "\\", "doublequote": False},
    "none": {"quoting": csv.QUOTE_NONE},
}
"""How values are quoted, as the csv module is told it."""

MOST_LINES = 1000
"""Physical lines of one quoted record. A quote that is open for longer was never closed."""

Problem = tuple[str, str]
"""A stable code for what is wrong, as docs/files.md lists them, and a message for people."""

_CSV = ("encoding", "delimiter", "quoting", "header")
_USED = {
    **dict.fromkeys(("csv", "tsv"), _CSV),
    **dict.fromkeys(("jsonl", "txt"), ("encoding",)),
    "xlsx": ("header", "sheet"),
    "parquet": (),
}
"""What of a `Dialect` each format has a use for."""

_EXCEL = re.compile('"?sep=([,;\t|])"?')  # a first line that tells Excel the delimiter
_LONE_CR = "\udc0d"  # no decoder gives this; the csv module would take CR for the end of a line

csv.field_size_limit(2**31 - 1)  # a C long, which has 32 bits on Windows


@dataclass(frozen=True)
class Dialect:
    """How a table is written down. None: to be found out, or not of this format.

    Attributes:
        format: one of `FORMATS`.
        encoding: a Python codec; of text formats.
        delimiter: one character; of CSV and TSV.
        quoting: a key of `QUOTING`; of CSV and TSV.
        header: line that names the columns (of XLSX, its row), or the first after it that is not
            blank; those above it are no records. 0: none does, and they are called "1", "2", …
        sheet: of XLSX.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: str | None = None
    header: int = 1
    sheet: str | None = None

    def fitting(self, format: str) -> "Dialect":
        """Return what of it is of use to a format, which may be read now."""
        return Dialect(format, **{name: getattr(self, name) for name in _USED[format]})


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
                raise _wrong(self.name, item.place.line, item.message)
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


def find_column(
    where: str,
    columns: Sequence[str],
    wanted: str | None,
    known: Sequence[str],
    flag: str | None = None,
    *,
    has_header: bool = False,
) -> str:
    """Return the column that `flag`, where there is one, named, or the only one that is `known`.

    Where `has_header`, it may also be that another line has the names, which the error says.

    Raises:
        UserError: DATA, there is no such column, or more than one is known.
    """
    if wanted is not None:
        if wanted in columns:
            return wanted
        expected = tr("a column called {names}", names=wanted)
    else:
        # "text#2" is the second column that the header calls text
        found = [name for name in columns if re.sub("#[0-9]+$", "", name.strip()).lower() in known]
        if len(found) == 1:
            return found[0]
        if found:
            expected = tr("only one of {names}", names=" | ".join(found))
        else:
            expected = tr("a column called {names}", names=" | ".join(known))
    hint = tr("; name yours with {flag}", flag=flag) if flag else ""
    if has_header:
        hint += tr(", or with --header the line that has the names")
    raise UserError(
        ExitCode.DATA,
        "{name}: expected {expected}, found the columns {columns}{hint}",
        name=where,
        expected=expected,
        columns=display(", ".join(columns), limit=500),
        hint=hint,
    )


def format_of(path: Path) -> str | None:
    """Return the format that the name of a file tells, or None."""
    suffix = path.suffix.lower().removeprefix(".")
    return {"ndjson": "jsonl"}.get(suffix, suffix if suffix in FORMATS else None)


@contextmanager
def open_table(path: Path | None, dialect: Dialect = Dialect()) -> Iterator[Table]:
    """Open a table for one pass; memory does not grow with the file, XLSX excepted.

    Args:
        path: the file, or None for standard input, which cannot be read twice: its format must be
            given, and its encoding is UTF-8 unless given.
        dialect: what is known of it.

    Raises:
        UserError: NO_INPUT, no such file; USAGE, its format is not known; DATA, the encoding or
            the delimiter is not, the file is empty or damaged, or its header is no record.
    """
    name = "-" if path is None else str(path)
    if path is not None:
        require_file(path)
    elif sys.stdin is None:
        raise UserError(ExitCode.NO_INPUT, "standard input is closed")
    format = dialect.format or (format_of(path) if path else None)
    if format is None:
        raise UserError(
            ExitCode.USAGE,
            "{name}: its name does not tell its format; {advice}",
            name=name,
            advice=_advice(path.suffix.lower() if path else ""),
        )
    if format in TEXT_FORMATS:
        encoding = dialect.encoding or (detect_encoding(path) if path else "utf-8")
        with path.open("rb") if path else open(sys.stdin.fileno(), "rb", closefd=False) as file:
            encoding = with_byte_order(file, encoding)
            by_name = dialect.format is None
            dialect = replace(dialect.fitting(format), encoding=encoding)
            yield _open_text(name, dialect, read_lines(file, encoding), by_name=by_name)
        return
    if path is None:
        raise UserError(
            ExitCode.USAGE,
            "{format} cannot be read from a pipe; save it to a file first",
            format=format,
        )
    from models.tables.sheets import open_parquet, open_xlsx

    yield open_parquet(path) if format == "parquet" else open_xlsx(path, dialect)


def _advice(suffix: str) -> str:
    """Return what to do with a file whose name tells none of `FORMATS`."""
    if suffix in (".gz", ".bz2", ".xz", ".zst", ".zip"):
        return tr("unpack it first")
    if suffix in (".xls", ".xlsb", ".xlsm", ".ods", ".et"):
        return tr("save it as XLSX first")
    if suffix == ".json":
        return tr(
            "with an object on each line it is JSONL: say --from jsonl; a list becomes that with "
            "jq -c '.[]'"
        )
    return tr("say --from {formats}", formats="|".join(FORMATS))


def _open_text(name: str, dialect: Dialect, lines: Iterator[Line], *, by_name: bool) -> Table:
    """Open a table of lines; `by_name`, its format is known by the name of the file alone."""
    lines = dropwhile(lambda line: line.number < dialect.header, lines)
    first = next(lines, None)
    if first is None:
        raise _empty(name, dialect.header)
    told = _EXCEL.fullmatch(first.content)
    if dialect.format == "csv" and dialect.header == 1 and told:
        dialect = replace(dialect, delimiter=dialect.delimiter or told[1], header=2)
        return _open_text(name, dialect, lines, by_name=by_name)
    lines = chain([first], lines)
    if dialect.format in ("csv", "tsv"):
        delimiter = dialect.delimiter or _delimiter(name, dialect, first.content)
        quoting = dialect.quoting or ("none" if dialect.format == "tsv" else "double")
        dialect = replace(dialect, delimiter=delimiter, quoting=quoting)
        columns, items = named(name, _csv_rows(lines, delimiter, quoting), header=dialect.header)
        if dialect.header and re.search("\r(?!\n)", " ".join(columns)):
            problem = tr("lines end at CR alone; make that LF or CRLF first")
            raise _wrong(name, first.number, problem)
        return Table(name, dialect, columns, items)
    if dialect.format == "txt":
        if by_name and "\t" in first.content:  # Excel calls a table with TABs "Unicode text"
            raise UserError(
                ExitCode.DATA,
                "{name}: expected a text on each line, found a TAB in the first; "
                "say --from tsv if it has columns, --from txt if not",
                name=name,
            )
        rows = (Row(_place([line]), _undecodable([line]) or [line.content]) for line in lines)
        return Table(name, dialect, ["text"], items_of(["text"], rows))
    before: list[Item] = []
    items = _json_items(lines)
    for item in islice(items, MOST_LINES):
        before.append(item)
        if isinstance(item, Record):
            return Table(name, dialect, list(item.fields), chain(before, items))
    for item in before:
        assert isinstance(item, Reject)  # noqa: S101 - for mypy
        raise _wrong(name, item.place.line, item.message)
    raise _empty(name)


def _delimiter(name: str, dialect: Dialect, header: str) -> str:
    """Return the one delimiter that stands in the header, outside of quotes; else the comma."""
    if dialect.format == "tsv":
        return "\t"
    unquoted = re.sub('"[^"]*"', "", header)
    found = [delimiter for delimiter in DELIMITERS if delimiter in unquoted]
    if len(found) > 1:
        raise UserError(
            ExitCode.DATA,
            "{name}: expected one delimiter in the first line, found {found}; "
            "name yours with --delimiter",
            name=name,
            found=" ".join("TAB" if mark == "\t" else mark for mark in found),
        )
    return found[0] if found else ","


def _wrong(name: str, line: int, problem: str) -> UserError:
    return UserError(
        ExitCode.DATA, "{name}, line {line}: {problem}", name=name, line=line, problem=problem
    )


def _empty(name: str, header: int = 1) -> UserError:
    if header > 1:
        return UserError(
            ExitCode.DATA,
            "{name} ends before line {line}, which was said to name the columns",
            name=name,
            line=header,
        )
    return UserError(ExitCode.DATA, "{name} is empty: expected records", name=name)


def _place(lines: Sequence[Line], number: int = 0) -> Place:
    raw = lines[0].raw if len(lines) == 1 else b"".join(line.raw for line in lines)
    return Place(number, lines[0].number, lines[-1].number, lines[0].start, raw)


def _undecodable(lines: Iterable[Line]) -> Problem | None:
    if all(line.valid for line in lines):
        return None
    return "undecodable", tr("these bytes are not of the encoding; name another with --encoding")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(tr("{name} is not JSON", name=name))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(tr("a key stands twice"))
    return found


_read_json = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant
).decode


def _json_items(lines: Iterable[Line]) -> Iterator[Item]:
    filled = (line for line in lines if line.content.strip())
    for number, line in enumerate(filled, start=1):
        place = _place([line], number)
        if problem := _undecodable([line]):
            yield Reject(place, *problem)
            continue
        try:
            fields = _read_json(line.content)
        except (ValueError, ArithmeticError, RecursionError) as error:
            reason = tr("expected a JSON object: {reason}", reason=error)
            yield Reject(place, "not_json", reason)
            continue
        if isinstance(fields, dict):
            yield Record(place, fields, line.content)
        else:
            content = display(line.content, limit=80)
            found = tr("expected a JSON object, found {found}", found=content)
            yield Reject(place, "not_an_object", found)


class _UnterminatedError(Exception):
    """A quote is open for too many lines."""


def _csv_rows(lines: Iterator[Line], delimiter: str, quoting: str) -> Iterator[Row]:
    """Split lines into rows of values.

    A row that breaks the rules of quoting costs the line that it begins on; reading goes on with
    the next, so that a quote which nobody closed swallows nothing.
    """
    again: deque[Line] = deque()
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        while line := again.popleft() if again else next(lines, None):
            taken.append(line)
            if len(taken) > MOST_LINES:
                raise _UnterminatedError
            end = line.text[len(line.content) :]
            yield line.content.replace("\r", _LONE_CR) + end if "\r" in line.content else line.text

    while True:
        reader = csv.reader(feed(), delimiter=delimiter, strict=True, **QUOTING[quoting])
        try:
            for row in reader:
                if any("\r" in line.content for line in taken):
                    row = [cell.replace(_LONE_CR, "\r") for cell in row]
                blank = len(row) <= 1 and not taken[0].content.strip(" ")
                yield Row(_place(taken), _undecodable(taken) or row or [""], blank)
                taken.clear()
            return
        except (csv.Error, _UnterminatedError) as error:
            problem = _misquoted(error, taken[-1].content if quoting == "backslash" else "")
            again.extendleft(reversed(taken[1:]))
            del taken[1:]
            yield Row(_place(taken), _undecodable(taken) or problem)
            taken.clear()


def _misquoted(error: Exception, last: str) -> Problem:
    """Say what is wrong with the quotes of a row; of `last`, its last line, backslashes count."""
    if isinstance(error, csv.Error) and "expected after" in str(error):
        message = tr("the quotes are not as in CSV: something follows a closing quote")
        return "bad_quote", message
    if isinstance(error, csv.Error) and "unexpected end" not in str(error):
        return "bad_quote", tr("the quotes are not as in CSV: {reason}", reason=error)
    backslashes = len(last) - len(last.rstrip("\\"))
    if isinstance(error, csv.Error) and backslashes % 2:
        return "bad_quote", tr("the file ends in a backslash, with nothing behind it")
    return "unterminated_quote", tr("a quote that opens here is never closed")


def named(name: str, rows: Iterator[Row], *, header: int) -> tuple[list[str], Iterator[Item]]:
    """Name the values of each row by the first one, or by their position where `header` is 0.

    Raises:
        UserError: DATA, there is no row, or the first one is none.
    """
    first = next((row for row in rows if not row.blank), None)
    if first is None:
        raise _empty(name, header)
    if isinstance(first.values, tuple):
        raise _wrong(name, first.place.line, first.values[1])
    if not header:
        columns = [str(number) for number in range(1, len(first.values) + 1)]
        return columns, items_of(columns, chain([first], rows))
    columns = unique(str(plain(value)) for value in first.values)
    return columns, items_of(columns, rows)


def unique(names: Iterable[str]) -> list[str]:
    """Call the second column of a name "name#2", so that no value is lost to the other."""
    found: dict[str, None] = {}
    last: dict[str, int] = {}  # number of each name; those below it are taken
    for name in names:
        called, count = name, last.get(name, 1)
        while called in found:
            count += 1
            called = f"{name}#{count}"
        found[called] = None
        last[name] = count
    return list(found)


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
