"""The filter of the results: what a typed line asks for, and the names that it may use."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Mask
from models.console import UserError, encodable, tr, usage_error
from tui.batch.findings import dates
from tui.batch.findings.column_store import numbers_of, spelled, strings
from tui.batch.status import Status

# Signs may be in full width, as a Chinese input method types them; values stay as they are typed.
_VALUE = r"""(?: "[^"]*"? | ＂[^＂]*＂? | “[^”]*”? | [^\s|]+ )"""
_VALUES = rf"{_VALUE} (?: \|{_VALUE}? )*"
_TERM = re.compile(
    rf"""
    (?P<minus>-(?=\S))?
    (?: (?P<bound>[<>＜＞][=＝]?) (?P<share>\d{{1,3}}(?:[.．]\d+)?)[%％]?(?!\S)
      | (?P<name>"[^"]+"|[^\s"“＂:：<>＜＞=＝|]+) (?P<sign>==|[:：=＝]|[<>＜＞][=＝]?)
        (?: (?P<values>{_VALUES}) | (?=\s|$) )
      | (?P<texts>{_VALUES}|\|+)
    )
    """,
    re.VERBOSE,
)
_FIELDS = ("label", "status", "is")
_CLOSING = {'"': '"', "＂": "＂", "“": "”"}
_EACH = re.compile(_VALUE, re.VERBOSE)
_HALF_WIDTH = str.maketrans("：＜＞＝", ":<>=")
_SPECIAL = re.compile(r"""[\s"“＂:：<>＜＞=＝|]|^-|^$""")

COMPARE: Mapping[str, Callable[[Any, Any], Mask]] = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}


IS = ("wrong", "right", "corrected")
"""What `is:` may ask for; "wrong" and "right" are of rows with a true label."""


FILTER_HELP = tr(
    "The filter: terms between spaces, all of which must hold, in any order.\n"
    "breakfast room      both words; upper and lower case are one\n"
    '"good room"         a phrase; signs in it find themselves\n'
    "-breakfast          not this\n"
    "breakfast|lunch     one of them\n"
    "label:neg  status:  a label, a status, by their beginning\n"
    "<70%  >=95%         confidence\n"
    "is:wrong  is:right  the label is not, or is, the true one\n"
    "is:corrected        the label was corrected\n"
    "product:phone       a cell of the column contains this; = is the whole cell\n"
    "stars>3  date<=2025-01-31   numbers and dates; date:2025-01 is a month\n"
)
"""The language of the filter, on a page."""


@dataclass(frozen=True)
class Term:
    """A condition on rows: one of some values, or none of them.

    Attributes:
        field: "text", "label", "status", "is", "confidence" or "column".
        values: parts of a text; ids; shares; or what `matches` compares cells with.
        sign: ":", "=", "==", or a key of `COMPARE`.
        column: name of a column of the input.
        negated: whether none of the values may be there.
    """

    field: str
    values: tuple[Any, ...]
    sign: str = ":"
    column: str = ""
    negated: bool = False

    def matches(self, cells: Any) -> Mask:
        """Return which cells of a `pyarrow.Array` of strings have one of the values."""
        return any_of([_cells_with(cells, self.sign, value) for value in self.values])


@dataclass(frozen=True)
class Query:
    """The rows that meet all of some conditions; all rows, where there are none."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(
        cls,
        line: str,
        labels: Sequence[str],
        columns: Sequence[str] = (),
        text_column: str | None = None,
    ) -> "Query":
        """Read a line such as `label:正 -status:look <70% 早餐|早饭 产品:手机 价格>=100`.

        Quotes keep a name, a value or a phrase together: `label:"very good"`.

        Args:
            line: what was typed.
            labels: names of the model's labels.
            columns: names of the columns of the input beside the text.
            text_column: name of the column of the texts.

        Raises:
            UserError: USAGE, no name or several begin like the one that is given; or there is no
                such column.
        """
        names = [*columns, *filter(None, [text_column])]
        terms = []
        for found in _TERM.finditer(encodable(line)):
            term = _term_of(found, labels, names)
            field = "text" if term.column and term.column == text_column else term.field
            terms.append(replace(term, field=field, negated=bool(found["minus"])))
        return cls(tuple(terms))

    @property
    def words(self) -> list[str]:
        """The parts of a text that are wanted."""
        texts = [term.values for term in self.terms if term.field == "text" and not term.negated]
        return [*chain(*texts)]

    def only(self, field: str) -> Any:
        """Return the value that the one term on a field asks for; None where it is not like that.

        Example:
            >>> Query.parse("label:好 早餐", ("差评", "好评")).only("label")
            1
        """
        match [term for term in self.terms if term.field == field]:
            case [Term(values=(value,), negated=False)]:
                return value
        return None


def any_of(masks: Sequence[Mask]) -> Mask:
    """Return where one of some masks is true."""
    return np.logical_or.reduce(masks)


def terms_without(line: str, name: str) -> list[str]:
    """Return the terms of a line but for those that start with `name:`."""
    return [term[0] for term in _TERM.finditer(line) if term["name"] != name]


def quoted(name: str) -> str:
    """Return a name or a value as it can stand in a line."""
    return f'"{name}"' if _SPECIAL.search(name) else name


def _term_of(found: re.Match[str], labels: Sequence[str], columns: Sequence[str]) -> Term:
    if found["share"]:
        percent = found["share"].replace("．", ".")
        sign = found["bound"].translate(_HALF_WIDTH)
        return Term("confidence", (float(percent) / 100,), sign)
    name, sign = found["name"], found["sign"]
    written = found["values"] or found["texts"] or ""
    values = [_unquoted(value) for value in _EACH.findall(written)]  # between "|"
    if name in _FIELDS and sign in ":：=＝":
        return Term(name, tuple(_id_of(name, start, labels) for start in values or [""]))
    if name and values:
        column = _column_of(_unquoted(name), columns)
        return _column_term(column, sign.translate(_HALF_WIDTH), values)
    return Term("text", tuple(values) or (found[0].removeprefix("-"),))


def _column_term(column: str, sign: str, values: Sequence[str]) -> Term:
    """Return a term on a column; raises UserError USAGE for a value that compares with none."""
    if sign in COMPARE:
        values = [unicodedata.normalize("NFKC", value) for value in values]
        for value in values:
            if np.isnan(_number(value)) and _day(value) is None:
                raise usage_error(
                    "expected a number or a date such as 2025-01-31 after {sign}, found {found}",
                    sign=sign,
                    found=value,
                )
    return Term("column", tuple(values), sign, column)


def _unquoted(value: str) -> str:
    if value[0] in _CLOSING:
        return value[1:].removesuffix(_CLOSING[value[0]])
    return value


def _id_of(field: str, start: str, labels: Sequence[str]) -> int:
    """Return the place of a label, a status, or of right, wrong and corrected."""
    if field == "label":
        return _index_of(start, labels)
    if field == "status":
        titles = [status.title for status in Status]
        return _index_of(start, titles, [status.word for status in Status])
    names = (tr("wrong"), tr("right"), tr("corrected"))
    return _index_of(start, names, IS)


def _column_of(start: str, columns: Sequence[str]) -> str:
    try:
        return columns[_index_of(start, columns)]
    except UserError:
        raise usage_error(
            'no column is called {found}, but {names}; write "{found}…" in quotes to find it in '
            "the texts",
            found=start,
            names=list(columns) or "–",
        ) from None


def _number(value: str) -> float:
    return float(numbers_of(strings([value]))[0])


def _day(value: str) -> str | None:
    return dates.names_of(strings([value]), "day")[0]


def _cells_with(cells: Any, sign: str, value: str) -> Mask:
    """Return which cells have a value, by a sign.

    A number is compared by its value and a date by its period, "2025-01" or "2025-W05"; other
    cells contain the value after ":", and are it after "=", whatever the case. "==" takes a cell as
    it is.
    """
    import pyarrow.compute as pc

    if sign == "==":
        return pc.equal(pc.utf8_trim_whitespace(cells), value).to_numpy(False)
    if sign in COMPARE and not np.isnan(number := _number(value)):
        return COMPARE[sign](numbers_of(cells), number)
    if sign in COMPARE:
        days = _periods(cells, "day")
        return COMPARE[sign](days, _day(value)) & (days != "")
    if sign == ":" and value:
        found = pc.match_substring(cells, value, ignore_case=True)
    else:
        trimmed = pc.utf8_trim_whitespace(cells)
        found = pc.equal(pc.utf8_lower(trimmed), value.lower())
    number = spelled(strings([value]))[0]
    matches = pc.coalesce(pc.equal(spelled(cells), number), found).to_numpy(zero_copy_only=False)
    if period := dates.period_of(value):
        matches |= _periods(cells, period) == value
    return matches


def _periods(cells: Any, period: str) -> NDArray[np.str_]:
    names = dates.names_of(cells, period, serials=True)
    return np.array([name or "" for name in names], np.str_)


def _index_of(start: str, *languages: Sequence[str]) -> int:
    """Return the index of the one name that is `start`, or else begins with it, in any language."""
    named = [pair for names in languages for pair in enumerate(names)]
    exact = {index for index, name in named if name == start}
    folded = start.casefold()
    matching = exact or {index for index, name in named if name.casefold().startswith(folded)}
    if len(matching) != 1:
        raise usage_error(
            "expected the beginning of one of {names}, found {found}",
            names=list(languages[0]),
            found=start,
        )
    return matching.pop()
