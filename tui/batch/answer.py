"""The answer to a record: its status, its columns with their values, and which are worth a look."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.arrays import Float32, Float64, Int64
from models.levels import level_places
from models.review import Levels
from tui.batch.settings import BatchSettings
from tui.batch.status import BY_LEVEL, Status

_WORDS = [status.word for status in Status]
_STEPS = 10_000  # of confidences that are counted


def decide(answers: Float32, levels: Levels) -> tuple[Int64, Float32, Int64]:
    """Return the label, the confidence and the status of each answer.

    Args:
        answers: `[texts, labels + 1]`: the probabilities, and the share of the text that was read;
            0 where no label was asked for.
        levels: limits of confidence.

    Returns:
        Ids of the labels, -1 for none; confidences, 0 without a label; numbers of `Status`, which
        is `EMPTY` without a label.
    """
    probabilities = answers[:, :-1]
    read = answers[:, -1]
    confidences = probabilities.max(axis=1, initial=0.0)
    likeliest = probabilities.argmax(axis=1)
    ids = np.where(read > 0, likeliest, -1)
    statuses = np.select(
        [read == 0, read < 1],
        [Status.EMPTY, Status.TRUNCATED],
        np.take(BY_LEVEL, level_places(levels, confidences)),
    )
    return ids, confidences, statuses


class Confidences:
    """Counts of confidences, in steps of 1 / 10,000: their number takes no memory."""

    def __init__(self) -> None:
        self._counts = np.zeros(_STEPS + 1, np.int64)

    def add(self, answers: Float32) -> None:
        """Count the confidences of answers, `[texts, labels + 1]` as `decide` takes them."""
        labelled = answers[:, -1] > 0
        confidences = answers[labelled, :-1].max(axis=1, initial=0.0)
        steps = confidences.astype(np.float64) * _STEPS
        places = steps.astype(np.int64)
        self._counts += np.bincount(places, minlength=_STEPS + 1)

    def limit_of(self, share: float) -> float:
        """Return the highest confidence that no more than a share of the answers don't reach."""
        below = self._counts.cumsum()
        most = share * below[-1] + 1e-6  # as 0.29 · 100 is a little less than 29
        reached = int(np.searchsorted(below, most, side="right"))
        return min(reached / _STEPS, 1.0)


def doubts_of(statuses: Int64, confidences: Float32) -> Float64:
    """Return how many answers of each status are wrong, as the model expects it: Σ (1 - p)."""
    doubts = 1 - confidences.astype(np.float64)
    return np.bincount(statuses, doubts, len(Status)).astype(np.float64)


class AnswerColumns:
    """Names of the columns of the answer.

    Args:
        settings: what the run is asked to do.
        labels: names of the model's labels.
    """

    def __init__(self, settings: BatchSettings, labels: Sequence[str]) -> None:
        prefix = settings.prefix
        self.labels = tuple(labels)
        self.label = prefix + "predicted_label"
        self.id = prefix + "predicted_id"
        self.confidence = prefix + "confidence"
        self.status = prefix + "status"
        shown = labels if settings.probabilities else ()
        self.probabilities = [f"{prefix}probability_{label}" for label in shown]
        self.names = [self.label, self.id, self.confidence, self.status, *self.probabilities]

    def row(
        self, label: int, confidence: float, status: int, probabilities: Sequence[float] = ()
    ) -> dict[str, Any]:
        """Return the value of each column; without a label, only the status has one.

        Args:
            label: id of the label, -1 for none.
            confidence: probability of the label.
            status: a `Status`.
            probabilities: probabilities of all labels; used where they have columns.
        """
        row: dict[str, Any] = dict.fromkeys(self.names)
        row[self.status] = _WORDS[status]
        if label < 0:
            return row
        row[self.label] = self.labels[label]
        row[self.id] = label
        row[self.confidence] = round(confidence, 6)
        for name, probability in zip(self.probabilities, probabilities, strict=False):
            row[name] = round(probability, 6)
        return row
