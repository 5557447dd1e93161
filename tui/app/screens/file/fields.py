"""The settings of a file run that can be changed on the screen, and the values they can have."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple

from models.console import tr
from models.labels import NEGATIVE_POSITIVE
from models.tables import FORMATS, TEXT_FORMATS, WORKBOOKS, Dialect, format_of
from models.tables.encoding import ENCODINGS
from tui.batch.answer import AnswerColumns
from tui.batch.inspection import Found
from tui.batch.settings import BatchSettings
from tui.batch.validation import taken_columns

_DELIMITERS = {",": ",", "Tab": "\t", ";": ";", "|": "|"}
_PREFIXES = ("", "new_", "model_")
_HEADER_LINES = (*range(1, 10), 0)  # lines that may name the columns; 0: none does

_FORMATS_WITH = {
    "encoding": TEXT_FORMATS,
    "delimiter": ("csv", "tsv"),
    "sheet": WORKBOOKS,
    "header": ("csv", "tsv", *WORKBOOKS),
}
"""Attribute of `Dialect` → the formats that have it."""


class Field(NamedTuple):
    """A setting that can be changed, as a line of the list.

    Attributes:
        name: attribute of `BatchSettings` or of its `Dialect`.
        title: name for people.
        value: present value, for people.
        choices: values that it can have, by what to call them; None where it is typed.
    """

    name: str
    title: str
    value: str
    choices: Mapping[str, Any] | None

    @property
    def flag(self) -> str:
        """Option of the command line."""
        name = "from" if self.name == "format" else self.name
        return "--" + name.replace("_", "-")


def fields_of(settings: BatchSettings, found: Found | None, sheets: Sequence[str]) -> list[Field]:
    """Return the settings that can be changed as things stand.

    Args:
        settings: present settings.
        found: what is known of the file; None while it is read.
        sheets: names of a workbook's sheets.
    """
    none = tr("none")
    dialect = settings.dialect
    columns: dict[str, str] = {}
    free: Iterable[str] = _PREFIXES
    text_column: str | None = "…"
    if found is not None:
        dialect = found.dialect
        columns = _by_name(found.columns)
        text_column = found.text_column
        free = islice(free_prefixes(found), len(_PREFIXES))
    prefixes = {prefix or none: prefix for prefix in free}
    return [
        _field("output", tr("Output"), settings.output, None),
        _field("text_column", tr("Text column"), text_column, columns),
        _field(
            "label_column",
            tr("Label column, to score by"),
            settings.label_column or "–",
            {none: None, **columns},
        ),
        *([_label_map_field(settings)] if settings.label_column else []),
        *_dialect_fields(settings, dialect, sheets),
        _field("prefix", tr("Prefix of the new columns"), settings.prefix or "–", prefixes),
    ]


def free_prefixes(found: Found) -> Iterator[str]:
    """Yield prefixes with which no column of the answer is one of the input."""
    for prefix in chain(_PREFIXES, (f"new{number}_" for number in count(2))):
        if not taken(found, prefix):
            yield prefix


def taken(found: Found, prefix: str) -> list[str]:
    """Return the columns of an answer with this prefix that the input has already."""
    settings = replace(found.settings, prefix=prefix)
    return taken_columns(found, AnswerColumns(settings, NEGATIVE_POSITIVE))  # of whatever labels


def _label_map_field(settings: BatchSettings) -> Field:
    return _field("label_map", tr("What its labels stand for"), settings.label_map or "–", None)


def _dialect_fields(
    settings: BatchSettings, dialect: Dialect, sheets: Sequence[str]
) -> list[Field]:
    """Return how the file is read, as far as its format leaves a choice."""
    none = tr("none")
    format = dialect.format or format_of(Path(str(settings.source)))
    delimiter = dialect.delimiter
    if delimiter == "\t":
        delimiter = "Tab"
    encodings = _by_name([*ENCODINGS, "utf-16"])
    lines = {str(line or none): line for line in _HEADER_LINES}
    fields = [
        _field("format", tr("Format"), format, _by_name(FORMATS)),
        _field("encoding", tr("Encoding"), dialect.encoding, encodings),
        _field("delimiter", tr("Delimiter"), delimiter, _DELIMITERS),
        _field("sheet", tr("Sheet"), dialect.sheet, _by_name(sheets)),
        _field("header", tr("Line that names the columns"), dialect.header or none, lines),
    ]
    return [field for field in fields if format in _FORMATS_WITH.get(field.name, (format,))]


def _field(name: str, title: str, value: object, choices: Mapping[str, Any] | None) -> Field:
    return Field(name, title, str(value or "?"), choices)


def _by_name(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in values}


def changed(settings: BatchSettings, name: str, value: Any) -> BatchSettings:
    """Return the settings with another value of a field; another format forgets the dialect."""
    if name == "format":
        return replace(settings, dialect=Dialect(format=value))
    if name in _FORMATS_WITH:
        return replace(settings, dialect=replace(settings.dialect, **{name: value}))
    if name == "label_column":  # which has other labels
        settings = replace(settings, label_map=None)
    return replace(settings, **{name: value})


def read_alike(one: BatchSettings, other: BatchSettings) -> bool:
    """Return whether a file is read alike: they differ in what is made of it alone."""
    alike = replace(
        one,
        output=other.output,
        output_format=other.output_format,
        prefix=other.prefix,
        label_map=other.label_map,
    )
    return alike == other


def in_words_of(fields: Sequence[Field], message: str) -> str:
    """Return a message with the names of the fields in place of command line options."""
    names = {field.flag: f"“{field.title}”" for field in fields}
    return re.sub("--[a-z-]+", lambda flag: names.get(flag[0], flag[0]), message)
