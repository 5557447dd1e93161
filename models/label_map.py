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
from models.label_proposal import proposed_map
from models.labels import by_polarity, folded, is_of_negatives, label_name, polarity
from models.stars import is_scale, star_number, star_of

_NO_LABEL = frozenset(
    [
        *("nan", "null", "<na>", "na", "n/a", "#n/a", "nil", "\\n"),
        *("未标注", "待标注", "unlabeled", "unlabelled"),
    ]
)
"""What programs write where there is no label."""

_WRAPPED = re.compile(r"""["'“‘「『【《(（]([^"'“”‘’「」『』【】《》()（）]+)["'”’」』】》)）]""")
_QUOTED = re.compile(r"""(?<![^\s,;，；、])"((?:[^"]|"")+)"(?=\s*[,=，＝、])""")
"""A value of a mapping in quotes."""


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

    Signs of full width count as the narrow ones. A value that has some stands in quotes.

    Returns:
        The label of each value, folded; "" where it is left out.

    Raises:
        ValueError: a part has no "=", no value, or a value of a part before.
    """
    quoted = (value.replace('""', '"') for value in _QUOTED.findall(text))
    narrow = _QUOTED.sub("\0", text).translate(str.maketrans("，；＝、", ",;=,"))
    mapping: dict[str, str] = {}
    for part in narrow.split(";"):
        if not part.strip():
            continue
        values, equals, label = part.rpartition("=")
        given = [value.strip() for value in values.split(",") if value.strip()]
        names = [label_name(next(quoted) if value == "\0" else value) for value in given]
        if not equals or not names:
            raise ValueError(part.strip())
        for name in names:
            if mapping.setdefault(folded(name), label.strip()) != label.strip():
                raise ValueError(name)
    return mapping


def mapped(mapping: Mapping[str, str], value: str) -> str:
    """Return what a mapping says of a value, or of its number of stars; else the value."""
    return mapping.get(folded(value), mapping.get(star_number(value), value))


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
        column: name of the column.
    """

    names: Sequence[str]
    mapping: Mapping[str, str] | None
    ids: dict[str, int | None]
    unknown: tuple[str, ...]
    column: str = ""

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
            mapped_all = map_labels(values, self.names, self.mapping, column=self.column)
            found = mapped_all.ids[value]
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
    column: str = "",
) -> LabelMap:
    """Find out what the values of a column stand for.

    Args:
        values: all that occur, as `cell_label` returns them; "" is no label.
        names: of the model's labels, by id.
        mapping: what the user said, from `parse_label_map`.
        ordered: the user said the names in the order of the ids, which numbers then are.
        column: name of the column: 1 in one of "差评" is no id of a positive label.

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
        try:
            ids |= by_polarity(rest, names) | _by_number(rest, names, column, ordered=ordered)
        except ValueError as error:
            proposal = proposed_map(distinct, names, column)
            raise AmbiguousLabelsError(str(error), proposal) from None
    unknown = tuple(value for value in _without_id(ids) if mapped(said, value) != "")
    if unknown and len(_without_id(ids)) == len(distinct):
        raise AmbiguousLabelsError("unknown", proposed_map(distinct, names, column))
    return LabelMap(names, mapping, ids, unknown, column)


def _without_id(ids: Mapping[str, int | None]) -> list[str]:
    return [value for value, number in ids.items() if number is None]


def _finder(names: Sequence[str]) -> Callable[[str], int | None]:
    """Return what finds a label by its name, or by its folded name if no other has the same."""
    exact = {label_name(name): number for number, name in enumerate(names)}
    exact |= {name: number for number, name in enumerate(names)}
    spelt = Counter(map(folded, names))
    alike = {folded(name): number for name, number in exact.items() if spelt[folded(name)] < 2}
    return lambda name: exact.get(name, alike.get(folded(name)))


def _by_number(
    rest: Sequence[str], names: Sequence[str], column: str, *, ordered: bool
) -> dict[str, int | None]:
    """Take numbers for label ids; ValueError, with the reason, where they may be something else."""
    if all(star_of(name) is not None for name in names):
        return _by_stars(rest, names)
    ids = {str(number): number for number in range(len(names))}
    scale = {value for value in rest if star_of(value) is not None}
    if is_scale(scale) and not ids.keys() >= scale:
        raise ValueError("stars")
    numbers = {value for value in rest if re.fullmatch("-?[0-9]+", value)}
    if numbers and not (ids.keys() >= numbers and (ordered or _are_ids(numbers, names, column))):
        raise ValueError("numbers")
    return {value: ids[value] for value in sorted(numbers)}


def _by_stars(values: Iterable[str], names: Sequence[str]) -> dict[str, int | None]:
    """Map "3" and "三星" to the label "3 stars": where labels are stars, numbers are no ids."""
    steps = {star_of(name): number for number, name in enumerate(names)}
    if len(steps) < len(names):
        return {}
    return {value: steps.get(star_of(value)) for value in values}


def _are_ids(numbers: Collection[str], names: Sequence[str], column: str) -> bool:
    """Say whether the names tell their order: negative first, or LABEL_0, LABEL_1.

    0 and 1 alone are no ids of three labels; nor is 1 the positive one in a column of 差评.
    """
    if len(names) > 2 and str(len(names) - 1) not in numbers:
        return False
    signs = [polarity(name) for name in names]
    if None in signs:
        return all(name == f"LABEL_{number}" for number, name in enumerate(names))
    in_order = sorted(set(signs), key=lambda sign: sign or 0)
    return signs == in_order and not is_of_negatives(column)
