"""Keys, pastes, clicks, bytes that are no text, and sizes, until the app ends by itself.

    python -m tests.tui.app.fuzz --seconds 600 [--seed 0]

A seed is a session: the app on one of its screens, and so many bursts, each of which reaches it in
one read. It has to be there at the end, and to quit with exit code 0. What ends it otherwise is
printed with its seed, bursts and crash file.
"""

import argparse
import os
import random
import select
import tempfile
import time
from pathlib import Path

from models.console.command import ExitCode
from models.locations import BUILTIN
from tests.tui.app.terminal import Terminal

BURSTS = 150  # of a session

# Not Ctrl+C, Ctrl+Z and Ctrl+\, which are signals to an app that starts anew in another language.
CONTROL = [
    "\t",
    "\r",
    "\x1b",
    "\x0f",
    "\x10",
    "\x13",
    "\x12",
    "\x05",
    "\x01",
    "\x0b",
    "\x7f",
    "\x1b[Z",
]
ARROWS = [f"\x1b[{end}" for end in ("A", "B", "C", "D", "H", "F", "5~", "6~")]
FUNCTIONS = [f"\x1bO{end}" for end in "PQRS"] + [f"\x1b[{n}~" for n in (15, 17, 18, 19, 20, 21, 24)]
LETTERS = [*"nwlsxyc /?1234590 很好差", "\u200b", "😀", "e\u0301"]
PASTES = ["好", "好\n坏\n好", "x" * 5000, "", "label:", "<70%", "\x1b[2J", "\x00", "太差了" * 2000]
SIZES = [(80, 24), (120, 40), (60, 15), (30, 8), (10, 3), (5, 5), (4, 24), (3, 2), (2, 1), (1, 1)]
NO_TEXT = [
    b"\xff",
    b"\xe5\xa5",
    "很".encode("gbk"),
    b"\x1b[M",
    b"\x1b[<",
    b"\x1b[200~",
    b"\x00\x1b",
]


def burst(chance: random.Random) -> bytes | tuple[int, int]:
    """Return what reaches the app at once; of a new size, the columns and rows."""
    if chance.random() < 0.12:
        return chance.choice([*SIZES, (chance.randint(1, 150), chance.randint(1, 50))])
    return b"".join(_event(chance) for _ in range(chance.choice([1, 1, 2, 3, 8])))


def _event(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.2:
        return chance.choice(CONTROL).encode()
    if kind < 0.4:
        return chance.choice(ARROWS).encode()
    if kind < 0.6:
        return chance.choice(FUNCTIONS).encode()
    if kind < 0.75:
        return chance.choice(LETTERS).encode()
    if kind < 0.8:
        return f"\x1b[200~{chance.choice(PASTES)}\x1b[201~".encode()
    if kind < 0.95:
        return _mouse(chance)
    if kind < 0.98:
        return chance.choice(NO_TEXT)
    return chance.randbytes(chance.randint(1, 6)).translate(None, b"\x03\x11\x1a\x1cq")


def _mouse(chance: random.Random) -> bytes:
    """Return a click, a double click, a turn of the wheel or a move; a few in X10's bytes."""
    x, y = chance.randint(1, 90), chance.randint(1, 26)
    if chance.random() < 0.1:
        return b"\x1b[M" + bytes([32, 32 + x, 32 + y]).translate(None, b"q")
    button = chance.choice([0, 0, 0, 2, 35, 64, 65])
    pressed = f"\x1b[<{button};{x};{y}M"
    if button >= 35:
        return pressed.encode()
    click = pressed + f"\x1b[<{button};{x};{y}m"
    return (click * chance.choice([1, 2])).encode()


def session(seed: int, model: Path, folder: Path, bursts: int = BURSTS) -> str:
    """Run a session in `folder`, and return what ended the app; "" where nothing did."""
    chance = random.Random(seed)  # noqa: S311
    lines = [f"{chance.choice('好坏')} {n},{n % 5}\n" for n in range(chance.choice([0, 1, 3000]))]
    file = folder / "texts.csv"
    file.write_text("text,stars\n" + "".join(lines), encoding="utf-8")
    files = chance.choice([[], [file], [file]])
    options = ["--model", str(model), "--device", "cpu"]
    state = {"HOME": str(folder), "XDG_STATE_HOME": str(folder), "SLOW": chance.choice(["", "1"])}
    terminal = Terminal([*options, *map(str, files)], state, folder)
    sent: list[object] = []
    try:
        terminal.until(lambda seen: b"CPU" in seen, 120)
        if files:
            terminal.send(b"\x1b[15~")  # F5
        for _ in range(bursts):
            sent.append(event := burst(chance))
            if isinstance(event, tuple):
                terminal.resize(*event)
            else:
                terminal.send(event)
            if not _drained(terminal):
                break
        code = _quit(terminal)
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)
    crashes = [path.read_text(encoding="utf-8") for path in folder.rglob("crash-*.txt")]
    if code == ExitCode.OK and not crashes:
        return ""
    logs = [path.read_text(encoding="utf-8")[-3000:] for path in folder.rglob("log.txt")]
    return f"seed {seed}: exit {code} after {sent[-3:]}\n" + "\n".join([*crashes, *logs])


def _drained(terminal: Terminal) -> bool:
    """Take what the app has drawn, so that it is never held up; return whether it is there."""
    while select.select([terminal.master], [], [], 0.02)[0]:
        try:
            os.read(terminal.master, 1 << 16)
        except OSError:
            return False
    return True


def _quit(terminal: Terminal) -> int:
    """Press ^Q, also for the question that it may ask, until the app ends."""
    end = time.monotonic() + 120
    terminal.resize(80, 24)
    terminal.send(b"\x1b[201~")  # the end of a paste, where one was begun
    while time.monotonic() < end:
        terminal.send(b"\x11")
        quits = time.monotonic() + 1
        while time.monotonic() < quits:
            if not _drained(terminal):
                return terminal.process.wait(60)
    return -1  # it hangs


def main() -> None:
    """Fuzz for some time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0, help="the first; each session has the next")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    seed = arguments.seed
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            found = session(seed, BUILTIN, Path(folder))
        print(found or f"seed {seed}: nothing", flush=True)  # noqa: T201 - for whoever waits
        seed += 1


if __name__ == "__main__":
    main()
