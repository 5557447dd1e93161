"""Each architecture is taken, and answers as torch does, or is refused with the reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from export.pipeline import ExportSettings, export
from export.sources import load_source
from models.console import UserError
from models.predictor import Predictor
from tests.architectures import LONGEST, REFUSED, architectures, write_architecture
from trainer.settings import TrainingSettings
from trainer.training import train


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


@pytest.mark.parametrize("kind", ["distilbert", "squeezebert"])
def test_a_run_of_an_encoder_without_token_types_or_that_calls_its_pooler_is_exported(
    tmp_path: Path, reviews: Path, kind: str
) -> None:
    encoder = write_architecture(tmp_path / "encoder", kind, head=False)
    run = tmp_path / "run"
    data = (str(reviews),)
    train(TrainingSettings(encoder=str(encoder), data=data, output=run, max_length=LONGEST))
    done = export(ExportSettings(run=run, output=tmp_path / "a.onnx"))
    assert done.agreement.difference <= 1e-5


@pytest.mark.parametrize(
    ("kind", "short_layer"),
    [("rembert", "/layer.0/"), ("roformer", None), ("megatron-bert", None), ("albert", None)],
)
def test_the_last_layer_is_short_where_it_does_what_that_of_bert_does(
    tmp_path: Path, kind: str, short_layer: str | None
) -> None:
    source = load_source(write_architecture(tmp_path, kind, head=True))
    assert source.short_layer == short_layer


def test_a_layer_is_not_short_whose_classifier_reads_all_tokens(run: Path) -> None:
    assert load_source(run).short_layer is None  # mean pooling


def test_the_table_in_the_docs_says_what_is_taken() -> None:
    table = (Path(__file__).parents[2] / "docs" / "architectures.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert {row[0].removeprefix("| "): row[3] for row in rows} == {
        kind: "no" if kind in REFUSED else "yes" for kind in architectures(32)
    }
