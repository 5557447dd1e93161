"""The command `classify` with the tiny model, in this process."""

from pathlib import Path

import pytest

from tests.cli import Invoke, invoker
from tui.cli import cli


@pytest.fixture
def classify(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], model: Path
) -> Invoke:
    """Run the command with the tiny model."""
    invoke = invoker(cli, monkeypatch, capfd)
    return lambda *arguments: invoke("classify", "--model", model, *arguments)
