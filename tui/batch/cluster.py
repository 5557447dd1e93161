"""The cores of a Ray cluster: engines stay on the machine of the command, and texts travel.

A task answers the texts of a chunk. It is a pure function that sees no file, so a worker that is
lost costs time only. Another task is the engine of a file, pinned to the machine of the command.
No other module imports ray.
"""

import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, cast

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before ray is imported, which reads it

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from models.arrays import Float32
from models.console import (
    ExitCode,
    UserError,
    complain,
    config_error,
    language,
    require_file,
    tr,
    unavailable_error,
)
from models.console.i18n import choose_language
from models.cores import available_cores
from models.locations import BUILTIN, Device
from models.predictor import Predictor
from models.untrusted import check_untrusted
from tui.batch.answering import Between, Question, Stopped, answer
from tui.batch.findings.half_done import RecordedModel
from tui.batch.receipt import changes_of, identity_of
from tui.batch.report import Report
from tui.batch.settings import BatchSettings
from tui.batch.several import Board, Outcome, Workers

RETRIES = 5
"""Times that a task is tried again whose worker was lost: one that kills its worker must end."""

_MOST = 128  # chunks of one file at once: an engine reads for some 80 cores
_LOOK = 5.0  # seconds between two looks at what the cluster has

PATIENCE = 30.0
"""Seconds for which the cluster may not be reached; after 60, Ray ends the process with code 1."""

_DEADLY = (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError)

_remote = cache(ray.remote)

_Content = tuple[Any]
"""Reference to a model file in the memory of the cluster; each machine fetches it once."""


@cache
def _predictor(path: Path, device: Device, content: _Content) -> Predictor:
    """Open a model in this process, once."""
    os.environ["RAYON_NUM_THREADS"] = "1"  # of the tokenizer: this worker has one core
    with NamedTemporaryFile(suffix=".onnx") as file:
        file.write(ray.get(content[0]))
        file.flush()
        predictor = Predictor.open(
            Path(file.name),
            device=device,
            threads=1,
            is_checked=True,
        )
    predictor.path = path
    return predictor


def describe(path: Path, device: Device, content: _Content) -> RecordedModel | UserError:
    """Open a model on a worker, and say what it is; an expected error is returned."""
    try:
        predictor = _predictor(path, device, content)
    except UserError as error:
        return error
    return RecordedModel(
        predictor.manifest,
        predictor.device,
        1,
        predictor.probe,
        path,
    )


def answer_texts(
    path: Path,
    device: Device,
    content: _Content,
    expected: Mapping[str, Mapping[str, Any]],
    question: Question,
) -> Float32 | UserError:
    """Answer a chunk on a worker, if it computes as expected; an expected error is returned."""
    try:
        predictor = _predictor(path, device, content)
        if changes := changes_of(expected, identity_of(predictor)):
            raise config_error(
                "the machine {node} of the cluster does not answer as the first one does: another "
                "{changes}. Leave it out, or make all alike",
                node=f"{socket.gethostname()} ({ray.util.get_node_ip_address()})",
                changes="; ".join(changes),
            )
        return answer(predictor, question)
    except UserError as error:
        return error


def classify_file(
    cluster: "Cluster", number: int, run: BatchSettings, report: Report
) -> Outcome | Exception:
    """Run the engine of a file, as if this process were the command's; see `Workers.classify`."""
    cluster.enter()
    try:
        return Workers.classify(cluster, number, run, report)
    except (UserError, OSError, Stopped) as error:
        return error


class Cluster(Workers):
    """Workers of the cluster that this process is connected to.

    Args:
        model: the model file.
        device: "cuda" gives each worker a GPU, all else a core.
        board: in a file, for the engines are processes.

    Raises:
        UserError: UNAVAILABLE, it has no such cores; as `Predictor.open`.
    """

    def __init__(self, model: Path, device: Device, board: Board) -> None:
        require_file(model)
        if not (is_builtin := model.samefile(BUILTIN)):
            check_untrusted(model)
        self.board = board
        self.at_once = _MOST
        self._device: Device = "cuda" if device == "cuda" else "cpu"
        self._kind = "GPU" if device == "cuda" else "CPU"
        self._looked = self._reached = 0.0
        self._retries = RETRIES
        self._task = answer_texts
        self._home = ray.get_runtime_context().get_node_id()
        self._language, self._folder = language(), Path.cwd()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self.look()
        if not self._cores:
            raise unavailable_error("no machine of the cluster offers a {kind}", kind=self._kind)
        self.files = max(2, min(4 * available_cores(), self._cores))
        self._path = BUILTIN if is_builtin else model
        self._content: _Content = (ray.put(model.read_bytes()),)
        near = NodeAffinitySchedulingStrategy(self._home, soft=True)
        task = _remote(describe).options(**self._needs, scheduling_strategy=near)
        described = _got(task.remote(self._path, self._device, self._content))
        self.predictor = cast(Predictor, described)
        self._expected = identity_of(self.predictor)

    @property
    def _needs(self) -> dict[str, Any]:
        if self._kind == "GPU":  # by Ray's default, a worker with a GPU ends with its first task
            return {"num_cpus": 0, "num_gpus": 1, "max_calls": 0}
        return {"num_cpus": 1}

    def look(self) -> None:
        """Look at what the cluster has, which may change; end the process if it is lost."""
        now = time.monotonic()
        if now < self._looked + _LOOK:
            return
        self._looked = now
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError as error:
            if now > self._reached + PATIENCE:
                complain(str(_lost(error)))
                os._exit(ExitCode.UNAVAILABLE)  # threads wait for Ray, which no error wakes up
            return
        self._reached = now
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._machines = len(resources)
        self._cores = int(sum(found.get(self._kind, 0) for found in resources))

    @property
    def cores(self) -> int:
        """Number of cores, or GPUs, by the last look."""
        return self._cores

    @property
    def place(self) -> str:
        """How many machines and cores there are."""
        self.look()
        sizes = {"machines": self._machines, "cores": self._cores}
        if self._kind == "GPU":
            return tr("on {machines:machine}, {cores:GPU}: ", **sizes)
        return tr("on {machines:machine}, {cores:core}: ", **sizes)

    def enter(self) -> None:
        """Make this process, which Ray started, like that of the command."""
        os.chdir(self._folder)
        os.umask(self._umask)
        choose_language(self._language)

    def classify(self, number: int, run: BatchSettings, report: Report) -> Outcome:
        """Classify a file in a process of its own on this machine; see `Workers.classify`."""
        here = NodeAffinitySchedulingStrategy(self._home, soft=False)
        task = _remote(classify_file).options(
            num_cpus=0, max_retries=self._retries, scheduling_strategy=here
        )
        outcome: Outcome = _got(task.remote(self, number, run, report))
        return outcome

    def _ask(self, predictor: Predictor, question: Question, between: Between) -> Float32:
        task = _remote(self._task).options(**self._needs, max_retries=self._retries)
        reference = task.remote(
            predictor.path, self._device, self._content, self._expected, question
        )
        while not ray.wait([reference], timeout=1)[0]:
            between(0)
        try:
            answers: Float32 = _got(reference)
        except UserError as error:
            if not isinstance(error.__cause__, _DEADLY):
                raise
            raise config_error(
                "{name}: {times} workers died one after the other of the records {first} to "
                "{last}: one of the texts may crash the model, or need more memory ({reason})",
                name=question.name,
                times=self._retries + 1,
                first=question.first,
                last=question.last,
                reason=_first_line(error.__cause__),
            ) from error
        return answers


def _got(reference: Any) -> Any:
    """Return the result of a task; raise the error that it returned, or what became of it."""
    try:
        result = ray.get(reference)
    except exceptions.RayTaskError as error:
        if isinstance(error.cause, ImportError):  # the program is not installed there
            raise _lost(error.cause) from error
        raise  # a bug of ours
    except exceptions.RayError as error:
        raise _lost(error) from error
    if isinstance(result, Exception):
        raise result
    return result


def _lost(error: Exception) -> UserError:
    return unavailable_error(
        "the Ray cluster fails: {reason}. The same command goes on where this one ended",
        reason=_first_line(error),
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@contextmanager
def workers_on_ray(model: Path, device: Device, sizes: Sequence[int]) -> Iterator[Workers]:
    """Connect to the cluster of RAY_ADDRESS, or of this machine, or start one on this machine.

    Args:
        model: the model file.
        device: where to run; "auto" is the CPU.
        sizes: of the files, in bytes.

    Raises:
        UserError: UNAVAILABLE, there is no cluster at RAY_ADDRESS; as `Cluster`.
    """
    _connect()
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "board"
            path.touch()
            yield Cluster(model, device, Board(sizes, path))
    finally:
        ray.shutdown()


def _connect() -> None:
    """Join a cluster, or start one."""
    quiet: dict[str, Any] = {"logging_level": logging.FATAL, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS", "")
    try:
        if address.startswith("ray://"):
            raise ConnectionError(tr("this is Ray Client, which runs no engine here"))
        try:
            ray.init("auto", **quiet)
        except ConnectionError:
            if address:
                raise
            ray.init(num_cpus=available_cores(), include_dashboard=False, **quiet)
    except Exception as error:
        raise unavailable_error(
            "no Ray cluster {address}: {reason}. Run this on one of its machines, with RAY_ADDRESS "
            "as ray start told it",
            address=address,
            reason=_first_line(error),
        ) from error
