"""One thread that opens models and predicts, so that the screen never waits for either.

It touches no widget: every outcome is posted as a message to whoever asked. Opening a model imports
ONNX Runtime and the tokenizer, on the thread; importing this module does not.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from models.console import UserError, config_error, reason_of
from models.locations import Device
from models.review import Level
from tui.batch.status import BY_LEVEL, Status

if TYPE_CHECKING:
    from models.manifest import Manifest
    from models.predictor import Predictions

_CLOSE_TIMEOUT = 0.3  # seconds that quitting waits for a prediction; loading may take longer


class LoadedModel(Protocol):
    """The part of `models.predictor.Predictor` that the app uses."""

    @property
    def manifest(self) -> "Manifest":
        """Facts about the model, from its file."""

    @property
    def device(self) -> str:
        """Device that it really runs on."""

    def predict(self, texts: Sequence[str]) -> "Predictions":
        """Classify texts."""

    def pieces(self, text: str) -> list[str]:
        """Cut a text into its tokens, as text."""


@dataclass(frozen=True)
class Answer:
    """Prediction for one text.

    Attributes:
        text: text as it was typed.
        labels: labels of the model, in order.
        probabilities: probability of each label.
        cut_at: number of tokens that were read, where the text had more; else None.
        seconds: duration of the prediction.
        read: share of the text's tokens that was read.
        status: whether it is to be looked at.
        level: how often answers that are as sure were wrong; None where that is not known.
    """

    text: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    cut_at: int | None
    seconds: float
    read: float = 1.0
    status: Status = Status.OK
    level: Level | None = None

    @property
    def winner(self) -> int:
        """Id of the most probable label."""
        return self.probabilities.index(max(self.probabilities))

    @property
    def label(self) -> str:
        """Name of the most probable label."""
        return self.labels[self.winner]


@dataclass
class Opened(Message):
    """A model is ready, and answers from now on.

    Attributes:
        path: model file.
        wanted: device that was asked for.
        manifest: facts about the model.
        device: device that it really runs on.
    """

    path: Path
    wanted: Device
    manifest: "Manifest"
    device: str


@dataclass
class Unopened(Message):
    """A model could not be opened; the reason says what to do."""

    reason: str


@dataclass
class Refused(Message):
    """A request could not be done; the reason says what to do."""

    reason: str


@dataclass
class Crashed(Message):
    """The thread ended on an exception that nobody expected."""

    error: Exception


@dataclass
class Ended(Message):
    """A file run has ended; `failed` is the reason where it could not be done."""

    failed: str | None = None


@dataclass
class Answered(Message):
    """A text has its answer; a `live` one was asked for by a pause in the typing."""

    answer: Answer
    live: bool


Post = Callable[[Message], object]
"""`post_message` of an app, a screen or a widget: takes a message from any thread."""

OpenModel = Callable[[Path, Device], LoadedModel]
"""Opens a model file on a device; may raise UserError."""

Work = Callable[[LoadedModel], Message]
"""Work with the model, on its thread; the message that it returns goes to whoever asked."""


@dataclass(frozen=True)
class _Request:
    work: Callable[[], Message]
    reply: Post
    slot: str | None = None  # a later request in the same slot replaces this one


class ModelWorker:
    """Handles requests in order, on one thread; long work lets the others in between batches.

    Args:
        post: gets `Crashed`.
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
        """Start the thread."""
        self._thread.start()

    def open(self, path: Path, device: Device, open_model: OpenModel, reply: Post) -> None:
        """Request to open a model: `reply` gets `Opened`, or `Unopened`, and the old one stays."""

        def work() -> Message:
            try:
                self._model = open_model(path, device)
            except (UserError, OSError) as error:
                return Unopened(reason_of(error))
            return Opened(path, device, self._model.manifest, self._model.device)

        self._requests.put(_Request(work, reply))

    def submit(self, work: Work, reply: Post, *, slot: str | None = None) -> None:
        """Request work with the model.

        Args:
            work: may raise UserError, which `reply` gets as `Refused`. Long work calls
                `run_pending` between batches; one at a time may.
            reply: gets the message that `work` returns.
            slot: a request replaces those that wait in the same slot.
        """
        request = _Request(lambda: work(self._opened()), reply, slot)
        if slot is not None:
            self._newest[slot] = request
        self._requests.put(request)

    def run_pending(self) -> bool:
        """Handle the requests that wait; for long work, between two batches.

        Returns:
            Whether to go on; False when the worker closes.
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
        """Stop, and drop the requests that wait; nothing is posted any more.

        A thread in native code, which nothing can interrupt, stays `busy`.
        """
        with self._posting:
            self._closed = True
        self._requests.put(None)
        if self.busy:
            self._thread.join(_CLOSE_TIMEOUT)

    def _opened(self) -> LoadedModel:
        if self._model is None:
            raise config_error("There is no model: choose another one.")
        return self._model

    def _post(self, post: Post, message: Message) -> None:
        # With the lock, no message reaches an event loop that is being torn down.
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
    """Classify one text with the model."""
    from models.levels import level_places  # imports numpy, as the model has by now

    start = perf_counter()
    predictions = model.predict([text])
    seconds = perf_counter() - start
    manifest = model.manifest
    probabilities = tuple(predictions.probabilities[0].tolist())
    place = level_places(manifest.review, predictions.probabilities.max(axis=1))[0]
    found = Answer(
        text,
        manifest.labels,
        probabilities,
        cut_at=manifest.max_length if predictions.truncated[0] else None,
        seconds=seconds,
        read=float(predictions.read[0]),
        status=BY_LEVEL[place],
        level=manifest.review[place],
    )
    return Answered(found, live)
