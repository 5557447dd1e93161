"""Writes Parquet by pyarrow, which is imported when it is needed."""

from collections.abc import Sequence
from typing import Any

from models.tables import Table
from tui.batch.answer import AnswerColumns
from tui.batch.journal import Sink
from tui.batch.writers.base import Writer, as_text

_ROW_GROUP = 16_384  # rows that are written together, and so held in memory


class ParquetWriter(Writer):
    """Columns of a Parquet input keep their types; all others but the answer's are text."""

    def __init__(
        self, file: Sink, columns: Sequence[str], table: Table, answer: AnswerColumns
    ) -> None:
        import pyarrow
        import pyarrow.parquet

        super().__init__(file, columns)
        self._arrow = pyarrow
        self._types = {answer.id: pyarrow.int64()}
        for name in (answer.confidence, *answer.probabilities):
            self._types[name] = pyarrow.float64()
        if table.schema is not None:
            self._types.update(zip(table.columns, table.schema.types, strict=True))
        text = pyarrow.string()
        self._schema = pyarrow.schema([(name, self._types.get(name, text)) for name in columns])
        self._rows: list[list[Any]] = []
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema)

    def _cell(self, column: str, value: Any, /) -> Any:
        if column in self._types or value is None:
            return value
        text = as_text(value)
        text.encode()  # raises ValueError for half a surrogate pair
        return text

    def _add(self, cells: list[Any]) -> None:
        self._rows.append(cells)
        if len(self._rows) == _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        arrays = []
        for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True):
            if hasattr(values[0], "as_py"):
                # Scalars of any type, nested ones too, become an array only one by one.
                ones = [self._arrow.repeat(value, 1) for value in values]
                arrays.append(self._arrow.concat_arrays(ones))
            else:
                arrays.append(self._arrow.array(values, type=field.type))
        table = self._arrow.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table)
        self._rows.clear()

    def close(self) -> None:
        """Write the last rows, and what a file ends with."""
        if self._rows:
            self._flush()
        self._writer.close()
