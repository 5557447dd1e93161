"""Gates: an exported file answers as the classifier it was made from, or it is rejected."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.command import ExitCode, UserError
from models.display import display
from models.i18n import tr
from models.predictor import Predictor
from models.run_directory import Row
from models.tokens import Tokenizer

MAX_DIFFERENCE = {"fp32": 1e-5, "fp16": 5e-3}
"""Largest difference in any probability: float32 arithmetic in another order; float16."""

MARGIN = 0.01
"""The two best labels of a text this close to each other may change places in fp16."""

MIN_AGREEMENT = 0.995
"""Share of dev rows that must keep their label, for int8."""

MAX_LOSS = 0.003
"""Accuracy on dev that may be lost, for int8."""

SAMPLE = 48
"""Dev texts, spread over all lengths, that an fp32 file is compared on beside the probes."""


@dataclass(frozen=True)
class Agreement:
    """How a file compares with torch.

    Attributes:
        texts: compared.
        difference: the largest in any probability.
        same: share of texts with the same label.
        lost: accuracy of torch minus accuracy of the file; 0 where there are no true labels.
        neighbours: the largest difference between a text alone and among others.
        speed: texts a second, on this machine, now.
    """

    texts: int
    difference: float
    same: float
    lost: float
    neighbours: float
    speed: float

    @property
    def passes(self) -> bool:
        """Whether an int8 file may be kept."""
        return self.same >= MIN_AGREEMENT and self.lost <= MAX_LOSS


def spread(rows: Sequence[Row], count: int = SAMPLE) -> list[str]:
    """Return `count` texts of the rows, evenly spread over the lengths, the extremes included."""
    texts = sorted({row.text for row in rows}, key=lambda text: (len(text), text))
    places = np.linspace(0, len(texts) - 1, min(count, len(texts))).round().astype(int)
    return [texts[place] for place in places]


@torch.inference_mode()
def torch_probabilities(
    classifier: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], temperature: float = 1.0
) -> NDArray[np.float32]:
    """Return softmax(logits / temperature), `[texts, C]`, each text alone: without padding."""
    tokens = tokenizer.encode(texts)
    answers = []
    for row in range(len(texts)):
        batch = tokens.batch(np.array([row]), tokenizer.pad_id)
        tensors = {name: torch.from_numpy(ids) for name, ids in batch.items()}
        if not tokenizer.has_token_types:
            del tensors["token_type_ids"]
        answers.append((classifier(**tensors) / temperature).softmax(dim=-1).numpy())
    return np.concatenate(answers)


def check_exact(
    predictor: Predictor, expected: NDArray[np.float32], texts: Sequence[str], precision: str
) -> Agreement:
    """Compare an fp32 or fp16 file with torch, each text alone and all in padded batches.

    Raises:
        UserError: CONFIG, a probability differs too much, or a label where it was not close.
    """
    alone = np.concatenate([predictor.predict([text]).probabilities for text in texts])
    start = time.perf_counter()
    together = predictor.predict(texts).probabilities
    seconds = time.perf_counter() - start
    # [2, texts, C] → [texts]: the worst of both ways and of all labels
    difference = np.abs(np.stack([alone, together]) - expected).max(axis=(0, 2))
    second, first = np.sort(expected, axis=1)[:, -2:].T
    flipped = (together.argmax(axis=1) != expected.argmax(axis=1)) & (first - second > MARGIN)
    worst = int((difference + flipped).argmax())
    if not difference[worst] <= MAX_DIFFERENCE[precision] or flipped[worst]:  # also refuses NaN
        raise UserError(
            ExitCode.CONFIG,
            tr(
                "the exported graph differs from torch: expected at most {limit:.0e} in any "
                "probability, found {found:.1e} for the text {text}",
                limit=MAX_DIFFERENCE[precision],
                found=float(difference[worst]),
                text=repr(display(texts[worst], limit=40)),
            ),
        )
    return Agreement(
        texts=len(texts),
        difference=float(difference[worst]),
        same=float((together.argmax(axis=1) == expected.argmax(axis=1)).mean()),
        lost=0.0,
        neighbours=float(np.abs(alone - together).max()),
        speed=len(texts) / seconds,
    )


def compare(predictor: Predictor, rows: Sequence[Row]) -> Agreement:
    """Compare an int8 file with what torch answered to every dev row."""
    expected = np.array([row.probabilities for row in rows], dtype=np.float32)
    labels = np.array([row.label for row in rows])
    texts = [row.text for row in rows]
    start = time.perf_counter()
    found = predictor.predict(texts)
    seconds = time.perf_counter() - start
    sample = np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)
    alone = np.concatenate([predictor.predict([texts[row]]).probabilities for row in sample])
    right = (expected.argmax(axis=1) == labels).mean(), (found.ids == labels).mean()
    return Agreement(
        texts=len(rows),
        difference=float(np.abs(found.probabilities - expected).max()),
        same=float((found.ids == expected.argmax(axis=1)).mean()),
        lost=float(right[0] - right[1]),
        neighbours=float(np.abs(found.probabilities[sample] - alone).max()),
        speed=len(rows) / seconds,
    )


def check_close(agreement: Agreement) -> None:
    """Hold an int8 file against its gate.

    Raises:
        UserError: CONFIG, too many labels differ or too much accuracy is lost.
    """
    if not agreement.passes:
        raise UserError(
            ExitCode.CONFIG,
            tr(
                "int8 costs too much: expected at least {min_same:.1%} of the labels on dev and at "
                "most {max_lost:.1%} accuracy lost, found {same:.2%} and {lost:.2%}; "
                "export with --precision fp32",
                min_same=MIN_AGREEMENT,
                max_lost=MAX_LOSS,
                same=agreement.same,
                lost=agreement.lost,
            ),
        )
