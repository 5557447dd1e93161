"""Each architecture is taken, and answers as torch does, or is refused with the reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from export.pipeline import ExportSettings, export
from models.console.command import UserError
from models.predictor import Predictor
from tests.architectures import REFUSED, architectures, write_architecture


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Let no threads wait for one another at products as small as these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("kind", architectures(32))
def test_a_classifier_is_taken_or_refused_with_the_reason(tmp_path: Path, kind: str) -> None:
    folder = write_architecture(tmp_path / "classifier", kind, head=True)
    settings = ExportSettings(run=folder, output=tmp_path / "a.onnx")
    if kind in REFUSED:
        with pytest.raises(UserError, match=REFUSED[kind]):
            export(settings)
        return
    done = export(settings)
    model = Predictor.open_unchecked(done.path, threads=1)
    assert model.manifest.labels == ("negative", "positive")
    assert model.predict(["好"]).probabilities.shape == (1, 2)
    assert done.summary.opset == 17
    assert done.agreement.difference <= 1e-5
    assert done.agreement.neighbours <= 1e-6
