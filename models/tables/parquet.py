"""Reads Parquet by pyarrow, which is imported when it is needed."""

from collections.abc import Iterator
from pathlib import Path

from models.tables.columns import unique
from models.tables.dialect import Dialect
from models.tables.records import Place, Row, Table, items_of, unreadable

_ROWS = 512  # of Parquet that are decoded together


def open_parquet(path: Path) -> Table:
    """Open a Parquet file. Raises UserError DATA where it is damaged, also while it is read."""
    import pyarrow
    import pyarrow.parquet

    def rows() -> Iterator[Row]:
        number = 0
        try:
            with file:
                for batch in file.iter_batches(_ROWS):
                    for values in zip(*batch.columns, strict=True):
                        number += 1
                        yield Row(Place(0, number, number), list(values))
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable(path, "Parquet", error) from error

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(path, "Parquet", error) from error
    columns = unique(file.schema_arrow.names)
    return Table(
        str(path), Dialect("parquet"), columns, items_of(columns, rows()), file.schema_arrow
    )
