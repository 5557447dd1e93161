"""Writes classified records: every input column as it was, then the columns of the answer."""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from models.command import ExitCode, UserError
from models.i18n import tr
from models.tables import Record, Table

OUTPUT_FORMATS = ("csv", "tsv", "jsonl")

Answer = Mapping[str, str | int | float | None]
"""The columns of an answer; None where a record has no answer."""

Write = Callable[[Record, Answer], None]


@contextmanager
def atomic_output(path: Path | None, *, force: bool, source: Path | None) -> Iterator[IO[str]]:
    """Open a file that appears whole, under its name, when the body succeeds; else not at all.

    Args:
        path: of the output, or None for standard output, which nothing can take back.
        force: replace an existing file.
        source: the input, which is never replaced.

    Raises:
        UserError: CANNOT_CREATE, the output exists, is the input, or its folder refuses it.
    """
    if path is None:
        sys.stdout.flush()
        with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as file:
            yield file
        return
    if path.exists():
        if source is not None and path.samefile(source):
            raise UserError(
                ExitCode.CANNOT_CREATE, tr("{path} is the input; name another output", path=path)
            )
        if not force:
            raise UserError(
                ExitCode.CANNOT_CREATE,
                tr("{path} exists; name another --output, or --force to replace it", path=path),
            )
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UserError(
            ExitCode.CANNOT_CREATE,
            tr("{path} cannot be created: {reason}", path=path, reason=error.strerror),
        ) from error
    draft = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o666 & ~_umask())  # mkstemp lets nobody else read
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def open_writer(file: IO[str], output_format: str, table: Table, added: Sequence[str]) -> Write:
    """Write the header, where the format has one, and return what writes a record.

    Args:
        file: to write to.
        output_format: one of `OUTPUT_FORMATS`.
        table: where the records come from.
        added: the columns of the answers.

    Raises:
        UserError: USAGE, a JSONL table, whose records need not have the same keys, cannot become
            CSV or TSV.
    """
    if table.format == "jsonl" and output_format != "jsonl":
        raise UserError(
            ExitCode.USAGE,
            tr("{name} is JSONL, which can only be written as JSONL", name=table.name),
        )
    if output_format == "jsonl":
        return _jsonl_writer(file, table)
    columns = [*table.columns, *added]
    if output_format == "tsv":
        return _tsv_writer(file, table, columns)
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(columns)
    return lambda record, answer: rows.writerow([*record.fields.values(), *answer.values()])


def _tsv_writer(file: IO[str], table: Table, columns: Sequence[str]) -> Write:
    def write_line(line: int, values: Sequence[object]) -> None:
        cells = ["" if value is None else str(value) for value in values]
        for cell in cells:
            if "\t" in cell or "\n" in cell or "\r" in cell:
                raise UserError(
                    ExitCode.DATA,
                    tr(
                        "{name}, line {line}: TSV cannot hold a tab or a line break in a value; "
                        "write CSV or JSONL",
                        name=table.name,
                        line=line,
                    ),
                )
        file.write("\t".join(cells) + "\n")

    write_line(1, columns)
    return lambda record, answer: write_line(
        record.line, [*record.fields.values(), *answer.values()]
    )


def _jsonl_writer(file: IO[str], table: Table) -> Write:
    def write(record: Record, answer: Answer) -> None:
        added = json.dumps(answer, ensure_ascii=False)
        if table.format == "jsonl":
            # The record's own text is kept, so that no number is rounded and no key reordered;
            # it is an object that is not empty, for the text stands in it.
            line = record.source.rstrip()[:-1] + ", " + added[1:]
        else:
            line = json.dumps({**record.fields, **answer}, ensure_ascii=False)
        file.write(line + "\n")

    return write
