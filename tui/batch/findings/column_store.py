"""Columns of the input beside the answers, as text: to show, filter, sort and group rows by."""

import mmap
import tempfile
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from models.arrays import Float64, Int64
from models.console import encodable
from models.tables import Record, shown
from models.tables.cells import EXACT
from tui.batch.writers.base import as_text

_DIGITS = 20  # of a number between words that stands by its value


class ColumnStore:
    """Columns in an Arrow stream in a temporary file, which is mapped into memory.

    One thread appends, any thread reads.

    Args:
        names: names of the columns.
        hidden: those of them that are not for people.

    Attributes:
        names: names of the others.
    """

    def __init__(self, names: Sequence[str], hidden: Collection[str] = ()) -> None:
        import pyarrow

        self.names = tuple(name for name in names if name not in hidden)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the store
        self.schema = pyarrow.schema([(name, pyarrow.string()) for name in names])
        self._writer = pyarrow.ipc.new_stream(self._file, self.schema)
        self._rows, self._size = 0, 0  # rows and bytes of the batches that are complete
        self._read = self.schema.empty_table()

    def add(self, columns: Sequence[Any]) -> None:
        """Add rows as a `pyarrow.StringArray` for each column."""
        import pyarrow

        batch = pyarrow.RecordBatch.from_arrays(columns, schema=self.schema)
        self._writer.write_batch(batch)
        self._file.flush()
        self._size = self._file.tell()
        self._rows += batch.num_rows

    def values(self, name: str, rows: int | None = None) -> Any:
        """Return a column, a `pyarrow.ChunkedArray` of strings; at least so many rows of it."""
        import pyarrow

        if self._read.num_rows < (self._rows if rows is None else rows):
            mapped = mmap.mmap(
                self._file.fileno(),
                self._size,
                access=mmap.ACCESS_READ,
            )
            self._read = pyarrow.ipc.open_stream(pyarrow.py_buffer(mapped)).read_all()
        return self._read.column(name)

    def different(self, name: str, rows: int | None = None) -> tuple[Any, Int64]:
        """Return the different cells of the first rows, a `pyarrow.Array`, and the place of each.

        Args:
            name: name of the column.
            rows: number of rows; None takes all.

        Returns:
            Strings `[different]`; the index of the cell of each row among them `[rows]`.
        """
        encoded = self.values(name, rows)[:rows].dictionary_encode().combine_chunks()
        return encoded.dictionary, encoded.indices.to_numpy()


def numbers_of(cells: Any) -> Float64:
    """Read a `pyarrow.Array` of strings as numbers, 1,234.5 too; NaN for what is none.

    So are those of which a double is another one, beyond 2**53: they are numbers of orders.
    """
    numbers = spelled(cells).fill_null("nan").cast("double").to_numpy()
    return np.where(np.abs(numbers) < EXACT, numbers, np.nan)


def spelled(cells: Any) -> Any:
    """Return the digits of numbers, a `pyarrow.Array` of strings; null for what is none.

    Equal numbers are spelled alike: 1,234.50 is "1234.5". Zeros before a number are part of it, for
    001 and 1 are two codes.
    """
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(cells)
    is_number = pc.match_substring_regex(trimmed, r"^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$")
    digits = pc.replace_substring_regex(trimmed, r"^\+|,", "")
    digits = pc.replace_substring_regex(digits, r"\.0+$|(\.\d*[1-9])0+$", r"\1")
    digits = pc.replace_substring_regex(digits, "^-0$", "0")
    return pc.if_else(is_number, digits, None)


def is_code(cells: Any) -> Any:
    """Return which cells are digits and no quantity: with zeros before them, or very many."""
    import pyarrow.compute as pc

    return pc.match_substring_regex(cells, r"^\s*(0\d|\d{13})\d*\s*$")


def places_of(cells: Any) -> Float64:
    """Return the place of each cell of a `pyarrow.Array` of strings in their order.

    Numbers stand by their value where all are numbers; else what is between digits stands in order
    of its characters, and the numbers in it by their value. Empty cells have infinity.
    """
    import pyarrow.compute as pc

    places = numbers_of(cells)
    is_empty = pc.equal(pc.utf8_trim_whitespace(cells), "").to_numpy(zero_copy_only=False)
    if not np.isfinite(places[~is_empty]).all():
        zeros = "0" * _DIGITS
        lower = pc.utf8_lower(cells)
        longer = pc.replace_substring_regex(lower, r"(\d+)", rf"{zeros}\1")
        last_digits = rf"\d*(\d{{{_DIGITS}}})"
        padded = pc.replace_substring_regex(longer, last_digits, r"\1")
        ranks = pc.rank(padded, tiebreaker="dense")
        places = ranks.to_numpy().astype(np.float64)
    return np.where(is_empty, np.inf, places)


def cells_of(records: Sequence[Record], name: str) -> Any:
    """Return a column of some records as a `pyarrow.StringArray`; "" where one lacks it."""
    return strings([cell_of(record.fields.get(name)) for record in records])


def cell_of(value: Any) -> str:
    """Return a value as it is shown; U+FFFD for what is no text, and nested too deep for JSON."""
    try:
        return as_text(shown(value))
    except RecursionError:
        return "\N{REPLACEMENT CHARACTER}"


def strings(texts: Sequence[str]) -> Any:
    """Return texts as a `pyarrow.StringArray`."""
    import pyarrow

    return pyarrow.array([encodable(text) for text in texts], pyarrow.string())
