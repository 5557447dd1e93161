"""Textual's driver of a terminal, made to outlive what terminals send."""

from codecs import IncrementalDecoder, getincrementaldecoder
from functools import partial

from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from tui.app.model_worker import Crashed


def _tolerant(encoding: str) -> partial[IncrementalDecoder]:
    """Return a decoder that replaces by U+FFFD what is not in the encoding, as no byte may end us.

    Mouse reports in X10's bytes, which tmux may send, and Chinese from a terminal that is set to
    GBK are no UTF-8. Textual 8.2 has no setting for it, and makes its decoder in the middle of the
    loop that reads, so the name that it finds there is ours (Textualize/textual#6668).
    """
    return partial(getincrementaldecoder(encoding), errors="replace")


linux_driver.getincrementaldecoder = _tolerant  # type: ignore[assignment, attr-defined]


class TerminalDriver(LinuxDriver):
    """Reads what is no UTF-8, too, and hands what it raises to the app."""

    def run_input_thread(self) -> None:
        """Read until the app ends; an exception, which Textual would not hand out, ends it."""
        try:
            super().run_input_thread()
        except Exception as error:  # noqa: BLE001 - what a thread raises, nobody else would see
            self.send_message(Crashed(error))
