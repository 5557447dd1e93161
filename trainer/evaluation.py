"""Scores of a split: on all its rows, and on those that training has not seen."""

import html
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.labels import LabelSet
from models.metrics import Metrics
from models.run_directory import Row
from trainer.data import Split


def normalised(text: str) -> str:
    """Reduce a text to what makes it the same review.

    HTML entities are resolved, compatibility forms unified (NFKC), letters lowered; white space and
    punctuation go.
    """
    unified = unicodedata.normalize("NFKC", html.unescape(text)).lower()
    return "".join(filter(str.isalnum, unified))


def seen_rows(train: Iterable[str], texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which of `texts` also stand in `train` once both are normalised, `[texts]`."""
    known = {normalised(text) for text in train}
    return np.array([normalised(text) in known for text in texts], dtype=bool)


def score(
    probabilities: Tensor, split: Split, labels: LabelSet, train: Split | None
) -> dict[str, Any]:
    """Score predictions on every row of a split.

    Args:
        probabilities: `[rows, C]`.
        split: the rows.
        labels: the label set.
        train: where given, the answer also has the score on the rows not in it, under "unseen":
            public review sets repeat themselves, and a repeated row says little about new ones.
    """
    predicted = probabilities.argmax(dim=1).numpy()
    scores = Metrics.of(split.labels, predicted, len(labels)).as_dict()
    if train is not None:
        unseen = ~seen_rows(train.texts, split.texts)
        metrics = Metrics.of(split.labels[unseen], predicted[unseen], len(labels))
        scores["unseen"] = metrics.as_dict()
    return scores


def rows_of(split: Split, probabilities: Tensor) -> Iterable[Row]:
    """Return the rows of a split with the model's answers, for the run directory."""
    for text, label, row in zip(split.texts, split.labels, probabilities.tolist(), strict=True):
        yield Row(text, int(label), row)
