"""Labelled reviews, in splits, with label ids."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.i18n import tr
from models.labels import NEGATIVE_POSITIVE, LabelSet, natural_order
from trainer.sameness import normalised
from trainer.sources import SPLITS, Raw, Reading, Source, open_source
from trainer.splitting import split_rows


@dataclass(frozen=True)
class Split:
    """The rows of one split.

    Attributes:
        texts: the reviews.
        labels: their label ids, int64 `[rows]`.
    """

    texts: list[str]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.intp]) -> "Split":
        """Return the split of some rows, given by their numbers."""
        return Split([self.texts[row] for row in rows], self.labels[rows])


@dataclass(frozen=True)
class Data:
    """Labelled reviews.

    Attributes:
        labels: the label set that all splits share.
        splits: "train", "dev", "test", or those of them that were asked for.
    """

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
    *,
    labels: Sequence[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    wanted: Sequence[str] = SPLITS,
    split: tuple[float, float] | None = None,
    seed: int = 42,
) -> Data:
    """Read the wanted splits of labelled reviews.

    A source that is one table alone is train, unless its name says otherwise.

    Args:
        sources: one folder (of files named for their split, or written by `save_to_disk`), or one
            hub id, or files named for their split, or one file to be split.
        labels: names of the labels in the order of their ids. None takes the names that the data
            has, in natural order; where its labels are just 0 and 1 these get the names of
            `NEGATIVE_POSITIVE`.
        text_column: None takes the one with a name that is known.
        label_column: likewise.
        encoding: of files; None finds it out. Parquet and XLSX say their own.
        wanted: splits that must be there; others are left out.
        split: the fractions of train to cut for dev and test, where the data lacks them; see
            `split_rows`.
            A text never lands in two splits, nor in one that was cut if another has it already.
            What is cut depends on the data, the sizes and the seed, and not on what is wanted.
        seed: of the cut.

    Raises:
        UserError: NO_INPUT, a source is not there; DATA, a split or column is missing or empty, a
            value is not what its column should hold, a label is not in the label set, or a class
            has too few texts to be split.
    """
    source = open_source(sources, Reading(text_column, label_column, encoding))
    lacking = [name for name in SPLITS if name not in source.splits]
    cut = [] if split is None or "train" in lacking else lacking
    if not set(wanted) <= {*source.splits, *cut}:
        raise _missing(source, wanted)
    needed = [name for name in SPLITS if name in source.splits] if cut else wanted
    raw = {name: source.splits[name]() for name in needed}
    for name, rows in raw.items():
        if not rows.rows:
            raise UserError(
                ExitCode.DATA,
                tr("{where} has no rows in split {split}", where=rows.where, split=name),
            )
    label_set = LabelSet(labels) if labels else _find_labels(raw)
    splits = {name: _number(rows, label_set) for name, rows in raw.items()}
    if split is not None and cut:
        fractions = dict(zip(("dev", "test"), split, strict=True))
        splits |= _cut(splits, {name: fractions[name] for name in cut}, label_set, seed)
    return Data(label_set, {name: splits[name] for name in wanted})


def _cut(
    splits: Mapping[str, Split], fractions: Mapping[str, float], labels: LabelSet, seed: int
) -> dict[str, Split]:
    train = splits["train"]
    others = (split for name, split in splits.items() if name != "train")
    rows = split_rows(
        train.labels,
        [normalised(text) for text in train.texts],
        fractions,
        names=labels.names,
        seed=seed,
        known={normalised(text) for split in others for text in split.texts},
    )
    return {name: train.take(chosen) for name, chosen in rows.items()}


def _missing(source: Source, wanted: Iterable[str]) -> UserError:
    message = tr(
        "{where}: expected the splits {expected}, found {found}",
        where=source.where,
        expected=", ".join(source.expected.format(split=name) for name in wanted),
        found=", ".join(source.found) or tr("nothing"),
    )
    if "train" in wanted and "train" in source.splits:
        message += tr("; --split-sizes 0.1,0.1 cuts those that are missing from train")
    return UserError(ExitCode.DATA, message)


def _find_labels(raw: dict[str, Raw]) -> LabelSet:
    first = next(iter(raw.values()))
    names = first.label_names or natural_order(label for _, label in first.rows)
    if tuple(names) == ("0", "1"):
        return LabelSet(NEGATIVE_POSITIVE)
    if len(names) < 2:
        raise UserError(
            ExitCode.DATA,
            tr(
                "{where}: expected two or more labels, found {found}",
                where=first.where,
                found=", ".join(names),
            ),
        )
    return LabelSet(names)


def _number(raw: Raw, labels: LabelSet) -> Split:
    ids = np.empty(len(raw.rows), dtype=np.int64)
    for row, (_, label) in enumerate(raw.rows):
        number = labels.find(label)
        if number is None:
            raise UserError(
                ExitCode.DATA,
                tr(
                    "{where}, row {row}: label {label} is not in the label set {labels}; "
                    "name the labels in the order of their ids with --labels",
                    where=raw.where,
                    row=row + 1,
                    label=label,
                    labels=labels,
                ),
            )
        ids[row] = number
    return Split([text for text, _ in raw.rows], ids)
