"""How labels, numbers and lines of text look on the screen, with colour and without."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.theme import BUILTIN_THEMES, Theme

from models.console import display, one_line
from models.labels import NEGATIVE, NEUTRAL, POSITIVE, polarity

_LATTE = BUILTIN_THEMES["catppuccin-latte"]
_MOCHA = BUILTIN_THEMES["catppuccin-mocha"]

_DARK = replace(_MOCHA, name="dark", variables=_MOCHA.variables | {"edge": "#7f849c"})
_LIGHT = replace(
    _LATTE,
    name="light",
    secondary="#a8503a",
    accent="#b83c00",
    warning="#9a5b00",
    success="#2f7d1f",
    variables=_LATTE.variables | {"edge": "#74778c", "footer-key-foreground": "#a33600"},
)
_CONTRAST = Theme(
    name="contrast",
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
    variables={"edge": "#a0a0a0"},
)

THEMES = {theme.name: theme for theme in (_DARK, _LIGHT, _CONTRAST)}
"""Our themes by name; borders have the colour `edge`. None is an ansi-* one: those are black on
black under NO_COLOR."""

FAINT = "$foreground 87%"

_LOOKS = {NEGATIVE: ("▼", "error"), POSITIVE: ("▲", "success")}
_OTHER = ("●", "accent")
_MAX_LABEL_CELLS = 20


def look(labels: Sequence[str], label: int) -> tuple[str, str]:
    """Return the glyph and the theme's colour of a label.

    Labels whose words tell no polarity look alike, so that no praise is ever painted as blame.
    """
    return _LOOKS.get(polarity(labels[label]) or NEUTRAL, _OTHER)


def padded(text: str, width: int) -> str:
    """Return `text` as exactly `width` cells."""
    return set_cell_size(one_line(text, width), width)


def percent(probability: float) -> str:
    """Return a probability as a percentage, seven cells wide: " 98.73%"."""
    return f"{probability:7.2%}"


def widest(labels: Sequence[str]) -> int:
    """Return how many cells all labels get."""
    longest = max(cell_len(display(label)) for label in labels)
    return min(longest, _MAX_LABEL_CELLS)


def named(labels: Sequence[str], label: int) -> Content:
    """Return a label with its glyph and colour; all labels of a model are equally wide."""
    glyph, colour = look(labels, label)
    name = padded(labels[label], widest(labels))
    return Content.styled(f"{glyph} {name}", f"$text-{colour}")


def marked(text: str, words: Iterable[str]) -> Content:
    """Return a text in which some words stand out."""
    content = Content(text)
    for word in words:
        for found in re.finditer(re.escape(word), text, re.IGNORECASE):
            content = content.stylize("bold underline", *found.span())
    return content


def bar(share: float, cells: int, colour: str, *, track: bool = True) -> Content:
    """Return a line of so many cells, heavy as far as `share` goes; half a cell counts.

    The light line of the rest, which `track=False` leaves out, differs without colour too.
    """
    whole, half = divmod(round(share * cells * 2), 2)
    heavy = "━" * whole + "╸" * half
    light = ""
    if track:
        light = "─" * (cells - len(heavy))
    return Content.assemble((heavy, f"${colour}"), (light, "$edge"))
