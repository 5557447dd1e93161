"""The answers of a file run in columns: a million rows filter, sort and search in moments.

Texts stand one after the other in a temporary file that is mapped into memory; what is sorted and
filtered by, in numpy arrays. The engine's thread appends, others read what was there before.
"""

import mmap
import re
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from tui.batch.answer import Status
from tui.batch.summary import Chunk

BINS = 10
"""Of the histogram of confidences."""

_BLOCK = 1 << 20  # bytes that are searched at a time, so that the memory for it stays small

_COLUMNS: dict[str, type] = {
    "numbers": np.int64,
    "labels": np.int16,
    "confidences": np.float32,
    "states": np.uint8,
    "truths": np.int16,
}


ORDERS = {
    "file": ("numbers", 1),
    "unsure": ("confidences", 1),
    "sure": ("confidences", -1),
    "label": ("labels", 1),
    "status": ("states", -1),
}
"""What rows can be sorted by, and in which direction. What has no answer comes last."""


_HALF_WIDTH = str.maketrans("＜＞：％＂０１２３４５６７８９．", '<>:%"0123456789.')
"""Of what a filter is written with, as a Chinese input method types it."""


@dataclass(frozen=True)
class Query:
    """Which rows are wanted, and in which order.

    Attributes:
        text: stands in the text, in any case; "" for all.
        label: the id of the predicted label; None for all.
        status: the index of the status; None for all.
        right: whether the label is the true one; None for all, also those of which nobody knows.
        least: the least confidence.
        below: only confidences below this one.
        order: one of `ORDERS`.
    """

    text: str = ""
    label: int | None = None
    status: int | None = None
    right: bool | None = None
    least: float = 0.0
    below: float = 2.0
    order: str = "file"

    @classmethod
    def parse(
        cls, line: str, labels: Sequence[str], statuses: Sequence[str], order: str
    ) -> "Query":
        """Read a line such as `label:正 status:uncertain is:wrong <70% 早餐`; see `words_of`.

        Raises:
            UserError: USAGE, a label or status begins like none, or like several.
        """
        words, limits = [], {"least": 0.0, "below": 2.0}
        ids: dict[str, int | None] = {"label": None, "status": None, "is": None}
        known: dict[str, list[Sequence[str]]] = {
            "label": [labels],
            "status": [statuses, [status.word for status in Status]],
            "is": [(tr("wrong"), tr("right")), ("wrong", "right")],
        }
        for word in words_of(line):
            name, colon, value = word.partition(":")
            if limit := re.fullmatch(r"([<>])(\d{1,3}(?:\.\d+)?)%?", word):
                limits["below" if limit[1] == "<" else "least"] = float(limit[2]) / 100
            elif colon and name in ids:
                ids[name] = _the_one(value.strip('"'), *known[name])
            else:
                words.append(word)
        right = None if ids["is"] is None else ids["is"] == 1
        return cls(" ".join(words), ids["label"], ids["status"], right, order=order, **limits)


def words_of(line: str) -> list[str]:
    """Return the words of a filter, in half width; quotes keep a label or status together."""
    return re.findall(r'(?:label|status):"[^"]*"?|\S+', line.translate(_HALF_WIDTH))


def _the_one(start: str, *languages: Sequence[str]) -> int:
    """Return the number of the name that begins so; things may have names in several languages."""
    named = [(name, number) for names in languages for number, name in enumerate(names)]
    exact = {number for name, number in named if name == start}
    begun = {number for name, number in named if name.casefold().startswith(start.casefold())}
    matching = exact or begun
    if len(matching) != 1:
        raise UserError(
            ExitCode.USAGE,
            "expected the beginning of one of {names}, found {found}",
            names=", ".join(languages[0]),
            found=start,
        )
    return matching.pop()


@dataclass(frozen=True)
class Row:
    """One row, as far as a screen shows it.

    `label` is -1 where the record has no text, `truth` where nobody told the true label.
    """

    number: int
    label: int
    confidence: float
    status: int
    truth: int
    text: str

    @property
    def wrong(self) -> bool:
        """Whether the label is another than the true one."""
        return self.truth >= 0 and self.label >= 0 and self.label != self.truth


class Rows:
    """What a run answered so far.

    Args:
        labels: of the model.

    Attributes:
        counts: records by label, `[labels]`.
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self.counts: NDArray[np.int64] = np.zeros(len(labels), dtype=np.int64)
        self._rows = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.empty(1024, kind) for name, kind in _COLUMNS.items()
        }
        # where the text before each row ends, in bytes
        self._ends: NDArray[Any] = np.zeros(1025, np.int64)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this does
        self._map: mmap.mmap | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._rows

    def append(self, chunk: Chunk) -> None:
        """Add the records of a chunk; only one thread may."""
        start, end = self._rows, self._rows + len(chunk.texts)
        data = [text.encode("utf-8", "surrogatepass") for text in chunk.texts]
        self._file.write(b"".join(data))
        self._file.flush()
        given = {
            "numbers": [record.place.number for record in chunk.records],
            "labels": chunk.ids,
            "confidences": chunk.confidences,
            "states": chunk.statuses,
            "truths": -1 if chunk.truths is None else chunk.truths,
        }
        with self._lock:
            for name, values in given.items():
                self._columns[name] = _grown(self._columns[name], end)
                self._columns[name][start:end] = values
            self._ends = _grown(self._ends, end + 1)
            self._ends[start + 1 : end + 1] = self._ends[start] + np.cumsum([len(d) for d in data])
            self.counts += np.bincount(chunk.ids[chunk.ids >= 0], minlength=len(self.labels))
            self._rows = end

    def column(self, name: str) -> NDArray[Any]:
        """Return "numbers", "labels", "confidences", "states" or "truths", `[rows]`."""
        return self._now()[name]

    def _now(self) -> dict[str, NDArray[Any]]:
        """Return all columns as they are at one moment, each `[rows]`."""
        with self._lock:
            return {name: column[: self._rows] for name, column in self._columns.items()}

    def row(self, index: int, most: int | None = None) -> Row:
        """Return one row, of the text no more than its first `most` bytes."""
        start, end = int(self._ends[index]), int(self._ends[index + 1])
        short = most is None or end - start <= most
        data = self._bytes()[start : end if short else start + most]  # type: ignore[operator]
        text = data.decode("utf-8", "surrogatepass" if short else "replace")
        number, label, confidence, status, truth = (
            self._columns[name][index].item() for name in _COLUMNS
        )
        return Row(number, label, confidence, status, truth, text)

    def select(self, query: Query) -> NDArray[np.int64]:
        """Return the indices of the rows that are wanted, in the order that is wanted."""
        columns = self._now()
        labels, confidences = columns["labels"], columns["confidences"]
        rows = len(labels)
        wanted = np.ones(rows, dtype=bool)
        if query.label is not None:
            wanted &= labels == query.label
        if query.status is not None:
            wanted &= columns["states"] == query.status
        if query.right is not None:
            truths = columns["truths"]
            wanted &= (truths >= 0) & (labels >= 0) & ((labels == truths) == query.right)
        if query.least > 0:
            wanted &= confidences >= np.float32(query.least)
        if query.below <= 1:
            wanted &= (confidences < np.float32(query.below)) & (labels >= 0)
        if query.text:
            wanted &= self._contain(query.text, rows)
        found: NDArray[np.int64] = np.flatnonzero(wanted)
        if query.order != "file":
            name, sign = ORDERS[query.order]
            keys = columns[name][found].astype(np.float32) * sign
            keys[labels[found] < 0] = np.inf
            found = found[np.argsort(keys, kind="stable")]
        return found

    def histogram(self) -> NDArray[np.int64]:
        """Count confidences, in `BINS` steps from what chance would give to 1."""
        columns = self._now()
        confidences = columns["confidences"][columns["labels"] >= 0]
        counts, _ = np.histogram(confidences, BINS, (1 / len(self.labels), 1.0))
        return counts.astype(np.int64)

    def _bytes(self) -> mmap.mmap | bytes:
        """Return the texts up to now, mapped."""
        with self._lock:
            end = int(self._ends[self._rows])
            if not end:
                return b""
            if self._map is None or len(self._map) < end:
                self._map = mmap.mmap(self._file.fileno(), end, access=mmap.ACCESS_READ)
            return self._map

    def _contain(self, text: str, rows: int) -> NDArray[np.bool_]:
        """Find the rows whose text has `text` in it; case counts only beyond ASCII. `[rows]`."""
        needle = text.encode("utf-8", "surrogatepass").lower()
        ends = self._ends[: rows + 1]
        contain = np.zeros(rows, dtype=bool)
        data = self._bytes()
        for start in range(0, int(ends[-1]), _BLOCK):
            stop = min(start + _BLOCK + len(needle) - 1, int(ends[-1]))
            block = np.frombuffer(data[start:stop].lower(), np.uint8)
            places = max(len(block) - len(needle) + 1, 0)
            same = np.ones(places, dtype=bool)
            for n, byte in enumerate(needle):
                same &= block[n : n + places] == byte
            first = np.flatnonzero(same) + start
            row = np.searchsorted(ends, first, side="right") - 1
            whole = first + len(needle) <= ends[row + 1]  # and not in two rows
            contain[row[whole]] = True
        return contain


def _grown(column: NDArray[Any], needed: int) -> NDArray[Any]:
    """Return a column with room for `needed` values; readers of the old one keep it."""
    if needed <= len(column):
        return column
    return np.concatenate([column, np.empty(max(needed - len(column), len(column)), column.dtype)])
