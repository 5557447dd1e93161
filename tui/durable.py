"""The file system as a run that must survive anything uses it: every call in one place.

A file is written as a draft, synced, and renamed; then its folder is synced. So a name either has
the whole content or is not there, whatever happens in between. The tests make each call of `os`
in this module fail in turn.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.command import ExitCode, UserError
from models.i18n import tr

_BUFFER = 1 << 20  # bytes


class Draft:
    """A file that is being written; also what stands for standard output.

    Attributes:
        digest: SHA-256 of all that was written.
        size: in bytes.
    """

    def __init__(self, path: Path | None) -> None:
        """Create `path`, or take standard output."""
        self._owned = path is not None
        self.digest = hashlib.sha256()
        self.size = 0
        self.closed = False
        self._buffer = bytearray()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(path, flags, 0o666) if path is not None else 1

    def write(self, content: bytes) -> int:
        """Take bytes; they reach the file when there are enough of them, or at `flush`."""
        self.digest.update(content)
        self.size += len(content)
        self._buffer += content
        if len(self._buffer) >= _BUFFER:
            self.flush()
        return len(content)

    def tell(self) -> int:
        """Return how many bytes were taken."""
        return self.size

    def flush(self) -> None:
        """Hand what was taken to the operating system."""
        while self._buffer:
            del self._buffer[: os.write(self._descriptor, self._buffer)]

    def finish(self) -> None:
        """Flush, and wait for the disk; standard output is only flushed."""
        self.flush()
        if self._owned:
            os.fsync(self._descriptor)
            self.close()

    def close(self) -> None:
        """Let go of the file, whatever of it was written."""
        if self._owned and not self.closed:
            os.close(self._descriptor)
        self.closed = True


def save(path: Path, content: bytes, draft: Path) -> None:
    """Write a small file, whole or not at all, by way of `draft`."""
    file = Draft(draft)
    try:
        file.write(content)
        file.finish()
    finally:
        file.close()
    publish(draft, path)


def publish(draft: Path, path: Path) -> None:
    """Give a finished draft its name, for good."""
    os.replace(draft, path)  # noqa: PTH105 - this is the module of such calls
    _sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    try:
        os.unlink(path)  # noqa: PTH108
    except FileNotFoundError:
        return


def clear(folder: Path) -> None:
    """Remove the files in a folder."""
    for name in os.listdir(folder):  # noqa: PTH208
        os.unlink(folder / name)  # noqa: PTH108


def read(path: Path) -> bytes | None:
    """Return the content of a small file, or None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        content = bytearray()
        while block := os.read(descriptor, _BUFFER):
            content += block
        return bytes(content)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder where there is none, and hold it alone; the kernel lets go when we end.

    Raises:
        UserError: LOCKED, another process holds it; CANNOT_CREATE.
    """
    while (descriptor := _hold(folder)) is None:
        pass
    try:
        yield
    finally:
        os.close(descriptor)


def _hold(folder: Path) -> int | None:
    """Return the descriptor of the locked folder; None where another run has just removed it."""
    import fcntl

    descriptor = None
    try:
        with suppress(FileExistsError):
            os.mkdir(folder)  # noqa: PTH102
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == os.stat(folder).st_ino:  # noqa: PTH116
            held, descriptor = descriptor, None
            return held
    except BlockingIOError as error:
        raise UserError(
            ExitCode.LOCKED,
            tr("another run is writing this output: it holds {path}", path=folder),
        ) from error
    except OSError as error:
        if descriptor is None or not isinstance(error, FileNotFoundError):
            raise UserError(
                ExitCode.CANNOT_CREATE,
                tr("{path} cannot be created: {reason}", path=folder, reason=error.strerror),
            ) from error
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return None


def discard(folder: Path) -> None:
    """Remove a folder and the files in it, as far as that can be done."""
    with suppress(OSError):
        clear(folder)
        os.rmdir(folder)  # noqa: PTH106
