"""What the trainer says on the terminal: narration to stderr, results to stdout."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import click
from tqdm import tqdm

from models.console.display import aligned
from models.console.i18n import tr
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


def say_calibration(temperature: float, uncertain_below: float, dev: Mapping[str, Any]) -> None:
    """Say what was fitted on dev, and what that did to the scores of dev."""
    say(
        tr(
            "temperature {temperature:.2f}, fitted on dev: calibration error {before:.2%} → "
            "{after:.2%};\nan answer is uncertain below a confidence of {threshold:.3f}: "
            "{coverage:.1%} of dev remain, {accuracy:.1%} of them right",
            temperature=temperature,
            before=dev["ece_uncalibrated"],
            after=dev["ece"],
            threshold=uncertain_below,
            **dev["certain"],
        )
    )


def parts_of(
    metrics: dict[str, Any], unseen: str = "unseen"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each split's scores with a title; those of unseen rows apart, if some were seen."""
    for split, scores in metrics.items():
        yield split, scores
        if "unseen" in scores and 0 < scores["unseen"]["rows"] < scores["rows"]:
            yield f"{split}, {unseen}", scores["unseen"]


def show_scores(metrics: dict[str, Any], title: str) -> None:
    """Print the scores of each split as a table; accuracy with its interval of 95 %."""
    header = title, tr("rows"), tr("accuracy"), tr("macro-F1"), tr("calibration error")
    rows: list[Sequence[object]] = [header]
    for name, scores in parts_of(metrics, tr("unseen")):
        low, high = scores["accuracy_interval"]
        accuracy = f"{scores['accuracy']:.2%} ({100 * low:.1f}–{100 * high:.1f})"
        rest = f"{scores['macro_f1']:.2%}", f"{scores['ece']:.2%}"
        rows.append([name, f"{scores['rows']:,}", accuracy, *rest])
    click.echo("\n".join(aligned(rows, right=(1, 2, 3, 4))))
