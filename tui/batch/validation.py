"""What can be classified: the checks before a run, and of each record in it."""

import os
from typing import NamedTuple

from models.console.command import ExitCode, UserError
from models.console.display import display
from models.console.i18n import tr
from models.labels import LabelSet
from models.tables import TEXT_FORMATS, Item, Record, Reject, plain
from tui.batch.answer import AnswerColumns
from tui.batch.inspection import Found, text_of
from tui.batch.settings import StandardOutput


class Accepted(NamedTuple):
    """A record that can be classified.

    Attributes:
        record: as it was read.
        text: its text, "" where it has none.
        truth: id of its true label; -1 without a label column.
    """

    record: Record
    text: str
    truth: int


def check_run(found: Found, answer: AnswerColumns) -> None:
    """Check what only the model can tell, before the first record.

    Raises:
        UserError: DATA, the input has a column of the answer's name, or no label of the model's;
            USAGE, the output is a terminal and no text.
    """
    settings, labels = found.settings, answer.labels
    column = settings.label_column
    named: set[str] = set()
    if column is not None:
        named = {str(record.fields.get(column)) for record in found.preview}
    known = [name for name in named if labels.find(name) is not None]
    if named and not known:  # then nothing would be classified
        raise UserError(
            ExitCode.DATA,
            "{name}: expected labels of the model in the column {column}: {labels}; found "
            "{found}. Rename them, or leave --label-column out",
            name=found.name,
            column=column,
            labels=labels,
            found=display(", ".join(sorted(named)), limit=200),
        )
    is_text = found.output_format in TEXT_FORMATS
    if isinstance(settings.output, StandardOutput) and not is_text and os.isatty(1):
        raise UserError(
            ExitCode.USAGE,
            "{format} is not for a terminal: name an --output, or lead it into a pipe or a file",
            format=found.output_format,
        )
    both = set(found.kept).intersection(answer.names)
    taken = sorted(both)
    if taken:
        raise UserError(
            ExitCode.DATA,
            "{name}: the input has a column {columns} already; "
            "choose other names for the answer with --prefix",
            name=found.name,
            columns=", ".join(taken),
        )


def validate(item: Item, found: Found, answer: AnswerColumns) -> Accepted | Reject:
    """Return a record with its text and true label, or why it cannot be classified.

    Args:
        item: what was read.
        found: what is known of the input.
        answer: columns of the answer.
    """
    if isinstance(item, Reject):
        return item
    text = text_of(item, found.text_column)
    if isinstance(text, Reject):
        return text
    settings = found.settings
    # In JSONL the columns differ, and all are known only where it was a file.
    if item.source and not settings.select:
        for name in item.fields:
            if name in answer.names:
                message = tr("the column is one of the answer's; choose others with --prefix")
                return Reject(item.place, "taken_column", message, name)
            if not found.keeps_lines and name not in found.columns:
                message = tr("the first record lacks this column; save the input to a file")
                return Reject(item.place, "unknown_column", message, name)
    if settings.label_column is None:
        return Accepted(item, text, -1)
    truth = _truth_of(item, settings.label_column, answer.labels)
    return truth if isinstance(truth, Reject) else Accepted(item, text, truth)


def _truth_of(record: Record, column: str, labels: LabelSet) -> int | Reject:
    try:
        label = str(plain(record.fields.get(column)))
    except ValueError as error:  # that Arrow cannot convert
        return Reject(record.place, "unknown_label", str(error), column)
    truth = labels.find(label)
    if truth is not None:
        return truth
    message = tr(
        "label {label} is not one of the model's: {labels}", label=label[:60], labels=labels
    )
    return Reject(record.place, "unknown_label", message, column)
