"""Scores of a split: on all its rows, and on those that training has not seen."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.labels import LabelSet
from models.metrics import BINS, Ids, Metrics, calibration_error, confidence_bins, f1
from models.run_directory import Row
from trainer.data import Split
from trainer.sameness import seen_rows

Interval = tuple[float, float]

RESAMPLES = 1000
"""Of the bootstrap."""

_NUMBERS = 2**21  # held at once by the bootstrap: 16 MB of each kind


def score(
    probabilities: Tensor,
    split: Split,
    labels: LabelSet,
    train: Split | None,
    uncertain_below: float = 0.0,
) -> dict[str, Any]:
    """Score predictions on every row of a split.

    Args:
        probabilities: `[rows, C]`.
        split: the rows.
        labels: the label set.
        train: where given, the answer also has the score on the rows not in it, under "unseen":
            public review sets repeat themselves, and a repeated row says little about new ones.
        uncertain_below: what the scores under "certain" leave out.

    Returns:
        What `Metrics.as_dict` gives; `macro_f1_interval`; the expected calibration error `ece` and
        its `ece_interval`; `certain`: which share of the rows is answered with enough confidence,
        and how many of these are right; and `unseen`, with the same keys. Intervals are of 95 %.
    """
    answers = probabilities.numpy()
    scores = _score(answers, split.labels, len(labels), uncertain_below)
    if train is not None:
        unseen = ~seen_rows(train.texts, split.texts)
        rest = answers[unseen], split.labels[unseen]
        scores["unseen"] = _score(*rest, len(labels), uncertain_below)
    return scores


def _score(
    probabilities: NDArray[np.floating], true: Ids, labels: int, uncertain_below: float
) -> dict[str, Any]:
    predicted, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1, initial=0.0)
    metrics = Metrics.of(true, predicted, labels)
    macro_f1, error = bootstrap(probabilities, true)
    certain = confidences >= uncertain_below
    return {
        **metrics.as_dict(),
        "macro_f1_interval": [round(end, 4) for end in macro_f1],
        "ece": round(calibration_error(probabilities, true), 4),
        "ece_interval": [round(end, 4) for end in error],
        "certain": {
            "coverage": round(float(certain.sum()) / max(len(true), 1), 4),
            "accuracy": round(Metrics.of(true[certain], predicted[certain], labels).accuracy, 4),
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
    cells = true * labels + predicted  # [N], of the confusion matrix
    bins = confidence_bins(confidences)  # [N]
    surplus = (predicted == true) - confidences.astype(np.float64)  # [N]
    random = np.random.default_rng(0)
    scores, errors = [], []
    part = min(max(_NUMBERS // max(rows, labels * labels), 1), RESAMPLES)
    for start in range(0, RESAMPLES, part):
        count = min(part, RESAMPLES - start)
        drawn = random.integers(rows, size=(count, rows))
        scores.append(f1(_counts(cells[drawn], labels * labels).reshape(-1, labels, labels)))
        errors.append(np.abs(_counts(bins[drawn], BINS, surplus[drawn])).sum(axis=1) / rows)
    return _middle(np.concatenate(scores).mean(axis=1)), _middle(np.concatenate(errors))


def _counts(values: Ids, size: int, weights: NDArray[np.float64] | None = None) -> Any:
    """Count (or sum the weights of) each value below `size` in each row: `[R, N]` → `[R, size]`."""
    shifted = values + np.arange(len(values))[:, None] * size
    flat = None if weights is None else weights.ravel()
    return np.bincount(shifted.ravel(), flat, len(values) * size).reshape(len(values), size)


def _middle(scores: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(scores, [0.025, 0.975])
    return float(low), float(high)


def rows_of(split: Split, probabilities: Tensor) -> Iterable[Row]:
    """Return the rows of a split with the model's answers, for the run directory."""
    for text, label, row in zip(split.texts, split.labels, probabilities.tolist(), strict=True):
        yield Row(text, int(label), row)
