"""`classify --by COLUMN`: the answers of a run by columns of its input, for people and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.console import aligned, one_line, tr, usage_error
from tui.batch.findings.finished import open_finished
from tui.batch.findings.groups import Share, Table, by_column, kind_of_group
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import Found
from tui.batch.objects import readable
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

    def __init__(self, wanted: Sequence[str], found: Found, labels: tuple[str, ...]) -> None:
        self._found = found
        self._columns = [kind_of_group(name, found.columns) for name in wanted]
        self._store = ResultStore(labels, list(dict(self._columns)))

    def add(self, chunk: Chunk) -> None:
        """Add the rows of a chunk, without their texts."""
        self._store.append(replace(chunk, texts=[""] * len(chunk.texts)))

    def tables(self, finished: Path | None = None) -> list[Table]:
        """Return a table for each column, of what was added or of an output that is there.

        Raises:
            UserError: as `open_finished`; USAGE, the output has not all columns.
        """
        found = self._found
        for column in [str(found.text_column), *dict(self._columns)]:
            if finished and column not in found.kept:
                raise usage_error(
                    "{path} was written without the column {column}; to write it anew: --force",
                    path=finished,
                    column=column,
                )
        if finished:
            prefix, text_column = found.settings.prefix, found.text_column
            with readable(finished) as path:
                self._store = open_finished(path, prefix=prefix, text_column=text_column)
        rows = np.arange(len(self._store))
        return [by_column(self._store, rows, *column) for column in self._columns]


def lines_of(table: Table) -> Iterator[str]:
    """Yield a table as lines: values by their rows, periods and numbers in their order."""
    yield ""
    lines = [[table.column, tr("rows"), *table.labels, tr("to review")]]
    for group in map(table.group, table.order()[:_SHOWN].tolist()):
        name = one_line(named(group.value), _NAME_CELLS)
        shares = map(written, group.shares)
        lines.append([name, f"{group.rows:,}", *shares, f"{group.review_share:.1%}"])
    yield from aligned(lines, right=range(1, len(lines[0])))
    if len(table) > _SHOWN:
        yield tr("… and {count} more", count=f"{len(table) - _SHOWN:,}")
    if table.other:
        yield table.outside
    yield tr("in brackets: confidence interval (95 %)")


def named(name: str) -> str:
    """Return the name of a group for people."""
    return name or tr("(nothing)")


def written(share: Share) -> str:
    """Return a share with its interval in brackets."""
    if not share.of:
        return "–"
    return f"{share.share:.1%} ({100 * share.low:.1f}–{100 * share.high:.1f})"
