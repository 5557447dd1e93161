"""What the input of a file run turns out to be."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from models.console import UserError, data_error, tr, usage_error
from models.tables import (
    TEXT_COLUMNS,
    CellError,
    Columns,
    Dialect,
    Item,
    Record,
    Reject,
    Table,
    find_column,
    is_text_with_commas,
    open_table,
    shown,
)
from tui.batch.settings import BatchSettings
from tui.batch.truth import count_label

XLSX_ROWS = 1_048_576
"""Limit of a sheet, by Microsoft's "Excel specifications and limits"."""

PREVIEW = 10
"""Records that `inspect` hands out, and that a report of the answers shows."""

FIRST = 1000
"""Records of which one at least must be readable."""

REJECTS_SHOWN = 3
"""Rejects that people are told of, the first ones; the rejects file has them all."""


@dataclass(frozen=True)
class Found:
    """What was found out about an input.

    To have it read otherwise, `inspect` again with other settings: `replace(settings,
    text_column=…)`, `replace(settings, dialect=replace(settings.dialect, delimiter=…))`.

    Attributes:
        settings: what the run is asked to do.
        name: of the input, for people.
        dialect: how it is written down, with nothing left to find out.
        columns: names in order; all that occur in JSONL, in order of appearance.
        text_column: one of them; None where that is the `problem`.
        output_format: one of `OUTPUT_FORMATS`; None where that is the `problem`.
        problem: why this cannot be classified yet; None where it can.
        records: number of records, rejects included; None for standard input, as all below.
        rejected: number of those that cannot be read.
        rejects: the first of these.
        preview: the first records.
        labels: how often each value of the label column occurs; from a pipe, in its beginning.
        size: of the file, in bytes.
        digest: SHA-256 of the file.
        from_excel: whether Excel wrote it, or it was written for Excel.
    """

    settings: BatchSettings
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
    labels: Mapping[str, int] = field(default_factory=dict)
    size: int | None = None
    digest: str | None = None
    from_excel: bool = False

    @property
    def answers_excel(self) -> bool:
        """Whether the output gets a byte order mark because its input is of Excel."""
        unsaid = self.settings.excel is None and self.output_format == "csv"
        return self.from_excel and unsaid and self.settings.output is not None

    @property
    def quoting(self) -> str | None:
        """What an output of TSV is quoted with, "double" or nothing; None for other formats."""
        said = self.settings.dialect.quoting
        return said if self.output_format == "tsv" and said == "double" else None

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns of the input that the output has."""
        return self.settings.select or self.columns

    @property
    def keeps_lines(self) -> bool:
        """Whether the output keeps the lines of the input, and only adds to them."""
        formats = {self.dialect.format, self.output_format}
        return formats == {"jsonl"} and not self.settings.select


def in_excel() -> str:
    """Say why the output begins with a byte order mark."""
    return tr(
        "the input is of Excel: the CSV gets a byte order mark, so that Excel opens it as well; "
        "--no-excel leaves it out"
    )


def inspect(settings: BatchSettings) -> Found:
    """Read a file once, from end to end, and say what it holds and how it will be read.

    Raises:
        UserError: NO_INPUT; USAGE, its format is not known; DATA, it cannot be read as its format,
            or its encoding or delimiter is not to be told. What the columns lack is no error here,
            but the `problem` of what is returned.
    """
    with open_table(settings.source, settings.dialect) as table:
        found = recognise(settings, table)
        if found.problem is None or table.dialect.format != "jsonl":
            return _read_through(table, found)
        columns = dict.fromkeys(table.columns)  # the first record may lack what others have
        for item in table.items:
            if isinstance(item, Record):
                columns.update(dict.fromkeys(item.fields))
    with open_table(settings.source, table.dialect) as table:
        whole = replace(table, columns=list(columns))
        found = recognise(settings, whole)
        return _read_through(table, found)


def with_output(found: Found, settings: BatchSettings) -> Found:
    """Return what was found for settings that differ in the output alone, without reading."""
    found = replace(found, settings=settings)
    try:
        output_format = settings.format_from(str(found.dialect.format))
    except UserError as error:
        return replace(found, problem=error, output_format=None)
    found = replace(found, output_format=output_format)
    problem = _late_problem(found, found.records or 0, found.columns)
    return replace(found, problem=problem)


def counted_labels(items: Iterable[Item], found: Found) -> Counter[str]:
    """Count the labels of some items."""
    values: Counter[str] = Counter()
    for item in items:
        text = text_of(item, found.text_column) if isinstance(item, Record) else item
        count_label(values, item, found.settings.label_column, text)
    return values


def _read_through(table: Table, found: Found) -> Found:
    """Read all records: count them, hash them, and keep the first.

    Where none of the first can be read, for one reason, that is the `problem`, and no more is read.
    """
    columns = dict.fromkeys(found.columns)
    preview: list[Record] = []
    rejects: list[Reject] = []
    labels: Counter[str] = Counter()
    codes: set[str] = set()
    records = rejected = 0
    for item in table.items:
        records += 1
        text = item if isinstance(item, Reject) else text_of(item, found.text_column)
        count_label(labels, item, found.settings.label_column, text)
        if isinstance(text, Reject):
            rejected += 1
            codes.add(text.code)
            if rejected <= REJECTS_SHOWN:
                rejects.append(text)
            if rejected == records == FIRST and len(codes) == 1:
                break
        elif isinstance(item, Record):
            if len(preview) < PREVIEW:
                preview.append(_shown(item))
            if item.source:  # JSONL, the only format whose records differ in columns
                columns.update(dict.fromkeys(item.fields))
    problem = found.problem
    if rejected == records and len(codes) == 1:
        problem = problem or all_rejected(found, rejects[0], records)
    problem = problem or _late_problem(found, records, list(columns))
    return replace(
        found,
        columns=tuple(columns),
        problem=problem,
        records=records,
        rejected=rejected,
        rejects=tuple(rejects),
        preview=tuple(preview),
        labels=labels,
        size=Path(table.name).stat().st_size,
        digest=table.input.digest(),
    )


def all_rejected(found: Found, first: Reject, records: int) -> UserError:
    """Return the error of a table none of whose records can be read, with what helps."""
    names = tr(
        "say --header {line} if the names stand in line {line}; else give every column its name "
        "in the header",
        line=first.place.line,
    )
    is_one = len(found.columns) == 1 and is_text_with_commas(first.place, first.values)
    remedies = {
        "field_count": tr("say so, or give every column its name in the header")
        if is_one
        else names,
        "bad_quote": tr("say --quoting backslash, or --quoting none"),
        "unterminated_quote": tr("say --quoting none"),
        "undecodable": tr("name another --encoding"),
        "not_json": tr("say --from txt or --from csv if it is no JSON"),
        "not_an_object": tr("say --from txt if it is no JSON"),
        "not_a_text": tr("name another --text-column"),
        "error_cell": tr("mend the column in Excel, or name another --text-column"),
        "no_stored_value": tr("open the file in Excel or WPS, and save it"),
    }
    return data_error(
        "{name}: none of {records:record} can be classified, for one reason: {reason}. To mend "
        "it: {remedy}",
        name=found.name,
        records=records,
        reason=first.message,
        remedy=remedies.get(first.code, tr("look at the file")),
    )


def _shown(record: Record) -> Record:
    """Return a record with values for people."""
    return replace(record, fields={name: shown(value) for name, value in record.fields.items()})


def _late_problem(found: Found, records: int, columns: Sequence[str]) -> UserError | None:
    """Return what only shows once all records have been read."""
    if found.output_format == "xlsx" and records >= XLSX_ROWS:
        return usage_error(
            "{count} records are more than XLSX holds; choose another --to",
            count=records,
        )
    try:
        _check_selected(found.settings, Columns(found.name, columns))
    except UserError as error:
        return error
    return None


def _check_selected(settings: BatchSettings, columns: Columns) -> None:
    for column in settings.select:
        find_column(columns, column, (), "--select")


def recognise(settings: BatchSettings, table: Table) -> Found:
    """Say what an opened table shows before its records are read."""
    format = str(table.dialect.format)
    columns = tuple(table.columns)
    name = settings.uri or table.name
    found = Found(
        settings,
        name,
        table.dialect,
        columns,
        from_excel=table.from_excel,
    )
    searched = table.to_search()
    try:
        _check_options(settings, name, format)
        text_column = _text_column(settings, table)
        if settings.label_column is not None:
            find_column(searched, settings.label_column, (), "--label-column")
        if format != "jsonl" or not isinstance(settings.source, Path):  # of JSONL, a file tells all
            _check_selected(settings, searched)
        output_format = settings.format_from(format)
    except UserError as error:
        return replace(found, problem=error)
    return replace(found, text_column=text_column, output_format=output_format)


def _check_options(settings: BatchSettings, name: str, format: str) -> None:
    """Raise UserError USAGE where more was said of the input than its format has a use for."""
    said = settings.dialect
    used = replace(settings.dialect_of(format), format=said.format)
    for option in fields(Dialect):
        if getattr(said, option.name) != getattr(used, option.name):
            raise usage_error(
                "{name} is {format}, which has no use for {flag}",
                name=name,
                format=format.upper(),
                flag=f"--{option.name}",
            )


def _text_column(settings: BatchSettings, table: Table) -> str:
    is_only = len(table.columns) == 1 and not table.dialect.header
    if settings.text_column is None and is_only:
        return table.columns[0]
    return find_column(
        table.to_search()._replace(labels=settings.label_column),
        settings.text_column,
        TEXT_COLUMNS,
        "--text-column",
    )


def text_of(record: Record, column: str | None) -> str | Reject:
    """Return the text of a record, "" where it is null; a `Reject` where it is no text."""
    if column is None:
        return ""
    try:
        text = record.text(column)
        if text is None or isinstance(text, str):
            return text or ""
        if isinstance(text, CellError):
            return Reject(record.place, text.code, text.problem, column)
        found = f"{text!r:.60}"
    except KeyError:
        found = tr("nothing")
    except ValueError:
        found = tr("bytes that are not UTF-8")
    message = tr(
        "expected a string in {column}, found {found}",
        column=column,
        found=found,
    )
    return Reject(record.place, "not_a_text", message, column)
