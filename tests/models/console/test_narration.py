"""Progress in a log: lines now and then, with the time that is left."""

import io

import pytest
from rich.console import Console

from models.console import narration


def lines(monkeypatch: pytest.MonkeyPatch, *, seconds: float, shown: bool = True) -> list[str]:
    """Return what is said while a hundred units pass, each in so many seconds."""
    now = 0.0
    said = io.StringIO()
    monkeypatch.setattr(narration, "_NARRATION", Console(file=said, width=80))
    monkeypatch.setattr(narration.time, "monotonic", lambda: now)
    with narration.progress("train", 1100, 1000, shown=shown) as advance:
        for _ in range(100):
            now += seconds
            advance(1)
    return said.getvalue().splitlines()


def test_a_log_has_an_estimate_soon_and_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    said = lines(monkeypatch, seconds=2)
    assert said == [
        "train: 1,003 of 1,100, about 0:03:14 to go",
        "train: 1,033 of 1,100, about 0:02:14 to go",
        "train: 1,063 of 1,100, about 0:01:14 to go",
        "train: 1,093 of 1,100, about 0:00:14 to go",
    ]


def test_what_is_over_at_once_says_nothing_nor_do_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert lines(monkeypatch, seconds=0.01) == []
    assert lines(monkeypatch, seconds=2, shown=False) == []
