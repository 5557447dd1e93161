"""Trains the head on cached features: multinomial logistic regression by AdamW.

A head is chosen by rows that it has not learned from, which are dev, or each fold of train in turn;
then it is trained once more, to the epoch that was best.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.classifier import Pooling
from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from trainer.console import progress, say
from trainer.report.scores import epoch_scores
from trainer.settings import TrainingSettings


class LabelledFeatures(NamedTuple):
    """Features float32 `[N, H]`, which may be mapped from a file, and label ids int64 `[N]`."""

    features: Tensor
    labels: Tensor

    def take(self, rows: Tensor) -> "LabelledFeatures":
        """Return a copy of some rows, given by their numbers."""
        return LabelledFeatures(self.features[rows], self.labels[rows])


class Fold(NamedTuple):
    """Rows to learn from, and rows to score the head on: train and dev, or two parts of train."""

    learned: LabelledFeatures
    held_out: LabelledFeatures


@dataclass(frozen=True)
class Choice:
    """What the held-out rows chose.

    Attributes:
        pooling: pooling of the features.
        learning_rate: learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        best_epoch: epoch with the lowest loss, from 1.
        history: one entry per epoch: see `epoch_scores`; the means over the folds.
    """

    pooling: Pooling
    learning_rate: float
    weight_decay: float
    best_epoch: int
    history: list[dict[str, float]]

    @property
    def best(self) -> dict[str, float]:
        """Scores of the best epoch."""
        return self.history[self.best_epoch - 1]


class HeadTrainer(NamedTuple):
    """What all heads of a training have in common.

    Attributes:
        classes: number of labels, C.
        settings: those of the head, batch size and seed.
        class_weights: weights of the labels in the loss, `[C]`.
    """

    classes: int
    settings: TrainingSettings
    class_weights: Tensor | None = None

    def search(self, folds: Mapping[Pooling, Sequence[Fold]], *, told: bool = True) -> Choice:
        """Try each pooling, learning rate and weight decay, and return the best on held-out rows.

        The best has the lowest loss. Among some hundred heads that are nearly the same machine,
        the best accuracy or F1 on a thousand rows is mostly luck; the loss is not.

        Args:
            folds: the same folds by each pooling to try.
            told: show and say how far it is.

        Raises:
            UserError: DATA, the loss of no head is a number.
        """
        settings = self.settings
        grid = list(product(settings.head_learning_rate, settings.head_weight_decay))
        found = []
        with _one_thread(), progress(tr("head"), len(folds) * settings.head_epochs) as advance:
            for pooling, parts in folds.items():
                histories: list[list[dict[str, float]]] = [[] for _ in grid]
                for scores in self._epochs(parts, grid):
                    for history, entry in zip(histories, scores, strict=True):
                        history.append(entry)
                    if told:
                        advance(1, _shown(pooling, scores))
                for (rate, decay), history in zip(grid, histories, strict=True):
                    losses = [_comparable(entry["dev_loss"]) for entry in history]
                    best_epoch = losses.index(min(losses)) + 1
                    found.append(Choice(pooling, rate, decay, best_epoch, history))
        best = min(found, key=lambda choice: _comparable(choice.best["dev_loss"]))
        if not math.isfinite(best.best["dev_loss"]):
            raise UserError(
                ExitCode.DATA,
                "no head learned anything: its loss is no number from the first epoch on. Try "
                "smaller values of --head-learning-rate, or another encoder",
            )
        return best

    def fit(self, rows: LabelledFeatures, choice: Choice) -> nn.Linear:
        """Train a head as it was chosen, on these rows; it is frozen."""
        grid = [(choice.learning_rate, choice.weight_decay)]
        with _one_thread():
            *_, (head,) = islice(self._train(rows, grid), choice.best_epoch)
        layer = nn.Linear(rows.features.shape[1], self.classes)
        layer.load_state_dict({"weight": head.weight, "bias": head.bias})
        return layer.requires_grad_(requires_grad=False)

    def _epochs(
        self, folds: Sequence[Fold], grid: Sequence[tuple[float, float]]
    ) -> Iterator[list[dict[str, float]]]:
        """Yield the scores of each epoch: one entry for each setting of the grid."""
        trainings = [self._train(fold.learned, grid) for fold in folds]
        for epoch, heads in enumerate(zip(*trainings, strict=True), 1):  # by fold, by setting
            scores = []
            for setting in range(len(grid)):
                entries = []
                for fold, of_fold in zip(folds, heads, strict=True):
                    head = of_fold[setting]
                    logits = F.linear(fold.held_out.features, head.weight, head.bias)
                    labels = fold.held_out.labels
                    entries.append(epoch_scores(epoch, head.train_loss, logits, labels))
                scores.append(_mean(entries))
            yield scores

    def _train(
        self, rows: LabelledFeatures, grid: Sequence[tuple[float, float]]
    ) -> Iterator[list["_Head"]]:
        """Yield the heads after each epoch, one for each learning rate and weight decay.

        The features of one encoder differ in scale by orders of magnitude, so the weights are
        learned for standardised features and then folded back: with z = (x - μ) / σ,
        W·z + b = (W / σ)·x + (b - W·μ / σ), which is a linear head on x again.
        """
        mean = rows.features.mean(dim=0)  # [H]
        deviation = rows.features.std(dim=0).clamp_min(1e-6)
        layers = []
        groups = []
        for rate, decay in grid:
            # The loss is convex: every start ends in the same place, so start from "don't know".
            layer = nn.Linear(rows.features.shape[1], self.classes)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            layers.append(layer)
            groups.append({"params": layer.parameters(), "lr": rate, "weight_decay": decay})
        optimizer = torch.optim.AdamW(groups, fused=True)
        random = torch.Generator().manual_seed(self.settings.seed)
        for _ in range(self.settings.head_epochs):
            total = torch.zeros(len(grid))
            order = torch.randperm(len(rows.labels), generator=random)
            for batch in order.split(self.settings.batch_size):
                z = (rows.features[batch] - mean) / deviation
                labels = rows.labels[batch]
                # on logits: no softmax before it
                losses = [F.cross_entropy(f(z), labels, self.class_weights) for f in layers]
                together = torch.stack(losses)
                optimizer.zero_grad()
                together.sum().backward()  # no head has a part in another's loss
                optimizer.step()
                total += together.detach() * len(batch)
            yield [
                _Head.of(layer, mean, deviation, loss)
                for layer, loss in zip(layers, (total / len(order)).tolist(), strict=True)
            ]


class _Head(NamedTuple):
    """A head on features as they are: weight `[C, H]`, bias `[C]`; mean loss of its last epoch."""

    weight: Tensor
    bias: Tensor
    train_loss: float

    @classmethod
    def of(cls, layer: nn.Linear, mean: Tensor, deviation: Tensor, train_loss: float) -> "_Head":
        """Fold the standardisation of the features into a layer on standardised ones."""
        weight = layer.weight.detach() / deviation
        return cls(weight, layer.bias.detach() - weight @ mean, train_loss)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: a step of some 32 rows is over before a second one has woken up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _comparable(loss: float) -> float:
    """Return a loss that may be compared: no number is as bad as can be."""
    return loss if math.isfinite(loss) else math.inf


def _mean(entries: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean scores of an epoch over the folds."""
    means = {key: sum(entry[key] for entry in entries) / len(entries) for key in entries[0]}
    return means | {"epoch": entries[0]["epoch"]}


def _shown(pooling: Pooling, scores: Sequence[Mapping[str, float]]) -> str:
    """Return the title of the progress bar; say epochs 1, 2, 5, 10, 20, 50, … in full."""
    best = min(scores, key=lambda entry: _comparable(entry["dev_loss"]))
    epoch = int(best["epoch"])
    if str(epoch).rstrip("0") in ("1", "2", "5"):
        say(
            tr(
                "head on {pooling}, epoch {epoch}: loss {train_loss:.4f} on train, {loss:.4f} and "
                "macro-F1 {f1:.2%} on dev",
                pooling=pooling,
                epoch=epoch,
                train_loss=best["train_loss"],
                loss=best["dev_loss"],
                f1=best["dev_macro_f1"],
            )
        )
    return f"{tr('head')}: {pooling}, loss {best['train_loss']:.4f}"
