"""What a file run has to tell: the answers of a chunk, and the counts of all of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.arrays import Float32, Float64, Int64
from models.console import aligned, one_line, tr
from models.label_map import LabelMap
from models.metrics import Metrics
from models.review import NO_LEVELS, Levels
from models.tables import Record, Reject
from tui.batch.answer import doubts_of
from tui.batch.inspection import REJECTS_SHOWN
from tui.batch.status import TO_REVIEW, Status, measured
from tui.batch.truth import Problem, Truth, count

_MOST_TEXTS = 4096  # that are counted
_BEGINNING = 200  # characters of a text that is counted
_TOLD = 3  # texts

TEXT_WIDTH = 40
"""Terminal cells of a text among other words: with them, a line has under 80."""


@dataclass(frozen=True)
class Chunk:
    """The records of a chunk that were written, and their answers.

    Attributes:
        records: as they were read.
        texts: theirs.
        ids: the label of each, -1 for none, int64 `[records]`.
        confidences: its probability, 0 likewise, float32 `[records]`.
        statuses: the `Status` of each, int64 `[records]`.
        truths: true label ids, -1 where there is none to score by, int64 `[records]`; None without
            a label column.
        unscored: the true labels that cannot be scored.
        rejects: the items that were not written.
    """

    records: list[Record]
    texts: list[str]
    ids: Int64
    confidences: Float32
    statuses: Int64
    truths: Int64 | None
    rejects: list[Reject]
    unscored: Sequence[Truth] = ()


@dataclass
class Summary:
    """How far a run is; to be read at any time from any thread.

    Attributes:
        labels: names of the model's labels.
        records: number of records that there will be; None where nobody knows.
        predicted: records that were answered or rejected, those of an interrupted run included.
        resumed: records that an interrupted run answered or rejected.
        rejected: records that are in the rejects.
        rejects: the first of them; none of a run that had finished before.
        counts: written records by predicted label, `[labels]`.
        statuses: written records by status, `[statuses]`.
        doubts: how many of these are wrong, as the model expects it, `[statuses]`; none of a run
            that had finished before.
        review: limits of confidence by which the statuses are given.
        label_map: what the values of the label column stand for, where one was named.
        metrics: scores of the records that have a text and a true label; None without any.
        unscored: why other records are not scored → what their cells hold, and how often.
        texts: beginnings of texts and their labels that occur most; none of a run that had finished
            before. Those that were rare when there were many are forgotten, so a count may be too
            low, but not by what would make a text frequent.
        seconds: time since the start.
        finished: whether this very output had been written before.
        receipt: content of the receipt file, once the output is there.
    """

    labels: tuple[str, ...]
    records: int | None = None
    counts: Int64 = field(init=False)
    statuses: Int64 = field(default_factory=lambda: np.zeros(len(Status), np.int64))
    predicted: int = 0
    resumed: int = 0
    rejected: int = 0
    rejects: tuple[Reject, ...] = ()
    doubts: Float64 = field(default_factory=lambda: np.zeros(len(Status)))
    review: Levels = NO_LEVELS
    label_map: LabelMap | None = None
    metrics: Metrics | None = None
    unscored: dict[Problem, Counter[str]] = field(default_factory=dict)
    texts: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: float = 0.0
    finished: bool = False
    receipt: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.labels), np.int64)

    @classmethod
    def of(cls, receipt: Mapping[str, Any]) -> "Summary":
        """Return the summary of a run that had finished, by its receipt."""
        counts = receipt["counts"]
        by_label, by_status = counts["label"], counts["status"]
        summary = cls(
            tuple(by_label),
            counts["read"],
            finished=True,
            receipt=receipt,
        )
        summary.counts += list(by_label.values())
        summary.statuses += list(by_status.values())
        summary.rejected = counts["rejected"]
        if scores := receipt["scores"]:
            summary.metrics = Metrics(np.array(scores["confusion"], np.int64))
        return summary

    @property
    def rate(self) -> float:
        """Records per second, without those of a run that was interrupted."""
        done = self.predicted - self.resumed
        return done / max(self.seconds, 1e-9)

    @property
    def left(self) -> str | None:
        """Time that is left, as h:mm:ss; None where nobody knows."""
        if self.records is None or not self.rate:
            return None
        return duration((self.records - self.predicted) / self.rate)

    @property
    def flood(self) -> list[tuple[str, int, int]]:
        """The most frequent texts, label ids and counts: at least 5, and 1 % of the records."""
        least = max(5, self.written // 100)
        texts = Counter(dict(list(self.texts.items())))  # while another thread adds
        found = texts.most_common(_TOLD)
        return [(text, label, times) for (text, label), times in found if times >= least]

    @property
    def read(self) -> int:
        """Number of records that were written or rejected."""
        return self.written + self.rejected

    @property
    def written(self) -> int:
        """Number of records that were written."""
        return int(self.statuses.sum())

    def add(self, chunk: Chunk) -> None:
        """Count a chunk that was written."""
        labels, filled = len(self.labels), chunk.ids >= 0
        ids = chunk.ids[filled]
        beginnings = [text[:_BEGINNING] for text in chunk.texts]
        self.texts.update(zip(beginnings, chunk.ids.tolist(), strict=True))
        if len(self.texts) > _MOST_TEXTS:
            self.texts = Counter(dict(self.texts.most_common(_MOST_TEXTS // 2)))
        self.rejected += len(chunk.rejects)
        self.rejects = (*self.rejects, *chunk.rejects)[:REJECTS_SHOWN]
        self.counts = self.counts + np.bincount(ids, minlength=labels)
        self.statuses = self.statuses + np.bincount(chunk.statuses, minlength=len(Status))
        self.doubts = self.doubts + doubts_of(chunk.statuses, chunk.confidences)
        for truth in chunk.unscored:
            if truth.problem:
                count(self.unscored.setdefault(truth.problem, Counter()), truth.value)
        if chunk.truths is not None:
            known = filled & (chunk.truths >= 0)
            if known.any():
                scored = Metrics.of(chunk.truths[known], chunk.ids[known], labels)
                self.metrics = self.metrics + scored if self.metrics else scored

    def close(self) -> None:
        """Forget the texts of a run that has ended, but for those that `flood` may tell."""
        self.texts = Counter(dict(self.texts.most_common(_TOLD)))

    def join(self, other: "Summary") -> None:
        """Add the counts of another run of the model."""
        self.counts += other.counts
        self.statuses += other.statuses
        self.rejected += other.rejected


def duration(seconds: float) -> str:
    """Return a time as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def advice(statuses: Int64, doubts: Float64, levels: Levels) -> list[str]:
    """Return two lines for each level with answers: how many they are, and how many err.

    Args:
        statuses: number of answers by status.
        doubts: how many of them are wrong, as the model expects it, `[statuses]`.
        levels: limits by which the statuses were given.
    """
    counts, doubts = statuses[: Status.EMPTY], doubts[: Status.EMPTY]
    lines = []
    for status, level in zip(TO_REVIEW, levels, strict=False):
        if not doubts[status]:
            continue
        found = round(20 * doubts[status] / doubts.sum()) / 20
        line = tr(
            "{level}: {count:answer} ({share}), with about {found} of the errors",
            level=status.title,
            count=int(counts[status]),
            share=f"{counts[status] / counts.sum():.1%}",
            found=f"{found:.0%}",
        )
        lines.append(line)
        if level.rows:
            lines.append(f"  {measured(level)}")
    return lines


def frequent(summary: Summary) -> list[str]:
    """Return a line for each text that makes up much of the records, so that a flood is seen."""
    lines = []
    for text, label, times in summary.flood:
        line = tr(
            "{count} times: {text} ({label})",
            count=f"{times:,}",
            text=one_line(text, TEXT_WIDTH),
            label=summary.labels[label] if label >= 0 else tr("no label"),
        )
        lines.append(line)
    return lines


def scores(metrics: Metrics, labels: Sequence[str]) -> list[str]:
    """Return lines that say how often the answers are right, and what was taken for what."""
    table = [[tr("true \\ predicted"), *labels]]
    for label, counts in zip(labels, metrics.confusion.tolist(), strict=True):
        table.append([label, *map("{:,}".format, counts)])
    line = tr(
        "accuracy {accuracy} ({correct} of {rows}), macro-F1 {f1}",
        accuracy=f"{metrics.accuracy:.2%}",
        correct=f"{metrics.correct:,}",
        rows=f"{metrics.rows:,}",
        f1=f"{metrics.macro_f1:.2%}",
    )
    return [line, *aligned(table, right=range(1, len(table)))]


def shares_of(summary: Summary) -> str:
    """Return how many records got each label, and its share of them."""
    counts = summary.counts
    shares = []
    for name, rows in zip(summary.labels, counts.tolist(), strict=True):
        share = f"{rows / max(counts.sum(), 1):.1%}"
        shares.append(tr("{name} {count:,} ({share})", name=name, count=rows, share=share))
    return tr(", ").join(shares)


def progress_of(summary: Summary) -> str:
    """Say how far a run is."""
    done = f"{summary.predicted:,}"
    if summary.records is not None:
        done = tr(
            "{done:,} of {records:record}",
            done=summary.predicted,
            records=summary.records,
        )
    return progress_words([done], summary.rate, summary.left, summary.rejected)


def progress_words(done: list[str], rate: float, left: str | None, rejected: int) -> str:
    """Say what is done, how fast, what time is left, and how many records were rejected."""
    words = [*done, tr("{rate}/s", rate=f"{rate:,.0f}")]
    if left is not None:
        words.append(tr("{left} left", left=left))
    if rejected:
        words.append(tr("{count} rejected", count=f"{rejected:,}"))
    return tr(", ").join(words)
