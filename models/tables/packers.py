"""Programs whose packed files are told by their first bytes, and not unpacked here."""

from models.console import tr

PACKERS = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z", b"\xfd7zXZ\0": "XZ"}


def packed_with(head: bytes) -> str | None:
    """Return what a file is that begins as what nobody here unpacks; None for another."""
    for mark, packer in PACKERS.items():
        if head.startswith(mark):
            return tr("packed with {packer}; unpack it, and name the table in it", packer=packer)
    return None
