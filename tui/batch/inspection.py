"""What a file run is asked to do, and what its input turns out to be."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables import (
    OUTPUT_FORMATS,
    TEXT_COLUMNS,
    Dialect,
    Record,
    Reject,
    Table,
    find_column,
    format_of,
    open_table,
    plain,
)
from tui.batch.summary import REJECTS_SHOWN

XLSX_ROWS = 1_048_576
"""Limit of a sheet, by Microsoft's "Excel specifications and limits"."""

PREVIEW = 10
"""Records that `inspect` hands out, and that a report of the answers shows."""


@dataclass(frozen=True)
class Settings:
    """What a file run is asked to do, as `sentiment-tui classify --help` explains its options.

    Attributes:
        source: the input file, or None for standard input.
        output: the output file, or None for standard output.
        dialect: what is known of the input; the rest is found out.
        output_format: one of `OUTPUT_FORMATS`; None takes it from the output's name, or else from
            the input.
        text_column: None takes the one with a name that is known, or the only one of a table
            without a header.
        select: input columns to keep, in this order; all of them where it is empty.
        windows: read texts longer than the model's max length whole; else only their beginning.
    """

    source: Path | None
    output: Path | None = None
    dialect: Dialect = field(default_factory=Dialect)
    output_format: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    select: tuple[str, ...] = ()
    prefix: str = ""
    probabilities: bool = False
    windows: bool = False
    excel: bool = False
    force: bool = False

    def added(self, labels: Sequence[str]) -> list[str]:
        """Return the columns of the answer."""
        names = ["predicted_label", "predicted_id", "confidence", "status"]
        names += [f"probability_{label}" for label in labels] if self.probabilities else []
        return [self.prefix + name for name in names]


@dataclass(frozen=True)
class Found:
    """What was found out about an input.

    To have it read otherwise, `inspect` again with other settings: `replace(settings,
    text_column=…)`, `replace(settings, dialect=replace(settings.dialect, delimiter=…))`.

    Attributes:
        name: for people.
        dialect: with nothing left to find out.
        columns: in order; in JSONL all that occur, in order of appearance.
        text_column: one of them; None where that is the `problem`.
        output_format: one of `OUTPUT_FORMATS`; None likewise.
        problem: why this cannot be classified yet; None where it can.
        records: how many there are, rejects included; None for standard input.
        rejected: how many of them cannot be read; None likewise.
        rejects: the first of these.
        preview: the first records.
        size: of the file, in bytes; None likewise.
        digest: SHA-256 of the file; None likewise.
    """

    name: str
    dialect: Dialect
    columns: tuple[str, ...]
    text_column: str | None = None
    output_format: str | None = None
    problem: UserError | None = None
    records: int | None = None
    rejected: int | None = None
    rejects: tuple[Reject, ...] = ()
    preview: tuple[Record, ...] = ()
    size: int | None = None
    digest: str | None = None


def inspect(settings: Settings) -> Found:
    """Read a file once, from end to end, and say what it holds and how it will be read.

    Raises:
        UserError: NO_INPUT; USAGE, its format is not known; DATA, it cannot be read as its format,
            or its encoding or delimiter is not to be told. What the columns lack is no error here,
            but the `problem` of what is returned.
    """
    assert settings.source is not None  # noqa: S101 - standard input cannot be read twice
    with open_table(settings.source, settings.dialect) as table:
        found = recognise(settings, table)
        if found.problem is not None and table.dialect.format == "jsonl":
            # The first record may lack what the others have.
            names = (name for item in table.items for name in getattr(item, "fields", ()))
            columns = list(dict.fromkeys(chain(table.columns, names)))
            found = recognise(settings, replace(table, columns=columns))
    seen = dict.fromkeys(found.columns)
    preview: list[Record] = []
    rejects: list[Reject] = []
    records = rejected = 0
    with open_table(settings.source, found.dialect) as table:
        for item in table.items:
            records += 1
            text = item if isinstance(item, Reject) else text_of(item, found.text_column)
            if isinstance(text, Reject):
                rejected += 1
                rejects = [*rejects, text][:REJECTS_SHOWN]
            if isinstance(item, Reject) or isinstance(text, Reject):
                continue
            if len(preview) < PREVIEW:
                fields = {column: _shown(value) for column, value in item.fields.items()}
                preview.append(replace(item, fields=fields))
            if item.source:  # of JSONL, the only format whose records differ in columns
                seen.update(dict.fromkeys(item.fields))
    found = replace(found, columns=tuple(seen), records=records)
    return replace(
        found,
        problem=found.problem or _last_problem(settings, found),
        rejected=rejected,
        rejects=tuple(rejects),
        preview=tuple(preview),
        size=settings.source.stat().st_size,
        digest=digest_of(settings.source),
    )


def _shown(value: Any) -> Any:
    """Return a value as `plain` does; U+FFFD in place of one that Arrow cannot convert."""
    try:
        return plain(value)
    except ValueError:
        return "\N{REPLACEMENT CHARACTER}"


def _last_problem(settings: Settings, found: Found) -> UserError | None:
    """Return what only shows once all records have been read."""
    if found.output_format == "xlsx" and (found.records or 0) >= XLSX_ROWS:
        return UserError(
            ExitCode.USAGE,
            "{count} records are more than XLSX holds; choose another --to",
            count=found.records,
        )
    try:
        for column in settings.select:
            find_column(found.name, found.columns, column, (), "--select")
    except UserError as error:
        return error
    return None


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recognise(settings: Settings, table: Table) -> Found:
    """Say what an opened table shows before its records are read."""
    found = Found(table.name, table.dialect, tuple(table.columns))
    try:
        _check_dialect(settings, table)
        if len(table.columns) == 1 and not table.dialect.header and settings.text_column is None:
            text_column = table.columns[0]
        else:
            text_column = find_column(
                *(table.name, table.columns, settings.text_column, TEXT_COLUMNS, "--text-column"),
                has_header=table.dialect.format in ("csv", "tsv", "xlsx"),
            )
        if settings.label_column is not None:
            find_column(table.name, table.columns, settings.label_column, (), "--label-column")
        for column in settings.select if table.dialect.format != "jsonl" else ():
            find_column(table.name, table.columns, column, (), "--select")
        output_format = output_format_of(settings, table)
    except UserError as error:
        return replace(found, problem=error)
    return replace(found, text_column=text_column, output_format=output_format)


def dialect_for(settings: Settings, format: str) -> Dialect:
    """Return what was said of the input, as far as one of this format has a use for it."""
    used, quoting = settings.dialect.fitting(format), settings.dialect.quoting
    written = settings.output_format or (settings.output and format_of(settings.output))
    # which a TSV that is written has as well
    return replace(used, quoting=quoting) if (written, quoting) == ("tsv", "double") else used


def _check_dialect(settings: Settings, table: Table) -> None:
    """Raise UserError USAGE where more was said of the input than its format has a use for."""
    asked, format = settings.dialect, str(table.dialect.format)
    used = dialect_for(settings, format)
    for name in ("encoding", "delimiter", "quoting", "header", "sheet"):
        if getattr(asked, name) != getattr(used, name):
            raise UserError(
                ExitCode.USAGE,
                "{name} is {format}, which has no use for {flag}",
                name=table.name,
                format=format.upper(),
                flag=f"--{name}",
            )


def text_of(record: Record, column: str | None) -> str | Reject:
    """Return the text of a record, "" where it is null; a `Reject` where it is no text."""
    try:
        text = record.text(column) if column is not None else ""
    except KeyError:
        found = tr("nothing")
    except ValueError:
        found = tr("bytes that are not UTF-8")
    else:
        if text is None or isinstance(text, str):
            return text or ""
        found = f"{text!r:.60}"
    message = tr("expected a string in {column}, found {found}", column=column, found=found)
    return Reject(record.place, "not_a_text", message, column)


def has_text(text: str) -> bool:
    """Return whether there is anything to be read; of zero width, it is not."""
    return any(character.isprintable() and not character.isspace() for character in text)


def output_format_of(settings: Settings, table: Table) -> str:
    """Return the format of the answer.

    Raises:
        UserError: USAGE, the output's name tells none, or not the one that the settings are for.
    """
    known = settings.output_format or (
        format_of(settings.output) if settings.output is not None else table.dialect.format
    )
    if known not in OUTPUT_FORMATS:
        raise UserError(
            ExitCode.USAGE,
            "the answer has columns, and {name} names no format that has; say --to {formats}",
            name=settings.output or tr("a TXT input"),
            formats="|".join(OUTPUT_FORMATS),
        )
    if settings.excel and known != "csv":
        raise UserError(ExitCode.USAGE, "--excel is for CSV; this output is {format}", format=known)
    return known


def keeps_lines(settings: Settings, found: Found) -> bool:
    """Return whether the output keeps the lines of its input, and only adds to them."""
    return found.dialect.format == found.output_format == "jsonl" and not settings.select
