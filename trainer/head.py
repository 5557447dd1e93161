"""Trains the head on cached features: multinomial logistic regression by AdamW."""

import math
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.console.command import ExitCode, UserError
from trainer.console import progress
from trainer.report.scores import epoch_scores
from trainer.settings import TrainingSettings


@dataclass(frozen=True)
class Fit:
    """A trained head, with the weights of its best epoch.

    Attributes:
        head: frozen.
        best_epoch: epoch with the lowest loss on dev, from 1.
        learning_rate: learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        history: one entry per epoch: see `epoch_scores`.
    """

    head: nn.Linear
    best_epoch: int
    learning_rate: float
    weight_decay: float
    history: list[dict[str, float]]

    @property
    def dev_loss(self) -> float:
        """Lowest loss on dev, which chose the epoch."""
        return self.history[self.best_epoch - 1]["dev_loss"]


class LabelledFeatures(NamedTuple):
    """Features float32 `[N, H]`, which may be mapped from a file, and label ids int64 `[N]`."""

    features: Tensor
    labels: Tensor


def search_head(
    train: LabelledFeatures,
    dev: LabelledFeatures,
    classes: int,
    settings: TrainingSettings,
    class_weights: Tensor | None = None,
) -> Fit:
    """Train a head for each learning rate and weight decay, and return the best on dev.

    The best is that with the lowest loss on dev. Among some hundred heads that are nearly the same
    machine, the best accuracy or F1 on a thousand rows is mostly luck; the loss is not.

    Args:
        train: learned from.
        dev: chooses setting and epoch.
        classes: number of labels, C.
        settings: those of the head, batch size and seed.
        class_weights: weights of the labels in the loss, `[C]`.

    Raises:
        UserError: DATA, the loss of no head is a number.
    """
    grid = list(product(settings.head_learning_rate, settings.head_weight_decay))
    fits: list[Fit | None] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a step of some 32 rows is over before a second one has woken up
    try:
        with progress("head", len(grid)) as advance:
            for rate, decay in grid:
                fits.append(_fit_one(train, dev, classes, settings, rate, decay, class_weights))
                advance(1)
    finally:
        torch.set_num_threads(threads)
    finite = [fit for fit in fits if fit is not None]
    if not finite:
        raise UserError(
            ExitCode.DATA,
            "no head learned anything: its loss is no number from the first epoch on. Try smaller "
            "values of --head-learning-rate, or another encoder",
        )
    return min(finite, key=lambda fit: fit.dev_loss)


def _fit_one(
    train: LabelledFeatures,
    dev: LabelledFeatures,
    classes: int,
    settings: TrainingSettings,
    learning_rate: float,
    weight_decay: float,
    class_weights: Tensor | None,
) -> Fit | None:
    """Train one linear head, or return None if its loss is never a number.

    The features of one encoder differ in scale by orders of magnitude, so the weights are learned
    for standardised features and then folded back: with z = (x - μ) / σ,
    W·z + b = (W / σ)·x + (b - W·μ / σ), which is a linear head on x again.
    """
    mean = train.features.mean(dim=0)  # [H]
    deviation = train.features.std(dim=0).clamp_min(1e-6)
    # The loss is convex: every start ends in the same place, so start from "don't know".
    layer = nn.Linear(train.features.shape[1], classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=learning_rate, weight_decay=weight_decay)
    random = torch.Generator().manual_seed(settings.seed)

    best: dict[str, Tensor] = {}
    best_epoch, best_loss = 0, math.inf
    history: list[dict[str, float]] = []
    for epoch in range(1, settings.head_epochs + 1):
        total = 0.0
        order = torch.randperm(len(train.labels), generator=random)
        for rows in order.split(settings.batch_size):
            z = (train.features[rows] - mean) / deviation
            # on logits: no softmax before it
            loss = F.cross_entropy(layer(z), train.labels[rows], weight=class_weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        weight = layer.weight.detach() / deviation  # [C, H]
        bias = layer.bias.detach() - weight @ mean
        logits = F.linear(dev.features, weight, bias)
        history.append(epoch_scores(epoch, total / len(order), logits, dev.labels))
        if history[-1]["dev_loss"] < best_loss:
            best, best_epoch = {"weight": weight, "bias": bias}, epoch
            best_loss = history[-1]["dev_loss"]
    if not best_epoch:
        return None
    layer.load_state_dict(best)
    layer.requires_grad_(requires_grad=False)
    return Fit(layer, best_epoch, learning_rate, weight_decay, history)
