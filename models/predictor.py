"""The only road to ONNX Runtime, for one text or ten million.

A text is tokenised in Rust, batched with texts of its length, classified, and answered in its
place. No torch, no transformers: importing this takes what numpy, tokenizers and ONNX Runtime take.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.batching import plan
from models.command import ExitCode, UserError
from models.i18n import tr
from models.locations import Device
from models.manifest import Manifest
from models.tokens import Tokenizer

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_WHEELS = {"cpu": "onnxruntime", "gpu": "onnxruntime-gpu"}


@dataclass(frozen=True)
class Predictions:
    """Answers to some texts, in the order of the texts.

    Attributes:
        probabilities: float32 `[texts, labels]`, each row summing to 1.
        truncated: whether the text was longer than the model reads, bool `[texts]`.
    """

    probabilities: NDArray[np.float32]
    truncated: NDArray[np.bool_]

    @property
    def ids(self) -> NDArray[np.int64]:
        """The most probable label of each text, `[texts]`."""
        ids: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return ids

    @property
    def confidences(self) -> NDArray[np.float32]:
        """The probability of that label, `[texts]`."""
        # The initial value lets an empty list of texts through; a probability is never below it.
        highest: NDArray[np.float32] = self.probabilities.max(axis=1, initial=0.0)
        return highest


def available_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _onnxruntime() -> ModuleType:
    """Import ONNX Runtime, or say the command that mends its absence or its doubling."""
    installed = []
    for extra, wheel in _WHEELS.items():
        try:
            version(wheel)
        except PackageNotFoundError:
            continue
        installed.append(extra)
    if len(installed) == 2:
        raise UserError(
            ExitCode.UNAVAILABLE,
            tr(
                "onnxruntime and onnxruntime-gpu are both installed, and overwrite each other. "
                "Keep one: pip uninstall -y onnxruntime onnxruntime-gpu && "
                "pip install 'sentiment-tui[cpu]' (or 'sentiment-tui[gpu]')"
            ),
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            ExitCode.UNAVAILABLE,
            tr(
                "ONNX Runtime cannot be imported ({reason}). Install it: "
                "pip install 'sentiment-tui[cpu]' (or 'sentiment-tui[gpu]')",
                reason=error,
            ),
        ) from error
    module: ModuleType = onnxruntime
    return module


class Predictor:
    """A one-file model, opened.

    Attributes:
        path: the file.
        manifest: what the file says of itself.
        device: "cpu" or "cuda": where it really runs.
    """

    def __init__(self, path: Path, manifest: Manifest, session: Any, device: str) -> None:
        self.path = path
        self.manifest = manifest
        self.device = device
        self._session = session
        self._inputs = [node.name for node in session.get_inputs()]
        self._tokenizer = Tokenizer(manifest.tokenizer, manifest.max_length)

    @classmethod
    def open(
        cls, path: Path, *, device: Device = "auto", threads: int | None = None
    ) -> "Predictor":
        """Open a model that `python -m export` wrote.

        Args:
            path: the `.onnx` file.
            device: "auto" takes CUDA where it works, else the CPU; the other two insist.
            threads: for one matrix product on the CPU; all that the process may use by default.

        Raises:
            UserError: NO_INPUT, no such file; CONFIG, not a model of this program; UNAVAILABLE,
                ONNX Runtime is missing, or the device asked for is not to be had.
        """
        if not path.is_file():
            raise UserError(ExitCode.NO_INPUT, tr("no such model file: {path}", path=path))
        runtime = _onnxruntime()
        wanted = ["cuda", "cpu"] if device == "auto" else [device]
        offered = runtime.get_available_providers()
        names = [_PROVIDERS[name] for name in wanted if _PROVIDERS[name] in offered]
        if not names:
            raise UserError(
                ExitCode.UNAVAILABLE,
                tr(
                    "device {device} was asked for, but this ONNX Runtime offers only {found}; "
                    "install 'sentiment-tui[gpu]' on a machine with CUDA, or use --device cpu",
                    device=device,
                    found=", ".join(offered),
                ),
            )
        if _PROVIDERS["cuda"] in names:
            runtime.preload_dlls()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.log_severity_level = 4  # fatal: what matters is raised as an exception
        try:
            session = runtime.InferenceSession(path, options, providers=names)
        except Exception as error:
            raise UserError(
                ExitCode.CONFIG,
                tr("{path}: ONNX Runtime cannot open it: {reason}", path=path, reason=error),
            ) from error
        got = session.get_providers()[0]
        if device == "cuda" and got != _PROVIDERS["cuda"]:
            raise UserError(
                ExitCode.UNAVAILABLE,
                tr(
                    "device cuda was asked for, but ONNX Runtime fell back to {found}: CUDA or "
                    "cuDNN is missing or too old for it; use --device cpu to accept that",
                    found=got,
                ),
            )
        try:
            manifest = Manifest.from_metadata(session.get_modelmeta().custom_metadata_map)
            _check_signature(session)
            return cls(path, manifest, session, "cuda" if got == _PROVIDERS["cuda"] else "cpu")
        except ValueError as error:
            raise UserError(
                ExitCode.CONFIG,
                tr(
                    "{path} is an ONNX file, but not a model that `python -m export` wrote: "
                    "{reason}",
                    path=path,
                    reason=error,
                ),
            ) from error

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Classify `texts`; equal texts are computed once.

        Returns:
            One row for each text, in order.
        """
        place: dict[str, int] = {}
        where = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.intp)
        tokens = self._tokenizer.encode(list(place))
        probabilities = np.empty((len(place), len(self.manifest.labels)), dtype=np.float32)
        for rows in plan(tokens.lengths):
            batch = tokens.batch(rows, self._tokenizer.pad_id)
            feed = {name: batch[name] for name in self._inputs}
            (probabilities[rows],) = self._session.run(["probabilities"], feed)
        return Predictions(probabilities[where], tokens.truncated[where])


def _check_signature(session: Any) -> None:
    """Raise ValueError unless the graph takes what `Tokens.batch` gives and answers as promised."""
    inputs = {node.name for node in session.get_inputs()}
    required = {"input_ids", "attention_mask"}
    if not required <= inputs <= required | {"token_type_ids"}:
        raise ValueError(f"its inputs are {sorted(inputs)}")
    outputs = {node.name for node in session.get_outputs()}
    if "probabilities" not in outputs:
        raise ValueError(f"its outputs are {sorted(outputs)}, without 'probabilities'")
