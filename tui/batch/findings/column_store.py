"""Columns of the input beside the answers, as text: to show, filter, sort and group rows by."""

import mmap
import re
import tempfile
from collections.abc import Collection, Sequence
from typing import Any

from models.tables import Record
from tui.batch.writers.base import as_text

_SURROGATE = re.compile("[\ud800-\udfff]")


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
        fields = [(name, pyarrow.string()) for name in names]
        self.schema = pyarrow.schema(fields)
        self._writer = pyarrow.ipc.new_stream(self._file, self.schema)
        self._size = 0  # bytes of the batches that are complete
        self._read: tuple[int, Any] = (0, self.schema.empty_table())

    def append(self, records: Sequence[Record]) -> None:
        """Add the columns of some rows."""
        self.add([strings_of(records, name) for name in self.schema.names])

    def add(self, columns: Sequence[Any]) -> None:
        """Add rows as a `pyarrow.StringArray` for each column."""
        import pyarrow

        batch = pyarrow.RecordBatch.from_arrays(columns, schema=self.schema)
        self._writer.write_batch(batch)
        self._file.flush()
        self._size = self._file.tell()

    def values(self, name: str) -> Any:
        """Return a column of the rows so far, a `pyarrow.ChunkedArray` of strings `[rows]`."""
        import pyarrow

        size, table = self._read
        if size < self._size:
            size = self._size
            mapped = mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ)
            table = pyarrow.ipc.open_stream(pyarrow.py_buffer(mapped)).read_all()
            self._read = (size, table)
        return table.column(name)


def strings_of(records: Sequence[Record], name: str) -> Any:
    """Return a column of some records as a `pyarrow.StringArray`; "" where one lacks it."""
    import pyarrow

    cells = [as_text(record.fields.get(name)) for record in records]
    return pyarrow.array([_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", cell) for cell in cells])
