"""Writes JSONL."""

from collections.abc import Mapping
from typing import Any

from models.tables import Record, plain
from tui.batch.writers.base import UnwritableError, Writer, as_json


class JsonWriter(Writer):
    """An object a line, with all columns."""

    def _cell(self, column: str, value: Any, /) -> bytes:
        name, text = as_json(column), as_json(plain(value))
        return f"{name}: {text}".encode()

    def _add(self, cells: list[bytes]) -> None:
        self._file.write(b"{" + b", ".join(cells) + b"}\n")


class LineWriter(JsonWriter):
    """JSONL from JSONL: the record's own line is kept, so no number is rounded, no key reordered.

    It is an object that is not empty, for the text stands in it.
    """

    def write(self, record: Record, answer: Mapping[str, Any]) -> None:
        """Add the answer at the end of the line."""
        opened = record.source.rstrip().removesuffix("}")
        added = as_json(answer).removeprefix("{")
        try:
            self._file.write(f"{opened}, {added}\n".encode())
        except UnicodeEncodeError as error:
            raise UnwritableError(None, error) from error
