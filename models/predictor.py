"""The only road to ONNX Runtime, for one text or ten million.

A text is tokenised in Rust, batched with texts of its length, classified, and answered in its
place. No torch, no transformers: importing this takes what numpy, tokenizers and ONNX Runtime take.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.batching import MAX_TOKENS, plan
from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.cores import available_cores, instructions, share_out
from models.locations import BUILTIN, Device
from models.manifest import Manifest
from models.tokenizer import Tokenizer, Tokens
from models.untrusted import admit

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_OPTIONS = {"CUDAExecutionProvider": {"use_tf32": "0"}}
"""Of the providers. With TF32, CUDA's default, fp32 products have ten bits of mantissa."""


@dataclass(frozen=True)
class Predictions:
    """Answers to some texts, in the order of the texts.

    Attributes:
        probabilities: float32 `[texts, labels]`, each row summing to 1.
        read: share of the text's tokens that was read, float32 `[texts]`; 1 for all of it.
    """

    probabilities: NDArray[np.float32]
    read: NDArray[np.float32]

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Whether the text was longer than what was read of it, `[texts]`."""
        return self.read < 1

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


def installed(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _onnxruntime() -> ModuleType:
    """Import ONNX Runtime, or say the command that mends its absence or its doubling."""
    if all(installed(wheel) for wheel in ("onnxruntime", "onnxruntime-gpu")):
        raise UserError(
            ExitCode.UNAVAILABLE,
            "onnxruntime and onnxruntime-gpu are both installed, and overwrite each other. "
            "Keep one: pip uninstall -y onnxruntime onnxruntime-gpu && "
            "pip install 'sentiment-tui[cpu]' (or 'sentiment-tui[gpu]')",
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            ExitCode.UNAVAILABLE,
            "ONNX Runtime cannot be imported ({reason}). Install it: "
            "pip install 'sentiment-tui[cpu]' (or 'sentiment-tui[gpu]')",
            reason=error,
        ) from error
    module: ModuleType = onnxruntime
    return module


def providers() -> list[str]:
    """Return the execution providers that this ONNX Runtime offers.

    Raises:
        UserError: UNAVAILABLE, it is missing, or both wheels are installed.
    """
    offered: list[str] = _onnxruntime().get_available_providers()
    return offered


def _wanted(device: Device) -> list[str]:
    """Return the execution providers to try for a device, in order."""
    offered = providers()
    devices = ["cuda", "cpu"] if device == "auto" else [device]
    wanted = [_PROVIDERS[name] for name in devices if _PROVIDERS[name] in offered]
    if not wanted:
        raise UserError(
            ExitCode.UNAVAILABLE,
            "device {device} was asked for, but this ONNX Runtime offers only {found}; "
            "install 'sentiment-tui[gpu]' on a machine with CUDA, or use --device cpu",
            device=device,
            found=", ".join(offered),
        )
    return wanted


def _connect(path: Path, wanted: Sequence[str], exact: bool, threads: int) -> Any:
    """Open a session of ONNX Runtime, whatever that raises."""
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # fatal: what matters is raised as an exception
    if exact:  # int8 products that would overflow, if slower
        options.add_session_config_entry("session.x64quantprecision", "1")
    if _PROVIDERS["cuda"] in wanted:
        runtime.preload_dlls()
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    chosen = [(name, _OPTIONS.get(name, {})) for name in wanted]
    return runtime.InferenceSession(path, options, providers=chosen)


class Predictor:
    """A one-file model, opened.

    Attributes:
        path: the file.
        manifest: what the file says of itself.
        device: "cpu" or "cuda": where it really runs.
        threads: how many cores it keeps busy on the CPU.
        nodes: how many nodes of the graph each execution provider got, where it runs on CUDA.
    """

    def __init__(self, path: Path, session: Any, connect: Callable[[int], Any]) -> None:
        self.path = path
        self.manifest = Manifest.from_metadata(session.get_modelmeta().custom_metadata_map)
        self.threads: int = session.get_session_options().intra_op_num_threads
        self._session = session
        self._connect = connect
        self._crew: Any = None  # a session of one thread that many threads call, once it is needed
        self.device = "cuda" if session.get_providers()[0] == _PROVIDERS["cuda"] else "cpu"
        self.nodes = {
            part.ep_name: len(part.get_nodes())
            for part in (
                session.get_provider_graph_assignment_info() if self.device == "cuda" else ()
            )
        }
        self._inputs = [node.name for node in session.get_inputs()]
        self._tokenizer = Tokenizer(self.manifest.tokenizer, self.manifest.max_length)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        device: Device = "auto",
        threads: int | None = None,
        proving: bool = False,
    ) -> "Predictor":
        """Open a model that `python -m export` wrote.

        Args:
            path: the `.onnx` file.
            device: "auto" takes CUDA where it works and the file is for it, else the CPU; the other
                two insist.
            threads: on the CPU; all cores that the process may use by default.
            proving: the caller is itself the check of a file that nobody vouched for, or compares
                its numbers: open it as it is, whatever device it was made for.

        Raises:
            UserError: NO_INPUT, no such file; CONFIG, not a model of this program, or not for this
                device; UNAVAILABLE, ONNX Runtime is missing, or the device asked for is not to be
                had.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(ExitCode.NO_INPUT, "no such model file: {path}", path=path)
        wanted = _wanted(device)
        if not proving and not path.samefile(BUILTIN):
            admit(path)
        threads = threads or available_cores()
        predictor = cls._open(path, wanted, threads, exact=False)
        if predictor.overflows:
            predictor = cls._open(path, wanted, threads, exact=True)
        if device == "cuda" and predictor.device != "cuda":
            raise UserError(
                ExitCode.UNAVAILABLE,
                "device cuda was asked for, but ONNX Runtime fell back to {found}: CUDA or "
                "cuDNN is missing or too old for it; use --device cpu to accept that",
                found=predictor._session.get_providers()[0],
            )
        precision = predictor.manifest.precision
        if proving or precision != {"cuda": "int8", "cpu": "fp16"}[predictor.device]:
            return predictor
        if predictor.device == "cuda" and device == "auto":
            return cls.open(path, device="cpu", threads=threads)
        reason = (
            tr("ONNX Runtime has no CUDA kernels for int8; use --device cpu")
            if precision == "int8"
            else tr("CPUs compute fp16 in fp32, with casts; export it with --target cpu")
        )
        raise UserError(
            ExitCode.CONFIG,
            "{path} is {precision}: {reason}",
            path=path,
            precision=precision,
            reason=reason,
        )

    @classmethod
    def _open(cls, path: Path, wanted: Sequence[str], threads: int, *, exact: bool) -> "Predictor":
        connect = partial(_connect, path, wanted, exact)
        try:
            session = connect(threads)
        except Exception as error:
            raise UserError(
                ExitCode.CONFIG,
                "{path}: ONNX Runtime cannot open it: {reason}",
                path=path,
                reason=error,
            ) from error
        try:
            return cls(path, session, connect)
        except ValueError as error:
            raise UserError(
                ExitCode.CONFIG,
                "{path} is an ONNX file, but not a model that `python -m export` wrote: {reason}",
                path=path,
                reason=error,
            ) from error

    @property
    def overflows(self) -> bool:
        """Whether sums of int8 products may overflow here, unless they are computed slowly."""
        safe = self.manifest.precision != "int8" or self.manifest.reduce_range
        return not safe and not any(name.endswith(("vnni", "dp")) for name in instructions())

    def predict(self, texts: Sequence[str], *, windows: bool = False) -> Predictions:
        """Classify `texts`; equal texts are computed once.

        Args:
            texts: any.
            windows: read a text that is longer than `max_length` whole, in windows that overlap by
                a quarter, and average their logits; else only its beginning is read.

        Returns:
            One row for each text, in order.

        Raises:
            TypeError: `texts` is one text, whose characters nobody wants classified.
        """
        if isinstance(texts, str):
            raise TypeError("expected a sequence of texts, found one text: predict([text])")
        place: dict[str, int] = {}
        where = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.intp)
        tokens = self._tokenizer.encode(list(place), windows=windows)
        answers = _average(self._answer(tokens), tokens.owner)
        return Predictions(answers[where], tokens.read[where])

    def pieces(self, text: str) -> list[str]:
        """Cut a text as the model reads it; see `Tokenizer.pieces`."""
        return self._tokenizer.pieces(text)

    def run(self, batch: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Return the probabilities of one padded batch, `[rows, labels]`; see `Tokens.batch`."""
        return self._run(self._session, batch)

    def _run(self, session: Any, batch: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        answers: NDArray[np.float32]
        (answers,) = session.run(["probabilities"], {name: batch[name] for name in self._inputs})
        return answers

    def _answer(self, tokens: Tokens) -> NDArray[np.float32]:
        """Return the probabilities of each row of ids, `[rows, labels]`."""
        answers = np.empty((len(tokens.ids), len(self.manifest.labels)), dtype=np.float32)
        # the longest first: no thread ends late
        batches = plan(tokens.lengths, max_tokens=MAX_TOKENS[self.device])[::-1]

        def run(session: Any, rows: NDArray[np.intp]) -> None:
            answers[rows] = self._run(session, tokens.batch(rows, self._tokenizer.pad_id))

        def together(batches: Sequence[NDArray[np.intp]]) -> None:
            for rows in batches:
                run(self._session, rows)

        def apart(batches: Sequence[NDArray[np.intp]]) -> None:
            if self._crew is None:
                self._crew = self._connect(1)
            with ThreadPoolExecutor(self.threads) as pool:
                try:
                    for _ in pool.map(lambda rows: run(self._crew, rows), batches):
                        pass
                finally:
                    pool.shutdown(cancel_futures=True)

        if self.device != "cpu" or self.threads == 1 or len(batches) < 2 * self.threads:
            together(batches)
        else:
            key = f"{self.manifest.digest[:16]}-{self.threads}"
            ways = {"apart": apart, "together": together}
            share_out(key, ways, batches, 4 * self.threads, self.threads)
        return answers


def _average(answers: NDArray[np.float32], owner: NDArray[np.intp] | None) -> NDArray[np.float32]:
    """Average the logits of the windows of each text: `[windows, C]` to `[texts, C]`.

    softmax(mean of logits) is the mean of log-probabilities, normalised: log softmax(z) is z up to
    a constant that the normalisation removes.
    """
    if owner is None:
        return answers
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    logs = np.log(np.maximum(answers, np.finfo(np.float32).tiny))
    means = np.add.reduceat(logs, starts) / np.diff(starts, append=len(answers))[:, None]
    powers = np.exp(means - means.max(axis=1, keepdims=True))
    averaged: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return averaged
