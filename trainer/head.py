"""Trains the head on cached features: multinomial logistic regression by AdamW."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from models.classifier import Head
from models.metrics import Metrics


@dataclass(frozen=True)
class HeadSettings:
    """How the head is trained.

    Attributes:
        epochs: passes over the features.
        batch_size: rows of an optimiser step.
        learning_rates: those to try; dev chooses.
        weight_decays: those to try with each of them.
    """

    epochs: int = 100
    batch_size: int = 32
    learning_rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    weight_decays: tuple[float, ...] = (0.01, 0.1, 1.0)


@dataclass(frozen=True)
class Fit:
    """A trained head, and how it came about.

    Attributes:
        head: of the best epoch of the best setting.
        dev_loss: its loss on dev, which is what chose it.
        best_epoch: counted from 1.
        learning_rate: of the best setting.
        weight_decay: of the best setting.
        history: of the best setting, one entry per epoch: `epoch`, `train_loss`, `dev_loss`,
            `dev_macro_f1`.
    """

    head: Head
    dev_loss: float
    best_epoch: int
    learning_rate: float
    weight_decay: float
    history: list[dict[str, float]]


@dataclass(frozen=True)
class Rows:
    """Features float32 `[N, H]`, which may be mapped from a file, and label ids int64 `[N]`."""

    features: Tensor
    labels: Tensor


def search_head(
    train: Rows,
    dev: Rows,
    *,
    classes: int,
    settings: HeadSettings,
    seed: int,
    class_weights: Tensor | None = None,
) -> Fit:
    """Train a head for each learning rate and weight decay, and return the best on dev.

    The best is that with the lowest loss on dev. Among some hundred heads that are nearly the same
    machine, the best accuracy or F1 on a thousand rows is mostly luck; the loss is not.

    Args:
        train: to learn from.
        dev: chooses setting and epoch.
        classes: C.
        settings: of the optimiser.
        seed: of the order of the rows.
        class_weights: of the loss, `[C]`; None weighs all rows the same.
    """
    grid = list(product(settings.learning_rates, settings.weight_decays))
    with _one_thread():
        fits = [
            _fit(train, dev, rate, decay, classes, settings, seed, class_weights)
            for rate, decay in tqdm(grid, desc="head", unit="fit", disable=None, leave=False)
        ]
    return min(fits, key=lambda fit: fit.dev_loss)


def _fit(
    train: Rows,
    dev: Rows,
    learning_rate: float,
    weight_decay: float,
    classes: int,
    settings: HeadSettings,
    seed: int,
    class_weights: Tensor | None,
) -> Fit:
    """Train one linear head.

    The features of one encoder differ in scale by orders of magnitude, so the weights are learned
    for standardised features and then folded back: with z = (x - μ) / σ,
    W·z + b = (W / σ)·x + (b - W·μ / σ), which is a linear head on x again.
    """
    mean = train.features.mean(dim=0)  # [H]
    deviation = train.features.std(dim=0).clamp_min(1e-6)
    # The loss is convex: every start ends in the same place, so start from "don't know".
    layer = torch.nn.Linear(train.features.shape[1], classes)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=learning_rate, weight_decay=weight_decay)

    history: list[dict[str, float]] = []
    best: tuple[float, int, Head] | None = None
    for epoch, order in enumerate(_orders(len(train.labels), settings.epochs, seed), start=1):
        total = 0.0
        for rows in order.split(settings.batch_size):
            z = (train.features[rows] - mean) / deviation
            # on logits: no softmax before it
            loss = F.cross_entropy(layer(z), train.labels[rows], weight=class_weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        weight = layer.weight.detach() / deviation  # [C, H]
        head = Head(weight, layer.bias.detach() - weight @ mean)
        logits = head.logits(dev.features)
        dev_loss = F.cross_entropy(logits, dev.labels).item()
        said = logits.argmax(dim=1).numpy()
        macro_f1 = Metrics.of(dev.labels.numpy(), said, classes).macro_f1
        history.append(
            {
                "epoch": epoch,
                "train_loss": total / len(order),
                "dev_loss": dev_loss,
                "dev_macro_f1": macro_f1,
            }
        )
        if best is None or dev_loss < best[0]:
            best = dev_loss, epoch, head
    assert best is not None  # noqa: S101 - there is at least one epoch
    lowest, best_epoch, head = best
    return Fit(head, lowest, best_epoch, learning_rate, weight_decay, history)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: a step of some 32 rows is over before a second one has woken up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _orders(rows: int, epochs: int, seed: int) -> Iterator[Tensor]:
    """Give a fresh order of the rows for each epoch, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        yield torch.randperm(rows, generator=generator)
