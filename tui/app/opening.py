"""Opens the app: in this terminal, or in browsers of this machine."""

import os
import sys
from pathlib import Path

from models.console import usage_error
from models.locations import Device
from tui.app.paths import require_inside


def is_served() -> bool:
    """Return whether this is the app of a tab, started by `tui.app.serve`."""
    return "TEXTUAL_DRIVER" in os.environ


def open_app(
    model: Path, device: Device, file: Path | None, *, port: int | None, root: Path | None
) -> None:
    """Open the app, and return when it is closed.

    Args:
        model: the model file.
        device: where to run.
        file: opened at the start.
        port: serve the app there, instead of in this terminal.
        root: open and save files in this folder only.

    Raises:
        UserError: USAGE, there is no terminal; UNAVAILABLE, what serves it is not installed.
    """
    if file is not None:
        require_inside(file, root)
    if port is not None:
        _serve(port, root, model, device, file)
        return
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not is_served() and not all(stream and stream.isatty() for stream in streams):
        raise usage_error(
            "the app needs a terminal; for files and pipes: sentiment-tui classify FILE",
        )
    from tui.app.launch import run_app

    run_app(model, device, file, root)


def _serve(port: int, root: Path | None, model: Path, device: Device, file: Path | None) -> None:
    from tui.app.serve import serve_app

    arguments = ["--model", str(model.absolute()), "--device", device]
    opened = [] if file is None else ["open", "--", str(file.absolute())]
    if root is not None:
        arguments += ["--root", str(root)]
        os.chdir(root)  # what a path that is typed is relative to
    serve_app([*arguments, *opened], port)
