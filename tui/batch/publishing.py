"""Where an output goes with what stands beside it, and how all of that gets its names.

Nothing is replaced that this program did not write as part of an earlier run of the same output,
unless the user says so: it is looked at before the run and again at its end, and a name is only
ever taken while it is free.
"""

import json
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.console import UserError, cannot_create_error
from models.files import file_digest
from models.tables import Source
from tui.batch.journal import (
    Stamp,
    followed,
    head_of,
    lock,
    place,
    remove,
    run_folder,
    stamp_of,
)
from tui.batch.settings import BatchSettings

_KINDS = ("receipt.json", "rejects.jsonl")


def sidecar(output: Path, kind: str) -> Path:
    """Return where the "rejects.jsonl" or the "receipt.json" of an output is."""
    output = followed(output)
    return output.with_name(f"{output.name}.{kind}")


@dataclass(frozen=True)
class Target:
    """Files that a run is to write, and what it may replace for that.

    Attributes:
        output: where the records go; no symlink.
        names: the files to write: the output, and where there are any, the rejects and the receipt.
        ours: what an earlier run left under these names.
        force: whether the rest is replaced, too.
        mode: permissions of what is written, as private as the input.
        old_mode: permissions of the output that is to be replaced; the new one gets them.
    """

    output: Path
    names: tuple[Path, ...]
    ours: Mapping[Path, Stamp]
    force: bool
    mode: int
    old_mode: int | None

    def taken(self) -> Path | None:
        """Return the first name that has something which is not ours; None if all are free."""
        taken = (name for name in self.names if stamp_of(name) not in (None, self.ours.get(name)))
        return next(taken, None)

    def publish(self, drafts: Mapping[Path, Path]) -> None:
        """Give finished drafts their names, one by one.

        The receipt comes before the rejects, for it is by its digest that a run knows them as its
        own if this one is killed in between; the output comes last.

        Args:
            drafts: the draft of each name, in order.

        Raises:
            UserError: CANNOT_CREATE, a file appeared under one of the names; the drafts stay.
        """
        taken = None if self.force else self.taken()
        if taken is not None:
            raise _appeared(taken, drafts[self.output])
        for name in reversed(self.names):
            if name in self.ours or (self.force and name not in drafts):
                remove(name)
        placed: list[Path] = []
        for name, draft in drafts.items():
            mode = self.old_mode if name == self.output else None
            try:
                place(draft, name, force=self.force, mode=mode)
            except FileExistsError as error:  # between the look and now
                for mine in placed:
                    remove(mine)
                raise _appeared(name, drafts[self.output]) from error
            placed.append(name)


def _appeared(path: Path, draft: Path) -> UserError:
    return cannot_create_error(
        "{path} appeared during the run, and is left as it is. The finished output is kept as "
        "{draft}: from a file, the same command with --force or another --output ends at once",
        path=path,
        draft=draft,
    )


def check_output(path: Path, settings: BatchSettings, *, alone: bool = False) -> Target:
    """Return where an output is to be written, and what stands there already.

    Args:
        path: its name; a symlink is followed.
        settings: of the run.
        alone: whether it is written without a receipt and rejects.

    Raises:
        UserError: CANNOT_CREATE, it must not be written with these settings.
    """
    output, source = followed(path), settings.source
    beside = [sidecar(output, kind) for kind in _KINDS]
    names = (output,) if alone else (output, *beside)
    _require_possible(path, output, names, source)
    ours = _ours(output, names)
    mode = mode_beside(output.parent, source) if isinstance(source, Path) else 0o666
    old_mode = None
    if output.exists() and output not in ours:
        old_mode = _permissions(output, output.parent)
        mode &= old_mode | 0o600
    target = Target(output, names, ours, settings.force, mode, old_mode)
    taken = None if settings.force else target.taken()
    if taken == output:
        raise cannot_create_error(
            "{path} exists; name another --output, or --force to replace it",
            path=path,
        )
    if taken is not None:
        raise cannot_create_error(
            "{path} exists, and no run of this output wrote it; name another --output, or --force "
            "to replace it",
            path=taken,
        )
    return target


def _require_possible(path: Path, output: Path, names: Sequence[Path], source: Source) -> None:
    """Raise UserError CANNOT_CREATE for what not even --force could write."""
    for name in names:
        if isinstance(source, Path) and name.exists() and name.samefile(source):
            raise cannot_create_error("{path} is the input; name another output", path=name)
    if output.is_symlink():
        raise cannot_create_error("{path} is a link to itself", path=path)
    if not output.parent.is_dir():
        raise cannot_create_error(
            "{path} cannot be created: there is no folder {folder}",
            path=path,
            folder=output.parent,
        )
    for name in names:
        if name.exists() and not name.is_file():
            raise cannot_create_error("{path} is no file; for standard output say -", path=name)


def mode_beside(folder: Path, source: Path) -> int:
    """Return the permissions of what is made of a file: who cannot read that reads none of it."""
    readable = _permissions(source, folder) & 0o044
    return 0o600 | readable | readable >> 1


def _permissions(path: Path, folder: Path) -> int:
    """Return those of a file, for another one in a folder, which may be of another group.

    Members of that group get what all get.
    """
    old, around = path.stat(), folder.stat()
    inherits = around.st_mode & stat.S_ISGID or sys.platform in ("darwin", "win32")
    group = around.st_gid if inherits else os.getegid()
    mode = old.st_mode & 0o777
    return mode if old.st_gid == group else mode & 0o707 | (mode & 0o007) << 3


def _ours(output: Path, names: tuple[Path, ...]) -> dict[Path, Stamp]:
    """Return which files an earlier run of an output left, that a new one may replace.

    A receipt names its output, and has the digest of the rejects.
    """
    known = {name for name in names if _was_taken(name, output)}
    receipt, rejects = (sidecar(output, kind) for kind in _KINDS)
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(receipt.read_bytes())
        if told["output"]["name"] == output.name and told["run"] and told["counts"]:
            known.add(receipt)
            if told["rejects"]["sha256"] == file_digest(rejects):
                known.add(rejects)
    stamps = {}
    for name in names:
        if name in known and not name.is_symlink() and (stamp := stamp_of(name)):
            stamps[name] = stamp
    return stamps


def _was_taken(path: Path, output: Path) -> bool:
    """Return whether a run of this output that was killed took a name, and left it empty."""
    mark = run_folder(output) / "placing"
    return mark.exists() and path.is_file() and not path.stat().st_size


def take_over(output: Path, head: bytes) -> None:
    """Let a finished run that found its name taken go on under another.

    Args:
        output: the other name, in the same folder.
        head: what the journal says of the run.
    """
    own = run_folder(output)
    if own.exists():
        return
    for folder in own.parent.glob(".*.run"):
        with suppress(OSError):  # it is gone, another user's, or did not come to its receipt
            is_mine = (folder / "receipt.draft").stat().st_uid == os.getuid()
            if is_mine and head_of(folder) == head:
                with (folder / "journal").open("r+b") as journal:
                    if lock(journal.fileno(), folder):
                        folder.rename(own)
                        return
