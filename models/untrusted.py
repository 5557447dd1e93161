"""Model files come from strangers: none is opened before a process of its own survived that."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from models.console import config_error, tr
from models.files import file_digest
from models.session import installed

MAX_BYTES = 2**31 - 1
"""Largest size of a protocol buffer, and so of an ONNX file that is one."""

REFUSED = 3
"""Exit status of `models.vetting` when it refused the file, and printed why."""


WAITS = 4
"""Seconds that are waited for one of computing: the machine may have other work."""

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Environment in which libraries reserve no memory for every core of a large machine."""


class RefusedError(Exception):
    """A file that is not opened; the message is the reason."""


class Limits(NamedTuple):
    """Limits of the process that checks a file.

    Attributes:
        seconds: of computing.
        memory: bytes of address space.
    """

    seconds: int
    memory: int

    def granted(self) -> "Limits":
        """Return what of them the limits of this process (`ulimit -H`) leave."""
        if sys.platform == "win32":
            return self
        import resource

        granted = []
        for kind, wanted in zip((resource.RLIMIT_CPU, resource.RLIMIT_AS), self, strict=True):
            _, hard = resource.getrlimit(kind)
            granted.append(wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
        return Limits(*granted)


def limits_for(size: int) -> Limits:
    """Return the limits for a file of `size` bytes.

    Python and ONNX Runtime alone take a second and 1 GiB of addresses; a file is read into memory
    some six times, and on a slow core computing with 1 MB of weights takes up to 0.2 s.
    """
    return Limits(seconds=10 + size // (5 << 20), memory=(3 << 29) + 8 * size)


def check_untrusted(path: Path) -> None:
    """Check a model file once: bytes that passed before are known by their SHA-256.

    Raises:
        UserError: CONFIG, the file is too large, is refused, or crashes what opens it.
    """
    if path.stat().st_size > MAX_BYTES:
        raise config_error("{path} is larger than 2 GiB, which no ONNX model is", path=path)
    passed = user_cache_path("sentiment-tui") / "vetted"
    mark = passed / f"{file_digest(path)}-{_checker()}"
    if _is_private(passed) and mark.exists():
        return
    problem = _problem_of(path)
    if problem is not None:
        raise config_error("{path} cannot be used as a model: {reason}", path=path, reason=problem)
    try:
        passed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        passed.mkdir(mode=0o700, exist_ok=True)  # whatever the umask
        mark.touch()
    except OSError:
        pass  # a read-only home: the file is checked again next time


def _checker() -> str:
    """Return a digest of what a check depends on beside the file: another may find more."""
    code = sorted(Path(__file__).parent.glob("vetting*.py"))
    parts = [file_digest(path) for path in code]
    for name in ("sentiment-tui", "onnx", "onnxruntime", "onnxruntime-gpu", "tokenizers"):
        found = installed(name)
        parts.append(f"{name} {found}")
    joined = "\n".join(parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def _is_private(folder: Path) -> bool:
    """Return whether nobody else could have put a mark into a folder."""
    if sys.platform == "win32":
        return True
    try:
        found = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):  # a link to one is none
        return False
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid == os.getuid() and not others


def _problem_of(path: Path) -> str | None:
    """Open the file in a child process with limits; return what is wrong with it, or None."""
    wanted = limits_for(path.stat().st_size)
    granted = wanted.granted()
    problem = _verdict(path, granted)
    if problem is None or granted == wanted:
        return problem
    return tr(
        "{reason} (it was checked within the limits of this process, ulimit -H: {seconds} s and "
        "{memory} MiB, where {more_seconds} s and {more_memory} MiB were wanted)",
        reason=problem,
        seconds=granted.seconds,
        memory=granted.memory >> 20,
        more_seconds=wanted.seconds,
        more_memory=wanted.memory >> 20,
    )


def _verdict(path: Path, limits: Limits) -> str | None:
    # -P: a folder `models` where the program was started must not shadow the package.
    command = [sys.executable, "-P", "-m", "models.vetting", str(path.absolute())]
    too_long = tr("opening it took longer than {count} seconds", count=limits.seconds)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [*command, *map(str, limits)],
            capture_output=True,
            env=os.environ | ONE_THREAD,
            timeout=WAITS * limits.seconds,
            encoding="utf-8",
            errors="replace",  # native code may print in another encoding
        )
    except subprocess.TimeoutExpired:
        return too_long
    if done.returncode == 0:
        return None
    if done.returncode == REFUSED:
        return done.stdout.strip()[:500]
    if sys.platform != "win32" and done.returncode == -signal.SIGXCPU:
        return too_long
    last_line = done.stderr.strip().rpartition("\n")[2]
    return tr(
        "opening it ended a process with status {code}. {last}",
        code=done.returncode,
        last=last_line[:300],
    )
