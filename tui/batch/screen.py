"""Standard output, which may be a terminal."""

import os

from models.console.display import display
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
