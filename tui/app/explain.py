"""Explains an answer by occlusion: each piece of the text is left out, to see what changes.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, applied to text. It
asks the model alone, and cannot see what pieces do together. Effects are differences of log-odds:
those of probabilities vanish where the model is sure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from tui.app.model_worker import Answer, LoadedModel
from tui.app.model_worker import answer as ask

_MAX_PIECES = 96  # each costs a prediction; in longer texts, neighbours are taken together
_LEAST = 1e-9  # probability, so that there is a logarithm

_JOINING = """
的 了 着 过 地 得 是 在 就 也 又 都 还 和 与 及 而 或 且 并 但 但是 不过 可是 然而 而且 并且
因为 所以 因此 虽然 如果 于是 以及 或者 呢 吗 吧 啊
a an and as at but for in is it of on or so the to was
"""
_NO_REASONS = frozenset(_JOINING.split())
"""Words that join others, and say nothing for a label themselves."""


@dataclass
class Explained(Message):
    """Effect of every piece of a text on its answer.

    Attributes:
        answer: answer to the whole text.
        pieces: pieces of the part of the text that was read.
        effects: log-odds of the answer's label, minus those without the piece; 0 for what gives no
            reason: punctuation, and words that join others.
    """

    answer: Answer
    pieces: tuple[str, ...]
    effects: tuple[float, ...]


def explain(model: LoadedModel, text: str) -> Explained:
    """Answer `text`, and then the text without each of the pieces that may be a reason."""
    whole = ask(model, text).answer
    tokens = model.pieces(text)
    size = max(1, math.ceil(len(tokens) / _MAX_PIECES))
    pieces = []
    for start in range(0, len(tokens), size):
        pieces.append("".join(tokens[start : start + size]))
    reasons = [index for index, piece in enumerate(pieces) if _may_be_reason(piece)]
    occluded = []
    for index in reasons:
        rest = pieces[:index] + pieces[index + 1 :]
        occluded.append("".join(rest))
    label = whole.winner
    log_odds = _log_odds(whole.probabilities, label)
    effects = [0.0] * len(pieces)
    answers = model.predict(occluded).probabilities.tolist()
    for index, probabilities in zip(reasons, answers, strict=True):
        effects[index] = log_odds - _log_odds(probabilities, label)
    return Explained(whole, tuple(pieces), tuple(effects))


def _may_be_reason(piece: str) -> bool:
    word = piece.strip().casefold()
    return any(map(str.isalnum, word)) and word not in _NO_REASONS


def _log_odds(probabilities: Sequence[float], label: int) -> float:
    """Return log(p / (1 - p)) of a label; 1 - p is the sum of the others, which is exact."""
    chosen = probabilities[label]
    others = sum(probabilities) - chosen
    return math.log(max(chosen, _LEAST)) - math.log(max(others, _LEAST))
