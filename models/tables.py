"""Reads tables of texts, record by record: what training learns from and what gets classified.

CSV is read as RFC 4180 has it, quotes and all. TSV has no quoting, as its registration (IANA
text/tab-separated-values) says: a quote is text. JSONL holds one object a line, TXT one text a
line. Lines end at LF or CRLF. A file that breaks its own rules is an error that names the line:
no record is ever skipped, padded or joined to the next.
"""

import codecs
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, NoReturn

from models.command import ExitCode, UserError, require_file
from models.display import display
from models.i18n import tr

FORMATS = ("csv", "tsv", "jsonl", "txt")

TEXT_COLUMNS = (
    *("text", "text_a", "review", "reviews", "comment", "comments", "content", "sentence"),
    *("文本", "评论", "评价", "内容", "句子"),
)
LABEL_COLUMNS = ("label", "labels", "class", "sentiment", "标签", "类别")

_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_BLOCK = 1 << 20  # bytes

csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True)
class Record:
    """One record of a table.

    Attributes:
        number: counted from 1, the header not being one.
        line: of the file, counted from 1, on which the record begins.
        fields: column → value. A value of a CSV, TSV or TXT file is always a string.
        source: the line itself, for a record of a JSONL file; else "".
    """

    number: int
    line: int
    fields: Mapping[str, object]
    source: str = ""


@dataclass(frozen=True)
class Table:
    """An opened table: read its records once.

    Attributes:
        name: of the file, for messages.
        format: one of `FORMATS`.
        encoding: a Python codec.
        columns: in order; those of the first record where the format is JSONL.
        records: an iterator. Raises UserError DATA at a record that breaks the rules.
    """

    name: str
    format: str
    encoding: str
    columns: Sequence[str]
    records: Iterator[Record]


def find_column(
    where: str, columns: Sequence[str], wanted: str | None, known: Sequence[str], flag: str
) -> str:
    """Return the column that `flag` named, or the only one whose name is `known`.

    Raises:
        UserError: DATA, there is no such column, or more than one is known.
    """
    if wanted is not None:
        if wanted in columns:
            return wanted
        expected = tr("a column {column}", column=wanted)
    else:
        found = [name for name in columns if name.strip().lower() in known]
        if len(found) == 1:
            return found[0]
        expected = tr("exactly one column called {names}", names=" | ".join(known))
    raise UserError(
        ExitCode.DATA,
        tr(
            "{name}: expected {expected}, found the columns {columns}; name yours with {flag}",
            name=where,
            expected=expected,
            columns=", ".join(columns),
            flag=flag,
        ),
    )


def format_of(path: Path) -> str | None:
    """Return the format that the name of a file tells, or None."""
    suffix = path.suffix.lower().removeprefix(".")
    return {"ndjson": "jsonl"}.get(suffix, suffix if suffix in FORMATS else None)


def detect_encoding(path: Path) -> str:
    """Return the encoding of a file: by its byte order mark, else UTF-8, else GB18030.

    The whole file is decoded, strictly: what this returns will not fail later. No statistics.

    Raises:
        UserError: DATA, it is none of them.
    """
    with path.open("rb") as file:
        start = file.read(3)
    for bom, encoding in _BOMS.items():
        if start.startswith(bom):
            return encoding
    failures = []
    for encoding in ("utf-8", "gb18030"):
        offset = _first_undecodable(path, encoding)
        if offset is None:
            return encoding
        failures.append(tr("{encoding} fails at byte {offset}", encoding=encoding, offset=offset))
    raise UserError(
        ExitCode.DATA,
        tr(
            "{path}: expected UTF-8, GB18030 or a byte order mark; {failures}. "
            "Name the encoding with --encoding",
            path=path,
            failures=", ".join(failures),
        ),
    )


def _is_text_encoding(name: str) -> bool:
    try:
        "".encode(name)
    except LookupError:
        return False
    return True


def _first_undecodable(path: Path, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    done = 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return done - pending + error.start
            if not block:
                return None
            done += len(block)


@contextmanager
def open_table(
    path: Path | None,
    *,
    format: str | None = None,
    encoding: str | None = None,
) -> Iterator[Table]:
    """Open a table for one pass; memory does not grow with the file.

    Args:
        path: the file, or None for standard input, which cannot be read twice: its format must be
            given, and its encoding is UTF-8 unless given.
        format: one of `FORMATS`; None takes it from the name.
        encoding: a Python codec; None finds it out.

    Raises:
        UserError: NO_INPUT, no such file; USAGE, its format is not known; DATA, the encoding is
            not, the file is empty, or its header has a column twice.
    """
    name = "-" if path is None else str(path)
    if path is not None:
        require_file(path)
    format = format or (format_of(path) if path else None)
    if format is None:
        raise UserError(
            ExitCode.USAGE,
            tr(
                "{name}: its name does not tell its format; say --from {formats}",
                name=name,
                formats="|".join(FORMATS),
            ),
        )
    if encoding is None:
        encoding = detect_encoding(path) if path else "utf-8-sig"
    elif not _is_text_encoding(encoding):
        raise UserError(
            ExitCode.USAGE,
            tr("--encoding {encoding} is none that Python knows", encoding=encoding),
        )
    # newline="\n": a lone CR, U+0085 or U+2028 is text, not the end of a line
    with (
        path.open(encoding=encoding, newline="\n")
        if path
        else open(sys.stdin.fileno(), encoding=encoding, newline="\n", closefd=False)
    ) as file:
        columns, records = _READERS[format](name, _decoded(name, encoding, file))
        if not columns:
            raise UserError(ExitCode.DATA, tr("{name} is empty: expected records", name=name))
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise UserError(
                ExitCode.DATA,
                tr(
                    "{name}: the header has a column twice: {columns}",
                    name=name,
                    columns=", ".join(twice),
                ),
            )
        yield Table(name, format, encoding, columns, records)


def _decoded(name: str, encoding: str, file: IO[str]) -> Iterator[str]:
    """Hand out the lines, and turn what the decoder raises into an error for people."""
    try:
        yield from file
    except UnicodeError as error:
        raise UserError(
            ExitCode.DATA,
            tr(
                "{name} is not {encoding}: {reason}. Name its encoding with --encoding",
                name=name,
                encoding=encoding,
                reason=error,
            ),
        ) from error


def _wrong(name: str, line: int, problem: str) -> NoReturn:
    raise UserError(
        ExitCode.DATA, tr("{name}, line {line}: {problem}", name=name, line=line, problem=problem)
    )


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix("\n").removesuffix("\r")


# A reader takes the lines of a file and returns its columns (none where it is empty) and records.
_Read = tuple[list[str], Iterator[Record]]


def _read_txt(_name: str, lines: Iterator[str]) -> _Read:
    records = (Record(number, number, {"text": line}) for number, line in _numbered(lines))
    return _peek(records)


def _read_jsonl(name: str, lines: Iterator[str]) -> _Read:
    return _peek(_json_records(name, lines))


def _read_tsv(name: str, lines: Iterator[str]) -> _Read:
    return _headed(name, ((number, line.split("\t")) for number, line in _numbered(lines)))


def _read_csv(name: str, lines: Iterator[str]) -> _Read:
    return _headed(name, _csv_rows(name, lines))


_READERS = {"csv": _read_csv, "tsv": _read_tsv, "jsonl": _read_jsonl, "txt": _read_txt}


def _peek(records: Iterator[Record]) -> _Read:
    """Take the columns from the first record."""
    first = next(records, None)
    if first is None:
        return [], records
    return list(first.fields), chain([first], records)


def _json_records(name: str, lines: Iterator[str]) -> Iterator[Record]:
    number = 0
    for line_number, line in _numbered(lines):
        if not line.strip():
            continue
        number += 1
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            _wrong(name, line_number, tr("expected a JSON object: {reason}", reason=error))
        if not isinstance(fields, dict):
            found = display(line, limit=80)
            _wrong(name, line_number, tr("expected a JSON object, found {found}", found=found))
        yield Record(number, line_number, fields, line)


def _csv_rows(name: str, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _wrong(name, line, tr("the record that begins here is not CSV: {reason}", reason=error))
        yield line, row


def _headed(name: str, rows: Iterator[tuple[int, list[str]]]) -> _Read:
    """Name the values of each row after the first one."""
    _, header = next(rows, (1, []))
    return header, _named(name, header, rows)


def _named(name: str, header: list[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[Record]:
    number = 0
    for line, row in rows:
        if row in ([], [""]) and len(header) > 1:
            continue  # a blank line holds no record
        if len(row) != len(header):
            problem = tr(
                "expected {expected} fields as in the header, found {found}",
                expected=len(header),
                found=len(row),
            )
            _wrong(name, line, problem)
        number += 1
        yield Record(number, line, dict(zip(header, row, strict=True)))
