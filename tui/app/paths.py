"""Paths that people type or paste: whatever was typed, only `require_inside` raises.

The app asks `os.path` of such paths: `pathlib` raises for a home that nobody has (`~~`), a name
that is too long, a folder that is closed.
"""

import os
from pathlib import Path

from models.console import usage_error


def typed_path(typed: str) -> Path:
    """Return the path that was typed; a `~` that is nobody's home stays what it is."""
    return Path(os.path.expanduser(typed))


def typed_output(typed: str, proposed: Path) -> Path:
    """Return the file to write; where a folder was typed, the proposed one in there."""
    path = typed_path(typed)
    if os.path.isdir(path):
        return path / proposed.name
    return path


def is_inside(path: Path, root: Path | None) -> bool:
    """Return whether a path leads into a folder, symbolic links followed; None is everywhere."""
    if root is None:
        return True
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    except ValueError:  # a null byte
        return False


def require_inside(path: Path, root: Path | None) -> None:
    """Raise UserError USAGE unless a path leads into `root`."""
    if not is_inside(path, root):
        raise usage_error(
            "{path} is outside {root}: only files in that folder can be opened and saved here",
            path=path,
            root=root,
        )
