"""Tells what a file is where its name says another format."""

import json
import re
from typing import NoReturn

from models.console import data_error, tr
from models.tables.columns import TEXT_COLUMNS
from models.tables.dialect import WORKBOOKS
from models.tables.packers import GZIP, PACKERS, misnamed, packed_with
from models.tables.source import InputFile

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""Begins a "compound file": XLS, or a workbook with a password."""

_ZIP = b"PK\x03\x04"
_HEAD = 1024  # bytes


def is_workbook(file: InputFile) -> bool:
    """Return whether a file begins as workbooks do, and is no ZIP of other tables."""
    head = bytes(file.peek(_HEAD))
    if not head.startswith(_ZIP) or not file.seekable():
        return head.startswith((_ZIP, OLE))
    from models.tables.packed import tables_in, zipped_format

    found = zipped_format(file)
    is_one = found in WORKBOOKS or (found is None and not tables_in(file))
    file.seek(0)
    return is_one


def check_text(file: InputFile, format: str) -> None:
    """Raise UserError DATA where a file that should be of text is of another kind for sure."""
    head = bytes(file.peek(_HEAD))
    of_no_text = (GZIP, b"PAR1", b"%PDF", _ZIP, OLE, *PACKERS)
    if head.startswith(of_no_text) or (format in ("csv", "tsv") and _is_markup(head)):
        refuse(file, format)


def refuse(file: InputFile, format: str) -> NoReturn:
    """Say what a file is that is called by the name of another format."""
    head = bytes(file.peek(_HEAD))
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n"):
        raise data_error("{name} is empty: expected records", name=file)
    raise misnamed(file, format, _described(file, head))


def _is_markup(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<table", b"<meta", b"<?xml"))


def _described(file: InputFile, head: bytes) -> str:
    """Return what a file is that begins like this."""
    if packed := packed_with(head):
        return packed
    if head.startswith(GZIP):
        return tr("packed with gzip; add .gz to its name")
    if head.startswith(_ZIP) and not is_workbook(file):
        from models.tables.packed import zipped_format

        if zipped_format(file):
            return tr("a document; copy its table into Excel or WPS, and save it as XLSX")
        return tr("packed with ZIP; add .zip to its name, or unpack it")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return tr("a web page (HTML) or XML; open it in Excel or WPS, and save it as XLSX")
    if head.startswith(b"PAR1"):
        return tr("Parquet; say --from parquet")
    if head.startswith((_ZIP, OLE)):
        return tr("a workbook; say --from xlsx")
    if head.startswith(b"%PDF"):
        return tr("a PDF; copy its table into Excel or WPS, and save it as XLSX")
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return tr("damaged, or of another program; open it there, and save it as XLSX")
    return tr("a text file; say --from csv if it has columns")


def check_first_line(file: InputFile, format: str, line: str) -> None:
    """Raise UserError DATA where a file called CSV or TXT begins as JSON, or a TXT as a table.

    Args:
        file: the file.
        format: what its name says.
        line: its first line.
    """
    if _is_object(line):
        raise data_error(
            "{name}: its first line is JSON; say --from jsonl, or --from {format} to have it read "
            "as it is named",
            name=file,
            format=format,
        )
    if format == "txt" and "\t" in line:  # Excel calls a table with TABs "Unicode text"
        raise data_error(
            "{name}: expected a text on each line, found a TAB in the first; "
            "say --from tsv if it has columns, --from txt if not",
            name=file,
        )
    names = [name.strip(' "').lower() for name in re.split("[,;|]", line)]
    if format == "txt" and len(names) > 1 and not {*TEXT_COLUMNS}.isdisjoint(names):
        raise data_error(
            "{name}: expected a text on each line, found names of columns in the first; "
            "say --from csv if it has columns, --from txt if not",
            name=file,
        )


def _is_object(line: str) -> bool:
    """Return whether a line is an object, or begins a list of them."""
    start = line.strip().removeprefix("[").lstrip()
    if not start.startswith("{"):
        return False
    try:
        json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return False
    return True
