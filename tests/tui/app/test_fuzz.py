"""Nothing that a terminal sends ends the app; `python -m tests.tui.app.fuzz` tries more of it."""

from pathlib import Path

import pytest

from models.locations import BUILTIN
from tests.tui.app.fuzz import session


@pytest.mark.parametrize("seed", [4, 6, 8])  # which ended it once
def test_nothing_that_a_terminal_sends_ends_the_app(tmp_path: Path, seed: int) -> None:
    if found := session(seed, BUILTIN, tmp_path, bursts=80):
        pytest.fail(found, pytrace=False)  # all of it: an assertion would cut the crash file
