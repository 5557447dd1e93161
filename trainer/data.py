"""Labelled reviews: from files, from a `save_to_disk` folder, or from the hub."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.i18n import tr
from models.labels import NEGATIVE_POSITIVE, LabelSet, natural_order
from models.tables import LABEL_COLUMNS, TEXT_COLUMNS, find_column, format_of, open_table
from trainer.sameness import normalised
from trainer.splitting import SplitSizes, split_rows

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "development", "validation", "valid", "val"),
    "test": ("test",),
}
SPLITS = tuple(_SPLIT_NAMES)


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


@dataclass(frozen=True)
class _Raw:
    """Rows as they were read: the label is still what the data calls it."""

    where: str  # for messages
    rows: list[tuple[str, str]]  # (text, label)
    label_names: tuple[str, ...] | None = None  # of a datasets ClassLabel


@dataclass(frozen=True)
class _Source:
    """Where the rows are, before any is read."""

    where: str  # for messages
    found: tuple[str, ...]  # likewise: what it holds, by the names that it gives them
    splits: dict[str, Callable[[], _Raw]]  # the reader of each split that it has
    expected: str  # how it would call a split


def load_data(
    sources: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    wanted: Sequence[str] = SPLITS,
    split: SplitSizes | None = None,
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
        encoding: of files; None finds it out. Parquet says its own.
        wanted: splits that must be there; others are left out.
        split: cut dev and test from train, those of them that the data lacks; see `split_rows`.
            A text never lands in two splits, nor in one that was cut if another has it already.
            What is cut depends on the data, the sizes and the seed, and not on what is wanted.
        seed: of the cut.

    Raises:
        UserError: NO_INPUT, a source is not there; DATA, a split or column is missing or empty, a
            value is not what its column should hold, a label is not in the label set, or a class
            has too few texts to be split.
    """
    if len(sources) == 1 and not Path(sources[0]).is_file():
        folder = Path(sources[0])
        if folder.is_dir() and not _is_saved_dataset(folder):
            source = _files(_tables_in(folder), text_column, label_column, encoding)
        else:
            source = _dataset(sources[0], text_column, label_column)
    else:
        source = _files([Path(name) for name in sources], text_column, label_column, encoding)

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
        fractions = {name: size for name, size in asdict(split).items() if name in cut}
        splits |= _cut(splits, fractions, label_set, seed)
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


def _split_of(stem: str) -> str | None:
    for split, names in _SPLIT_NAMES.items():
        if stem.lower() in names:
            return split
    return None


def _missing(source: _Source, wanted: Iterable[str]) -> UserError:
    message = tr(
        "{where}: expected the splits {expected}, found {found}",
        where=source.where,
        expected=", ".join(source.expected.format(split=name) for name in wanted),
        found=", ".join(source.found) or tr("nothing"),
    )
    if "train" in wanted and "train" in source.splits:
        message += tr("; --split-sizes 0.1,0.1 cuts those that are missing from train")
    return UserError(ExitCode.DATA, message)


def _is_saved_dataset(folder: Path) -> bool:
    return (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file()


def _tables_in(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if _is_parquet(path) or format_of(path) not in (None, "txt")
    ]


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _files(
    paths: Sequence[Path], text_column: str | None, label_column: str | None, encoding: str | None
) -> _Source:
    files: dict[str, Path] = {}
    for path in paths:
        split = _split_of(path.stem) or ("train" if len(paths) == 1 else None)
        if split is None:
            continue
        if split in files:
            raise UserError(
                ExitCode.DATA,
                tr("two files for split {split}: {a} and {b}", split=split, a=files[split], b=path),
            )
        files[split] = path
    return _Source(
        "--data",
        tuple(map(str, paths)),
        {
            split: partial(_read_parquet, path, text_column, label_column)
            if _is_parquet(path)
            else partial(_read_file, path, text_column, label_column, encoding)
            for split, path in files.items()
        },
        expected="{split}.csv|tsv|jsonl|parquet",
    )


def _columns(
    where: str, columns: Sequence[str], text: str | None, label: str | None
) -> tuple[str, str]:
    return (
        find_column(where, columns, text, TEXT_COLUMNS, "--text-column"),
        find_column(where, columns, label, LABEL_COLUMNS, "--label-column"),
    )


def _read_file(
    path: Path, text_column: str | None, label_column: str | None, encoding: str | None
) -> _Raw:
    rows = []
    with open_table(path, encoding=encoding) as table:
        text_name, label_name = _columns(table.name, table.columns, text_column, label_column)
        for record in table.records:
            text, label = record.fields.get(text_name), record.fields.get(label_name)
            if not isinstance(text, str) or not _is_label(label):
                raise UserError(
                    ExitCode.DATA,
                    tr(
                        "{path}, line {line}: expected a text in {text} and a label in {label}, "
                        "found {found}",
                        path=path,
                        line=record.line,
                        text=text_name,
                        label=label_name,
                        found=f"{text!r:.60}, {label!r:.60}",
                    ),
                )
            rows.append((text, str(label)))
    return _Raw(str(path), rows)


def _is_label(value: object) -> bool:
    # True is an int to Python; to a label set it is neither a name nor a number.
    return isinstance(value, str | int) and not isinstance(value, bool)


def _read_parquet(path: Path, text_column: str | None, label_column: str | None) -> _Raw:
    import pyarrow  # type: ignore[import-untyped,unused-ignore]
    import pyarrow.parquet  # type: ignore[import-untyped,unused-ignore]
    from datasets import Features

    if not path.is_file():
        raise UserError(ExitCode.NO_INPUT, tr("no such file: {path}", path=path))
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            text_name, label_name = _columns(str(path), schema.names, text_column, label_column)
            table = file.read(columns=[text_name, label_name])
        texts, labels = table[text_name], table[label_name]
    except (pyarrow.ArrowException, OSError, KeyError) as error:  # KeyError: a column twice
        raise UserError(
            ExitCode.DATA,
            tr("{path} cannot be read as Parquet: {reason}", path=path, reason=error),
        ) from error
    # What datasets wrote says what its label ids are called.
    named = b"huggingface" in (schema.metadata or {})
    label_type = Features.from_arrow_schema(schema)[label_name] if named else None
    return _pairs(str(path), text_name, label_name, texts, labels, label_type)


def _dataset(source: str, text_column: str | None, label_column: str | None) -> _Source:
    import datasets

    datasets.disable_progress_bars()
    try:
        if Path(source).is_dir():
            loaded = datasets.load_from_disk(source)
        elif source.startswith((".", "/", "~")) or source.count("/") != 1:
            raise UserError(ExitCode.NO_INPUT, tr("no such file or folder: {path}", path=source))
        else:
            loaded = datasets.load_dataset(source)
    # RuntimeError: a data set that is a script, which datasets ran once and no longer does.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            ExitCode.NO_INPUT,
            tr(
                "{name} is neither files, nor a folder of them, nor a data set that the hub gave: "
                "{reason}. Without a network, HF_HUB_OFFLINE=1 uses what was loaded before",
                name=source,
                reason=str(error).strip().partition("\n")[0],
            ),
        ) from error
    if isinstance(loaded, datasets.Dataset):
        loaded = {str(loaded.split or "train"): loaded}
    readers: dict[str, Callable[[], _Raw]] = {}
    for name, rows in loaded.items():
        split = _split_of(name) or ("train" if len(loaded) == 1 else None)
        if split is not None:
            where = f"{source} ({name})"
            readers[split] = partial(_read_rows, where, rows, text_column, label_column)
    return _Source(source, tuple(loaded), readers, expected="{split}")


def _read_rows(where: str, rows: Any, text_column: str | None, label_column: str | None) -> _Raw:
    text_name, label_name = _columns(where, rows.column_names, text_column, label_column)
    # as Arrow, whatever format it was saved with
    table = rows.select_columns([text_name, label_name]).with_format("arrow")[:]
    return _pairs(
        where, text_name, label_name, table[text_name], table[label_name], rows.features[label_name]
    )


def _pairs(
    where: str, text_name: str, label_name: str, texts: Any, labels: Any, label_type: Any
) -> _Raw:
    """Pair two columns of Arrow; `label_type` may be a ClassLabel, which has the names of ids."""
    names = getattr(label_type, "names", None)
    pairs = []
    for number, (text, label) in enumerate(
        zip(texts.to_pylist(), labels.to_pylist(), strict=True), start=1
    ):
        # -1 is what datasets writes for a label that nobody knows
        if (
            not isinstance(text, str)
            or not _is_label(label)
            or (names and label not in range(len(names)))
        ):
            raise UserError(
                ExitCode.DATA,
                tr(
                    "{where}, row {row}: expected a text in {text} and a label, a name or a whole "
                    "number, in {label}; found {found}",
                    where=where,
                    row=number,
                    text=text_name,
                    label=label_name,
                    found=f"{text!r:.60}, {label!r:.60}",
                ),
            )
        pairs.append((text, names[label] if names else str(label)))
    return _Raw(where, pairs, tuple(names) if names else None)


def _find_labels(raw: dict[str, _Raw]) -> LabelSet:
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


def _number(raw: _Raw, labels: LabelSet) -> Split:
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
