"""Reads JSONL: one object a line."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice
from typing import Any, NoReturn

from models.console.display import display
from models.console.i18n import tr
from models.tables.dialect import Dialect
from models.tables.encoding import Line, place_of, undecodable
from models.tables.records import Item, Record, Reject, Table, empty, wrong
from models.tables.source import InputFile

_FIRST_LINES = 1000
"""Lines of which one must hold an object: its keys are the columns."""


def open_jsonl(file: InputFile, dialect: Dialect, lines: Iterator[Line]) -> Table:
    """Open a file of JSON objects.

    Raises:
        UserError: DATA, it is empty, or none of its first lines holds an object.
    """
    items = _items(lines)
    rejects: list[Reject] = []
    for item in islice(items, _FIRST_LINES):
        if isinstance(item, Record):
            columns = list(item.fields)
            return Table(file, dialect, columns, chain(rejects, [item], items))
        rejects.append(item)
    if not rejects:
        raise empty(file)
    first = rejects[0]
    raise wrong(file, first.place.line, first.message)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(tr("{name} is not JSON", name=name))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(tr("a key stands twice"))
    return found


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant
)


def _items(lines: Iterable[Line]) -> Iterator[Item]:
    number = 0
    for line in lines:
        if line.content.strip():
            number += 1
            yield _item(line, number)


def _item(line: Line, number: int) -> Item:
    place = place_of([line], number)
    if problem := undecodable([line]):
        return Reject(place, *problem)
    try:
        fields = _decoder.decode(line.content)
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Reject(place, "not_json", tr("expected a JSON object: {reason}", reason=error))
    if isinstance(fields, dict):
        return Record(place, fields, line.content)
    content = display(line.content, limit=80)
    message = tr("expected a JSON object, found {found}", found=content)
    return Reject(place, "not_an_object", message)
