"""Writes CSV and TSV."""

import re
from collections.abc import Sequence

from models.console import tr
from tui.batch.journal import Sink
from tui.batch.writers.base import Writer, as_text


def special_in(delimiter: str) -> re.Pattern[str]:
    """Return what finds the characters for which a cell needs quotes."""
    return re.compile(f'["\r\n{delimiter}]')


def in_quotes(cell: str, special: re.Pattern[str]) -> str:
    """Return a cell in quotes where it needs them."""
    if special.search(cell) is None:
        return cell
    return '"' + cell.replace('"', '""') + '"'


class CsvWriter(Writer):
    """CSV as RFC 4180 has it, but with LF for a line end; and TSV, which has no quotes."""

    def __init__(
        self,
        file: Sink,
        columns: Sequence[str],
        delimiter: str,
        *,
        quoted: bool = True,
        marked: bool = False,
        excel: bool = False,
    ) -> None:
        super().__init__(file, columns)
        self._delimiter = delimiter.encode()
        self._quoted = quoted
        self._excel = excel
        self._special = special_in(delimiter) if quoted else re.compile("[\r\n\t]")
        if marked:
            file.write("\ufeff".encode())
        self._add([self._cell(column, column) for column in columns])

    def _cell(self, _column: str, value: object, /) -> bytes:
        text = as_text(value)
        # OWASP, "CSV Injection": what a spreadsheet would run begins with one of these.
        if self._excel and text.startswith(tuple("=+-@\t\r")):
            text = f"'{text}"
        if self._quoted:
            text = in_quotes(text, self._special)
        elif self._special.search(text):
            raise ValueError(
                tr(
                    "TSV cannot hold a tab or a line break in a value; write CSV or JSONL, "
                    "or say --quoting double"
                )
            )
        return text.encode()  # UTF-8 cannot hold half a character alone, which JSON can spell

    def _add(self, cells: list[bytes]) -> None:
        self._file.write(self._delimiter.join(cells) + b"\n")
