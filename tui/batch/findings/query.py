"""The filter of the results: what a typed line asks for, and the names that it may use."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from tui.batch.answer import Status

# Operators may be in full width, as a Chinese input method types them; other words stay as typed.
_TERM = re.compile(
    r"""
      (?P<name>label|status|is)[:：](?P<value>["＂][^"＂]*["＂]?|\S*)
    | (?P<sign>[<>＜＞])(?P<percent>\d{1,3}(?:[.．]\d+)?)[%％]?(?!\S)
    | \S+
    """,
    re.VERBOSE,
)


def status_names() -> tuple[str, ...]:
    """Name of each `Status`, for people."""
    return tuple(status.title for status in Status)


@dataclass(frozen=True)
class Query:
    """The rows that are wanted; None and the defaults mean all of them.

    Attributes:
        text: part of the text, in any case.
        label: id of the predicted label.
        status: a `Status`.
        right: whether the label is the true one; rows without a true label are neither.
        least: lowest confidence.
        below: confidence that no row reaches.
    """

    text: str = ""
    label: int | None = None
    status: int | None = None
    right: bool | None = None
    least: float = 0.0
    below: float = 2.0

    @classmethod
    def parse(cls, line: str, labels: Sequence[str]) -> "Query":
        """Read a line such as `label:正 status:uncertain is:wrong <70% 早餐`.

        Quotes keep a name with spaces together: `label:"very good"`.

        Raises:
            UserError: USAGE, no name or several begin like the one that is given.
        """
        words: list[str] = []
        wanted: dict[str, Any] = {}
        for term in _TERM.finditer(line):
            start = (term["value"] or "").strip('"＂')
            if term["name"] == "label":
                wanted["label"] = _index_of(start, labels)
            elif term["name"] == "status":
                in_files = [status.word for status in Status]
                wanted["status"] = _index_of(start, status_names(), in_files)
            elif term["name"] == "is":
                names = (tr("wrong"), tr("right"))
                wanted["right"] = _index_of(start, names, ("wrong", "right")) == 1
            elif term["sign"]:
                bound = "below" if term["sign"] in "<＜" else "least"
                wanted[bound] = float(term["percent"].replace("．", ".")) / 100
            else:
                words.append(term[0])
        return cls(" ".join(words), **wanted)


def terms_without(line: str, name: str) -> list[str]:
    """Return the terms of a line but for those that start with `name:`."""
    return [term[0] for term in _TERM.finditer(line) if term["name"] != name]


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
