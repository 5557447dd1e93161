"""Physical lines of a text file: their bytes, where these begin, and their text.

Lines end at LF or CRLF and nowhere else: a lone CR, U+0085 or U+2028 is text. Decoding is strict,
line by line, so that bytes that are not of the encoding cost their own line and no other.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.tables.records import Place, Problem

_MARKS = {  # the UTF-32 ones first: the little-endian one begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
ENCODINGS = ("utf-8", "gb18030", "cp950", "big5hkscs")
"""Told without a byte order mark. Big5 is as Windows has it, then as Hong Kong has it."""

# Nearly all bytes are GB18030, but two of five characters of Big5 would be of private use in it:
# text that has some is GB18030 where it is no Big5.
_TRIED = (*((name, name != "gb18030") for name in ENCODINGS), ("gb18030", True))
_PRIVATE_USE = re.compile("[\ue000-\uf8ff]")


class Line(NamedTuple):
    """One physical line.

    Attributes:
        number: counted from 1.
        start: offset of its first byte in the file.
        raw: its bytes, line end included.
        text: decoded, line end included; where `valid` is False, with U+FFFD for what isn't text.
        valid: whether the bytes are of the encoding.
    """

    number: int
    start: int
    raw: bytes
    text: str
    valid: bool

    @property
    def content(self) -> str:
        """The text without its line end."""
        text = self.text
        return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def detect_encoding(path: Path) -> str:
    """Return the encoding of a file: by its byte order mark, else the first that all of it is of.

    The whole file is decoded, strictly: what this returns will not fail later. No statistics.

    Raises:
        UserError: DATA, it is none of them.
    """
    failures: dict[str, str] = {}
    with path.open("rb") as file:
        if marked := _mark(file):
            return marked[1]
        for encoding, private_use in _TRIED:
            file.seek(0)
            bad = (
                line.number
                for line in read_lines(file, encoding)
                if not line.valid or (not private_use and _PRIVATE_USE.search(line.text))
            )
            line = next(bad, None)
            if line is None:
                return encoding
            failures[encoding] = tr("{encoding} fails in line {line}", encoding=encoding, line=line)
    raise UserError(
        ExitCode.DATA,
        "{path}: expected UTF-8, GB18030, Big5 or a byte order mark; {failures}. "
        "Name the encoding with --encoding: what is not of it then costs its own record",
        path=path,
        failures=", ".join(failures.values()),
    )


def read_lines(file: BufferedReader, encoding: str) -> Iterator[Line]:
    """Yield the lines of a file that is open at its start; its byte order mark is skipped.

    Raises:
        UserError: USAGE, `encoding` is none of text that Python knows; DATA, it is UTF-16 or
            UTF-32 and nothing tells the byte order.
    """
    try:
        codec = codecs.lookup(with_byte_order(file, encoding)).name
        usable = _newline(codec).strip(b"\0") == b"\n"
    except (LookupError, UnicodeError):
        usable = False
    if not usable:
        raise UserError(
            ExitCode.USAGE,
            "--encoding {encoding} is none of text that Python knows",
            encoding=encoding,
        )
    start = 0
    marked = _mark(file)
    if marked and marked[1].startswith(codec):
        start = len(file.read(len(marked[0])))
    if codec in ("utf-16", "utf-32"):
        raise UserError(
            ExitCode.DATA,
            "the input has no byte order mark; say --encoding {encoding}-le or {encoding}-be",
            encoding=codec,
        )
    codec = codec.removesuffix("-sig")
    for number, raw in enumerate(_split(file, _newline(codec)), start=1):
        try:
            yield Line(number, start, raw, raw.decode(codec), True)
        except UnicodeDecodeError:
            yield Line(number, start, raw, raw.decode(codec, "replace"), False)
        start += len(raw)


def with_byte_order(file: BufferedReader, encoding: str) -> str:
    """Return the codec that the byte order mark of a file makes of "utf-16" and "utf-32"."""
    marked = _mark(file)
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        return encoding
    told = marked is not None and codec in ("utf-16", "utf-32") and marked[1].startswith(codec)
    return marked[1] if marked and told else encoding


def place_of(lines: Sequence[Line], number: int = 0) -> Place:
    """Return the place of the record that some lines hold."""
    raw = lines[0].raw if len(lines) == 1 else b"".join(line.raw for line in lines)
    return Place(number, lines[0].number, lines[-1].number, lines[0].start, raw)


def undecodable(lines: Iterable[Line]) -> Problem | None:
    """Return what is wrong where the bytes of a line are not of the encoding, else None."""
    if all(line.valid for line in lines):
        return None
    return "undecodable", tr("these bytes are not of the encoding; name another with --encoding")


def _mark(file: BufferedReader) -> tuple[bytes, str] | None:
    head = file.peek(4)
    return next((pair for pair in _MARKS.items() if head.startswith(pair[0])), None)


def _newline(encoding: str) -> bytes:
    """Return the bytes of LF, without the mark that some codecs put before the first character."""
    return "\n\n".encode(encoding)[len("\n".encode(encoding)) :]


def _split(file: BufferedReader, newline: bytes) -> Iterator[bytes]:
    """Yield the lines; those of UTF-16 and UTF-32 end where a whole unit is LF."""
    line = bytearray()
    while piece := file.readline():
        line += piece
        line += file.read(-len(line) % len(newline))  # the rest of the unit
        if line.endswith(newline):
            yield bytes(line)
            line.clear()
    if line:
        yield bytes(line)
