"""How a table is written down: its format, encoding, delimiter, quoting and header."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT_FORMATS = ("csv", "tsv", "jsonl", "txt")
FORMATS = (*TEXT_FORMATS, "xlsx", "parquet")
OUTPUT_FORMATS = ("csv", "tsv", "jsonl", "xlsx", "parquet")
"""Those that have columns, as the answer has."""

QUOTING: Mapping[str, dict[str, Any]] = {
    "double": {},
    "single": {"quotechar": "'"},
    "backslash": {"escapechar": "\\", "doublequote": False},
    "none": {"quoting": csv.QUOTE_NONE},
}
"""How values are quoted, as the csv module is told it."""

_CSV = ("encoding", "delimiter", "quoting", "header")
_USED = {
    **dict.fromkeys(("csv", "tsv"), _CSV),
    **dict.fromkeys(("jsonl", "txt"), ("encoding",)),
    "xlsx": ("header", "sheet"),
    "parquet": (),
}
"""What of a `Dialect` each format has a use for."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written down. None: to be found out, or not of this format.

    Attributes:
        format: one of `FORMATS`.
        encoding: a Python codec; of text formats.
        delimiter: one character; of CSV and TSV.
        quoting: a key of `QUOTING`; of CSV and TSV.
        header: line that names the columns (of XLSX, its row), or the first after it that is not
            blank; those above it are no records. 0: none does, and they are called "1", "2", …
        sheet: of XLSX.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: str | None = None
    header: int = 1
    sheet: str | None = None

    def fitting(self, format: str) -> "Dialect":
        """Return what of it is of use to a format, which may be read now."""
        return Dialect(format, **{name: getattr(self, name) for name in _USED[format]})


def format_of(path: Path) -> str | None:
    """Return the format that the name of a file tells, or None."""
    suffix = path.suffix.lower().removeprefix(".")
    return {"ndjson": "jsonl"}.get(suffix, suffix if suffix in FORMATS else None)
