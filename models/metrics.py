"""How good predictions are, in numpy: shared by training, export and file classification."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer]


@dataclass(frozen=True)
class Metrics:
    """Scores of one set of predictions.

    Attributes:
        confusion: counts, int64 `[labels, labels]`: row = true label, column = predicted.
    """

    confusion: NDArray[np.int64]

    @classmethod
    def of(cls, true: Ids, predicted: Ids, labels: int) -> "Metrics":
        """Count `predicted` against `true`, both label ids `[rows]`."""
        cells = np.bincount(true * labels + predicted, minlength=labels * labels)
        return cls(cells.reshape(labels, labels).astype(np.int64))

    def __add__(self, other: "Metrics") -> "Metrics":
        return Metrics(self.confusion + other.confusion)

    @property
    def rows(self) -> int:
        """How many predictions were counted."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """How many of them were right."""
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """Share of right predictions; 0 where there is none."""
        return self.correct / self.rows if self.rows else 0.0

    @property
    def f1(self) -> NDArray[np.float64]:
        """F1 per label, `[labels]`: 2·TP / (2·TP + FP + FN), 0 for a label never seen or said."""
        said_or_true = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        scores: NDArray[np.float64] = 2 * self.confusion.diagonal() / np.maximum(said_or_true, 1)
        return scores

    @property
    def macro_f1(self) -> float:
        """Mean of `f1` over the labels, each counting the same however rare."""
        return float(self.f1.mean())

    def as_dict(self) -> dict[str, object]:
        """Return the scores as JSON can hold them, rounded to a hundredth of a point."""
        return {
            "rows": self.rows,
            "accuracy": round(self.accuracy, 4),
            "macro_f1": round(self.macro_f1, 4),
            "confusion": self.confusion.tolist(),
        }
