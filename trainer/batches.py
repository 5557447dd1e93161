"""Batches of fine-tuning: which rows come together, and what the classifier is given of them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import Float32, Int64, Rows
from models.classifier import inputs
from models.tokenizer import Tokenizer, Tokens
from trainer import distributed


@dataclass(frozen=True)
class TrainingRows:
    """The rows to learn from.

    Attributes:
        tokenizer: the tokenizer that made the tokens.
        tokens: token ids of each text.
        targets: see `targets_of`, `[rows, C]`.
        answers: the teachers' probabilities at their temperature, `[rows, C]`; None where there is
            no teacher.
    """

    tokenizer: Tokenizer
    tokens: Tokens
    targets: Float32
    answers: Float32 | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def batch(
        self, rows: Rows, device: torch.device
    ) -> tuple[dict[str, Tensor], Tensor, Tensor | None]:
        """Return this process's share of a batch: the encoder's inputs, targets and answers.

        A share of no rows becomes one row that weighs nothing.
        """
        rows = rows[distributed.share()]
        weight = 1.0
        if not len(rows):
            rows, weight = np.zeros(1, dtype=np.intp), 0.0
        targets = torch.from_numpy(self.targets[rows]).to(device) * weight
        answers = None
        if self.answers is not None:
            answers = torch.from_numpy(self.answers[rows]).to(device) * weight
        return inputs(self.tokenizer, self.tokens, rows, device), targets, answers


def batches(lengths: Int64, batch_size: int, seed: int, epoch: int) -> list[Rows]:
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
