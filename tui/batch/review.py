"""Which answers of a file are worth a look: a limit for a share of them, and how many err."""

import numpy as np
from numpy.typing import NDArray

from tui.batch.answer import Floats, Ints
from tui.batch.status import Status

_STEPS = 10_000


class Confidences:
    """Counts of confidences, in steps of 1 / 10,000: their number takes no memory."""

    def __init__(self) -> None:
        self._counts = np.zeros(_STEPS + 1, np.int64)

    def add(self, answers: Floats) -> None:
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


def doubts_of(statuses: Ints, confidences: Floats) -> NDArray[np.float64]:
    """Return how many answers of each status are wrong, as the model expects it: Σ (1 - p)."""
    doubts = 1 - confidences.astype(np.float64)
    return np.bincount(statuses, doubts, len(Status)).astype(np.float64)
