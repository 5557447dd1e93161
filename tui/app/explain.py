"""Why the model answers as it does: leave each piece of the text out, and see what changes.

This is occlusion (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014),
done to text: it asks the model itself and nothing else, and it cannot see what pieces do together.
"""

from dataclasses import dataclass

from textual.message import Message

from tui.app.model_worker import Answer, LoadedModel
from tui.app.model_worker import answer as ask

_MOST = 96
"""Pieces of a text: each costs a prediction. In longer texts, neighbours are taken together."""


@dataclass
class Explained(Message):
    """What every piece of a text did for the answer.

    Attributes:
        answer: to the whole text.
        pieces: of the part of the text that was read.
        effects: by how much the probability of the answer's label is lower without the piece.
    """

    answer: Answer
    pieces: tuple[str, ...]
    effects: tuple[float, ...]


def explain(model: LoadedModel, text: str) -> Explained:
    """Answer `text`, and then the text without each of its pieces."""
    whole = ask(model, text).answer
    read = model.pieces(text)
    together = max(1, -(-len(read) // _MOST))
    pieces = ["".join(read[start : start + together]) for start in range(0, len(read), together)]
    without = ["".join(pieces[:piece] + pieces[piece + 1 :]) for piece in range(len(pieces))]
    probabilities = model.predict(without).probabilities[:, whole.winner]
    effects = tuple((whole.probabilities[whole.winner] - probabilities).tolist())
    return Explained(whole, tuple(pieces), effects)
