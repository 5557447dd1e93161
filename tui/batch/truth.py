"""The true labels of a file run: what they stand for, and which of them cannot be scored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from models.console import data_error, display, tr, usage_error
from models.label_map import (
    VALUES,
    AmbiguousLabelsError,
    LabelMap,
    TwoLabelsError,
    cell_label,
    map_labels,
    parse_label_map,
)
from models.labels import is_total
from models.tables import Item, Record, shown
from tui.batch.settings import BatchSettings

Problem = Literal["missing", "left_out", "unknown", "two_labels"]
REST = "…"
"""Stands for the values that are counted together, because there are too many."""


class Truth(NamedTuple):
    """The true label of a record.

    Attributes:
        id: of the label; -1 where the record is not scored.
        value: what the cell holds.
        problem: why the record is not scored; None where it is, or where no column was named.
    """

    id: int
    value: str = ""
    problem: Problem | None = None


def _value_of(record: Record, column: str) -> str:
    """Return the label that a record has in a column; "" for none.

    Raises:
        TwoLabelsError: it has several.
    """
    return cell_label(shown(record.fields.get(column)))


def truth_of(record: Record, column: str, labels: LabelMap) -> Truth:
    """Return the true label of a record, or why it cannot be scored."""
    try:
        value = _value_of(record, column)
    except TwoLabelsError as error:
        return Truth(-1, str(error), "two_labels")
    if not value:
        return Truth(-1, value, "missing")
    number = labels.find(value)
    if number is not None:
        return Truth(number, value)
    return Truth(-1, value, "left_out" if labels.leaves_out(value) else "unknown")


def count(values: Counter[str], value: str, times: int = 1) -> None:
    """Count a value, among the `REST` where there are too many to name."""
    known = value in values or len(values) < VALUES
    values[value if known else REST] += times


def count_label(values: Counter[str], item: Item, column: str | None, text: str | Item) -> None:
    """Count the label of a record; cells of two labels, rejects and totals are not counted."""
    total = isinstance(text, str) and is_total(text)
    if column is not None and isinstance(item, Record) and not total:
        with suppress(TwoLabelsError):
            count(values, _value_of(item, column))


def label_map_of(
    settings: BatchSettings, name: str, values: Mapping[str, int], names: Sequence[str]
) -> LabelMap | None:
    """Return what the values of the label column stand for; None where no column was named.

    Args:
        settings: of the run.
        name: of the input, for messages.
        values: how often each occurs.
        names: of the model's labels, by id.

    Raises:
        UserError: DATA, the values could stand for other labels than they seem to, or for none;
            USAGE, --label-map names a label that the model lacks.
    """
    column, said = settings.label_column, settings.label_map
    if column is None:
        return None
    labels = ", ".join(names)
    try:
        mapping = None if said is None else parse_label_map(said)
        return map_labels(values.keys() - {REST}, names, mapping, column=column)
    except AmbiguousLabelsError as error:
        raise data_error(
            "{name}: expected labels of the model in the column {column}: {labels}; found {found}. "
            "Say what they stand for, --label-map '{proposal}', or leave --label-column out",
            name=name,
            column=column,
            found=with_counts(values, 12),
            labels=labels,
            proposal=error.proposal,
        ) from None
    except ValueError as error:
        raise usage_error(
            "--label-map: {label} is none of the labels {labels}",
            label=error,
            labels=labels,
        ) from None


def with_counts(values: Mapping[str, int], shown: int) -> str:
    """Return the most frequent values with their counts: "好评 × 12, 差评 × 3, …"."""
    named = {value: times for value, times in values.items() if value}
    parts = [f"{display(value, limit=40)} × {times:,}" for value, times in most(named, shown)]
    if len(named) > shown:
        parts.append(REST)
    return tr(", ").join(parts)


def most(values: Mapping[str, int], shown: int) -> Iterable[tuple[str, int]]:
    """Return the most frequent values, those of one count by name."""
    return sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))[:shown]
