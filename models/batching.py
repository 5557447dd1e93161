"""Which texts go through the encoder, and which of them together."""

from collections.abc import Iterable

import numpy as np

from models.arrays import Ints, Rows

MAX_TOKENS = {"cpu": 512, "cuda": 4096}
"""Number of tokens of a batch, padding included, by device. On a CPU some 512 keep activations of a
layer in a core's cache, and are enough for a matrix product to be as fast as it gets."""


def distinct(texts: Iterable[str]) -> tuple[list[str], Rows]:
    """Return the different texts, and the place among them of each text, `[texts]`.

    Example:
        >>> distinct(["好", "差", "好"])
        (['好', '差'], array([0, 1, 0]))
    """
    places: dict[str, int] = {}
    rows = np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.intp)
    return list(places), rows


def plan(lengths: Ints, *, max_tokens: int = MAX_TOKENS["cpu"], max_rows: int = 64) -> list[Rows]:
    """Group texts of similar length, so that little of a batch is padding.

    A batch costs rows × longest, padding included. A text longer than `max_tokens` stands alone.
    The order is a function of the lengths only: shortest first, equal lengths in order of arrival.

    Args:
        lengths: number of tokens of each text, `[texts]`.
        max_tokens: largest rows × longest of a batch.
        max_rows: largest number of rows of a batch.

    Returns:
        Index arrays that together hold every index once.

    Example:
        >>> plan(np.array([3, 9, 3]), max_tokens=8)
        [array([0, 2]), array([1])]
    """
    order = np.argsort(lengths, kind="stable")
    batches = []
    start = 0
    for end in range(1, len(order) + 1):
        rows = end - start + 1  # with the text at `end`, which is the longest so far
        if end == len(order) or rows > max_rows or rows * lengths[order[end]] > max_tokens:
            batches.append(order[start:end])
            start = end
    return batches
