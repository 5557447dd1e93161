"""Options that say how a table is read, the same for all commands."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from models.console import tr
from models.tables.columns import LABEL_COLUMNS, TEXT_COLUMNS
from models.tables.dialect import FORMATS, QUOTING


def _character(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return a delimiter as it is, TAB also by its name."""
    if value in ("TAB", r"\t"):
        return "\t"
    if value and (len(value) != 1 or value in "\"'\\\r\n"):
        raise click.BadParameter(tr("expected one character that is no quote, or TAB"))
    return value


READING: Mapping[str, dict[str, Any]] = {
    "text_column": {
        "metavar": "NAME",
        "help": tr(
            "Column of the texts. [default: the one called {names}, whatever stands in brackets "
            "behind it]",
            names=TEXT_COLUMNS,
        ),
    },
    "label_column": {
        "metavar": "NAME",
        "help": tr(
            "Column of the labels. [default: the one called {names}]",
            names=LABEL_COLUMNS,
        ),
    },
    "format": {
        "type": click.Choice(FORMATS),
        "help": tr("Format of the input. [default: by its name]"),
    },
    "encoding": {
        "metavar": "NAME",
        "help": tr("Encoding of the input. [default: byte order mark, else UTF-8, GB18030, Big5]"),
    },
    "delimiter": {
        "metavar": "CHAR",
        "callback": _character,
        "help": tr("Of CSV. [default: the one of , ; | TAB in the first line, else ,]"),
    },
    "quoting": {
        "type": click.Choice(list(QUOTING)),
        "help": tr("Quotes of CSV and TSV. [default: double for CSV, none for TSV]"),
    },
    "header": {
        "type": click.IntRange(min=0),
        "default": 1,
        "metavar": "LINE",
        "help": tr(
            "Line that names the columns (of a workbook, its row); those above it are left out. 0: "
            "none does, and they are 1, 2, …"
        ),
    },
    "sheet": {
        "metavar": "NAME",
        "help": tr("Sheet of a workbook. [default: the only one]"),
    },
}
"""Fields of a `Dialect`, and the columns → arguments of their click options."""


def flags_of(name: str) -> tuple[str, ...]:
    """Return the flag of an option, and its name where that is another."""
    if name == "format":
        return "--from", "format"
    return ("--" + name.replace("_", "-"),)


def reading_options(*names: str, **help: str) -> Callable[[Any], Any]:
    """Return a decorator that gives a click command these options, or all where none is named.

    Args:
        names: keys of `READING`.
        help: what to say of one in place of what is said there.
    """

    def add_options(command: Any) -> Any:
        for name in reversed(names or tuple(READING)):
            arguments = dict(READING[name])
            arguments["help"] = help.get(name, arguments["help"])
            command = click.option(*flags_of(name), **arguments)(command)
        return command

    return add_options
