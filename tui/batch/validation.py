"""What can be classified: the checks before a run, and of each record in it."""

import os
from typing import NamedTuple

from models.console import data_error, tr, usage_error
from models.label_map import LabelMap
from models.tables import TEXT_FORMATS, Item, Record, Reject
from tui.batch.answer import AnswerColumns
from tui.batch.inspection import Found, text_of
from tui.batch.truth import Truth, label_map_of, truth_of


class Accepted(NamedTuple):
    """A record that can be classified.

    Attributes:
        record: as it was read.
        text: its text, "" where it has none.
        truth: its true label.
    """

    record: Record
    text: str
    truth: Truth


def check_run(found: Found, answer: AnswerColumns) -> LabelMap | None:
    """Check what only the model can tell, before the first record.

    Returns:
        What the values of the label column stand for; None where no column was named.

    Raises:
        UserError: as `label_map_of`; DATA, the input has a column of the answer's name; USAGE, the
            output is a terminal and no text.
    """
    settings, labels = found.settings, answer.labels
    label_map = label_map_of(settings, found.name, found.labels, labels)
    is_text = found.output_format in TEXT_FORMATS
    if settings.output is None and not is_text and os.isatty(1):
        raise usage_error(
            "{format} is not for a terminal: name an --output, or lead it into a pipe or a file",
            format=found.output_format,
        )
    if taken := taken_columns(found, answer):
        raise data_error(
            "{name}: the input has a column {columns} already; "
            "choose other names for the answer with --prefix",
            name=found.name,
            columns=taken,
        )
    return label_map


def taken_columns(found: Found, answer: AnswerColumns) -> list[str]:
    """Return the columns of an answer that the input has already, and would keep."""
    return sorted({*found.kept} & {*answer.names})


def validate(
    item: Item, found: Found, answer: AnswerColumns, labels: LabelMap | None
) -> Accepted | Reject:
    """Return a record with its text and true label, or why it cannot be classified.

    Args:
        item: what was read.
        found: what is known of the input.
        answer: columns of the answer.
        labels: what `check_run` returned.
    """
    if isinstance(item, Reject):
        return item
    text = text_of(item, found.text_column)
    if isinstance(text, Reject):
        return text
    column = found.settings.label_column
    # In JSONL the columns differ, and all are known only where it was a file.
    if item.source and not found.settings.select:
        for name in item.fields:
            if name in answer.names:
                message = tr("the column is one of the answer's; choose others with --prefix")
                return Reject(item.place, "taken_column", message, name)
            if not found.keeps_lines and name not in found.columns:
                message = tr("the first record lacks this column; save the input to a file")
                return Reject(item.place, "unknown_column", message, name)
    if column is None or labels is None:
        return Accepted(item, text, Truth(-1))
    return Accepted(item, text, truth_of(item, column, labels))
