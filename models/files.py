"""Writing files whole, the JSON that all programs write, and digests of files."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give a draft beside `path` to write, which takes its place when the body succeeds.

    Killed at any instant, `path` is as it was or whole. If the body fails, the draft goes.

    Example:
        >>> with draft_of(Path("state.json")) as draft:
        ...     draft.write_bytes(json_bytes({"theme": "dark"}))
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        sync(draft)
        draft.replace(path)
        if os.name == "posix":
            sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def json_bytes(value: object, *, indent: int | None = None) -> bytes:
    r"""Return a line of JSON in UTF-8, Chinese as Chinese, half a surrogate pair as "\udcff"."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
