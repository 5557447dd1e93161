"""The thread that opens models and works with them, so that the screen never waits for either.

It touches no widget: what it has to say it posts as a message, to whoever asked. Importing this
imports neither ONNX Runtime nor the tokenizer; opening a model does, on the thread.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from models.console.command import ExitCode, UserError, reason_of
from models.locations import Device

if TYPE_CHECKING:
    from models.manifest import Manifest
    from models.predictor import Predictions

_PATIENCE = 0.3  # seconds that quitting waits for a prediction to end; loading may take longer


class LoadedModel(Protocol):
    """What the engine needs of `models.predictor.Predictor`."""

    @property
    def manifest(self) -> "Manifest":
        """What the model says of itself."""

    @property
    def device(self) -> str:
        """Where it really runs."""

    def predict(self, texts: Sequence[str]) -> "Predictions":
        """Classify texts."""

    def pieces(self, text: str) -> list[str]:
        """Cut a text as it is read."""


@dataclass(frozen=True)
class Answer:
    """What the model said of one text.

    Attributes:
        text: as it was typed.
        labels: of the model, in order.
        probabilities: one for each label.
        cut_at: how many tokens were read, where the text had more; else None.
        seconds: that the prediction took.
        unsure: the confidence is below the one that the model needs to be sure.
        read: share of the text's tokens that was read.
    """

    text: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    cut_at: int | None
    seconds: float
    unsure: bool = False
    read: float = 1.0

    @property
    def winner(self) -> int:
        """The id of the most probable label."""
        return self.probabilities.index(max(self.probabilities))

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[self.winner]


@dataclass
class Opened(Message):
    """A model is ready, and answers from now on.

    Attributes:
        path: of its file.
        wanted: the device that was asked for.
        manifest: what it says of itself.
        device: where it really runs.
    """

    path: Path
    wanted: Device
    manifest: "Manifest"
    device: str


@dataclass
class Unopened(Message):
    """A model could not be opened, for a reason that the user can do something about."""

    reason: str


@dataclass
class Refused(Message):
    """What was asked of the model cannot be done, for such a reason."""

    reason: str


@dataclass
class Crashed(Message):
    """The engine ended on an exception that nobody expected."""

    error: Exception


@dataclass
class Ended(Message):
    """A file run has ended; `failed` says why, where it could not be done."""

    failed: str | None = None


@dataclass
class Answered(Message):
    """One question has its answer; a `live` one was asked by a pause in the typing."""

    answer: Answer
    live: bool


Post = Callable[[Message], object]
"""Takes a message from any thread, as `post_message` of an app, a screen or a widget does."""

OpenModel = Callable[[Path, Device], LoadedModel]
"""Opens the model of a file on a device; may raise UserError."""

Work = Callable[[LoadedModel], Message]
"""Something to do with the model, on the model's thread; its outcome goes to whoever asked."""


@dataclass(frozen=True)
class _Request:
    work: Callable[[], Message]
    reply: Post
    slot: str | None = None  # of two requests in one slot, only the later is answered


class ModelWorker:
    """Does what it is asked for in the order of asking; between batches of a long work, the rest.

    Args:
        post: is told of a crash.
    """

    def __init__(self, post: Post) -> None:
        self._post_crash = post
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._newest: dict[str, _Request] = {}
        self._model: LoadedModel | None = None
        self._closed = False
        self._posting = threading.Lock()
        # A daemon: native code that is reading a large model cannot be interrupted, and must not
        # keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)

    def start(self) -> None:
        """Begin to do what it is asked for."""
        self._thread.start()

    def open(self, path: Path, device: Device, open_model: OpenModel, reply: Post) -> None:
        """Open a model: `Opened`, or `Unopened`, and then the one before it stays."""

        def work() -> Message:
            try:
                self._model = open_model(path, device)
            except (UserError, OSError) as error:
                return Unopened(reason_of(error))
            return Opened(path, device, self._model.manifest, self._model.device)

        self._requests.put(_Request(work, reply))

    def submit(self, work: Work, reply: Post, *, slot: str | None = None) -> None:
        """Ask for some work with the model, which must be open or about to be.

        Args:
            work: may raise UserError, of which `reply` is told as `Refused`. If it takes long, it
                calls `run_pending` between batches; there may be one such at a time.
            reply: gets the message that `work` returns.
            slot: of the requests in one slot that wait, only the latest is done.
        """
        request = _Request(lambda: work(self._opened()), reply, slot)
        if slot is not None:
            self._newest[slot] = request
        self._requests.put(request)

    def run_pending(self) -> bool:
        """Do what others asked for meanwhile; called by long work between two batches.

        Returns:
            Whether to go on: not, when the engine closes.
        """
        while not self._closed:
            try:
                request = self._requests.get_nowait()
            except Empty:
                return True
            if request is not None:
                self._serve(request)
        return False

    @property
    def busy(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Post nothing more and stop, dropping what was not yet done.

        A thread that is deep in native code, which nothing can interrupt, is left `busy`.
        """
        with self._posting:
            self._closed = True
        self._requests.put(None)
        if self.busy:
            self._thread.join(_PATIENCE)

    def _opened(self) -> LoadedModel:
        if self._model is None:
            raise UserError(ExitCode.CONFIG, "There is no model: choose another one.")
        return self._model

    def _post(self, post: Post, message: Message) -> None:
        # The lock makes sure that no message reaches an event loop that is being torn down.
        with self._posting:
            if not self._closed:
                post(message)

    def _serve(self, request: _Request) -> None:
        if request.slot is not None and self._newest.get(request.slot) is not request:
            return
        try:
            self._post(request.reply, request.work())
        except (UserError, OSError) as error:
            self._post(request.reply, Refused(reason_of(error)))

    def _run(self) -> None:
        try:
            while not self._closed:
                if (request := self._requests.get()) is not None:
                    self._serve(request)
        except Exception as error:  # noqa: BLE001 - what a thread raises, nobody else would see
            self._post(self._post_crash, Crashed(error))


def answer(model: LoadedModel, text: str, *, live: bool = False) -> Answered:
    """Classify one text."""
    start = perf_counter()
    predictions = model.predict([text])
    seconds = perf_counter() - start
    probabilities = tuple(predictions.probabilities[0].tolist())
    manifest = model.manifest
    cut_at = manifest.max_length if predictions.truncated[0] else None
    unsure = max(probabilities) < manifest.uncertain_below
    read = float(predictions.read[0])
    return Answered(
        Answer(text, manifest.labels, probabilities, cut_at, seconds, unsure, read), live
    )
