"""How fast the app is: `python benchmarks/app.py`. Prints one line of JSON for each figure.

First frame and first answer are measured from process start, in a pseudo-terminal. The table is
filled with a million made-up reviews, and driven by keys; what is told is the time until the screen
has been drawn anew. The stalls are those of the event loop while the built-in model classifies.
"""

import asyncio
import fcntl
import json
import os
import pty
import resource
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from models.locations import BUILTIN
from models.predictor import Predictor
from models.tables import Dialect, Place, Record, StandardInput
from tui.app.app import SentimentApp
from tui.app.job import Job, JobState
from tui.app.preferences import UserDirs
from tui.app.screens.results import ResultsScreen
from tui.app.screens.words import WordsList
from tui.app.widgets.virtual_list import VirtualList
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import Found
from tui.batch.settings import BatchSettings
from tui.batch.summary import Chunk

ROWS = 1_000_000
CHARACTERS = list(
    "这家酒店的房间很干净早餐也不错就是隔音差了点前台服务员态度好下次还会再来物流慢耳机坏"
)


def say(what: str, seconds: float) -> None:
    """Print a figure."""
    print(json.dumps({"what": what, "milliseconds": round(seconds * 1000, 1)}), flush=True)


def started(home: Path) -> tuple[float, float]:
    """Start the app in a pseudo-terminal; return the seconds to its first frame and answer."""
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {f"XDG_{kind}_HOME": str(home) for kind in ("CONFIG", "STATE", "DATA")}
    command = [str(Path(sys.executable).with_name("sentiment-tui")), "--model", "builtin"]
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | environment | {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"},
    )
    seen = b""

    def until(words: str) -> float:
        nonlocal seen
        while words.encode() not in seen:
            select.select([master], [], [])
            seen += os.read(master, 1 << 16)
        return time.perf_counter() - begin

    frame = until("type a text")
    os.write(master, "很好\r".encode())
    answer = until("Answers · 1")
    process.kill()
    process.wait()
    os.close(master)
    os.close(slave)
    return frame, answer


def made_up() -> ResultStore:
    """Return a million answers to reviews of 25 characters."""
    random = np.random.default_rng(0)
    rows = ResultStore(("负向评价", "正向评价"))
    texts = ["".join(random.choice(CHARACTERS, 25)) for _ in range(20_000)]
    praise = np.array(["好" in text for text in texts], np.int64)
    for start in range(0, ROWS, len(texts)):
        confidences = random.random(len(texts), dtype=np.float32) / np.float32(2) + np.float32(0.5)
        numbers = range(start + 1, start + 1 + len(texts))
        rows.append(
            Chunk(
                records=[Record(Place(number, number, number), {}) for number in numbers],
                texts=texts,
                ids=praise,
                confidences=confidences,
                statuses=(confidences < 0.7).astype(np.int64),
                truths=None,
                rejects=[],
            )
        )
    return rows


def app_in(home: Path) -> SentimentApp:
    """Return an app with the built-in model."""
    places = UserDirs(home / "config", home / "state", home / "data")
    return SentimentApp(lambda p, d: Predictor.open(p, device=d), BUILTIN, "cpu", places)


async def watch(stalls: list[float]) -> None:
    """Note how much later than asked the event loop comes back, time and again."""
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(0.005)
        stalls.append(time.perf_counter() - begin - 0.005)


async def browse(home: Path) -> None:
    """Time what one does with a million rows."""
    app = app_in(home)
    async with app.run_test(size=(120, 40)) as pilot:
        while app.manifest is None:
            await pilot.pause(0.01)

        async def timed(what: str, done: Callable[[], bool], key: str) -> None:
            await pilot.pause(0.2)
            begin = time.perf_counter()
            app.simulate_key(key)
            while not done():
                await asyncio.sleep(0.001)
            app.screen._compositor.render_strips()
            say(f"{ROWS:,} rows: {what}", time.perf_counter() - begin)

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        settings = BatchSettings(StandardInput(), output=home / "a.csv")
        found = Found(settings, "", Dialect(), ())
        labels = ("负向评价", "正向评价")
        job = Job(app.model_worker, settings, found, labels, app.corrections)
        job.results, job._ended = made_up(), JobState.DONE
        begin = time.perf_counter()
        await app.push_screen(ResultsScreen(job))
        table: VirtualList[int] = app.screen.query_one("#table", VirtualList)
        while table.virtual_size.height != ROWS:
            await asyncio.sleep(0.001)
        app.screen._compositor.render_strips()
        say(f"{ROWS:,} rows: first paint", time.perf_counter() - begin)

        def other_than(shown: Any) -> Callable[[], bool]:
            return lambda: table.items is not shown

        await timed("to the end", lambda: table.cursor == ROWS - 1, "end")
        await timed("one page up", lambda: table.cursor < ROWS - 1, "pageup")
        await timed("filter by label", other_than(table.items), "l")
        await timed("sort the filtered", other_than(table.items), "s")
        await timed("another label, sorted", other_than(table.items), "l")
        await timed("sort all", other_than(table.items), "l")
        line: Any = app.screen.query_one("#filter")
        begin, shown = time.perf_counter(), table.items
        line.value = "早餐"
        while table.items is shown:
            await asyncio.sleep(0.001)
        say(f"{ROWS:,} rows: search, sorted", time.perf_counter() - begin)
        line.value = ""
        await pilot.pause(2)
        stalls: list[float] = []
        watching = asyncio.create_task(watch(stalls))
        begin = time.perf_counter()
        table.focus()
        app.simulate_key("k")
        while not any(len(words.items) for words in app.screen.query(WordsList)):
            await asyncio.sleep(0.01)
        say(f"{ROWS:,} rows: words", time.perf_counter() - begin)
        watching.cancel()
        say("longest stall of the loop meanwhile", max(stalls))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"what": f"{ROWS:,} rows: memory", "MB": (after - before) // 1024}))


async def classify(home: Path) -> None:
    """Time the stalls of the event loop during a run, and how soon one is out of it."""
    source = home / "many.txt"
    random = np.random.default_rng(1)
    texts = ("".join(random.choice(CHARACTERS, 25)) for _ in range(60_000))
    source.write_text("\n".join(texts), encoding="utf-8")
    app = app_in(home)
    stalls: list[float] = []

    async with app.run_test(size=(120, 40)) as pilot:
        while app.state != "ready":
            await pilot.pause(0.01)
        app.open_file(source)
        while "f5" not in app.screen.active_bindings:
            await pilot.pause(0.01)
        await pilot.pause(1)
        await pilot.press("f5")
        while app.job is None or app.job.summary is None:
            await pilot.pause(0.01)
        ticker = asyncio.create_task(watch(stalls))
        while len(app.job.results) == 0:
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
        ticker.cancel()
        if not app.job.running:
            raise SystemExit("too few texts for this machine: the run was over too soon")
        say("longest stall of the loop during a run", max(stalls))
        say("median stall", median(stalls))
        begin = time.perf_counter()
        app.exit()
    say("quitting in the middle of a run", time.perf_counter() - begin)


def main() -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        times = [started(home / str(attempt)) for attempt in range(5)]
        say("first frame (median of 5)", median(frame for frame, _ in times))
        say("first answer (median of 5)", median(answer for _, answer in times))
        asyncio.run(browse(home))
        asyncio.run(classify(home))
        sys.stdout.flush()
        os._exit(0)  # as the app does, when the engine is still in native code


if __name__ == "__main__":
    main()
