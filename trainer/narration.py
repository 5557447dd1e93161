"""What the trainer tells on the terminal while it works, on stderr."""

import sys
from datetime import timedelta

from tqdm import tqdm

from trainer import distributed


def say(*lines: str) -> None:
    """Narrate, above a progress bar if one is shown; the first of several processes speaks."""
    if distributed.is_first():
        for line in lines:
            tqdm.write(line, file=sys.stderr)


def progress(title: str, total: int, unit: str, initial: int = 0) -> "tqdm[None]":
    """Return a progress bar that the first process shows, on a terminal."""
    quiet = None if distributed.is_first() else True  # None: shown on a terminal
    return tqdm(total=total, initial=initial, desc=title, unit=unit, disable=quiet, leave=False)


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds: 1:02:03."""
    return str(timedelta(seconds=round(seconds)))
