"""Model files are input from strangers: none is opened before a process of its own survived it."""

import hashlib
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

from models.console.command import ExitCode, UserError
from models.console.display import display
from models.console.i18n import tr

MAX_BYTES = 2**31 - 1
"""ONNX keeps a model in one protocol buffer, and those end here."""

SECONDS = 120
"""How long a file may take to be opened and to answer one text."""

REFUSED = 3
"""Exit status of `models.vetting` when it found what is wrong, and printed it."""


def admit(path: Path) -> None:
    """Check a model file once: bytes that passed before are known by their SHA-256.

    Raises:
        UserError: CONFIG, the file is too large, is refused, or crashes what opens it.
    """
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            ExitCode.CONFIG, "{path} is larger than 2 GiB, which no ONNX model is", path=path
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known = user_cache_path("sentiment-tui") / "admitted"
    if (known / digest).exists():
        return
    problem = _vet(path)
    if problem is not None:
        raise UserError(
            ExitCode.CONFIG,
            "{path} cannot be used as a model: {reason}",
            path=path,
            reason=display(problem),
        )
    try:
        known.mkdir(parents=True, exist_ok=True)
        (known / digest).touch()
    except OSError:
        pass  # a read-only home: the file is checked again next time


def _vet(path: Path) -> str | None:
    """Open the file in a child with limits; return what is wrong with it, or None."""
    # -P: a folder `models` where the program was started must not shadow the package.
    command = [sys.executable, "-P", "-m", "models.vetting", str(path.absolute())]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            capture_output=True,
            timeout=SECONDS,
            encoding="utf-8",
            errors="replace",  # what native code prints may be in another
        )
    except subprocess.TimeoutExpired:
        return tr("opening it took longer than {count} seconds", count=SECONDS)
    if done.returncode == 0:
        return None
    if done.returncode == REFUSED:
        return done.stdout.strip()[:500]
    last = done.stderr.strip().rpartition("\n")[2][:300]
    return tr(
        "opening it ended a process with status {code}. {last}", code=done.returncode, last=last
    )
