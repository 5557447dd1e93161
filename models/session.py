"""ONNX Runtime: the devices that it offers, and one session of a model file."""

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from models.arrays import Float32
from models.console import unavailable_error
from models.console.install import install
from models.locations import Device
from models.tokenizer import Batch

Probabilities = Float32
"""Probabilities `[rows, labels]`, each row summing to 1."""

_PROVIDERS = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}

# TF32, the default on CUDA, gives fp32 products a mantissa of ten bits.
_PROVIDER_OPTIONS = {"cuda": {"use_tf32": "0"}, "cpu": {}}

_SPIN = "1000"
"""Microseconds that a thread looks for work before it sleeps: long enough from one product of a
text to the next. By default all look while the graph is being optimised, as long as that takes."""

_FATAL = 4  # level of logging: everything else that matters is raised as an exception


def installed(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    from importlib.metadata import PackageNotFoundError, version  # takes 30 ms

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _wheels() -> list[Path]:
    """Return what the wheels of ONNX Runtime left of themselves beside its code."""
    found = find_spec("onnxruntime")
    if found is None or found.origin is None:
        return []
    beside = Path(found.origin).parents[1]
    return [*beside.glob("onnxruntime-*.dist-info"), *beside.glob("onnxruntime_gpu-*.dist-info")]


def _onnxruntime() -> ModuleType:
    """Import ONNX Runtime, or say which command mends a missing or doubled installation."""
    if len(_wheels()) > 1:
        raise unavailable_error(
            "onnxruntime and onnxruntime-gpu are both installed, and overwrite each other. "
            "Uninstall both, then: {command} (or, for a GPU, 'onnxruntime-gpu[cuda,cudnn]')",
            command=install("onnxruntime"),
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise unavailable_error(
            "ONNX Runtime cannot be imported ({reason}). Install it: {command} "
            "(or, for a GPU, 'onnxruntime-gpu[cuda,cudnn]')",
            command=install("onnxruntime"),
            reason=error,
        ) from error
    module: ModuleType = onnxruntime
    return module


def providers() -> list[str]:
    """Return the execution providers that this ONNX Runtime offers.

    Raises:
        UserError: UNAVAILABLE, ONNX Runtime is missing, or both of its wheels are installed.
    """
    offered: list[str] = _onnxruntime().get_available_providers()
    return offered


def choose_devices(requested: Device) -> list[str]:
    """Return the devices to try, in order; "auto" prefers CUDA.

    Raises:
        UserError: UNAVAILABLE, as `providers`, or it offers none of them.
    """
    offered = providers()
    names = list(_PROVIDERS) if requested == "auto" else [requested]
    devices = [name for name in names if _PROVIDERS[name] in offered]
    if not devices:
        raise unavailable_error(
            "device {device} was asked for, but this ONNX Runtime offers only {found}; "
            "on a machine with CUDA install 'onnxruntime-gpu[cuda,cudnn]' in the place of "
            "onnxruntime, or use --device cpu",
            device=requested,
            found=offered,
        )
    return devices


class Session:
    """One ONNX Runtime session of a model file.

    Attributes:
        device: "cpu" or "cuda", where it really runs.
        provider: ONNX Runtime's name for the first device.
        threads: threads that share each product on the CPU.
        exact: int8 products are computed slowly, so that none overflows.
        metadata: the file's own `metadata_props`.
        nodes: number of nodes of the graph by execution provider, where it runs on CUDA.
    """

    def __init__(
        self, path: Path, devices: list[str], threads: int, *, exact: bool = False
    ) -> None:
        runtime = _onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _FATAL
        options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN)
        if exact:
            options.add_session_config_entry("session.x64quantprecision", "1")
        if "cuda" in devices:
            runtime.preload_dlls()
            options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        chosen = [(_PROVIDERS[device], _PROVIDER_OPTIONS[device]) for device in devices]
        self.path = path
        self.threads = threads
        self.exact = exact
        self._runtime = runtime.InferenceSession(path, options, providers=chosen)
        self.metadata: dict[str, str] = self._runtime.get_modelmeta().custom_metadata_map
        self.provider: str = self._runtime.get_providers()[0]
        self.device = "cuda" if self.provider == _PROVIDERS["cuda"] else "cpu"
        self.nodes: dict[str, int] = {}
        if self.device == "cuda":
            for part in self._runtime.get_provider_graph_assignment_info():
                self.nodes[part.ep_name] = len(part.get_nodes())
        self._inputs = [node.name for node in self._runtime.get_inputs()]

    def run(self, batch: Batch) -> Probabilities:
        """Return the probabilities of one padded batch; see `Tokens.batch`."""
        inputs = {name: batch[name] for name in self._inputs}
        probabilities: Probabilities
        (probabilities,) = self._runtime.run(["probabilities"], inputs)
        return probabilities

    @cached_property
    def single_threaded(self) -> "Session":
        """The same model on the CPU with one thread a call, for many threads that call it."""
        return Session(self.path, ["cpu"], 1, exact=self.exact)
