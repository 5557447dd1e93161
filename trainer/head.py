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

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.arrays import Float64
from models.classifier import Pooling
from models.console import data_error, tr
from models.metrics import Metrics
from trainer.console import progress, say
from trainer.settings import TrainingSettings

Setting = tuple[float, float]
"""Learning rate and weight decay of AdamW."""


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
        choices = []
        with _one_thread(), progress(tr("head"), len(folds) * settings.head_epochs) as advance:
            for pooling, parts in folds.items():
                epochs = []
                for scores in self._epochs(parts, grid):
                    epochs.append(scores)
                    best = min(scores, key=_loss)
                    advance(1, f"{tr('head')}: {pooling}, loss {best['train_loss']:.4f}")
                    if told and _is_round(int(best["epoch"])):
                        _say_epoch(pooling, best)
                for (rate, decay), *history in zip(grid, *epochs, strict=True):
                    best_epoch = int(min(history, key=_loss)["epoch"])
                    choices.append(Choice(pooling, rate, decay, best_epoch, history))
        choice = min(choices, key=lambda choice: _loss(choice.best))
        if not math.isfinite(_loss(choice.best)):
            raise data_error(
                "no head learned anything: its loss is no number from the first epoch on. Try "
                "smaller values of --head-learning-rate, or another encoder",
            )
        return choice

    def fit(self, rows: LabelledFeatures, choice: Choice) -> nn.Linear:
        """Train a head as it was chosen, on these rows; it is frozen."""
        grid = [(choice.learning_rate, choice.weight_decay)]
        with _one_thread():
            *_, heads = islice(self._train(rows, grid), choice.best_epoch)
        layer = nn.Linear(rows.features.shape[1], self.classes)
        layer.load_state_dict({"weight": heads.weight[:, 0].T, "bias": heads.bias[0, 0]})
        return layer.requires_grad_(requires_grad=False)

    def _epochs(
        self, folds: Sequence[Fold], grid: Sequence[Setting]
    ) -> Iterator[list[dict[str, float]]]:
        """Yield the scores of each epoch, one entry for each setting; the means over the folds."""
        trainings = [self._train(fold.learned, grid) for fold in folds]
        for epoch, of_folds in enumerate(zip(*trainings, strict=True), 1):
            scores = [heads.score(part) for heads, part in zip(of_folds, folds, strict=True)]
            entries = []
            for train_loss, dev_loss, dev_macro_f1 in np.mean(scores, axis=0).tolist():
                entries.append(
                    {
                        "epoch": epoch,
                        "train_loss": train_loss,
                        "dev_loss": dev_loss,
                        "dev_macro_f1": dev_macro_f1,
                    }
                )
            yield entries

    def _train(self, rows: LabelledFeatures, grid: Sequence[Setting]) -> Iterator["_Heads"]:
        """Yield the heads after each epoch: one for each of G settings, trained side by side.

        The features of one encoder differ in scale by orders of magnitude, so the weights are
        learned for standardised features and then folded back: with z = (x - μ) / σ,
        W·z + b = (W / σ)·x + (b - W·μ / σ), which is a linear head on x again.
        """
        mean = rows.features.mean(dim=0)  # [H]
        deviation = rows.features.std(dim=0).clamp_min(1e-6)
        settings = torch.tensor(grid, dtype=torch.float64).T[..., None]
        rates, decays = settings.repeat(1, 1, self.classes)  # [G, C] each
        kept, rates = (1 - rates * decays).float(), rates.float()
        # The loss is convex: every start ends in the same place, so start from "don't know".
        # torch has a rate for whole tensors alone, and heads in one tensor are several times as
        # fast as one by one. So Adam moves them at a rate of 1, and a head is its rate times that.
        weight = torch.zeros(len(mean), len(grid), self.classes)  # [H, G, C]
        bias = torch.zeros(1, len(grid), self.classes)
        optimizer = torch.optim.Adam([weight, bias], lr=1.0, fused=True)
        random = torch.Generator().manual_seed(self.settings.seed)
        for _ in range(self.settings.head_epochs):
            total = torch.zeros(len(grid))
            order = torch.randperm(len(rows.labels), generator=random)
            for batch in order.split(self.settings.batch_size):
                z = (rows.features[batch] - mean) / deviation  # [B, H]
                head = [(weight * rates).requires_grad_(), (bias * rates).requires_grad_()]
                # on logits: no softmax before it
                losses = _cross_entropy(_logits(z, *head), rows.labels[batch], self.class_weights)
                # no head has a part in another's loss
                weight.grad, bias.grad = torch.autograd.grad(losses.sum(), head)
                weight *= kept  # the decay of AdamW (Loshchilov & Hutter 2019)
                bias *= kept
                optimizer.step()
                total += losses.detach() * len(batch)
            folded = weight * rates / deviation[:, None, None]
            shift = bias * rates - _logits(mean[None], folded)
            yield _Heads(folded, shift, total / len(order))


class _Heads(NamedTuple):
    """G heads on features as they are: weight `[H, G, C]`, bias `[1, G, C]`; their loss `[G]`."""

    weight: Tensor
    bias: Tensor
    train_loss: Tensor

    def score(self, fold: Fold) -> Float64:
        """Return losses on train and on held-out rows, and macro-F1 there: `[G, 3]`."""
        features, labels = fold.held_out
        logits = _logits(features, self.weight, self.bias)
        losses = torch.stack([self.train_loss, _cross_entropy(logits, labels)])
        classes = logits.shape[2]
        true = labels.numpy()
        answers = logits.argmax(dim=2).T.numpy()
        macro_f1 = []
        for of_head in answers:
            macro_f1.append(Metrics.of(true, of_head, classes).macro_f1)
        return np.column_stack([*losses.double().numpy(), macro_f1])


def _logits(features: Tensor, weight: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    """Return the logits of all heads, `[N, G, C]`, as one product of matrices."""
    return (features @ weight.flatten(1)).view(-1, *weight.shape[1:]) + bias


def _cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Return the mean loss of each head, `[G]`, for logits `[N, G, C]` and label ids `[N]`."""
    targets = labels[:, None].expand(logits.shape[:2])
    losses = F.cross_entropy(logits.transpose(1, 2), targets, class_weights, reduction="none")
    if class_weights is None:
        return losses.mean(dim=0)
    return losses.sum(dim=0) / class_weights[labels].sum()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: a step of some 32 rows is over before a second one has woken up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _loss(scores: Mapping[str, float]) -> float:
    """Return the loss on held-out rows, to compare by: no number is as bad as can be."""
    loss = scores["dev_loss"]
    return loss if math.isfinite(loss) else math.inf


def _is_round(epoch: int) -> bool:
    """Tell whether an epoch is one of 1, 2, 5, 10, 20, 50, …, which are said."""
    return str(epoch).rstrip("0") in ("1", "2", "5")


def _say_epoch(pooling: Pooling, scores: Mapping[str, float]) -> None:
    say(
        "head on {pooling}, epoch {epoch}: loss {train_loss:.4f} on train, {loss:.4f} and "
        "macro-F1 {f1:.2%} on dev",
        pooling=pooling,
        epoch=scores["epoch"],
        train_loss=scores["train_loss"],
        loss=scores["dev_loss"],
        f1=scores["dev_macro_f1"],
    )
