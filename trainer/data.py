"""Labelled reviews: from files, from a `save_to_disk` folder, or from the hub."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.i18n import tr
from models.labels import NEGATIVE_POSITIVE, LabelSet, natural_order
from models.tables import LABEL_COLUMNS, TEXT_COLUMNS, find_column, format_of, open_table

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


def load_data(
    sources: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    wanted: Sequence[str] = SPLITS,
) -> Data:
    """Read the wanted splits of labelled reviews.

    Args:
        sources: one folder (of files named for their split, or written by `save_to_disk`), or one
            hub id, or files named for their split.
        labels: names of the labels in the order of their ids. None takes the names that the data
            has, in natural order; where its labels are just 0 and 1 these get the names of
            `NEGATIVE_POSITIVE`.
        text_column: None takes the one with a name that is known.
        label_column: likewise.
        encoding: of files; None finds it out.
        wanted: splits that must be there; others are left out.

    Raises:
        UserError: NO_INPUT, a source is not there; DATA, a split or column is missing or empty, or
            a label is not in the label set.
    """
    if len(sources) == 1 and not Path(sources[0]).is_file():
        folder = Path(sources[0])
        if folder.is_dir() and not _is_saved_dataset(folder):
            raw = _read_files(_split_files(folder), wanted, text_column, label_column, encoding)
        else:
            raw = _read_dataset(sources[0], wanted, text_column, label_column)
    else:
        raw = _read_files(
            _name_splits(map(Path, sources)), wanted, text_column, label_column, encoding
        )
    for name in wanted:
        if not raw[name].rows:
            raise UserError(
                ExitCode.DATA,
                tr("{where} has no rows in split {split}", where=raw[name].where, split=name),
            )
    label_set = LabelSet(labels) if labels else _find_labels(raw)
    return Data(label_set, {name: _number(raw[name], label_set) for name in wanted})


def _split_of(stem: str) -> str | None:
    for split, names in _SPLIT_NAMES.items():
        if stem.lower() in names:
            return split
    return None


def _missing(where: object, missing: Iterable[str], found: Iterable[object]) -> UserError:
    return UserError(
        ExitCode.DATA,
        tr(
            "{where}: expected the splits {expected}, found {found}",
            where=where,
            expected=", ".join(missing),
            found=", ".join(map(str, found)) or tr("nothing"),
        ),
    )


def _is_saved_dataset(folder: Path) -> bool:
    return (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file()


def _split_files(folder: Path) -> dict[str, Path]:
    tables = [path for path in sorted(folder.iterdir()) if format_of(path) not in (None, "txt")]
    return _name_splits(tables)


def _name_splits(paths: Iterable[Path]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in paths:
        split = _split_of(path.stem)
        if split is None:
            continue
        if split in files:
            raise UserError(
                ExitCode.DATA,
                tr("two files for split {split}: {a} and {b}", split=split, a=files[split], b=path),
            )
        files[split] = path
    return files


def _read_files(
    files: dict[str, Path],
    wanted: Sequence[str],
    text_column: str | None,
    label_column: str | None,
    encoding: str | None,
) -> dict[str, _Raw]:
    if not set(wanted) <= set(files):
        names = [f"{split}.csv|tsv|jsonl" for split in wanted]
        raise _missing("--data", names, files.values())
    return {
        split: _read_file(files[split], text_column, label_column, encoding) for split in wanted
    }


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
            if not isinstance(text, str) or not isinstance(label, str | int):
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


def _read_dataset(
    source: str, wanted: Sequence[str], text_column: str | None, label_column: str | None
) -> dict[str, _Raw]:
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
    splits = {_split_of(name): rows for name, rows in loaded.items()}
    if not set(wanted) <= set(splits):
        raise _missing(source, wanted, loaded)
    return {
        split: _read_rows(f"{source} ({split})", splits[split], text_column, label_column)
        for split in wanted
    }


def _read_rows(where: str, rows: Any, text_column: str | None, label_column: str | None) -> _Raw:
    text_name, label_name = _columns(where, rows.column_names, text_column, label_column)
    names = getattr(rows.features[label_name], "names", None)
    pairs = []
    for number, (text, label) in enumerate(
        zip(rows[text_name], rows[label_name], strict=True), start=1
    ):
        if not isinstance(text, str) or label is None:
            raise UserError(
                ExitCode.DATA,
                tr("{where}, row {row}: expected a text and a label", where=where, row=number),
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
