"""Textual's driver of a terminal, made to outlive what terminals send."""

from contextlib import suppress
from encodings.utf_8 import IncrementalDecoder
from typing import Any

from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from models.console import ExitCode
from tui.app.model_worker import Crashed


class _Decoder(IncrementalDecoder):
    """Replaces by U+FFFD what is no UTF-8, as no byte may end us, and notices the end.

    Mouse reports in X10's bytes, which tmux may send, and Chinese from a terminal that is set to
    GBK are no UTF-8. Textual 8.2 has no setting for it, and makes its decoder in the middle of the
    loop that reads, so the name that it finds there is ours (Textualize/textual#6668).

    Raises:
        EOFError: nothing was read: the terminal is gone. Textual would read on for ever.
    """

    def __init__(self) -> None:
        super().__init__("replace")

    def decode(self, input: Any, final: bool = False) -> str:
        """Decode what was read."""
        if not input:
            raise EOFError
        return super().decode(input, final)


linux_driver.getincrementaldecoder = lambda _: _Decoder  # type: ignore[assignment, attr-defined]


class TerminalDriver(LinuxDriver):
    """Reads what is no UTF-8, too, ends with the terminal, and hands what it raises to the app."""

    def run_input_thread(self) -> None:
        """Read until the app ends; an exception, which Textual would not hand out, ends it."""
        try:
            super().run_input_thread()
        except EOFError:
            with suppress(RuntimeError):  # the app has ended before
                self._loop.call_soon_threadsafe(self._app.exit, None, ExitCode.TERMINATED)
        except Exception as error:  # noqa: BLE001 - what a thread raises, nobody else would see
            self.send_message(Crashed(error))
