"""Packed files, told by their first bytes."""

from models.console import UserError, data_error, tr

GZIP = b"\x1f\x8b"

PACKERS = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z", b"\xfd7zXZ\0": "XZ"}
"""Programs whose files are not unpacked here."""


def packed_with(head: bytes) -> str | None:
    """Return what a file is that begins as what nobody here unpacks; None for another."""
    for mark, packer in PACKERS.items():
        if head.startswith(mark):
            return tr("packed with {packer}; unpack it, and name the table in it", packer=packer)
    return None


def misnamed(name: object, format: str, found: str) -> UserError:
    """Return the error of a file that is something else than its name says."""
    return data_error(
        "{name} is no {format}, whatever its name says: it is {found}",
        name=name,
        format=format.upper(),
        found=found,
    )
