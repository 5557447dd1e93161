"""Two labelled files side by side: the same records, and where their labels differ."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from models.arrays import Int64
from models.console import aligned, data_error, one_line, tr, usage_error
from models.metrics import Metrics
from tui.batch.findings.result_store import ResultRow, ResultStore
from tui.batch.summary import TEXT_WIDTH, scores

_SHOWN = 20  # records; JSON has them all
_MIXER = 0x1E3779B97F4A7C15  # an odd number, so that no two of a text have one key


@dataclass(frozen=True)
class Side:
    """One of the files.

    Attributes:
        store: its answers.
        rows: indices of the records that the other file has, too `[pairs]`.
        names: names of the labels of either file.
    """

    store: ResultStore
    rows: Int64
    names: tuple[str, ...]

    @cached_property
    def labels(self) -> Int64:
        """Labels of the records, by their places in `names`, -1 for none `[pairs]`."""
        return self._named(self.store.labels_of(self.rows))

    @property
    def truths(self) -> Int64:
        """True labels likewise."""
        return self._named(self.column("truth"))

    def _named(self, ids: Int64) -> Int64:
        places = [self.names.index(label) for label in self.store.labels]
        return np.array([*places, -1])[ids]  # -1, for none, is the last

    def column(self, name: str) -> Any:
        """Return an attribute of `ResultRow` `[pairs]`."""
        return self.store.column(name)[self.rows]

    def row(self, pair: int) -> ResultRow:
        """Return a record as this file has it."""
        return self.store.row(int(self.rows[pair]))

    def answer(self, pair: int) -> tuple[str, float]:
        """Return the label of a record, "" for none, and its confidence."""
        row = self.row(pair)
        label = self.store.labels[row.final] if row.final >= 0 else ""
        return label, round(row.confidence, 6)


@dataclass(frozen=True)
class Comparison:
    """Records that two files have both, with the same text.

    Attributes:
        sides: both files.
        differing: pairs whose labels differ, those first of which both sides are surest.
        changed: number of records whose texts differ, which are no pairs.
    """

    sides: tuple[Side, Side]
    differing: Int64
    changed: int

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels of either file."""
        return self.sides[0].names

    @property
    def counts(self) -> Int64:
        """Pairs by their labels in the first and in the second file `[labels, labels]`."""
        first, second = (side.labels for side in self.sides)
        both = (first >= 0) & (second >= 0)
        return Metrics.of(first[both], second[both], len(self.labels)).confusion

    @property
    def metrics(self) -> list[Metrics | None]:
        """Scores of either file on the pairs with a true label; None without any."""
        first, second = self.sides
        truths = np.where(first.truths < 0, second.truths, first.truths)
        known = (truths >= 0) & (first.labels >= 0) & (second.labels >= 0)
        if not known.any():
            return [None, None]
        size = len(self.labels)
        return [Metrics.of(truths[known], side.labels[known], size) for side in self.sides]

    def cells(self, pair: int) -> list[str]:
        """Return the number of a record, both labels with their confidences, and its text."""
        row = self.sides[0].row(pair)
        answers = [side.answer(pair) for side in self.sides]
        shown = [f"{label} {confidence:.1%}" if label else "–" for label, confidence in answers]
        return [f"{row.number:,}", *shown, row.text]

    def lines(self) -> list[str]:
        """Return what there is to say about both files."""
        first, second = self.sides
        pairs = len(first.rows)
        lines = [
            tr(
                "{pairs:record} in both; {first:,} only in the first, {second:,} in the second",
                pairs=pairs,
                first=len(first.store) - pairs - self.changed,
                second=len(second.store) - pairs - self.changed,
            ),
            tr(
                "labels that differ: {count:,} ({share})",
                count=len(self.differing),
                share=f"{len(self.differing) / max(pairs, 1):.2%}",
            ),
        ]
        if self.changed:
            lines.append(
                tr("left out, because their texts differ: {count:record}", count=self.changed)
            )
        table = [[tr("first \\ second"), *self.labels]]
        table += [[name, *row] for name, row in zip(self.labels, self.counts, strict=True)]
        lines += aligned(table, right=range(1, len(table)))
        for name, metrics in zip((tr("first"), tr("second")), self.metrics, strict=True):
            if metrics is not None:
                lines.append(f"{name}: {scores(metrics, self.labels)[0]}")
        return lines

    def table(self) -> list[str]:
        """Return lines with the first of the records whose labels differ."""
        shown = [self.cells(pair) for pair in self.differing[:_SHOWN].tolist()]
        lines = aligned([[*cells, one_line(text, TEXT_WIDTH)] for *cells, text in shown], right=[0])
        if more := len(self.differing) - len(lines):
            lines.append(tr("… and {count} more", count=f"{more:,}"))
        return lines

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        records = []
        for pair in self.differing.tolist():
            row = self.sides[0].row(pair)
            answers = [side.answer(pair) for side in self.sides]
            records.append({"record": row.number, "answers": answers, "text": row.text})
        return {
            "records": len(self.sides[0].rows),
            "left_out": self.changed,
            "labels": self.labels,
            "counts": self.counts.tolist(),
            "scores": [metrics and metrics.as_dict() for metrics in self.metrics],
            "differing": records,
        }


def compare(first: ResultStore, second: ResultStore, key: str | None = None) -> Comparison:
    """Find the records that two files have both.

    Args:
        first: answers of one file.
        second: answers of the other.
        key: column by whose cells a record is known; None for its text, the first of a text in one
            file being the first in the other.

    Raises:
        UserError: DATA, a cell of that column stands twice, or the records are not the same;
            USAGE, there is no such column.
    """
    import pyarrow.compute as pc

    keys = [_keys(store, key) for store in (first, second)]
    places = pc.index_in(*keys).fill_null(-1).to_numpy().astype(np.int64)
    known = np.flatnonzero(places >= 0)
    same = first.column("hash")[known] == second.column("hash")[places[known]]
    found = known[same]
    changed = len(known) - len(found)
    expected = min(len(first), len(second)) if key is None else len(known)
    if not len(found) or 2 * len(found) < expected:
        raise data_error(
            "expected two files with the same records, found {count:record} with the same text; "
            "name a column that both have to match them by",
            count=len(found),
        )
    names = tuple(dict.fromkeys(first.labels + second.labels))
    sides = Side(first, found, names), Side(second, places[found], names)
    differing = np.flatnonzero(sides[0].labels != sides[1].labels)
    sure = sum(side.column("confidence")[differing] for side in sides)
    return Comparison(sides, differing[np.argsort(-sure, kind="stable")], changed)


def _keys(store: ResultStore, key: str | None) -> Any:
    """Return what each record is known by, a `pyarrow.Array`."""
    import pyarrow as pa

    if key is None:
        return pa.array(_keys_of(store.column("hash")))
    if key not in store.columns.names:
        raise usage_error(
            "--key {key}: expected a column of {columns}",
            key=key,
            columns=store.columns.names,
        )
    keys = store.values(key)
    if len(keys.unique()) < len(keys):
        raise data_error(
            "--key {key}: expected a column whose cells all differ, as numbers of orders do",
            key=key,
        )
    return keys


def _keys_of(hashes: Int64) -> Int64:
    """Return a key for each text, the second of a text having another one than the first."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.searchsorted(ordered, ordered)
    number = np.empty_like(order)  # among those of the same text
    number[order] = np.arange(len(order)) - first
    return hashes + _MIXER * number
