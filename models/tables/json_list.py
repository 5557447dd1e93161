"""Finds the objects of JSON that is no JSONL: a list of them, or one after the other over lines."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.tables.encoding import Line

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]]')


class Piece(NamedTuple):
    """What stands between two separators.

    Attributes:
        text: an object, or what should be one, without its line ends.
        first: line on which it begins.
        last: line on which it ends.
        start: offset of its first byte in the file.
        raw: its bytes.
        valid: whether all its lines are of the encoding.
    """

    text: str
    first: int
    last: int
    start: int
    raw: bytes
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
    """Yield the objects; one that is never closed is handed out as it is."""
    splitter = _Splitter(encoding.removesuffix("-sig"))
    for line in lines:
        yield from splitter.add(line)
    yield from splitter.rest()


class _Splitter:
    """Counts braces and brackets outside of strings; the objects may lie in a list."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._depth = 0
        self._in_list = False
        self._parts: list[Piece] = []  # of what is not closed yet, line by line

    def add(self, line: Line) -> Iterator[Piece]:
        """Yield what ends in another line."""
        begin, start = 0, line.start  # of what was not handed out yet: character, byte

        def cut(end: int) -> Piece:
            nonlocal begin, start
            text = line.content[begin:end]
            raw = text.encode(self._encoding, "replace")
            piece = Piece(text, line.number, line.number, start, raw, line.valid)
            begin, start = end, start + len(raw)
            return piece

        for token in _TOKEN.finditer(line.content):
            mark = token[0]
            if mark in "{[":
                if not self._depth:
                    yield from _if_any(cut(token.start()))
                    if mark == "[" and not self._in_list:
                        self._in_list = True
                        cut(token.end())
                        continue
                self._depth += 1
            elif mark in "}]" and self._depth:
                self._depth -= 1
                if not self._depth:
                    self._parts.append(cut(token.end()))
                    yield from self.rest()
            elif mark == "]" and self._in_list:
                yield from _if_any(cut(token.start()))
                cut(token.end())
        last = cut(len(line.content))
        if self._depth:
            self._parts.append(last)
        else:
            yield from _if_any(last)

    def rest(self) -> Iterator[Piece]:
        """Yield the object in hand, as far as there is one."""
        if not self._parts:
            return
        first, last = self._parts[0], self._parts[-1]
        text = " ".join(part.text for part in self._parts)
        raw = b"\n".join(part.raw for part in self._parts)
        valid = all(part.valid for part in self._parts)
        self._parts = []
        yield Piece(text, first.first, last.last, first.start, raw, valid)


def _if_any(piece: Piece) -> Iterator[Piece]:
    """Yield what stands between two objects, unless it is only what parts them."""
    if piece.text.strip(", \t\r"):
        yield piece
