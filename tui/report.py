"""What `sentiment-tui classify` tells a person, on stderr: standard output is for the data."""

import json
import os
import sys
from pathlib import Path

import click

from models.command import UserError
from models.display import aligned, display
from models.i18n import tr
from models.locations import BUILTIN
from models.metrics import Metrics
from models.predictor import Predictor
from tui.classify import reject_line
from tui.inspection import Found, Settings
from tui.looks import one_line
from tui.receipt import sidecar
from tui.results import Chunk, Summary

TEXT_WIDTH = 40
"""Terminal cells of a text that the closing table shows: with the rest, a line has under 80."""

PREVIEW = 10
"""Records in that table."""


class Report:
    """Narrates a run.

    Args:
        quiet: tell only errors.
        as_json: print the receipt on standard output.
    """

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self._live = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._found: Found | None = None
        self._rows: list[list[str]] = []

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

    def found(self, found: Found) -> None:
        """Say how the input is read."""
        self._found, self._rows = found, []
        dialect = found.dialect
        how = [dialect.format, dialect.encoding]
        if dialect.delimiter is not None:
            how.append(tr("delimiter {mark}", mark={"\t": "TAB"}.get(dialect.delimiter, dialect.delimiter)))  # fmt: skip
            how.append(tr("quotes {quoting}", quoting=dialect.quoting))
        if dialect.sheet is not None:
            how.append(tr("sheet {name}", name=dialect.sheet))
        if not dialect.header:
            how.append(tr("no header"))
        if found.records is not None:
            how.append(tr("{count} records", count=f"{found.records:,}"))
        self._say(
            tr(
                "input: {name}, {how}; text column: {column}; output: {output}",
                name=found.name,
                how=", ".join(map(str, filter(None, how))),
                column=found.text_column,
                output=found.output_format,
            )
        )

    def dry_run(self, found: Found) -> bool:
        """Show the first records; return whether some cannot be read."""
        self.found(found)
        texts = [str(record.fields[found.text_column or ""] or "") for record in found.preview]
        rows = [
            [str(record.place.number), one_line(text, TEXT_WIDTH)]
            for record, text in zip(found.preview, texts, strict=True)
        ]
        self._say(tr("columns: {columns}", columns=", ".join(found.columns)))
        self._say(*aligned([["#", tr("text")], *rows], right=(0,)))
        if found.rejected:
            self._say(tr("{count} records cannot be read", count=f"{found.rejected:,}"))
        return bool(found.rejected)

    def progress(self, summary: Summary) -> None:
        """Rewrite the line that says how far the run is, on a terminal only."""
        if not self._live:
            return
        rate = (summary.predicted - summary.resumed) / max(summary.seconds, 1e-9)
        line = tr("{records} records, {rate}/s", records=f"{summary.predicted:,}", rate=f"{rate:,.0f}")
        if summary.records:
            line = tr(
                "{done} of {records} records, {rate}/s, {left} left",
                done=f"{summary.predicted:,}",
                records=f"{summary.records:,}",
                rate=f"{rate:,.0f}",
                left=_duration((summary.records - summary.predicted) / rate) if rate else "?",
            )
        if summary.rejected:
            line += ", " + tr("{count} rejected", count=f"{summary.rejected:,}")
        click.echo(f"\r\x1b[2K{line}", err=True, nl=False)

    def answered(self, chunk: Chunk) -> None:
        """Keep the first records for the closing table; rejects without a file are told here."""
        for row in range(min(PREVIEW - len(self._rows), len(chunk.records))):
            answer = ["", "", ""]
            if chunk.ids[row] >= 0:
                pass
        ...
