"""Batches of fine-tuning: which rows come together, and what the classifier is given of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.classifier import inputs
from models.tokenizer import Tokenizer, Tokens
from trainer import distributed
from trainer.data.dataset import Split

NO_LABEL = -100
"""Label id of a row without one: `cross_entropy` ignores it by default."""


@dataclass(frozen=True)
class TrainingRows:
    """The rows to learn from: those of train, then texts that only the teachers have answered.

    Attributes:
        tokenizer: the tokenizer that made the tokens.
        tokens: token ids of each text.
        labels: label ids, `NO_LABEL` where a row has none, int64 `[rows]`.
        answers: the teachers' probabilities at their temperature, `[rows, C]`; None where there is
            no teacher.
    """

    tokenizer: Tokenizer
    tokens: Tokens
    labels: NDArray[np.int64]
    answers: NDArray[np.float32] | None

    @classmethod
    def of(
        cls,
        tokenizer: Tokenizer,
        train: Split,
        unlabelled: Sequence[str] = (),
        answers: NDArray[np.float32] | None = None,
    ) -> "TrainingRows":
        """Tokenise the texts of train and those without a label."""
        labels = np.concatenate([train.labels, np.full(len(unlabelled), NO_LABEL)])
        return cls(tokenizer, tokenizer.encode([*train.texts, *unlabelled]), labels, answers)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(
        self, rows: NDArray[np.intp], device: torch.device
    ) -> tuple[dict[str, Tensor], Tensor, Tensor | None]:
        """Return this process's share of a batch: the encoder's inputs, labels `[B]`, answers.

        A share of no rows becomes one row that weighs nothing, without label and answer.
        """
        rows = rows[distributed.rank() :: distributed.world_size()]
        weight = np.ones(len(rows), dtype=bool)
        if not len(rows):
            rows, weight = np.zeros(1, dtype=np.intp), np.zeros(1, dtype=bool)
        labels = torch.from_numpy(np.where(weight, self.labels[rows], NO_LABEL))
        answers = None
        if self.answers is not None:
            answers = torch.from_numpy(self.answers[rows] * weight[:, None]).to(device)
        return inputs(self.tokenizer, self.tokens, rows, device), labels.to(device), answers


def batches(
    lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int
) -> list[NDArray[np.intp]]:
    """Return the rows of each batch of an epoch: at random, but texts of similar length together.

    The last batch may be a short one.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    whole = len(order) - len(order) % batch_size
    # Sorting within pools of 50 batches leaves chance in what meets what.
    pools = np.split(order[:whole], range(50 * batch_size, whole, 50 * batch_size))
    ranked = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    found = list(np.concatenate(ranked).reshape(-1, batch_size))
    random.shuffle(found)
    if whole < len(order):
        found.append(order[whole:])
    return found


def seed_dropout(seed: int, step: int) -> None:
    """Make what is random in a step a function of the seed, the step and the process."""
    state = np.random.SeedSequence([seed, step, distributed.rank()]).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))
