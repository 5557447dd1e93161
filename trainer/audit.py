"""What is wrong with labelled reviews: counted before training, and mended only on request.

Two texts are the same review where `trainer.sameness.normalised` makes them equal.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.display import aligned
from models.i18n import tr
from models.tokens import Tokenizer
from trainer.data import Data, Split
from trainer.sameness import normalised, seen_rows

_CHUNK = 1024  # texts that are in memory as tokens at a time
_NO_LIMIT = 1 << 40  # tokens
_CLASSES_SHOWN = 6


@dataclass(frozen=True)
class TokenCounts:
    """Tokens of some texts, however long they are.

    Attributes:
        lengths: tokens per text, special ones included, int64 `[texts]`.
        known: tokens in all the texts that the vocabulary has, special ones left out.
        unknown: tokens in all the texts that it has not.
    """

    lengths: NDArray[np.int64]
    known: int
    unknown: int


CountTokens = Callable[[Sequence[str]], TokenCounts]


@dataclass(frozen=True)
class Lengths:
    """Tokens per text: this share of the texts, in percent, has at most so many."""

    p50: int
    p90: int
    p95: int
    p99: int
    max: int


@dataclass(frozen=True)
class SplitAudit:
    """What one split holds.

    Attributes:
        rows: how many.
        per_class: name of the label → rows.
        blank: rows without a text.
        duplicates: rows whose text, to the letter, an earlier row has.
        duplicates_normalised: rows that are the same review as an earlier row.
        contradictory_texts: reviews that have rows of more than one label.
        contradictory_rows: the rows of these.
        in_train: rows of dev or test whose review is in train; None for train itself, and where
            there is none.
        lengths: in tokens, before anything is cut.
        cut: rows longer than the max length.
        unknown: share of the tokens, 0 to 1, that the vocabulary has not.
    """

    rows: int
    per_class: dict[str, int]
    blank: int
    duplicates: int
    duplicates_normalised: int
    contradictory_texts: int
    contradictory_rows: int
    in_train: int | None
    lengths: Lengths
    cut: int
    unknown: float


@dataclass(frozen=True)
class Audit:
    """What labelled reviews hold, split by split, for a model that reads `max_length` tokens."""

    max_length: int
    splits: dict[str, SplitAudit]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON has them."""
        return asdict(self)


def token_counter(tokenizer_json: str) -> CountTokens:
    """Return what counts the tokens of texts, uncut, for `audit`.

    Args:
        tokenizer_json: a tokenizer.json. What its model calls unknown counts as unknown; a
            tokenizer that spells such characters in bytes has no unknown tokens.
    """
    tokenizer = Tokenizer(tokenizer_json, _NO_LIMIT)
    unknown_id = _unknown_id(json.loads(tokenizer_json)["model"])
    special = int(tokenizer.encode([""]).lengths[0])

    def count(texts: Sequence[str]) -> TokenCounts:
        tokens = tokenizer.encode(texts)
        unknown = 0
        if unknown_id is not None and len(texts):
            unknown = int(np.count_nonzero(np.concatenate(tokens.ids) == unknown_id))
        known = int(tokens.lengths.sum()) - special * len(texts) - unknown
        return TokenCounts(tokens.lengths, known, unknown)

    return count


def _unknown_id(model: dict[str, Any]) -> int | None:
    if model["type"] == "Unigram":
        found = model.get("unk_id")
    else:  # WordPiece, WordLevel, BPE
        found = model["vocab"].get(model.get("unk_token"))
    return None if found is None else int(found)


def audit(data: Data, count_tokens: CountTokens, max_length: int) -> Audit:
    """Count what training should know of the data.

    The texts are tokenised a chunk at a time and only counts are kept, so that memory does not grow
    with their length.

    Args:
        data: any splits.
        count_tokens: as `token_counter` returns.
        max_length: tokens that the model reads of a text.
    """
    numbered = dict(zip(data.splits, _reviews(list(data.splits.values())), strict=True))
    splits = {}
    for name, split in data.splits.items():
        per_class = _rows_per_class(split, len(data.labels)).tolist()
        reviews = numbered[name]
        in_train = None
        if name != "train" and "train" in numbered:
            in_train = int(np.isin(reviews, numbered["train"]).sum())
        contradictory = _contradictory(reviews, split.labels)
        lengths, unknown = _measure(split.texts, count_tokens)
        splits[name] = SplitAudit(
            rows=len(split),
            per_class=dict(zip(data.labels.names, per_class, strict=True)),
            blank=sum(not text.strip() for text in split.texts),
            duplicates=len(split) - len(set(split.texts)),
            duplicates_normalised=len(split) - len(np.unique(reviews)),
            contradictory_texts=len(np.unique(reviews[contradictory])),
            contradictory_rows=int(np.count_nonzero(contradictory)),
            in_train=in_train,
            lengths=_percentiles(lengths),
            cut=int(lengths[max_length + 1 :].sum()),
            unknown=unknown,
        )
    return Audit(max_length, splits)


def _rows_per_class(split: Split, classes: int) -> NDArray[np.intp]:
    return np.bincount(split.labels, minlength=classes)


def _reviews(splits: Sequence[Split]) -> list[NDArray[np.int64]]:
    """Number the reviews: equal numbers for the same one, `[rows]` for each of the splits."""
    # Digests stand for the texts, which would be in memory twice otherwise.
    numbers: dict[bytes, int] = {}

    def number(text: str) -> int:
        content = normalised(text).encode("utf-8", "surrogatepass")
        return numbers.setdefault(blake2b(content, digest_size=16).digest(), len(numbers))

    return [np.array([number(text) for text in split.texts], dtype=np.int64) for split in splits]


def _contradictory(reviews: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows are of a review that also has another label, `[rows]`."""
    first, index, number = np.unique(reviews, return_index=True, return_inverse=True)
    differs = labels != labels[index][number]  # from the first row of the same review
    return np.isin(reviews, first[np.unique(number[differs])])


def _measure(texts: Sequence[str], count_tokens: CountTokens) -> tuple[NDArray[np.intp], float]:
    """Return how many texts have each length, `[longest + 1]`, and the share of unknown tokens."""
    texts_of_length = np.zeros(1, dtype=np.intp)
    known = unknown = 0
    for start in range(0, len(texts), _CHUNK):
        counts = count_tokens(texts[start : start + _CHUNK])
        known += counts.known
        unknown += counts.unknown
        more = np.bincount(counts.lengths, minlength=len(texts_of_length))
        more[: len(texts_of_length)] += texts_of_length
        texts_of_length = more
    return texts_of_length, unknown / max(1, known + unknown)


def _percentiles(texts_of_length: NDArray[np.intp]) -> Lengths:
    up_to = texts_of_length.cumsum()  # [longest + 1]

    def at(percent: int) -> int:
        # In whole numbers: 0.95 × 20 is not quite 19 in binary.
        return int(np.searchsorted(up_to * 100, up_to[-1] * percent))

    return Lengths(at(50), at(90), at(95), at(99), max=len(texts_of_length) - 1)


def show(audit: Audit) -> list[str]:
    """Return the audit as a table for the terminal, a column per split."""
    columns = [_column(split) for split in audit.splits.values()]
    names = list(next(iter(audit.splits.values())).per_class)
    titles = [
        tr("rows"),
        *(f"  {name}" for name in names[:_CLASSES_SHOWN]),
        *(["  …"] if len(names) > _CLASSES_SHOWN else []),
        tr("blank"),
        tr("copies, to the letter"),
        tr("copies but for case and punctuation"),
        tr("contradictory labels: texts, rows"),
        tr("also in train"),
        tr("tokens: median, 95 %, 99 %, longest"),
        tr("longer than {tokens} tokens, to be cut", tokens=audit.max_length),
        tr("unknown tokens"),
    ]
    rows = [["", *audit.splits], *map(list, zip(titles, *columns, strict=True))]
    return aligned(rows, right=range(1, len(rows[0])))


def _column(split: SplitAudit) -> list[str]:
    def part(rows: int) -> str:
        return f"{rows:,} ({rows / max(1, split.rows):.1%})"

    lengths = split.lengths
    classes = [part(rows) for rows in split.per_class.values()]
    return [
        f"{split.rows:,}",
        *classes[:_CLASSES_SHOWN],
        *([""] if len(classes) > _CLASSES_SHOWN else []),
        f"{split.blank:,}",
        f"{split.duplicates:,}",
        f"{split.duplicates_normalised:,}",
        f"{split.contradictory_texts:,}, {split.contradictory_rows:,}",
        "-" if split.in_train is None else part(split.in_train),
        ", ".join(f"{n:,}" for n in (lengths.p50, lengths.p95, lengths.p99, lengths.max)),
        part(split.cut),
        f"{split.unknown:.2%}",
    ]


def drop_contradictions(data: Data) -> tuple[Data, int]:
    """Drop from train the reviews that it has under more than one label, all their rows.

    Dev and test stay as they are, so that scores remain comparable.

    Returns:
        The data, and how many rows were dropped.

    Raises:
        UserError: DATA, a label would have no row left.
    """
    train = data.splits["train"]
    (reviews,) = _reviews([train])
    return _keep(data, ~_contradictory(reviews, train.labels))


def drop_leaks(data: Data) -> tuple[Data, int]:
    """Drop from train the rows whose review also stands in dev or test, which stay as they are.

    Returns:
        The data, and how many rows were dropped.

    Raises:
        UserError: DATA, a label would have no row left.
    """
    others = [
        text for name, split in data.splits.items() if name != "train" for text in split.texts
    ]
    return _keep(data, ~seen_rows(others, data.splits["train"].texts))


def _keep(data: Data, kept: NDArray[np.bool_]) -> tuple[Data, int]:
    train = data.splits["train"]
    remaining = train.take(np.flatnonzero(kept))
    classes = len(data.labels)
    lost = (_rows_per_class(train, classes) > 0) & (_rows_per_class(remaining, classes) == 0)
    if lost.any():
        raise UserError(
            ExitCode.DATA,
            tr(
                "dropping {rows} rows of train leaves none of label {label}",
                rows=len(train) - len(remaining),
                label=data.labels.names[int(lost.argmax())],
            ),
        )
    return Data(data.labels, {**data.splits, "train": remaining}), len(train) - len(remaining)


def class_weights(split: Split, classes: int) -> NDArray[np.float64]:
    """Return a weight per class for the loss, so that each class counts the same, `[C]`.

    A weight is inverse to the rows of its class; the mean of the weights is 1.

    Raises:
        UserError: DATA, a class has no rows.
    """
    rows = _rows_per_class(split, classes)
    if not rows.all():
        raise UserError(
            ExitCode.DATA,
            tr(
                "--class-weights: expected rows of every label, found none of label {label}",
                label=int(rows.argmin()),
            ),
        )
    weights = 1 / rows
    return np.asarray(weights / weights.mean(), dtype=np.float64)
