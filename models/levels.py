"""Chooses levels of confidence on dev, and tells which of them an answer has."""

import math

import numpy as np

from models.arrays import Floats, Int64, Ints
from models.review import Level, Levels

FOUND = (0.5, 0.75)
"""Shares of the errors on dev that lie below the limit of "look first", and below that of "look".
"""

_STEPS = 1000
"""Limits are thousandths, so that people can read and repeat them."""


def levels_of(probabilities: Floats, labels: Ints) -> Levels:
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


def counted(levels: Levels, probabilities: Floats, labels: Ints) -> Levels:
    """Count the answers to other rows by the same limits; arguments as of `levels_of`."""
    wrong = probabilities.argmax(axis=1) != labels
    places = level_places(levels, probabilities.max(axis=1, initial=0.0))
    rows = np.bincount(places, minlength=len(levels)).tolist()
    errors = np.bincount(places[wrong], minlength=len(levels)).tolist()
    first, look, others = [
        Level(level.below, *counts) for level, *counts in zip(levels, rows, errors, strict=True)
    ]
    return first, look, others


def level_places(levels: Levels, confidences: Floats) -> Int64:
    """Return which of the levels each confidence falls into, int64 `[rows]`."""
    first, look, _ = levels
    limits = np.array([first.below, look.below])
    places: Int64 = np.searchsorted(limits, confidences, side="right")
    return places
