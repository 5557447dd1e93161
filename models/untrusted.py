"""Model files come from strangers: none is opened before a process of its own survived that."""

import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

from models.console.command import ExitCode, UserError
from models.console.i18n import tr
from models.files import file_digest

MAX_BYTES = 2**31 - 1
"""Largest size of a protocol buffer, and so of an ONNX file that is one."""

SECONDS = 120
"""Time that a file may take to be opened and to answer one text."""

REFUSED = 3
"""Exit status of `models.vetting` when it refused the file, and printed why."""


def check_untrusted(path: Path) -> None:
    """Check a model file once: bytes that passed before are known by their SHA-256.

    Raises:
        UserError: CONFIG, the file is too large, is refused, or crashes what opens it.
    """
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            ExitCode.CONFIG, "{path} is larger than 2 GiB, which no ONNX model is", path=path
        )
    passed = user_cache_path("sentiment-tui") / "admitted"
    mark = passed / file_digest(path)
    if mark.exists():
        return
    problem = _problem_of(path)
    if problem is not None:
        raise UserError(
            ExitCode.CONFIG, "{path} cannot be used as a model: {reason}", path=path, reason=problem
        )
    try:
        passed.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        pass  # a read-only home: the file is checked again next time


def _problem_of(path: Path) -> str | None:
    """Open the file in a child process with limits; return what is wrong with it, or None."""
    # -P: a folder `models` where the program was started must not shadow the package.
    command = [sys.executable, "-P", "-m", "models.vetting", str(path.absolute())]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            capture_output=True,
            timeout=SECONDS,
            encoding="utf-8",
            errors="replace",  # native code may print in another encoding
        )
    except subprocess.TimeoutExpired:
        return tr("opening it took longer than {count} seconds", count=SECONDS)
    if done.returncode == 0:
        return None
    if done.returncode == REFUSED:
        return done.stdout.strip()[:500]
    last_line = done.stderr.strip().rpartition("\n")[2]
    return tr(
        "opening it ended a process with status {code}. {last}",
        code=done.returncode,
        last=last_line[:300],
    )
