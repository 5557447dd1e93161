"""Finished outputs: any file with our columns is read into a store, and nothing is predicted."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float32, Int64, Mask
from models.console import data_error, one_line
from models.files import file_digest
from models.labels import LONGEST_TOTAL, NEGATIVE_POSITIVE, is_total
from models.review import NO_LEVELS, Levels, read_levels
from models.tables import (
    TEXT_COLUMNS,
    Dialect,
    Place,
    Record,
    find_column,
    open_table,
)
from tui.batch.findings.column_store import ColumnStore
from tui.batch.findings.reading import Progress, read_columns, with_quotes
from tui.batch.findings.result_store import ResultStore
from tui.batch.inspection import Found
from tui.batch.publishing import sidecar
from tui.batch.settings import BatchSettings
from tui.batch.status import WORDS, Status
from tui.batch.truth import count_label, label_map_of, truth_of

_LABEL, _ID, _CONFIDENCE, _STATUS = "predicted_label", "predicted_id", "confidence", "status"
_CORRECTED = "corrected_label"
_NEEDED = (_LABEL, _CONFIDENCE, _STATUS)
_ANSWER = (_LABEL, _ID, _CONFIDENCE, _STATUS, _CORRECTED)

ANY = Dialect()
"""Nothing is known of how a file is written down."""

Column = Any
"""A `pyarrow.ChunkedArray` of strings `[rows]`."""


@dataclass(frozen=True)
class Finished:
    """A file that has the columns of an answer.

    Attributes:
        found: how it is read; its settings have the prefix of the answer, and the file as output.
        receipt: what its run told of it; empty where there is none, or not of what the file holds.
        edited: whether the file is not what its receipt tells of.
    """

    found: Found
    receipt: dict[str, Any] = field(default_factory=dict)
    edited: bool = False

    @property
    def levels(self) -> Levels:
        """The levels by which its run gave the statuses, where they are those of the model."""
        run = self.receipt.get("run", {})
        if not run or run["settings"].get("review"):
            return NO_LEVELS
        return read_levels(run["model"].get("review", []))

    @property
    def hidden(self) -> list[str]:
        """The column of the texts and those of the answer."""
        prefix, text = self.found.settings.prefix, self.found.text_column
        return [str(text), *[prefix + name for name in _ANSWER]]


def prefixes_of(columns: Sequence[str]) -> list[str]:
    """Return the prefixes by which columns are those of an answer, in their order."""
    prefixes = [name.removesuffix(_LABEL) for name in columns if name.endswith(_LABEL)]
    return [prefix for prefix in prefixes if {prefix + name for name in _NEEDED} <= {*columns}]


def find_finished(
    path: Path,
    *,
    dialect: Dialect = ANY,
    prefix: str | None = None,
    text_column: str | None = None,
    likely: str | None = None,
    label_column: str | None = None,
) -> Finished | None:
    """Return what a file that was classified holds; None where it has no columns of an answer.

    Args:
        path: the file.
        dialect: what is known of how it is written down.
        prefix: of the answer to read; None takes the last.
        text_column: column of the texts; None takes the one that its receipt names, of what it held
            before it was edited, too.
        likely: the one to take where there is no receipt, if the file has it.
        label_column: column of true labels; None takes the one that its receipt names.

    Raises:
        UserError: as `open_table`; DATA, the column of the texts is not known.
    """
    receipt, edited = _receipt_of(path)
    texts_in = receipt.get("run", {"reading": {}})["reading"].get("text_column", likely)
    if edited:
        receipt = {}
    run = receipt.get("run", {"settings": {}})
    if "quoting" in run["settings"]:
        dialect = replace(dialect, quoting=dialect.quoting or run["settings"]["quoting"])
    else:
        dialect = with_quotes(path, dialect)
    with open_table(path, dialect) as table:
        columns = tuple(table.columns)
        prefixes = [found for found in prefixes_of(columns) if prefix in (None, found)]
        if not prefixes:
            return None
        label_map = None
        if label_column is None and run["settings"].get("label_column") in columns:
            label_column = run["settings"]["label_column"]
            label_map = run["settings"]["label_map"]
        if text_column is None and texts_in in columns:
            text_column = texts_in
        answers = {found + name for found in prefixes_of(columns) for name in _ANSWER}
        others = [name for name in columns if name not in answers]
        # The names of the answer were found in the header, so this is none of another line.
        searched = table.to_search()._replace(names=others, has_header=False, labels=label_column)
        text_column = find_column(searched, text_column, TEXT_COLUMNS, "--text-column")
        settings = BatchSettings(
            path,
            path,
            table.dialect,
            text_column=text_column,
            label_column=label_column,
            label_map=label_map,
            prefix=prefixes[-1],
        )
        found = Found(settings, table.name, table.dialect, columns, text_column)
        return Finished(found, receipt, edited)


def open_finished(path: Path, progress: Progress = lambda _: None, **known: Any) -> ResultStore:
    """Read the answers that a file has; see `require_finished`."""
    return read_finished(require_finished(path, **known), progress)


def require_finished(path: Path, **known: Any) -> Finished:
    """Return what a file that was classified holds; see `find_finished`.

    Raises:
        UserError: DATA, it has no columns of an answer.
    """
    finished = find_finished(path, **known)
    if finished is None:
        raise data_error(
            "{name} was not classified: expected the columns {columns}",
            name=path,
            columns=[f"{known.get('prefix') or ''}{name}" for name in _NEEDED],
        )
    return finished


def read_finished(finished: Finished, progress: Progress = lambda _: None) -> ResultStore:
    """Read the answers of a file that `find_finished` found.

    Raises:
        UserError: DATA, an answer is none that a run writes.
    """
    import pyarrow.compute as pc

    found = finished.found
    prefix = found.settings.prefix
    columns, numbers = read_columns(found, finished.hidden, progress)
    labels = _labels_of(finished, columns)
    names, confidences, statuses = (columns.values(prefix + name) for name in _NEEDED)
    places = _places(statuses, WORDS)
    places[places == len(Status)] = Status.LOOK
    answers: dict[str, NDArray[Any]] = {
        "number": numbers,
        "label": _places(names, labels),
        "confidence": _confidences(confidences),
        "status": places,
        "truth": _truths(found, columns, labels),
    }
    _require(found, numbers, names, answers["label"] >= -1)
    _require(found, numbers, confidences, answers["confidence"] >= 0)
    _require(found, numbers, statuses, places >= 0)
    text_column = str(found.text_column)
    texts = columns.values(text_column)
    given: dict[str, str] = {}  # by a user
    if prefix + _CORRECTED in columns.schema.names:
        corrected = columns.values(prefix + _CORRECTED)
        is_given = pc.not_equal(corrected, "")
        both = (cells.filter(is_given).to_pylist() for cells in (texts, corrected))
        given = dict(zip(*both, strict=True))
    store = ResultStore(labels, columns, text_column=text_column, given=given)
    store.correct({})
    for chunk in texts.chunks:  # not all texts at once
        rows = slice(len(store), len(store) + len(chunk))
        store.extend(chunk.to_pylist(), {name: answers[name][rows] for name in answers})
    return store


def _receipt_of(path: Path) -> tuple[dict[str, Any], bool]:
    """Return the receipt of an output, empty where there is none; and whether of other bytes."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        receipt = json.loads(sidecar(path, "receipt.json").read_bytes())
        return receipt, receipt["output"]["sha256"] != file_digest(path)
    return {}, False


def _labels_of(finished: Finished, columns: ColumnStore) -> tuple[str, ...]:
    """Return the labels of the model: by the receipt, else those that occur, by their ids."""
    if finished.receipt:
        return tuple(finished.receipt["run"]["model"]["labels"])
    import pyarrow

    prefix = finished.found.settings.prefix
    has = columns.schema.names
    names = columns.values(prefix + _LABEL)
    numbers = columns.values(prefix + _ID) if prefix + _ID in has else names
    pairs = pyarrow.table({"name": names, "id": numbers}).group_by(["name", "id"]).aggregate([])
    ids = {pair["name"]: pair["id"] for pair in pairs.to_pylist() if pair["name"]}
    if not ids:
        raise data_error("{name}: no record has a label", name=finished.found.name)
    labels = list(ids)
    if all(map(str.isdecimal, ids.values())):
        labels.sort(key=lambda name: int(ids[name]))
    if prefix + _CORRECTED in has:
        given = columns.values(prefix + _CORRECTED).unique().to_pylist()
        labels += filter(None, given)
    if set(labels) <= set(NEGATIVE_POSITIVE):
        return NEGATIVE_POSITIVE
    return tuple(dict.fromkeys(labels))


def _places(values: Column, names: Sequence[str]) -> Int64:
    """Return the place of each value among `names`; -1 for "", -2 for what is none of them."""
    import pyarrow
    import pyarrow.compute as pc

    places = pc.index_in(values, pyarrow.array(["", *names])).fill_null(-1)
    return places.to_numpy().astype(np.int64) - 1


def _confidences(values: Column) -> Float32:
    """Return confidences; 0 for "", NaN for what is none."""
    import pyarrow.compute as pc

    is_share = pc.match_substring_regex(values, r"^(0(\.\d+)?|1(\.0+)?|[\d.]+e-\d+)$")
    is_empty = pc.equal(values, "")
    others = pc.if_else(is_empty, "0", "nan")
    shares = pc.if_else(is_share, values, others)
    return shares.cast("float").to_numpy()


def _truths(found: Found, columns: ColumnStore, labels: Sequence[str]) -> Int64:
    """Return the true label of each row, -1 where there is none to score by."""
    column = found.settings.label_column
    texts = columns.values(str(found.text_column))
    if column is None:
        return np.full(len(texts), -1)
    cells, places = columns.different(column)
    records = [Record(Place(0, 0, 0), {column: cell}) for cell in cells.to_pylist()]
    values: Counter[str] = Counter()
    for place in np.unique(places[~_totals(texts)]).tolist():
        count_label(values, records[place], column, "")
    label_map = label_map_of(found.settings, found.name, values, labels)
    assert label_map is not None  # noqa: S101 - a column was named
    ids = [truth_of(record, column, label_map).id for record in records]
    return np.array(ids, np.int64)[places]


def _totals(texts: Column) -> Mask:
    """Return which rows add up others."""
    import pyarrow
    import pyarrow.compute as pc

    short = texts.filter(pc.less(pc.utf8_length(texts), LONGEST_TOTAL)).unique()
    totals = [text for text in short.to_pylist() if is_total(text)]
    return pc.is_in(texts, pyarrow.array(totals, pyarrow.string())).to_numpy()


def _require(found: Found, numbers: Int64, values: Column, right: Mask) -> None:
    """Raise UserError DATA where a value is none that a run writes."""
    if not right.all():
        row = int(np.argmin(right))
        raise data_error(
            "{name}, record {number}: {value} is no answer of a run; mend the cell, or classify "
            "the texts anew",
            name=found.name,
            number=int(numbers[row]),
            value=one_line(values[row].as_py() or "“”", 40),
        )
