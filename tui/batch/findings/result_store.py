"""Results of a file run in columns: a million rows filter, sort and search in moments.

The worker's thread appends, any thread reads. Answers are one NumPy array; the texts are a column
of the `ColumnStore` in which those of the input stand.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float64, Int64, Mask
from models.metrics import Metrics
from tui.batch.answer import doubts_of
from tui.batch.findings.column_store import ColumnStore, cells_of, places_of, strings
from tui.batch.findings.query import COMPARE, IS, Query, Term, any_of
from tui.batch.status import Status
from tui.batch.summary import Chunk

Rows = Int64 | slice

EVERY = slice(None)
"""All rows."""

HISTOGRAM_BINS = 10

ORDERS = {
    "file": ("number", 1),
    "unsure": ("confidence", 1),
    "sure": ("confidence", -1),
    "label": ("label", 1),
    "status": ("status", -1),
    "truth": ("truth", 1),
}
"""Orders of rows: column, and 1 for ascending. Rows without a label (in "truth", a true one) come
last in all but "file"."""

ASCENDING, DESCENDING = "↑", "↓"

_TEXT = "\0"  # no column has this name that a user can give


class ResultRow(NamedTuple):
    """One row of the results.

    Attributes:
        number: of its record in the input.
        label: id, -1 for a record without text.
        confidence: probability of the label.
        status: a `Status`.
        truth: id of the true label, -1 where it is not known.
        corrected: id of the label that the user gave, -1 where there is none.
        text: the text, or its beginning.
    """

    number: int
    label: int
    confidence: float
    status: int
    truth: int
    corrected: int
    text: str

    @property
    def final(self) -> int:
        """Id of the label that counts: the user's where there is one, else the model's."""
        return self.label if self.corrected < 0 else self.corrected

    @property
    def wrong(self) -> bool:
        """Whether the label that counts differs from the true one."""
        return self.truth >= 0 and self.final >= 0 and self.final != self.truth


_ROW = np.dtype(
    {
        "names": ["number", "label", "confidence", "status", "truth", "corrected", "hash"],
        "formats": ["i8", "i2", "f4", "u1", "i2", "i2", "i8"],
    }
)
"""Attributes of `ResultRow`; the hash of its text."""


class ResultStore:
    """Rows of a file run so far.

    Args:
        labels: names of the model's labels.
        columns: names of the columns of the input that are kept beside the texts; or the columns
            of rows that are yet to be added by `extend`.
        text_column: name of the column of the texts, which is none of `columns` unless those are
            a `ColumnStore`.
        given: labels that a user gave before, by text; those of `correct` go before them.

    Attributes:
        counts: rows by the label that counts, int64 `[labels]`.
        corrected: number of rows with a label that the user gave.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        columns: Sequence[str] | ColumnStore = (),
        *,
        text_column: str = _TEXT,
        given: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(columns, ColumnStore):
            columns = ColumnStore([*columns, text_column], hidden=[text_column])
        self.labels = labels
        self.columns = columns
        self._text_column = text_column
        self._given = given or {}
        self._corrections: dict[int, int] = {}  # hash of a text → label
        self.counts: Int64 = np.zeros(len(labels), np.int64)
        self.corrected = 0
        self._counting = threading.Lock()
        # A view of the rows that are complete. Readers take it once: it is replaced as a whole.
        self._rows: NDArray[Any] = np.empty(0, _ROW)
        self._buffer = np.empty(1024, _ROW)

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, chunk: Chunk) -> None:
        """Add the rows of a chunk; for one thread only."""
        columns = {name: cells_of(chunk.records, name) for name in self.columns.names}
        columns[self._text_column] = strings(chunk.texts)
        self.columns.add([columns[name] for name in self.columns.schema.names])
        answers = {
            "number": [record.place.number for record in chunk.records],
            "label": chunk.ids,
            "confidence": chunk.confidences,
            "status": chunk.statuses,
            "truth": -1 if chunk.truths is None else chunk.truths,
        }
        self.extend(chunk.texts, answers)

    def extend(self, texts: Sequence[str], answers: Mapping[str, Any]) -> None:
        """Add rows whose columns of the input are there; for one thread only.

        Args:
            texts: of the rows.
            answers: their other attributes of `ResultRow`, by name, each `[rows]`.
        """
        start = len(self._rows)
        end = start + len(texts)
        with self._counting:
            if end > len(self._buffer):
                buffer = np.empty(max(end, 2 * len(self._buffer)), _ROW)
                buffer[:start] = self._rows
                self._buffer = buffer
            added = self._buffer[start:end]
            for name, values in answers.items():
                added[name] = values
            added["hash"] = [hash(text) for text in texts]
            self._correct(added)
            self.counts = self.counts + self.count(_final(added))
            self.corrected += int(np.count_nonzero(added["corrected"] >= 0))
            self._rows = self._buffer[:end]

    def correct(self, corrections: Mapping[str, str]) -> None:
        """Let labels that the user gave count, for these texts and no others.

        Args:
            corrections: text → label; one that is no label of this model is passed over.
        """
        ids = {label: number for number, label in enumerate(self.labels)}
        every = {**self._given, **corrections}
        with self._counting:
            known = {hash(text): ids[name] for text, name in every.items() if name in ids}
            self._corrections = known
            self._correct(self._rows)
            self.counts = self.count(self.labels_of())
            self.corrected = int(np.count_nonzero(self.corrected_of() >= 0))

    def _correct(self, rows: NDArray[Any]) -> None:
        """Note the labels that the user gave in some rows."""
        rows["corrected"] = -1
        if self._corrections:
            keys, labels = np.array(sorted(self._corrections.items())).T
            places = np.searchsorted(keys[:-1], rows["hash"])
            found = keys[places] == rows["hash"]
            rows["corrected"][found] = labels[places[found]]

    def corrected_of(self, rows: Rows = EVERY) -> Int64:
        """Return the labels that the user gave to some rows, -1 where there is none, `[rows]`."""
        return self._rows["corrected"][rows]

    def labels_of(self, rows: Rows = EVERY) -> Int64:
        """Return the labels that count: the user's where there is one, else the model's, `[rows]`.

        Rows without any have -1.
        """
        return _final(self._rows[rows])

    def values(self, name: str) -> Any:
        """Return a column of the input, a `pyarrow.ChunkedArray` of strings `[rows]`."""
        rows = len(self._rows)
        return self.columns.values(name, rows)[:rows]

    def column(self, name: str) -> NDArray[Any]:
        """Return the column of an attribute of `ResultRow` but the text, `[rows]`."""
        return self._rows[name]

    def cell(self, name: str, index: int) -> str:
        """Return a cell of a column of the input."""
        return str(self.columns.values(name, index + 1)[index])

    def row(self, index: int, text_bytes: int | None = None) -> ResultRow:
        """Return a row, with no more of its text than its first `text_bytes`."""
        *answer, _ = self._rows[index].item()
        encoded = self.columns.values(self._text_column, index + 1)[index].as_buffer()
        text = encoded[:text_bytes].to_pybytes().decode("utf-8", "replace")  # a cut character
        return ResultRow._make([*answer, text])

    def texts(self, rows: Int64) -> list[str]:
        """Return the texts of some rows, whole."""
        if not len(rows):
            return []
        start = int(rows.min())
        texts = self.values(self._text_column)[start : int(rows.max()) + 1]
        return list(texts.take(rows - start).to_pylist())

    def sizes(self, rows: Int64) -> Int64:
        """Return the bytes that the texts of some rows take, `[rows]`."""
        import pyarrow.compute as pc

        return pc.binary_length(self.values(self._text_column)).to_numpy()[rows]

    def select(self, query: Query, order: str = "file") -> Int64:
        """Return the indices of the rows that are wanted, in an order.

        Args:
            query: what is wanted.
            order: one of `ORDERS`; or `ASCENDING` or `DESCENDING` before the name of a column.
        """
        rows = self._rows
        wanted = np.ones(len(rows), bool)
        for term in query.terms:
            wanted &= self._meet(term, rows) != term.negated
        found: Int64 = np.flatnonzero(wanted)
        if order == "file":
            return found
        if order in ORDERS:
            name, sign = ORDERS[order]
            label = _final(rows)
            keys = (label if name == "label" else rows[name]).astype(np.float64)
            keys[(rows["truth"] if name == "truth" else label) < 0] = np.inf
        else:
            sign = 1 if order[0] == ASCENDING else -1
            cells, places = self.columns.different(order[1:], len(rows))
            keys = places_of(cells)[places]
        keys = np.where(np.isinf(keys), keys, sign * keys)[found]
        return found[np.argsort(keys, kind="stable")]

    def _meet(self, term: Term, rows: NDArray[Any]) -> Mask:
        """Return which rows have one of the values of a term, `[rows]`."""
        label = _final(rows)
        match term.field:
            case "text":
                return self._contain(term.values, len(rows))
            case "label":
                return np.isin(label, term.values)
            case "status":
                return np.isin(rows["status"], term.values)
            case "confidence":
                bound = np.float32(term.values[0])
                return (rows["label"] >= 0) & COMPARE[term.sign](rows["confidence"], bound)
            case "column":
                cells, places = self.columns.different(term.column, len(rows))
                return term.matches(cells)[places]
        known = (label >= 0) & (rows["truth"] >= 0)
        right = label == rows["truth"]
        states = {
            "wrong": known & ~right,
            "right": known & right,
            "corrected": rows["corrected"] >= 0,
        }
        return any_of([states[IS[value]] for value in term.values])

    def _contain(self, parts: Sequence[str], rows: int) -> Mask:
        """Return whose text contains one of some parts, whatever the case, `[rows]`."""
        import pyarrow.compute as pc

        texts = self.columns.values(self._text_column, rows)[:rows]
        matches = [pc.match_substring(texts, part, ignore_case=True) for part in parts]
        return any_of([match.to_numpy() for match in matches])

    # Figures

    def count(self, labels: Int64) -> Int64:
        """Count labels, `[labels]`; -1 is none."""
        return np.bincount(labels[labels >= 0], minlength=len(self.labels))

    def statuses(self, rows: Rows = EVERY) -> tuple[Int64, Float64]:
        """Count some rows by `Status`, and how many of each are wrong, as the model expects it."""
        taken = self._rows[rows]
        counts = np.bincount(taken["status"], minlength=len(Status))
        return counts, doubts_of(taken["status"], taken["confidence"])

    def metrics(self, rows: Rows = EVERY) -> Metrics | None:
        """Score the labels that count in rows with a true label; None without any."""
        taken = self._rows[rows]
        labels = _final(taken)
        known = (labels >= 0) & (taken["truth"] >= 0)
        if not known.any():
            return None
        truths = taken["truth"][known].astype(np.int64)
        return Metrics.of(truths, labels[known], len(self.labels))

    def histogram(self, rows: Rows = EVERY) -> Int64:
        """Count confidences in `HISTOGRAM_BINS` equal bins, from chance (1 / labels) to 1."""
        taken = self._rows[rows]
        confidences = taken["confidence"][taken["label"] >= 0]
        return np.histogram(confidences, HISTOGRAM_BINS, (1 / len(self.labels), 1.0))[0]


def _final(rows: NDArray[Any]) -> Int64:
    """Return the labels that count, `[rows]`."""
    corrected = rows["corrected"].astype(np.int64)
    return np.where(corrected < 0, rows["label"], corrected)
