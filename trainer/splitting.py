"""Cuts dev and test from the rows of train: stratified, seeded, and with no text in two splits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from models.command import ExitCode, UserError
from models.i18n import tr


@dataclass(frozen=True)
class SplitSizes:
    """How much of train becomes dev and test, where the data has none.

    Attributes:
        dev: fraction of the rows, more than 0 and less than 0.5.
        test: likewise.

    Raises:
        UserError: USAGE, a fraction is not one of these.
    """

    dev: float
    test: float

    def __post_init__(self) -> None:
        if not (0 < self.dev < 0.5 and 0 < self.test < 0.5):
            raise _not_sizes(f"{self.dev},{self.test}")

    @classmethod
    def parse(cls, text: str) -> "SplitSizes":
        """Read what was given to --split-sizes: "0.1,0.1".

        Raises:
            UserError: USAGE, it is not two fractions, or not as they should be.
        """
        try:
            dev, test = map(float, text.split(","))
        except ValueError as error:
            raise _not_sizes(text) from error
        return cls(dev, test)


def _not_sizes(found: str) -> UserError:
    return UserError(
        ExitCode.USAGE,
        tr(
            "--split-sizes: expected the fractions of dev and test, each more than 0 and less "
            "than 0.5, as in 0.1,0.1; found {found}",
            found=found,
        ),
    )


def split_rows(
    labels: NDArray[np.int64],
    keys: Sequence[str],
    fractions: Mapping[str, float],
    *,
    names: Sequence[str],
    seed: int,
    known: Collection[str] = frozenset(),
) -> dict[str, NDArray[np.intp]]:
    """Choose the rows of some splits; "train" is what remains.

    Rows with equal keys go to the same split. Each class is shared out by the fractions to within
    one row, or as near as rows with equal keys allow, and no split is left without a class that
    train has. The choice depends on the arguments alone, on no generator whose stream another
    version of a library may change, and each text has the chance that its split's size gives it.

    Args:
        labels: label ids, `[rows]`.
        keys: what makes a row the same as another, one per row.
        fractions: split → fraction of the rows.
        names: of the labels, for messages.
        seed: another one gives other splits.
        known: keys that must stay in train, because another split holds them.

    Returns:
        Split → its row numbers, ascending; "train" is the first.

    Raises:
        UserError: DATA, a class has too few different keys for a row of it in every split.
    """
    parts = [*fractions, "train"]
    numbers: dict[str, int] = {}
    group = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)
    draws = np.array([_draw(key, seed) for key in numbers], dtype=np.uint64)  # [groups]
    stays = np.array([key in known for key in numbers], dtype=bool)  # [groups]
    size = np.bincount(group)  # [groups]
    part_of = np.full(len(labels), len(parts) - 1)  # [rows]

    room = _targets(np.bincount(labels, minlength=len(names)), list(fractions.values()))
    room[-1] -= np.bincount(labels[stays[group]], minlength=len(names))

    # Texts that stand more than once first, the most frequent ahead: they need the most room. The
    # single ones then fill what is left, exactly.
    by_group = np.argsort(group, kind="stable")
    ends = np.cumsum(size)
    several = np.flatnonzero((size > 1) & ~stays)
    for number in several[np.lexsort((draws[several], -size[several]))]:
        rows = by_group[ends[number] - size[number] : ends[number]]
        counts = np.bincount(labels[rows], minlength=len(names))
        part = _choose(room, counts, int(draws[number]))
        part_of[rows] = part
        room[part] -= counts

    single = np.flatnonzero((size[group] == 1) & ~stays[group])
    single = single[np.argsort(draws[group[single]])]
    for label in range(len(names)):
        rows = single[labels[single] == label]
        bounds = np.cumsum(room[:-1, label].clip(min=0))
        for part, chosen in enumerate(np.split(rows, bounds)):
            part_of[chosen] = part

    _check(labels, part_of, group[~stays[group]], labels[~stays[group]], parts, names)
    return {
        name: np.flatnonzero(part_of == part)
        for part, name in sorted(enumerate(parts), key=lambda pair: pair[1] != "train")
    }


def _draw(key: str, seed: int) -> int:
    """Return the lot of a key, uniform in 64 bits."""
    content = f"{seed} {key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def _targets(rows: NDArray[np.intp], fractions: Sequence[float]) -> NDArray[np.intp]:
    """Return how many rows of each class each part should get, train last, `[parts, C]`."""
    parts = np.rint(np.outer(fractions, rows)).astype(np.intp)
    parts = np.where(rows > 0, parts.clip(min=1), 0)  # a class of five rows has one in dev, too
    return np.vstack([parts, rows - parts.sum(axis=0)])


def _choose(room: NDArray[np.intp], counts: NDArray[np.intp], draw: int) -> int:
    """Choose the part for a text that stands more than once.

    Among the parts that it fits in, the chance of each is the room that it has left, as if rows
    were dealt one by one. A text that fits nowhere goes where there is most room.

    Args:
        room: rows of each class that each part still takes, `[parts, C]`.
        counts: rows of each class with this text, `[C]`.
        draw: the lot of the text.
    """
    left = room[:, counts > 0].sum(axis=1)  # [parts]
    chances = np.where((room >= counts).all(axis=1), left, 0).cumsum()
    if not chances[-1]:
        return int(left.argmax())
    return int(np.searchsorted(chances, draw % int(chances[-1]), side="right"))


def _check(
    labels: NDArray[np.int64],
    part_of: NDArray[np.intp],
    groups: NDArray[np.intp],
    group_labels: NDArray[np.int64],
    parts: Sequence[str],
    names: Sequence[str],
) -> None:
    for label, name in enumerate(names):
        rows = labels == label
        if rows.any() and len(np.unique(part_of[rows])) < len(parts):
            raise UserError(
                ExitCode.DATA,
                tr(
                    "--split-sizes: expected enough different texts of label {label} for each of "
                    "{splits}, found {texts} in {rows} rows; give files for these splits, or more "
                    "rows of the label",
                    label=name,
                    splits=", ".join(parts),
                    texts=len(np.unique(groups[group_labels == label])),
                    rows=int(rows.sum()),
                ),
            )
