"""The file system as a run that must survive anything uses it: every call in one place.

A run works in a hidden folder beside its output. There its answers are noted as they come, which
is what makes it resumable, and its files are written as drafts, synced, and then renamed: so a name
either has the whole content or is not there, whatever happens in between. The tests make each call
of `os` in this module fail in turn.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np

from models.console.command import ExitCode, UserError
from models.console.display import display
from tui.batch.answer import Floats

_BUFFER = 1 << 20  # bytes


class Sink:
    """Bytes on their way to an open file, as standard output is.

    Args:
        descriptor: of the file.

    Attributes:
        digest: SHA-256 of all that was written.
        size: number of bytes.
        closed: whether the file was let go.
    """

    closed = False

    def __init__(self, descriptor: int) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._descriptor = descriptor
        self._buffer = bytearray()

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
            written = os.write(self._descriptor, self._buffer)
            del self._buffer[:written]

    def finish(self) -> None:
        """Say that there is no more."""
        self.flush()


class Screen(Sink):
    """Standard output where it is a terminal, on which nothing that is written can act."""

    def __init__(self) -> None:
        super().__init__(1)

    def write(self, content: bytes) -> int:
        """Take whole lines of UTF-8, and show their control characters instead of sending them."""
        shown = display(content.decode(), keep="\n\t")
        super().write(shown.encode())
        return len(content)


class Draft(Sink):
    """A file that is being written, and synced when it is finished."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        super().__init__(os.open(path, flags, 0o666))

    def write(self, content: bytes) -> int:
        """Take bytes; a closed draft drops them, for a library that is stopped may still write."""
        if self.closed:
            return len(content)
        return super().write(content)

    def finish(self) -> None:
        """Flush, wait for the disk, and close."""
        self.flush()
        os.fsync(self._descriptor)
        self.close()

    def close(self) -> None:
        """Let go of the file, whatever of it was written."""
        if not self.closed:
            self.closed = True
            self._buffer.clear()
            descriptor, self._descriptor = self._descriptor, -1  # soon another file has this number
            os.close(descriptor)


class Journal:
    """The answers of a run so far: a file that only grows, but for what a crash left torn.

    Its first line says what the run is. Then come chunks of answers, float32, each behind a digest
    of itself and its texts. From the first that isn't whole it is written anew.

    Attributes:
        folder: the run's, in which it stands.
        head: its first line, without the line end; b"" in a new one.
        resumable: whether it holds answers.
    """

    def __init__(self, folder: Path) -> None:
        """Open it, or begin it."""
        self.folder = folder
        self._descriptor = os.open(folder / "journal", os.O_RDWR | os.O_CREAT, 0o666)
        found = os.read(self._descriptor, _BUFFER)
        self.head, self._end, self.resumable = b"", 0, False
        if b"\n" in found:  # else it is new, or torn in its first line
            self.head, _, rest = found.partition(b"\n")
            self._end = len(self.head) + 1
            self.resumable = bool(rest)
        self._reading = True
        os.lseek(self._descriptor, self._end, os.SEEK_SET)

    def begin(self, head: bytes) -> None:
        """Forget what it holds, and write a first line, its line end included."""
        self._end, self.resumable = 0, False
        self._append(head)

    def load(self, texts: Sequence[str], width: int) -> Floats | None:
        """Return the next answers, `[texts, width]`; None from the first that are not there."""
        if not self._reading:
            return None
        size = 4 * len(texts) * width
        entry = os.read(self._descriptor, 32 + size)
        digest, payload = entry[:32], entry[32:]
        if digest != _digest(texts, payload):
            return None
        self._end += len(entry)
        answers = np.frombuffer(payload, dtype="<f4")
        return answers.reshape(len(texts), width)

    def save(self, texts: Sequence[str], answers: Floats) -> None:
        """Append answers, and wait for the disk."""
        payload = answers.astype("<f4").tobytes()
        self._append(_digest(texts, payload) + payload)
        self.resumable = True

    def _append(self, content: bytes) -> None:
        if self._reading:
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            self._reading = False
        while content:
            written = os.write(self._descriptor, content)
            content = content[written:]
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def _digest(texts: Sequence[str], payload: bytes) -> bytes:
    written = json.dumps(texts).encode()
    return hashlib.sha256(written + payload).digest()


def publish(draft: Path, path: Path) -> None:
    """Give a finished draft its name, for good."""
    os.replace(draft, path)  # noqa: PTH105 - this is the module of such calls
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108


def run_folder(output: Path) -> Path:
    """Return where a run of an output keeps what it has done; it is there while that can go on."""
    return output.with_name(f".{output.name}.run")


def head_of(output: Path) -> bytes:
    """Return the first line of the journal of an output's run; raises OSError if there is none."""
    with open(run_folder(output) / "journal", "rb") as file:  # noqa: PTH123
        return file.readline(_BUFFER)


@contextmanager
def journal_of(output: Path) -> Iterator[Journal]:
    """Hold the folder of an output's run alone, and open its journal; the kernel lets go if we die.

    The folder is made where there is none, and goes when nothing in it can be resumed.

    Raises:
        UserError: LOCKED, another process holds it, or has just removed it; CANNOT_CREATE.
    """
    import fcntl  # Windows, where the app alone runs, has none

    folder = run_folder(output)
    descriptor = journal = None
    disposable = not folder.exists()  # once we hold it, and until it has a journal to ask
    try:  # a signal may end this run between any two calls
        try:
            with suppress(FileExistsError):
                os.mkdir(folder)  # noqa: PTH102
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise UserError(
                ExitCode.CANNOT_CREATE,
                "{path} cannot be created: {reason}",
                path=folder,
                reason=error.strerror,
            ) from error
        mine = False
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.stat(folder), os.fstat(descriptor))  # noqa: PTH116
        if not mine:
            disposable = False
            raise UserError(
                ExitCode.LOCKED, "another run is writing this output: it holds {path}", path=folder
            )
        journal = Journal(folder)
        yield journal
    finally:
        with ExitStack() as stack:
            if descriptor is not None:
                stack.callback(os.close, descriptor)
            if journal is not None:
                stack.callback(journal.close)
                disposable = not journal.resumable
            if disposable:
                discard(folder)


def discard(folder: Path) -> None:
    """Remove a folder and the files in it, as far as that can be done."""
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            os.unlink(folder / name)  # noqa: PTH108
        os.rmdir(folder)  # noqa: PTH106
