"""File runs for tests: a predictor that costs nothing, small chunks, and children to kill."""

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet  # noqa: F401 - for the children, which are forked with it
import pytest
import xlsxwriter  # noqa: F401

from models.arrays import Float32
from models.manifest import Manifest
from models.predictor import Predictions, Predictor
from models.review import Level
from tests import tiny
from tui.batch import answering, journal
from tui.batch import engine as engine_module
from tui.batch.answering import Between, Question, answer
from tui.batch.engine import Hooks, classify
from tui.batch.settings import BatchSettings
from tui.batch.summary import Summary
from tui.cli import cli

LEVELS = (Level(0.55, 100, 40), Level(0.6, 80, 20), Level(1.0, 820, 20))
MANIFEST = replace(tiny.MANIFEST, max_length=16, review=LEVELS)


@dataclass
class FakePredictor:
    """Answers by a digest of the text alone."""

    manifest: Manifest = MANIFEST
    device: str = "cpu"
    threads: int = 1
    probe: str = "of this processor"
    path: Path = Path("fake.onnx")
    before: Callable[[], object] = lambda: None
    seen: list[str] = field(default_factory=list)

    def predict(self, texts: Sequence[str], *, windows: bool = False) -> Predictions:  # noqa: ARG002
        self.before()
        self.seen += texts
        digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest()[0] for text in texts]
        first = np.array(digests, dtype=np.float32) / 255
        read = [min(1, MANIFEST.max_length / max(len(text), 1)) for text in texts]
        return Predictions(np.stack([first, 1 - first], axis=1), np.array(read, dtype=np.float32))


class OutOfOrder:
    """Answers every second chunk only when the one after it is answered: there is always one."""

    def __init__(self) -> None:
        self._later: dict[int, threading.Event] = {}
        self._lock = threading.Lock()
        self.late = 0

    def _event(self, number: int) -> threading.Event:
        with self._lock:
            return self._later.setdefault(number, threading.Event())

    def __call__(self, predictor: Predictor, question: Question, between: Between) -> Float32:
        number = (question.first - 1) // 4
        if number % 2 == 0:
            while not self._event(number + 1).wait(0.005):
                between(0)
            self.late += 1
        try:
            return answer(predictor, question, between)
        finally:
            self._event(number).set()

    def hooks(self, **more: Any) -> Hooks:
        return Hooks(ask=self, workers=4, ahead=lambda: 3, **more)


version("sentiment-tui")  # imports what a child that is another user could not read


def fake(**fields: Any) -> Predictor:
    return cast(Predictor, FakePredictor(**fields))


def run(source: Path, output: Path, predictor: Predictor | None = None, **more: Any) -> Summary:
    """Run the engine in this process."""
    hooks = more.pop("hooks", Hooks())
    settings = BatchSettings(source, output, **more)
    return classify(settings, predictor or fake(), hooks=hooks)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "CHUNK", 4)
    monkeypatch.setattr(answering, "BATCH", 2)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, hidden ones and those in run folders included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Trap:
    """Stands for `os` in `tui.batch.journal`, and does something before the k-th call."""

    def __init__(self, at: int, act: Callable[[], object], *, always: bool = False) -> None:
        self.calls = 0
        self._at, self._act, self._always = at, act, always

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **keywords: Any) -> Any:
            self.calls += 1
            if name == "close":  # a file is closed, and a lock free, even where that is an error
                found(*arguments)
            if self.calls == self._at or (self._always and self.calls > self._at):
                self._act()
            return None if name == "close" else found(*arguments, **keywords)

        return call


def _child(source: Path, output: Path, kill_at: int, pause: float, more: dict[str, Any]) -> None:
    engine_module.CHUNK, answering.BATCH = 4, 2
    trap = Trap(kill_at, lambda: os.kill(os.getpid(), signal.SIGKILL))
    journal.os = cast(Any, trap)
    user = more.pop("user", None)
    if user is not None:
        os.setuid(user)
    try:
        if more.pop("out_of_order", False):
            more["hooks"] = OutOfOrder().hooks()
        run(source, output, fake(before=lambda: time.sleep(pause)), **more)
    except BaseException as error:  # noqa: BLE001 - its code is all that a child can return
        code = getattr(error, "code", 1)
        os._exit(int(code) if not isinstance(error, OSError) else 74)
    os._exit(0)


# Forked from a process without threads, which has everything imported: a child costs milliseconds.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.tui.batch.runs"])


def in_child(
    source: Path,
    output: Path,
    *,
    kill_at: int = 0,
    kill_after: float | None = None,
    pause: float = 0.0,
    **more: Any,
) -> int:
    """Run the engine in a child, and return its exit code: -9 where it was killed."""
    child = _context.Process(target=_child, args=(source, output, kill_at, pause, more))
    child.start()
    if kill_after is not None:
        time.sleep(kill_after)
        child.kill()
    child.join(600)
    assert child.exitcode is not None
    return child.exitcode


def _count_openings(source: Path, output: Path, told: Connection) -> None:
    opened: list[object] = []
    sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
    cast(Any, Predictor).open = lambda *_, **__: fake()
    cli(["classify", str(source), "-o", str(output), "--quiet"], standalone_mode=False)
    told.send(sum(str(path) == str(source) for path in opened))


def times_opened(source: Path, output: Path) -> int:
    """Return how often the command `classify` opens its input; in a child, for its audit hook."""
    received, told = _context.Pipe(duplex=False)
    child = _context.Process(target=_count_openings, args=(source, output, told))
    child.start()
    child.join(600)
    assert child.exitcode == 0
    return int(received.recv())
