"""The trainer's words on the terminal: narration to stderr, results to stdout."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import click

from models.console import aligned, narration, tr
from models.console.narration import Advance, narrate
from trainer import distributed

_LABELS_SHOWN = 6  # the worst


def say(sentence: str, /, **values: object) -> None:
    """Narrate a sentence, see `tr`; the first of several processes speaks."""
    say_lines(tr(sentence, **values))


def say_lines(*lines: str) -> None:
    """Narrate lines as they are."""
    if distributed.is_first():
        narrate(*lines)


def progress(title: str, total: int, done: int = 0) -> AbstractContextManager[Advance]:
    """Show the progress of a body in the first process."""
    return narration.progress(title, total, done, shown=distributed.is_first())


def parts_of(
    metrics: dict[str, Any], unseen: str = "unseen"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the scores of each split with a title, then those of its unseen rows if some differ."""
    for split, scores in metrics.items():
        yield split, scores
        if "unseen" in scores and 0 < scores["unseen"]["rows"] < scores["rows"]:
            yield f"{split}, {unseen}", scores["unseen"]


def print_scores(metrics: dict[str, Any], title: str, labels: Sequence[str]) -> None:
    """Print the scores of each split to stdout; accuracy with its 95 % interval.

    Below stands what a mean hides where labels are of different size: the recall of each in the
    last split, which is test where there is one, and how often the largest label would be right.
    """
    header = (title, tr("rows"), tr("accuracy"), tr("macro-F1"), tr("calibration error"))
    rows: list[Sequence[object]] = [header]
    for name, scores in parts_of(metrics, tr("unseen")):
        low, high = scores["accuracy_interval"]
        accuracy = f"{scores['accuracy']:.2%} ({100 * low:.1f}–{100 * high:.1f})"
        macro_f1 = f"{scores['macro_f1']:.2%}"
        rows.append([name, f"{scores['rows']:,}", accuracy, macro_f1, f"{scores['ece']:.2%}"])
    click.echo("\n".join(table(rows)))
    name, scores = list(metrics.items())[-1]
    recalls = sorted(zip(scores["recall"], labels, strict=True))
    shown = [f"{label} {recall:.1%}" for recall, label in recalls[:_LABELS_SHOWN]]
    sizes = [sum(row) for row in scores["confusion"]]
    line = tr(
        "{split}: recall {recalls}; always to say {label} would be right in {share:.1%}",
        split=name,
        recalls=", ".join(shown + ["…"] * (len(recalls) > _LABELS_SHOWN)),
        label=labels[sizes.index(max(sizes))],
        share=max(sizes) / max(scores["rows"], 1),
    )
    click.echo(line)


def table(rows: Sequence[Sequence[object]]) -> list[str]:
    """Return the lines of a table, its first column on the left and the others on the right."""
    return aligned(rows, right=range(1, len(rows[0])))
