"""Weights that train, their learning rates, and the loss."""

import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from models.classifier import Classifier
from models.console.command import ExitCode, UserError
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
        raise UserError(
            ExitCode.USAGE,
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


def loss_of(
    logits: Tensor,
    labels: Tensor,
    settings: TrainingSettings,
    class_weights: Tensor | None = None,
    soft: Tensor | None = None,
) -> Tensor:
    """Return the loss, summed over the rows of a batch.

    Args:
        logits: `[B, C]`.
        labels: label ids, `NO_LABEL` where a row has none, `[B]`.
        settings: label smoothing, weight and temperature of the teachers.
        class_weights: weights of the labels, `[C]`.
        soft: probabilities of the teachers, `[B, C]`; zeros weigh nothing.
    """
    loss = F.cross_entropy(
        logits,
        labels,
        weight=class_weights,
        label_smoothing=settings.label_smoothing,
        reduction="sum",
    )
    if soft is None:
        return loss
    share, temperature = settings.teacher_weight, settings.teacher_temperature
    taught = -(soft * F.log_softmax(logits / temperature, dim=1)).sum()
    # the square keeps the gradient's size as the temperature changes (Hinton et al. 2015)
    taught = taught * temperature**2
    return (1 - share) * loss + share * taught
