"""How a table is written down: its format, encoding, delimiter, quoting and header."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT_FORMATS = ("csv", "tsv", "jsonl", "txt")
WORKBOOKS = ("xlsx", "xls", "xlsb", "ods")
FORMATS = (*TEXT_FORMATS, *WORKBOOKS, "parquet")
OUTPUT_FORMATS = ("csv", "tsv", "jsonl", "xlsx", "parquet")
"""Formats with columns, as the answer has."""

QUOTING: Mapping[str, dict[str, Any]] = {
    "double": {},
    "single": {"quotechar": "'"},
    "backslash": {"escapechar": "\\", "doublequote": False},
    "none": {"quoting": csv.QUOTE_NONE},
}
"""Ways to quote values, each with its arguments for the csv module."""

_DELIMITED = ("encoding", "delimiter", "quoting", "header")
_FIELDS = {
    "csv": _DELIMITED,
    "tsv": _DELIMITED,
    "jsonl": ("encoding",),
    "txt": ("encoding",),
    **dict.fromkeys(WORKBOOKS, ("header", "sheet")),
    "parquet": (),
}
"""Fields of a `Dialect` that each format has a use for."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written down. None: not known yet, or not of this format.

    Attributes:
        format: one of `FORMATS`.
        encoding: name of a Python codec; text formats only.
        delimiter: one character; CSV and TSV only.
        quoting: key of `QUOTING`; CSV and TSV only.
        header: number of the line that names the columns (row of a workbook), or of a blank one
            before it; lines above it are no records. 0: there is none, and the names are
            "1", "2", …
        sheet: name of the sheet; workbooks only.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: str | None = None
    header: int = 1
    sheet: str | None = None

    def fitting(self, format: str) -> "Dialect":
        """Return the dialect of a table in this format, with what the format has a use for."""
        return Dialect(format, **{name: getattr(self, name) for name in _FIELDS[format]})


_OTHER_SUFFIXES = {"ndjson": "jsonl", "json": "jsonl", "xlsm": "xlsx", "et": "xls"}


def plain_format(path: Path) -> str | None:
    """Return the format that the last suffix of a name tells, or None."""
    suffix = path.suffix.lower().removeprefix(".")
    format = _OTHER_SUFFIXES.get(suffix, suffix)
    return format if format in FORMATS else None
