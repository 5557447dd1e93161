"""What the values of a label column stand for, among the labels of a model.

A value is a label by its name, by a word of the same polarity, by its number, or by a mapping that
the user wrote. What could be read in two ways is refused, with a mapping to confirm or change.
"""

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import click

from models.console import tr
from models.labels import folded, label_name, polarity
from models.stars import is_scale, star_of

_NO_LABEL = frozenset(
    [
        *("nan", "null", "<na>", "na", "n/a", "#n/a", "nil", "\\n"),
        *("未标注", "待标注", "unlabeled", "unlabelled"),
    ]
)
"""What programs write where there is no label."""

_WRAPPED = re.compile(r"""["'“‘「『【《(（]([^"'“”‘’「」『』【】《》()（）]+)["'”’」』】》)）]""")


VALUES = 1_000
"""Distinct values of a column that are counted, at most."""


class TwoLabelsError(ValueError):
    """A cell holds more than one label."""


class AmbiguousLabelsError(ValueError):
    """The values of a column could stand for the labels in more than one way.

    Attributes:
        reason: "stars", values of a scale; "numbers", numbers for labels that are words, in an
            order that nobody said; "unknown", no value is known.
        proposal: a mapping to confirm or change, as `parse_label_map` reads it.
    """

    def __init__(self, reason: str, proposal: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.proposal = proposal


def cell_label(value: Any) -> str:
    """Return the label that a cell holds; "" for none.

    Lists and choices of one label, as doccano and Label Studio write them, are that label, as is
    one in brackets or quotes. What programs write for none is none.

    Example:
        >>> cell_label(1.0), cell_label('["好评"]'), cell_label({"choices": ["Positive"]})
        ('1', '好评', 'Positive')

    Raises:
        TwoLabelsError: the cell holds a list of several.
    """
    if value is None or (isinstance(value, Real | Decimal) and math.isnan(value)):
        return ""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        value = _literal(value.strip())
    if isinstance(value, Mapping) and len(value) == 1:
        (value,) = value.values()
    if isinstance(value, list | tuple | set):
        if len(value) > 1:
            raise TwoLabelsError(json.dumps(list(value), ensure_ascii=False, default=str))
        return cell_label(next(iter(value), None))
    name = label_name(value)
    if wrapped := _WRAPPED.fullmatch(name):
        name = label_name(wrapped[1])
    return "" if folded(name) in _NO_LABEL else name


def _literal(text: str) -> Any:
    """Return what JSON or Python, which pandas writes lists as, make of a text; else the text."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    if re.fullmatch(r"\[[^\[\]]+\]", text):  # a list without quotes
        return re.split("[,，、;；|]", text[1:-1])
    return label_name(text)


def parse_label_map(text: str) -> dict[str, str]:
    """Read a mapping such as "1,2=负向评价; 4,5=正向评价; 3=", where "3=" leaves rows of 3 out.

    Signs of full width count as the narrow ones.

    Returns:
        The label of each value, folded; "" where it is left out.

    Raises:
        ValueError: a part has no "=", no value, or a value of a part before.
    """
    narrow = text.translate(str.maketrans("，；＝、", ",;=,"))
    mapping: dict[str, str] = {}
    for part in narrow.split(";"):
        if not part.strip():
            continue
        values, equals, label = part.rpartition("=")
        names = [label_name(value) for value in values.split(",") if value.strip()]
        if not equals or not names:
            raise ValueError(part.strip())
        for name in names:
            if mapping.setdefault(folded(name), label.strip()) != label.strip():
                raise ValueError(name)
    return mapping


def mapped(mapping: Mapping[str, str], value: str) -> str:
    """Return what a mapping says of a value, or of its number of stars; else the value."""
    return mapping.get(folded(value), mapping.get(_number(value), value))


def _number(value: str) -> str:
    star = star_of(value)
    return "" if star is None else f"{star:g}"


def checked_map(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Return a mapping of the command line that `parse_label_map` can read."""
    try:
        parse_label_map(value or "")
    except ValueError as error:
        problem = tr("expected 'VALUE,VALUE=LABEL; VALUE=', found {found}", found=error)
        raise click.BadParameter(problem) from None
    return value


@dataclass(frozen=True)
class LabelMap:
    """The label ids that the values of a column stand for.

    Attributes:
        names: of the model's labels, by id.
        mapping: what the user said; None if nothing.
        ids: by value; None for a value that is left out or that the model does not know.
        unknown: values that the model does not know and no mapping leaves out.
    """

    names: Sequence[str]
    mapping: Mapping[str, str] | None
    ids: dict[str, int | None]
    unknown: tuple[str, ...]

    def find(self, value: str) -> int | None:
        """Return the label id of a value, or None.

        A value that was not among those that the map was made for is looked up as if it had been;
        where that made the map ambiguous, it is none.
        """
        if not value or value in self.ids:
            return self.ids.get(value)
        few = len(self.ids) < VALUES
        try:
            values = [*self.ids, value] if few else [value]
            found = map_labels(values, self.names, self.mapping).ids[value]
        except AmbiguousLabelsError:
            found = None
        if few:
            self.ids[value] = found
        return found

    def leaves_out(self, value: str) -> bool:
        """Say whether the user's mapping leaves a value out."""
        return self.mapping is not None and mapped(self.mapping, value) == ""

    def said(self) -> str:
        """Return what was taken for what, "差评 = 负向评价"; "" where all are plainly names."""
        taken = [(number, value) for value, number in self.ids.items() if number is not None]
        if all(self.names[number] == value for number, value in taken):
            return ""
        return tr(", ").join(f"{value} = {self.names[number]}" for number, value in sorted(taken))


def map_labels(
    values: Iterable[str],
    names: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    *,
    ordered: bool = False,
) -> LabelMap:
    """Find out what the values of a column stand for.

    Args:
        values: all that occur, as `cell_label` returns them; "" is no label.
        names: of the model's labels, by id.
        mapping: what the user said, from `parse_label_map`.
        ordered: the user said the names in the order of the ids, which numbers then are.

    Raises:
        AmbiguousLabelsError: without a mapping, the values may stand for other labels than they
            seem to.
        ValueError: the mapping names a label that the model lacks.
    """
    distinct = sorted(set(values) - {""})
    find = _finder(names)
    said = mapping or {}
    for label in said.values():
        if label and find(label) is None:
            raise ValueError(label)
    ids = {value: find(mapped(said, value)) for value in distinct}
    if mapping is None:
        rest = _without_id(ids)
        ids |= _by_polarity(rest, names) | _by_number(rest, distinct, names, ordered)
    unknown = tuple(value for value in _without_id(ids) if mapped(said, value) != "")
    if unknown and len(_without_id(ids)) == len(distinct):
        raise AmbiguousLabelsError("unknown", proposed_map(distinct, names))
    return LabelMap(names, mapping, ids, unknown)


def _without_id(ids: Mapping[str, int | None]) -> list[str]:
    return [value for value, number in ids.items() if number is None]


def _finder(names: Sequence[str]) -> Callable[[str], int | None]:
    """Return what finds a label by its name, or by its folded name if no other has the same."""
    exact = {label_name(name): number for number, name in enumerate(names)}
    exact |= {name: number for number, name in enumerate(names)}
    spelt = Counter(map(folded, names))
    alike = {folded(name): number for name, number in exact.items() if spelt[folded(name)] < 2}
    return lambda name: exact.get(name, alike.get(folded(name)))


def _by_polarity(values: Iterable[str], names: Sequence[str]) -> dict[str, int | None]:
    """Map words to the label of their polarity, where each label has one of its own."""
    signs = [polarity(name) for name in names]
    if None in signs or len(set(signs)) < len(signs):
        return {}
    label_of = {sign: number for number, sign in enumerate(signs)}
    return {value: label_of.get(sign) for value in values if (sign := polarity(value)) is not None}


def _by_number(
    rest: Sequence[str],
    distinct: Sequence[str],
    names: Sequence[str],
    ordered: bool,
) -> dict[str, int | None]:
    """Take numbers for label ids, where nothing says that they may be something else."""
    if all(star_of(name) is not None for name in names):
        return _by_stars(rest, names)
    ids = {str(number): number for number in range(len(names))}
    scale = {value for value in rest if star_of(value) is not None}
    if is_scale(scale) and not ids.keys() >= scale:
        raise AmbiguousLabelsError("stars", proposed_map(distinct, names))
    numbers = {value for value in rest if re.fullmatch("-?[0-9]+", value)}
    if numbers and not (ids.keys() >= numbers and (ordered or _are_ids(numbers, names))):
        raise AmbiguousLabelsError("numbers", proposed_map(distinct, names))
    return {value: ids[value] for value in sorted(numbers)}


def _by_stars(values: Iterable[str], names: Sequence[str]) -> dict[str, int | None]:
    """Map "3" and "三星" to the label "3 stars": where labels are stars, numbers are no ids."""
    steps = {star_of(name): number for number, name in enumerate(names)}
    if len(steps) < len(names):
        return {}
    return {value: steps.get(star_of(value)) for value in values}


def _are_ids(numbers: Collection[str], names: Sequence[str]) -> bool:
    """Say whether the names tell their order: negative first, or LABEL_0, LABEL_1.

    0 and 1 alone are no ids of three labels.
    """
    if len(names) > 2 and str(len(names) - 1) not in numbers:
        return False
    signs = [polarity(name) for name in names]
    if None in signs:
        return all(name == f"LABEL_{number}" for number, name in enumerate(names))
    return signs == sorted(set(signs), key=lambda sign: sign or 0)


def proposed_map(values: Iterable[str], names: Sequence[str]) -> str:
    """Return a mapping for the user to confirm or change, as `parse_label_map` reads it.

    Of a scale, the lower two fifths are the first label and the upper two fifths the last; of known
    words, each is the label of its polarity; what else there is, is left out.
    """
    distinct = sorted(set(values))
    stars = {value: _truth_of(value) for value in distinct}
    steps = [star for star in stars.values() if star is not None]
    known = _by_polarity(distinct, names)
    groups: dict[str, list[str]] = {name: [] for name in [*names, ""]}
    for value in distinct:
        number, star = known.get(value), stars[value]
        label = "" if number is None else names[number]
        if number is None and star is not None and len(steps) > 1:
            label = _label_at(_share_of(star, steps), names)
        groups[label].append(_number(value) if re.search("[,;=，；＝、]", value) else value)
    parts = [f"{','.join(found)}={name}" for name, found in groups.items() if found]
    return "; ".join(parts)


def _label_at(share: float, names: Sequence[str]) -> str:
    """Return the label of a place on a scale from 0 to 1, the negative one at its lower end."""
    order = [*names]
    if len(_by_polarity(names, names)) == len(names):
        order.sort(key=lambda name: polarity(name) or 0)
    if share < 0.4:
        return order[0]
    if share > 0.6:
        return order[-1]
    return order[1] if len(order) == 3 else ""


def _truth_of(value: str) -> float | None:
    """Return the number that a value says; 0 and 1 for no and yes."""
    if folded(value) in ("false", "no", "否"):
        return 0.0
    if folded(value) in ("true", "yes", "是"):
        return 1.0
    return star_of(value)


def _share_of(star: float, steps: Sequence[float]) -> float:
    """Return where a step stands on its scale, from 0, the worst, to 1."""
    if min(steps) < 0:
        lowest, highest = -1.0, 1.0
    elif max(steps) <= 1 or (min(steps) == 0 and max(steps) <= 2):  # 0, 1, and 2 for the best
        lowest, highest = 0.0, max(1.0, max(steps))
    else:
        tops = (2, 3, 5, 10, 100, max(steps))
        lowest, highest = 1.0, next(top for top in tops if max(steps) <= top)
    return (star - lowest) / (highest - lowest)
