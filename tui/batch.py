"""`sentiment-tui classify`: the inputs one after the other, with a report and with signals."""

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from models.command import ExitCode, UserError
from models.i18n import tr
from models.locations import Device
from models.predictor import Predictor
from models.tables import format_of
from tui.classify import Hooks, Stopped, classify
from tui.inspection import Settings, inspect
from tui.report import Report
from tui.results import Summary

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class _Signals:
    """The first Ctrl-C or SIGTERM asks the run to stop after its batch; the second ends it."""

    def __init__(self, report: Report) -> None:
        self.caught: int | None = None
        self._report = report

    def catch(self) -> None:
        """Begin to listen."""
        for number in _CODES:
            signal.signal(number, self._stop)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.caught = number
        for again in _CODES:
            signal.signal(again, signal.SIG_DFL)  # a run can be killed at any instant
        self._report.stopping()

    def between(self, summary: Summary) -> None:
        """Stop the run if a signal came; tell how far it is."""
        if self.caught is not None:
            raise Stopped
        self._report.progress(summary)


def classify_files(
    files: Sequence[Path],
    output: Path | None,
    settings: Settings,
    *,
    model: Path,
    device: Device,
    report: Report,
    dry_run: bool = False,
) -> ExitCode:
    """Classify files, each into its own output.

    Args:
        files: paths, folders of files, or "-" for standard input.
        output: a file; a folder, where there are several inputs; None or "-" for standard output.
        settings: of every run, but for its source and output.
        model: the model file.
        device: where to run.
        report: who tells people.
        dry_run: only say what would be read.

    Returns:
        OK or REJECTS.

    Raises:
        UserError: of the first input that could not be classified, when the others are done; what
            concerns all of them, at once.
    """
    runs = _runs(files, None if output == Path("-") else output, settings)
    signals = _Signals(report)
    predictor: Predictor | None = None
    rejected, failure = False, None
    for run in runs:
        try:
            found = inspect(run) if run.source is not None else None
            if found is not None and found.problem is not None:
                raise found.problem
            if dry_run:
                rejected |= report.dry_run(found)
                continue
            if predictor is None:
                predictor = Predictor.open(model, device=device)
                report.model(predictor)
                signals.catch()
            hooks = Hooks(report.found, signals.between, report.answered)
            summary = classify(run, predictor, found=found, hooks=hooks)
        except Stopped:
            report.stopped(run)
            raise SystemExit(_CODES[signal.Signals(signals.caught or signal.SIGINT)]) from None
        except UserError as error:
            if len(runs) == 1 or error.code not in (ExitCode.DATA, ExitCode.NO_INPUT):
                raise
            report.failed(error)
            failure = failure or error
            continue
        report.finish(summary, run.output)
        rejected |= summary.rejected > 0
    if failure is not None:
        raise UserError(failure.code, tr("not all of the inputs were classified; see above"))
    return ExitCode.REJECTS if rejected else ExitCode.OK


def _runs(files: Sequence[Path], output: Path | None, settings: Settings) -> list[Settings]:
    """Return the settings of the run of each input."""
    sources: list[Path] = []
    for path in files:
        sources += sorted(_tables_in(path)) if path.is_dir() else [path]
    if not sources:
        raise UserError(
            ExitCode.NO_INPUT,
            tr("{path} holds no file of a format that this reads", path=files[0]),
        )
    if len(files) == 1 and not files[0].is_dir() and not (output and output.is_dir()):
        source = None if files[0] == Path("-") else files[0]
        return [replace(settings, source=source, output=output)]
    if output is None or Path("-") in sources:
        raise UserError(
            ExitCode.USAGE,
            tr("several inputs have several outputs: name files, and a folder with --output"),
        )
    runs: dict[Path, Settings] = {}
    for source in sources:
        suffix = f".{settings.output_format}" if settings.output_format else source.suffix
        if settings.output_format is None and format_of(source) == "txt":
            raise UserError
        target = output / (source.stem + suffix)
        if target in runs:
            raise UserError(
                ExitCode.USAGE,
                tr(
                    "{a} and {b} would both be written to {path}; classify them one by one",
                    a=runs[target].source,
                    b=source,
                    path=target,
                ),
            )
        runs[target] = replace(settings, source=source, output=target)
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(
            ExitCode.CANNOT_CREATE,
            tr("{path} cannot be created: {reason}", path=output, reason=error.strerror),
        ) from error
    return list(runs.values())


def _tables_in(folder: Path) -> list[Path]:
    ours = (".rejects.jsonl", ".receipt.json")
    return [
        path
        for path in folder.iterdir()
        if path.is_file()
        and format_of(path) is not None
        and not path.name.startswith((".", "~$"))
        and not path.name.endswith(ours)
    ]
