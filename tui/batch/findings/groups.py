"""Answers by a column of the input: rows, labels and rows to review of each value or period."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.metrics import wilson
from tui.batch.answer import TO_REVIEW
from tui.batch.findings import dates
from tui.batch.findings.column_store import numbers_of
from tui.batch.findings.result_store import ResultStore

KINDS = (
    *dates.PERIODS,
    "range",
    "number",
    "value",
)
"""How cells are grouped: dates by a period, numbers in ranges or one by one, or as they are."""

_SAMPLE = 1000  # different cells by which it is told what a column holds
_MOST = 0.5  # share of those with something in them that must be dates, or numbers
_FEW = 20  # different numbers that are not put in ranges
_RANGES = 8  # about so many

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """Groups of rows, in the order of their names.

    Attributes:
        column: column that they are grouped by.
        kind: one of `KINDS`.
        labels: names of the labels.
        names: name of each group: a cell, a period as `dates.names_of` has it, or a range.
        counts: rows by label `[groups, labels]`; rows without a label are in none.
        rows: rows of each group `[groups]`.
        review: those of them that are to be reviewed `[groups]`.
        other: rows in no group: what they hold is no date, or no number.
    """

    column: str
    kind: str
    labels: tuple[str, ...]
    names: Sequence[str]
    counts: Counts
    rows: Counts
    review: Counts
    other: int

    def __len__(self) -> int:
        return len(self.names)

    def shares(self, label: int) -> NDArray[Any]:
        """Return the share of a label among the labelled rows `[groups]`, 0 where none is."""
        labelled = self.counts.sum(axis=1).clip(1)
        return np.asarray(self.counts[:, label] / labelled)

    def interval(self, group: int, label: int) -> tuple[float, float]:
        """Return the 95 % interval of the share (Wilson 1927)."""
        counts = self.counts[group]
        return wilson(int(counts[label]), int(counts.sum()))

    def order(self, by: str | int, *, descending: bool = False) -> Counts:
        """Return the groups in an order: by "name", "rows", "review", or the share of a label."""
        keys: NDArray[Any] = np.arange(len(self))
        if by == "rows":
            keys = self.rows
        elif by == "review":
            keys = self.review / self.rows
        elif isinstance(by, int):
            keys = self.shares(by)
        return np.argsort(-keys if descending else keys, kind="stable")

    def as_dict(self) -> dict[str, Any]:
        """Return the table as JSON can hold it, shares rounded to a hundredth of a point."""
        groups = []
        for group, name in enumerate(self.names):
            labels = {}
            for label, title in enumerate(self.labels):
                ends = self.interval(group, label)
                labels[title] = {
                    "rows": int(self.counts[group, label]),
                    "share": round(float(self.shares(label)[group]), 4),
                    "interval": [round(end, 4) for end in ends],
                }
            found = {
                "value": name,
                "rows": int(self.rows[group]),
                "review": int(self.review[group]),
                "labels": labels,
            }
            groups.append(found)
        return {
            "column": self.column,
            "by": self.kind,
            "groups": groups,
            "other": self.other,
        }


@dataclass(frozen=True)
class CrossTable:
    """Groups of rows by two columns.

    Attributes:
        down: groups by the first column.
        across: groups by the second.
        places: numbers of the pairs that have rows, ascending: down · (len(across) + 1) + across.
        counts: rows of these pairs by label, then those without one `[pairs, labels + 1]`.
    """

    down: Table
    across: Table
    places: Counts
    counts: Counts

    def cell(self, down: int, across: int) -> Counts:
        """Return the rows of two groups by label, then those without one `[labels + 1]`."""
        width = len(self.across) + 1
        place = down * width + across
        found = int(np.searchsorted(self.places, place))
        if found < len(self.places) and self.places[found] == place:
            counts: Counts = self.counts[found]
            return counts
        return np.zeros(self.counts.shape[1], dtype=np.int64)


def by_column(
    store: ResultStore,
    rows: Counts,
    column: str,
    kind: str | None = None,
) -> Table:
    """Group rows by a column of the input.

    Args:
        store: the rows of a run.
        rows: indices of those that count.
        column: name of the column.
        kind: one of `KINDS`; None takes "month" for dates, "number" for a few different numbers,
            "range" for more, else "value".
    """
    table, _ = _by_column(store, rows, column, kind)
    return table


def crossed(
    store: ResultStore,
    rows: Counts,
    columns: tuple[str, str],
    kinds: tuple[str | None, str | None] = (None, None),
) -> CrossTable:
    """Group rows by two columns at once, as `by_column` does by one."""
    down, groups_down = _by_column(store, rows, columns[0], kinds[0])
    across, groups_across = _by_column(store, rows, columns[1], kinds[1])
    width = len(across) + 1
    pairs = groups_down * width + groups_across
    places, codes = np.unique(pairs, return_inverse=True)
    counts = _counted(store, rows, codes, len(places))
    return CrossTable(down, across, places, counts[:, :-1])


def labels_of(store: ResultStore, rows: Counts) -> NDArray[Any]:
    """Return the label of each row, -1 for none."""
    labels: NDArray[Any] = store.column("label")[rows]
    return labels


def _by_column(
    store: ResultStore,
    rows: Counts,
    column: str,
    kind: str | None,
) -> tuple[Table, Counts]:
    """Return the groups, and the group of each row; `len(table)` for those in none."""
    import pyarrow as pa

    encoded = store.values(column).dictionary_encode().combine_chunks()
    codes = encoded.indices.to_numpy()[rows]
    used, codes = np.unique(codes, return_inverse=True)  # cells of other rows tell nothing
    cells = encoded.dictionary.take(pa.array(used))
    kind = kind or _kind_of(cells)
    names, groups = _grouped(cells, kind)
    groups = groups[codes]
    counts = _counted(store, rows, groups, len(names) + 1)
    of_rows = counts[:, :-1].sum(axis=1)
    table = Table(
        column=column,
        kind=kind,
        labels=store.labels,
        names=names,
        counts=counts[:-1, :-2],
        rows=of_rows[:-1],
        review=counts[:-1, -1],
        other=int(of_rows[-1]),
    )
    return table, groups


def _counted(store: ResultStore, rows: Counts, groups: Counts, most: int) -> Counts:
    """Count rows by group `[most, labels + 2]`: by label, without one, to be reviewed."""
    names = len(store.labels)
    counts = np.zeros((most, names + 2), dtype=np.int64)
    labels = labels_of(store, rows)
    np.add.at(counts, (groups, np.where(labels < 0, names, labels)), 1)
    review = np.isin(store.column("status")[rows], TO_REVIEW)
    counts[:, -1] = np.bincount(groups[review], minlength=most)
    return counts


def _grouped(cells: Any, kind: str) -> tuple[list[str], Counts]:
    """Return the names of the groups of different cells, and the group of each cell."""
    if kind == "range":
        return _in_ranges(numbers_of(cells))
    if kind in ("number", "value"):
        return _by_value(cells)
    periods = dates.names_of(cells, kind, serials=True)
    names = sorted({name for name in periods if name})
    places = {name: place for place, name in enumerate(names)}
    groups = [places.get(name or "", len(names)) for name in periods]
    return names, np.array(groups, dtype=np.int64)


def _kind_of(cells: Any) -> str:
    """Tell how cells are best grouped, by some of them."""
    import pyarrow.compute as pc

    sample = cells[:_SAMPLE]
    sample = sample.filter(pc.match_substring_regex(sample, r"\S"))
    enough = max(_MOST * len(sample), 1)
    periods = dates.names_of(sample, "month")
    if len(periods) - periods.count(None) >= enough:
        return "month"
    numbers = numbers_of(sample)
    if np.isfinite(numbers).sum() < enough:
        return "value"
    return "range" if len(sample) > _FEW else "number"


def _by_value(cells: Any) -> tuple[list[str], Counts]:
    """Make each cell a group: numbers in their order, then the other cells."""
    import pyarrow as pa

    columns = {
        "number": numbers_of(cells),
        "cell": cells,
        "place": np.arange(len(cells)),
    }
    table = pa.table(columns)
    table = table.sort_by([("number", "ascending"), ("cell", "ascending")])
    groups = np.empty(len(cells), dtype=np.int64)
    groups[table["place"]] = columns["place"]
    return table["cell"].to_pylist(), groups


def _in_ranges(numbers: NDArray[np.float64]) -> tuple[list[str], Counts]:
    """Put numbers in ranges that are equally wide, but for the first and the last, which are open.

    Their step is 1, 2 or 5 times a power of ten; they cover the numbers but for 2 % on either side.
    """
    is_number = np.isfinite(numbers)
    edges = _edges(numbers[is_number])
    shown = [f"{edge:.12g}" for edge in edges]
    middle = [f"{low} – {high}" for low, high in pairwise(shown)]
    names = [f"< {shown[0]}", *middle, f"≥ {shown[-1]}"]
    groups = np.searchsorted(edges, numbers, side="right")
    groups[~is_number] = len(names)
    return names, groups


def _edges(numbers: NDArray[np.float64]) -> NDArray[Any]:
    """Return where one range ends and the next begins."""
    if not len(numbers):
        return np.zeros(1)
    low, high = np.quantile(numbers, (0.02, 0.98))
    width = (high - low) / _RANGES
    if width == 0:
        return np.array([low])
    power = 10.0 ** np.floor(np.log10(width))
    step = 10 * power
    for factor in (5, 2, 1):
        if factor * power >= width:
            step = factor * power
    first = np.ceil(low / step)
    last = np.floor(high / step)
    numbered = np.arange(first, last + 1)
    return np.asarray(step * numbered)
