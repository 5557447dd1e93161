"""Reads CSV, TSV and plain lines of text."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, dropwhile

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables.dialect import QUOTING, Dialect
from models.tables.encoding import Line, place_of, undecodable
from models.tables.records import Problem, Row, Table, empty, items_of, named, wrong

DELIMITERS = (",", ";", "\t", "|")

MOST_LINES = 1000
"""Physical lines of one quoted record. A quote that is open for longer was never closed."""

_EXCEL = re.compile('"?sep=([,;\t|])"?')  # a first line that tells Excel the delimiter
_LONE_CR = "\udc0d"  # no decoder gives this; the csv module would take CR for the end of a line

csv.field_size_limit(2**31 - 1)  # a C long, which has 32 bits on Windows


def open_delimited(name: str, dialect: Dialect, lines: Iterator[Line]) -> Table:
    """Open a table of CSV or TSV.

    Raises:
        UserError: DATA, it is empty, its delimiter is not known, or its header is no record.
    """
    lines = dropwhile(lambda line: line.number < dialect.header, lines)
    first = next(lines, None)
    if first is None:
        raise empty(name, dialect.header)
    told = _EXCEL.fullmatch(first.content)
    if dialect.format == "csv" and dialect.header == 1 and told:
        dialect = replace(dialect, delimiter=dialect.delimiter or told[1], header=2)
        return open_delimited(name, dialect, lines)
    delimiter = dialect.delimiter or _delimiter(name, dialect, first.content)
    quoting = dialect.quoting or ("none" if dialect.format == "tsv" else "double")
    dialect = replace(dialect, delimiter=delimiter, quoting=quoting)
    rows = _csv_rows(chain([first], lines), delimiter, quoting)
    columns, items = named(name, rows, header=dialect.header)
    if dialect.header and re.search("\r(?!\n)", " ".join(columns)):
        problem = tr("lines end at CR alone; make that LF or CRLF first")
        raise wrong(name, first.number, problem)
    return Table(name, dialect, columns, items)


def open_txt(name: str, dialect: Dialect, lines: Iterator[Line], *, by_name: bool) -> Table:
    """Open a file with a text on each line; `by_name`, only its name says that it is one.

    Raises:
        UserError: DATA, it is empty, or looks like a table.
    """
    first = next(lines, None)
    if first is None:
        raise empty(name)
    if by_name and "\t" in first.content:  # Excel calls a table with TABs "Unicode text"
        raise UserError(
            ExitCode.DATA,
            "{name}: expected a text on each line, found a TAB in the first; "
            "say --from tsv if it has columns, --from txt if not",
            name=name,
        )
    lines = chain([first], lines)
    rows = (Row(place_of([line]), undecodable([line]) or [line.content]) for line in lines)
    return Table(name, dialect, ["text"], items_of(["text"], rows))


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
                yield Row(place_of(taken), undecodable(taken) or row or [""], blank)
                taken.clear()
            return
        except (csv.Error, _UnterminatedError) as error:
            problem = _misquoted(error, taken[-1].content if quoting == "backslash" else "")
            again.extendleft(reversed(taken[1:]))
            del taken[1:]
            yield Row(place_of(taken), undecodable(taken) or problem)
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
