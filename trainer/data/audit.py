"""Faults of labelled reviews: counted before training, and mended only on request.

Two texts are the same review where `trainer.data.duplicates.normalised` makes them equal.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.arrays import Ints, Mask, Rows
from models.console import data_error, tr
from models.tokenizer import Tokenizer
from trainer.console import say, say_lines, table
from trainer.data.dataset import Data, Split
from trainer.data.duplicates import hash64, normalised, seen_rows

_CHUNK = 1024  # texts that are in memory as tokens at a time
_NO_LIMIT = 1 << 40  # tokens
_CLASSES_SHOWN = 6


def audit(data: Data, tokenizer_json: str, max_length: int) -> dict[str, dict[str, Any]]:
    """Count what training should know of the data.

    Args:
        data: any splits.
        tokenizer_json: a tokenizer.json. What its model calls unknown counts as unknown; a
            tokenizer that spells such characters in bytes has no unknown tokens.
        max_length: number of tokens that the model reads of a text.

    Returns:
        For each split:
            rows; per_class: name of the label → rows; blank: rows without a text;
            duplicates: rows whose text, to the letter, an earlier row has;
            duplicates_normalised: rows that are the same review as an earlier row;
            contradictory_texts: reviews that have rows of more than one label, and
            contradictory_rows, their rows;
            in_train: rows of dev or test whose review is in train; None for train itself, and
            where there is none;
            lengths: in tokens, before anything is cut: p50, p90, p95, p99 and max;
            cut: rows longer than the max length;
            unknown: share of the tokens that the vocabulary lacks, 0 to 1.
    """
    reviews = {name: _reviews(split) for name, split in data.splits.items()}
    found = {}
    for name, split in data.splits.items():
        per_class = _rows_per_class(split, len(data.labels)).tolist()
        contradictory = _contradictory(reviews[name], split.labels)
        in_train = None
        if name != "train" and "train" in reviews:
            in_train = int(np.isin(reviews[name], reviews["train"]).sum())
        lengths, unknown = _tokens(split.texts, tokenizer_json)
        at = np.percentile(lengths, (50, 90, 95, 99, 100), method="inverted_cdf").tolist()
        found[name] = {
            "rows": len(split),
            "per_class": dict(zip(data.labels.names, per_class, strict=True)),
            "blank": sum(not text.strip() for text in split.texts),
            "duplicates": len(split) - len(set(split.texts)),
            "duplicates_normalised": len(split) - len(set(reviews[name])),
            "contradictory_texts": len(set(reviews[name][contradictory])),
            "contradictory_rows": int(contradictory.sum()),
            "in_train": in_train,
            "lengths": dict(zip(("p50", "p90", "p95", "p99", "max"), at, strict=True)),
            "cut": int((lengths > max_length).sum()),
            "unknown": unknown,
        }
    return found


def _reviews(split: Split) -> NDArray[np.uint64]:
    """Return a number for the review of each row, equal for the same one, `[rows]`."""
    return np.array([hash64(normalised(text)) for text in split.texts], dtype=np.uint64)


def _contradictory(reviews: NDArray[np.uint64], labels: Ints) -> Mask:
    """Return which rows are of a review that also has another label, `[rows]`."""
    _, index, number = np.unique(reviews, return_index=True, return_inverse=True)
    differs = labels != labels[index][number]  # from the first row of the same review
    return np.isin(number, number[differs])


def _tokens(texts: Sequence[str], tokenizer_json: str) -> tuple[Ints, float]:
    """Return the number of tokens of each text, uncut, `[texts]`, and the share of unknown ones."""
    tokenizer = Tokenizer(tokenizer_json, _NO_LIMIT)
    model = json.loads(tokenizer_json)["model"]
    if model["type"] == "Unigram":
        unknown_id = model.get("unk_id")
    else:  # WordPiece, WordLevel, BPE
        unknown_id = model["vocab"].get(model.get("unk_token"))
    special = int(tokenizer.encode([""]).lengths[0])
    unknown = 0
    lengths: list[int] = []
    for start in range(0, len(texts), _CHUNK):
        tokens = tokenizer.encode(texts[start : start + _CHUNK])
        lengths += tokens.lengths.tolist()
        unknown += int(np.count_nonzero(np.concatenate(tokens.ids) == unknown_id))
    return np.array(lengths), unknown / max(1, sum(lengths) - special * len(texts))


def say_audit(audited: dict[str, dict[str, Any]], max_length: int) -> None:
    """Narrate the audit as a table with a column per split."""
    columns = [_column(split, max_length) for split in audited.values()]
    titles = ["", *columns[0]]
    cells = [[name, *column.values()] for name, column in zip(audited, columns, strict=True)]
    say_lines(*table([*zip(titles, *cells, strict=True)]))


def _column(split: dict[str, Any], max_length: int) -> dict[str, str]:
    """Return the cells of a split by the titles of their rows."""

    def part(rows: int) -> str:
        return f"{rows:,} ({rows / split['rows']:.1%})"

    classes = {f"  {name}": part(rows) for name, rows in split["per_class"].items()}
    if len(classes) > _CLASSES_SHOWN:
        classes = dict(islice(classes.items(), _CLASSES_SHOWN)) | {"  …": ""}
    contradictory = f"{split['contradictory_texts']:,}, {split['contradictory_rows']:,}"
    lengths = ", ".join(f"{split['lengths'][at]:,}" for at in ("p50", "p95", "p99", "max"))
    return {
        tr("rows"): f"{split['rows']:,}",
        **classes,
        tr("blank"): f"{split['blank']:,}",
        tr("copies, to the letter"): f"{split['duplicates']:,}",
        tr("copies but for case and punctuation"): f"{split['duplicates_normalised']:,}",
        tr("contradictory labels: texts, rows"): contradictory,
        tr("also in train"): "-" if split["in_train"] is None else part(split["in_train"]),
        tr("tokens: median, 95 %, 99 %, longest"): lengths,
        tr("longer than {tokens} tokens, to be cut", tokens=max_length): part(split["cut"]),
        tr("unknown tokens"): f"{split['unknown']:.2%}",
    }


def drop_contradictions(data: Data) -> Data:
    """Drop from train the reviews that it has under more than one label, all their rows.

    Dev and test stay as they are, so that scores remain comparable.

    Raises:
        UserError: DATA, a label would have no row left.
    """
    train = data.splits["train"]
    kept, dropped = _keep(data, ~_contradictory(_reviews(train), train.labels))
    say("{rows:row} of train with contradictory labels dropped", rows=dropped)
    return kept


def drop_leaks(data: Data) -> Data:
    """Drop from train the rows whose review also stands in dev or test, which stay as they are.

    Raises:
        UserError: DATA, a label would have no row left.
    """
    others = [text for name in data.splits.keys() - {"train"} for text in data.splits[name].texts]
    kept, dropped = _keep(data, ~seen_rows(others, data.splits["train"].texts))
    say("{rows:row} of train that stood in dev or test dropped", rows=dropped)
    return kept


def _rows_per_class(split: Split, classes: int) -> Rows:
    return np.bincount(split.labels, minlength=classes)


def _keep(data: Data, kept: Mask) -> tuple[Data, int]:
    train, classes = data.splits["train"], len(data.labels)
    remaining = train.take(np.flatnonzero(kept))
    dropped = len(train) - len(remaining)
    lost = (_rows_per_class(train, classes) > 0) & (_rows_per_class(remaining, classes) == 0)
    if lost.any():
        raise data_error(
            "dropping {rows} rows of train leaves none of label {label}",
            rows=dropped,
            label=data.labels.names[int(lost.argmax())],
        )
    return replace(data, splits={**data.splits, "train": remaining}), dropped


def class_weights(data: Data) -> Tensor:
    """Return the weight of each label in the loss, inverse to its rows in train, float32 `[C]`.

    The mean over the rows is 1: the loss keeps its size, beside that of the teachers too.

    Raises:
        UserError: DATA, a class has no rows.
    """
    rows = _rows_per_class(data.splits["train"], len(data.labels))
    if not rows.all():
        raise data_error(
            "--class-weights: expected rows of every label, found none of label {label}",
            label=data.labels.names[int(rows.argmin())],
        )
    return torch.from_numpy(rows.sum() / (len(rows) * rows)).float()
