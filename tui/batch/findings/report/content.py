"""What a report says: shares, groups, words and reviews of the rows that are under a filter."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.arrays import Int64
from models.console import display, tr
from models.labels import NEGATIVE, polarity
from models.metrics import Metrics
from models.tokenizer import Tokenizer
from tui.batch.findings import dates, examples, words
from tui.batch.findings.groups import Group, Share, Table, by_column, shares_of
from tui.batch.findings.result_store import ResultRow, ResultStore

_FEW = 4  # groups that make a curve
_GROUPS = 15  # shown of a column
_WORDS = 12  # of a label
_EXAMPLES = 3  # of a label
_UNSURE = 10
_TEXT = 400  # characters of a review


class Column(NamedTuple):
    """Groups of the rows by a column.

    Attributes:
        table: all of them.
        timed: whether they are periods.
        groups: those that are shown.
        end: share at the end of the axes: over all that is drawn.
    """

    table: Table
    timed: bool
    groups: list[Group]
    end: float


@dataclass(frozen=True)
class Report:
    """Findings in the order in which they are told.

    Attributes:
        name: of the labelled file.
        filter: line that the rows were found by; "" for all.
        labels: names of the labels.
        focus: id of the label that the charts show, which is the bad one where a name tells it.
        total: rows of the file.
        rows: those under the filter.
        shares: share of each label among them.
        metrics: scores of those with a true label; None without any.
        columns: groups, by column; periods come first.
        words: label → words that its rows have more often than the others.
        reviews: heading → some of the rows.
        made: name → value: how all of it was made.
    """

    name: str
    filter: str
    labels: tuple[str, ...]
    focus: int
    total: int
    rows: int
    shares: list[Share]
    metrics: Metrics | None
    columns: list[Column]
    words: dict[str, list[words.Word]]
    reviews: dict[str, list[ResultRow]]
    made: Mapping[str, str]


def report_of(
    store: ResultStore,
    rows: Int64,
    tokenizer: Tokenizer,
    *,
    name: str,
    made: Mapping[str, str],
    filter: str = "",
    columns: Sequence[tuple[str, str | None]] = (),
    truth: str | None = None,
    progress: Callable[[float], object] = lambda _: None,
) -> Report:
    """Find what is worth telling of some rows.

    Args:
        store: store of the rows.
        rows: indices of those that count.
        tokenizer: cuts texts into pieces; no other thread may use it meanwhile.
        name: of the labelled file.
        made: how its answers were made.
        filter: line that the rows were found by.
        columns: columns to group by, and how; none for those that have few values, or dates.
        truth: name of the column of true labels, which then is none of these.
        progress: gets the share of the words that are counted, which takes longest.
    """
    labels = store.labels_of(rows)
    signs = [polarity(label) for label in store.labels]
    focus = signs.index(NEGATIVE) if NEGATIVE in signs else 0
    if not columns:
        names = [column for column in store.columns.names if column != truth]
        columns = [(column, None) for column in names if _has_groups(store, rows, column)]
    found = [_column(store, rows, column, kind, focus) for column, kind in columns]
    return Report(
        name=name,
        filter=filter,
        labels=store.labels,
        focus=focus,
        total=len(store),
        rows=len(rows),
        shares=shares_of(store.labels, store.count(labels)),
        metrics=store.metrics(rows),
        columns=sorted(found, key=lambda column: not column.timed),
        words=_words(store, rows, labels, tokenizer, progress),
        reviews=_reviews(store, rows, labels),
        made=made,
    )


def _has_groups(store: ResultStore, rows: Int64, column: str) -> bool:
    """Return whether a column holds dates, or few values that stand more than once."""
    different = len(store.values(column).take(rows).unique())
    if by_column(store, rows, column).kind in dates.PERIODS:
        return True
    return 1 < different <= max(20, len(rows) // 100) and 2 * different <= len(rows)


def _column(store: ResultStore, rows: Int64, column: str, kind: str | None, focus: int) -> Column:
    """Return the groups of a column: periods in their order, values by the label in focus."""
    table = by_column(store, rows, column, kind)
    timed = table.kind in dates.PERIODS
    for shorter in ("week", "day"):  # where months are few
        if kind is None and timed and len(table) < _FEW:
            table = by_column(store, rows, column, shorter)
    shown: Sequence[int] = range(len(table))
    if table.kind == "value":
        most = set(table.order("rows", descending=True)[:_GROUPS].tolist())
        worst = table.order(focus, descending=True).tolist()
        shown = [group for group in worst if group in most]
    groups = [table.group(number) for number in shown]
    highest = max((group.shares[focus].high for group in groups), default=1.0)
    return Column(table, timed, groups, min(1.0, math.ceil(10 * highest) / 10))


def _words(
    store: ResultStore,
    rows: Int64,
    labels: Int64,
    tokenizer: Tokenizer,
    progress: Callable[[float], object],
) -> dict[str, list[words.Word]]:
    """Return the words of each label."""
    sides: list[list[words.Word]] = []
    for label in range(len(store.labels)):
        if label and len(store.labels) == 2:  # what one has more often, the other has less often
            sides.append([word.seen_from_other() for word in reversed(sides[0])])
            continue
        others = rows[(labels >= 0) & (labels != label)]
        mine = rows[labels == label]
        sides.append(words.distinctive(store, mine, others, tokenizer, progress))
    found = {}
    for name, side in zip(store.labels, sides, strict=True):
        found[name] = [word for word in side if word.z > 0][:_WORDS]
    return found


def _reviews(store: ResultStore, rows: Int64, labels: Int64) -> dict[str, list[ResultRow]]:
    """Return examples of each label, and the rows of which the model is least sure."""
    chosen = {}
    for label, name in enumerate(store.labels):
        title = tr("Examples: {label}", label=name)
        chosen[title] = examples.of(store, rows[labels == label], _EXAMPLES)
    chosen[tr("The least sure, to look at first")] = _unsure(store, rows[labels >= 0])
    reviews = {}
    for title, indices in chosen.items():
        reviews[title] = [_review(store.row(index)) for index in indices]
    return reviews


def _unsure(store: ResultStore, rows: Int64) -> list[int]:
    """Return rows of which the model is least sure, one of each text."""
    order = np.argsort(store.column("confidence")[rows], kind="stable")
    found: dict[str, int] = {}
    for index in rows[order[: 100 * _UNSURE]].tolist():
        found.setdefault(store.row(index).text, index)
    return list(found.values())[:_UNSURE]


def _review(row: ResultRow) -> ResultRow:
    """Return a row with the label that counts, and the beginning of its text."""
    return row._replace(label=row.final, text=display(row.text, limit=_TEXT, keep="\n"))
