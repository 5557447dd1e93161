"""The command line of `python -m trainer`."""

import json
import tomllib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from models.command import ExitCode, UserError, require_file, run
from models.i18n import tr

_HELP = {
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
}


_POSITIVE = click.FloatRange(min=0, min_open=True)


class Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers of zero or more, separated by commas, or a TOML list of them."""

    name = "numbers"

    def __init__(self, kind: type[float], example: str) -> None:
        self.kind = kind
        self.example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers, or fail with the text that is none."""
        given = value if isinstance(value, list | tuple) else str(value).split(",")
        try:
            numbers = tuple(map(self.kind, given))
            if numbers and all(number >= 0 for number in numbers):
                return numbers
        except (ValueError, TypeError):
            pass
        expected = tr(
            "expected numbers like {example}, found {found}", example=self.example, found=value
        )
        self.fail(expected, param, ctx)


class Grouped(click.Group):
    """A command whose help lists the options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group, then the commands."""
        records = {
            parameter.name: record
            for parameter in self.get_params(ctx)
            if (record := parameter.get_help_record(ctx))
        }
        for heading, names in _GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([records.pop(name) for name in names.split()])
        with formatter.section(tr("Run")):
            formatter.write_dl(list(records.values()))
        self.format_commands(ctx, formatter)


_GROUPS = {
    tr("Data"): "data text_column label_column encoding labels split_sizes drop_contradictions "
    "drop_leaks balance",
    tr("Model"): "encoder pooling max_length layers prune_vocab train",
    tr("Head, on the frozen encoder"): "head_epochs learning_rates weight_decays",
    tr("Fine-tuning, for --train last:N or all"): "epochs learning_rate layer_decay weight_decay "
    "warmup schedule label_smoothing accumulation patience precision tensorboard",
    tr("Distillation, when fine-tuning"): "teachers unlabelled teacher_weight teacher_temperature",
}
"""Options by heading; those of no heading concern the run."""


def _data_options(command: Any) -> Any:
    """Add the options that say what to read, shared by training and evaluation."""
    for option in (
        click.option("--encoding", help=tr("Encoding of the files. [default: found out]")),
        click.option("--label-column", metavar="NAME", help=tr("Column of the labels.")),
        click.option("--text-column", metavar="NAME", help=tr("Column of the texts.")),
        click.option(
            *("--data", "data"),
            metavar="DIR|FILE|HUB_ID",
            multiple=True,
            default=["lansinuote/ChnSentiCorp"],
            help=tr(
                "Labelled reviews: a folder with train, dev and test as CSV, TSV, JSONL or "
                "Parquet; such files, each after its own --data; a folder of datasets' "
                "save_to_disk; a hub id."
            ),
        ),
    ):
        command = option(command)
    return command


_FINETUNE = {
    "epochs": (click.IntRange(min=1), 3, tr("Of fine-tuning, at most.")),
    "learning_rate": (_POSITIVE, 5e-5, tr("Of fine-tuning, at its peak.")),
    "layer_decay": (
        click.FloatRange(0, 1, min_open=True),
        0.9,
        tr("Each layer below the last learns this much slower."),
    ),
    "weight_decay": (click.FloatRange(min=0), 0.01, tr("Of fine-tuning.")),
    "warmup": (click.FloatRange(0, 1), 0.1, tr("Share of the steps that warm up.")),
    "schedule": (click.Choice(["linear", "cosine"]), "linear", tr("How the learning rate falls.")),
    "label_smoothing": (click.FloatRange(0, 1, max_open=True), 0.0, tr("Of the loss.")),
    "accumulation": (click.IntRange(min=1), 1, tr("Batches that are added up before a step.")),
    "patience": (
        click.IntRange(min=1),
        2,
        tr("Stop after so many epochs that are not better on dev."),
    ),
    "teacher_weight": (
        click.FloatRange(0, 1),
        0.7,
        tr("Share of the teachers' answers in the loss; the rest is the labels'."),
    ),
    "teacher_temperature": (_POSITIVE, 2.0, tr("Softens what teachers and student answer.")),
    "precision": (
        click.Choice(["auto", "fp32", "bf16", "fp16"]),
        "auto",
        tr("Of fine-tuning's arithmetic; auto takes bf16 where the device has it."),
    ),
}
"""Options of fine-tuning alone: type, default and help of each field of FinetuneSettings."""


def _finetune_options(command: Any) -> Any:
    for name, (kind, default, text) in reversed(_FINETUNE.items()):
        flag = "--" + name.replace("_", "-")
        command = click.option(flag, type=kind, default=default, help=text)(command)
    return command


def _trained_layers(
    _context: click.Context, _parameter: click.Parameter, value: str
) -> str | int | None:
    """Return "head", the number of last layers, or None for all."""
    if value in ("head", "all"):
        return "head" if value == "head" else None
    kind, _, number = value.partition(":")
    if kind != "last" or not number.isdecimal():
        raise click.BadParameter(tr("expected head, last:N or all, found {found}", found=value))
    return int(number)


def _read_config(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Take the defaults of the options from a TOML file."""
    if path is None:
        return
    require_file(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            ExitCode.DATA, tr("{path} is not TOML: {reason}", path=path, reason=error)
        ) from error
    names = {
        flag.removeprefix("--"): parameter.name
        for parameter in context.command.params
        for flag in parameter.opts
    }
    unknown = sorted(set(document) - set(names))
    if unknown:
        raise UserError(
            ExitCode.USAGE,
            tr(
                "{path}: expected options of python -m trainer, found {unknown}",
                path=path,
                unknown=", ".join(unknown),
            ),
        )
    context.default_map = {str(names[flag]): value for flag, value in document.items()}


_paths = click.Path(path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help=tr("Print the scores as JSON."))
_device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help=tr("Where the encoder runs."),
)


@click.group(
    cls=Grouped,
    invoke_without_command=True,
    context_settings=_HELP,
    help=tr("Train a classifier on labelled reviews: a BERT encoder under a linear head."),
)
@click.option(
    "--encoder",
    metavar="DIR|HUB_ID",
    default="google-bert/bert-base-chinese",
    help=tr("The BERT encoder, in the Hugging Face format."),
)
@_data_options
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="runs/NAME",
    help=tr("The run directory to write. [default: named by the time]"),
)
@click.option("--force", is_flag=True, help=tr("Replace the run directory if it exists."))
@click.option(
    "--labels",
    metavar="NAME,NAME",
    help=tr("Names of the labels, in the order of their ids. [default: as the data has them]"),
)
@click.option(
    "--pooling",
    type=click.Choice(["cls", "mean"]),
    default="cls",
    help=tr("What the head sees: the first token's vector, or the mean of all."),
)
@click.option(
    "--max-length",
    type=click.IntRange(min=3),
    default=350,
    help=tr("Longer texts are cut to this many tokens."),
)
@click.option(
    "--split-sizes",
    metavar="DEV,TEST",
    help=tr("Cut the missing dev and test from train, by these fractions: 0.1,0.1."),
)
@click.option(
    "--drop-contradictions",
    is_flag=True,
    help=tr("Drop texts of train that have more than one label."),
)
@click.option(
    "--drop-leaks", is_flag=True, help=tr("Drop rows of train that also stand in dev or test.")
)
@click.option(
    "--class-weights",
    "balance",
    is_flag=True,
    help=tr("Weight each label by the inverse of its rows."),
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, help=tr("Rows of a step."))
@click.option(
    "--head-epochs",
    type=click.IntRange(min=0),
    default=100,
    help=tr("Passes over the cached features; 0 fine-tunes from an untrained head at once."),
)
@click.option(
    *("--head-learning-rate", "learning_rates"),
    type=Numbers(float, "1e-3,3e-3"),
    default="3e-4,1e-3,3e-3",
    help=tr("Of the head; dev chooses where there are several."),
)
@click.option(
    *("--head-weight-decay", "weight_decays"),
    type=Numbers(float, "0.01,0.1"),
    default="0.01,0.1,1",
    help=tr("Of the head; dev chooses where there are several."),
)
@click.option(
    "--layers",
    type=Numbers(int, "0,3,7,11"),
    metavar="N,N,…",
    help=tr("Keep these layers of the encoder alone, counted from 0. [default: all]"),
)
@click.option(
    "--prune-vocab",
    is_flag=True,
    help=tr("Keep the pieces that the training texts use, and all single characters."),
)
@click.option(
    "--train",
    metavar="head|last:N|all",
    default="head",
    callback=_trained_layers,
    help=tr("What trains: the head on the frozen encoder; then its last N layers, or all of it."),
)
@_finetune_options
@click.option(
    *("--teacher", "teachers"),
    type=_paths,
    metavar="RUN",
    multiple=True,
    help=tr("Learn from what this run answers as well; of several, from their mean."),
)
@click.option(
    "--unlabelled",
    type=_paths,
    metavar="FILE",
    multiple=True,
    help=tr("Texts without labels for the teachers: CSV, TSV, JSONL or TXT."),
)
@click.option(
    "--tensorboard", is_flag=True, help=tr("Write logs for TensorBoard into the run directory.")
)
@click.option("--seed", type=int, default=42)
@_device
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
def main(
    context: click.Context,
    /,
    output: Path | None,
    labels: str | None,
    *,
    as_json: bool,
    **options: Any,
) -> None:
    if context.invoked_subcommand is not None:
        return
    given = {name: options.pop(name) for name in _FINETUNE}
    trained = options.pop("train")
    if trained == "head":
        unused = (*_FINETUNE, "teachers", "unlabelled", "tensorboard")
        _refuse(context, unused, tr("is for --train last:N or all"))
        if not options["head_epochs"]:
            raise click.UsageError(f"--head-epochs 0 {tr('is for --train last:N or all')}", context)
    if not options["teachers"]:
        unused = ("unlabelled", "teacher_weight", "teacher_temperature")
        _refuse(context, unused, tr("is for training with a --teacher"))
    # What follows imports torch.
    from trainer.finetune import FinetuneSettings
    from trainer.head import HeadSettings
    from trainer.report import show_training
    from trainer.settings import Settings
    from trainer.splitting import SplitSizes
    from trainer.training import train

    batch_size, sizes = options.pop("batch_size"), options.pop("split_sizes")
    head = HeadSettings(
        epochs=options.pop("head_epochs"),
        batch_size=batch_size,
        learning_rates=options.pop("learning_rates"),
        weight_decays=options.pop("weight_decays"),
    )
    finetune = FinetuneSettings(last=trained, batch_size=batch_size, **given)
    measured = train(
        Settings(
            output=output or Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S"),
            labels=tuple(name.strip() for name in labels.split(",")) if labels else None,
            split_sizes=SplitSizes.parse(sizes) if sizes else None,
            head=head,
            finetune=None if trained == "head" else finetune,
            **options,
        )
    )
    if not measured:
        return  # in a process that is not the first
    if as_json:
        click.echo(json.dumps(measured, ensure_ascii=False))
    else:
        show_training(measured, fine_tuned=trained != "head")


def _refuse(context: click.Context, names: Iterable[str], reason: str) -> None:
    """Refuse options that would do nothing, where they were given."""
    flags = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{flags[name]} {reason}", ctx=context)


@main.command(
    context_settings=_HELP,
    help=tr("Score the classifier of a run on one split of labelled reviews."),
)
@click.argument("run_directory", metavar="RUN", type=click.Path(path_type=Path))
@_data_options
@click.option("--split", type=click.Choice(["train", "dev", "test"]), default="test")
@click.option("--encoder", metavar="DIR|HUB_ID", help=tr("Where the encoder is now, if it moved."))
@_device
@_json
def evaluate(as_json: bool, split: str, **options: Any) -> None:
    from trainer.report import show_scores
    from trainer.training import evaluate_run

    scores = evaluate_run(split=split, **options)
    if as_json:
        click.echo(json.dumps(scores, ensure_ascii=False))
    else:
        show_scores({split: scores}, tr("split"))


if __name__ == "__main__":
    run(main, "python -m trainer")
