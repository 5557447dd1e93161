"""The label set of labelled rows, and the id of each row's label in it."""

from typing import NoReturn

import numpy as np

from models.arrays import Int64
from models.console import data_error, display, tr
from models.label_map import AmbiguousLabelsError, map_labels
from models.labels import NEGATIVE_POSITIVE, LabelSet, natural_order
from models.tables.labelled import LabelledRows
from trainer.console import say


def label_set_of(rows: LabelledRows) -> LabelSet:
    """Return the labels of rows, in natural order unless the source has an order.

    `NEGATIVE_POSITIVE`, or just 0 and 1, are that, in its order.
    """
    names = rows.names or natural_order(rows.labels)
    ours = rows.names is None and set(names) == set(NEGATIVE_POSITIVE)
    if ours or tuple(names) == ("0", "1"):
        return LabelSet(NEGATIVE_POSITIVE)
    if len(names) < 2:
        raise data_error(
            "{where}: expected rows of two or more labels, found {found}",
            where=rows.where,
            found=tr("only {label}", label=names[0]) if names else tr("nothing"),
        )
    return LabelSet(names)


def label_ids(split: str, rows: LabelledRows, labels: LabelSet, *, ordered: bool) -> Int64:
    """Return the label id of each row of a split, `[rows]`, and say what was taken for what."""
    if not rows.texts:
        raise data_error("{where} has no rows in split {split}", where=rows.where, split=split)
    try:
        found = map_labels(
            rows.labels,
            labels.names,
            ordered=ordered,
            column=rows.column,
        )
    except AmbiguousLabelsError as error:
        if error.reason == "unknown":
            _refuse_label(rows, rows.labels[0], labels)
        raise data_error(
            "{where}: the labels {found} may stand for {labels} in more than one way. "
            "Say it: --label-map '{proposal}'",
            where=rows.where,
            found=display(", ".join(natural_order(rows.labels)), limit=200),
            labels=display(labels, limit=300),
            proposal=error.proposal,
        ) from None
    if found.unknown:
        _refuse_label(rows, min(found.unknown, key=rows.labels.index), labels)
    said = found.said()
    usual = labels.names == NEGATIVE_POSITIVE and said == str(labels)
    if said and not usual:
        say("{where}: labels {said}", where=rows.where, said=display(said, limit=300))
    return np.array([found.ids[label] for label in rows.labels], dtype=np.int64)


def _refuse_label(rows: LabelledRows, label: str, labels: LabelSet) -> NoReturn:
    raise data_error(
        "{where}, row {row}: label {label} is not in the label set {labels}; name the labels in "
        "the order of their ids with --labels, or say what it stands for with --label-map",
        where=rows.where,
        row=rows.labels.index(label) + 1,
        label=display(label, limit=60),
        labels=display(labels, limit=300),
    )
