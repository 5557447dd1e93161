"""How a label, a number and a line of text look on the screen, with colour and without."""

from collections.abc import Sequence

from rich.cells import set_cell_size

from models.console.display import one_line as one_line
from models.labels import NEGATIVE_POSITIVE

_POLES = (("▼", "error"), ("▲", "success"))


def look(labels: Sequence[str], label: int) -> tuple[str, str]:
    """Return the glyph and the theme's colour of a label.

    Only the names that this project gave itself tell which label is the good one; any other labels
    look alike, so that no praise is ever painted as blame.
    """
    return _POLES[label] if tuple(labels) == NEGATIVE_POSITIVE else ("●", "accent")


def padded(text: str, width: int) -> str:
    """Return `text` as exactly `width` cells."""
    return set_cell_size(one_line(text, width), width)


def percent(probability: float) -> str:
    """Return a probability as a percentage, seven cells wide: " 98.73%"."""
    return f"{probability:7.2%}"
