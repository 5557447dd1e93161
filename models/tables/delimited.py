"""Reads CSV, TSV and plain lines of text."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, dropwhile, islice

from models.console import data_error, tr
from models.tables.dialect import QUOTING, Dialect
from models.tables.encoding import Line, place_of, undecodable
from models.tables.records import ParsedRow, Problem, Table, empty, items_of, named, wrong
from models.tables.source import InputFile

DELIMITERS = (",", ";", "\t", "|")

MOST_LINES = 1000
"""Physical lines of one quoted record. A quote that is open for longer was never closed."""

# A first line that tells Excel the delimiter; some programs pad it to the width of the table.
_EXCEL = re.compile('"?sep=([,;\t|])"?[,;\t|]*', re.IGNORECASE)
_EXCEL_ENCODINGS = ("utf-8-sig", "utf-16", "gb")  # with a mark, or as Windows has it in China
_OPEN = re.compile(r'(?:^|[,;\t|])"(?:[^"]|"")*$')  # a cell that goes on in the next line
_LONE_CR = "\udc0d"  # no decoder gives this; the csv module would take CR for the end of a line

csv.field_size_limit(2**31 - 1)  # a C long, which has 32 bits on Windows


def open_delimited(file: InputFile, dialect: Dialect, lines: Iterator[Line]) -> Table:
    """Open a table of CSV or TSV.

    Raises:
        UserError: DATA, it is empty, its delimiter is not known, or its header cannot be read.
    """
    from_excel = str(dialect.encoding).lower().startswith(_EXCEL_ENCODINGS)
    beginning = list(islice(lines, 1))
    if any(_EXCEL.fullmatch(line.content) for line in beginning):
        from_excel = True
    lines = chain(beginning, lines)
    lines = dropwhile(lambda line: line.number < dialect.header, lines)
    first = next(lines, None)
    if first is None:
        raise empty(file, dialect.header)
    is_csv = dialect.format == "csv"
    told = _EXCEL.fullmatch(first.content)
    if told and is_csv and dialect.header == 1:
        dialect = replace(dialect, delimiter=dialect.delimiter or told[1], header=2)
        return replace(open_delimited(file, dialect, lines), from_excel=True)
    quoting = dialect.quoting or ("double" if is_csv else "none")
    delimiter = dialect.delimiter or "\t"
    lines = chain([first], lines)
    if is_csv and dialect.delimiter is None:
        header, lines = _header_of(lines, quoting)
        delimiter = _delimiter(file, header)
    dialect = replace(dialect, delimiter=delimiter, quoting=quoting)
    rows = _rows(lines, delimiter, quoting)
    columns, items = named(file, rows, dialect.header)
    if dialect.header and re.search("\r(?!\n)", " ".join(columns)):
        problem = tr(
            "some lines end at CR alone, others do not; open the file in Excel or WPS, and save it "
            "anew as CSV"
        )
        raise wrong(file, first.number, problem)
    return Table(file, dialect, columns, items, from_excel=from_excel)


def open_txt(file: InputFile, dialect: Dialect, lines: Iterator[Line]) -> Table:
    """Open a file with a text on each line."""
    rows = (_row([line], [line.content]) for line in lines)
    return Table(file, dialect, ["text"], items_of(["text"], rows))


def _header_of(lines: Iterator[Line], quoting: str) -> tuple[str, Iterator[Line]]:
    """Return the first line, with those that a name in quotes goes on in; and all lines."""
    taken = list(islice(lines, 1))
    is_open = quoting == "double" and _OPEN.search(taken[0].content) is not None
    for line in islice(lines, MOST_LINES if is_open else 0):
        taken.append(line)
        if line.content.count('"') % 2:
            is_open = False
            break
    whole = taken[:1] if is_open else taken
    return "\n".join(line.content for line in whole), chain(taken, lines)


def _delimiter(file: InputFile, header: str) -> str:
    """Return the one delimiter that stands in the header, outside of quotes; else the comma."""
    unquoted = re.sub('"[^"]*"', "", header)
    found = [delimiter for delimiter in DELIMITERS if delimiter in unquoted]
    if len(found) > 1:
        raise data_error(
            "{name}: expected one delimiter in the first line, found {found}; "
            "name yours with --delimiter",
            name=file,
            found=" ".join(found).replace("\t", "TAB"),
        )
    return found[0] if found else ","


class _UnterminatedError(Exception):
    """A quote is open for too many lines."""


def _rows(lines: Iterator[Line], delimiter: str, quoting: str) -> Iterator[ParsedRow]:
    """Split lines into rows of values.

    A row that breaks the rules of quoting costs the line that it begins on; reading goes on with
    the next, so that a quote which nobody closed swallows nothing.
    """
    taken: list[Line] = []  # lines of the row that is being read
    again: deque[Line] = deque()  # lines after one that was rejected

    def feed() -> Iterator[str]:
        while line := again.popleft() if again else next(lines, None):
            taken.append(line)
            if len(taken) > MOST_LINES:
                raise _UnterminatedError
            content, text = line.content, line.text
            if "\r" in content:
                text = content.replace("\r", _LONE_CR) + text[len(content) :]
            yield text

    while True:
        try:
            reader = csv.reader(feed(), delimiter=delimiter, strict=True, **QUOTING[quoting])
            for values in reader:
                yield _row(taken, values)
                taken.clear()
            return
        except (csv.Error, _UnterminatedError) as error:
            last = taken[-1].content if quoting == "backslash" else ""
            first, *others = taken
            problem = undecodable([first]) or _misquoted(error, last)
            yield ParsedRow(place_of([first]), problem)
            again.extendleft(reversed(others))
            taken.clear()


def _row(lines: Sequence[Line], values: list[str]) -> ParsedRow:
    if any("\r" in line.content for line in lines):
        values = [value.replace(_LONE_CR, "\r") for value in values]
    blank = len(values) <= 1 and not lines[0].content.strip(" ")
    content = undecodable(lines) or values or [""]
    return ParsedRow(place_of(lines), content, blank)


def _misquoted(error: Exception, last: str) -> Problem:
    """Return what is wrong with the quotes of a row; backslashes count in `last`, its last line."""
    backslashes = len(last) - len(last.rstrip("\\"))
    is_csv = isinstance(error, csv.Error)
    if "expected after" in str(error):
        message = tr(
            "the quotes are not as in CSV: something follows a closing quote; where a backslash "
            "stands before quotes in a text, say --quoting backslash"
        )
    elif is_csv and "unexpected end" not in str(error):
        message = tr("this is no line of CSV")
    elif is_csv and backslashes % 2:
        message = tr("the file ends in a backslash, with nothing behind it")
    else:
        return "unterminated_quote", tr("a quote that opens here is never closed")
    return "bad_quote", message
