"""Scores of a split: on all its rows, and on those that training has not seen."""

from typing import Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.metrics import Ids, Metrics, calibration_error, confidence_bins
from trainer.data.dataset import Split
from trainer.data.duplicates import seen_rows

Interval = tuple[float, float]

RESAMPLES = 1000
"""Of the bootstrap."""


def epoch_scores(epoch: int, train_loss: float, logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Return a point of the learning curve.

    Args:
        epoch: counted from 1.
        train_loss: mean over the rows.
        logits: for dev, `[rows, C]`.
        labels: of dev, `[rows]`.
    """
    said = logits.argmax(dim=1).numpy()
    return {
        "epoch": epoch,
        "train_loss": train_loss,
        "dev_loss": F.cross_entropy(logits, labels).item(),
        "dev_macro_f1": Metrics.of(labels.numpy(), said, logits.shape[1]).macro_f1,
    }


def score(
    probabilities: NDArray[np.floating],
    split: Split,
    train: Split | None = None,
    uncertain_below: float = 0.0,
) -> dict[str, Any]:
    """Score predictions on every row of a split.

    Args:
        probabilities: `[rows, C]`.
        split: the rows.
        train: where given, the answer also has the score on the rows not in it, under "unseen":
            public review sets repeat themselves, and a repeated row says little about new ones.
        uncertain_below: what the scores under "certain" leave out.

    Returns:
        What `Metrics.as_dict` gives; `macro_f1_interval`; the expected calibration error `ece` and
        its `ece_interval`; `certain`: which share of the rows is answered with enough confidence,
        and how many of these are right; and `unseen`, with the same keys. Intervals are of 95 %.
    """
    scores: dict[str, Any] = _score(probabilities, split.labels, uncertain_below)
    if train is not None:
        unseen = ~seen_rows(train.texts, split.texts)
        scores["unseen"] = _score(probabilities[unseen], split.labels[unseen], uncertain_below)
    return scores


def _score(probabilities: NDArray[np.floating], true: Ids, uncertain_below: float) -> Any:
    predicted, labels = probabilities.argmax(axis=1), probabilities.shape[1]
    certain = probabilities.max(axis=1, initial=0.0) >= uncertain_below
    macro_f1, error = bootstrap(probabilities, true)
    right = Metrics.of(true[certain], predicted[certain], labels).accuracy
    return {
        **Metrics.of(true, predicted, labels).as_dict(),
        "macro_f1_interval": [round(end, 4) for end in macro_f1],
        "ece": round(calibration_error(probabilities, true), 4),
        "ece_interval": [round(end, 4) for end in error],
        "certain": {
            "coverage": round(float(certain.sum()) / max(len(true), 1), 4),
            "accuracy": round(right, 4),
        },
    }


def bootstrap(probabilities: NDArray[np.floating], true: Ids) -> tuple[Interval, Interval]:
    """Return the 95 % intervals of macro-F1 and of the expected calibration error.

    By the percentile bootstrap (Efron & Tibshirani 1993, chapter 13): the rows are drawn again,
    with replacement, `RESAMPLES` times, and the middle 95 % of the scores taken. The same rows give
    the same intervals. A calibration error can only grow by the noise of drawing, so its interval
    leans upwards.

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
    scores = np.empty((RESAMPLES, 2))
    for resample in scores:
        drawn = random.integers(rows, size=rows)
        resample[0] = Metrics.of(true[drawn], predicted[drawn], labels).macro_f1
        resample[1] = np.abs(np.bincount(bins[drawn], surplus[drawn])).sum() / rows
    low, high = np.quantile(scores, [0.025, 0.975], axis=0).tolist()
    return (low[0], high[0]), (low[1], high[1])
