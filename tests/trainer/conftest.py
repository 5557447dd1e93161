"""No pictures of the runs that a test trains: those of `run` are there, and test_plots draws."""

import pytest


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.run_writer.draw_pictures", lambda *_: None)
