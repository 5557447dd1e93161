"""Starting the app, and giving the terminal back, whatever happens in between."""

import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from models.console import ExitCode, UserError
from models.console.i18n import choose_language
from models.locations import Device
from tui.app.model_worker import LoadedModel
from tui.app.preferences import Preferences, UserDirs

_LOG = 1 << 20  # bytes; a longer log begins anew


def run_app(
    model: Path, device: Device, file: Path | None = None, root: Path | None = None
) -> None:
    """Show the app until the user quits.

    Args:
        model: the `.onnx` file to open.
        device: where to run it.
        file: a file of texts to show at first.
        root: the folder to open and save files in; None for any.

    Raises:
        SystemExit: TERMINATED, on SIGTERM or when the terminal is gone.
        UserError: CONFIG, the user's config.toml; BUG, something that nobody expected happened,
            and the message names the file that says where.
    """
    dirs = UserDirs.of_user()
    choose_language(Preferences.load(dirs.state).language or None)
    from tui.app.app import SentimentApp  # whose words are in that language from now on

    app = SentimentApp(_open_model, model, device, dirs, file, root)
    if app.driver_class.__name__ == "LinuxDriver":  # not in a browser's tab, nor on Windows
        from tui.app.terminal_driver import TerminalDriver

        app.driver_class = TerminalDriver
    with _stderr_to(dirs.log):
        app.run()
    crash = app.crash
    if crash is None and app.return_code is None:  # nobody called `exit`
        crash = RuntimeError("Textual closed the app, and keeps the reason")
    if crash is not None:
        raise UserError(
            ExitCode.BUG,
            "this is a bug in sentiment-tui. {path} says where; it has none of your texts",
            path=write_crash(crash, dirs.state),
        )
    if app.restarting:
        _start_anew()
    code = app.return_code or ExitCode.OK
    if threading.active_count() > 1:
        # One is in native code. An interpreter that is taken down under it aborts now and then
        # ("terminate called without an active exception"), so this one just stops.
        os._exit(code)
    if code:
        sys.exit(code)


def _start_anew() -> NoReturn:
    """Put the same command, with the same arguments, in the place of this process."""
    command = [sys.executable, *sys.orig_argv[1:]]
    if sys.platform == "win32":  # a shell there goes on when the process that it started ends
        sys.exit(subprocess.call(command))  # noqa: S603 - the command that was given
    os.execv(sys.executable, command)  # noqa: S606 - as above


def _open_model(path: Path, device: Device) -> LoadedModel:
    from models.predictor import Predictor  # takes a while, so on the model's thread

    try:
        return Predictor.open(path, device=device)
    except UserError as error:
        if error.code is not ExitCode.UNAVAILABLE or device == "cpu":
            raise
        return Predictor.open(path, device="cpu")  # the status bar says that it is not the wanted


@contextmanager
def _stderr_to(log: Path) -> Iterator[None]:
    """Let native code write to a file, and Textual to the terminal, both of which use stderr."""
    file = _opened(log)
    terminal = os.dup(2)
    before = sys.__stderr__
    screen = os.fdopen(terminal, "w", encoding="utf-8", closefd=False)
    os.dup2(file, 2)
    os.close(file)
    sys.__stderr__ = screen  # type: ignore[misc] # where Textual's driver writes its frames
    try:
        yield
    finally:
        with suppress(OSError):  # where the terminal is gone
            screen.close()
        sys.__stderr__ = before  # type: ignore[misc]
        os.dup2(terminal, 2)
        os.close(terminal)


def _opened(log: Path) -> int:
    """Open a log, anew where it is long; where there can be none, what is said is lost."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG:
            flags |= os.O_TRUNC
        return os.open(log, flags, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def write_crash(error: BaseException, state: Path) -> Path:
    """Write down where an exception came from, without values or messages: they may be texts."""
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError:
        state = Path(tempfile.gettempdir())
    path = state / f"crash-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    lines = [f"{sys.version}\n"]
    # Textual wraps what a worker raised, and leaves it in `error`
    chain: BaseException | None = getattr(error, "error", error)
    while chain is not None:
        lines += [*traceback.format_tb(chain.__traceback__), f"{type(chain).__qualname__}\n\n"]
        chain = chain.__cause__ or chain.__context__
    path.write_text("".join(lines), encoding="utf-8")
    return path
