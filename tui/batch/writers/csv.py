"""Writes CSV and TSV."""

import re
from collections.abc import Sequence

from models.console import tr
from tui.batch.journal import Sink
from tui.batch.writers.base import Writer, as_text


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
        special = f'["\r\n{delimiter}]' if quoted else "[\r\n\t]"
        self._special = re.compile(special.encode())
        if marked:
            file.write("\ufeff".encode())
        self._add([self._cell(column, column) for column in columns])

    def _cell(self, _column: str, value: object, /) -> bytes:
        text = as_text(value)
        # OWASP, "CSV Injection": what a spreadsheet would run begins with one of these.
        if self._excel and text.startswith(tuple("=+-@\t\r")):
            text = f"'{text}"
        cell = text.encode()  # UTF-8 cannot hold half a character alone, which JSON can spell
        if not self._special.search(cell):
            return cell
        if self._quoted:
            return b'"' + cell.replace(b'"', b'""') + b'"'
        raise ValueError(
            tr(
                "TSV cannot hold a tab or a line break in a value; write CSV or JSONL, "
                "or say --quoting double"
            )
        )

    def _add(self, cells: list[bytes]) -> None:
        self._file.write(self._delimiter.join(cells) + b"\n")
