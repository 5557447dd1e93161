from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from trainer.report.plots import draw_pictures

NAMES = {"learning-curve.png", "confusion.png", "reliability.png", "coverage.png"}


def draw(folder: Path, *, classes: int = 2, rows: int = 200, epochs: int = 3) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    answers = {
        name: (random.dirichlet(np.ones(classes), rows), random.integers(classes, size=rows))
        for name in ("dev", "test")
    }
    history = [
        {"epoch": epoch, "train_loss": 1 / epoch, "dev_loss": 1.5 / epoch, "dev_macro_f1": 0.8}
        for epoch in range(1, epochs + 1)
    ]
    draw_pictures(folder, history, 1, answers)
    return folder


def test_the_same_run_gives_the_same_pictures_whatever_the_user_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = draw(tmp_path / "a")
    assert {path.name for path in first.iterdir()} == NAMES
    monkeypatch.setitem(mpl.rcParams, "figure.dpi", 37)
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "red")
    again = draw(tmp_path / "b")
    for name in NAMES:
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert mpl.rcParams["figure.dpi"] == 37  # and their configuration is as it was


@pytest.mark.parametrize(
    "shape", [{"classes": 30}, {"classes": 6}, {"rows": 1}, {"epochs": 1}], ids=str
)
def test_any_run_can_be_drawn(tmp_path: Path, shape: dict[str, int]) -> None:
    for path in draw(tmp_path / "x", **shape).iterdir():
        height, width, _ = imread(path).shape
        assert (height, width) == (600, 750 if path.name == "confusion.png" else 900)


def test_no_date_and_no_version_is_in_a_picture(tmp_path: Path) -> None:
    for path in draw(tmp_path / "x").iterdir():
        assert not {b"tEXt", b"iTXt", b"zTXt", b"tIME"} & {
            path.read_bytes()[start : start + 4] for start in range(33, 200)
        }
