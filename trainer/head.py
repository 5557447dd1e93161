"""Trains the head on cached features: multinomial logistic regression by AdamW."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from models.classifier import Head
from models.metrics import Metrics


@dataclass(frozen=True)
class HeadSettings:
    """How the head is trained. The head is small: a long training costs seconds."""

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    seed: int = 42


@dataclass(frozen=True)
class Fit:
    """A trained head, and how it came about.

    Attributes:
        head: of the epoch with the best macro-F1 on dev, and the lowest dev loss among equals.
        best_epoch: counted from 1.
        history: one entry per epoch: `epoch`, `train_loss`, `dev_loss`, `dev_macro_f1`.
    """

    head: Head
    best_epoch: int
    history: list[dict[str, float]]


def fit_head(
    features: Tensor,
    labels: Tensor,
    dev_features: Tensor,
    dev_labels: Tensor,
    *,
    classes: int,
    settings: HeadSettings,
) -> Fit:
    """Train a linear head.

    The features of one encoder differ in scale by orders of magnitude, so the weights are learned
    for standardised features and then folded back: with z = (x - μ) / σ,
    W·z + b = (W / σ)·x + (b - W·μ / σ), which is a linear head on x again.

    Args:
        features: float32 `[N, H]`.
        labels: label ids, int64 `[N]`.
        dev_features: float32 `[M, H]`; chooses the epoch.
        dev_labels: label ids, int64 `[M]`.
        classes: C.
        settings: of the optimiser.
    """
    mean, deviation = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)  # [H]
    z, dev_z = (features - mean) / deviation, (dev_features - mean) / deviation

    generator = torch.Generator().manual_seed(settings.seed)
    # The loss is convex: every start ends in the same place, so start from "don't know".
    layer = torch.nn.Linear(features.shape[1], classes)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(
        layer.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    history: list[dict[str, float]] = []
    best_score, best_epoch, best = (-1.0, 0.0), 0, Head(layer.weight, layer.bias)
    for epoch in tqdm(range(1, settings.epochs + 1), desc="head", disable=None, leave=False):
        order = torch.randperm(len(z), generator=generator)
        total = 0.0
        for rows in order.split(settings.batch_size):
            loss = F.cross_entropy(layer(z[rows]), labels[rows])  # on logits: no softmax before
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        with torch.no_grad():
            logits = layer(dev_z)
            dev_loss = F.cross_entropy(logits, dev_labels).item()
        metrics = Metrics.of(dev_labels.numpy(), logits.argmax(dim=1).numpy(), classes)
        history.append(
            {
                "epoch": epoch,
                "train_loss": total / len(z),
                "dev_loss": dev_loss,
                "dev_macro_f1": metrics.macro_f1,
            }
        )
        if (metrics.macro_f1, -dev_loss) > best_score:
            best_score, best_epoch = (metrics.macro_f1, -dev_loss), epoch
            weight = layer.weight.detach() / deviation  # [C, H]
            best = Head(weight, layer.bias.detach() - weight @ mean)
    return Fit(best, best_epoch, history)
