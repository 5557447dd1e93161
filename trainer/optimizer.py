"""Weights that train, their learning rates, and the loss."""

import math
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from models.arrays import Float32, Int64
from models.classifier import Classifier
from models.console import usage_error
from models.encoder import layers_of
from trainer.settings import TrainingSettings


def choose_trained(classifier: Classifier, last: int | None) -> None:
    """Let the head and the last layers train, or everything.

    Raises:
        UserError: USAGE, more layers are to train than the encoder has; DATA, it has no layers
            where BERT has them.
    """
    layers = layers_of(classifier.encoder)
    if last is not None and not 0 < last <= len(layers):
        raise usage_error(
            "--train last:{last} asks for layers that are not there: the encoder has {count}",
            last=last,
            count=len(layers),
        )
    classifier.requires_grad_(requires_grad=last is None)
    classifier.head.requires_grad_(requires_grad=True)
    if last is not None:
        for layer in layers[-last:]:
            layer.requires_grad_(requires_grad=True)


def parameter_groups(classifier: Classifier, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Group the weights that train by learning rate and weight decay."""
    layers = layers_of(classifier.encoder)
    depths = {id(weight): len(layers) - 1 for weight in classifier.head.parameters()}
    for depth, layer in enumerate(layers):
        depths |= dict.fromkeys(map(id, layer.parameters()), depth)
    groups: dict[tuple[int, bool], list[Tensor]] = {}
    for weight in classifier.parameters():
        if weight.requires_grad:
            depth = depths.get(id(weight), -1)  # the embeddings are below all layers
            groups.setdefault((depth, weight.ndim > 1), []).append(weight)
    return [
        {
            "params": weights,
            "peak": settings.learning_rate * settings.layer_decay ** (len(layers) - 1 - depth),
            # biases and the weights of LayerNorm are not decayed (Devlin et al. 2019, their code)
            "weight_decay": settings.weight_decay if is_matrix else 0.0,
        }
        for (depth, is_matrix), weights in groups.items()
    ]


def rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Return the share of the peak learning rate at a step, counted from 0.

    The rate rises linearly in the warm-up, and falls linearly to 0 after it.
    """
    warmup = math.ceil(settings.warmup * steps)
    if step < warmup:
        return step / warmup
    return 1 - (step - warmup) / (steps - warmup)


def targets_of(
    labels: Int64,
    classes: int,
    *,
    neutral: int = 0,
    unlabelled: int = 0,
    smoothing: float = 0.0,
    class_weights: Float32 | None = None,
) -> Float32:
    """Return what the answers to rows should be, times their weight, float32 `[rows, C]`.

    Args:
        labels: label ids of the rows that have one, which come first.
        classes: number of labels, C.
        neutral: number of rows after them that are to be answered with the same share of each.
        unlabelled: number of rows after these, which have no target: zeros.
        smoothing: share of a label that is spread over all of them.
        class_weights: weights of the rows by their label, `[C]`; the others weigh 1.
    """
    targets = np.full((len(labels) + neutral + unlabelled, classes), 1 / classes, dtype=np.float32)
    targets[: len(labels)] = np.eye(classes)[labels] * (1 - smoothing) + smoothing / classes
    targets[len(labels) + neutral :] = 0
    if class_weights is not None:
        targets[: len(labels)] *= class_weights[labels, None]
    return targets


def loss_of(
    logits: Tensor, targets: Tensor, settings: TrainingSettings, answers: Tensor | None = None
) -> Tensor:
    """Return the loss, summed over the rows of a batch.

    Args:
        logits: `[B, C]`.
        targets: see `targets_of`, `[B, C]`.
        settings: weight and temperature of the teachers.
        answers: probabilities of the teachers, `[B, C]`; zeros weigh nothing.
    """
    loss = -(targets * F.log_softmax(logits, dim=1)).sum()
    if answers is None:
        return loss
    share, temperature = settings.teacher_weight, settings.teacher_temperature
    taught = -(answers * F.log_softmax(logits / temperature, dim=1)).sum()
    # the square keeps the gradient's size as the temperature changes (Hinton et al. 2015)
    taught = taught * temperature**2
    return (1 - share) * loss + share * taught
