"""Labelled reviews, in splits, with label ids."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import NoReturn

from models.arrays import Int64, Rows
from models.console import data_error, display, tr
from models.labels import LabelSet
from models.tables.labelled import LabelledRows, as_one
from trainer.console import say, say_lines
from trainer.data.duplicates import normalised
from trainer.data.labelling import label_ids, label_set_of
from trainer.data.sources import Reading, Source, find_sources
from trainer.data.splitting import split_rows
from trainer.data.suspicions import suspicions

SPLITS = ("train", "dev", "test")

_SPLIT_OF = {name: name for name in SPLITS}
_SPLIT_OF |= {"training": "train"}
_SPLIT_OF |= dict.fromkeys(("development", "validation", "valid", "val"), "dev")

FEW = 500
"""Number of rows from which on a tenth of them is a dev that can choose."""


@dataclass(frozen=True)
class Split:
    """The rows of one split: the reviews, and their label ids, int64 `[rows]`."""

    texts: list[str]
    labels: Int64

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Rows) -> "Split":
        """Return the split of some rows, given by their numbers."""
        return Split([self.texts[row] for row in rows], self.labels[rows])


@dataclass(frozen=True)
class Data:
    """Labelled reviews: "train", "dev", "test", or some of them, and the label set they share.

    Attributes:
        labels: the label set.
        splits: the rows by split.
        remarks: sentences on what looks wrong.
        neutral: texts of train that are of no label more than of another.
    """

    labels: LabelSet
    splits: dict[str, Split]
    remarks: tuple[str, ...] = ()
    neutral: list[str] = field(default_factory=list)

    @property
    def cross_validated(self) -> bool:
        """Whether folds of train do what dev does elsewhere."""
        return "dev" not in self.splits

    @property
    def measured(self) -> dict[str, Split]:
        """The rows that are scored: dev, or train in its place; and test where there is one."""
        measured = {"dev": self.splits["train" if self.cross_validated else "dev"]}
        if "test" in self.splits:
            measured["test"] = self.splits["test"]
        return measured

    def fingerprint(self) -> str:
        """Return the SHA-256 of every row, split by split."""
        sha = hashlib.sha256()
        for name, split in self.splits.items():
            sha.update(f"{name} {len(split)}\n".encode())
            for text, label in zip(split.texts, split.labels, strict=True):
                encoded = text.encode("utf-8", "surrogatepass")
                sha.update(f"{label} {len(encoded)} ".encode() + encoded)
        sha.update("\0".join(self.neutral).encode("utf-8", "surrogatepass"))
        return sha.hexdigest()


def load_data(
    sources: Sequence[str],
    reading: Reading = Reading(),
    *,
    labels: Sequence[str] | None = None,
    ordered: bool = True,
    wanted: Sequence[str] = SPLITS,
    split: tuple[float, float] | None = None,
    seed: int = 42,
    alone: str = "train",
    fold_few: bool = False,
    neutral: str | None = None,
) -> Data:
    """Read the wanted splits of labelled reviews.

    Args:
        sources: one folder (of files named for their split, or written by `save_to_disk`), or one
            hub id, or files named for their split, or files that are one table, to be split.
        reading: how to read them.
        labels: names of the labels in the order of their ids. None: as `label_set_of` finds them.
        ordered: `labels` are in the order of the numbers that the data may have for them.
        wanted: splits that must be there; others are left out.
        split: fractions of train to cut for dev and test, where the data lacks them. A text never
            lands in two splits, nor in one that was cut if another has it already. The cut depends
            on the data, the sizes and the seed, and not on what is wanted.
        seed: seed of the cut.
        alone: the split of a source that is one table alone, unless its name says otherwise.
        fold_few: where there is no dev and train has fewer than `FEW` rows, none is cut, and there
            need not be a test: train is to be cross-validated.
        neutral: label whose rows are kept apart in train, and left out of the other splits.

    Raises:
        UserError: NO_INPUT, a source is not there; DATA, a split or column is missing or empty, a
            value is not what its column should hold, a label is not in the label set, or a class
            has too few texts to be split.
    """
    found = find_sources(sources, reading)
    by_split = _sort_by_split(found, alone, named=len(sources) > 1)
    cut = _missing(by_split, split)
    rows = {}
    if fold_few and by_split.keys() & {"train", "dev"} == {"train"}:
        rows["train"] = _read(by_split["train"], reading)
        if len(rows["train"].texts) < FEW:
            cut.pop("dev", None)
            wanted = [name for name in wanted if name in {*by_split, *cut}]
    if not set(wanted) <= {*by_split, *cut}:
        _refuse_missing(wanted, by_split, found)
    for name, source in by_split.items():
        # a cut depends on all splits that there are
        if name not in rows and (cut or name in wanted):
            rows[name] = _read(source, reading)
    neutral_texts = _take_out(rows, neutral)
    remarks = _say_remarks(rows.values())
    label_set = LabelSet(labels) if labels else label_set_of(next(iter(rows.values())))
    splits = _labelled(rows, label_set, ordered=ordered and bool(labels))
    if cut:
        splits |= _cut(splits, cut, label_set, seed)
    remarks += _say_idle(label_set, splits)
    chosen = {name: splits[name] for name in wanted}
    return Data(label_set, chosen, tuple(remarks), neutral_texts)


def _labelled(
    rows: dict[str, LabelledRows], labels: LabelSet, *, ordered: bool
) -> dict[str, Split]:
    splits = {}
    for name, read in rows.items():
        splits[name] = Split(read.texts, label_ids(name, read, labels, ordered=ordered))
    return splits


def _take_out(rows: dict[str, LabelledRows], neutral: str | None) -> list[str]:
    """Take the rows of a label out of every split, and return the texts of those of train.

    Raises:
        UserError: DATA, train has none.
    """
    if neutral is None:
        return []
    apart = {}
    for name, read in rows.items():
        rows[name], apart[name] = read.without(neutral)
    texts = apart.get("train", [])
    if "train" in rows and not texts:
        raise data_error(
            "{where}: expected rows of the label {label} that --neutral names, found none",
            where=rows["train"].where,
            label=display(neutral, limit=60),
        )
    if texts:
        say("{where}: {rows:row} to be unsure of", where=rows["train"].where, rows=len(texts))
    return texts


def _missing(by_split: dict[str, Source], sizes: tuple[float, float] | None) -> dict[str, float]:
    """Return the splits that are to be cut from train, dev before test, with their sizes."""
    if sizes is None or "train" not in by_split:
        return {}
    named = zip(("dev", "test"), sizes, strict=True)
    return {name: size for name, size in named if name not in by_split}


def _read(source: Source, reading: Reading) -> LabelledRows:
    """Read a source, whose rows must have labels unless those without one are to be skipped."""
    rows = source.read()
    count = len(rows.unlabelled)
    if count and not reading.skip_unlabelled:
        raise data_error(
            "{where}: {rows:row} without a label, the first in {place}; --skip-unlabelled leaves "
            "such rows out",
            where=rows.where,
            rows=count,
            place=rows.unlabelled[0],
        )
    return rows


def _say_remarks(sources: Iterable[LabelledRows]) -> list[str]:
    """Say what was left out of each source, and what looks wrong in it."""
    remarks = []
    for rows in sources:
        where, skipped, left_out = rows.where, len(rows.unlabelled), rows.left_out
        if skipped:
            remarks.append(
                tr("{where}: {rows:row} without a label skipped", where=where, rows=skipped)
            )
        if left_out:
            remarks.append(
                tr("{where}: {rows:row} left out by --label-map", where=where, rows=left_out)
            )
        remarks += suspicions(rows)
    say_lines(*remarks)
    return remarks


def _say_idle(labels: LabelSet, splits: dict[str, Split]) -> list[str]:
    """Say which labels train has no row of, if there are such."""
    if "train" not in splits:
        return []
    used = set(splits["train"].labels.tolist())
    remarks = []
    for number, name in enumerate(labels.names):
        if number not in used:
            remarks.append(tr("no row of train has the label {label}", label=name))
    say_lines(*remarks)
    return remarks


def _sort_by_split(found: Sequence[Source], alone: str, *, named: bool) -> dict[str, Source]:
    """Return the source of each split, in the order of `SPLITS`.

    Args:
        found: the sources.
        alone: the split of one source alone, unless its name says otherwise.
        named: the user named each of them, so none is left out; if no name tells a split, they are
            one table.
    """
    if named and not any(map(_tells_split, found)):
        where = " + ".join(source.where for source in found)
        say("{where}: taken as one table, as no name tells a split", where=where)
        found = [Source(alone, where, partial(_read_all, found))]
    by_split: dict[str, Source] = {}
    for source in found:
        split = _SPLIT_OF.get(source.name.lower(), alone if len(found) == 1 else None)
        if split is None and named:
            raise data_error(
                "{path}: expected a name that tells the split, train, dev or test",
                path=source.where,
            )
        if split is None:
            say("{path} is left out: its name tells no split", path=source.where)
            continue
        if split in by_split:
            raise data_error(
                "two sources for split {split}: {a} and {b}",
                split=split,
                a=by_split[split].where,
                b=source.where,
            )
        by_split[split] = source
    return {name: by_split[name] for name in SPLITS if name in by_split}


def _tells_split(source: Source) -> bool:
    """Whether one of the words of a name is that of a split: my_train is not read as anything."""
    words = re.split("[^a-z]+", source.name.lower())
    return not _SPLIT_OF.keys().isdisjoint(words)


def _read_all(sources: Sequence[Source]) -> LabelledRows:
    return as_one([source.read() for source in sources])


def _refuse_missing(
    wanted: Sequence[str], by_split: dict[str, Source], found: Sequence[Source]
) -> NoReturn:
    hint = ""
    if "train" in wanted and "train" in by_split:
        hint = tr("; --split-sizes 0.1 0.1 cuts those that are missing from train")
    raise data_error(
        "--data: expected the splits {expected}, files such as train.csv; found {found}{hint}",
        expected=", ".join(wanted),
        found=", ".join(source.where for source in found) or tr("nothing"),
        hint=hint,
    )


def _cut(
    splits: dict[str, Split], fractions: dict[str, float], labels: LabelSet, seed: int
) -> dict[str, Split]:
    """Return train without the rows that are cut from it, and the splits that they make."""
    train = splits["train"]
    others = [other.texts for name, other in splits.items() if name != "train"]
    known = set(map(normalised, chain.from_iterable(others)))
    keys = [normalised(text) for text in train.texts]
    rows = split_rows(train.labels, keys, fractions, names=labels.names, seed=seed, known=known)
    return {name: train.take(chosen) for name, chosen in rows.items()}
