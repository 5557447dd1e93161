"""What a long command says while it works: lines on stderr, with a progress bar or without."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from models.console.display import display
from models.console.i18n import tr

FIRST, EACH = 5.0, 60.0
"""Seconds until a log has its first line of progress, with the time that is left, and the next."""

_NARRATION = Console(stderr=True)

Advance = Callable[..., None]
"""Moves a progress bar by a number of units, and may change its title: `advance(1, "loss 0.2")`."""


def narrate(*lines: str) -> None:
    """Say lines, above a progress bar if one is shown."""
    for line in lines:
        _NARRATION.out(line, highlight=False)


@contextmanager
def progress(title: str, total: int, done: int = 0, *, shown: bool = True) -> Iterator[Advance]:
    """Show a progress bar on a terminal while the body runs; a log has a line a minute instead."""
    is_terminal = _NARRATION.is_terminal
    started = time.monotonic()
    due = started + FIRST
    before = done
    with Progress(console=_NARRATION, transient=True, disable=not (shown and is_terminal)) as bar:
        task = bar.add_task("", total=total, completed=done)

        def advance(amount: int, title: str = title) -> None:
            nonlocal done, due
            done += amount
            bar.update(task, advance=amount, description=escape(display(title)))
            now = time.monotonic()
            if shown and not is_terminal and now >= due and before < done < total:
                left = (now - started) / (done - before) * (total - done)
                due = now + EACH
                narrate(
                    tr(
                        "{title}: {done:,} of {total:,}, about {time} to go",
                        title=title,
                        done=done,
                        total=total,
                        time=clock(left),
                    )
                )

        advance(0)
        yield advance


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds: 1:02:03."""
    return str(timedelta(seconds=round(seconds)))
