"""Why the model answers as it does: leave each piece of the text out, and see what changes.

This is occlusion (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014),
done to text: it asks the model itself and nothing else, and it cannot see what pieces do together.
"""

import re
from dataclasses import dataclass

from textual.message import Message

from tui.engine import Answer, Model
from tui.engine import answer as ask

_MOST = 96
"""Pieces of a text: each costs a prediction. In longer texts, neighbours are taken together."""

_PIECE = re.compile(
    r"\s*(?:[^\W\d_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|\d+(?:[.,]\d+)*|[^\s\w]+|\S)\s*"
)  # a word in letters, a number, a run of punctuation, or one character such as Chinese has


@dataclass(frozen=True)
class Explanation:
    """What every piece of a text did for the answer.

    Attributes:
        answer: to the whole text.
        pieces: of the part of the text that was read.
        effects: by how much the probability of the answer's label is lower without the piece.
    """

    answer: Answer
    pieces: tuple[str, ...]
    effects: tuple[float, ...]


@dataclass
class Explained(Message):
    """An explanation is ready."""

    explanation: Explanation


def pieces_of(text: str) -> list[str]:
    """Cut a text into words, numbers, runs of punctuation and single Chinese characters."""
    return _PIECE.findall(text)


def explain(model: Model, text: str) -> Explained:
    """Answer `text`, and then the text without each of its pieces."""
    whole = ask(model, text).answer
    # A piece is at least a token, so what follows the first `cut_at` pieces was never read.
    read = pieces_of(text)[: whole.cut_at]
    together = -(-len(read) // _MOST)
    pieces = ["".join(read[start : start + together]) for start in range(0, len(read), together)]
    without = ["".join(pieces[:piece] + pieces[piece + 1 :]) for piece in range(len(pieces))]
    probabilities = model.predict(without).probabilities[:, whole.winner]
    effects = tuple((whole.probabilities[whole.winner] - probabilities).tolist())
    return Explained(Explanation(whole, tuple(pieces), effects))
