"""The file system as a run that must survive anything uses it: every call in one place.

A run works in a hidden folder beside its output. There its answers are noted as they come, which
is what makes it resumable, and its files are written as drafts, synced, and then given a name that
is free: so a name either has the whole content or is not there, whatever happens in between, and no
file of anybody else is lost. The tests make each call of `os` in this module fail in turn.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from models.arrays import Float32
from models.console import ExitCode, UserError, cannot_create_error

_BUFFER = 1 << 20  # bytes
_PUBLIC = 0o666  # what the umask leaves of it

_NO_LINKS = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""How file systems say that they have no hard links: FAT, and some that are shared or mounted."""

_NOT_OURS = (errno.EAGAIN, errno.EACCES, errno.ENOENT, errno.ESTALE)
"""How locking a file fails that another run holds, or has just removed, here or over NFS."""

Stamp = tuple[int, ...]
"""What tells a file from another of its name: device, inode, size, time of its last change."""


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
            del self._buffer[: os.write(self._descriptor, self._buffer)]

    def finish(self) -> None:
        """Say that there is no more."""
        self.flush()


class Draft(Sink):
    """A file that is being written, and synced when it is finished.

    Args:
        path: of the file; one that is there goes.
        mode: its permissions, of which the umask may take some.
    """

    def __init__(self, path: Path, mode: int = _PUBLIC) -> None:
        remove(path)  # it may have another name by now, and would be emptied under that, too
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        super().__init__(os.open(path, flags, mode))

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

    Its first line says what the run is, behind a digest of that. Then come chunks of answers,
    float32, each behind a digest of itself and its texts. From the first that isn't whole it is
    written anew.

    Attributes:
        folder: the run's, in which it stands.
        head: what its first line says; b"" in a new one, and where it is damaged.
        resumable: whether it holds answers.
        keep: whether the folder stays, even if nothing in it can be resumed.
    """

    def __init__(self, folder: Path, descriptor: int) -> None:
        """Read how it begins."""
        self.folder = folder
        self._descriptor = descriptor
        line, end, rest = os.read(self._descriptor, _BUFFER).partition(b"\n")
        self.head, self._start = b"", 0
        self.resumable = self.keep = False
        if end:  # else it is new, or torn in its first line
            self.head = _unsealed(line)
            self._start = len(line) + 1
            self.resumable = bool(rest)
        self.rewind()

    def begin(self, head: bytes) -> None:
        """Forget what it holds, and write a first line, its line end included."""
        self._end, self.resumable = 0, False
        line = hashlib.sha256(head).hexdigest().encode() + b" " + head
        self._append(line)
        self._start = len(line)

    def rewind(self) -> None:
        """Go back to the first answers, to load them."""
        self._end = self._start
        self._reading = True
        os.lseek(self._descriptor, self._end, os.SEEK_SET)

    def load(self, texts: Sequence[str], width: int) -> Float32 | None:
        """Return the next answers, `[texts, width]`; None from the first that are not there."""
        if not self._reading:
            return None
        size = 4 * len(texts) * width
        entry = os.read(self._descriptor, 32 + size)
        digest, payload = entry[:32], entry[32:]
        if digest != _digest(texts, payload):
            return None
        self._end += len(entry)
        return np.frombuffer(payload, dtype="<f4").reshape(len(texts), width)

    def save(self, texts: Sequence[str], answers: Float32) -> None:
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
            content = content[os.write(self._descriptor, content) :]
        os.fsync(self._descriptor)


def _digest(texts: Sequence[str], payload: bytes) -> bytes:
    return hashlib.sha256(json.dumps(texts).encode() + payload).digest()


def _unsealed(line: bytes) -> bytes:
    """Return what the first line of a journal says, without its line end; b"" if it is damaged."""
    if line.startswith(b"{"):  # of a version that wrote no digest
        return line
    seal, _, head = line.partition(b" ")
    return head if seal == hashlib.sha256(head + b"\n").hexdigest().encode() else b""


def followed(path: Path) -> Path:
    """Return where a symlink leads, whether something is there or not; another path as it is."""
    is_link = os.path.islink(path)  # noqa: PTH114 - which raises for no name that cannot be
    return Path(os.path.realpath(path)) if is_link else path


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of what has this name, itself a symlink or not; None where it is free."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def place(draft: Path, path: Path, *, force: bool, mode: int | None = None) -> None:
    """Give a finished draft its name, for good; it may keep the old one as well.

    Args:
        draft: the file.
        path: its new name.
        force: whether what has this name is replaced.
        mode: permissions to give it.

    Raises:
        FileExistsError: the name is taken, and `force` is not given.
    """
    if mode is not None:
        os.chmod(draft, mode)  # noqa: PTH101 - this is the module of such calls
    if force:
        os.replace(draft, path)  # noqa: PTH105
    else:
        try:
            os.link(draft, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _place_without_link(draft, path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place_without_link(draft: Path, path: Path) -> None:
    """Take the name with an empty file, and replace that; raises FileExistsError."""
    mark = draft.with_name("placing")
    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT, 0o600))
    try:
        taken = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        remove(mark)
        raise
    os.close(taken)
    os.replace(draft, path)  # noqa: PTH105


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108


def run_folder(output: Path) -> Path:
    """Return where a run of an output keeps what it has done; it is there while that can go on."""
    output = followed(output)
    return output.with_name(f".{output.name}.run")


def head_of(folder: Path) -> bytes:
    """Return what the journal of a run says of it; raises OSError if there is none."""
    with open(folder / "journal", "rb") as file:  # noqa: PTH123
        return _unsealed(file.readline(_BUFFER).removesuffix(b"\n"))


@contextmanager
def journal_of(output: Path, mode: int = _PUBLIC) -> Iterator[Journal]:
    """Hold the journal of an output's run alone; the kernel lets go if we die.

    The run's folder is made where there is none, and goes when nothing in it can be resumed.

    Raises:
        UserError: LOCKED, another process holds it, or has just removed it; CANNOT_CREATE.
        OSError: by the name of the output, where the system gives none, as for a full disk.
    """
    folder = run_folder(output)
    before = stamp_of(followed(output))
    journal, descriptor = None, -1
    mine = disposable = False  # until it has a journal to ask, a folder goes that was made here
    try:  # a signal may end this run between any two calls
        try:
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700 | mode | (mode & 0o044) >> 2)  # noqa: PTH102
                disposable = True
            with suppress(FileNotFoundError):  # it is removed at this moment
                descriptor = os.open(folder / "journal", os.O_RDWR | os.O_CREAT, mode)
                mine = lock(descriptor, folder)
        except OSError as error:
            raise cannot_create_error(
                "{path} cannot be created: {reason}",
                path=folder,
                reason=error.strerror,
            ) from error
        if not mine:
            raise _locked(folder)
        journal = Journal(folder, descriptor)
        yield journal
    except OSError as error:
        lost = isinstance(error, FileNotFoundError)
        if lost and stamp_of(followed(output)) != before:  # two runs met, where locks do nothing
            raise _locked(folder) from error
        error.filename = error.filename or str(output)
        raise
    finally:
        try:
            if journal is not None:
                disposable = not (journal.resumable or journal.keep)
            if mine and disposable:
                discard(folder)
        finally:
            _let_go(descriptor, folder)


def _let_go(descriptor: int, folder: Path) -> None:
    """Close a journal; then its folder goes, if it is empty, which over NFS it is only now."""
    try:
        if descriptor >= 0:
            os.close(descriptor)
    finally:
        with suppress(OSError):
            os.rmdir(folder)  # noqa: PTH106


def lock(descriptor: int, folder: Path) -> bool:
    """Lock the journal of a run; return whether it is ours, and still the one in the folder."""
    import fcntl  # Windows, where the app alone runs, has none

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # NFS shares no lock of a folder
        return os.path.samestat(os.stat(folder / "journal"), os.fstat(descriptor))  # noqa: PTH116
    except OSError as error:
        if error.errno in _NOT_OURS:
            return False
        raise


def _locked(folder: Path) -> UserError:
    return UserError(
        ExitCode.LOCKED, "another run is writing this output: it holds {path}", path=folder
    )


def discard(folder: Path) -> None:
    """Remove the files of a run, as far as that can be done; its folder goes when it is let go."""
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            os.unlink(folder / name)  # noqa: PTH108
