"""What `sentiment-tui classify` tells a person, on stderr: standard output is for the data."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from models.console import aligned, display, one_line, print_json, tr
from models.console.install import again
from models.files import json_bytes
from models.locations import BUILTIN
from models.predictor import Predictor
from models.tables import Dialect
from tui.batch.by_column import ByColumns, lines_of
from tui.batch.findings.groups import Table
from tui.batch.inspection import PREVIEW, Found, in_excel
from tui.batch.publishing import sidecar
from tui.batch.receipt import reject_fields
from tui.batch.screen import is_terminal
from tui.batch.status import Status
from tui.batch.summary import TEXT_WIDTH, Chunk, Summary, advice, frequent, scores, shares_of
from tui.batch.truth import Problem, label_map_of, with_counts


@dataclass(kw_only=True)
class Report:
    """Narrates the runs of one command.

    Attributes:
        quiet: tell only errors, and rejects that go to no file.
        as_json: print receipts on standard output.
        to_stdout: the records go to standard output.
        chosen: the user named the model; another than the built-in one is told, quiet or not.
        by: columns that the answers are to be grouped by, as `ByColumns` takes them.
        at_end: all is told at the end, as of one of several files.
    """

    quiet: bool
    as_json: bool
    to_stdout: bool
    chosen: bool = True
    by: Sequence[str] = ()
    at_end: bool = False
    _labels: tuple[str, ...] = ()
    _groups: ByColumns | None = None
    _tables: Sequence[Table] = ()

    def __post_init__(self) -> None:
        shared = self.to_stdout and is_terminal(sys.stdout)  # with the records
        can_rewrite = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
        self._shows_progress = can_rewrite and not shared and not self.quiet

    def model(self, predictor: Predictor) -> None:
        """Say which model is used, and where it runs."""
        manifest = predictor.manifest
        self._labels = manifest.labels
        is_builtin = predictor.path == BUILTIN
        tell = self._say if self.chosen or is_builtin else self._echo
        tell(
            tr(
                "model: {name} ({digest}, {precision}); labels: {labels}; device: {device}",
                name=tr("built-in model") if is_builtin else predictor.path,
                digest=manifest.digest[:12],
                precision=manifest.precision,
                labels=manifest.labels,
                device=predictor.device,
            )
        )

    def left_out(self, folder: Path, others: Sequence[str], outputs: Sequence[str]) -> None:
        """Say what of a folder is not read."""
        if others:
            self._say(
                tr(
                    "not read in {folder}, for the names tell no format: {names}",
                    folder=folder,
                    names=display(", ".join(others), limit=500),
                )
            )
        if outputs:
            self._say(
                tr(
                    "not read in {folder}, for a run wrote them there: {names}",
                    folder=folder,
                    names=display(", ".join(outputs), limit=500),
                )
            )

    def found(self, found: Found) -> None:
        """Say how the input is read."""
        self._found = found
        if self.by:
            self._groups = ByColumns(self.by, found, self._labels)
        self._rows: list[list[str]] = []
        if not self.at_end:
            self._introduce()

    def _introduce(self) -> None:
        found = self._found
        how = list(_words_of(found.dialect))
        if found.records is not None:
            how.append(tr("{count:record}", count=found.records))
        self._say(
            tr(
                "input: {name}, {how}; text column: {column}; output: {output}",
                name=found.name,
                how=how,
                column=found.text_column,
                output=found.output_format,
            )
        )
        if found.answers_excel:
            self._say(in_excel())

        if self._labels:
            labels = label_map_of(
                found.settings,
                found.name,
                found.labels,
                self._labels,
            )
            if labels is not None and (said := labels.said()):
                self._say(tr("labels: {labels}", labels=said))
        elif found.labels:
            values = with_counts(found.labels, 12)
            self._say(tr("labels: {labels}", labels=values or tr("none")))

    def preview(self, found: Found) -> None:
        """Say how the input would be read, and show its first records."""
        self.found(found)
        columns = display(", ".join(found.columns), limit=500)
        self._say(tr("columns: {columns}", columns=columns))
        for record in found.preview:
            text = record.get(found.text_column or "") or ""
            self._rows.append([str(record.place.number), one_line(text, TEXT_WIDTH)])
        rejected = found.rejected or 0
        self._table(["#", tr("text")], (found.records or 0) - rejected)
        if rejected:
            self._say(*map(str, found.rejects))
            self._say(tr("{count:record} rejected", count=rejected))

    def progress(self, words: str) -> None:
        """Rewrite the line that says how far the run is, on a terminal only."""
        if self._shows_progress:
            self._echo(words, end="")

    def clear(self) -> None:
        """Remove that line."""
        self._echo("", end="")

    def answered(self, chunk: Chunk) -> None:
        """Keep what the closing tables need; tell rejects that go to no file."""
        if self._groups is not None:
            self._groups.add(chunk)
        for row in range(min(PREVIEW - len(self._rows), len(chunk.records))):
            self._rows.append(self._row(chunk, row))
        if not self.to_stdout:
            return
        for reject in chunk.rejects:
            line = json_bytes(reject_fields(self._found, reject))
            text = line.decode()
            self._echo(display(text, keep="\n") if is_terminal(sys.stderr) else text, end="")

    def _row(self, chunk: Chunk, row: int) -> list[str]:
        """Return a row of the closing table."""
        shown = [str(chunk.records[row].place.number), one_line(chunk.texts[row], TEXT_WIDTH)]
        label = chunk.ids[row]
        status = Status(chunk.statuses[row])
        if label < 0:
            return [*shown, "", "", status.title if status is Status.NO_OPINION else ""]
        notes = []
        if chunk.truths is not None and chunk.truths[row] >= 0:
            notes.append("✓" if chunk.truths[row] == label else "✗")
        if status is not Status.OK:
            notes.append(status.title)
        confidence = f"{chunk.confidences[row]:.2%}"
        return [*shown, self._labels[label], confidence, " ".join(notes)]

    def stopping(self) -> None:
        """Say that a signal was heard."""
        self._say(tr("stopping after this batch; once more to leave at once"))

    def stopped(self, done: int) -> None:
        """Say how to go on after so many records."""
        self._echo(tr("{done:record} done. To go on, give the same command again", done=done))

    def close(self, summary: Summary, output: Path | None) -> None:
        """Group the answers, so that what is to be told is small."""
        if self._groups is not None:
            self._tables = self._groups.tables(output if summary.finished else None)
            self._groups = None

    def finish(self, summary: Summary, output: Path | None) -> None:
        """Show the first records, the counts, and the scores where there are any."""
        if self.at_end:
            self._introduce()
        if self.as_json:
            told = dict(summary.receipt)
            if self._tables:
                told["by"] = [table.as_dict() for table in self._tables]
            print_json(json_bytes(told))
        groups = [line for table in self._tables for line in lines_of(table)]
        if summary.finished:
            self._say(tr("nothing to do: this run had finished before, {path}", path=output))
            self._say(*groups)
            return
        if output:
            self._table(
                ["#", tr("text"), tr("label"), tr("confidence"), ""],
                summary.written,
            )
            self._say("")
        self._say(*_counts(summary))
        if summary.metrics is not None:
            self._say(*scores(summary.metrics, summary.labels))
        self._say(*_unscored(summary))
        self._say(*groups)
        if output:
            self._say(*_files(summary, output))
        elif summary.rejected:
            self._say(tr("{count:record} rejected", count=summary.rejected))

    def total(self, inputs: int, summary: Summary) -> None:
        """Say what several inputs come to."""
        self._say(
            "",
            tr(
                "together: {inputs:file}, {records:record}: {shares}",
                inputs=inputs,
                records=summary.written,
                shares=shares_of(summary),
            ),
        )
        if summary.rejected:
            self._say(tr("{count:record} rejected", count=summary.rejected))

    def _table(self, header: list[str], records: int) -> None:
        table = [header, *self._rows]
        self._say(*aligned(table, right=(0, 3)))
        if records > len(self._rows):
            self._say(tr("… and {count} more", count=f"{records - len(self._rows):,}"))

    def _say(self, *lines: str) -> None:
        if not self.quiet:
            for line in lines:
                self._echo(line)

    def _echo(self, line: str, end: str = "\n") -> None:
        """Write to stderr, over the line that says how far the run is."""
        start = "\r\x1b[2K" if self._shows_progress else ""
        click.echo(start + line + end, err=True, nl=False)


def _words_of(dialect: Dialect) -> Iterator[str]:
    """Yield what is worth telling of a dialect."""
    yield str(dialect.format)
    if dialect.encoding:
        yield dialect.encoding
    if dialect.delimiter:
        mark = dialect.delimiter.replace("\t", "TAB")
        yield tr("delimiter {mark}", mark=f'"{mark}"')
    usual = "none" if dialect.format == "tsv" else "double"
    if dialect.quoting not in (None, usual):
        yield tr("quotes {name}", name=dialect.quoting)
    if dialect.sheet:
        yield tr("sheet {name}", name=dialect.sheet)
    if dialect.header != 1:
        yield tr("header: {line}", line=dialect.header or tr("none"))


def _counts(summary: Summary) -> Iterator[str]:
    """Yield the counts of a run that are worth telling."""
    yield tr(
        "{records:record}, {rate}/s: {shares}",
        records=summary.written,
        rate=f"{summary.rate:,.0f}",
        shares=shares_of(summary),
    )
    if summary.resumed:
        yield tr("{count:record} of them before the interruption", count=summary.resumed)
    counts = summary.statuses.tolist()
    yield from advice(summary.statuses, summary.doubts, summary.review)
    if count := counts[Status.TRUNCATED]:
        yield tr("{count:text} longer than the model reads: only the beginning counts", count=count)
    if count := counts[Status.EMPTY]:
        yield tr("{count:record} without text got no label", count=count)
    if count := counts[Status.NO_OPINION]:
        yield tr("{count:text} without an opinion got no label", count=count)
    yield from frequent(summary)


def _unscored(summary: Summary) -> Iterator[str]:
    """Yield which records were predicted and not scored."""
    if summary.label_map is not None and summary.metrics is None:
        yield tr("no record has a true label to score by")
    reasons: dict[Problem, str] = {
        "missing": tr("without a true label"),
        "left_out": tr("left out by --label-map"),
        "unknown": tr("whose true label the model does not know"),
        "two_labels": tr("with two labels in one cell"),
    }
    for problem, reason in reasons.items():
        if values := summary.unscored.get(problem):
            line = tr(
                "{count:record} {reason}: predicted, not scored",
                count=values.total(),
                reason=reason,
            )
            shown = with_counts(values, 5)
            yield f"{line} ({shown})" if shown else line


def _files(summary: Summary, output: Path) -> Iterator[str]:
    """Yield where the records went."""
    if count := summary.rejected:
        yield from map(str, summary.rejects)
        beside = sidecar(output, "rejects.jsonl")
        yield tr("{count:record} rejected: see {path}", count=count, path=beside)
    yield tr(
        "written to {path}; in the app: {command}",
        path=output,
        command=again(output),
    )
