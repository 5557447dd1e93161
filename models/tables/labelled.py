"""Reads labelled texts: what a model learns from, and what an export is proven on."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from itertools import chain, compress
from typing import Any, NamedTuple

from models.console import data_error, tr
from models.label_map import TwoLabelsError, cell_label, mapped, parse_label_map
from models.label_proposal import written
from models.labels import is_of_negatives
from models.tables.dialect import TEXT_FORMATS
from models.tables.records import Table

_LISTED = ";；|,，、"  # between the labels of a list; "服务#好" may be one label


class LabelledRows(NamedTuple):
    """Rows as they were read, each label by its name.

    Attributes:
        where: the source, for messages.
        texts: the texts.
        labels: the name of each text's label.
        names: names of the labels in the order of their ids, where a datasets ClassLabel has them.
        unlabelled: where the rows without a label stand, which are not among these.
        left_out: number of rows that the mapping leaves out.
        column: name of the label column.
    """

    where: str
    texts: list[str]
    labels: list[str]
    names: Sequence[str] | None
    unlabelled: list[str]
    left_out: int
    column: str = ""

    def without(self, label: str) -> tuple["LabelledRows", list[str]]:
        """Return the rows of the other labels, and the texts of this one."""
        others = [own != label for own in self.labels]
        texts = list(compress(self.texts, others))
        labels = list(compress(self.labels, others))
        apart = [text for text, is_other in zip(self.texts, others, strict=True) if not is_other]
        names = self.names and [name for name in self.names if name != label]
        return self._replace(texts=texts, labels=labels, names=names), apart


def as_one(parts: Sequence[LabelledRows]) -> LabelledRows:
    """Return the rows of several tables as those of one."""
    where, texts, labels, names, unlabelled, left_out, columns = zip(*parts, strict=True)
    return LabelledRows(
        where=" + ".join(where),
        texts=[*chain(*texts)],
        labels=[*chain(*labels)],
        names=next(filter(None, names), None),
        unlabelled=[*chain(*unlabelled)],
        left_out=sum(left_out),
        column=max(columns, key=is_of_negatives),
    )


def read_labelled(
    table: Table,
    columns: tuple[str, str],
    *,
    label_map: str | None = None,
    names: Sequence[str] | None = None,
) -> LabelledRows:
    """Read a table of a text and a label in each record.

    Args:
        table: what to read.
        columns: the text column and the label column.
        label_map: what the labels are to be called, for `parse_label_map`.
        names: of the labels, where the column holds their ids.

    Raises:
        UserError: DATA, a record cannot be read, has a label and no text, or has two labels.

    Example:
        >>> with open_table(Path("dev.tsv")) as table:
        ...     rows = read_labelled(table, ("text", "label"), label_map="0=bad; 1=good")
    """
    text, label = columns
    unit = tr("line") if table.dialect.format in TEXT_FORMATS else tr("row")
    rows = ((one.place.line, one.get(text), one.get(label)) for one in table.records)
    return checked_rows(table.name, unit, columns, rows, label_map=label_map, names=names)


def checked_rows(
    where: str,
    unit: str,
    columns: tuple[str, str],
    rows: Iterable[tuple[int, Any, Any]],
    *,
    label_map: str | None = None,
    names: Sequence[str] | None = None,
) -> LabelledRows:
    """Check rows: number, value in the text and in the label column. Else as `read_labelled`."""
    mapping = parse_label_map(label_map or "")
    texts: list[str] = []
    labels: list[str] = []
    unlabelled: list[str] = []
    left_out = 0
    for number, text, value in rows:
        place = f"{unit} {number}"
        try:
            name = _name_of(value, names)
        except TwoLabelsError as error:
            raise data_error(
                "{where}, {place}: expected one label in {label}, found two: {found}",
                where=where,
                place=place,
                label=columns[1],
                found=f"{error!s:.60}",
            ) from None
        if not name:
            unlabelled.append(place)
            continue
        label = mapped(mapping, name)
        if not label:
            left_out += 1
        elif not isinstance(text, str) or (label == name and _is_fraction(value)):
            raise data_error(
                "{where}, {place}: expected a text in {text} and a label, a name or a whole "
                "number, in {label}; found {found}",
                where=where,
                place=place,
                text=columns[0],
                label=columns[1],
                found=f"{text!r:.60}, {value!r:.60}",
            )
        else:
            texts.append(text)
            labels.append(label)
    if joined := _joined(set(labels)):
        hint = tr("; --label-map '{found}=' leaves such rows out", found=written(joined))
        raise data_error(
            "{where}: expected one label in {label}, found several in one cell: {found}{hint}",
            where=where,
            label=columns[1],
            found=joined,
            hint=hint,
        )
    names = None if mapping else names
    return LabelledRows(where, texts, labels, names, unlabelled, left_out, columns[1])


def _name_of(value: Any, names: Sequence[str] | None) -> str:
    """Return the name of a label; "" for none."""
    if names:  # -1 is what datasets writes for a label that nobody knows
        return names[value] if value in range(len(names)) else ""
    return cell_label(value)


def _joined(labels: Collection[str]) -> str | None:
    """Return a label that joins others, such as "好评;价格": each part is in another label, too.

    What "#" joins may be one label; it joins others only where one of them also stands alone.
    """
    parts = {}
    for label in sorted(labels):
        parts[label] = [part.strip() for part in re.split(f"[#{_LISTED}]", label)]
    uses = Counter(chain.from_iterable(parts.values()))
    for label, names in parts.items():
        is_list = any(sign in label for sign in _LISTED) or any(name in labels for name in names)
        if len(names) > 1 and is_list and all(name and uses[name] > 1 for name in names):
            return label
    return None


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float | Decimal) and value % 1 != 0
