"""Commands of files that were classified before: `sentiment-tui report`, `sentiment-tui compare`.

Nothing heavy is imported before it is known what is asked for.
"""

from pathlib import Path
from typing import Any

import click

from models.console import display, print_json, require_file, tr
from models.locations import model_path
from models.tables.options import reading_options

_PATH = click.Path(path_type=Path)
_text_column = reading_options(
    "text_column",
    text_column=tr("Column of the texts. [default: that of its run, else one with a known name]"),
)
_HELP = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100}


@click.command(
    context_settings=_HELP,
    short_help=tr("Write what a labelled file says as a page."),
    help=tr(
        "Write a report of FILE, which was classified before: shares, groups, changes over time, "
        "words, examples. The page loads nothing from elsewhere."
    ),
)
@click.argument("file", type=_PATH)
@click.option(
    *("--output", "-o"),
    type=_PATH,
    metavar="FILE",
    help=tr("Where to write: a name in .html or .md. [default: FILE.report.html]"),
)
@click.option(
    "--force",
    is_flag=True,
    help=tr("Replace the output if it exists."),
)
@click.option(
    "--filter",
    "line",
    metavar="LINE",
    default="",
    help=tr("Only rows that the app would show under this filter, such as 'label:neg <70%'."),
)
@click.option(
    "--by",
    "columns",
    metavar="COLUMN",
    multiple=True,
    help=tr(
        "Group by this column, or by COLUMN:day, week, month, quarter, range, number or value; may "
        "be repeated. [default: those with dates or few values]"
    ),
)
@_text_column
@click.option(
    "--model",
    metavar="FILE|builtin",
    help=tr("The model. [default: the newest models/*.onnx here, else builtin]"),
)
def report(file: Path, output: Path | None, model: str | None, **options: Any) -> None:
    from tui.batch.findings.report.command import report_file

    require_file(file)
    output = output or file.with_name(f"{file.stem}.report.html")
    report_file(file, output, model_path(model), **options)
    click.echo(tr("written to {path}", path=output), err=True)


@click.command(
    context_settings=_HELP,
    short_help=tr("Compare two labelled files."),
    help=tr(
        "Compare the labels of two files that were classified before and have the same records: by "
        "two models, or before and after a change."
    ),
)
@click.argument("files", metavar="FIRST SECOND", nargs=2, type=_PATH)
@_text_column
@click.option(
    "--key",
    metavar="COLUMN",
    help=tr("Column that tells the records apart, such as an order number. [default: their texts]"),
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help=tr("Print all of it as JSON."),
)
def compare(
    files: tuple[Path, Path],
    key: str | None,
    text_column: str | None,
    *,
    as_json: bool,
) -> None:
    from models.files import json_bytes
    from tui.batch.findings.compare import compare as compared
    from tui.batch.findings.finished import open_finished

    for file in files:
        require_file(file)
    first, second = [open_finished(file, text_column=text_column) for file in files]
    found = compared(first, second, key)
    if as_json:
        print_json(json_bytes(found.as_dict()))
        return
    for line in [*found.lines(), "", *found.table()]:
        click.echo(display(line))
