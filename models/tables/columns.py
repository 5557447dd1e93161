"""Names of columns: the one that has the texts, the one that has the labels."""

import re
from collections.abc import Iterable, Sequence

from models.console.command import ExitCode, UserError
from models.console.display import display
from models.console.i18n import tr

TEXT_COLUMNS = (
    *("text", "text_a", "review", "reviews", "comment", "comments", "content", "sentence"),
    *("文本", "评论", "评价", "内容", "句子", "正文"),
    *("评论内容", "评价内容", "评论文本", "评价文本"),
    *("評論", "評價", "內容", "評論內容", "評價內容"),
)
LABEL_COLUMNS = ("label", "labels", "class", "sentiment", "标签", "类别", "標籤", "類別")


def find_column(
    where: str,
    columns: Sequence[str],
    wanted: str | None,
    known: Sequence[str],
    flag: str | None = None,
    *,
    has_header: bool = False,
) -> str:
    """Return the wanted column, or the only one with a known name.

    Args:
        where: name of the table, for the error.
        columns: names of its columns.
        wanted: the column that the user named, or None.
        known: names to look for in lower case if none was named.
        flag: option that names the column, for the error.
        has_header: whether another line of the table may have the names, for the error.

    Raises:
        UserError: DATA, there is no such column, or more than one is known.
    """
    if wanted is not None:
        found = [wanted] if wanted in columns else []
    else:
        found = [name for name in columns if _first_of_its_name(name) in known]
    if len(found) == 1:
        return found[0]
    if found:
        expected = tr("only one of {names}", names=" | ".join(found))
    else:
        names = " | ".join(known) if wanted is None else wanted
        expected = tr("a column called {names}", names=names)
    hint = tr("; name yours with {flag}", flag=flag) if flag else ""
    if has_header:
        hint += tr(", or with --header the line that has the names")
    raise UserError(
        ExitCode.DATA,
        "{name}: expected {expected}, found the columns {columns}{hint}",
        name=where,
        expected=expected,
        columns=display(", ".join(columns), limit=500),
        hint=hint,
    )


def _first_of_its_name(column: str) -> str:
    """Return the name that the header has for a column: "text" for "text#2"."""
    return re.sub("#[0-9]+$", "", column.strip()).lower()


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
