"""Unpacks a table while it is read: GZIP, and ZIP with one table."""

import gzip
import io
import os
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from models.console import UserError, data_error, tr
from models.tables.dialect import plain_format
from models.tables.packers import GZIP, misnamed, packed_with

MOST_UNPACKED = 256 << 20
"""Bytes that a file may hold whatever its size on disk is."""

MOST_RATIO = 100
"""Times its size on disk that a file may hold beyond that: tables have 3 to 20."""

_PARTS = {
    "word/document.xml": "docx",
    "ppt/presentation.xml": "pptx",
    "xl/workbook.bin": "xlsb",
    "content.xml": "ods",
    "[content_types].xml": "xlsx",
}
_MARKS = {".gz": GZIP, ".zip": b"PK"}
_DAMAGED = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)


def tables_in(file: Path | IO[bytes]) -> list[str]:
    """Return the names of the tables in a ZIP file; none where it is no such file."""
    try:
        with zipfile.ZipFile(file) as archive:
            return _tables(archive)
    except _DAMAGED:
        return []


def zipped_format(file: str | IO[bytes]) -> str | None:
    """Return the format of an office program that is a ZIP file; None of another one."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = {name.lower() for name in archive.namelist()}
    except _DAMAGED:
        return None
    return next((found for part, found in _PARTS.items() if part in names), None)


def _tables(archive: zipfile.ZipFile) -> list[str]:
    """Return the members with a name of a table, but for those that a Mac hides in there."""
    names = []
    for entry in archive.infolist():
        name = PurePosixPath(entry.filename)
        hidden = name.name.startswith(".") or name.parts[:1] == ("__MACOSX",)
        if not entry.is_dir() and not hidden and plain_format(Path(name.name)):
            names.append(entry.filename)
    return names


class Unpacked(io.RawIOBase):
    """The bytes in a packed file, which can be read again from the start.

    Raises:
        UserError: DATA, it is damaged, has a password, holds no or several tables; or more than
            `MOST_UNPACKED` bytes and `MOST_RATIO` times its size.
    """

    def __init__(self, file: io.FileIO, path: Path) -> None:
        self._file, self._path = file, path
        size = os.fstat(file.fileno()).st_size
        self._most = max(MOST_UNPACKED, MOST_RATIO * size)
        try:
            self._stream = self._open()
        except _DAMAGED as error:
            raise self._damaged() from error

    def _open(self) -> io.BufferedIOBase:
        head = self._file.read(8)
        self._file.seek(0)
        suffix = self._path.suffix.lower()
        if head and not head.startswith(_MARKS[suffix]):
            raise self._misnamed(head)
        if suffix == ".gz":
            return gzip.GzipFile(fileobj=self._file, mode="rb")
        archive = zipfile.ZipFile(self._file)
        names = _tables(archive)
        if len(names) != 1:
            raise data_error(
                "{path}: expected one table in it, found {found}; unpack it, and name the file",
                path=self._path,
                found=names or "-",
            )
        if archive.getinfo(names[0]).flag_bits & 1:
            raise data_error(
                "{path} is protected with a password; unpack it first",
                path=self._path,
            )
        return cast("zipfile.ZipExtFile", archive.open(names[0]))

    def _misnamed(self, head: bytes) -> UserError:
        found = packed_with(head)
        for suffix, mark in _MARKS.items():
            if head.startswith(mark):
                found = tr("a {suffix} file; call it so", suffix=suffix)
        if found is None:
            return data_error(
                "{path} is not packed, whatever its name says; take {suffix} off its name",
                path=self._path,
                suffix=self._path.suffix,
            )
        return misnamed(self._path, self._path.suffix[1:], found)

    def _damaged(self) -> UserError:
        return data_error(
            "{path} cannot be unpacked: it is damaged, or cut short; fetch it again",
            path=self._path,
        )

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the packed file."""
        return self._file.fileno()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to another place, for which all before it may be unpacked anew."""
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; return how many bytes there were."""
        try:
            count = self._stream.readinto(buffer)
        except _DAMAGED as error:
            raise self._damaged() from error
        if self._stream.tell() > self._most:
            raise data_error(
                "{path} holds over {ratio} times its size: no table does; unpack it to have it "
                "read all the same",
                path=self._path,
                ratio=MOST_RATIO,
            )
        return count

    def close(self) -> None:
        """Close the packed file."""
        if not self.closed:
            self._file.close()
        super().close()
