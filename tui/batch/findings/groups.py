"""Answers by a column of the input: rows, labels and rows to review of each value or period."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float64, Int64
from models.console import tr, usage_error
from models.metrics import wilson
from tui.batch.findings import dates
from tui.batch.findings.column_store import is_code, numbers_of, places_of, spelled
from tui.batch.findings.result_store import ResultStore
from tui.batch.status import TO_REVIEW

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
_RANGES = 10  # at most
_BLOCK = 20_000  # cells that become Python's at once


class Share(NamedTuple):
    """Share of a label among labelled rows, with its 95 % interval (Wilson 1927)."""

    label: str
    rows: int
    of: int
    share: float
    low: float
    high: float


class Group(NamedTuple):
    """Rows of one value or period; `review` is the number of those to be reviewed."""

    value: str
    rows: int
    review: int
    shares: list[Share]

    @property
    def review_share(self) -> float:
        """Share of the rows to be reviewed."""
        return self.review / max(self.rows, 1)


def shares_of(labels: Sequence[str], counts: Int64) -> list[Share]:
    """Return the share of each label, by the counts of all `[labels]`."""
    total = int(counts.sum())
    shares = []
    for label, rows in zip(labels, counts.tolist(), strict=True):
        shares.append(Share(label, rows, total, rows / max(total, 1), *wilson(rows, total)))
    return shares


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
    counts: Int64
    rows: Int64
    review: Int64
    other: int

    @classmethod
    def empty(cls, column: str, labels: tuple[str, ...]) -> "Table":
        """Return the table of no rows."""
        none = np.zeros((0, len(labels)), np.int64)
        return cls(column, "value", labels, (), none, none[:, 0], none[:, 0], 0)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def outside(self) -> str:
        """How many rows are in no group, and why."""
        if self.kind in ("range", "number"):
            return tr("{count:row} without a number", count=self.other)
        return tr("{count:row} without a date", count=self.other)

    def group(self, number: int) -> Group:
        """Return a group."""
        shares = shares_of(self.labels, self.counts[number])
        return Group(
            self.names[number],
            int(self.rows[number]),
            int(self.review[number]),
            shares,
        )

    def order(self, by: str | int | None = None, *, descending: bool = False) -> Int64:
        """Return the groups in an order.

        Args:
            by: "name", "rows", "review", or the share of a label by its id; None takes the rows of
                values, most first, and the names of others.
            descending: from the most to the least.
        """
        if by is None and self.kind == "value":
            return self.order("rows", descending=True)
        keys: NDArray[Any] = np.arange(len(self))
        if by == "rows":
            keys = self.rows
        elif by == "review":
            keys = self.review / self.rows
        elif isinstance(by, int):
            keys = self.counts[:, by] / self.counts.sum(axis=1).clip(1)
        return np.argsort(-keys if descending else keys, kind="stable")

    def as_dict(self) -> dict[str, Any]:
        """Return the table as JSON can hold it, shares rounded to a hundredth of a point."""
        groups = []
        for group in map(self.group, range(len(self))):
            labels = {}
            for label, rows, _, *figures in group.shares:
                share, *ends = [round(figure, 4) for figure in figures]
                labels[label] = {"rows": rows, "share": share, "interval": ends}
            value, rows, review, _ = group
            groups.append({"value": value, "rows": rows, "review": review, "labels": labels})
        return {"column": self.column, "by": self.kind, "groups": groups, "other": self.other}


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
    places: Int64
    counts: Int64

    def cell(self, down: int, across: int) -> Int64:
        """Return the rows of two groups by label, then those without one `[labels + 1]`."""
        place = down * (len(self.across) + 1) + across
        first, last = np.searchsorted(self.places, [place, place + 1])
        return self.counts[first:last].sum(axis=0)


def kind_of_group(wanted: str, columns: Collection[str]) -> tuple[str, str | None]:
    """Return a column and how it is grouped: one of `KINDS`, or None where that is not said.

    Raises:
        UserError: USAGE, there is no such column, or no such kind.
    """
    if wanted in columns:
        return wanted, None
    match = re.fullmatch(r"(.+)[:：](\w+)", wanted)
    if match and match[1] in columns and match[2] in KINDS:
        return match[1], match[2]
    raise usage_error(
        "--by {wanted}: expected a column of {columns}, or a column with :{kinds}",
        wanted=wanted,
        columns=list(columns),
        kinds="|".join(KINDS),
    )


def by_column(
    store: ResultStore,
    rows: Int64,
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
    rows: Int64,
    columns: tuple[str, str],
    kinds: tuple[str | None, str | None] = (None, None),
) -> CrossTable:
    """Group rows by two columns at once, as `by_column` does by one."""
    down, groups_down = _by_column(store, rows, columns[0], kinds[0])
    across, groups_across = _by_column(store, rows, columns[1], kinds[1])
    pairs = groups_down * (len(across) + 1) + groups_across
    places, codes = np.unique(pairs, return_inverse=True)
    counts = _counted(store, rows, codes, len(places))
    return CrossTable(down, across, places, counts[:, :-1])


def _by_column(
    store: ResultStore,
    rows: Int64,
    column: str,
    kind: str | None,
) -> tuple[Table, Int64]:
    """Return the groups, and the group of each row; `len(table)` for those in none."""
    cells, places = store.columns.different(column, len(store))
    used, codes = np.unique(places[rows], return_inverse=True)  # cells of other rows tell nothing
    cells = cells.take(used)
    kind = kind or _kind_of(cells)
    names, groups = _grouped(cells, kind)
    groups = groups[codes]
    counts = _counted(store, rows, groups, len(names) + 1)
    of_rows = counts[:, :-1].sum(axis=1)
    figures = counts[:-1, :-2], of_rows[:-1], counts[:-1, -1], int(of_rows[-1])
    return Table(column, kind, store.labels, names, *figures), groups


def _counted(store: ResultStore, rows: Int64, groups: Int64, most: int) -> Int64:
    """Count rows by group `[most, labels + 2]`: by label, without one, to be reviewed."""
    names = len(store.labels)
    counts = np.zeros((most, names + 2), np.int64)
    labels = store.labels_of(rows)
    np.add.at(counts, (groups, np.where(labels < 0, names, labels)), 1)
    review = np.isin(store.column("status")[rows], TO_REVIEW)
    counts[:, -1] = np.bincount(groups[review], minlength=most)
    return counts


def term_of(table: Table, group: int) -> str:
    """Return what a filter must ask for to find the rows of a group."""
    column = f'"{table.column}"'
    name = table.names[group]
    if table.kind == "value":
        return f"{column}==“{name}”" if '"' in name else f'{column}=="{name}"'
    if table.kind != "range":
        return f"{column}={name}"
    low, _, high = name.partition(" – ")
    if high:
        return f"{column}>={low} {column}<{high}"
    return column + name.replace("< ", "<").replace("≥ ", ">=")


def _grouped(cells: Any, kind: str) -> tuple[list[str], Int64]:
    """Return the names of the groups of different cells, and the group of each cell."""
    import pyarrow.compute as pc

    match kind:
        case "range":
            return _in_ranges(numbers_of(cells))
        case "number":
            return _by_number(cells)
        case "value":
            return _by_value(pc.utf8_trim_whitespace(cells))
    keys = dates.names_of(cells, kind, serials=True)
    names = sorted(set(filter(None, keys)))
    places = {key: place for place, key in enumerate([*names, None])}
    return names, np.array([places[key] for key in keys], np.int64)


def _by_value(cells: Any) -> tuple[list[str], Int64]:
    """Take each cell for a group; a million of them are sorted without holding Python's lock."""
    import pyarrow.compute as pc

    encoded = cells.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    ordered = encoded.dictionary.take(order)
    names: list[str] = []
    for begin in range(0, len(ordered), _BLOCK):
        names += ordered.slice(begin, _BLOCK).to_pylist()
    places = np.argsort(order.to_numpy(), kind="stable")
    return names, places[encoded.indices.to_numpy()]


def _by_number(cells: Any) -> tuple[list[str], Int64]:
    """Take each number for a group, what is none for the last."""
    encoded = spelled(cells).dictionary_encode()
    order = np.argsort(places_of(encoded.dictionary), kind="stable")
    names = encoded.dictionary.take(order).to_pylist()
    places = np.append(np.argsort(order), len(names))
    return names, places[encoded.indices.fill_null(len(names)).to_numpy()]


def _kind_of(cells: Any) -> str:
    """Tell how cells are best grouped, by some of them."""
    import pyarrow.compute as pc

    sample = cells[:_SAMPLE]
    sample = sample.filter(pc.match_substring_regex(sample, r"\S"))
    enough = max(_MOST * len(sample), 1)
    periods = dates.names_of(sample, "month")
    if len(periods) - periods.count(None) >= enough:
        return "month"
    is_number = np.isfinite(numbers_of(sample)) & ~is_code(sample).to_numpy(False)
    if is_number.sum() < enough:
        return "value"
    return "range" if len(sample) > _FEW else "number"


def _in_ranges(numbers: Float64) -> tuple[list[str], Int64]:
    """Put numbers in ranges that have about equally many, with ends of two digits."""
    is_number = np.isfinite(numbers)
    tenths = np.linspace(0.1, 0.9, _RANGES - 1)
    ends = np.quantile(numbers[is_number], tenths) if is_number.any() else [0.0]
    edges = sorted({float(f"{end:.2g}") for end in ends})
    shown = [np.format_float_positional(edge, trim="-") for edge in edges]
    middle = [f"{low} – {high}" for low, high in pairwise(shown)]
    names = [f"< {shown[0]}", *middle, f"≥ {shown[-1]}"]
    groups = np.searchsorted(edges, numbers, side="right")
    return names, np.where(is_number, groups, len(names))
