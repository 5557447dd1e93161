"""Drives the terminal app in tests: a model with gates, and what stands on its screen."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from models.labels import NEGATIVE_POSITIVE
from models.locations import BUILTIN, Device
from models.predictor import Predictions
from models.review import NO_LEVELS
from tests.tiny import MANIFEST
from tui.app.app import SentimentApp
from tui.app.preferences import UserDirs
from tui.app.widgets.text_entry import TextEntry

SIZES = [(60, 15), (80, 24), (120, 40)]
SECONDS = 120
"""Seconds until what is not there counts as missing: a busy machine is no fault of the app."""


class FakeModel:
    """A model with gates: it opens, and answers, when the test lets it."""

    device = "cpu"
    threads = 1
    probe = "of this processor"

    def __init__(self, labels: Sequence[str] = NEGATIVE_POSITIVE) -> None:
        self.manifest = replace(
            MANIFEST,
            labels=tuple(labels),
            max_length=128,
            precision="int8",
            digest="0123456789abcdef",
            review=NO_LEVELS,
        )
        self.may_open = threading.Event()
        self.may_open.set()
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.probabilities = [1 / len(labels)] * len(labels)

    def open(self) -> "FakeModel":
        assert self.may_open.wait(SECONDS)
        if self.error is not None:
            raise self.error
        return self

    def answer(self, text: str) -> Sequence[float]:
        """What it says of a text: 坏 is blame, where there are two labels."""
        if "坏" in text and len(self.probabilities) == 2:
            return (0.9, 0.1)
        return self.probabilities

    def predict(self, texts: Sequence[str], *, windows: bool = False) -> Predictions:  # noqa: ARG002
        assert self.may_answer.wait(SECONDS)
        self.asked += texts
        rows = np.array([self.answer(text) for text in texts], dtype=np.float32)
        rows = rows.reshape(len(texts), len(self.manifest.labels))
        return Predictions(rows, np.array([0.5 if len(text) > 100 else 1.0 for text in texts]))

    def pieces(self, text: str) -> list[str]:
        return list(text)


def let_answer_by_chunks(fake: FakeModel) -> threading.Semaphore:
    """Let a model answer a chunk of short texts for each release of what is returned."""
    gate, predict = threading.Semaphore(0), fake.predict

    def gated(texts: Sequence[str], **more: bool) -> Predictions:
        assert gate.acquire(timeout=SECONDS)
        return predict(texts, **more)

    fake.predict = gated  # type: ignore[method-assign]
    return gate


def app_of(
    fake: FakeModel,
    path: str = str(BUILTIN),
    others: Mapping[str, FakeModel] = MappingProxyType({}),
    root: Path | None = None,
) -> SentimentApp:
    """Return an app with a model, which answers to every name but those of the others."""

    def open_model(path: Path, _device: Device) -> FakeModel:
        return others.get(path.name, fake).open()

    return SentimentApp(open_model, Path(path), "auto", UserDirs.of_user(), root=root)


def screen(pilot: Pilot[Any]) -> list[str]:
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            while not condition():
                await pilot.pause()
    except TimeoutError:
        pytest.fail("not on the screen:\n" + "\n".join(screen(pilot)))


async def shows(pilot: Pilot[Any], *wanted: str) -> None:
    def there() -> bool:
        seen = "\n".join(screen(pilot))
        return all(words in seen for words in wanted)

    await until(pilot, there)


async def lacks(pilot: Pilot[Any], words: str) -> None:
    await pilot.pause()
    assert words not in "\n".join(screen(pilot))


async def ask(pilot: Pilot[Any], text: str) -> None:
    pilot.app.query_one(TextEntry).insert(text)
    await pilot.press("enter")


async def notified(pilot: Pilot[Any], words: str) -> None:
    """Wait for a notification, which may be cut on the screen."""
    await until(pilot, lambda: any(words in note.message for note in pilot.app._notifications))


def row_of(pilot: Pilot[Any], *words: str) -> str:
    (row,) = [row for row in screen(pilot) if all(word in row for word in words)]
    return row


async def leave(pilot: Pilot[Any]) -> None:
    """Leave a dialog, and wait until it is gone."""
    screens = len(pilot.app.screen_stack)
    await pilot.press("escape")
    await until(pilot, lambda: len(pilot.app.screen_stack) < screens)


async def choose(pilot: Pilot[Any], key: str, words: str) -> None:
    """Wait for a question with an answer, and press the key of that."""
    await shows(pilot, words)
    question = pilot.app.screen
    await pilot.press(key)
    await until(pilot, lambda: pilot.app.screen is not question)
