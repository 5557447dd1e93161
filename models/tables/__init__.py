"""Reads tables of texts, record by record: what training learns from and what gets classified.

CSV is read as RFC 4180 has it, quotes and all. TSV has no quoting, as its registration (IANA
text/tab-separated-values) says: a quote is text. JSONL holds one object a line, TXT one text a
line. What breaks the rules of its format is handed out in its place as a `Reject`: no record is
ever skipped, padded or joined to the next.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from models.console.command import ExitCode, UserError, require_file
from models.console.i18n import tr
from models.tables.columns import LABEL_COLUMNS, TEXT_COLUMNS, find_column
from models.tables.delimited import open_delimited, open_txt
from models.tables.dialect import (
    FORMATS,
    OUTPUT_FORMATS,
    QUOTING,
    TEXT_FORMATS,
    Dialect,
    format_of,
)
from models.tables.encoding import Line, detect_encoding, read_lines, with_byte_order
from models.tables.jsonl import open_jsonl
from models.tables.records import Item, Place, Record, Reject, Table, plain

__all__ = [
    "FORMATS",
    "LABEL_COLUMNS",
    "OUTPUT_FORMATS",
    "QUOTING",
    "TEXT_COLUMNS",
    "TEXT_FORMATS",
    "Dialect",
    "Item",
    "Place",
    "Record",
    "Reject",
    "Table",
    "find_column",
    "format_of",
    "open_table",
    "plain",
]


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
    if format == "parquet":
        from models.tables.parquet import open_parquet

        yield open_parquet(path)
    else:
        from models.tables.excel import open_xlsx

        yield open_xlsx(path, dialect)


def _open_text(name: str, dialect: Dialect, lines: Iterator[Line], *, by_name: bool) -> Table:
    """Open a table of lines; `by_name`, its format is known by the name of the file alone."""
    if dialect.format == "jsonl":
        return open_jsonl(name, dialect, lines)
    if dialect.format == "txt":
        return open_txt(name, dialect, lines, by_name=by_name)
    return open_delimited(name, dialect, lines)


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
