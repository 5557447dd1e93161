"""Values of cells: those that JSON lacks, and what stands for them."""

import datetime
from dataclasses import dataclass
from typing import Any

from models.console import tr


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell of a workbook that has no value to read.

    Attributes:
        shown: what it has instead: "#N/A", or a formula.
        code: "error_cell" or "no_stored_value", as docs/files.md has them.
    """

    shown: str
    code: str

    def __repr__(self) -> str:
        return self.shown

    @property
    def problem(self) -> str:
        """What is wrong, for people."""
        if self.code == "error_cell":
            return tr("the cell shows the error {shown}; mend it in Excel", shown=self.shown)
        return tr(
            "the value of the formula {shown} was never stored; open the file in Excel or WPS and "
            "save it",
            shown=f"{self.shown:.60}",
        )


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dates of XLSX and Arrow scalars are converted.

    Raises:
        UnicodeDecodeError: a Parquet file has bytes for a string that are not UTF-8.
    """
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return _iso_duration(value)
    if isinstance(value, CellError):
        return value.shown
    if not hasattr(value, "as_py"):
        return value
    import pyarrow

    types = pyarrow.types
    if types.is_temporal(value.type) and not types.is_duration(value.type):
        written = value.cast(pyarrow.string()).as_py()  # all nine digits of a nanosecond
        return written and written.replace(" ", "T")  # ISO 8601
    found = value.as_py()
    return _iso_duration(found) if isinstance(found, datetime.timedelta) else found


def shown(value: Any) -> Any:
    """Return a value as `plain` does, with U+FFFD for what Python cannot have of Arrow."""
    try:
        return plain(value)
    except (ValueError, ArithmeticError):  # bytes that are not UTF-8, or too long a duration
        if hasattr(value, "as_buffer"):
            return value.as_buffer().to_pybytes().decode("utf-8", "replace")
        return "\N{REPLACEMENT CHARACTER}"


def _iso_duration(duration: datetime.timedelta) -> str:
    """Return a duration as ISO 8601 writes it: "PT30H", "PT1H5M2.5S"."""
    sign = "-" if duration < datetime.timedelta() else ""
    minutes, rest = divmod(abs(duration), datetime.timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    written = f"{hours}H" if hours else ""
    if minutes:
        written += f"{minutes}M"
    if rest or not written:
        fraction = f".{rest.microseconds:06}".rstrip("0").removesuffix(".")
        written += f"{rest.seconds}{fraction}S"
    return f"{sign}PT{written}"
