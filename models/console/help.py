"""Makes click speak Chinese where the user does, and wrap it as a terminal shows it."""

import gettext
import re
import unicodedata
from collections.abc import Iterable

import click

from models.console.i18n import LOCALE, tr

_BREAK, _KEEP = " ", "\0"  # stand for the second column of a wide character
_NEVER_FIRST = "，。、；：？！）》」』】"  # of a line, as in all Chinese print
_NEVER_LAST = "（《「『【"


def speak() -> None:
    """Have every click command of this process speak the user's language from now on."""
    gettext.bindtextdomain("messages", LOCALE)  # where click looks its own words up
    click.Context.formatter_class = _Formatter


class _Formatter(click.HelpFormatter):
    """Gives a wide character two columns and lines may end after it; click wraps at spaces."""

    def write(self, string: str) -> None:
        super().write(re.sub(f"(.)[{_BREAK}{_KEEP}]", _gathered, string))

    def write_heading(self, heading: str) -> None:
        line = " " * self.current_indent + tr("{heading}:", heading=heading)
        self.write(_spread(line) + "\n")

    def write_text(self, text: str) -> None:
        super().write_text(_spread(text))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        spread = [(_spread(term), _spread(meaning)) for term, meaning in rows]
        super().write_dl(spread, col_max, col_spacing)


def _spread(text: str) -> str:
    """Put after each wide character what takes its second column."""
    spread = ""
    for character, following in zip(text, [*text[1:], ""], strict=True):
        spread += character
        if _is_wide(character):
            together = character in _NEVER_LAST or (following and following in _NEVER_FIRST)
            spread += _KEEP if together else _BREAK
    return spread


def _gathered(match: re.Match[str]) -> str:
    """Return a wide character without what followed it, and all else as it is."""
    return match[1] if _is_wide(match[1]) else match[0]


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
