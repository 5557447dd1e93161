"""The filter of the results: what a typed line asks for, and the names that it may use."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from tui.batch.answer import Status
from tui.batch.findings import dates
from tui.batch.findings.column_store import numbers_of

UNSURE = Status.UNCERTAIN

# Signs may be in full width, as a Chinese input method types them; values stay as they are typed.
_VALUE = r"""(?: "[^"]*"? | ＂[^＂]*＂? | “[^”]*”? | [^\s|]+ )"""
_TERM = re.compile(
    rf"""
    (?P<minus>-)?
    (?: (?P<name>"[^"]+"|[^\s"“＂:：<>＜＞=＝|]+)? (?P<sign>==|[:：=＝]|[<>＜＞][=＝]?) )?
    (?P<values>{_VALUE}? (?: \|{_VALUE}? )*)
    """,
    re.VERBOSE,
)
_CLOSING = {'"': '"', "＂": "＂", "“": "”"}
_EACH = re.compile(_VALUE, re.VERBOSE)
_PERCENT = re.compile(r"(\d{1,3}(?:[.．]\d+)?)[%％]?")
_HALF_WIDTH = str.maketrans("：＜＞＝", ":<>=")
_SPECIAL = re.compile(r"""[\s"“＂:：<>＜＞=＝|]|^-|^$""")

Mask = NDArray[np.bool_]
COMPARE: Mapping[str, Callable[[Any, Any], Mask]] = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}


IS = ("wrong", "right", "corrected")
"""What `is:` may ask for; "wrong" and "right" are of rows with a true label."""


def status_names() -> tuple[str, ...]:
    """Name of each `Status`, for people."""
    return tuple(status.title for status in Status)


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
        """Read a line such as `label:正 -status:uncertain <70% 早餐|早饭 产品:手机 价格>=100`.

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
        for found in _terms(line):
            term = _term_of(found, labels, names)
            if term.column and term.column == text_column:
                term = replace(term, field="text")
            terms.append(term)
        return cls(tuple(terms))

    def only(self, field: str) -> Any:
        """Return the value that the one term on a field asks for; None where it is not like that.

        Example:
            >>> Query.parse("label:好 早餐", ("差评", "好评")).only("label")
            1
        """
        terms = [term for term in self.terms if term.field == field]
        if len(terms) == 1 and len(terms[0].values) == 1 and not terms[0].negated:
            return terms[0].values[0]
        return None


def any_of(masks: Sequence[Mask]) -> Mask:
    """Return where one of some masks is true."""
    found: Mask = np.logical_or.reduce(masks)
    return found


def terms_without(line: str, name: str) -> list[str]:
    """Return the terms of a line but for those that start with `name:`."""
    return [term[0] for term in _terms(line) if term["name"] != name]


def quoted(name: str) -> str:
    """Return a name or a value as it can stand in a line."""
    return f'"{name}"' if _SPECIAL.search(name) else name


def _terms(line: str) -> list[re.Match[str]]:
    return [term for term in _TERM.finditer(line) if term[0]]


def _term_of(term: re.Match[str], labels: Sequence[str], columns: Sequence[str]) -> Term:
    name = term["name"] or ""
    sign = (term["sign"] or "").translate(_HALF_WIDTH)
    values = [_unquoted(value) for value in _EACH.findall(term["values"])]
    negated = bool(term["minus"])
    if name in ("label", "status", "is") and sign in (":", "="):
        ids = [_id_of(name, value, labels) for value in values or [""]]
        return Term(name, tuple(ids), negated=negated)
    shares = [_PERCENT.fullmatch(value) for value in values]
    if not name and sign in COMPARE and all(shares):
        bounds = [float(share[1].replace("．", ".")) / 100 for share in shares if share]
        return Term("confidence", tuple(bounds), sign, negated=negated)
    if name and sign and values:
        column = _column_of(_unquoted(name), columns)
        if sign in COMPARE:
            _require_comparable(sign, values)
        return Term("column", tuple(values), sign, column, negated)
    if sign or not values:  # marks of a text: "缺点：", ":)", "-"
        whole = term[0]
        negated = negated and whole != "-"
        values = [whole[negated:]]
    return Term("text", tuple(values), negated=negated)


def _unquoted(value: str) -> str:
    if value[0] in _CLOSING:
        return value[1:].removesuffix(_CLOSING[value[0]])
    return value


def _id_of(field: str, start: str, labels: Sequence[str]) -> int:
    """Return the place of a label, a status, or of right, wrong and corrected."""
    if field == "label":
        return _index_of(start, labels)
    if field == "status":
        return _index_of(start, status_names(), [status.word for status in Status])
    names = (tr("wrong"), tr("right"), tr("corrected"))
    return _index_of(start, names, IS)


def _column_of(start: str, columns: Sequence[str]) -> str:
    try:
        return columns[_index_of(start, columns)]
    except UserError:
        raise UserError(
            ExitCode.USAGE,
            'no column is called {found}, but {names}; write "{found}…" in quotes to find it in '
            "the texts",
            found=start,
            names=", ".join(columns) or "–",
        ) from None


def _require_comparable(sign: str, values: Sequence[str]) -> None:
    for value in values:
        if np.isnan(_number(value)) and _day(value) is None:
            raise UserError(
                ExitCode.USAGE,
                "expected a number or a date such as 2025-01-31 after {sign}, found {found}",
                sign=sign,
                found=value,
            )


def _number(value: str) -> float:
    return float(numbers_of(_array([value]))[0])


def _day(value: str) -> str | None:
    return dates.names_of(_array([value]), "day")[0]


def _array(values: Sequence[str]) -> Any:
    import pyarrow

    return pyarrow.array(values, pyarrow.string())


def _cells_with(cells: Any, sign: str, value: str) -> Mask:
    """Return which cells have a value, by a sign.

    A number is compared by its value and a date by its period, "2025-01" or "2025-W05"; other
    cells contain the value after ":", and are it after "=", whatever the case. "==" takes a cell as
    it is.
    """
    import pyarrow.compute as pc

    if sign == "==":
        exact: Mask = pc.equal(pc.utf8_trim_whitespace(cells), value).to_numpy(False)
        return exact
    numbers = numbers_of(cells)
    number = _number(value)
    if sign in COMPARE and not np.isnan(number):
        return COMPARE[sign](numbers, number)
    if sign in COMPARE:
        days = np.array([day or "" for day in dates.names_of(cells, "day", serials=True)])
        return COMPARE[sign](days, _day(value)) & (days != "")
    if sign == ":" and value:
        found = pc.match_substring(cells, value, ignore_case=True)
    else:
        found = pc.equal(pc.utf8_lower(pc.utf8_trim_whitespace(cells)), value.lower())
    matches: Mask = found.to_numpy(zero_copy_only=False)
    if not np.isnan(number):
        is_number = ~np.isnan(numbers)
        matches[is_number] = numbers[is_number] == number
    period = dates.period_of(value)
    if period is not None:
        names = dates.names_of(cells, period, serials=True)
        matches |= np.array([name == value for name in names], dtype=bool)
    return matches


def _index_of(start: str, *languages: Sequence[str]) -> int:
    """Return the index of the one name that is `start`, or else begins with it, in any language."""
    exact: set[int] = set()
    begun: set[int] = set()
    for names in languages:
        for index, name in enumerate(names):
            if name == start:
                exact.add(index)
            if name.casefold().startswith(start.casefold()):
                begun.add(index)
    matching = exact or begun
    if len(matching) != 1:
        raise UserError(
            ExitCode.USAGE,
            "expected the beginning of one of {names}, found {found}",
            names=", ".join(languages[0]),
            found=start,
        )
    return matching.pop()
