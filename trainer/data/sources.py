"""Reads labelled rows from files, from a `save_to_disk` folder, or from the hub."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.labels import label_name
from models.tables import (
    LABEL_COLUMNS,
    TEXT_COLUMNS,
    TEXT_FORMATS,
    Dialect,
    find_column,
    format_of,
    open_table,
)
from trainer.narration import say

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "development", "validation", "valid", "val"),
    "test": ("test",),
}
SPLITS = tuple(_SPLIT_NAMES)


@dataclass(frozen=True)
class Reading:
    """How to read tables. None takes the column with a name that is known, and finds the encoding.

    Parquet and XLSX say their own encoding.
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


class Raw(NamedTuple):
    """Rows as they were read: the label is still what the data calls it.

    `names` are those of the labels in the order of their ids, where a datasets ClassLabel has them.
    """

    where: str
    texts: list[str]
    labels: list[str]
    names: Sequence[str] | None


Readers = dict[str, Callable[[], Raw]]
"""What reads each split that there is."""


def open_source(
    sources: Sequence[str], reading: Reading, alone: str = "train"
) -> tuple[Readers, list[str]]:
    """Return what reads the splits of some sources, and the names of all that they hold.

    Args:
        sources: as `trainer.data.dataset.load_data` takes them.
        reading: what the user said of the columns and the encoding.
        alone: the split of a source that is one table alone, and not named for a split.

    Raises:
        UserError: NO_INPUT, a source is not there; DATA, two files are for one split, or one of
            several is for none.
    """
    folder = Path(sources[0])
    saved = ("dataset_dict.json", "dataset_info.json")
    if len(sources) > 1 or folder.is_file():
        paths = [Path(name) for name in sources]
        for path in paths if len(paths) > 1 else ():
            if _split_of(path.stem) is None:
                raise UserError(
                    ExitCode.DATA,
                    "{path}: expected a name that tells the split, train, dev or test",
                    path=path,
                )
    elif folder.is_dir() and not any((folder / name).is_file() for name in saved):
        paths = sorted(path for path in folder.iterdir() if format_of(path) not in (None, "txt"))
    else:
        loaded = _load_dataset(sources[0])
        found = [
            (name, name, partial(_read_rows, f"{sources[0]} ({name})", rows, reading))
            for name, rows in loaded.items()
        ]
        return _by_split(found, alone)
    found = [(path.stem, str(path), partial(_read_file, path, reading)) for path in paths]
    return _by_split(found, alone)


def _by_split(
    found: Sequence[tuple[str, str, Callable[[], Raw]]], alone: str
) -> tuple[Readers, list[str]]:
    """Sort (name, its full name, reader) by split."""
    readers: Readers = {}
    sources: dict[str, str] = {}
    for name, source, read in found:
        split = _split_of(name) or (alone if len(found) == 1 else None)
        if split is None:
            say(tr("{path} is left out: its name tells no split", path=source))
            continue
        if split in readers:
            raise UserError(
                ExitCode.DATA,
                "two sources for split {split}: {a} and {b}",
                split=split,
                a=sources[split],
                b=source,
            )
        readers[split], sources[split] = read, source
    return readers, [source for _, source, _ in found]


def _split_of(name: str) -> str | None:
    return next((split for split, names in _SPLIT_NAMES.items() if name.lower() in names), None)


def _read_file(path: Path, reading: Reading) -> Raw:
    with open_table(path, Dialect(encoding=reading.encoding)) as table:
        text, label = reading.columns(table.name, table.columns)
        label_type = None
        if b"huggingface" in (getattr(table.schema, "metadata", None) or {}):
            from datasets import Features

            label_type = Features.from_arrow_schema(table.schema)[label]
        records = (
            (record.place.line, record.get(text), record.get(label)) for record in table.records
        )
        unit = tr("line") if table.dialect.format in TEXT_FORMATS else tr("row")
        return _checked(table.name, unit, (text, label), records, label_type)


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
            text = record.get(column)
            if not isinstance(text, str):
                raise UserError(
                    ExitCode.DATA,
                    "{path}, line {line}: expected a text in {column}, found {found}",
                    path=path,
                    line=record.place.line,
                    column=column,
                    found=f"{text!r:.60}",
                )
            texts.append(text)
    return texts


def _load_dataset(source: str) -> Any:
    """Return the rows of each split, as datasets has them."""
    import datasets

    datasets.disable_progress_bars()
    try:
        if Path(source).is_dir():
            loaded = datasets.load_from_disk(source)
        elif source.startswith((".", "/", "~")) or source.count("/") != 1:
            raise UserError(ExitCode.NO_INPUT, "no such file or folder: {path}", path=source)
        else:
            loaded = datasets.load_dataset(source)
    # RuntimeError: a data set that is a script, which datasets ran once and no longer does.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            ExitCode.NO_INPUT,
            "{name} is neither files, nor a folder of them, nor a data set that the hub gave: "
            "{reason}. Without a network, HF_HUB_OFFLINE=1 uses what was loaded before",
            name=source,
            reason=str(error).strip().partition("\n")[0],
        ) from error
    whole = isinstance(loaded, datasets.Dataset)
    return {str(loaded.split or "train"): loaded} if whole else loaded


def _read_rows(where: str, rows: Any, reading: Reading) -> Raw:
    text, label = names = reading.columns(where, rows.column_names)
    # as Arrow, whatever format it was saved with
    table = rows.select_columns([text, label]).with_format("arrow")[:]
    columns = range(1, len(rows) + 1), table[text].to_pylist(), table[label].to_pylist()
    return _checked(where, tr("row"), names, zip(*columns, strict=True), rows.features[label])


def _checked(
    where: str,
    unit: str,
    columns: tuple[str, str],
    records: Iterable[tuple[int, Any, Any]],
    label_type: Any,
) -> Raw:
    """Return records (number, text, label); a ClassLabel as type has the names of the ids."""
    names = getattr(label_type, "names", None)
    raw = Raw(where, [], [], names)
    for number, text, label in records:
        if isinstance(label, float | Decimal):
            known = label % 1 == 0
        else:  # True is an int to Python; to a label set it is neither a name nor a number
            known = isinstance(label, str | int) and not isinstance(label, bool)
            known = known and bool(label_name(label))
        if names:  # -1 is what datasets writes for a label that nobody knows
            known = label in range(len(names))
        if not isinstance(text, str) or not known:
            raise UserError(
                ExitCode.DATA,
                "{where}, {unit} {number}: expected a text in {text} and a label, a name or a "
                "whole number, in {label}; found {found}",
                where=where,
                unit=unit,
                number=number,
                text=columns[0],
                label=columns[1],
                found=f"{text!r:.60}, {label!r:.60}",
            )
        raw.texts.append(text)
        raw.labels.append(names[label] if names else label_name(label))
    return raw
