"""Reads labelled rows from files, from a `save_to_disk` folder, or from the hub."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from models import hub
from models.console import data_error, no_input_error, tr
from models.tables import (
    LABEL_COLUMNS,
    TEXT_COLUMNS,
    Columns,
    Dialect,
    bare_name,
    find_column,
    format_of,
    open_table,
)
from models.tables.labelled import LabelledRows, checked_rows, read_labelled

_SAVED = ("dataset_dict.json", "dataset_info.json")
"""Files of which datasets' `save_to_disk` writes one."""


@dataclass(frozen=True)
class Reading(Dialect):
    """How to read tables: their dialect, and the columns. None: found out.

    The label map says what labels are to be called, as `models.label_map.parse_label_map` reads it;
    rows without a label are skipped, or an error.
    """

    text_column: str | None = None
    label_column: str | None = None
    label_map: str | None = None
    skip_unlabelled: bool = False

    @classmethod
    def of(cls, settings: Any) -> "Reading":
        """Return the fields of this name that some settings have."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def or_else(self, settings: Mapping[str, Any]) -> "Reading":
        """Return this, with what is not said taken from the settings of a run."""
        unsaid = {}
        for field in fields(self):
            if getattr(self, field.name) == field.default and field.name in settings:
                unsaid[field.name] = settings[field.name]
        return replace(self, **unsaid)

    def columns(self, columns: Columns) -> tuple[str, str]:
        """Return the names of the text column and the label column."""
        others = columns._replace(labels=self.label_column)
        return (
            find_column(others, self.text_column, TEXT_COLUMNS, "--text-column"),
            find_column(columns, self.label_column, LABEL_COLUMNS, "--label-column"),
        )


class Source(NamedTuple):
    """A table of labelled rows that is not read yet.

    Attributes:
        name: name of the table, which may tell a split.
        where: its full name, for messages.
        read: reads it.
    """

    name: str
    where: str
    read: Callable[[], LabelledRows]


def find_sources(sources: Sequence[str], reading: Reading) -> list[Source]:
    """Return the tables that some sources hold.

    Args:
        sources: as `trainer.data.dataset.load_data` takes them.
        reading: how to read them.

    Raises:
        UserError: NO_INPUT, a source is not there.
    """
    folder = Path(sources[0])
    if len(sources) > 1 or folder.is_file():
        paths = [Path(source) for source in sources]
    elif folder.is_dir() and not any((folder / name).is_file() for name in _SAVED):
        paths = sorted(path for path in folder.iterdir() if format_of(path) not in (None, "txt"))
    else:
        found = []
        for name, rows in _load_dataset(sources[0]).items():
            where = f"{sources[0]} ({name})"
            found.append(Source(name, name, partial(_read_dataset, where, rows, reading)))
        return found
    return [
        Source(bare_name(path), str(path), partial(_read_file, path, reading)) for path in paths
    ]


def _read_file(path: Path, reading: Reading) -> LabelledRows:
    with open_table(path, reading) as table:
        text, label = reading.columns(table.to_search())
        names = None
        if b"huggingface" in (getattr(table.schema, "metadata", None) or {}):
            from datasets import Features

            names = getattr(Features.from_arrow_schema(table.schema)[label], "names", None)
        return read_labelled(table, (text, label), label_map=reading.label_map, names=names)


def _read_dataset(where: str, rows: Any, reading: Reading) -> LabelledRows:
    text, label = reading.columns(Columns(where, rows.column_names))
    # as Arrow, whatever format it was saved with
    table = rows.select_columns([text, label]).with_format("arrow")[:]
    texts, labels = table[text].to_pylist(), table[label].to_pylist()
    records = zip(range(1, len(rows) + 1), texts, labels, strict=True)
    names = getattr(rows.features[label], "names", None)
    columns = (text, label)
    return checked_rows(
        where, tr("row"), columns, records, label_map=reading.label_map, names=names
    )


def read_texts(path: Path, reading: Reading) -> list[str]:
    """Read texts without labels: a table, or a TXT with a text on each line.

    Raises:
        UserError: as `open_table` and `find_column`; DATA, a record has no text.
    """
    texts = []
    with open_table(path, reading) as table:
        wanted = None if table.dialect.format == "txt" else reading.text_column
        column = find_column(table.to_search(), wanted, TEXT_COLUMNS, "--text-column")
        for record in table.records:
            text = record.get(column)
            if not isinstance(text, str):
                raise data_error(
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
    is_here = Path(source).is_dir()
    if not is_here:
        if hub.is_path(source) or "/" not in source:
            raise no_input_error(
                "no such file or folder: {path}{hint}",
                path=source,
                hint=hub.alike(source),
            )
        hub.ask("datasets", source)
    import datasets

    datasets.disable_progress_bars()
    try:
        loaded = datasets.load_from_disk(source) if is_here else datasets.load_dataset(source)
    # RuntimeError: a data set that is a script, which datasets ran once and no longer does.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        if hub.is_offline() and not is_here:
            raise no_input_error(
                "{name} is no file or folder here, and was not loaded from the hub before, which "
                "cannot be reached: name labelled reviews with --data, or try again with a network",
                name=source,
            ) from error
        raise no_input_error(
            "{name} is neither files, nor a folder of them, nor a data set that the hub gave: "
            "{reason}",
            name=source,
            reason=str(error).strip().partition("\n")[0],
        ) from error
    if isinstance(loaded, datasets.Dataset):
        return {str(loaded.split or "train"): loaded}
    return loaded
