"""The trainer's words on the terminal: narration to stderr, results to stdout."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from models.console.display import display
from models.console.i18n import tr
from trainer import distributed

_NARRATION = Console(stderr=True)

_UNBROKEN = 10_000  # columns

Advance = Callable[..., None]
"""Moves a progress bar by a number of units, and may change its title: `advance(1, "loss 0.2")`."""


def say(*lines: str) -> None:
    """Narrate, above a progress bar if one is shown; the first of several processes speaks."""
    if distributed.is_first():
        for line in lines:
            _NARRATION.out(line, highlight=False)


@contextmanager
def progress(title: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Show a progress bar for as long as the body runs, on a terminal and in the first process."""
    shown = distributed.is_first() and _NARRATION.is_terminal
    with Progress(console=_NARRATION, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=total, completed=done)

        def advance(amount: int, title: str = title) -> None:
            bar.update(task, advance=amount, description=escape(display(title)))

        advance(0)
        yield advance


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds: 1:02:03."""
    return str(timedelta(seconds=round(seconds)))


def say_calibration(temperature: float, dev: Mapping[str, Any]) -> None:
    """Narrate what was fitted on dev, and what that did to the scores of dev."""
    say(
        tr(
            "temperature {temperature:.2f}, fitted on dev: calibration error {before:.2%} → "
            "{after:.2%}",
            temperature=temperature,
            before=dev["ece_uncalibrated"],
            after=dev["ece"],
        )
    )
    first, look, _ = dev["review"]
    say(
        tr(
            "review levels: below {first:.3f} {wrong_first} of {rows_first:answer} were wrong on "
            "dev, and below {look:.3f} {wrong} of {rows} more",
            first=first["below"],
            wrong_first=first["wrong"],
            rows_first=first["rows"],
            look=look["below"],
            wrong=look["wrong"],
            rows=look["rows"],
        )
    )


def parts_of(
    metrics: dict[str, Any], unseen: str = "unseen"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the scores of each split with a title, then those of its unseen rows if some differ."""
    for split, scores in metrics.items():
        yield split, scores
        if "unseen" in scores and 0 < scores["unseen"]["rows"] < scores["rows"]:
            yield f"{split}, {unseen}", scores["unseen"]


def print_scores(metrics: dict[str, Any], title: str) -> None:
    """Print the scores of each split to stdout; accuracy with its 95 % interval."""
    header = (title, tr("rows"), tr("accuracy"), tr("macro-F1"), tr("calibration error"))
    rows: list[Sequence[object]] = [header]
    for name, scores in parts_of(metrics, tr("unseen")):
        low, high = scores["accuracy_interval"]
        accuracy = f"{scores['accuracy']:.2%} ({100 * low:.1f}–{100 * high:.1f})"
        macro_f1 = f"{scores['macro_f1']:.2%}"
        rows.append([name, f"{scores['rows']:,}", accuracy, macro_f1, f"{scores['ece']:.2%}"])
    _print_table(rows)


def say_table(rows: Sequence[Sequence[object]]) -> None:
    """Narrate a table; the first of several processes speaks."""
    if distributed.is_first():
        _print_table(rows, stderr=True)


def _print_table(rows: Sequence[Sequence[object]], *, stderr: bool = False) -> None:
    """Print rows in columns, the first aligned on the left and the others on the right."""
    table = Table.grid(padding=(0, 2))
    for column in range(len(rows[0])):
        table.add_column(justify="right" if column else "left")
    for row in rows:
        table.add_row(*(Text(display(value)) for value in row))
    console = Console(stderr=stderr)
    if not console.is_terminal:
        console.width = _UNBROKEN  # a file or a pipe takes lines of any length
    console.print(table)
