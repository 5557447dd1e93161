"""What a file run has to tell: the answers of a chunk, and the counts of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.console.display import aligned
from models.console.i18n import tr
from models.metrics import Metrics
from models.tables import Record, Reject
from tui.batch.answer import Status
from tui.batch.inspection import REJECTS_SHOWN


@dataclass(frozen=True)
class Chunk:
    """The records of a chunk that were written, and their answers.

    Attributes:
        records: as they were read.
        texts: theirs.
        ids: the label of each, -1 for a text that is empty, int64 `[records]`.
        confidences: its probability, 0 likewise, float32 `[records]`.
        statuses: the `Status` of each, int64 `[records]`.
        truths: true label ids, int64 `[records]`; None without a label column.
        rejects: the items that were not written.
    """

    records: list[Record]
    texts: list[str]
    ids: NDArray[np.int64]
    confidences: NDArray[np.float32]
    statuses: NDArray[np.int64]
    truths: NDArray[np.int64] | None
    rejects: list[Reject]


@dataclass
class Summary:
    """How far a run is; to be read at any time from any thread.

    Attributes:
        labels: the names of the model's labels.
        records: how many there will be; None where nobody knows.
        predicted: records that were answered or rejected, those of an interrupted run included.
        resumed: the latter.
        rejected: items that are in the rejects.
        rejects: the first of them; none of a run that had finished before.
        counts: written records by predicted label, `[labels]`.
        statuses: written records by status, `[statuses]`.
        metrics: of the records with text, where a label column was named.
        seconds: since the start.
        finished: nothing was left to do: this very output had been written before.
        receipt: what the receipt file holds, once the output is there.
    """

    labels: tuple[str, ...]
    records: int | None
    counts: NDArray[np.int64]
    statuses: NDArray[np.int64]
    predicted: int = 0
    resumed: int = 0
    rejected: int = 0
    rejects: tuple[Reject, ...] = ()
    metrics: Metrics | None = None
    seconds: float = 0.0
    finished: bool = False
    receipt: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, labels: Sequence[str], records: int | None) -> "Summary":
        """Return the summary of a run that has done nothing yet."""
        counts = np.zeros(len(labels), dtype=np.int64)
        return cls(tuple(labels), records, counts, np.zeros(len(Status), dtype=np.int64))

    @classmethod
    def of(cls, receipt: Mapping[str, Any]) -> "Summary":
        """Return the summary of a run that had finished, by its receipt."""
        counts = receipt["counts"]
        summary = cls.begin(list(counts["label"]), counts["read"])
        summary.counts += list(counts["label"].values())
        summary.statuses += list(counts["status"].values())
        summary.rejected = counts["rejected"]
        if receipt["scores"] is not None:
            summary.metrics = Metrics(np.array(receipt["scores"]["confusion"], dtype=np.int64))
        summary.finished, summary.receipt = True, receipt
        return summary

    @property
    def rate(self) -> float:
        """Records per second, without those of a run that was interrupted."""
        return (self.predicted - self.resumed) / max(self.seconds, 1e-9)

    @property
    def left(self) -> str | None:
        """How long it will take, as h:mm:ss; None where nobody knows."""
        if self.records is None or not self.rate:
            return None
        seconds = int((self.records - self.predicted) / self.rate)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    @property
    def read(self) -> int:
        """How many records were written or rejected."""
        return self.written + self.rejected

    @property
    def written(self) -> int:
        """How many records were written."""
        return int(self.statuses.sum())

    def add(self, chunk: Chunk) -> None:
        """Count a chunk that was written."""
        filled = chunk.ids >= 0
        self.rejected += len(chunk.rejects)
        self.rejects = (*self.rejects, *chunk.rejects)[:REJECTS_SHOWN]
        self.counts = self.counts + np.bincount(chunk.ids[filled], minlength=len(self.labels))
        self.statuses = self.statuses + np.bincount(chunk.statuses, minlength=len(Status))
        if chunk.truths is not None:
            found = Metrics.of(chunk.truths[filled], chunk.ids[filled], len(self.labels))
            self.metrics = found if self.metrics is None else self.metrics + found


def scores(metrics: Metrics, labels: Sequence[str]) -> list[str]:
    """Return lines that say how often the answers are right, and what was taken for what."""
    header = [tr("true \\ predicted"), *labels]
    rows = [
        [label, *(f"{count:,}" for count in counts)]
        for label, counts in zip(labels, metrics.confusion.tolist(), strict=True)
    ]
    return [
        tr(
            "accuracy {accuracy} ({correct} of {rows}), macro-F1 {f1}",
            accuracy=f"{metrics.accuracy:.2%}",
            correct=f"{metrics.correct:,}",
            rows=f"{metrics.rows:,}",
            f1=f"{metrics.macro_f1:.2%}",
        ),
        *aligned([header, *rows], right=range(1, len(labels) + 1)),
    ]
