"""`classify --by COLUMN`: the answers of a run by columns of its input, for people and as JSON."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.console.command import ExitCode, UserError
from models.console.display import aligned, one_line
from models.console.i18n import tr
from tui.batch.findings.finished import open_finished
from tui.batch.findings.groups import KINDS, Table, by_column
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import Found
from tui.batch.objects import readable
from tui.batch.settings import Output
from tui.batch.summary import Chunk

_SHOWN = 30  # groups; JSON has them all
_NAME_CELLS = 24


class ByColumns:
    """Groups the rows of a run by some columns.

    Args:
        wanted: columns, each with one of `KINDS` after a colon where it is not to be found out.
        found: what is known of the input.
        labels: names of the model's labels.

    Raises:
        UserError: USAGE, the input has no such column.
    """

    def __init__(
        self,
        wanted: Sequence[str],
        found: Found,
        labels: tuple[str, ...],
    ) -> None:
        self._found = found
        self._columns = [_column(name, found.columns) for name in wanted]
        self._store = ResultStore(labels, list(dict(self._columns)))

    def add(self, chunk: Chunk) -> None:
        """Add the rows of a chunk, without their texts."""
        texts = [""] * len(chunk.texts)
        self._store.append(replace(chunk, texts=texts))

    def tables(self, finished: Output | None = None) -> list[Table]:
        """Return a table for each column, of what was added or of an output that is there.

        Raises:
            UserError: as `open_finished`; USAGE, the output has not all columns.
        """
        if isinstance(finished, Path):
            with readable(finished) as path:
                self._store = open_finished(path, prefix=self._found.settings.prefix)
        for column, _ in self._columns:
            if column not in self._store.columns.names:
                raise UserError(
                    ExitCode.USAGE,
                    "{path} was written without the column {column}; to write it anew: --force",
                    path=finished,
                    column=column,
                )
        rows = np.arange(len(self._store))
        tables = []
        for column, kind in self._columns:
            table = by_column(self._store, rows, column, kind)
            tables.append(table)
        return tables


def lines_of(table: Table) -> Iterator[str]:
    """Yield a table as lines: values by their rows, periods and numbers in their order."""
    yield ""
    groups = table.order()
    lines = [[table.column, tr("rows"), *table.labels, tr("to review")]]
    for group in groups[:_SHOWN].tolist():
        name = one_line(named(table.names[group]), _NAME_CELLS)
        rows = f"{table.rows[group]:,}"
        labels = range(len(table.labels))
        shares = [share_of(table, label, group) for label in labels]
        lines.append([name, rows, *shares, review_of(table, group)])
    yield from aligned(lines, right=range(1, len(lines[0])))
    if len(groups) > _SHOWN:
        yield tr("… and {count} more", count=f"{len(groups) - _SHOWN:,}")
    if table.other:
        yield outside(table)
    yield tr("in brackets: confidence interval (95 %)")


def named(name: str) -> str:
    """Return the name of a group for people."""
    return name or tr("(nothing)")


def review_of(table: Table, group: int) -> str:
    """Return the share of rows to be reviewed in a group."""
    return f"{table.review[group] / table.rows[group]:.1%}"


def share_of(table: Table, label: int, group: int) -> str:
    """Return the share of a label in a group, with its interval in brackets."""
    if not table.counts[group].any():
        return "–"
    low, high = table.interval(group, label)
    return f"{table.share(group, label):.1%} ({100 * low:.1f}–{100 * high:.1f})"


def outside(table: Table) -> str:
    """Return how many rows are in no group, and why."""
    if table.kind in ("range", "number"):
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
