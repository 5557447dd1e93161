"""The themes that the app offers."""

from textual.theme import Theme

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
