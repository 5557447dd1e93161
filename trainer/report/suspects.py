"""Finds labels that look wrong: those that a head without the row is surest to doubt.

After confident learning (Northcutt, Jiang & Chuang 2021): labels are doubted by out-of-sample
answers.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from trainer.data.dataset import Split
from trainer.report.calibration import tempered

FILE = "suspects.csv"


class Suspect(NamedTuple):
    """A row whose label is not what heads without the row say; a line of `FILE`."""

    text: str
    label: str
    others_say: str
    confidence: float
    split: str


def find_suspects(
    splits: Mapping[str, Split],
    logits: Mapping[str, Tensor],
    names: Sequence[str],
    temperature: float,
) -> list[Suspect]:
    """Return the rows with another label than the answer, the surest answer first.

    Args:
        splits: the rows.
        logits: answers to the rows of some of the splits, which none of these rows chose, `[N, C]`.
        names: names of the labels.
        temperature: divisor of the logits.
    """
    found = []
    for name, answers in logits.items():
        if name not in splits:  # dev, for which train stands
            continue
        split = splits[name]
        confidences, answered = tempered(answers, temperature).max(dim=1)
        rows = zip(split.texts, split.labels, answered, confidences.tolist(), strict=True)
        for text, label, answer, confidence in rows:
            if label != answer:
                sure = round(confidence, 4)
                found.append(Suspect(text, names[label], names[answer], sure, name))
    return sorted(found, key=lambda suspect: -suspect.confidence)


def write_suspects(path: Path, suspects: Sequence[Suspect]) -> None:
    """Write the suspects as CSV that Excel opens too: UTF-8 with a mark, and no formulas."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Suspect._fields)
        for suspect in suspects:
            text = suspect.text
            if text.startswith(tuple("=+-@\t\r")):
                text = f"'{text}"
            writer.writerow([text, *suspect[1:]])
