"""Fits on dev the temperature of a model, and the confidence below which it is uncertain."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.metrics import Floats, Ids

TEMPERATURES = (0.05, 20.0)
"""Range in which the temperature is searched."""

TARGET = 0.98
"""Wanted accuracy of the answers that are not called uncertain."""


class Calibration(NamedTuple):
    """What makes the model's confidence mean something.

    Attributes:
        temperature: divides the logits before the softmax.
        uncertain_below: confidence below which an answer is called uncertain; 0 for none.
    """

    temperature: float
    uncertain_below: float


UNCALIBRATED = Calibration(temperature=1.0, uncertain_below=0.0)


def calibrate(logits: Tensor, labels: Ids) -> Calibration:
    """Fit the calibration on dev: logits `[rows, C]`, true label ids `[rows]`."""
    temperature = fit_temperature(logits, labels)
    probabilities = tempered(logits, temperature).numpy()
    return Calibration(temperature, uncertain_below(probabilities, labels))


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Return softmax(logits / temperature), `[rows, C]`; the labels keep their ranks."""
    return (logits / temperature).softmax(dim=1)


def fit_temperature(logits: Tensor, labels: Ids) -> float:
    """Return the temperature with the lowest cross-entropy of softmax(logits / T).

    Temperature scaling is from Guo et al. 2017, "On Calibration of Modern Neural Networks",
    section 4.2. The loss is convex in β = 1 / T (log-sum-exp of a linear function), and its slope
    is the mean over the rows of E[z] - z(true), where E takes the probabilities at β. So the slope
    changes its sign once, and halving the range in log T finds where.

    Args:
        logits: z, `[rows, C]`.
        labels: true label ids, `[rows]`.

    Returns:
        A number in `TEMPERATURES`; 1 where no row is wrong, since the loss then falls for ever as T
        does.
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
    """Return the risk-coverage curve (Geifman & El-Yaniv 2017): accuracy as the threshold falls.

    It has a point for each confidence that occurs, the highest first: a threshold cannot part two
    answers of equal confidence.

    Args:
        probabilities: `[rows, C]`.
        labels: true label ids, `[rows]`.

    Returns:
        Thresholds, the share of the answers with that confidence or more, and their accuracy:
        `[points]` each.
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
    """Return the lowest threshold at which the remaining answers reach the target.

    Args:
        probabilities: `[rows, C]`.
        labels: true label ids, `[rows]`.
        target: wanted accuracy of the answers at or above the threshold.

    Returns:
        A confidence that occurs. Where no threshold reaches the target, the lowest of those with
        the highest accuracy. 0 where that keeps all answers, and where there is none.
    """
    thresholds, _, accuracy = accuracy_against_coverage(probabilities, labels)
    if len(accuracy) == 0:
        return 0.0
    lowest = np.flatnonzero(accuracy >= min(target, accuracy.max()))[-1]
    return 0.0 if lowest == len(accuracy) - 1 else float(thresholds[lowest])
