"""Examples: the few rows that stand best for many."""

import numpy as np

from models.arrays import Int64
from tui.batch.findings.result_store import ResultStore

_LOOKED_AT = 100  # rows for each that is wanted
_COPY = 0.5  # share of pairs of characters (Jaccard) from which one text is another's copy


def of(store: ResultStore, rows: Int64, count: int) -> list[int]:
    """Return the indices of rows of which the model is surest, and of middling length.

    Rows in the middle half of the lengths come before others; no text is another's copy, so there
    may be fewer than `count`.
    """
    rows = rows[store.column("label")[rows] >= 0]
    if not len(rows):
        return []
    sizes = store.sizes(rows)
    low, high = np.quantile(sizes, [0.25, 0.75])
    is_corrected = store.labels_of(rows) != store.column("label")[rows]
    is_last = (sizes < low) | (sizes > high) | is_corrected
    order = np.lexsort((-store.column("confidence")[rows], is_last))
    chosen: dict[int, set[str]] = {}
    for index in rows[order[: count * _LOOKED_AT]].tolist():
        pairs = _pairs(store.row(index).text)
        if len(chosen) < count and not any(_alike(pairs, other) for other in chosen.values()):
            chosen[index] = pairs
    return list(chosen)


def _pairs(text: str) -> set[str]:
    """Return the pairs of letters that stand side by side."""
    letters = "".join(filter(str.isalnum, text.casefold()))
    return {letters[i : i + 2] for i in range(max(len(letters) - 1, 1))}


def _alike(first: set[str], second: set[str]) -> bool:
    return len(first & second) >= _COPY * len(first | second)
