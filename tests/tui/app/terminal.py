"""The app in a child process on a pseudo-terminal, with its real driver and exit code."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LEFT = b"\x1b[?1049l"  # the alternate screen is left: the terminal is as it was
NOISE = """
import os, sys
from models import predictor
real = predictor.Predictor.open.__func__
def noisy(cls, path, *, device="auto"):
    os.write(2, b"[W:onnxruntime:NOISE]\\n")
    if os.environ.get("BREAK"):
        raise KeyError(os.environ["BREAK"])
    return real(cls, path, device=device)
predictor.Predictor.open = classmethod(noisy)
if os.environ.get("SLOW"):
    import time
    quick = predictor.Predictor.predict
    predictor.Predictor.predict = lambda *a, **k: (time.sleep(0.2), quick(*a, **k))[1]
if os.environ.get("NO_SIGHUP"):
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
if os.environ.get("DRIVER"):
    from textual.drivers.linux_driver import LinuxDriver
    LinuxDriver.run_input_thread = lambda _: 1 / 0
if os.environ.get("PANIC"):
    from textual.app import App
    from tui.app.app import SentimentApp
    SentimentApp.on_ready = lambda app: app.panic("what somebody typed")
from tui.cli import main
sys.argv = ["sentiment-tui", *sys.argv[1:]]
main()
"""


class Terminal:
    """A child process on a pseudo-terminal of its own."""

    def __init__(
        self, arguments: list[str], environment: dict[str, str], folder: Path | None = None
    ) -> None:
        self.master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[0] &= ~termios.IXON  # Ctrl+S would stop an app that starts anew
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.resize(80, 24)
        self.seen = b""
        # Textual would take these for the size, and pytest-xdist sets them.
        fixed = ("COLUMNS", "LINES")
        inherited = {name: value for name, value in os.environ.items() if name not in fixed}
        self.process = subprocess.Popen(
            [sys.executable, "-c", NOISE, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=inherited | {"TERM": "xterm-256color"} | environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def until(self, condition: Callable[[bytes], bool], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not condition(self.seen):
            ready, _, _ = select.select([self.master], [], [], max(end - time.monotonic(), 0))
            if not ready:
                pytest.fail(f"the terminal got only {self.seen[-2000:]!r}")
            try:
                self.seen += os.read(self.master, 1 << 16)
            except OSError:  # the child has closed its side
                break
        assert condition(self.seen), self.seen[-2000:]

    def shows(self, *words: str) -> None:
        self.until(lambda seen: all(word.encode() in seen for word in words))

    def type(self, keys: str) -> None:
        self.send(keys.encode())

    def send(self, data: bytes) -> None:
        """Write all at once where there is room, and read meanwhile, as a terminal does."""
        end = time.monotonic() + 120
        os.set_blocking(self.master, False)
        while data:
            if time.monotonic() > end:
                pytest.fail(f"the app reads nothing any more; it has drawn {self.seen[-2000:]!r}")
            readable, writable, _ = select.select([self.master], [self.master], [], 1)
            try:
                if writable:
                    data = data[os.write(self.master, data) :]
                if data and readable:
                    self.seen += os.read(self.master, 1 << 16)
            except BlockingIOError:
                continue
            except OSError:  # the child has closed its side
                break
        os.set_blocking(self.master, True)

    def ends(self) -> int:
        self.until(lambda seen: LEFT in seen)
        while True:
            try:
                rest = os.read(self.master, 1 << 16)
            except OSError:
                break
            if not rest:
                break
            self.seen += rest
        return self.process.wait(120)
