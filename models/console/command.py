"""How the three commands end: exit codes, errors for people, and no traceback for either."""

import io
import signal
import sys
import traceback
from enum import IntEnum
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from models.console import help
from models.console.display import display
from models.console.i18n import tr


class ExitCode(IntEnum):
    """Exit codes of every command. 64 and up as in BSD's sysexits.h, signals as in a shell."""

    OK = 0
    REJECTS = 3
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    BUG = 70
    CANNOT_CREATE = 73
    IO = 74
    LOCKED = 75
    CONFIG = 78
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


class UserError(Exception):
    """An expected condition that ends a command: what was expected, what was found, what to do.

    Args:
        code: that the command exits with.
        sentence: in English, with fields; it is said in the user's language, see `tr`.
        values: of the fields.
    """

    def __init__(self, code: ExitCode, sentence: str, /, **values: object) -> None:
        super().__init__(tr(sentence, **values))
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it be sent to another process, as it was said in this one."""
        return UserError.__new__, (UserError, str(self)), {"code": self.code}


usage_error = partial(UserError, ExitCode.USAGE)
data_error = partial(UserError, ExitCode.DATA)
no_input_error = partial(UserError, ExitCode.NO_INPUT)
unavailable_error = partial(UserError, ExitCode.UNAVAILABLE)
cannot_create_error = partial(UserError, ExitCode.CANNOT_CREATE)
config_error = partial(UserError, ExitCode.CONFIG)


def require_file(path: Path) -> None:
    """Raise UserError NO_INPUT unless `path` is a file, and say what it is instead."""
    if path.is_dir():
        raise no_input_error("expected a file, found the folder {path}", path=path)
    if not path.exists():
        raise no_input_error("no such file: {path}", path=path)
    if not path.is_file():
        raise no_input_error(
            "{path} is a pipe or a device, and cannot be read twice: save it to a file, or let "
            "sentiment-tui classify read it from standard input, as -",
            path=path,
        )


def reason_of(error: UserError | OSError) -> str:
    """Return what an expected error says to people."""
    if isinstance(error, UserError):
        return str(error)
    return tr("{path}: {reason}", path=error.filename or "-", reason=error.strerror or error)


class Terminated(BaseException):
    """SIGTERM arrived. Not an `Exception`, so that only clean-up code sees it on its way out."""


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def complain(message: str) -> None:
    """Say on stderr what is wrong."""
    click.echo(tr("error: ") + display(message, keep="\n"), err=True)


def print_json(line: bytes) -> None:
    """Print a line of JSON: as it is for a program, as it may be on a terminal for a person."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    click.echo(display(line.decode(), keep="\n") if is_terminal else line, nl=False)


def _unexpected(error: BaseException, program: str) -> ExitCode:
    """Say how to install what an extra brings, else that this is a bug, and where."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        from models.console.install import install_extra_of

        module = error.name.partition(".")[0]
        if command := install_extra_of(module):
            complain(
                tr("{name} is not installed. Install it: {command}", name=module, command=command)
            )
            return ExitCode.UNAVAILABLE
    click.echo(display(traceback.format_exc(), keep="\n"), err=True, nl=False)
    complain(tr("this is a bug in {program}; the lines above say where", program=program))
    return ExitCode.BUG


def run(command: click.Command, name: str) -> NoReturn:
    """Run a click command and exit with one of `ExitCode`.

    Args:
        command: the command or group.
        name: how the usage line calls it, e.g. "python -m trainer".
    """
    signal.signal(signal.SIGTERM, _terminate)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it
    help.speak()
    code: int = ExitCode.OK
    try:
        # Not `command.main`, which has its own exit codes for a broken pipe and Ctrl-C.
        with command.make_context(name, sys.argv[1:]) as context:
            command.invoke(context)
    except UserError as error:
        complain(str(error))
        code = error.code
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx:
            click.echo(error.ctx.get_usage(), err=True)
        complain(error.format_message())
        code = ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("\n" + tr("interrupted"), err=True)
        code = ExitCode.INTERRUPTED
    except Terminated:
        code = ExitCode.TERMINATED
    except BrokenPipeError:
        # The reader of our output left, as `head` does. Nothing is wrong, and nobody is listening;
        # closing stdout here keeps the interpreter from complaining about it at exit.
        sys.stdout = None
        code = ExitCode.BROKEN_PIPE
    except OSError as error:
        complain(reason_of(error))
        code = ExitCode.IO
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the last line of defence, also for panics of Rust
        code = _unexpected(error, name)
    sys.exit(code)
