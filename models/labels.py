"""The labels of a classifier, in the order of its outputs."""

import re
from collections.abc import Iterable, Sequence

NEGATIVE_POSITIVE = ("负向评价", "正向评价")
"""The labels of the built-in model, and of data whose labels are just 0 and 1."""


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct names sorted as a person would: "2" before "10".

    The order does not depend on that of the data, so the same labels always get the same ids.
    """

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.split(r"(^-[0-9]+|[0-9]+)", name)
        return [
            (0, int(part), "") if part.lstrip("-").isdecimal() else (1, 0, part)
            for part in parts
            if part
        ]

    return tuple(sorted(set(names), key=lambda name: (key(name), name)))


def label_name(label: object) -> str:
    """Return how a label is called: 1.0, as pandas has it in a column with gaps, is called "1"."""
    name = str(label).strip()
    whole = re.fullmatch(r"(-?[0-9]+)\.0+", name)
    return whole[1] if whole else name


class LabelSet:
    """Finds the id of a label that is written as a name or as a number.

    A number is an id only where no label is itself called by a number: for the stars "1" to "5",
    the text "1" is a name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError(f"expected two or more different labels, found {list(names)}")
        self.names = tuple(names)
        self._ids = {label_name(name): number for number, name in enumerate(names)}
        self._ids |= {name: number for number, name in enumerate(names)}
        if not any(name.lstrip("-").isdecimal() for name in names):
            self._ids |= {str(number): number for number in range(len(names))}

    def find(self, label: str) -> int | None:
        """Return the id of `label`, or None where the set does not hold it."""
        return self._ids.get(label.strip(), self._ids.get(label_name(label)))

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return ", ".join(f"{number} = {name}" for number, name in enumerate(self.names))
