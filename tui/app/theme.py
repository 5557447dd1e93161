"""How a label, a number and a line of text look on the screen, with colour and without."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from models.console.display import display
from models.labels import NEGATIVE_POSITIVE

_POLES = (("▼", "error"), ("▲", "success"))


def look(labels: Sequence[str], label: int) -> tuple[str, str]:
    """Return the glyph and the theme's colour of a label.

    Only the names that this project gave itself tell which label is the good one; any other labels
    look alike, so that no praise is ever painted as blame.
    """
    return _POLES[label] if tuple(labels) == NEGATIVE_POSITIVE else ("●", "accent")


def one_line(text: str, width: int) -> str:
    """Return the beginning of `text` on one line of at most `width` terminal cells."""
    # Cut first: measuring a million characters takes a second.
    start = " ".join(text[: 4 * width + 1].split())
    shown = display(start)
    if cell_len(shown) <= width and len(text) <= 4 * width + 1:
        return shown
    return set_cell_size(shown, max(width - 1, 0)).rstrip() + "…"


def padded(text: str, width: int) -> str:
    """Return `text` as exactly `width` cells."""
    return set_cell_size(one_line(text, width), width)


def percent(probability: float) -> str:
    """Return a probability as a percentage, seven cells wide: " 98.73%"."""
    return f"{probability:7.2%}"
