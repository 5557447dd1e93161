"""Reads labelled rows from files, from a `save_to_disk` folder, or from the hub."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.command import ExitCode, UserError
from models.i18n import tr
from models.tables import (
    LABEL_COLUMNS,
    TEXT_COLUMNS,
    TEXT_FORMATS,
    Dialect,
    find_column,
    format_of,
    open_table,
    plain,
)

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "development", "validation", "valid", "val"),
    "test": ("test",),
}
SPLITS = tuple(_SPLIT_NAMES)


@dataclass(frozen=True)
class Reading:
    """How to read a table.

    Attributes:
        text_column: None takes the one with a name that is known.
        label_column: likewise.
        encoding: of a text file; None finds it out. Parquet and XLSX say their own.
    """

    text_column: str | None = None
    label_column: str | None = None
    encoding: str | None = None

    def columns(self, where: str, columns: Sequence[str]) -> tuple[str, str]:
        """Return the names of the text column and the label column."""
        return (
            find_column(where, columns, self.text_column, TEXT_COLUMNS, "--text-column"),
            find_column(where, columns, self.label_column, LABEL_COLUMNS, "--label-column"),
        )


@dataclass(frozen=True)
class Raw:
    """Rows as they were read: the label is still what the data calls it.

    Attributes:
        where: they come from, for messages.
        rows: (text, label).
        label_names: in the order of their ids, where a datasets ClassLabel has them.
    """

    where: str
    rows: list[tuple[str, str]]
    label_names: Sequence[str] | None


@dataclass(frozen=True)
class Source:
    """Where the rows are, before any is read.

    Attributes:
        where: for messages.
        found: what it holds, by the names that it gives them, for messages.
        expected: how it would call a split, for messages.
        splits: the reader of each split that it has.
    """

    where: str
    found: tuple[str, ...]
    expected: str
    splits: dict[str, Callable[[], Raw]]


def open_source(sources: Sequence[str], reading: Reading) -> Source:
    """Find out which splits the sources have, and how to read them.

    Args:
        sources: as `trainer.data.load_data` takes them.
        reading: what the user said of the columns and the encoding.

    Raises:
        UserError: NO_INPUT, a source is not there; DATA, two files are for one split.
    """
    folder = Path(sources[0])
    if len(sources) > 1 or folder.is_file():
        return _files([Path(name) for name in sources], reading)
    saved = ("dataset_dict.json", "dataset_info.json")
    if folder.is_dir() and not any((folder / name).is_file() for name in saved):
        tables = [path for path in folder.iterdir() if format_of(path) not in (None, "txt")]
        return _files(sorted(tables), reading)
    return _dataset(sources[0], reading)


def _split_of(name: str, *, alone: bool) -> str | None:
    """Return the split that a name stands for; what is alone is train whatever its name."""
    found = (split for split, names in _SPLIT_NAMES.items() if name.lower() in names)
    return next(found, "train" if alone else None)


def _files(paths: Sequence[Path], reading: Reading) -> Source:
    files: dict[str, Path] = {}
    for path in paths:
        split = _split_of(path.stem, alone=len(paths) == 1)
        if split in files:
            raise UserError(
                ExitCode.DATA,
                tr("two files for split {split}: {a} and {b}", split=split, a=files[split], b=path),
            )
        if split is not None:
            files[split] = path
    return Source(
        where="--data",
        found=tuple(map(str, paths)),
        expected="{split}.csv|tsv|jsonl|xlsx|parquet",
        splits={split: partial(_read_file, path, reading) for split, path in files.items()},
    )


def _read_file(path: Path, reading: Reading) -> Raw:
    with open_table(path, Dialect(encoding=reading.encoding)) as table:
        text, label = reading.columns(table.name, table.columns)
        label_type = None
        if b"huggingface" in (getattr(table.schema, "metadata", None) or {}):
            from datasets import Features

            label_type = Features.from_arrow_schema(table.schema)[label]
        records = (
            (record.place.line, plain(record.fields.get(text)), plain(record.fields.get(label)))
            for record in table.records
        )
        unit = tr("line") if table.dialect.format in TEXT_FORMATS else tr("row")
        return _checked(table.name, unit, text, label, records, label_type)


def read_texts(path: Path, reading: Reading) -> list[str]:
    """Read texts without labels: a table, or a TXT with a text on each line.

    Raises:
        UserError: as `open_table` and `find_column`; DATA, a record has no text.
    """
    texts = []
    with open_table(path, Dialect(encoding=reading.encoding)) as table:
        wanted = None if table.dialect.format == "txt" else reading.text_column
        column = find_column(table.name, table.columns, wanted, TEXT_COLUMNS, "--text-column")
        for record in table.records:
            text = plain(record.fields.get(column))
            if not isinstance(text, str):
                raise UserError(
                    ExitCode.DATA,
                    tr(
                        "{path}, line {line}: expected a text in {column}, found {found}",
                        path=path,
                        line=record.place.line,
                        column=column,
                        found=f"{text!r:.60}",
                    ),
                )
            texts.append(text)
    return texts


def _dataset(source: str, reading: Reading) -> Source:
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
    splits: dict[str, Callable[[], Raw]] = {}
    for name, rows in loaded.items():
        if split := _split_of(name, alone=len(loaded) == 1):
            splits[split] = partial(_read_rows, f"{source} ({name})", rows, reading)
    return Source(source, tuple(loaded), "{split}", splits)


def _read_rows(where: str, rows: Any, reading: Reading) -> Raw:
    text, label = reading.columns(where, rows.column_names)
    # as Arrow, whatever format it was saved with
    table = rows.select_columns([text, label]).with_format("arrow")[:]
    columns = range(1, len(rows) + 1), table[text].to_pylist(), table[label].to_pylist()
    records = zip(*columns, strict=True)
    return _checked(where, tr("row"), text, label, records, rows.features[label])


def _checked(
    where: str,
    unit: str,
    text_name: str,
    label_name: str,
    records: Iterable[tuple[int, Any, Any]],
    label_type: Any,
) -> Raw:
    """Return records (number, text, label); a ClassLabel as type has the names of the ids."""
    names = getattr(label_type, "names", None)
    rows = []
    for number, text, label in records:
        # True is an int to Python; to a label set it is neither a name nor a number.
        is_label = isinstance(label, str | int) and not isinstance(label, bool)
        # -1 is what datasets writes for a label that nobody knows
        if not isinstance(text, str) or not is_label or (names and label not in range(len(names))):
            raise UserError(
                ExitCode.DATA,
                tr(
                    "{where}, {unit} {number}: expected a text in {text} and a label, a name or a "
                    "whole number, in {label}; found {found}",
                    where=where,
                    unit=unit,
                    number=number,
                    text=text_name,
                    label=label_name,
                    found=f"{text!r:.60}, {label!r:.60}",
                ),
            )
        rows.append((text, names[label] if names else str(label)))
    return Raw(where, rows, names)
