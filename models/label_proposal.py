"""A mapping that is proposed where the values of a label column could stand for several labels."""

import re
from collections.abc import Iterable, Sequence

from models.labels import by_polarity, folded, is_of_negatives, polarity
from models.stars import star_number, star_of

_NO = ("false", "no", "否", "n", "f", "错", "×", "✗", "✘", "❌")
_YES = ("true", "yes", "是", "y", "t", "对", "√", "✓", "✔", "✅", "p")  # p beside n: positive


def proposed_map(values: Iterable[str], names: Sequence[str], column: str = "") -> str:
    """Return a mapping for the user to confirm or change, as `parse_label_map` reads it.

    Of a scale, the lower two fifths are the first label and the upper two fifths the last; of known
    words, each is the label of its polarity; what else there is, is left out. In a column with a
    negative name, a scale begins with the best.
    """
    distinct = sorted(set(values))
    stars = {value: _truth_of(value) for value in distinct}
    steps = [star for star in stars.values() if star is not None]
    known = by_polarity(distinct, names)
    groups: dict[str, list[str]] = {name: [] for name in [*names, ""]}
    for value in distinct:
        number, star = known.get(value), stars[value]
        label = "" if number is None else names[number]
        if number is None and star is not None and len(steps) > 1:
            share = _share_of(star, steps)
            label = _label_at(1 - share if is_of_negatives(column) else share, names)
        groups[label].append(written(value))
    parts = [f"{','.join(found)}={name}" for name, found in groups.items() if found]
    return "; ".join(parts)


def written(value: str) -> str:
    """Return a value as a mapping has it: with a sign of these in it, its stars, or in quotes."""
    if not re.search('[,;，；、"]', value):
        return value
    quoted = value.replace('"', '""')
    return star_number(value) or f'"{quoted}"'


def _label_at(share: float, names: Sequence[str]) -> str:
    """Return the label of a place on a scale from 0 to 1, the negative one at its lower end."""
    order = [*names]
    if len(by_polarity(names, names)) == len(names):
        order.sort(key=lambda name: polarity(name) or 0)
    if share < 0.4:
        return order[0]
    if share > 0.6:
        return order[-1]
    return order[1] if len(order) == 3 else ""


def _truth_of(value: str) -> float | None:
    """Return the number that a value says: 0 and 1 for no and yes, 0.95 for 95%."""
    word = folded(value).rstrip("\ufe0f")
    if word in _NO + _YES:
        return float(word in _YES)
    if word.endswith("%"):
        share = star_of(word[:-1])
        return None if share is None else share / 100
    return star_of(value)


def _share_of(star: float, steps: Sequence[float]) -> float:
    """Return where a step stands on its scale, from 0, the worst, to 1."""
    if min(steps) < 0:
        lowest, highest = -1.0, 1.0
    elif max(steps) <= 1 or (min(steps) == 0 and max(steps) <= 2):  # 0, 1, and 2 for the best
        lowest, highest = 0.0, max(1.0, max(steps))
    else:
        tops = (2, 3, 5, 10, 50, 100, max(steps))
        lowest, highest = 1.0, next(top for top in tops if max(steps) <= top)
    return (star - lowest) / (highest - lowest)
