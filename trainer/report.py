"""What the trainer says on the terminal: narration to stderr, results to stdout."""

from typing import Any

import click

from models.display import aligned
from models.i18n import tr


def say(line: str) -> None:
    """Narrate one step."""
    click.echo(line, err=True)


def show_scores(metrics: dict[str, Any]) -> None:
    """Print the scores of each split as a table."""
    rows: list[list[object]] = [[tr("split"), tr("rows"), tr("accuracy"), tr("macro-F1")]]
    for split, scores in metrics.items():
        for name, part in ((split, scores), (f"{split}, {tr('unseen')}", scores.get("unseen"))):
            if part:
                scored = f"{part['accuracy']:.2%}", f"{part['macro_f1']:.2%}"
                rows.append([name, f"{part['rows']:,}", *scored])
    click.echo("\n".join(aligned(rows, right=(1, 2, 3))))
