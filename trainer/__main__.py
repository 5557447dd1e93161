"""The command line of `python -m trainer`."""

import sys
from pathlib import Path

# `python -m` looks in the working directory first, where a `models.py` may be anyone's.
if (
    __name__ == "__main__"
    and sys.path[0] == str(Path.cwd())
    and sys.path[0] != str(Path(__file__).parents[1])  # this checkout
):
    del sys.path[0]

import os
import tomllib
from dataclasses import fields
from typing import Any

import click
from click.core import ParameterSource

from models.console import data_error, print_json, require_file, tr, usage_error
from models.console.command import run
from models.files import json_bytes
from models.tables.options import READING, reading_options
from trainer.settings import TrainingSettings, click_options

_HELP = {
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
}
_json = click.option("--json", "as_json", is_flag=True, help=tr("Print the scores as JSON."))


class Grouped(click.Group):
    """A command whose help lists the options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group, then the commands."""
        groups = {option.name: option.metadata["group"] for option in fields(TrainingSettings)}
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                heading = groups.get(str(parameter.name), tr("Run"))
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)
        self.format_commands(ctx, formatter)


def _read_config(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Take the defaults of the options from a TOML file."""
    if path is None:
        return
    require_file(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise data_error("{path} is not TOML: {reason}", path=path, reason=error) from error
    options = {}
    for option in context.command.params:
        if isinstance(option, click.Option) and option.expose_value:  # all but --config
            options[option.opts[0].removeprefix("--")] = option
    if unknown := sorted(set(document) - set(options)):
        raise usage_error(
            "{path}: expected options of python -m trainer, found {unknown}",
            path=path,
            unknown=", ".join(unknown),
        )
    defaults: dict[str, Any] = {}
    for flag, value in document.items():
        option = options[flag]
        if (option.multiple or option.nargs > 1) and not isinstance(value, list):
            value = [value]
        # strings, as on the command line: click makes 2 of the number 2.9
        text = [*map(str, value)] if isinstance(value, list) else str(value)
        defaults[str(option.name)] = text
    context.default_map = defaults


@click.group(
    cls=Grouped,
    invoke_without_command=True,
    context_settings=_HELP,
    help=tr("Train a classifier on labelled reviews: a BERT encoder under a linear head."),
)
@click_options()
@_json
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help=tr("TOML file with options by their names; the command line goes before it."),
)
@click.pass_context
def main(context: click.Context, /, *, as_json: bool, **options: Any) -> None:
    if command := context.invoked_subcommand:
        if before := _given(context, ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP):
            flag = before[0].replace("_", "-")
            problem = tr(
                "--{flag} stands before {command}: put it after", flag=flag, command=command
            )
            raise click.UsageError(problem, ctx=context)
        return
    if not options["data"]:
        raise click.UsageError(tr("--data: expected labelled reviews, found nothing"), ctx=context)
    given = {name: value for name, value in options.items() if value not in (None, ())}
    settings = TrainingSettings(**given)
    _refuse_idle_options(settings, context)
    from models.run_directory import read_run
    from trainer.console import say  # imports torch
    from trainer.training import train

    try:
        scores = train(settings)
    except KeyboardInterrupt:
        say("the same command goes on from here")
        raise
    if not scores:  # in a process that is not the first
        return
    tuned = settings.train != "head"
    if "frozen" in scores and not as_json:
        frozen = scores.pop("frozen")
        tuned = read_run(settings.output).outcome["best_epoch"] > 0
        if tuned:
            _print_scores(frozen, tr("frozen encoder"), settings.output, as_json=False)
            click.echo()
    title = tr("fine-tuned") if tuned else tr("frozen encoder")
    _print_scores(scores, title, settings.output, as_json=as_json)


def _given(context: click.Context, *sources: ParameterSource) -> list[str]:
    """Return the names of the options that were given in one of some ways."""
    return [name for name in context.params if context.get_parameter_source(name) in sources]


def _refuse_idle_options(settings: TrainingSettings, context: click.Context) -> None:
    """Refuse an option that would do nothing.

    A --train of the command line makes options of the config file idle that are not for it; these
    are passed over, but for --neutral, without which the model would have another label.
    """
    given = _given(context, ParameterSource.COMMANDLINE)
    if settings.neutral:
        given.append("neutral")
    if "train" not in given and "head_epochs" not in given:
        given += _given(context, ParameterSource.DEFAULT_MAP)
    for name, purpose in settings.idle().items():
        if name in given:
            raise click.UsageError(f"--{name.replace('_', '-')} {purpose}", ctx=context)
    if settings.train == "head" and not settings.head_epochs:
        raise click.UsageError(f"--head-epochs 0 {tr('is for --train last:N or all')}", ctx=context)


def _print_scores(scores: dict[str, Any], title: str, run: Path, *, as_json: bool) -> None:
    from models.run_directory import read_run
    from trainer.console import print_scores

    if as_json:
        print_json(json_bytes(scores))
    else:
        print_scores(scores, title, read_run(run).labels)


@main.command(
    context_settings=_HELP,
    help=tr("Score the classifier of a run on one split of labelled reviews."),
)
@click.argument("run_directory", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="DIR|FILE|HUB_ID",
    multiple=True,
    help=tr("Labelled reviews. [default: those of the training]"),
)
@click_options("label_map", "skip_unlabelled")
@reading_options()
@click.option("--split", type=click.Choice(["train", "dev", "test"]), default="test")
@click.option("--encoder", metavar="DIR|HUB_ID", help=tr("Where the encoder is now, if it moved."))
@click_options("device")
@_json
def evaluate(*, as_json: bool, split: str, **options: Any) -> None:
    from trainer.data.sources import Reading
    from trainer.evaluate import evaluate_run

    names = (*READING, "label_map", "skip_unlabelled")
    reading = Reading(**{name: options.pop(name) for name in names})
    scores = evaluate_run(split=split, reading=reading, **options)
    shown = scores if as_json else {split: scores}
    _print_scores(shown, tr("split"), options["run_directory"], as_json=as_json)


@main.command(
    context_settings=_HELP,
    help=tr(
        "Save a run as a FOLDER that AutoModelForSequenceClassification of transformers loads."
    ),
)
@click.argument("run_directory", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--encoder", metavar="DIR|HUB_ID", help=tr("Where the encoder is now, if it moved."))
def save(run_directory: Path, folder: Path, encoder: str | None) -> None:
    from trainer.saving import save_run

    save_run(run_directory, folder, encoder)


if __name__ == "__main__":
    # With this, torch (2.2 and later) asks Linux for pages of 2 MB: a step of fine-tuning fills
    # hundreds of megabytes anew, which in pages of 4 KB cost a fifth of its time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    run(main, "python -m trainer")
