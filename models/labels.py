"""The labels of a classifier, in the order of its outputs."""

import re
from collections.abc import Iterable, Sequence

NEGATIVE_POSITIVE = ("负向评价", "正向评价")
"""Labels of the built-in model, and of data whose labels are just 0 and 1."""


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct names sorted as a person would: "2" before "10".

    The order does not depend on that of the data, so the same labels always get the same ids.
    """
    return tuple(sorted(set(names), key=_natural_key))


def _natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return numbers and words of a name, numbers first; the name decides where they are equal."""
    parts = []
    for part in re.split(r"(^-[0-9]+|[0-9]+)", name):
        if part.lstrip("-").isdecimal():
            parts.append((0, int(part), ""))
        elif part:
            parts.append((1, 0, part))
    return parts, name


def label_name(label: object) -> str:
    """Return the name of a label; 1.0, which pandas makes of 1 in a column with gaps, is "1"."""
    name = str(label).strip()
    whole = re.fullmatch(r"(-?[0-9]+)\.0+", name)
    return whole[1] if whole else name


class LabelSet:
    """Labels that can be found by name or by number.

    A number is an id only where no label is a number: of the stars "1" to "5", "1" is a name.

    Raises:
        ValueError: there are fewer than two labels, or two are equal.
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
        """Return the id of a label, or None where there is no such label."""
        return self._ids.get(label.strip(), self._ids.get(label_name(label)))

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return ", ".join(f"{number} = {name}" for number, name in enumerate(self.names))
