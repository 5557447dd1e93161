"""What many tests start from: a tiny encoder, a run on it, and the model exported from that."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from models.console import language
from models.cores import available_cores
from tests.shared import once
from tests.tiny import write_encoder, write_reviews

# The words that a test reads are English unless it says otherwise, in child processes too.
os.environ["LC_ALL"] = "C.UTF-8"
if "PYTEST_XDIST_WORKER" in os.environ:
    # There are more workers than cores: a second thread of torch would only wait for the others.
    os.environ["OMP_NUM_THREADS"] = "1"
else:
    # What the program keeps about model files and this machine goes with the tests; a worker has
    # this from the process that started it.
    _cache = tempfile.TemporaryDirectory()
    os.environ["XDG_CACHE_HOME"] = _cache.name
# No test depends on how fast the machine is, nor on what else it does; and a folder of a test may
# serve all of its examples.
settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("any machine")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Return one more than the cores: for part of its time, a test of the app only waits."""
    return available_cores() + 1


@pytest.fixture(autouse=True)
def _english() -> None:
    language.cache_clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need a GPU, visibly, where ONNX Runtime finds none."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers."""
    return once(tmp_path_factory, "encoder", write_encoder)


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.tsv, dev.tsv and test.tsv."""
    return once(tmp_path_factory, "reviews", write_reviews)


@pytest.fixture(scope="session")
def run(encoder: Path, reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run: mean pooling on the tiny encoder."""

    def make(folder: Path) -> None:
        from trainer.settings import TrainingSettings
        from trainer.training import train

        data = {"encoder": str(encoder), "data": (str(reviews),)}
        train(TrainingSettings(**data, output=folder / "tiny", pooling="mean"))

    return once(tmp_path_factory, "runs", make) / "tiny"


@pytest.fixture(scope="session")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, exported in fp32."""

    def make(folder: Path) -> None:
        from export.pipeline import ExportSettings, export

        output = folder / "tiny.onnx"
        export(ExportSettings(run=run, output=output, opset=17, precision="fp32"))

    return once(tmp_path_factory, "models", make) / "tiny.onnx"
