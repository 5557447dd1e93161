"""The settings of a file run that can be changed on the screen, and the values they can have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from models.console.i18n import tr
from models.tables import FORMATS, TEXT_FORMATS, Dialect, format_of
from models.tables.encoding import ENCODINGS
from tui.batch.inspection import Found, Settings

_DELIMITERS = {",": ",", "\t": "Tab", ";": ";", "|": "|"}
_PREFIXES = ("", "new_", "model_")
_HEADER_LINES = (*range(1, 10), 0)  # lines that may name the columns; 0: none does


class Field(NamedTuple):
    """A setting, as a line of the list.

    Attributes:
        flag: its name on the command line.
        name: its name here.
        value: its value, for people.
        choices: what to call a value → the settings with that value; None for a path.
    """

    flag: str
    name: str
    value: str
    choices: Mapping[str, Settings] | None


def fields_of(settings: Settings, found: Found | None, sheets: Sequence[str]) -> list[Field]:
    """Return the settings that can be changed as things stand.

    Args:
        settings: the present ones.
        found: what is known of the file; None while it is read.
        sheets: names of a workbook's sheets.
    """
    none = tr("none")
    columns: Sequence[str] = ()
    text_column, dialect = None, settings.dialect
    if found is not None:
        columns, text_column, dialect = found.columns, found.text_column, found.dialect
    texts = {name: replace(settings, text_column=name) for name in columns}
    labels = {none: replace(settings, label_column=None)}
    labels |= {name: replace(settings, label_column=name) for name in columns}
    prefixes = {name or none: replace(settings, prefix=name) for name in _PREFIXES}
    label_column = settings.label_column or "–"
    return [
        Field("--output", tr("Output"), str(settings.output), None),
        Field("--text-column", tr("Text column"), text_column or "?", texts),
        Field("--label-column", tr("Label column, to score by"), label_column, labels),
        *_dialect_fields(settings, dialect, sheets),
        Field("--prefix", tr("Prefix of the new columns"), settings.prefix or "–", prefixes),
    ]


def _dialect_fields(settings: Settings, dialect: Dialect, sheets: Sequence[str]) -> list[Field]:
    """Return how the file is read, as far as its format leaves a choice."""
    source, none = settings.source, tr("none")
    format = dialect.format
    if format is None and source is not None:
        format = format_of(source)

    def reading(**changes: Any) -> Settings:
        return replace(settings, dialect=replace(settings.dialect, **changes))

    formats = {name: replace(settings, dialect=Dialect(format=name)) for name in FORMATS}
    fields = [Field("--from", tr("Format"), format or "?", formats)]
    if format in TEXT_FORMATS:
        encodings = {name: reading(encoding=name) for name in (*ENCODINGS, "utf-16")}
        fields.append(Field("--encoding", tr("Encoding"), dialect.encoding or "?", encodings))
    if format in ("csv", "tsv"):
        delimiters = {name: reading(delimiter=mark) for mark, name in _DELIMITERS.items()}
        mark = dialect.delimiter or "?"
        shown = _DELIMITERS.get(mark, mark)
        fields.append(Field("--delimiter", tr("Delimiter"), shown, delimiters))
    if format == "xlsx":
        workbook = {name: reading(sheet=name) for name in sheets}
        fields.append(Field("--sheet", tr("Sheet"), dialect.sheet or "?", workbook))
    if format in ("csv", "tsv", "xlsx"):
        lines = {str(line or none): reading(header=line) for line in _HEADER_LINES}
        shown = str(dialect.header or none)
        fields.append(Field("--header", tr("Line that names the columns"), shown, lines))
    return fields


def in_words_of(fields: Sequence[Field], message: str) -> str:
    """Return a message with the names of the fields in place of command line options."""
    names = {field.flag: f"“{field.name}”" for field in fields}
    return re.sub("--[a-z-]+", lambda flag: names.get(flag[0], flag[0]), message)
