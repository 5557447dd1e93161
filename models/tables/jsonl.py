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

_FIRST_LINES = 1000
"""Lines of which one must hold an object: its keys are the columns."""


def open_jsonl(name: str, dialect: Dialect, lines: Iterator[Line]) -> Table:
    """Open a file of JSON objects.

    Raises:
        UserError: DATA, it is empty, or none of its first lines holds an object.
    """
    before: list[Item] = []
    items = _json_items(lines)
    for item in islice(items, _FIRST_LINES):
        before.append(item)
        if isinstance(item, Record):
            return Table(name, dialect, list(item.fields), chain(before, items))
    for item in before:
        assert isinstance(item, Reject)  # noqa: S101 - for mypy
        raise wrong(name, item.place.line, item.message)
    raise empty(name)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(tr("{name} is not JSON", name=name))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(tr("a key stands twice"))
    return found


_read_json = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant
).decode


def _json_items(lines: Iterable[Line]) -> Iterator[Item]:
    filled = (line for line in lines if line.content.strip())
    for number, line in enumerate(filled, start=1):
        place = place_of([line], number)
        if problem := undecodable([line]):
            yield Reject(place, *problem)
            continue
        try:
            fields = _read_json(line.content)
        except (ValueError, ArithmeticError, RecursionError) as error:
            reason = tr("expected a JSON object: {reason}", reason=error)
            yield Reject(place, "not_json", reason)
            continue
        if isinstance(fields, dict):
            yield Record(place, fields, line.content)
        else:
            content = display(line.content, limit=80)
            found = tr("expected a JSON object, found {found}", found=content)
            yield Reject(place, "not_an_object", found)
