"""The only road from data to a screen, a log or an error message.

A review, a column name or a file name may hold escape sequences that recolour the terminal, set
the clipboard or retitle the window. Neither Rich nor Textual removes them all, so everything that
comes from outside passes through `display` first. What is saved to a file is always the original.
"""

import re
from collections.abc import Collection, Sequence

# C0, DEL and C1 control characters; line and paragraph separators; bidirectional controls; lone
# surrogates (which no encoder accepts).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

_SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """Return a text with U+FFFD for lone surrogates, which JSON can spell and UTF-8 cannot hold."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _visible(character: str) -> str:
    if character < " ":
        return chr(0x2400 + ord(character))  # Control Pictures: ␀ … ␟
    return "␡" if character == "\x7f" else "\N{REPLACEMENT CHARACTER}"


def display(text: object, *, limit: int | None = None, keep: str = "") -> str:
    r"""Return `text` with every character that could act on a terminal made visible.

    Args:
        text: anything; what is no string is shown as `str(text)`.
        limit: longer texts are cut to this many characters, the last one being "…".
        keep: control characters to leave as they are, for widgets that wrap lines: "\n".
    """
    shown = str(text)
    if limit is not None and len(shown) > limit:
        shown = shown[: limit - 1] + "…"

    def replaced(match: re.Match[str]) -> str:
        return match[0] if match[0] in keep else _visible(match[0])

    return _UNSAFE.sub(replaced, shown)


def one_line(text: str, width: int) -> str:
    """Return the beginning of `text` on one line of at most `width` terminal cells."""
    from rich.cells import cell_len, set_cell_size

    # Cut first: measuring a million characters takes a second.
    start = " ".join(text[: 4 * width + 1].split())
    shown = display(start)
    if cell_len(shown) <= width and len(text) <= 4 * width + 1:
        return shown
    return set_cell_size(shown, max(width - 1, 0)).rstrip() + "…"


def aligned(rows: Sequence[Sequence[object]], *, right: Collection[int] = ()) -> list[str]:
    """Lay rows out in columns by terminal cells, in which a Chinese character takes two.

    Args:
        rows: lists of values, all of one length.
        right: columns to align on the right; the others are on the left.

    Returns:
        One line per row.
    """
    from rich.cells import cell_len

    shown = [[display(value) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    lines = []
    for row in shown:
        line = ""
        for column, (value, width) in enumerate(zip(row, widths, strict=True)):
            gap = " " * (width - cell_len(value))
            line += (gap + value if column in right else value + gap) + "  "
        lines.append(line.rstrip())
    return lines
