"""Fits on dev the temperature of a model; draws how its accuracy falls as more is answered."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.arrays import Float64, Floats, Ints
from trainer.console import say

TEMPERATURES = (0.05, 20.0)
"""Range in which the temperature is searched."""


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Return softmax(logits / temperature), `[rows, C]`; the labels keep their ranks."""
    return (logits / temperature).softmax(dim=1)


def fit_temperature(logits: Tensor, labels: Ints) -> float:
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


def say_calibration(temperature: float, dev: Mapping[str, Any]) -> None:
    """Narrate what was fitted on dev, and what that did to the scores of dev."""
    say(
        "temperature {temperature:.2f}, fitted on dev: calibration error {before:.2%} → "
        "{after:.2%}",
        temperature=temperature,
        before=dev["ece_uncalibrated"],
        after=dev["ece"],
    )
    low, high = TEMPERATURES
    if not 1.01 * low < temperature < 0.99 * high:
        say(
            "a temperature at the bound of its search, {low} to {high}, calibrates nothing: "
            "the model hardly tells the labels apart, or dev is too small",
            low=low,
            high=high,
        )
    first, look, _ = dev["review"]
    say(
        "review levels: below {first:.3f} {wrong_first} of {rows_first:answer} were wrong on "
        "dev, and below {look:.3f} {wrong} of {rows} more",
        first=first["below"],
        wrong_first=first["wrong"],
        rows_first=first["rows"],
        look=look["below"],
        wrong=look["wrong"],
        rows=look["rows"],
    )


def accuracy_against_coverage(
    probabilities: Floats, labels: Ints
) -> tuple[Float64, Float64, Float64]:
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
