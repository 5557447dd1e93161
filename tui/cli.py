"""The command line: `sentiment-tui` opens the app, `sentiment-tui classify` works without a screen.

Nothing heavy is imported before it is known what is asked for.
"""

import os
import sys
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from models.console import ExitCode, require_file, tr, usage_error
from models.console.command import run
from models.label_map import checked_map
from models.locations import Device, model_path
from models.tables import OUTPUT_FORMATS, Dialect, StandardInput, format_of
from models.tables.options import reading_options
from tui.app.opening import is_served, open_app
from tui.batch.findings.commands import compare, report
from tui.batch.objects import path_of

PROGRAM = "sentiment-tui"
COMPLETE = "_SENTIMENT_TUI_COMPLETE"
"""The variable by which a shell asks for completions, as click names it."""

_PATH = click.Path(path_type=Path, allow_dash=True)
_PATH_OR_URI = click.Path(path_type=str, allow_dash=True)
_FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path)
_PORT = 8000  # where --serve names none
_HELP = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100}

EXIT_CODES = {
    ExitCode.OK: tr("all records classified"),
    ExitCode.REJECTS: tr("finished, with records in OUT.rejects.jsonl"),
    ExitCode.USAGE: tr("wrong use of the command"),
    ExitCode.DATA: tr("the input cannot be used, or was changed since a run was interrupted"),
    ExitCode.NO_INPUT: tr("no such input or model"),
    ExitCode.UNAVAILABLE: tr("the device asked for, ONNX Runtime or the cluster is not available"),
    ExitCode.BUG: tr("a bug in this program"),
    ExitCode.CANNOT_CREATE: tr("the output exists or cannot be created"),
    ExitCode.IO: tr("reading or writing failed"),
    ExitCode.LOCKED: tr("another run is writing the output"),
    ExitCode.CONFIG: tr("the model cannot be used, or the settings were changed since then"),
    ExitCode.INTERRUPTED: tr("interrupted by Ctrl-C; the same command goes on"),
    ExitCode.BROKEN_PIPE: tr("the reader of the output left"),
    ExitCode.TERMINATED: tr("terminated; the same command goes on"),
}


def _model_options(command: Any) -> Any:
    """Add the options that choose the model and its device, shared by all commands."""
    model = tr("The model. [default: the newest models/*.onnx here, else builtin]")
    device = tr("Where to run: auto takes CUDA where it works, else the CPU.")
    choices = click.Choice(["auto", "cpu", "cuda"])
    command = click.option("--device", type=choices, default="auto", help=device)(command)
    return click.option("--model", metavar="FILE|builtin", help=model)(command)


class _Commands(click.Group):
    """Knows a file from a command, and from a port: the app opens it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; the word after `--serve` belongs to it only where it is a number."""
        for place, (option, word) in enumerate(pairwise(args)):
            if option in self.commands:
                break
            if option == "--serve" and not word.isdecimal():
                args[place] = f"--serve={_PORT}"
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; of a file, the one that opens it."""
        path = Path(args[0])
        if args[0] in self.commands or not (path.exists() or format_of(path)):
            return super().resolve_command(ctx, args)
        if path.is_dir():
            hint = tr(
                "{name} is a folder; to classify it: sentiment-tui classify {name}", name=path
            )
            raise click.UsageError(hint, ctx)
        return "open", self.commands["open"], args


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings=_HELP,
    subcommand_metavar="[FILE | COMMAND [ARGS]...]",
    help=tr(
        "Label Chinese reviews in the terminal. Without a command, open the app, or FILE in it."
    ),
)
@_model_options
@click.option(
    "--serve",
    metavar="[PORT]",
    type=click.IntRange(1, 65535),
    is_flag=False,
    flag_value=_PORT,
    help=tr(
        "Open the app in browsers of this machine, at port PORT (8000) of 127.0.0.1, for those who "
        "have the address that is printed."
    ),
)
@click.option(
    "--root",
    metavar="FOLDER",
    type=_FOLDER,
    help=tr(
        "With --serve: open and save files in FOLDER only. This is no sandbox: the app itself "
        "still runs as you."
    ),
)
@click.version_option(package_name=PROGRAM, help=tr("Show the version and exit."))
@click.pass_context
def cli(
    context: click.Context,
    /,
    model: str | None,
    device: Device,
    serve: int | None,
    root: Path | None,
) -> None:
    command = context.invoked_subcommand
    if serve is not None and command not in (None, "open"):
        raise usage_error("--serve opens the app: it goes with no command")
    if root is not None and serve is None and not is_served():
        raise usage_error("--root goes with --serve")
    if command is not None:
        context.default_map = {command: {"model": model, "device": device}}
        return
    _open_app(model, device)


def _open_app(model: str | None, device: Device, file: Path | None = None) -> None:
    asked = click.get_current_context().find_root().params
    open_app(model_path(model), device, file, port=asked["serve"], root=asked["root"])


@cli.command("open", context_settings=_HELP, hidden=True, help=tr("Open the app with FILE."))
@click.argument("file", type=_PATH)
@_model_options
def open_file(file: Path, model: str | None, device: Device) -> None:
    require_file(file)
    if file.suffix == ".onnx":
        raise usage_error("{path} is a model; to use it: sentiment-tui --model {path}", path=file)
    _open_app(model, device, file)


@cli.command(
    context_settings=_HELP,
    short_help=tr("Classify files and pipes."),
    help=tr(
        "Classify every record of each FILE (CSV, TSV, JSON, TXT, XLSX, XLS, ODS, Parquet, packed "
        "or not, a folder of them, s3://BUCKET/KEY, gs:// or abfs://, or - for standard input). "
        "Each comes out once, in order, with its columns and then "
        "predicted_label, predicted_id, confidence and status; what cannot be read goes to "
        "OUT.rejects.jsonl with its line and the reason. A run that was interrupted goes on when "
        "the same command is given again."
    ),
    epilog="\b\n"
    + tr("Exit codes:")
    + "\n"
    + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items()),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_PATH_OR_URI)
@click.option(
    *("--output", "-o"),
    type=_PATH_OR_URI,
    metavar="FILE",
    help=tr(
        "Where to write; its name tells the format. A folder, for several inputs. "
        "[default: standard output]"
    ),
)
@click.option("--force", is_flag=True, help=tr("Replace the output if it exists."))
@click.option(
    *("--to", "output_format"),
    type=click.Choice(OUTPUT_FORMATS),
    help=tr("Format of the output. [default: by its name, or as the input]"),
)
@click.option(
    "--excel/--no-excel",
    default=None,
    help=tr(
        "Write CSV for Excel: a byte order mark, no formulas. [default: a byte order mark where "
        "the input is of Excel]"
    ),
)
@_model_options
@click.option(
    "--on",
    type=click.Choice(["ray"]),
    help=tr(
        "Have the cores of a Ray cluster answer, with the same bytes: that of RAY_ADDRESS or of "
        "this machine, else one that is started here. With --device cuda, its GPUs."
    ),
)
@click.option(
    "--label-map",
    metavar="MAP",
    callback=checked_map,
    help=tr(
        "What the values of that column stand for: '1,2=负向评价; 4,5=正向评价; 3=', where those "
        "of 3 are not scored."
    ),
)
@click.option(
    "--select",
    metavar="NAME",
    multiple=True,
    help=tr("Keep this input column and no others; may be repeated. [default: all]"),
)
@click.option("--probabilities", is_flag=True, help=tr("Add a column for each label."))
@click.option(
    "--long",
    type=click.Choice(["cut", "windows"]),
    default="cut",
    help=tr("Of a text that is too long, read the beginning, or all of it in windows."),
)
@click.option(
    "--label-everything",
    is_flag=True,
    help=tr("Label texts without an opinion too, such as 此用户没有填写评价."),
)
@click.option(
    "--review",
    metavar="LIMIT",
    help=tr(
        "Which answers are to be looked at: a share of the file, as 10%, the least sure, or those "
        "below a confidence, as 0.9. [default: as the model says]"
    ),
)
@click.option(
    "--prefix",
    default="",
    show_default=False,
    metavar="TEXT",
    help=tr("Put before the names of the new columns."),
)
@reading_options(
    label_column=tr("Column of true labels: report accuracy, macro-F1 and the confusion matrix.")
)
@click.option(
    "--by",
    metavar="COLUMN",
    multiple=True,
    help=tr(
        "Print a table by this column: rows, shares, rows to review; dates by month, or by "
        "COLUMN:day, week, quarter; numbers by COLUMN:range or number. May be repeated."
    ),
)
@click.option(
    "--dry-run", is_flag=True, help=tr("Only say what would be read, and show some of it.")
)
@click.option("--json", "as_json", is_flag=True, help=tr("Print the receipt on standard output."))
@click.option("--quiet", "-q", is_flag=True, help=tr("Say nothing but errors."))
def classify(
    files: tuple[str, ...],
    output: str | None,
    model: str | None,
    device: Device,
    *,
    long: str,
    select: tuple[str, ...],
    by: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    on: str | None,
    **options: Any,
) -> None:
    from tui.batch.command import classify_files
    from tui.batch.report import Report
    from tui.batch.settings import BatchSettings
    from tui.config import Config

    if options["label_map"] is not None and options["label_column"] is None:
        raise usage_error("--label-map goes with --label-column")
    to_stdout = output in (None, "-")
    if to_stdout and sys.stdout is None and not dry_run:
        raise usage_error("standard output is closed: name an --output")
    if as_json and to_stdout and not dry_run:
        raise usage_error(
            "--json and the records cannot both be standard output: name an --output",
        )
    dialect = Dialect(**{field.name: options.pop(field.name) for field in fields(Dialect)})
    settings = BatchSettings(
        source=StandardInput(),
        output=None if output is None or to_stdout else path_of(output),
        dialect=dialect,
        select=tuple(dict.fromkeys(select)),
        windows=long == "windows",
        no_opinion=Config.of_user().no_opinion,
        **options,
    )
    chosen = model is not None
    report = Report(quiet=quiet, as_json=as_json, to_stdout=to_stdout, chosen=chosen, by=by)
    paths = [path_of(file) for file in files]
    code = classify_files(
        paths, settings, model_path(model), device, report, dry_run=dry_run, on=on
    )
    click.get_current_context().exit(code)


@cli.command(
    context_settings=_HELP, help=tr("Say what prediction finds on this machine, and what mends it.")
)
@_model_options
def doctor(model: str | None, device: Device) -> None:
    from models.console.display import aligned
    from tui.doctor import examine

    found, problem = examine(model_path(model), device)
    click.echo("\n".join(aligned(found)))
    if problem is not None:
        raise problem


cli.add_command(report)
cli.add_command(compare)


def main() -> None:
    """Run `sentiment-tui`."""
    if COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(cli, {}, PROGRAM, COMPLETE, os.environ[COMPLETE]))
    # NumPy multiplies little here; to start its threads is a sixth of all work before an answer.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    run(cli, PROGRAM)
