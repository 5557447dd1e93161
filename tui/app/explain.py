"""Explains an answer by occlusion: each piece of the text is left out, to see what changes.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, applied to text. It
asks the model alone, and cannot see what pieces do together.
"""

import math
from dataclasses import dataclass

from textual.message import Message

from tui.app.model_worker import Answer, LoadedModel
from tui.app.model_worker import answer as ask

_MAX_PIECES = 96  # each costs a prediction; in longer texts, neighbours are taken together


@dataclass
class Explained(Message):
    """Effect of every piece of a text on its answer.

    Attributes:
        answer: answer to the whole text.
        pieces: pieces of the part of the text that was read.
        effects: probability of the answer's label, minus its probability without the piece.
    """

    answer: Answer
    pieces: tuple[str, ...]
    effects: tuple[float, ...]


def explain(model: LoadedModel, text: str) -> Explained:
    """Answer `text`, and then the text without each of its pieces."""
    whole = ask(model, text).answer
    tokens = model.pieces(text)
    size = max(1, math.ceil(len(tokens) / _MAX_PIECES))
    pieces = []
    for start in range(0, len(tokens), size):
        pieces.append("".join(tokens[start : start + size]))
    occluded = []
    for index in range(len(pieces)):
        rest = pieces[:index] + pieces[index + 1 :]
        occluded.append("".join(rest))
    label = whole.winner
    probabilities = model.predict(occluded).probabilities[:, label]
    effects = whole.probabilities[label] - probabilities
    return Explained(whole, tuple(pieces), tuple(effects.tolist()))
