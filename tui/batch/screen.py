"""Standard output, which may be a terminal."""

import os
from typing import TextIO

from models.console import display
from tui.batch.journal import Sink


class Screen(Sink):
    """Standard output as a person sees it: nothing that is written can act on the terminal."""

    def __init__(self) -> None:
        super().__init__(1)

    def write(self, content: bytes) -> int:
        """Take whole lines of UTF-8, and show their control characters instead of sending them."""
        shown = display(content.decode(), keep="\n\t")
        super().write(shown.encode())
        return len(content)


def standard_output() -> Sink:
    """Return standard output as it is: a screen, a file or a pipe."""
    return Screen() if os.isatty(1) else Sink(1)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a standard stream is a terminal; it is None where it was closed."""
    return stream is not None and stream.isatty()
