"""Labelled reviews, in splits, with label ids."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.console.command import ExitCode, UserError
from models.console.display import display
from models.console.i18n import tr
from models.labels import NEGATIVE_POSITIVE, LabelSet, natural_order
from trainer.data.duplicates import normalised
from trainer.data.sources import SPLITS, Raw, Reading, open_source
from trainer.data.splitting import split_rows


@dataclass(frozen=True)
class Split:
    """The rows of one split: the reviews, and their label ids, int64 `[rows]`."""

    texts: list[str]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.intp]) -> "Split":
        """Return the split of some rows, given by their numbers."""
        return Split([self.texts[row] for row in rows], self.labels[rows])


@dataclass(frozen=True)
class Data:
    """Labelled reviews: "train", "dev", "test", or some of them, and the label set they share."""

    labels: LabelSet
    splits: dict[str, Split]

    def fingerprint(self) -> str:
        """Return the SHA-256 of every row, split by split."""
        sha = hashlib.sha256()
        for name, split in self.splits.items():
            sha.update(f"{name} {len(split)}\n".encode())
            for text, label in zip(split.texts, split.labels, strict=True):
                encoded = text.encode("utf-8", "surrogatepass")
                sha.update(f"{label} {len(encoded)} ".encode() + encoded)
        return sha.hexdigest()


def load_data(
    sources: Sequence[str],
    reading: Reading | None = None,
    *,
    labels: Sequence[str] | None = None,
    wanted: Sequence[str] = SPLITS,
    split: tuple[float, float] | None = None,
    seed: int = 42,
    alone: str = "train",
) -> Data:
    """Read the wanted splits of labelled reviews.

    Args:
        sources: one folder (of files named for their split, or written by `save_to_disk`), or one
            hub id, or files named for their split, or one file to be split.
        reading: what is known of the columns and the encoding.
        labels: names of the labels in the order of their ids. None takes the names that the data
            has, in natural order; where these are `NEGATIVE_POSITIVE`, or just 0 and 1, they are
            that, in its order.
        wanted: splits that must be there; others are left out.
        split: the fractions of train to cut for dev and test, where the data lacks them. A text
            never lands in two splits, nor in one that was cut if another has it already. What is
            cut depends on the data, the sizes and the seed, and not on what is wanted.
        seed: of the cut.
        alone: the split of a source that is one table alone, unless its name says otherwise.

    Raises:
        UserError: NO_INPUT, a source is not there; DATA, a split or column is missing or empty, a
            value is not what its column should hold, a label is not in the label set, or a class
            has too few texts to be split.
    """
    readers, found = open_source(sources, reading or Reading(), alone)
    lacking = [name for name in SPLITS if name not in readers]
    cut = [] if split is None or "train" in lacking else lacking
    if not set(wanted) <= {*readers, *cut}:
        can_cut = "train" in wanted and "train" in readers
        raise UserError(
            ExitCode.DATA,
            "--data: expected the splits {expected}, files such as train.csv; found {found}{hint}",
            expected=", ".join(wanted),
            found=", ".join(found) or tr("nothing"),
            hint=tr("; --split-sizes 0.1,0.1 cuts those that are missing from train")
            if can_cut
            else "",
        )
    raw = {name: readers[name]() for name in SPLITS if name in readers and (cut or name in wanted)}
    label_set = LabelSet(labels) if labels else _find_labels(next(iter(raw.values())))
    splits = {name: _number(name, rows, label_set) for name, rows in raw.items()}
    if split is not None and cut:
        train = splits.pop("train")
        fractions = dict(zip(("dev", "test"), split, strict=True))
        rows = split_rows(
            train.labels,
            [normalised(text) for text in train.texts],
            {name: fractions[name] for name in cut},
            names=label_set.names,
            seed=seed,
            known={normalised(text) for other in splits.values() for text in other.texts},
        )
        splits |= {name: train.take(chosen) for name, chosen in rows.items()}
    return Data(label_set, {name: splits[name] for name in wanted})


def _find_labels(raw: Raw) -> LabelSet:
    names = raw.names or natural_order(raw.labels)
    ours = raw.names is None and set(names) == set(NEGATIVE_POSITIVE)
    if ours or tuple(names) == ("0", "1"):
        return LabelSet(NEGATIVE_POSITIVE)
    if len(names) < 2:
        raise UserError(
            ExitCode.DATA,
            "{where}: expected rows of two or more labels, found {found}",
            where=raw.where,
            found=tr("only {label}", label=names[0]) if names else tr("nothing"),
        )
    return LabelSet(names)


def _number(name: str, raw: Raw, labels: LabelSet) -> Split:
    """Give the labels their ids."""
    if not raw.texts:
        raise UserError(
            ExitCode.DATA, "{where} has no rows in split {split}", where=raw.where, split=name
        )
    ids = [labels.find(label) for label in raw.labels]
    if None in ids:
        row = ids.index(None)
        raise UserError(
            ExitCode.DATA,
            "{where}, row {row}: label {label} is not in the label set {labels}; "
            "name the labels in the order of their ids with --labels",
            where=raw.where,
            row=row + 1,
            label=display(raw.labels[row], limit=60),
            labels=display(labels, limit=300),
        )
    return Split(raw.texts, np.array(ids, dtype=np.int64))
