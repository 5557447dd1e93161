"""Makes confidence mean something: a temperature, and the confidence from which to trust an answer.

Both are fitted on dev. Test chooses nothing.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.metrics import Floats, Ids

TEMPERATURES = (0.05, 20.0)
"""Where the temperature is looked for."""

TARGET = 0.98
"""Accuracy that is wanted of the answers that are not called uncertain."""


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Return softmax(logits / temperature): `[rows, C]`, of which no label changes its rank."""
    return (logits / temperature).softmax(dim=1)


def fit_temperature(logits: Tensor, labels: Ids) -> float:
    """Return the temperature with the lowest cross-entropy of softmax(logits / T).

    Temperature scaling is from Guo et al. 2017, "On Calibration of Modern Neural Networks",
    section 4.2. The loss is convex in β = 1 / T (log-sum-exp of a linear function), and its slope
    is the mean over the rows of E[z] - z(true), where E takes the probabilities at β. So there is
    one place where the slope changes its sign, and halving the range in log T finds it.

    Args:
        logits: z, `[rows, C]`.
        labels: true label ids, `[rows]`.

    Returns:
        A number in `TEMPERATURES`; 1 where no row is wrong, since the loss then falls for ever as T
        does, and the rows say nothing of how sure to be.
    """
    z = logits.double()
    true = z.gather(1, torch.from_numpy(labels).long().unsqueeze(1)).squeeze(1)  # [rows]
    if bool((true == z.amax(dim=1)).all()):
        return 1.0
    low, high = TEMPERATURES
    for _ in range(40):  # log 400 / 2⁴⁰: to eleven digits
        middle = math.sqrt(low * high)
        expected = (tempered(z, middle) * z).sum(dim=1)
        if bool((expected - true).mean() > 0):  # a larger β, a lower T, would cost more
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


def accuracy_against_coverage(
    probabilities: NDArray[np.floating], labels: Ids
) -> tuple[Floats, Floats, Floats]:
    """Return what remains of some answers as the threshold falls, and how much of it is right.

    Also known as the risk-coverage curve (Geifman & El-Yaniv 2017). It has a point for each
    confidence that occurs, the highest first: a threshold cannot part two answers of equal one.

    Args:
        probabilities: `[rows, C]`.
        labels: true label ids, `[rows]`.

    Returns:
        Thresholds, the share of the answers with that confidence or more, and the accuracy of
        these: `[points]` each.
    """
    confidences = probabilities.max(axis=1, initial=0.0).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(-confidences, kind="stable")
    ranked = confidences[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])
    kept = last + 1
    return ranked[last], kept / max(len(labels), 1), right[order].cumsum()[last] / kept


def uncertain_below(
    probabilities: NDArray[np.floating], labels: Ids, target: float = TARGET
) -> float:
    """Return the lowest threshold such that the answers at or above it are right often enough.

    Args:
        probabilities: `[rows, C]`.
        labels: true label ids, `[rows]`.
        target: the accuracy that is wanted of the answers that remain.

    Returns:
        A confidence that occurs. Where no threshold reaches the target, the one with the highest
        accuracy on what remains, and of several the lowest. 0 where that is all answers together,
        and where there is none.
    """
    thresholds, _, accuracy = accuracy_against_coverage(probabilities, labels)
    if len(accuracy) == 0:
        return 0.0
    lowest = np.flatnonzero(accuracy >= min(target, accuracy.max()))[-1]
    return 0.0 if lowest == len(accuracy) - 1 else float(thresholds[lowest])
