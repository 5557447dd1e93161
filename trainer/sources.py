"""Reads labelled rows from files, from a `save_to_disk` folder, or from the hub."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.command import ExitCode, UserError, require_file
from models.i18n import tr
from models.tables import (
    LABEL_COLUMNS,
    TEXT_COLUMNS,
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
        encoding: of a text file; None finds it out. Parquet says its own.
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
    label_names: tuple[str, ...] | None = None


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
    if len(sources) == 1 and not Path(sources[0]).is_file():
        folder = Path(sources[0])
        if folder.is_dir() and not _is_saved_dataset(folder):
            return _files(_tables_in(folder), reading)
        return _dataset(sources[0], reading)
    return _files([Path(name) for name in sources], reading)


def _split_of(stem: str) -> str | None:
    for split, names in _SPLIT_NAMES.items():
        if stem.lower() in names:
            return split
    return None


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


def _files(paths: Sequence[Path], reading: Reading) -> Source:
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
    return Source(
        where="--data",
        found=tuple(map(str, paths)),
        expected="{split}.csv|tsv|jsonl|parquet",
        splits={
            split: partial(_read_parquet if _is_parquet(path) else _read_file, path, reading)
            for split, path in files.items()
        },
    )


def _read_file(path: Path, reading: Reading) -> Raw:
    rows = []
    with open_table(path, Dialect(encoding=reading.encoding)) as table:
        text_name, label_name = reading.columns(table.name, table.columns)
        for record in table.records:
            text, label = record.fields.get(text_name), record.fields.get(label_name)
            if not isinstance(text, str) or not _is_label(label):
                raise UserError(
                    ExitCode.DATA,
                    tr(
                        "{path}, line {line}: expected a text in {text} and a label in {label}, "
                        "found {found}",
                        path=path,
                        line=record.place.line,
                        text=text_name,
                        label=label_name,
                        found=f"{text!r:.60}, {label!r:.60}",
                    ),
                )
            rows.append((text, str(label)))
    return Raw(str(path), rows)


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


def _is_label(value: object) -> bool:
    # True is an int to Python; to a label set it is neither a name nor a number.
    return isinstance(value, str | int) and not isinstance(value, bool)


def _read_parquet(path: Path, reading: Reading) -> Raw:
    import pyarrow
    import pyarrow.parquet
    from datasets import Features

    require_file(path)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            text_name, label_name = reading.columns(str(path), schema.names)
            table = file.read(columns=[text_name, label_name])
        texts, labels = table[text_name], table[label_name]
    except (pyarrow.ArrowException, OSError, KeyError) as error:  # KeyError: a column twice
        raise UserError(
            ExitCode.DATA,
            tr(
                "{path} cannot be read as {format}: {reason}",
                path=path,
                format="Parquet",
                reason=error,
            ),
        ) from error
    # What datasets wrote says what its label ids are called.
    named = b"huggingface" in (schema.metadata or {})
    label_type = Features.from_arrow_schema(schema)[label_name] if named else None
    return _pairs(str(path), text_name, label_name, texts, labels, label_type)


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
    readers: dict[str, Callable[[], Raw]] = {}
    for name, rows in loaded.items():
        split = _split_of(name) or ("train" if len(loaded) == 1 else None)
        if split is not None:
            where = f"{source} ({name})"
            readers[split] = partial(_read_rows, where, rows, reading)
    return Source(source, tuple(loaded), "{split}", readers)


def _read_rows(where: str, rows: Any, reading: Reading) -> Raw:
    text_name, label_name = reading.columns(where, rows.column_names)
    # as Arrow, whatever format it was saved with
    table = rows.select_columns([text_name, label_name]).with_format("arrow")[:]
    return _pairs(
        where, text_name, label_name, table[text_name], table[label_name], rows.features[label_name]
    )


def _pairs(
    where: str, text_name: str, label_name: str, texts: Any, labels: Any, label_type: Any
) -> Raw:
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
    return Raw(where, pairs, tuple(names) if names else None)
