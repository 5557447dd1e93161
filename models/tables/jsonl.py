"""Reads JSON: one object a line, or, as other programs write it, a list or over several lines."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, islice
from typing import Any, NoReturn

from models.console import data_error, display, tr
from models.tables.dialect import Dialect
from models.tables.encoding import Line, place_of, undecodable_problem
from models.tables.json_list import is_spread, pieces
from models.tables.records import Item, Place, Record, Reject, Table, empty
from models.tables.source import InputFile

_FIRST_LINES = 1000
"""Lines of which one must hold an object: its keys are the columns."""


def open_jsonl(file: InputFile, dialect: Dialect, lines: Iterator[Line]) -> Table:
    """Open a file of JSON objects.

    Raises:
        UserError: DATA, it is empty, or none of its first lines holds an object.
    """
    items = _items(lines, str(dialect.encoding))
    rejects: list[Reject] = []
    for item in islice(items, _FIRST_LINES):
        if isinstance(item, Record):
            columns = list(item.fields)
            return Table(file, dialect, columns, chain(rejects, [item], items))
        rejects.append(item)
    if not rejects:
        raise empty(file)
    first = rejects[0]
    raise data_error(
        "{name}, line {line}: {problem}; write each record as a JSON object on its own line, or "
        "say --from csv or --from txt if it is no JSON",
        name=file,
        line=first.place.line,
        problem=first.message,
    )


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


def _items(lines: Iterator[Line], encoding: str) -> Iterator[Item]:
    """Yield an item for each line that is not blank, or each object where these are spread."""
    filled = (line for line in lines if line.content.strip())
    first = next(filled, None)
    if first is None:
        return
    lines = chain([first], filled)
    if is_spread(first):
        for number, piece in enumerate(pieces(lines, encoding), start=1):
            yield _item(piece.text, piece.place._replace(number=number), valid=piece.valid)
    else:
        for number, line in enumerate(lines, start=1):
            yield _item(line.content, place_of([line], number), valid=line.valid)


def _item(text: str, place: Place, *, valid: bool) -> Item:
    if not valid:
        return Reject(place, *undecodable_problem())
    try:
        fields = _decoder.decode(text)
    except json.JSONDecodeError as error:
        problem = tr("it breaks off, or breaks the rules, at character {at}", at=error.pos + 1)
        if error.msg == "Extra data" and text[error.pos :].strip() == ",":
            problem = tr(
                "a comma stands behind it, as in a list; remove it from the end of each line, or "
                "put [ before the first object and ] behind the last"
            )
    except ArithmeticError:
        problem = tr("a number in it is too large")
    except RecursionError:
        problem = tr("it is nested too deep")
    except ValueError as error:  # of this module
        problem = str(error)
    else:
        if isinstance(fields, dict):
            return Record(place, fields, text)
        content = display(text, limit=80)
        message = tr("expected a JSON object, found {found}", found=content)
        return Reject(place, "not_an_object", message)
    return Reject(place, "not_json", tr("expected a JSON object: {reason}", reason=problem))
