"""Levels of confidence: which answers are worth a look, and how often such ones were wrong."""

from dataclasses import dataclass
from typing import Any


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
