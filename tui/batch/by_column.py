"""`classify --by COLUMN`: the answers of a run by columns of its input, for people and as JSON."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from models.console.command import ExitCode, UserError
from models.console.display import aligned, one_line
from models.console.i18n import tr
from tui.batch.findings.groups import KINDS, Table, by_column
from tui.batch.findings.result_store import ResultStore
from tui.batch.summary import Chunk

_SHOWN = 30  # groups; JSON has them all
_NAME_CELLS = 24


class ByColumns:
    """Groups the rows of a run by some columns.

    Args:
        wanted: columns, each with one of `KINDS` after a colon where it is not to be found out.
        columns: names of all columns of the input.
        labels: names of the model's labels.

    Raises:
        UserError: USAGE, the input has no such column.
    """

    def __init__(
        self,
        wanted: Sequence[str],
        columns: Collection[str],
        labels: tuple[str, ...],
    ) -> None:
        self._columns = [_column(name, columns) for name in wanted]
        self._store = ResultStore(labels, list(dict(self._columns)))

    def add(self, chunk: Chunk) -> None:
        """Add the rows of a chunk, without their texts."""
        texts = [""] * len(chunk.texts)
        self._store.append(replace(chunk, texts=texts))

    def tables(self) -> list[Table]:
        """Return a table for each column."""
        rows = np.arange(len(self._store))
        tables = []
        for column, kind in self._columns:
            table = by_column(self._store, rows, column, kind)
            tables.append(table)
        return tables


def lines_of(table: Table) -> Iterator[str]:
    """Yield a table as lines: values by their rows, periods and numbers in their order."""
    groups = table.order("name")
    if table.kind == "value":
        groups = table.order("rows", descending=True)
    lines = [[table.column, tr("rows"), *table.labels, tr("to review")]]
    for group in groups[:_SHOWN].tolist():
        rows = int(table.rows[group])
        shares = []
        for label in range(len(table.labels)):
            low, high = table.interval(group, label)
            share = float(table.shares(label)[group])
            shares.append(f"{share:.1%} ({100 * low:.1f}–{100 * high:.1f})")
        name = one_line(table.names[group], _NAME_CELLS) or tr("(nothing)")
        lines.append([name, f"{rows:,}", *shares, f"{table.review[group] / rows:.1%}"])
    yield from aligned(lines, right=range(1, len(lines[0])))
    if len(groups) > _SHOWN:
        yield tr("… and {count} more", count=f"{len(groups) - _SHOWN:,}")
    if table.other:
        yield outside(table)
    yield tr("in brackets: confidence interval (95 %)")


def outside(table: Table) -> str:
    """Return how many rows are in no group, and why."""
    if table.kind == "range":
        return tr("{count:row} without a number", count=table.other)
    return tr("{count:row} without a date", count=table.other)


def _column(wanted: str, columns: Collection[str]) -> tuple[str, str | None]:
    """Return a column and how it is grouped."""
    if wanted in columns:
        return wanted, None
    match = re.fullmatch(r"(.+)[:：](\w+)", wanted)
    if match and match[1] in columns and match[2] in KINDS:
        return match[1], match[2]
    raise UserError(
        ExitCode.USAGE,
        "--by {wanted}: expected a column of {columns}, or a column with :{kinds}",
        wanted=wanted,
        columns=", ".join(columns),
        kinds="|".join(KINDS),
    )
