"""Reads Parquet by pyarrow, which is imported when it is needed."""

from collections.abc import Iterator

from models.tables.columns import unique
from models.tables.dialect import Dialect
from models.tables.mistaken import refuse
from models.tables.records import ParsedRow, Place, Table, damaged, items_of
from models.tables.source import InputFile

_BATCH = 512  # rows that are decoded together
_BUFFER = 1 << 20  # bytes of a column that are read together


def open_parquet(input: InputFile) -> Table:
    """Open a Parquet file. Raises UserError DATA where it is damaged, also while it is read."""
    import pyarrow
    import pyarrow.parquet

    damage = (pyarrow.ArrowException, OSError)
    if not input.peek(4).startswith(b"PAR1"):
        refuse(input, "parquet")
    try:
        # By default whole row groups are read ahead, and a file may be one.
        file = pyarrow.parquet.ParquetFile(input.whole(), pre_buffer=False, buffer_size=_BUFFER)
    except damage as error:
        raise damaged(input, "Parquet") from error

    def rows() -> Iterator[ParsedRow]:
        number = 0
        try:
            with file:
                for batch in file.iter_batches(_BATCH):
                    for values in zip(*batch.columns, strict=True):
                        number += 1
                        yield ParsedRow(Place(0, number, number), list(values))
        except damage as error:
            raise damaged(input, "Parquet") from error

    schema = file.schema_arrow
    columns = unique(schema.names)
    items = items_of(columns, rows())
    return Table(input, Dialect("parquet"), columns, items, schema)
