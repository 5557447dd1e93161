"""Colours of the themes: what is written can be read, and borders and bars can be seen."""

import pytest
from textual.color import Color
from textual.theme import Theme

from tui.app.theme import FAINT, THEMES, look


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio of WCAG 2.1, from 1 to 21."""
    lights = sorted((_luminance(one), _luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: Color) -> float:
    linear = [((c + 0.055) / 1.055) ** 2.4 if c > 0.03928 else c / 12.92 for c in colour.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def seen(theme: Theme, name: str, ground: str) -> tuple[Color, Color]:
    """Return a colour of a theme as it stands on a ground, and the ground."""
    variables = theme.to_color_system().generate() | theme.variables
    below = Color.parse(variables[ground])
    name, _, share = name.partition(" ")
    value, _, automatic = variables[name].partition(" ")
    opacity = float((share or automatic or "100%").rstrip("%")) / 100
    if value == "auto":
        return below.blend(below.get_contrast_text(1.0), opacity), below
    colour = Color.parse(value)
    return below.blend(colour.with_alpha(1), opacity * colour.a), below


@pytest.mark.parametrize("ground", ["background", "surface"])
@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_text_can_be_read_and_borders_and_bars_can_be_seen(theme: Theme, ground: str) -> None:
    poles = ("error", "success", "accent", "warning", "primary")
    texts = [FAINT.removeprefix("$"), "foreground", "text-muted", "footer-key-foreground"]
    texts += [f"text-{pole}" for pole in poles]
    for name in texts:
        assert contrast(*seen(theme, name, ground)) >= 4.5, name
    for name in ("edge", *poles):
        assert contrast(*seen(theme, name, ground)) >= 3, name


def test_labels_of_known_polarity_are_told_apart_and_others_look_alike() -> None:
    assert [look(("差评", "中评", "好评"), label)[0] for label in range(3)] == ["▼", "●", "▲"]
    assert look(("物流", "质量"), 0) == look(("物流", "质量"), 1) == ("●", "accent")
