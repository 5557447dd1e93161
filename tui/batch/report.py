"""What `sentiment-tui classify` tells a person, on stderr: standard output is for the data."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from models.console.display import aligned, display, one_line
from models.console.i18n import tr
from models.locations import BUILTIN
from models.predictor import Predictor
from tui.batch.inspection import PREVIEW, Found
from tui.batch.receipt import json_bytes, reject_fields, sidecar
from tui.batch.summary import STATUSES, Chunk, Summary, scores

TEXT_WIDTH = 40
"""Terminal cells of a text that the closing table shows: with the rest, a line has under 80."""


class Report:
    """Narrates the runs of one command.

    Args:
        quiet: tell only errors, and rejects that go to no file.
        as_json: print receipts on standard output.
        to_stdout: the records go there.
    """

    def __init__(self, *, quiet: bool, as_json: bool, to_stdout: bool) -> None:
        self._quiet, self._as_json, self._to_stdout = quiet, as_json, to_stdout
        self._live = (
            not quiet
            and _is_terminal(sys.stderr)
            and not (to_stdout and _is_terminal(sys.stdout))
            and os.environ.get("TERM") != "dumb"
        )
        self._labels: tuple[str, ...] = ()

    def model(self, predictor: Predictor) -> None:
        """Say which model is used, and where it runs."""
        manifest = predictor.manifest
        self._labels = manifest.labels
        self._say(
            tr(
                "model: {name} ({digest}, {precision}); labels: {labels}; device: {device}",
                name=tr("built-in model") if predictor.path == BUILTIN else predictor.path,
                digest=manifest.digest[:12],
                precision=manifest.precision,
                labels=", ".join(manifest.labels),
                device=predictor.device,
            )
        )

    def left_out(self, folder: Path, names: Sequence[str]) -> None:
        """Say what of a folder is not read."""
        self._say(
            tr(
                "not read in {folder}, for the names tell no format: {names}",
                folder=folder,
                names=display(", ".join(names), limit=500),
            )
        )

    def found(self, found: Found) -> None:
        """Say how the input is read."""
        self._found = found
        self._rows: list[list[str]] = []
        dialect = found.dialect
        usual = "none" if dialect.format == "tsv" else "double"
        mark = (dialect.delimiter or "").replace("\t", "TAB")
        how = [
            dialect.format,
            dialect.encoding,
            mark and tr("delimiter {mark}", mark=f'"{mark}"'),
            dialect.quoting not in (None, usual) and tr("quotes {name}", name=dialect.quoting),
            dialect.sheet and tr("sheet {name}", name=dialect.sheet),
            dialect.header != 1 and tr("header: {line}", line=dialect.header or tr("none")),
            found.records is not None and tr("{count:record}", count=found.records),
        ]
        self._say(
            tr(
                "input: {name}, {how}; text column: {column}; output: {output}",
                name=found.name,
                how=", ".join(word for word in how if word),
                column=found.text_column,
                output=found.output_format,
            )
        )

    def preview(self, found: Found) -> None:
        """Say how the input would be read, and show its first records."""
        self.found(found)
        self._say(tr("columns: {columns}", columns=display(", ".join(found.columns), limit=500)))
        for record in found.preview:
            text = record.fields[found.text_column or ""] or ""
            self._rows.append([str(record.place.number), one_line(text, TEXT_WIDTH)])
        self._table(["#", tr("text")], (found.records or 0) - (found.rejected or 0))
        if found.rejected:
            self._say(*map(str, found.rejects), tr("{count:record} rejected", count=found.rejected))

    def progress(self, summary: Summary) -> None:
        """Rewrite the line that says how far the run is, on a terminal only."""
        if self._live:
            self._echo(_progress(summary), end="")

    def clear(self) -> None:
        """Remove that line."""
        self._echo("", end="")

    def answered(self, chunk: Chunk) -> None:
        """Keep the first records for the closing table; tell rejects that go to no file."""
        for row, record in enumerate(chunk.records[: PREVIEW - len(self._rows)]):
            answer = ["", "", ""]
            if (label := chunk.ids[row]) >= 0:
                right = "" if chunk.truths is None else "✗✓"[int(chunk.truths[row] == label)]
                status = chunk.statuses[row]
                notes = f"{right} {STATUSES[status] if status else ''}".strip()
                answer = [self._labels[label], f"{chunk.confidences[row]:.2%}", notes]
            text = one_line(chunk.texts[row], TEXT_WIDTH)
            self._rows.append([str(record.place.number), text, *answer])
        if self._to_stdout:
            for reject in chunk.rejects:
                line = json_bytes(reject_fields(self._found, reject)).decode()
                self._echo(display(line) if _is_terminal(sys.stderr) else line)

    def stopping(self) -> None:
        """Say that a signal was heard."""
        self._say(tr("stopping after this batch; once more to leave at once"))

    def stopped(self, summary: Summary | None) -> None:
        """Say how to go on."""
        done = summary.read if summary else 0
        self._echo(tr("{done:record} done. To go on, give the same command again", done=done))

    def finish(self, summary: Summary, output: Path | None) -> None:
        """Show the first records, the counts, and the scores where there are any."""
        if self._as_json:
            receipt = json_bytes(summary.receipt)
            click.echo(display(receipt.decode()) if _is_terminal(sys.stdout) else receipt)
        if summary.finished:
            self._say(tr("nothing to do: this run had finished before, {path}", path=output))
            return
        if output is not None:
            self._table(["#", tr("text"), tr("label"), tr("confidence"), ""], summary.written)
            self._say("")
        self._say(
            tr(
                "{records:record}, {rate}/s: {shares}",
                records=summary.written,
                rate=f"{summary.rate:,.0f}",
                shares=_shares([summary]),
            )
        )
        if summary.resumed:
            self._say(tr("{count:record} of them before the interruption", count=summary.resumed))
        _, uncertain, truncated, empty = summary.statuses.tolist()
        if uncertain:
            self._say(tr("{count:uncertain answer} to look at", count=uncertain))
        if truncated:
            self._say(
                tr(
                    "{count:text} longer than the model reads: only the beginning counts",
                    count=truncated,
                )
            )
        if empty:
            self._say(tr("{count:record} without text got no label", count=empty))
        if summary.metrics is not None:
            self._say(*scores(summary.metrics, summary.labels))
        if summary.rejected:
            count = summary.rejected
            if output is None:
                self._say(tr("{count:record} rejected", count=count))
            else:
                path = sidecar(output, "rejects.jsonl")
                self._say(*map(str, summary.rejects))
                self._say(tr("{count:record} rejected: see {path}", count=count, path=path))
        if output is not None:
            self._say(tr("written to {path}", path=output))

    def total(self, summaries: Sequence[Summary]) -> None:
        """Say what several inputs come to."""
        self._say(
            "",
            tr(
                "together: {inputs:file}, {records:record}: {shares}",
                inputs=len(summaries),
                records=sum(summary.written for summary in summaries),
                shares=_shares(summaries),
            ),
        )
        if rejected := sum(summary.rejected for summary in summaries):
            self._say(tr("{count:record} rejected", count=rejected))

    def _table(self, header: list[str], records: int) -> None:
        self._say(*aligned([header, *self._rows], right=(0, 3)))
        if records > len(self._rows):
            self._say(tr("… and {count} more", count=f"{records - len(self._rows):,}"))

    def _say(self, *lines: str) -> None:
        for line in () if self._quiet else lines:
            self._echo(line)

    def _echo(self, line: str, end: str = "\n") -> None:
        """Write to stderr, over the line that says how far the run is."""
        click.echo(("\r\x1b[2K" if self._live else "") + line + end, err=True, nl=False)


def _is_terminal(stream: TextIO | None) -> bool:
    """Return whether a standard stream is a terminal; it is None where it was closed."""
    return stream is not None and stream.isatty()


def _shares(summaries: Sequence[Summary]) -> str:
    """Return how many records of some runs of one model got each label."""
    counts = map(sum, zip(*(summary.counts.tolist() for summary in summaries), strict=True))
    written = sum(summary.written for summary in summaries)
    return ", ".join(
        f"{label} {count:,} ({count / max(written, 1):.1%})"
        for label, count in zip(summaries[0].labels, counts, strict=True)
    )


def _progress(summary: Summary) -> str:
    words = [f"{summary.predicted:,}"]
    if summary.records is not None:
        words = [
            tr("{done:,} of {records:record}", done=summary.predicted, records=summary.records)
        ]
    words.append(f"{summary.rate:,.0f}/s")
    if summary.left is not None:
        words.append(tr("{left} left", left=summary.left))
    if summary.rejected:
        words.append(tr("{count} rejected", count=f"{summary.rejected:,}"))
    return ", ".join(words)
