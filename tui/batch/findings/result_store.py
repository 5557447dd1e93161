"""Results of a file run in columns: a million rows filter, sort and search in moments.

The worker's thread appends, any thread reads. Columns are one NumPy array; the texts stand one
after the other in a temporary file that is mapped into memory. (pyarrow.compute searches and sorts
a million rows no faster, and in a third more memory.)
"""

import mmap
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui.batch.findings.column_store import ColumnStore, places_of
from tui.batch.findings.query import COMPARE, IS, Mask, Query, Term, any_of
from tui.batch.summary import Chunk

Indices = NDArray[np.int64]

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

_SEPARATOR = b"\xff"  # between texts, as no byte of UTF-8 is
_BLOCK = 1 << 20  # bytes that are searched at a time


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
        "names": ["number", "label", "confidence", "status", "truth", "end", "hash"],
        "formats": ["i8", "i2", "f4", "u1", "i2", "i8", "i8"],
    }
)
"""Attributes of `ResultRow`; where its text and a separator end in the file, in bytes; its hash."""

_NO_HASH = np.iinfo(np.int64).max  # stands after those of texts, so that a search ends before it


class ResultStore:
    """Rows of a file run so far.

    Args:
        labels: names of the model's labels.
        columns: names of the columns of the input that are kept beside the texts; or the columns
            of rows that are yet to be added by `extend`.

    Attributes:
        counts: rows by the label that counts, int64 `[labels]`.
        corrected: number of rows with a label that the user gave.
        given: labels that a user gave before, by text; those of `correct` go before them.
    """

    def __init__(self, labels: tuple[str, ...], columns: Sequence[str] | ColumnStore = ()) -> None:
        self.labels = labels
        self.columns = columns if isinstance(columns, ColumnStore) else ColumnStore(columns)
        self.counts: Indices = np.zeros(len(labels), np.int64)
        self.corrected = 0
        # Hashes of the corrected texts, in order, and their labels: replaced as a whole.
        self._corrections: tuple[Indices, Indices] = _in_order({})
        self.given: Mapping[str, str] = {}
        self._counting = threading.Lock()
        # A view of the rows that are complete. Readers take it once: it is replaced as a whole.
        self._rows: NDArray[Any] = np.empty(0, _ROW)
        self._buffer = np.empty(1024, _ROW)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the store
        self._map: mmap.mmap | bytes = b""

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, chunk: Chunk) -> None:
        """Add the rows of a chunk; for one thread only."""
        self.columns.append(chunk.records)
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
        encoded = [text.encode("utf-8", "surrogatepass") + _SEPARATOR for text in texts]
        self._file.write(b"".join(encoded))
        self._file.flush()
        start = len(self._rows)
        end = start + len(encoded)
        if end > len(self._buffer):
            buffer = np.empty(max(end, 2 * len(self._buffer)), _ROW)
            buffer[:start] = self._rows
            self._buffer = buffer
        added = self._buffer[start:end]
        for name, values in answers.items():
            added[name] = values
        added["end"] = _end(self._rows) + np.cumsum([len(text) for text in encoded])
        added["hash"] = [hash(text) for text in texts]
        with self._counting:
            self.counts = self.counts + self._count(added)
            self.corrected += int(np.count_nonzero(self._corrected(added["hash"]) >= 0))
            self._rows = self._buffer[:end]

    def correct(self, corrections: Mapping[str, str]) -> None:
        """Let labels that the user gave count, for these texts and no others.

        Args:
            corrections: text → label; one that is no label of this model is passed over.
        """
        ids = {label: number for number, label in enumerate(self.labels)}
        every = {**self.given, **corrections}
        known = {hash(text): ids[name] for text, name in every.items() if name in ids}
        with self._counting:
            self._corrections = _in_order(known)
            self.counts = self._count(self._rows)
            self.corrected = int(np.count_nonzero(self.corrected_of() >= 0))

    def corrected_of(self, rows: Indices | slice = slice(None)) -> Indices:
        """Return the labels that the user gave to some rows, -1 where there is none, `[rows]`."""
        return self._corrected(self._rows["hash"][rows])

    def labels_of(self, rows: Indices | slice = slice(None)) -> Indices:
        """Return the labels that count: the user's where there is one, else the model's, `[rows]`.

        Rows without any have -1.
        """
        taken = self._rows  # once: it may grow meanwhile
        return self._final(taken["label"][rows], taken["hash"][rows])

    def values(self, name: str) -> Any:
        """Return a column of the input, a `pyarrow.ChunkedArray` of strings `[rows]`."""
        return self.columns.values(name)[: len(self._rows)]

    def column(self, name: str) -> NDArray[Any]:
        """Return the column of an attribute of `ResultRow` but the text, `[rows]`."""
        return self._rows[name]

    def row(self, index: int, text_bytes: int | None = None) -> ResultRow:
        """Return a row, with no more of its text than its first `text_bytes`."""
        rows = self._rows
        *columns, end, hashed = rows[index].item()
        start, stop = _end(rows[:index]), end - len(_SEPARATOR)
        errors = "surrogatepass"
        if text_bytes is not None and start + text_bytes < stop:
            stop = start + text_bytes
            errors = "replace"  # a character that is cut
        text = self._texts(rows)[start:stop].decode("utf-8", errors)
        corrected = self._corrected(np.array([hashed]))
        return ResultRow._make([*columns, int(corrected[0]), text])

    def texts(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the texts of some rows, whole."""
        taken = self._rows
        ends = taken["end"][rows] - len(_SEPARATOR)
        starts = ends + len(_SEPARATOR) - self.sizes(rows)
        mapped = self._texts(taken)
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        return [mapped[start:end].decode("utf-8", "surrogatepass") for start, end in spans]

    def sizes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bytes that the texts of some rows take, with a separator, `[rows]`."""
        ends = self._rows["end"]
        before = np.where(rows > 0, ends[rows - 1], 0)
        sizes: NDArray[np.int64] = ends[rows] - before
        return sizes

    def select(self, query: Query, order: str = "file") -> NDArray[np.int64]:
        """Return the indices of the rows that are wanted, in an order.

        Args:
            query: what is wanted.
            order: one of `ORDERS`; or `ASCENDING` or `DESCENDING` before the name of a column.
        """
        rows = self._rows
        label = self._final(rows["label"], rows["hash"])
        wanted = np.ones(len(rows), dtype=bool)
        for term in query.terms:
            wanted &= self._meet(term, rows, label) != term.negated
        found: NDArray[np.int64] = np.flatnonzero(wanted)
        if order == "file":
            return found
        if order in ORDERS:
            name, sign = ORDERS[order]
            keys = (label if name == "label" else rows[name]).astype(np.float64)
            missing = rows["truth"] if name == "truth" else label
            keys[missing < 0] = np.inf
        else:
            sign = 1 if order[0] == ASCENDING else -1
            cells, places = self.columns.different(order[1:], len(rows))
            keys = places_of(cells)[places]
        keys = np.where(np.isinf(keys), keys, sign * keys)[found]
        return found[np.argsort(keys, kind="stable")]

    def _meet(
        self,
        term: Term,
        rows: NDArray[Any],
        label: Indices,
    ) -> Mask:
        """Return which rows, whose labels count, have one of the values of a term, `[rows]`."""
        match term.field:
            case "text":
                return any_of([self._contain(text, rows) for text in term.values])
            case "label":
                return np.isin(label, term.values)
            case "status":
                return np.isin(rows["status"], term.values)
            case "confidence":
                compare = COMPARE[term.sign]
                bound = np.float32(term.values[0])
                labelled = rows["label"] >= 0
                return labelled & compare(rows["confidence"], bound)
            case "column":
                cells, places = self.columns.different(term.column, len(rows))
                return term.matches(cells)[places]
        known = (label >= 0) & (rows["truth"] >= 0)
        right = label == rows["truth"]
        states = {
            "wrong": known & ~right,
            "right": known & right,
            "corrected": self._corrected(rows["hash"]) >= 0,
        }
        return any_of([states[IS[value]] for value in term.values])

    def histogram(self, rows: Indices | slice = slice(None)) -> Indices:
        """Count confidences in `HISTOGRAM_BINS` equal bins, from chance (1 / labels) to 1."""
        taken = self._rows[rows]
        confidences = taken["confidence"][taken["label"] >= 0]
        counts, _ = np.histogram(confidences, HISTOGRAM_BINS, (1 / len(self.labels), 1.0))
        return counts.astype(np.int64)

    def _corrected(self, hashes: Indices) -> Indices:
        keys, labels = self._corrections
        if len(keys) == 1:  # none
            return np.full(len(hashes), -1)
        places = np.searchsorted(keys, hashes)
        return np.where(keys[places] == hashes, labels[places], -1)

    def _final(self, labels: Indices, hashes: Indices) -> Indices:
        corrected = self._corrected(hashes)
        return np.where(corrected < 0, labels, corrected)

    def _count(self, rows: NDArray[Any]) -> Indices:
        """Count the labels that count in some rows, `[labels]`."""
        labels = self._final(rows["label"], rows["hash"])
        return np.bincount(labels[labels >= 0], minlength=len(self.labels))

    def _texts(self, rows: NDArray[Any]) -> mmap.mmap | bytes:
        """Return at least the texts of these rows, mapped."""
        end = _end(rows)
        texts = self._map
        if len(texts) < end:
            texts = mmap.mmap(self._file.fileno(), end, access=mmap.ACCESS_READ)
            self._map = texts
        return texts

    def _contain(self, text: str, rows: NDArray[Any]) -> Mask:
        """Find the rows whose text contains `text`, ignoring ASCII case, bool `[rows]`."""
        needle = text.encode("utf-8", "surrogatepass").lower()
        texts = memoryview(self._texts(rows))[: _end(rows)]
        ends = np.ascontiguousarray(rows["end"])
        contain = np.zeros(len(rows), dtype=bool)
        for start in range(0, len(texts), _BLOCK):
            block = bytes(texts[start : start + _BLOCK + len(needle) - 1]).lower()
            data = np.frombuffer(block, np.uint8)
            matches = np.ones(max(len(data) - len(needle) + 1, 0), dtype=bool)
            for offset, byte in enumerate(needle):
                matches &= data[offset : offset + len(matches)] == byte
            contain[np.searchsorted(ends, start + np.flatnonzero(matches), side="right")] = True
        return contain


def _in_order(labels: Mapping[int, int]) -> tuple[Indices, Indices]:
    """Return the hashes of texts in order, and their labels; at the end, none for `_NO_HASH`."""
    hashes = sorted(labels)
    ids = [labels[key] for key in hashes]
    return np.array([*hashes, _NO_HASH]), np.array([*ids, -1])


def _end(rows: NDArray[Any]) -> int:
    """Return where the last row ends in the file, in bytes."""
    return int(rows["end"][-1]) if len(rows) else 0
