"""Where a table comes from: a file, or standard input."""

import hashlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.console import no_input_error, require_file
from models.files import file_digest

_BUFFER = 1 << 18  # bytes


@dataclass(frozen=True)
class StandardInput:
    """Standard input, which can be read once."""

    def __str__(self) -> str:
        return "-"


Source = Path | StandardInput


def require_source(source: Source) -> None:
    """Raise UserError NO_INPUT unless there is such a file, or standard input is open."""
    if isinstance(source, Path):
        require_file(source)
    elif sys.stdin is None:
        raise no_input_error("standard input is closed")


class _HashedFile(io.FileIO):
    """A file that hashes what is read of it from its start on."""

    def __init__(self, file: Path | int, *, closefd: bool = True) -> None:
        super().__init__(file, closefd=closefd)
        self.sha256 = hashlib.sha256()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.sha256 = hashlib.sha256()
        return super().seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        try:
            count = super().readinto(buffer)
        except OSError as error:
            error.filename = error.filename or self.name  # that the message may name it
            raise
        self.sha256.update(memoryview(buffer)[:count])
        return count


class InputFile(io.BufferedReader):
    """An opened source: the pass that parses it also hashes it, as it is on disk.

    Raises:
        UserError: as `models.tables.packed.Unpacked`.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.packed = False
        if isinstance(source, StandardInput):
            self._file = _HashedFile(sys.stdin.fileno(), closefd=False)
        else:
            self._file = _HashedFile(source)
            self.packed = source.suffix.lower() in (".gz", ".zip")
        raw: io.RawIOBase = self._file
        if self.packed:
            from models.tables.packed import Unpacked

            raw = Unpacked(self._file, Path(str(source)))
        super().__init__(raw, _BUFFER)

    def __str__(self) -> str:
        return str(self.source)

    def whole(self) -> str | io.BytesIO:
        """Return the path, or all that a packed file holds, for libraries that go to and fro."""
        return io.BytesIO(self.read()) if self.packed else str(self)

    def digest(self) -> str:
        """Return the SHA-256 of the input as it was read; what is left is read first."""
        if self.packed:  # its reader goes to and fro
            self._file.seek(0)
            return hashlib.file_digest(self._file, "sha256").hexdigest()
        while self.read(_BUFFER):
            pass
        return self._file.sha256.hexdigest()

    def digest_now(self) -> str:
        """Return the SHA-256 that the file of this name has now, read anew."""
        path = Path(str(self))
        if not os.path.samestat(path.stat(), os.fstat(self.fileno())):  # it was replaced
            return file_digest(path)
        self._file.seek(0)  # below the buffer, which may hold what is no longer there
        return hashlib.file_digest(self._file, "sha256").hexdigest()
