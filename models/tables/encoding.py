"""Physical lines of a text file: their bytes, where these begin, and their text.

Lines end at LF or CRLF and nowhere else: a lone CR, U+0085 or U+2028 is text. Only a file that has
CR and no LF in its first lines is of an old Mac, and ends them at CR. A byte order mark before any
line is passed over: files were joined there. Decoding is strict,
line by line, so that bytes that are not of the encoding cost their own line and no other.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from models.console import data_error, tr, usage_error
from models.tables.records import Place, Problem
from models.tables.source import InputFile, StandardInput

_UTF_16 = ("utf-16-le", "utf-16-be")
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
_CANDIDATES = (
    ("utf-8", True),
    ("gb18030", False),
    ("cp950", True),
    ("big5hkscs", True),
    ("gb18030", True),
)
_PRIVATE_USE = re.compile("[\ue000-\uf8ff]")
_CHINESE = re.compile(
    "[\t\r\n -~\xa0-\xff\u200b-\u203f\u2100-\u27bf\u3000-\u30ff\u3200-\u9fff\ufe0f\uff00-\uffef"
    "\U0001f000-\U0001faff]+"
)
"""What a text in UTF-16 is of whose only zeros are in its line ends."""


_LINES_SHOWN = 3
_FEWEST_ZEROS = 6  # of UTF-16 with signs, digits and line ends; a text may hold one by mistake
_BLOCK = 1 << 16  # bytes


class Line(NamedTuple):
    """One physical line.

    Attributes:
        number: position in the file, counted from 1.
        start: offset of its first byte in the file.
        raw: its bytes, line end included.
        text: decoded, line end included; U+FFFD stands for bytes that are not of the encoding.
        valid: whether all bytes are of the encoding.
    """

    number: int
    start: int
    raw: bytes
    text: str
    valid: bool

    @property
    def content(self) -> str:
        """The text without its line end."""
        if self.text.endswith("\r\n"):
            return self.text[:-2]
        return self.text.removesuffix("\n")


def encoding_of(file: InputFile, told: str | None = None) -> str:
    """Return the encoding of a file that is open at its start.

    Args:
        file: the file; where `told` is None, one that can be read twice.
        told: what the user calls it. A byte order mark makes "utf-16-le" of "utf-16".

    Raises:
        UserError: USAGE, `told` is no encoding of text that Python knows; DATA, it is UTF-16 or
            UTF-32 and nothing tells the byte order; or none is told, and the file is of none of
            `ENCODINGS`.
    """
    _, marked = _byte_order_mark(file)
    if told is None:
        if marked == "utf-8-sig" and not _is_as_marked(file):
            return next(_fitting(file), marked)
        return marked or _unmarked(file) or _detect(file)
    try:
        codec = codecs.lookup(told).name
        is_text = _newline(codec).strip(b"\0") == b"\n"
    except (LookupError, UnicodeError):
        is_text = False
    if not is_text:
        raise usage_error(
            "--encoding {encoding} is none of text that Python knows",
            encoding=told,
        )
    if codec not in ("utf-16", "utf-32"):
        return told
    if marked.startswith(codec):
        return marked
    raise data_error(
        "the input has no byte order mark; say --encoding {encoding}-le or {encoding}-be",
        encoding=codec,
    )


def _unmarked(file: InputFile) -> str | None:
    """Return the UTF-16 that a file begins in which has no byte order mark; None if in none."""
    head = bytes(file.peek())
    if 0 not in head:
        return None
    few = head.count(0) < max(_FEWEST_ZEROS, len(head) // 50)
    for encoding in _UTF_16:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        is_text = _CHINESE.fullmatch(text) if few else "\0" not in text
        if "\n" in text and is_text:  # of other encodings, two bytes are never LF
            return encoding
    return None


def _is_as_marked(file: InputFile) -> bool:
    """Return whether a line that is not ASCII is UTF-8, or all lines are ASCII."""
    lines = (line.valid for line in read_lines(file, "utf-8") if not line.raw.isascii())
    first = next(lines, True)
    found = first or any(lines)
    file.seek(0)
    return found


def _fitting(file: InputFile) -> Iterator[str]:
    """Yield the encodings that the whole file is of, decoded strictly; no statistics."""
    for encoding, private_use in _CANDIDATES:
        if _fits(file, encoding, private_use=private_use):
            yield encoding


def _detect(file: InputFile) -> str:
    """Return the first encoding that the whole file is of."""
    if found := next(_fitting(file), None):
        return found
    failures: dict[str, list[int]] = {}
    for encoding in ENCODINGS:
        failures[encoding] = [line.number for line in read_lines(file, encoding) if not line.valid]
        file.seek(0)
    nearest, lines = min(failures.items(), key=lambda found: len(found[1]))
    others = sum(not line.raw.isascii() for line in read_lines(file, "utf-8"))
    file.seek(0)
    has_zeros = 0 in file.peek()
    wide = [name for name in _UTF_16 if has_zeros and _fits(file, name, private_use=True)]
    if wide or 1 < len(lines) == others:  # of a single one, the place tells more
        raise data_error(
            "{path}: expected UTF-8, GB18030, Big5 or a byte order mark, and it is none of these. "
            "Save the file anew as UTF-8, or name its encoding with --encoding{likely}",
            path=file,
            likely=tr(", likely {encoding}", encoding=wide[0]) if wide else "",
        )
    shown = ", ".join(map(str, lines[:_LINES_SHOWN]))
    raise data_error(
        "{path}: expected UTF-8, GB18030, Big5 or a byte order mark; {encoding} fails in line "
        "{lines} ({count:line} in all). Save the file anew, or say --encoding {encoding}: what is "
        "not of it then costs its own record",
        path=file,
        encoding=nearest,
        lines=f"{shown}, …" if len(lines) > _LINES_SHOWN else shown,
        count=len(lines),
    )


def _fits(file: InputFile, encoding: str, *, private_use: bool) -> bool:
    """Return whether a file is strictly of an encoding, and has private use only where it may."""
    errors = _errors(encoding) if private_use else "strict"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    file.seek(len(_mark_before(file, encoding)))
    block = b"-"
    try:
        while block:
            block = file.read(_BLOCK)
            text = decoder.decode(block, final=not block)
            if not private_use and _PRIVATE_USE.search(text):
                return False
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def _euro(error: UnicodeError) -> tuple[str, int]:
    """Decode the euro beside an amount as Windows writes it in China: 0x80, which GB18030 lacks."""
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        before = error.object[: error.start][-1:]
        after = error.object[error.start + 1 :][:1]
        if before.isdigit() or after in b" 0123456789":
            return "€", error.start + 1
    raise error


codecs.register_error("euro", _euro)


def _errors(codec: str) -> str:
    """Return how bytes are taken that are not of a codec."""
    return "euro" if codec in ("gb18030", "gbk") else "strict"


def read_lines(file: InputFile, encoding: str) -> Iterator[Line]:
    """Yield the lines of a file that is open at its start; its byte order mark is skipped."""
    codec = codecs.lookup(encoding).name
    newline = _newline(codec)
    start = len(_mark_before(file, codec))
    file.read(start)
    codec = codec.removesuffix("-sig")
    cr = newline.replace(b"\n", b"\r")
    is_mac = _is_mac(file, newline, cr)
    split = _split_at(file, cr) if is_mac else _split(file, newline)
    for number, raw in enumerate(split, start=1):
        valid = True
        try:
            text = raw.decode(codec, _errors(codec))
        except UnicodeDecodeError:
            text, valid = raw.decode(codec, "replace"), False
        text = text.removeprefix("\ufeff")
        if is_mac and text.endswith("\r"):
            text = text[:-1] + "\n"
        yield Line(number, start, raw, text, valid)
        start += len(raw)


def place_of(lines: Sequence[Line], number: int = 0) -> Place:
    """Return the place of the record that some lines hold."""
    first, last = lines[0], lines[-1]
    raw = b"".join([line.raw for line in lines])
    return Place(number, first.number, last.number, first.start, raw)


def undecodable(lines: Iterable[Line]) -> Problem | None:
    """Return what is wrong where the bytes of a line are not of the encoding, else None."""
    return None if all(line.valid for line in lines) else undecodable_problem()


def undecodable_problem() -> Problem:
    """Return what is wrong with bytes that are not of the encoding."""
    return "undecodable", tr("these bytes are not of the encoding; name another with --encoding")


def _byte_order_mark(file: InputFile) -> tuple[bytes, str]:
    """Return the byte order mark that a file begins with, and its encoding; empty without one."""
    head = file.peek(4)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return mark, encoding
    return b"", ""


def _mark_before(file: InputFile, encoding: str) -> bytes:
    """Return the mark to pass over: one of this encoding, or of UTF-8, which is often a mistake."""
    mark, marked = _byte_order_mark(file)
    by_mistake = mark == codecs.BOM_UTF8 and len(_newline(encoding)) == 1
    return mark if by_mistake or marked.startswith(encoding) else b""


def _newline(encoding: str) -> bytes:
    """Return the bytes of LF, without the mark that some codecs put before the first character."""
    one, two = "\n".encode(encoding), "\n\n".encode(encoding)
    return two[len(one) :]


def _is_mac(file: InputFile, newline: bytes, cr: bytes) -> bool:
    """Return whether the lines that a file begins with end at CR: several do, and none at LF."""
    if isinstance(file.source, StandardInput):  # may hand out less than a line
        return False
    head = file.peek()
    return newline not in head and cr in head[: -len(cr)]


def _split_at(file: InputFile, end: bytes) -> Iterator[bytes]:
    """Yield the lines of an old Mac."""
    rest = b""
    while block := file.read(_BLOCK):
        *lines, rest = (rest + block).split(end)
        for line in lines:
            yield line + end
    if rest:
        yield rest


def _split(file: InputFile, newline: bytes) -> Iterator[bytes]:
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
