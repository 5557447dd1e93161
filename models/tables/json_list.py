"""Finds the objects of JSON that is no JSONL: a list of them, or one after the other over lines."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.tables.encoding import Line
from models.tables.records import Place

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]]')


class Piece(NamedTuple):
    """What stands between two separators: an object, or what should be one.

    Attributes:
        text: without its line ends.
        place: where it stands, with 0 for its number.
        valid: whether all its lines are of the encoding.
    """

    text: str
    place: Place
    valid: bool


def is_spread(first: Line) -> bool:
    """Return whether the first line that is not blank begins JSON that is no JSONL.

    A list begins with its bracket, and an object over several lines with its brace alone.
    """
    content = first.content.strip()
    if content.startswith("["):
        return content[1:].lstrip()[:1] in ("", "{")
    return content == "{"


def pieces(lines: Iterable[Line], encoding: str) -> Iterator[Piece]:
    """Yield the objects; one that is not closed is handed out as it is, up to the next."""
    splitter = _Splitter(encoding.removesuffix("-sig"))
    for line in lines:
        yield from splitter.add(line)
    yield from splitter.rest()


class _Splitter:
    """Follows braces and brackets outside of strings; the objects may lie in a list."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._open: list[str] = []  # braces and brackets of the object in hand
        self._before = ""  # the last character of the lines before that is no space
        self._in_list = False
        self._parts: list[Piece] = []  # of what is not closed yet, line by line

    def add(self, line: Line) -> Iterator[Piece]:
        """Yield what ends in another line."""
        begin, start = 0, line.start  # of what was not handed out yet: character, byte

        def cut(end: int) -> Piece:
            nonlocal begin, start
            text = line.content[begin:end]
            raw = text.encode(self._encoding, "replace")
            place = Place(0, line.number, line.number, start, raw)
            begin, start = end, start + len(raw)
            return Piece(text, place, line.valid)

        for token in _TOKEN.finditer(line.content):
            mark = token[0]
            if mark in "{[":
                if mark == "{" and self._is_broken_off(line.content, token.start()):
                    self._open.clear()
                    self._parts += _if_any(cut(token.start()))
                    yield from self.rest()
                if not self._open:
                    yield from _if_any(cut(token.start()))
                    if mark == "[" and not self._in_list:
                        self._in_list = True
                        cut(token.end())
                        continue
                self._open.append(mark)
            elif mark in "}]" and self._open:
                self._open.pop()
                if not self._open:
                    self._parts.append(cut(token.end()))
                    yield from self.rest()
            elif mark == "]" and self._in_list:
                yield from _if_any(cut(token.start()))
                cut(token.end())
                self._in_list = False  # another may follow, where files were joined
        last = cut(len(line.content))
        if self._open:
            self._parts.append(last)
        else:
            yield from _if_any(last)
        self._before = line.content.rstrip()[-1:] or self._before

    def _is_broken_off(self, content: str, start: int) -> bool:
        """Return whether a brace begins another object: in one, it would follow a colon."""
        while start and content[start - 1].isspace():
            start -= 1
        before = content[start - 1] if start else self._before
        return self._open[-1:] == ["{"] and before != ":"

    def rest(self) -> Iterator[Piece]:
        """Yield the object in hand, as far as there is one."""
        if not self._parts:
            return
        texts, places, valid = zip(*self._parts, strict=True)
        raw = b"\n".join(place.raw for place in places)
        place = places[0]._replace(last_line=places[-1].last_line, raw=raw)
        self._parts = []
        yield Piece(" ".join(texts), place, all(valid))


def _if_any(piece: Piece) -> Iterator[Piece]:
    """Yield what stands between two objects, unless it is only what parts them."""
    if piece.text.strip(", \t\r"):
        yield piece
