"""Reads tables of texts, record by record: what training learns from and what gets classified.

CSV is read as RFC 4180 has it, quotes and all. TSV has no quoting, as its registration (IANA
text/tab-separated-values) says: a quote is text. JSONL holds one object a line, TXT one text a
line. What breaks the rules of its format is handed out in its place as a `Reject`: no record is
ever skipped, padded or joined to the next.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from models.console import tr, usage_error
from models.tables.columns import LABEL_COLUMNS, TEXT_COLUMNS, Columns, find_column
from models.tables.delimited import open_delimited, open_txt
from models.tables.dialect import (
    FORMATS,
    OUTPUT_FORMATS,
    QUOTING,
    TEXT_FORMATS,
    WORKBOOKS,
    Dialect,
)
from models.tables.encoding import encoding_of, read_lines
from models.tables.jsonl import open_jsonl
from models.tables.mistaken import check_first_line, check_text, is_workbook
from models.tables.names import (
    bare_name,
    format_of,
    output_format,
    output_format_of,
    output_suffix,
)
from models.tables.records import (
    Item,
    Place,
    Record,
    Reject,
    Table,
    empty,
    is_text_with_commas,
)
from models.tables.source import InputFile, Source, StandardInput, require_source
from models.tables.values import CellError, plain, shown

__all__ = [
    "FORMATS",
    "LABEL_COLUMNS",
    "OUTPUT_FORMATS",
    "QUOTING",
    "TEXT_COLUMNS",
    "TEXT_FORMATS",
    "WORKBOOKS",
    "CellError",
    "Columns",
    "Dialect",
    "Item",
    "Place",
    "Record",
    "Reject",
    "Source",
    "StandardInput",
    "Table",
    "bare_name",
    "find_column",
    "format_of",
    "is_text_with_commas",
    "open_table",
    "output_format",
    "output_format_of",
    "output_suffix",
    "plain",
    "shown",
]


@contextmanager
def open_table(source: Source, dialect: Dialect = Dialect()) -> Iterator[Table]:
    """Open a table for one pass; memory does not grow with the file, XLSX excepted.

    Args:
        source: path of the file, or standard input: its format must be given, and its encoding is
            UTF-8 unless given.
        dialect: what is known of how it is written down.

    Raises:
        UserError: NO_INPUT, no such file; USAGE, its format is not known; DATA, the encoding or
            the delimiter is not, the file is empty or damaged, or its header is no record.

    Example:
        >>> path = Path("examples/reviews.csv")
        >>> with open_table(path) as table:
        ...     column = find_column(table.to_search(), None, TEXT_COLUMNS)
        ...     texts = [record.text(column) for record in table.records]
    """
    require_source(source)
    path = Path(str(source))
    format = dialect.format or format_of(path)
    if format is None and path.suffix.lower() == ".zip":
        InputFile(path).close()  # says what is wrong with it
    if format is None:
        raise usage_error(
            "{name}: its name does not tell its format; {advice}",
            name=source,
            advice=tr("say --from {formats}", formats="|".join(FORMATS)),
        )
    if format not in TEXT_FORMATS and isinstance(source, StandardInput):
        raise usage_error(
            "{format} cannot be read from a pipe; save it to a file first",
            format=format,
        )
    by_name = dialect.format is None
    said = (dialect.format, dialect.delimiter, dialect.quoting, dialect.header, dialect.sheet)
    untold = said == (None, None, None, 1, None)
    with InputFile(source) as file:
        if by_name and format in TEXT_FORMATS and is_workbook(file):
            format = "xlsx"
        dialect = dialect.fitting(format)
        if format == "parquet":
            from models.tables.parquet import open_parquet

            yield open_parquet(file).with_head()
        elif format in WORKBOOKS:
            from models.tables.excel import open_workbook

            yield open_workbook(file, dialect).with_head()
        else:
            yield _open_text(file, dialect, untold=untold).with_head()


def _open_text(file: InputFile, dialect: Dialect, *, untold: bool) -> Table:
    """Open a table of lines; `untold` says whether its format is known by its name alone."""
    format = str(dialect.format)
    check_text(file, format)
    usual = "utf-8" if isinstance(file.source, StandardInput) else None
    encoding = encoding_of(file, dialect.encoding or usual)
    dialect = replace(dialect, encoding=encoding)
    lines = read_lines(file, encoding)
    if format == "jsonl":
        return open_jsonl(file, dialect, lines)
    first = next(lines, None)
    if first is None:
        raise empty(file, dialect.header)
    if untold:
        check_first_line(file, format, first.content)
    lines = chain([first], lines)
    return (open_txt if format == "txt" else open_delimited)(file, dialect, lines)
