"""What has colour on the screen: the themes, the labels, and bars made of characters."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.theme import Theme

from models.console.display import display
from tui.app.theme import look, padded

THEMES = {"dark": "catppuccin-mocha", "light": "catppuccin-latte", "contrast": "high-contrast"}
"""Our name → Textual's. None is an ansi-* one: those are black on black under NO_COLOR."""

CONTRAST = Theme(
    name="high-contrast",
    dark=True,
    primary="#ffff00",
    secondary="#00ffff",
    accent="#00ffff",
    warning="#ffff00",
    error="#ff8080",
    success="#80ff80",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#202020",
)

FAINT = "$foreground 60%"
_WIDEST = 20  # cells of a label


def widest(labels: Sequence[str]) -> int:
    """Return how many cells all labels get."""
    return min(max(cell_len(display(label)) for label in labels), _WIDEST)


def named(labels: Sequence[str], label: int) -> Content:
    """Return a label with its glyph and colour; all labels of a model are equally wide."""
    glyph, colour = look(labels, label)
    return Content.styled(f"{glyph} {padded(labels[label], widest(labels))}", f"$text-{colour}")


def bar(share: float, cells: int, colour: str, *, track: bool = True) -> Content:
    """Return a line of so many cells, heavy as far as `share` goes; half a cell counts.

    The light line of the rest, which `track=False` leaves out, differs without colour too.
    """
    halves = round(share * cells * 2)
    heavy = "━" * (halves // 2) + "╸" * (halves % 2)
    light = "─" * (cells - len(heavy)) if track else ""
    return Content.assemble((heavy, f"${colour}"), (light, "$surface-lighten-2"))
