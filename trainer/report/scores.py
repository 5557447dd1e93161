"""Scores of a split: on all its rows, and on those that training has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from models.arrays import Floats, Ints
from models.levels import counted, levels_of
from models.metrics import Metrics, calibration_error, confidence_bins
from models.review import Levels
from trainer.data.dataset import Data, Split
from trainer.data.duplicates import seen_rows
from trainer.report.calibration import tempered

Interval = tuple[float, float]

RESAMPLES = 1000
"""Number of resamples of the bootstrap."""


def epoch_scores(epoch: int, train_loss: float, logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Return a point of the learning curve.

    Args:
        epoch: counted from 1.
        train_loss: mean loss of the rows of train.
        logits: logits of dev, `[rows, C]`.
        labels: true label ids of dev, `[rows]`.

    Returns:
        `epoch`, `train_loss`, `dev_loss`, `dev_macro_f1`.
    """
    predicted = logits.argmax(dim=1).numpy()
    return {
        "epoch": epoch,
        "train_loss": train_loss,
        "dev_loss": F.cross_entropy(logits, labels).item(),
        "dev_macro_f1": Metrics.of(labels.numpy(), predicted, logits.shape[1]).macro_f1,
    }


def best_of(history: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the point with the highest macro-F1 on dev; of equal ones, that of the lowest loss."""
    return max(history, key=lambda entry: (entry["dev_macro_f1"], -entry["dev_loss"]))


def score_splits(
    logits: Mapping[str, Tensor], data: Data, temperature: float = 1.0
) -> dict[str, Any]:
    """Score each split as the calibrated model answers; see `score`.

    Dev has the limits of the review levels. `ece_uncalibrated` is the expected calibration error
    without the temperature.
    """
    scores = {}
    dev = tempered(logits["dev"], temperature).numpy()
    levels = levels_of(dev, data.measured["dev"].labels)
    for name, z in logits.items():
        split, train = data.measured[name], data.splits["train"]
        probabilities = tempered(z, temperature).numpy()
        scores[name] = score(probabilities, split, None if split is train else train, levels)
        uncalibrated = calibration_error(z.softmax(dim=1).numpy(), split.labels)
        scores[name]["ece_uncalibrated"] = round(uncalibrated, 4)
    return scores


def score(
    probabilities: Floats,
    split: Split,
    train: Split | None = None,
    levels: Levels | None = None,
) -> dict[str, Any]:
    """Score predictions on every row of a split.

    Args:
        probabilities: `[rows, C]`.
        split: the rows.
        train: adds the score of the rows that are not in it, as "unseen": public review sets repeat
            themselves, and a repeated row says little about new ones.
        levels: adds as "review" how many rows and errors lie between their limits.

    Returns:
        The keys of `Metrics.as_dict`; `macro_f1_interval`; the expected calibration error `ece` and
        its `ece_interval`; `review`, the levels with the rows and errors of this split; and
        `unseen`, with the same keys. Intervals are of 95 %.
    """
    scores = _score(probabilities, split.labels, levels)
    if train is not None:
        unseen = ~seen_rows(train.texts, split.texts)
        scores["unseen"] = _score(probabilities[unseen], split.labels[unseen], levels)
    return scores


def _score(probabilities: Floats, true: Ints, levels: Levels | None) -> dict[str, Any]:
    labels = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    macro_f1, ece = bootstrap(probabilities, true)
    scores = {
        **Metrics.of(true, predicted, labels).as_dict(),
        "macro_f1_interval": [round(end, 4) for end in macro_f1],
        "ece": round(calibration_error(probabilities, true), 4),
        "ece_interval": [round(end, 4) for end in ece],
    }
    if levels is not None:
        scores["review"] = [asdict(level) for level in counted(levels, probabilities, true)]
    return scores


def bootstrap(probabilities: Floats, true: Ints) -> tuple[Interval, Interval]:
    """Return the 95 % intervals of macro-F1 and of the expected calibration error.

    The percentile bootstrap (Efron & Tibshirani 1993, chapter 13) draws the rows again, with
    replacement, `RESAMPLES` times, and takes the middle 95 % of the scores. The same rows give the
    same intervals. A calibration error can only grow by the noise of drawing, so its interval leans
    upwards.

    Args:
        probabilities: `[N, C]`.
        true: true label ids, `[N]`.

    Returns:
        `(low, high)` of each; (0, 1) where there are no rows.
    """
    rows, labels = probabilities.shape
    if rows == 0:
        return (0.0, 1.0), (0.0, 1.0)
    predicted, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    bins = confidence_bins(confidences)  # [N]
    surplus = (predicted == true) - confidences.astype(np.float64)  # [N]
    random = np.random.default_rng(0)
    scores = np.empty((RESAMPLES, 2))  # macro-F1, calibration error
    for resample in scores:
        drawn = random.integers(rows, size=rows)
        resample[0] = Metrics.of(true[drawn], predicted[drawn], labels).macro_f1
        resample[1] = np.abs(np.bincount(bins[drawn], surplus[drawn])).sum() / rows
    low, high = np.quantile(scores, [0.025, 0.975], axis=0).tolist()
    return (low[0], high[0]), (low[1], high[1])
