"""Reads a whole table as columns of text: by pyarrow where it reads as we do, else by records."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import Int64
from models.console import data_error
from models.tables import Dialect, Record, format_of, open_table
from models.tables.source import InputFile
from tui.batch.findings.column_store import ColumnStore, cell_of, cells_of, strings
from tui.batch.inspection import Found
from tui.batch.status import WORDS
from tui.batch.writers.csv import in_quotes, special_in

Batch = tuple[Any, list[Any]]
"""Numbers of records, and a `pyarrow.StringArray` for each column."""

Progress = Callable[[int], object]
"""Is told how many rows were read so far; what it raises ends the reading."""

_RECORDS = 8192  # of a batch
_BYTES = 1 << 22  # likewise


def read_columns(
    found: Found, hidden: Collection[str], progress: Progress
) -> tuple[ColumnStore, Int64]:
    """Read all columns of a file as text.

    Args:
        found: what is known of the file.
        hidden: columns that are not for people.
        progress: is told how many rows were read so far.

    Returns:
        The columns, and the number of each record.

    Raises:
        UserError: DATA, a record cannot be read.
    """
    import pyarrow

    ways = [_record_batches]
    if found.dialect.format in ("csv", "tsv"):
        ways.insert(0, _csv_batches)
    elif found.dialect.format == "parquet":
        ways.insert(0, _parquet_batches)
    columns = _columns_of(found)
    for read in ways:
        store = ColumnStore(columns, hidden)
        numbers: list[int] = []
        with suppress(pyarrow.ArrowInvalid):  # what is a record by our rules is none by its
            for batch_numbers, cells in read(found, columns):
                store.add(cells)
                numbers.extend(batch_numbers)
                progress(len(numbers))
            break
    return store, np.array(numbers, np.int64)


def with_quotes(path: Path, dialect: Dialect) -> Dialect:
    """Return the dialect of an output, with quotes for a TSV that `--quoting double` wrote.

    Such a file has quotes around the cells that need them, and around no others.
    """
    format = dialect.format or format_of(path)
    quoted = replace(dialect, quoting="double")
    if dialect.quoting or format != "tsv" or not _has_quote(path):
        return dialect
    special = special_in("\t")
    with open_table(path, quoted) as table:
        for item in table.items:
            if isinstance(item, Record):
                cells = [in_quotes(cell, special) for cell in item.fields.values()]
                if "\t".join(cells).encode() != (item.place.raw or b"").rstrip(b"\r\n"):
                    return dialect
            elif item.code != "repeated_header":
                return dialect
    return quoted


def _has_quote(path: Path) -> bool:
    with InputFile(path) as file:
        return any(b'"' in block for block in iter(lambda: file.read(_BYTES), b""))


def _columns_of(found: Found) -> list[str]:
    """Return all columns; in JSONL the first record may lack what others have."""
    columns = dict.fromkeys(found.columns)
    if found.dialect.format == "jsonl":
        for record in _records(found):
            columns.update(dict.fromkeys(record.fields))
    return list(columns)


def _records(found: Found) -> Iterator[Record]:
    """Yield all records; raises UserError DATA for one that cannot be read."""
    with open_table(Path(found.name), found.dialect) as table:
        for item in table.items:
            if isinstance(item, Record):
                yield item
            elif item.code != "repeated_header":
                raise data_error(
                    "{name}, {reject}; mend it, or classify the texts anew",
                    name=found.name,
                    reject=item,
                )


def _record_batches(found: Found, columns: list[str]) -> Iterator[Batch]:
    records = _records(found)
    while batch := list(islice(records, _RECORDS)):
        numbers = [record.place.number for record in batch]
        yield numbers, [cells_of(batch, name) for name in columns]


def _csv_batches(found: Found, columns: list[str]) -> Iterator[Batch]:
    import pyarrow
    from pyarrow import csv

    dialect = found.dialect
    quoted = dialect.quoting == "double"
    is_utf8 = dialect.encoding in ("utf-8", "utf-8-sig")
    if dialect.quoting not in ("double", "none") or not is_utf8 or dialect.header != 1:
        raise pyarrow.ArrowInvalid
    if quoted and not _is_strict(found):
        raise pyarrow.ArrowInvalid
    parse = csv.ParseOptions(
        delimiter=dialect.delimiter or "\t",
        quote_char='"' if quoted else False,
        newlines_in_values=quoted,
    )
    convert = csv.ConvertOptions(column_types=dict.fromkeys(columns, pyarrow.string()))
    read = csv.ReadOptions(block_size=_BYTES)
    with InputFile(Path(found.name)) as file:
        reader = csv.open_csv(file, read, parse, convert)
        if reader.schema.names != columns:
            raise pyarrow.ArrowInvalid
        yield from _numbered(_of_one_file(reader, found.settings.prefix + "status"))


def _of_one_file(batches: Iterable[Any], status: str) -> Iterator[Any]:
    """Yield batches; raises ArrowInvalid for a header or a mark among them: files were joined."""
    import pyarrow
    import pyarrow.compute as pc

    words = pyarrow.array(WORDS)
    for batch in batches:
        is_answer = pc.is_in(batch.column(status), words)
        is_marked = pc.starts_with(batch.column(0), "\ufeff")
        if not pc.all(is_answer).as_py() or pc.any(is_marked).as_py():
            raise pyarrow.ArrowInvalid
        yield batch


def _is_strict(found: Found) -> bool:
    """Return whether each quote of a CSV begins or ends a cell, or is one of two in it.

    pyarrow also reads what follows a closing quote, which is a reject to us.
    """
    quote = ord('"')
    around = [quote, *str(found.dialect.delimiter).encode(), *b"\r\n"]
    last, quotes = b"\n", 0  # the byte before the block, and how many quotes there are up to it
    with InputFile(Path(found.name)) as file:
        while block := file.read(_BYTES):
            content = np.frombuffer(last + block, np.uint8)
            is_quote = content == quote
            places = np.flatnonzero(is_quote)
            quotes -= int(is_quote[0])
            is_opening = (np.arange(len(places)) + quotes) % 2 == 0
            opening = places[is_opening & (places > 0)]
            closing = places[~is_opening & (places < len(content) - 1)]
            neighbours = np.concatenate([content[opening - 1], content[closing + 1]])
            if not np.isin(neighbours, around).all():
                return False
            quotes += len(places)
            last = block[-1:]
    return quotes % 2 == 0


def _parquet_batches(found: Found, columns: list[str]) -> Iterator[Batch]:  # noqa: ARG001
    from pyarrow.parquet import ParquetFile

    with InputFile(Path(found.name)) as file:
        yield from _numbered(ParquetFile(file.whole()).iter_batches(_RECORDS))


def _numbered(batches: Iterable[Any]) -> Iterator[Batch]:
    number = 1
    for batch in batches:
        numbers = range(number, number + len(batch))
        yield numbers, [_as_strings(column) for column in batch.columns]
        number = numbers.stop


def _as_strings(column: Any) -> Any:
    import pyarrow

    types = pyarrow.types
    is_plain = (types.is_string, types.is_large_string, types.is_integer)
    with suppress(pyarrow.ArrowInvalid):  # bytes that are not UTF-8
        if any(is_one(column.type) for is_one in is_plain):
            column.validate(full=True)
            return column.cast(pyarrow.string()).fill_null("")
    return strings([cell_of(value) for value in column])
