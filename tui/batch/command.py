"""`sentiment-tui classify`: its inputs, several of them at once, with a report and signals."""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from models.console import (
    ExitCode,
    UserError,
    cannot_create_error,
    complain,
    reason_of,
    unavailable_error,
    usage_error,
)
from models.console.command import Terminated
from models.console.install import install_extra_of
from models.locations import Device
from models.predictor import Predictor
from tui.batch.engine import Hooks, Stopped, classify
from tui.batch.inputs import contents_of, runs_of
from tui.batch.inspection import inspect
from tui.batch.objects import staged
from tui.batch.report import Report
from tui.batch.settings import BatchSettings
from tui.batch.several import Board, Outcome, Workers
from tui.batch.summary import Summary, progress_of

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


_TICK = 0.2  # seconds between two looks at how far several files are

GRACE = 5.0
"""Seconds that a batch may still take after a signal: nothing interrupts native code."""


class _Signals:
    """The first Ctrl-C or SIGTERM asks the run to stop after its batch; the second ends it.

    A run that nothing can be resumed of, as one that reads a pipe, ends at the first. What hangs in
    native code is left after `GRACE`, as if it had been killed.
    """

    def __init__(self, report: Report) -> None:
        self.caught = 0
        self.done = 0  # records
        self._resumable = True
        self._report = report

    def catch(self, *, resumable: bool) -> None:
        """Begin to listen."""
        self._resumable = resumable
        for number in _CODES:
            signal.signal(number, self._stop)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.caught = number
        for again in _CODES:
            signal.signal(again, signal.SIG_DFL)  # a run can be killed at any instant
        leave = threading.Timer(GRACE, self._leave)
        leave.daemon = True
        leave.start()
        if not self._resumable:
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated
        self._report.stopping()

    def _leave(self) -> None:
        """End the process from a thread of its own: the others wait for native code."""
        try:
            if self._resumable:
                self._report.stopped(self.done)
        finally:
            os._exit(_CODES[signal.Signals(self.caught)])

    def between(self, summary: Summary) -> None:
        """Stop the run if a signal came; tell how far it is."""
        self.done = summary.read
        if self.caught:
            raise Stopped
        self._report.progress(progress_of(summary))


def classify_files(
    files: Sequence[Path],
    settings: BatchSettings,
    model: Path,
    device: Device,
    report: Report,
    *,
    dry_run: bool = False,
    on: str | None = None,
) -> ExitCode:
    """Classify files, each into its own output.

    Args:
        files: paths, folders or objects, or "-" for standard input.
        settings: those of every run; its output is a folder where there are several inputs.
        model: the model file.
        device: where to run.
        report: who tells people.
        dry_run: only say what would be read.
        on: "ray" has a cluster answer the texts.

    Returns:
        OK, REJECTS, or the code of the signal that ended it.

    Raises:
        UserError: the input cannot be classified. Of several, those that can be are, and each of
            the others is told; what concerns them all ends the command at once.
    """
    contents = [contents_of(path, settings.output) for path in files]
    for path, found in zip(files, contents, strict=True):
        report.left_out(path, found.others, found.outputs)
    runs = runs_of(files, contents, settings)
    runs[0].check()
    if dry_run:
        return _exit_code(*_each(runs, lambda run: _preview(run, report)))
    if on and not all(run.resumable for run in runs):
        raise usage_error("--on {on} goes from files to an --output", on=on)
    signals = _Signals(report)
    with _workers(runs, model, device, on) as workers:
        report.model(workers.predictor)
        if settings.output and runs[0].output != settings.output:
            _make_folder(settings.output)
        try:
            if on or len(runs) > 1:
                return _several(runs, workers, report, signals)
            return _one(runs[0], workers, report, signals)
        except Stopped:
            report.stopped(signals.done)
            return _CODES[signal.Signals(signals.caught)]


@contextmanager
def _workers(
    runs: Sequence[BatchSettings], model: Path, device: Device, on: str | None
) -> Iterator[Workers]:
    """Have the cores ready that answer the texts."""
    sizes = [_size_of(run) for run in runs]
    if on is None:
        threads = 1 if all(run.resumable for run in runs) else None
        yield Workers(Predictor.open(model, device=device, threads=threads), Board(sizes))
        return
    try:
        from tui.batch.cluster import workers_on_ray
    except ImportError as error:
        raise unavailable_error(
            "Ray cannot be imported ({reason}). Install it: {command}",
            reason=error,
            command=install_extra_of("ray"),
        ) from error
    with workers_on_ray(model, device, sizes) as workers:
        yield workers


def _one(run: BatchSettings, workers: Workers, report: Report, signals: _Signals) -> ExitCode:
    """Classify the only input, on this thread: it may be a pipe."""
    with staged(run) as local:
        found = inspect(local) if isinstance(local.source, Path) else None
        signals.catch(resumable=run.resumable)
        workers.board.share_out(workers.cores, 1)
        begin = workers.hooks if run.resumable else Hooks
        hooks = begin(report.found, signals.between, report.answered)
        try:
            summary = classify(local, workers.predictor, found=found, hooks=hooks)
        finally:
            report.clear()
    report.close(summary, run.output)
    report.finish(summary, run.output)
    return _exit_code(summary.rejected, [])


def _several(
    runs: Sequence[BatchSettings], workers: Workers, report: Report, signals: _Signals
) -> ExitCode:
    """Classify files, several at once, and tell of each in their order."""
    signals.catch(resumable=True)
    board = workers.board
    total, told = Summary(workers.predictor.manifest.labels), 0
    pool = ThreadPoolExecutor(workers.files)
    board.share_out(workers.cores, min(workers.files, len(runs)))
    futures: dict[Path | None, Future[Outcome]] = {}
    for number, run in enumerate(runs):
        futures[run.output] = pool.submit(workers.classify, number, run, report)

    def tell(run: BatchSettings) -> int:
        nonlocal told
        future = futures[run.output]
        while not wait([future], timeout=_TICK).done:
            if signals.caught:
                board.stop()
            done = len(runs) - sum(not future.done() for future in futures.values())
            board.share_out(workers.cores, min(workers.files, len(runs) - done))
            signals.done = board.predicted
            report.progress(workers.place + board.words(done))
        report.clear()
        del futures[run.output]  # what a file has to tell is held until it is told
        own, summary = future.result()
        own.finish(summary, run.output)
        total.join(summary)
        told += 1
        return summary.rejected

    try:
        rejected, failures = _each(runs, tell)
    finally:
        board.stop()
        pool.shutdown(cancel_futures=True)
    if told > 1:
        report.total(told, total)
    return _exit_code(rejected, failures)


def _each(
    runs: Sequence[BatchSettings], act: Callable[[BatchSettings], int]
) -> tuple[int, list[ExitCode]]:
    """Return how many records of all runs were rejected, and the codes of runs that failed.

    Args:
        runs: what to do.
        act: does it, and returns how many records it rejected.
    """
    rejected = 0
    failures: list[ExitCode] = []
    for run in runs:
        try:
            rejected += act(run)
        except (UserError, OSError) as error:
            if len(runs) == 1 or _concerns_all(error):
                raise
            complain(reason_of(error))
            failures.append(error.code if isinstance(error, UserError) else ExitCode.IO)
    return rejected, failures


def _exit_code(rejected: int, failures: Sequence[ExitCode]) -> ExitCode:
    if failures:
        count = len(failures)
        raise UserError(failures[0], "{count} of the inputs were not classified", count=count)
    return ExitCode.REJECTS if rejected else ExitCode.OK


def _preview(run: BatchSettings, report: Report) -> int:
    if not isinstance(run.source, Path):
        raise usage_error("--dry-run needs a file, not a pipe")
    with staged(run) as local:
        found = inspect(local)
        if found.problem is not None:
            raise found.problem
        report.preview(found)
    return found.rejected or 0


def _concerns_all(error: UserError | OSError) -> bool:
    """Return whether the other inputs would fail as this one did."""
    if isinstance(error, UserError):
        return error.code == ExitCode.UNAVAILABLE
    return isinstance(error, BrokenPipeError) or error.errno == errno.ENOSPC


def _size_of(run: BatchSettings) -> int:
    """Return the size of an input in bytes, 0 where it has none."""
    try:
        return run.source.stat().st_size if isinstance(run.source, Path) else 0
    except OSError:
        return 0


def _make_folder(folder: Path) -> None:
    """Make the folder of several outputs."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_create_error(
            "{path} cannot be created: {reason}",
            path=folder,
            reason=error.strerror,
        ) from error
