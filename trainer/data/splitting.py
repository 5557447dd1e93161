"""Cuts dev and test from the rows of train, or cuts it in folds: stratified, seeded.

No text comes into two splits, nor into two folds.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from models.arrays import Int64, Rows
from models.batching import distinct
from models.console import data_error
from trainer.data.duplicates import hash64


def split_rows(
    labels: Int64,
    keys: Sequence[str],
    fractions: Mapping[str, float],
    *,
    names: Sequence[str],
    seed: int,
    known: Collection[str] = frozenset(),
) -> dict[str, Rows]:
    """Choose the rows of some splits; "train" is what remains.

    The different texts of a class are put in the order of a hash of text and seed, and dealt out:
    to the first split until it has its rows, then to the next. So each class is shared out to the
    row, but for the copies of a text, which stay together. The choice depends on the arguments
    alone, on no generator whose stream another version of a library may change.

    Args:
        labels: label ids, `[rows]`.
        keys: one per row, equal where two rows are the same review.
        fractions: split → fraction of the rows.
        names: names of the labels, for messages.
        seed: changes the splits.
        known: keys that must stay in train, because another split holds them.

    Returns:
        Split → its row numbers, ascending; "train" is the first.

    Raises:
        UserError: DATA, a class has too few different keys for a row of it in every split.
    """
    groups, group = distinct(keys)  # [groups], [rows]
    draws = _draws(groups, seed)
    free = np.array([key not in known for key in groups], dtype=bool)  # [groups]
    size = np.bincount(group)  # [groups]
    # a text that has several labels goes with those of its first
    label_of = labels[np.unique(group, return_index=True)[1]]  # [groups]
    part_of = np.zeros(len(groups), dtype=np.intp)  # [groups]; 0 is train
    for label in range(len(names)):
        rows = np.count_nonzero(labels == label)
        wanted = [max(1, round(fraction * rows)) for fraction in fractions.values()]
        dealt = np.flatnonzero(free & (label_of == label))
        dealt = dealt[np.argsort(draws[dealt])]
        middle = size[dealt].cumsum() - size[dealt] / 2
        part_of[dealt] = np.searchsorted(np.cumsum(wanted), middle) + 1
    parts = ["train", *fractions]
    part_of[part_of == len(parts)] = 0
    part_of = part_of[group]  # [rows]
    for label, name in enumerate(names):
        rows_of = labels == label
        if rows_of.any() and len(np.unique(part_of[rows_of])) < len(parts):
            texts = len(np.unique(group[rows_of & free[group]]))
            _refuse_too_few(name, fractions, texts, int(rows_of.sum()))
    return {name: np.flatnonzero(part_of == part) for part, name in enumerate(parts)}


def fold_rows(labels: Int64, keys: Sequence[str], folds: int, *, seed: int) -> Rows:
    """Deal the rows out to folds: each class evenly, the copies of a text together.

    Args:
        labels: see `split_rows`.
        keys: see `split_rows`.
        folds: number of folds.
        seed: changes the folds.

    Returns:
        The fold of each row, from 0.
    """
    groups, group = distinct(keys)
    label_of = labels[np.unique(group, return_index=True)[1]]  # [groups]
    fold_of = np.empty(len(groups), dtype=np.intp)  # [groups]
    # class after class, each in the order of its draws
    fold_of[np.lexsort((_draws(groups, seed), label_of))] = np.arange(len(groups)) % folds
    return fold_of[group]


def _draws(keys: Sequence[str], seed: int) -> NDArray[np.uint64]:
    """Return a number for each key by which chance orders them."""
    return np.array([hash64(f"{seed} {key}") for key in keys], dtype=np.uint64)


def _refuse_too_few(label: str, fractions: Mapping[str, float], texts: int, rows: int) -> NoReturn:
    raise data_error(
        "--split-sizes: expected enough different texts of label {label} for each of "
        "{splits}, found {texts} in {rows} rows; give files for these splits, or more "
        "rows of the label",
        label=label,
        splits=", ".join([*fractions, "train"]),
        texts=texts,
        rows=rows,
    )
