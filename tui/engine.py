"""The thread that opens the model and answers, so that the screen never waits for either.

It touches no widget: what it has to say it posts as a message. Importing this imports neither
ONNX Runtime nor the tokenizer; opening the model does, on the thread.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from models.command import UserError

if TYPE_CHECKING:
    from models.manifest import Manifest
    from models.predictor import Predictions

_PATIENCE = 0.3  # seconds that quitting waits for a prediction to end; loading may take longer


class Model(Protocol):
    """What the engine needs of `models.predictor.Predictor`."""

    @property
    def manifest(self) -> "Manifest":
        """What the model says of itself."""

    @property
    def device(self) -> str:
        """Where it really runs."""

    def predict(self, texts: Sequence[str]) -> "Predictions":
        """Classify texts."""


@dataclass(frozen=True)
class Answer:
    """What the model said of one text.

    Attributes:
        text: as it was typed.
        labels: of the model, in order.
        probabilities: one for each label.
        cut_at: how many tokens were read, where the text had more; else None.
        seconds: that the prediction took.
    """

    text: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    cut_at: int | None
    seconds: float

    @property
    def winner(self) -> int:
        """The id of the most probable label."""
        return self.probabilities.index(max(self.probabilities))


class Opened(Message):
    """The model is ready."""

    def __init__(self, manifest: "Manifest", device: str) -> None:
        super().__init__()
        self.manifest = manifest
        self.device = device


class Refused(Message):
    """The model cannot be used, for a reason that the user can do something about."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Crashed(Message):
    """The engine ended on an exception that nobody expected."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Answered(Message):
    """One question has its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Engine:
    """Opens a model on a thread of its own, then answers questions in the order of asking.

    Args:
        open_model: opens the model; may raise UserError.
        post: takes a message from any thread, as `App.post_message` does.
    """

    def __init__(self, open_model: Callable[[], Model], post: Callable[[Message], object]) -> None:
        self._open_model = open_model
        self._post_message = post
        self._questions: SimpleQueue[str | None] = SimpleQueue()
        self._closed = False
        self._posting = threading.Lock()
        # A daemon: native code that is reading a large model cannot be interrupted, and must not
        # keep the program from ending.
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to open the model."""
        self._thread.start()

    def ask(self, text: str) -> None:
        """Ask for an answer to `text`: it comes as `Answered`, once the model is open."""
        self._questions.put(text)

    @property
    def busy(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Post nothing more and stop, dropping what was not yet answered.

        A thread that is deep in native code, which nothing can interrupt, is left `busy`.
        """
        with self._posting:
            self._closed = True
        self._questions.put(None)
        self._thread.join(_PATIENCE)

    def _post(self, message: Message) -> None:
        # The lock makes sure that no message reaches an event loop that is being torn down.
        with self._posting:
            if not self._closed:
                self._post_message(message)

    def _work(self) -> None:
        try:
            model = self._open_model()
            self._post(Opened(model.manifest, model.device))
            while (text := self._questions.get()) is not None and not self._closed:
                self._post(Answered(_answer(model, text)))
        except UserError as error:
            self._post(Refused(str(error)))
        except Exception as error:  # noqa: BLE001 - what a thread raises, nobody else would see
            self._post(Crashed(error))


def _answer(model: Model, text: str) -> Answer:
    start = perf_counter()
    predictions = model.predict([text])
    seconds = perf_counter() - start
    return Answer(
        text=text,
        labels=model.manifest.labels,
        probabilities=tuple(predictions.probabilities[0].tolist()),
        cut_at=model.manifest.max_length if predictions.truncated[0] else None,
        seconds=seconds,
    )
