"""Levels of confidence: which answers are worth a look, and how often such ones were wrong."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOUND = (0.5, 0.75)
"""Shares of the errors on dev that lie below the limit of "look first", and below that of "look".
"""

_STEPS = 1000
"""Limits are thousandths, so that people can read and repeat them."""


@dataclass(frozen=True)
class Level:
    """Answers that are less sure than a limit, without those of the levels before.

    Attributes:
        below: confidence that they do not reach.
        rows: number of such answers on dev; 0 where nobody counted.
        wrong: number of those that were wrong.
    """

    below: float
    rows: int = 0
    wrong: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError or TypeError where a stranger's file has no such numbers."""
        if not (0 <= self.below <= 1 and 0 <= self.wrong <= self.rows):
            raise ValueError(f"found {self}")


Levels = tuple[Level, Level, Level]
"""Answers to look at first, answers to look at, and all others."""

NO_LEVELS: Levels = (Level(0.0), Level(0.0), Level(1.0))
"""Nothing is worth a look more than the rest."""


def levels_of(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> Levels:
    """Choose limits below which the shares `FOUND` of the errors lie, and count the answers.

    Args:
        probabilities: `[rows, C]`.
        labels: true label ids, `[rows]`.

    Returns:
        The levels; where no answer is wrong, the first two are empty.
    """
    wrong = probabilities.argmax(axis=1) != labels
    confidences = probabilities.max(axis=1, initial=0.0)
    errors = np.sort(confidences[wrong].astype(np.float64))
    limits = [0.0, 0.0]
    if len(errors):
        last = [errors[math.ceil(share * len(errors)) - 1] for share in FOUND]
        limits = [min((math.floor(_STEPS * error) + 1) / _STEPS, 1.0) for error in last]
    first, look = limits
    return counted((Level(first), Level(look), Level(1.0)), probabilities, labels)


def counted(
    levels: Levels, probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> Levels:
    """Count the answers to other rows by the same limits; arguments as of `levels_of`."""
    wrong = probabilities.argmax(axis=1) != labels
    places = level_places(levels, probabilities.max(axis=1, initial=0.0))
    rows = np.bincount(places, minlength=len(levels)).tolist()
    errors = np.bincount(places[wrong], minlength=len(levels)).tolist()
    first, look, others = [
        Level(level.below, *counts) for level, *counts in zip(levels, rows, errors, strict=True)
    ]
    return first, look, others


def level_places(levels: Levels, confidences: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return which of the levels each confidence falls into, int64 `[rows]`."""
    first, look, _ = levels
    limits = np.array([first.below, look.below])
    places: NDArray[np.int64] = np.searchsorted(limits, confidences, side="right")
    return places


def limited(levels: Levels, limit: float) -> Levels:
    """Return the levels with another limit of "look"; nobody counted those that this changes."""
    first, _, _ = levels
    if limit < first.below:
        first = Level(limit)
    return first, Level(limit), Level(1.0)


def read_levels(document: Any) -> Levels:
    """Read levels from JSON; raises ValueError where they are none."""
    try:
        first, look, others = [Level(**fields) for fields in document]
        if not first.below <= look.below:
            raise ValueError(f"found {first} before {look}")
    except TypeError as error:
        raise ValueError("expected three levels") from error
    return first, look, others
