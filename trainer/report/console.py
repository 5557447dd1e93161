"""What is said of a run on the terminal: calibration to stderr, scores to stdout."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from models.console.display import aligned
from models.console.i18n import tr
from trainer.narration import say


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
