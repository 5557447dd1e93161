"""What many tests start from: a tiny encoder, a run on it, and the model exported from that."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from models.console import language
from models.cores import available_cores
from tests.shared import once
from tests.tiny import write_encoder, write_reviews

# The words that a test reads are English unless it says otherwise, in child processes too.
os.environ["LC_ALL"] = "C.UTF-8"
IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IS_WORKER:
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


@pytest.fixture(scope="session", autouse=True)
def _no_pictures() -> Iterator[None]:
    """No pictures of what tests train: those of `run` are there, and test_plots draws."""
    writer = sys.modules.get("trainer.run_writer")  # which a test that trains has imported
    with pytest.MonkeyPatch.context() as patch:
        if writer is not None:
            patch.setattr(writer, "draw_pictures", lambda *_: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread for each model in a worker: one more of ONNX Runtime would wait, and busily.

    What more threads do is tested in test_predictor.
    """
    with pytest.MonkeyPatch.context() as patch:
        if IS_WORKER:
            patch.setattr("models.predictor.available_cores", lambda: 1)
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long tests first; skip those that need a GPU, visibly, where ONNX Runtime finds none."""
    import onnxruntime

    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = long_first(items, workers)
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def long_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests in an order in which each worker begins with long ones.

    At first, `--dist worksteal` gives each worker an equal part of the list. The long tests of one
    file, which may share what is dear to make, are in the same part.
    """
    long = [item for item in items if item.get_closest_marker("long")]
    rest = [item for item in items if item not in long]
    files = list(dict.fromkeys(item.path for item in long))
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        ordered += [item for item in long if files.index(item.path) % workers == worker]
        room = len(items) * (worker + 1) // workers - len(ordered)
        ordered += rest[:room]
        rest = rest[room:]
    return ordered


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
        from trainer.report.plots import draw_pictures
        from trainer.settings import TrainingSettings
        from trainer.training import train

        data = {"encoder": str(encoder), "data": (str(reviews),)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("trainer.run_writer.draw_pictures", draw_pictures)
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
