"""The part of writing that all formats share."""

import base64
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from models.console import tr
from models.tables import Record, plain
from tui.batch.journal import Sink


class UnwritableError(Exception):
    """A value that the format of the output cannot hold: the record is to be rejected."""

    def __init__(self, column: str | None, reason: object) -> None:
        super().__init__(tr("this value cannot be written: {reason}", reason=reason))
        self.column = column


class Writer(ABC):
    """Writes one table; a record is converted value by value, and then added whole."""

    def __init__(self, file: Sink, columns: Sequence[str]) -> None:
        self._file, self._columns = file, columns

    def write(self, record: Record, answer: Mapping[str, Any]) -> None:
        """Add a record; raises UnwritableError, and then has added nothing."""
        cells = []
        for column in self._columns:
            value = answer.get(column, record.fields.get(column))
            try:
                cells.append(self._cell(column, value))
            except (ValueError, ArithmeticError, RecursionError) as error:
                raise UnwritableError(column, error) from error
        self._add(cells)

    @abstractmethod
    def _cell(self, column: str, value: Any, /) -> Any:
        """Return a value as the format has it; raises ValueError."""

    @abstractmethod
    def _add(self, cells: list[Any]) -> None:
        """Add a row of such values."""

    def close(self) -> None:  # noqa: B027 - most formats have none
        """Write what a format has at its end."""


def as_text(value: Any) -> str:
    """Return a value as a text that says the same; bytes in Base64, "" for NaN."""
    if isinstance(value, str):  # nearly all are
        return value
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    return str(value) if isinstance(value, str | Decimal) else as_json(value)


def as_json(value: Any) -> str:
    """Return a value as JSON spells it; null for NaN and infinity, which it lacks."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_nested)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=_nested)


def _finite(value: Any) -> Any:
    """Return a value with None for the numbers that JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [*map(_finite, value)] if isinstance(value, list | tuple) else value


def _nested(value: Any) -> Any:
    """Return a value within another as JSON can have it."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if math.isfinite(number) else str(value)
    return as_text(value) if isinstance(value, bytes) else str(value)
