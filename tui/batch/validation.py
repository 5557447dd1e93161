"""What can be classified: the checks before a run, and of each record in it."""

import os
from typing import NamedTuple

from models.console.command import ExitCode, UserError
from models.console.display import display
from models.console.i18n import tr
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
    taken = sorted(set(found.kept).intersection(answer.names))
    if taken:
        raise UserError(
            ExitCode.DATA,
            "{name}: the input has a column {columns} already; "
            "choose other names for the answer with --prefix",
            name=found.name,
            columns=", ".join(taken),
        )


class Validator:
    """Tells the records of a table that can be classified from those that cannot.

    Args:
        found: what is known of the input.
        answer: columns of the answer.
    """

    def __init__(self, found: Found, answer: AnswerColumns) -> None:
        settings = found.settings
        self._labels, self._label_column = answer.labels, settings.label_column
        self._text_column = found.text_column
        self._taken = [] if settings.select else answer.names
        # In JSONL the columns differ, and are known from before only where it is a file.
        self._any_column = bool(settings.select) or found.keeps_lines
        self._columns = frozenset(found.columns)

    def check(self, item: Item) -> Accepted | Reject:
        """Return a record with its text and true label, or why it cannot be classified."""
        if isinstance(item, Reject):
            return item
        text = text_of(item, self._text_column)
        if isinstance(text, Reject):
            return text
        if item.source and (reject := self._check_columns(item)):
            return reject
        truth: int | Reject = -1
        if self._label_column is not None:
            truth = self._truth_of(item, self._label_column)
        return truth if isinstance(truth, Reject) else Accepted(item, text, truth)

    def _check_columns(self, record: Record) -> Reject | None:
        for name in record.fields:
            if name in self._taken:
                message = tr("the column is one of the answer's; choose others with --prefix")
                return Reject(record.place, "taken_column", message, name)
            if not self._any_column and name not in self._columns:
                message = tr("the first record lacks this column; save the input to a file")
                return Reject(record.place, "unknown_column", message, name)
        return None

    def _truth_of(self, record: Record, column: str) -> int | Reject:
        try:
            label = str(plain(record.fields.get(column)))
        except ValueError as error:  # that Arrow cannot convert
            return Reject(record.place, "unknown_label", str(error), column)
        truth = self._labels.find(label)
        if truth is not None:
            return truth
        message = tr(
            "label {label} is not one of the model's: {labels}",
            label=label[:60],
            labels=self._labels,
        )
        return Reject(record.place, "unknown_label", message, column)
