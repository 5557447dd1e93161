"""Names of columns: the one that has the texts, the one that has the labels."""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from models.console import data_error, display, one_line, tr
from models.tables.kinds import (
    has_texts,
    is_date,
    is_figure,
    is_mark,
    is_title,
    likeness,
    parting,
    says_text,
)

TEXT_COLUMNS = (
    *("text", "text_a", "review", "reviews", "comment", "comments", "content", "sentence"),
    *("文本", "评论", "评价", "内容", "句子", "正文"),
    *("评论内容", "评价内容", "评论文本", "评价文本", "评论正文"),
    *("用户评论", "用户评论内容", "点评内容", "reviewcontent", "ratecontent", "review text"),
    *("微博正文", "微博内容", "微博中文内容"),
    *("評論", "評價", "內容", "評論內容", "評價內容"),
)
WEAK_TEXT_COLUMNS = ("data", "评语")
"""Names that count only where there is none of the others."""

LABEL_COLUMNS = ("label", "labels", "class", "sentiment", "标签", "类别", "標籤", "類別")


_REMARK = re.compile(
    r"[(\[【<《].*?[)\]】>》]|[*:\s]|^(?:第?q?\d+题?[._、)-]*)(?=\D)|必填|选填|required|optional",
    re.DOTALL,
)
_NO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff\xad\0]")
_MOST_SHOWN = 20  # columns in an error
_TITLES = 5  # rows below the first that may have the names
_VALUE_WIDTH = 30  # cells of a value in an error
_LONGEST_NAME = 100  # characters


class Columns(NamedTuple):
    """Columns of a table, to find one among them.

    Attributes:
        table: name of the table, for the error.
        names: names of the columns.
        samples: some values of each, where they are known.
        has_header: whether another line of the table may have the names.
        labels: the column that was named to have the labels: it is none of texts.
        format: of the table.
        rows: its first, each with its line, where another line may have the names.
    """

    table: str
    names: Sequence[str]
    samples: Mapping[str, Sequence[Any]] = {}
    has_header: bool = False
    labels: str | None = None
    format: str = ""
    rows: Sequence[tuple[int, Sequence[str]]] = ()


def find_column(
    columns: Columns, wanted: str | None, known: Sequence[str], flag: str | None = None
) -> str:
    """Return the wanted column, or the only one with a known name.

    A name is known in any case, with a remark in brackets, a line break or an asterisk too. Columns
    of lists, numbers, stars and links are no candidates for the texts; nor are those of grades and
    codes beside one that has texts, and a name that says so.

    Args:
        columns: those that there are.
        wanted: the column that the user named, or None.
        known: names to look for in lower case if none was named.
        flag: option that names the column, for the error.

    Raises:
        UserError: DATA, there is no such column, or more than one is known, or the names of the
            columns seem to stand further below.
    """
    if wanted is not None:
        found = [wanted] if wanted in columns.names else []
    else:
        found = _known(columns, known)
        if found and known == TEXT_COLUMNS and (line := _header_below(columns)):
            raise data_error(
                "{name}: expected the names of the columns in one line, found more names in line "
                "{line}; say --header {line} if these count, else name yours with --text-column",
                name=columns.table,
                line=line,
            )
    if len(found) == 1:
        return found[0]
    if found:
        problem = tr("expected only one of {names}", names=" | ".join(found))
    elif wanted is not None:
        problem = tr("expected a column called {names}", names=wanted)
    elif known == LABEL_COLUMNS:
        problem = tr("no column is known by its name to have the labels")
    else:
        problem = tr("no column is known by its name to have the texts")
    raise data_error(
        "{name}: {problem}, found the columns {columns}{hint}",
        name=columns.table,
        problem=problem,
        columns=_shown(columns),
        hint=_hint(columns, found or _alike(columns, wanted), flag, (wanted,) if wanted else known),
    )


def _known(columns: Columns, known: Sequence[str]) -> list[str]:
    """Return the columns with a known name: exactly, else but for remarks, else with a weak one."""
    candidates: Sequence[str] = columns.names
    weak: Sequence[str] = ()
    if known == TEXT_COLUMNS:  # a label may stand in a list
        candidates = [name for name in candidates if _may_hold_texts(columns, name)]
        weak = WEAK_TEXT_COLUMNS
    ways = ((_first_of_its_name, known), (_without_remarks, known), (_first_of_its_name, weak))
    for simplified, names in ways:
        if found := [name for name in candidates if simplified(name) in names]:
            return found
    return []


def _may_hold_texts(columns: Columns, name: str) -> bool:
    """Return whether a column is not plainly of something else than texts."""
    values = columns.samples.get(name, ())
    if name == columns.labels or _holds_lists(columns, name):
        return False
    if len(columns.names) == 1 or not values or not all(map(is_mark, values)):
        return True
    others = [other for other in columns.names if other != columns.labels and says_text(other)]
    beside = any(has_texts(columns.samples.get(other, ())) for other in others)
    return not all(map(is_figure, values)) and not beside


def _holds_lists(columns: Columns, name: str) -> bool:
    values = columns.samples.get(name, ())
    return bool(values) and all(isinstance(value, list | dict) or value == "[]" for value in values)


def _shown(columns: Columns) -> str:
    """Return the columns for people, each with its first value."""
    shown = []
    for name in columns.names[:_MOST_SHOWN]:
        values = columns.samples.get(name)
        value = f" = {one_line(str(values[0]), _VALUE_WIDTH)}" if values else ""
        shown.append(one_line(name, _VALUE_WIDTH) + value)
    if len(columns.names) > _MOST_SHOWN:
        shown.append("…")
    return (" | " if columns.samples else ", ").join(shown)


def _alike(columns: Columns, wanted: str | None) -> list[str]:
    """Return the columns that look like the wanted one, or differ by case or spaces."""
    shown = _without_remarks(wanted or "")
    return [name for name in columns.names if shown and _without_remarks(name) == shown]


def _hint(columns: Columns, found: Sequence[str], flag: str | None, wanted: Sequence[str]) -> str:
    """Return what to do, with the column that is likely meant."""
    if flag is None:
        return ""
    if not found and _lies_deeper(columns):
        return tr("; the texts lie inside of these: write each record as an object on its own line")
    if len(found) != 1 and (hint := _reread(columns, wanted)):
        return hint + tr(", else name yours with {flag}", flag=flag)
    hint = tr("; name yours with {flag}", flag=flag)
    likely = found[0] if len(found) == 1 else _likely(columns, found or columns.names)
    if likely is not None and (found or flag == "--text-column"):
        hint += tr(", likely {flag} {column}", flag=flag, column=_quoted(likely))
    if columns.has_header:
        hint += tr(", or with --header the line that has the names, 0 if none has")
        if len(columns.names) == 1 and columns.format in ("csv", "tsv"):
            hint += tr(", or with --delimiter what parts them")
    return hint


def _reread(columns: Columns, wanted: Sequence[str]) -> str:
    """Return how to read a table whose names stand in another line, or are parted by another sign.

    Nothing, where neither seems so.
    """
    if not columns.has_header:
        return ""
    if line := _names_line(columns, wanted):
        return tr("; say --header {line} if the names stand in line {line}", line=line)
    lines = [*columns.names, *(values[0] for _, values in columns.rows if len(values) == 1)]
    lines = [line for line in lines if not line.lower().startswith("sep=")]
    if len(columns.names) > 1 or columns.format not in ("csv", "tsv") or not lines:
        return ""
    sign = parting(lines)
    if sign is None:
        return ""
    if columns.format == "tsv" and sign in ",;|":
        return tr("; say --from csv if {sign} parts the columns", sign=sign)
    shown = shlex.quote(sign) if sign.isprintable() else f"$'\\x{ord(sign):02x}'"
    return tr(
        "; say --delimiter {sign} if that parts the columns",
        sign="TAB" if sign == "\t" else shown,
    )


def _lies_deeper(columns: Columns) -> bool:
    """Return whether there are objects or lists, and no texts beside them."""
    values = [value for samples in columns.samples.values() for value in samples]
    has_text = any(isinstance(value, str) for value in values)
    return not has_text and any(_holds_lists(columns, name) for name in columns.names)


def _names_line(columns: Columns, wanted: Sequence[str]) -> int | None:
    """Return the line that seems to have the names, one of the wanted: above it stands a title."""
    for line, values in columns.rows[:_TITLES]:
        filled = [*filter(None, values)]
        if has_name(filled, wanted) and all(map(is_title, filled)):
            return line
    return None


def _header_below(columns: Columns) -> int | None:
    """Return the line of a record that seems to be a header, below another of titles or names.

    All its cells are words, in a column where all below are numbers or dates too; and one of them
    is a known name, or the header above has columns without a name.
    """
    is_gapped = not all(map(_first_of_its_name, columns.names))
    rows = [row for row in columns.rows if len(row[1]) == len(columns.names)]
    for index, (line, values) in enumerate(rows[:_TITLES]):
        if not all(map(is_title, values)) or not (is_gapped or has_name(values)):
            continue
        for below in zip(*(values for _, values in rows[index + 1 :]), strict=True):
            filled = [*filter(None, below)]
            if filled and all(is_figure(value) or is_date(value) for value in filled):
                return line
    return None


def has_name(values: Iterable[Any], wanted: Sequence[str] = TEXT_COLUMNS) -> bool:
    """Return whether there is one of some names of columns among values."""
    names = _simplified(tuple(wanted))
    return any(_without_remarks(str(value)[:_LONGEST_NAME]) in names for value in values)


@lru_cache(maxsize=8)
def _simplified(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_without_remarks, names)) - {""}


def _quoted(name: str) -> str:
    """Return a name as a command line takes it."""
    shown = display(name, limit=60)
    return shown if re.fullmatch(r"[\w#-]+", name) else shlex.quote(shown)


def _likely(columns: Columns, names: Sequence[str]) -> str | None:
    """Return the column that looks most like one of texts."""
    found = {name: likeness(name, columns.samples.get(name, ())) for name in names}
    found.pop(str(columns.labels), None)
    rated = {name: rating for name, rating in found.items() if rating is not None}
    return max(rated, key=lambda name: rated[name], default=None)


def _first_of_its_name(column: str) -> str:
    """Return the name that the header shows for a column: "text" for "text#2"."""
    shown = _NO_WIDTH.sub("", unicodedata.normalize("NFKC", column)).strip()
    return re.sub("#[0-9]+$", "", shown).lower()


def _without_remarks(column: str) -> str:
    """Return that name without line breaks and what stands in brackets."""
    return _REMARK.sub("", _first_of_its_name(column))


def unique(names: Iterable[str]) -> list[str]:
    """Call the second column of a name "name#2", so that no value is lost to the other."""
    found: dict[str, None] = {}
    last: dict[str, int] = {}  # number of each name; those below it are taken
    for name in names:
        called, count = name, last.get(name, 1)
        while called in found:
            count += 1
            called = f"{name}#{count}"
        found[called] = None
        last[name] = count
    return list(found)
