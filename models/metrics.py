"""Scores of predictions, in numpy: shared by training, export and file classification."""

import math
from dataclasses import dataclass

import numpy as np

from models.arrays import Float64, Floats, Int64, Ints

BINS = 15
"""Number of equally wide bins of the expected calibration error (Guo et al. 2017)."""


@dataclass(frozen=True)
class Metrics:
    """Scores of one set of predictions.

    Attributes:
        confusion: number of predictions, int64 `[labels, labels]`: true label, predicted label.
    """

    confusion: Int64

    @classmethod
    def of(cls, true: Ints, predicted: Ints, labels: int) -> "Metrics":
        """Count predicted label ids against the true ones, both `[rows]`."""
        cells = np.bincount(true * labels + predicted, minlength=labels * labels)
        return cls(cells.reshape(labels, labels).astype(np.int64))

    def __add__(self, other: "Metrics") -> "Metrics":
        return Metrics(self.confusion + other.confusion)

    @property
    def rows(self) -> int:
        """Number of predictions."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Number of right predictions."""
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """Share of right predictions; 0 without any prediction."""
        return self.correct / self.rows if self.rows else 0.0

    @property
    def precision(self) -> Float64:
        """Precision per label, `[labels]`: TP / (TP + FP), 0 for a label never predicted."""
        return self._hits_in(self.confusion.sum(axis=0))

    @property
    def recall(self) -> Float64:
        """Recall per label, `[labels]`: TP / (TP + FN), 0 for a label that does not occur."""
        return self._hits_in(self.confusion.sum(axis=1))

    @property
    def f1(self) -> Float64:
        """F1 per label, `[labels]`: 2·TP / (2·TP + FP + FN), 0 for a label that never occurs."""
        return 2 * self._hits_in(self.confusion.sum(axis=0) + self.confusion.sum(axis=1))

    def _hits_in(self, totals: Ints) -> Float64:
        """Return the share of right predictions in some totals, `[labels]`; 0 in a total of 0."""
        hits: Float64 = self.confusion.diagonal() / np.maximum(totals, 1)
        return hits

    @property
    def macro_f1(self) -> float:
        """Mean of `f1` over the labels that are true or predicted somewhere, however rarely."""
        present = (self.confusion.sum(axis=0) + self.confusion.sum(axis=1)) > 0
        return float(self.f1[present].mean()) if present.any() else 0.0

    def as_dict(self) -> dict[str, object]:
        """Return the scores as JSON can hold them, rounded to a hundredth of a point."""
        return {
            "rows": self.rows,
            "accuracy": round(self.accuracy, 4),
            "accuracy_interval": [round(end, 4) for end in wilson(self.correct, self.rows)],
            "macro_f1": round(self.macro_f1, 4),
            "precision": self.precision.round(4).tolist(),
            "recall": self.recall.round(4).tolist(),
            "f1": self.f1.round(4).tolist(),
            "confusion": self.confusion.tolist(),
        }


def wilson(correct: int, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy: (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Wilson's score interval (Wilson 1927) stays within [0, 1] and keeps its coverage for small `n`
    and for `p` near 1 (Brown, Cai & DasGupta 2001). Of no rows nothing is known: (0, 1).
    """
    if rows == 0:
        return 0.0, 1.0
    z2 = 1.959964**2
    share = correct / rows
    middle = share + z2 / (2 * rows)
    half = math.sqrt(z2 * (share * (1 - share) / rows + z2 / (4 * rows**2)))
    low, high = ((middle + side * half) / (1 + z2 / rows) for side in (-1, 1))
    return max(low, 0.0), min(high, 1.0)


def confidence_bins(confidences: Floats) -> Int64:
    """Return the bin of each confidence: bin m, from 0, holds (m / `BINS`, (m + 1) / `BINS`]."""
    bins = np.ceil(confidences.astype(np.float64) * BINS).astype(np.int64) - 1
    return bins.clip(0, BINS - 1)


def calibration_error(probabilities: Floats, labels: Ints) -> float:
    """Return the expected calibration error: Σ |B| / n · |accuracy(B) - confidence(B)| over bins B.

    From Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2. 0 for no rows.

    Args:
        probabilities: `[rows, labels]`; the confidence of a row is its highest.
        labels: true label ids, `[rows]`.
    """
    confidences = probabilities.max(axis=1, initial=0.0)
    surplus = (probabilities.argmax(axis=1) == labels) - confidences.astype(np.float64)
    # |B| · (accuracy(B) - confidence(B)) is the sum of (right - confidence) over the rows of B.
    sums = np.bincount(confidence_bins(confidences), weights=surplus, minlength=BINS)
    return float(np.abs(sums).sum() / max(len(labels), 1))
