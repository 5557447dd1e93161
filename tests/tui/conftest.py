"""Every test of the app has a home of its own, and leaves no engine behind."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.console.i18n import choose_language
from tests.tui.app.harness import SECONDS, FakeModel


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home" / variable))
    yield tmp_path / "home"
    choose_language(None)


@pytest.fixture
def fake() -> Iterator[FakeModel]:
    fake = FakeModel()
    yield fake
    fake.may_open.set()
    for thread in threading.enumerate():
        if thread.name == "engine":
            thread.join(SECONDS)
            assert not thread.is_alive()
