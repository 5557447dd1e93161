"""What `sentiment-tui classify` tells a person, on stderr: standard output is for the data."""

import sys
from pathlib import Path

import click

from models.display import aligned, display
from models.i18n import tr
from models.locations import BUILTIN
from models.metrics import Metrics
from models.predictor import Predictor
from tui.classify import Recognised, Shown, Summary
from tui.looks import one_line

TEXT_WIDTH = 40
"""Terminal cells of a text that the closing table shows: with the rest, a line has under 80."""


class Report:
    """Narrates a run; `quiet` leaves only errors."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = not quiet and sys.stderr.isatty()

    def model(self, predictor: Predictor) -> None:
        """Say which model is used, and where it runs."""
        manifest = predictor.manifest
        name = tr("the built-in model") if predictor.path == BUILTIN else display(predictor.path)
        self._say(
            tr(
                "model: {name} ({digest}, {precision}); labels: {labels}; device: {device}",
                name=name,
                digest=manifest.digest[:12],
                precision=manifest.precision,
                labels=", ".join(manifest.labels),
                device=predictor.device,
            )
        )

    def recognised(self, found: Recognised) -> None:
        """Say how the input is read."""
        self._say(
            tr(
                "input: {name}, {format}, {encoding}; text column: {column}; output: {output}",
                name=found.name,
                format=found.format,
                encoding=found.encoding,
                column=found.text_column,
                output=found.output_format,
            )
        )

    def progress(self, summary: Summary) -> None:
        """Rewrite the line that says how far the run is, on a terminal only."""
        if self._live:
            line = tr("{records} records, {rate}/s", **_rate(summary))
            click.echo(f"\r\x1b[2K{line}", err=True, nl=False)

    def finish(self, summary: Summary, output: Path | None) -> None:
        """Show the first records, the counts, and the scores where there are any."""
        if self._quiet:
            return
        if self._live:
            click.echo("\r\x1b[2K", err=True, nl=False)
        if output is not None:
            self._say(*_preview(summary), "")
        shares = [
            f"{display(label)} {count:,} ({count / max(summary.records, 1):.1%})"
            for label, count in zip(summary.labels, summary.counts.tolist(), strict=True)
        ]
        self._say(tr("{records} records, {rate}/s", **_rate(summary)) + ": " + ", ".join(shares))
        if summary.blank:
            self._say(tr("{count} records have no text, and got no label", count=summary.blank))
        if summary.truncated:
            self._say(
                tr(
                    "{count} texts were longer than the model reads: only their beginning counts",
                    count=summary.truncated,
                )
            )
        if summary.metrics is not None:
            self._say(*_scores(summary.metrics, summary.labels))
        if output is not None:
            self._say(tr("written to {path}", path=output))

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            for line in lines:
                click.echo(line, err=True)


def _rate(summary: Summary) -> dict[str, str]:
    rate = summary.records / max(summary.seconds, 1e-9)
    return {"records": f"{summary.records:,}", "rate": f"{rate:,.0f}"}


def _preview(summary: Summary) -> list[str]:
    header = ["#", tr("text"), tr("label"), tr("confidence"), ""]
    rows = [header, *(_row(shown) for shown in summary.preview)]
    lines = aligned(rows, right=(0, 3))
    rest = summary.records - len(summary.preview)
    return [*lines, tr("… and {count} more", count=f"{rest:,}")] if rest else lines


def _row(shown: Shown) -> list[str]:
    text = one_line(shown.text, TEXT_WIDTH)
    if shown.label is None:
        return [str(shown.number), text, "", "", ""]
    mark = {True: "✓", False: "✗", None: ""}[shown.right]
    return [str(shown.number), text, shown.label, f"{shown.confidence:.2%}", mark]


def _scores(metrics: Metrics, labels: tuple[str, ...]) -> list[str]:
    header = [tr("true \\ predicted"), *labels]
    rows = [
        [label, *(f"{count:,}" for count in counts)]
        for label, counts in zip(labels, metrics.confusion.tolist(), strict=True)
    ]
    return [
        tr(
            "accuracy {accuracy} ({correct} of {rows}), macro-F1 {f1}",
            accuracy=f"{metrics.accuracy:.2%}",
            correct=f"{metrics.correct:,}",
            rows=f"{metrics.rows:,}",
            f1=f"{metrics.macro_f1:.2%}",
        ),
        *aligned([header, *rows], right=range(1, len(labels) + 1)),
    ]
