"""Reads labelled texts: what a model learns from, and what an export is proven on."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables.dialect import TEXT_FORMATS
from models.tables.records import Table

Label = TypeVar("Label")


def labelled_texts(
    table: Table,
    columns: tuple[str, str],
    label_of: Callable[[Any], Label | None],
    expected: str,
) -> Iterator[tuple[str, Label]]:
    """Yield the text and the label of each record of a table.

    Args:
        table: what to read.
        columns: the text column and the label column.
        label_of: makes a label of a value; None if it is none.
        expected: what a label has to be, for people.

    Raises:
        UserError: DATA, a record cannot be read, or lacks a text or a label.

    Example:
        >>> labels = LabelSet(["bad", "good"])
        >>> with open_table(Path("dev.tsv")) as table:
        ...     find = lambda value: labels.find(str(value))
        ...     rows = list(labelled_texts(table, ("text", "label"), find, f"one of {labels}"))
    """
    text, label = columns
    unit = tr("line") if table.dialect.format in TEXT_FORMATS else tr("row")
    rows = ((one.place.line, one.get(text), one.get(label)) for one in table.records)
    return checked_rows(table.name, unit, columns, rows, label_of, expected)


def checked_rows(
    where: str,
    unit: str,
    columns: tuple[str, str],
    rows: Iterable[tuple[int, Any, Any]],
    label_of: Callable[[Any], Label | None],
    expected: str,
) -> Iterator[tuple[str, Label]]:
    """Yield the text and the label of rows: number, value in the text and in the label column.

    Raises:
        UserError: DATA, a row lacks a text or a label: "`where`, `unit` 7: expected …, found …".
    """
    for number, text, value in rows:
        label = label_of(value)
        if not isinstance(text, str) or label is None:
            raise UserError(
                ExitCode.DATA,
                "{where}, {unit} {number}: expected a text in {text} and {expected} in {label}; "
                "found {found}",
                where=where,
                unit=unit,
                number=number,
                text=columns[0],
                label=columns[1],
                expected=expected,
                found=f"{text!r:.60}, {value!r:.60}",
            )
        yield text, label
