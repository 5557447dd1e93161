"""Predictor: a model file that is open, for one text or ten million.

A text is tokenised in Rust, batched with texts of its length, classified, and answered in its
place. No torch, no transformers: importing this takes what numpy and tokenizers take.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from models.arrays import Float32, Int64, Mask, Rows
from models.batching import MAX_TOKENS, distinct, plan
from models.console import config_error, no_input_error, tr, unavailable_error
from models.cores import available_cores, instructions
from models.locations import BUILTIN, Device
from models.manifest import Manifest
from models.probe import PROBE
from models.session import Probabilities, Session, choose_devices
from models.tokenizer import Batch, Tokenizer, Tokens
from models.untrusted import check_untrusted


@dataclass(frozen=True)
class Predictions:
    """Predictions for some texts, in the order of the texts.

    Attributes:
        probabilities: float32 `[texts, labels]`, each row summing to 1.
        read: share of a text's tokens that the model read, float32 `[texts]`; 1 for all of them.
    """

    probabilities: Probabilities
    read: Float32

    @property
    def truncated(self) -> Mask:
        """Whether a text was longer than what the model read, `[texts]`."""
        return self.read < 1

    @property
    def ids(self) -> Int64:
        """The id of the most probable label, `[texts]`."""
        ids: Int64 = self.probabilities.argmax(axis=1)
        return ids

    @property
    def confidences(self) -> Float32:
        """The probability of the most probable label, `[texts]`."""
        # The initial value is for an empty list of texts: no probability is below it.
        highest: Float32 = self.probabilities.max(axis=1, initial=0.0)
        return highest


class Predictor:
    """A model file that is open.

    Attributes:
        path: the file.
        manifest: the file's description of itself.
        device: "cpu" or "cuda", where the model really runs.
        threads: number of cores that the model keeps busy on the CPU.
        nodes: number of nodes of the graph by execution provider, where it runs on CUDA.
    """

    def __init__(self, path: Path, session: Session) -> None:
        self.path = path
        self.manifest = Manifest.from_metadata(session.metadata)
        self.device = session.device
        self.threads = session.threads
        self.nodes = session.nodes
        self._session = session
        self._tokenizer = Tokenizer(self.manifest.tokenizer, self.manifest.max_length)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        device: Device = "auto",
        threads: int | None = None,
        is_checked: bool = False,
    ) -> "Predictor":
        """Open a model file that `python -m export` wrote.

        Args:
            path: the `.onnx` file.
            device: "cpu" and "cuda" insist; "auto" takes CUDA where it works and the file is for
                it, else the CPU.
            threads: number of cores to keep busy on the CPU; None takes all that there are.
            is_checked: the file was checked before, on this machine or another.

        Raises:
            UserError: NO_INPUT, no such file; CONFIG, not a model of this program, or not for this
                device; UNAVAILABLE, ONNX Runtime or the requested device is missing.

        Example:
            >>> Predictor.open(BUILTIN, device="cpu").manifest.labels
            ('负向评价', '正向评价')
        """
        path = Path(path)
        if not path.is_file():
            raise no_input_error("no such model file: {path}", path=path)
        devices = choose_devices(device)
        if not (is_checked or path.samefile(BUILTIN)):
            check_untrusted(path)
        predictor = cls._load(path, devices, threads)
        int8_on_cuda = predictor.device == "cuda" and predictor.manifest.precision == "int8"
        if device == "auto" and int8_on_cuda:
            predictor = cls._load(path, ["cpu"], threads)
        predictor._verify_device(device)
        return predictor

    @classmethod
    def open_unchecked(cls, path: Path, threads: int | None = None) -> "Predictor":
        """Open a file on the CPU without asking where it comes from or which device it is for.

        For the process that checks a stranger's file, and for exports, which compare its numbers.
        """
        return cls._load(path, choose_devices("cpu"), threads)

    @classmethod
    def _load(cls, path: Path, devices: list[str], threads: int | None = None) -> "Predictor":
        threads = threads or available_cores()
        try:
            # Metadata and tokenizer were checked before.
            predictor = cls(path, Session(path, devices, threads))
            if predictor.overflows:
                predictor = cls(path, Session(path, devices, threads, exact=True))
        except Exception as error:
            raise config_error(
                "{path}: ONNX Runtime cannot open it: {reason}",
                path=path,
                reason=error,
            ) from error
        return predictor

    @property
    def overflows(self) -> bool:
        """Whether sums of int8 products may overflow on this CPU, unless they are computed slowly.

        Processors with VNNI or its Arm counterpart add them in 32 bits, others in 16.
        """
        if self.manifest.precision != "int8" or self.manifest.reduce_range:
            return False
        return not any(name.endswith(("vnni", "dp")) for name in instructions())

    def _verify_device(self, requested: Device) -> None:
        """Raise UserError unless the model runs where it was asked to, in a precision for that."""
        if requested == "cuda" and self.device != "cuda":
            raise unavailable_error(
                "device cuda was asked for, but ONNX Runtime fell back to {found}: CUDA or "
                "cuDNN is missing or too old for it; use --device cpu to accept that",
                found=self._session.provider,
            )
        precision = self.manifest.precision
        if self.device == "cuda" and precision == "int8":
            reason = tr("ONNX Runtime has no CUDA kernels for int8; use --device cpu")
        elif self.device == "cpu" and precision == "fp16":
            reason = tr("CPUs compute fp16 in fp32, with casts; export it with --target cpu")
        else:
            return
        raise config_error(
            "{path} is {precision}: {reason}",
            path=self.path,
            precision=precision,
            reason=reason,
        )

    def predict(self, texts: Sequence[str], *, windows: bool = False) -> Predictions:
        """Classify texts; equal texts are computed once.

        Args:
            texts: any strings; a text without characters is one, too.
            windows: read a text that is longer than `max_length` whole, in windows that overlap by
                a quarter, and average their logits. Otherwise only its beginning is read.

        Returns:
            One row for each text, in order.

        Raises:
            TypeError: `texts` is one string, whose characters nobody wants classified.
            UserError: CONFIG, the model fails at one of the texts, or answers with something else
                than probabilities.

        Example:
            >>> predictions = Predictor.open(BUILTIN).predict(["很好，还会再来", "太差了"])
            >>> predictions.ids.tolist()
            [1, 0]
        """
        if isinstance(texts, str):
            raise TypeError("expected a sequence of texts, found one text: predict([text])")
        different, rows = distinct(texts)
        with self._naming_failures():
            tokens = self._tokenizer.encode(different, windows=windows)
        probabilities = self._classify(tokens)
        if tokens.owner is not None:
            probabilities = _average_windows(probabilities, tokens.owner)
        return Predictions(probabilities[rows], tokens.read[rows])

    @cached_property
    def probe(self) -> str:
        """Digest of the answers to `PROBE`; another machine with the same computes the same."""
        return sha256(self.predict(PROBE).probabilities.tobytes()).hexdigest()

    def pieces(self, text: str) -> list[str]:
        """Cut a text as the model reads it; see `Tokenizer.pieces`."""
        with self._naming_failures():
            return self._tokenizer.pieces(text)

    def run(self, batch: Batch, session: Session | None = None) -> Probabilities:
        """Return the probabilities of one padded batch; see `Tokens.batch` and `predict`."""
        with self._naming_failures():
            session = session or self._session
            probabilities = session.run(batch)
            rows = len(batch["input_ids"])
            _check(probabilities, (rows, len(self.manifest.labels)))
        return probabilities

    @contextmanager
    def _naming_failures(self) -> Iterator[None]:
        """Make any exception a UserError that names the file: its graph and tokenizer raised it."""
        try:
            yield
        except BaseException as error:
            # A panic of Rust is no Exception; Ctrl-C is none either, and no fault of the file.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise config_error(
                "the model {path} fails at one of these texts: {reason}",
                path=self.path,
                reason=str(error)[:500] or type(error).__name__,
            ) from error

    def _classify(self, tokens: Tokens) -> Probabilities:
        """Return the probabilities of each row of token ids."""
        shape = len(tokens.ids), len(self.manifest.labels)
        probabilities = np.empty(shape, dtype=np.float32)
        # Longest first: no thread begins a long batch when the others have nothing left to do.
        batches = plan(tokens.lengths, max_tokens=MAX_TOKENS[self.device])[::-1]

        def classify(session: Session, rows: Rows) -> None:
            batch = tokens.batch(rows, self._tokenizer.pad_id)
            probabilities[rows] = self.run(batch, session)

        if self.device == "cuda" or self.threads == 1 or len(batches) < 2 * self.threads:
            for rows in batches:
                classify(self._session, rows)
            return probabilities
        # A batch a thread is some 1.5 times as fast as threads that share each product and wait for
        # one another, but takes enough batches to keep all of them busy.
        with self._naming_failures():
            session = self._session.single_threaded
        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(lambda rows: classify(session, rows), batches):
                pass  # an error of a batch is raised here, and the batches after it are cancelled
        return probabilities


def _check(probabilities: Probabilities, shape: tuple[int, int]) -> None:
    """Raise ValueError unless there are `shape` numbers, and each row sums to 1, within 1e-3."""
    found = probabilities.shape
    if found != shape:
        raise ValueError(
            tr("expected answers {shape}, found {found}", shape=str(shape), found=str(found))
        )
    with np.errstate(all="ignore"):
        sums = probabilities.sum(axis=1)
        lowest = probabilities.min(axis=1)
        is_right = (np.abs(sums - 1) <= 1e-3) & (lowest >= 0)  # which NaN is not
    if not is_right.all():
        row = probabilities[~is_right][0]
        raise ValueError(tr("expected probabilities, found {found}", found=row[:8]))


def _average_windows(probabilities: Probabilities, owner: Rows) -> Probabilities:
    """Average the logits of the windows of each text: `[windows, C]` to `[texts, C]`.

    softmax(mean of logits) is the mean of log-probabilities, normalised: log softmax(z) is z up to
    a constant that the normalisation removes.
    """
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    windows = np.diff(starts, append=len(owner))  # number of windows, [texts]
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    means = np.add.reduceat(logs, starts) / windows[:, None]
    exponentials = np.exp(means - means.max(axis=1, keepdims=True))
    averaged = exponentials / exponentials.sum(axis=1, keepdims=True)
    return averaged.astype(np.float32)  # type: ignore[no-any-return]
