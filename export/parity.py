"""Gates: an exported file answers as the classifier it was made from, or it is rejected."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.classifier import Classifier
from models.command import ExitCode, UserError
from models.display import display
from models.i18n import tr
from models.predictor import Predictor
from models.run_directory import Row
from models.tokens import Tokenizer

MAX_DIFFERENCE = 1e-5
"""Largest difference in any probability, for fp32: float32 arithmetic in another order."""

MIN_AGREEMENT = 0.99
"""Share of dev rows that must keep their label, for int8."""

MAX_LOSS = 0.005
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
    """

    texts: int
    difference: float
    same: float
    lost: float = 0.0


def spread(rows: Sequence[Row], count: int = SAMPLE) -> list[str]:
    """Return `count` texts of the rows, evenly spread over the lengths, the extremes included."""
    texts = sorted({row.text for row in rows}, key=lambda text: (len(text), text))
    places = np.linspace(0, len(texts) - 1, min(count, len(texts))).round().astype(int)
    return [texts[place] for place in places]


@torch.inference_mode()
def torch_probabilities(
    classifier: Classifier, tokenizer: Tokenizer, texts: Sequence[str]
) -> NDArray[np.float32]:
    """Return `[texts, C]`, each text alone in its batch: no padding, no neighbours."""
    tokens = tokenizer.encode(texts)
    answers = []
    for row in range(len(texts)):
        batch = tokens.batch(np.array([row]), tokenizer.pad_id)
        tensors = {name: torch.from_numpy(ids) for name, ids in batch.items()}
        if not tokenizer.has_token_types:
            del tensors["token_type_ids"]
        answers.append(classifier(**tensors).softmax(dim=-1).numpy())
    return np.concatenate(answers)


def check_exact(
    predictor: Predictor, expected: NDArray[np.float32], texts: Sequence[str]
) -> Agreement:
    """Compare an fp32 file with torch, each text alone and all together in padded batches.

    Raises:
        UserError: CONFIG, a probability differs by more than `MAX_DIFFERENCE`.
    """
    alone = np.concatenate([predictor.predict([text]).probabilities for text in texts])
    together = predictor.predict(texts).probabilities
    # [2, texts, C] → [texts]: the worst of both ways and of all labels
    difference = np.abs(np.stack([alone, together]) - expected).max(axis=(0, 2))
    worst = int(difference.argmax())
    if not difference[worst] <= MAX_DIFFERENCE:  # also refuses NaN
        raise UserError(
            ExitCode.CONFIG,
            tr(
                "the exported graph differs from torch: expected at most {limit:.0e} in any "
                "probability, found {found:.1e} for the text {text}",
                limit=MAX_DIFFERENCE,
                found=float(difference[worst]),
                text=repr(display(texts[worst], limit=40)),
            ),
        )
    same = (together.argmax(axis=1) == expected.argmax(axis=1)).mean()
    return Agreement(len(texts), float(difference[worst]), float(same))


def check_close(predictor: Predictor, rows: Sequence[Row]) -> Agreement:
    """Compare an int8 file with what torch answered to every dev row in training.

    Raises:
        UserError: CONFIG, too many labels differ or too much accuracy is lost.
    """
    expected = np.array([row.probabilities for row in rows], dtype=np.float32)
    labels = np.array([row.label for row in rows])
    found = predictor.predict([row.text for row in rows])
    right = (expected.argmax(axis=1) == labels).mean(), (found.ids == labels).mean()
    agreement = Agreement(
        texts=len(rows),
        difference=float(np.abs(found.probabilities - expected).max()),
        same=float((found.ids == expected.argmax(axis=1)).mean()),
        lost=float(right[0] - right[1]),
    )
    if agreement.same < MIN_AGREEMENT or agreement.lost > MAX_LOSS:
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
    return agreement
