"""Which rows of a run are to be shown."""

from typing import NamedTuple

from models.arrays import Int64
from tui.batch.findings.query import Query
from tui.batch.findings.result_store import ResultStore


class Selection(NamedTuple):
    """Rows to show: those of a store that a query leaves, in an order.

    Attributes:
        total: rows that the store had.
        line: the query as it was typed.
    """

    results: ResultStore
    query: Query
    order: str
    total: int
    line: str = ""

    @property
    def every(self) -> bool:
        """Whether all rows are shown as they stand in the file."""
        return self.query == Query() and self.order == "file"

    def is_alike(self, other: "Selection") -> bool:
        """Return whether the same is asked, of a store that may have more rows by now."""
        return self == other._replace(total=self.total)

    def rows(self) -> Int64:
        """Return the indices of the rows in the order of the file, as they are corrected by now."""
        return self.results.select(self.query)
