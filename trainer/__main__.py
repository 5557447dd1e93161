"""The command line of `python -m trainer`."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from models.command import run
from models.i18n import tr

_HELP = {"help_option_names": ["-h", "--help"], "show_default": True}


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
                "Labelled reviews: a folder with train, dev and test as CSV, TSV or JSONL; such "
                "files, each after its own --data; a folder of datasets' save_to_disk; a hub id."
            ),
        ),
    ):
        command = option(command)
    return command


_device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help=tr("Where the encoder runs."),
)


@click.group(
    invoke_without_command=True,
    context_settings=_HELP,
    help=tr("Train a classifier on labelled reviews: a linear head on a frozen BERT encoder."),
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
@click.option("--epochs", type=click.IntRange(min=1), default=100)
@click.option("--batch-size", type=click.IntRange(min=1), default=32)
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), default=1e-3)
@click.option("--weight-decay", type=click.FloatRange(min=0), default=0.1)
@click.option("--seed", type=int, default=42)
@_device
@click.pass_context
def main(
    context: click.Context, /, output: Path | None, labels: str | None, **options: Any
) -> None:
    if context.invoked_subcommand is not None:
        return
    from trainer.head import HeadSettings
    from trainer.training import Settings, train

    names = ("epochs", "batch_size", "learning_rate", "weight_decay", "seed")
    head = HeadSettings(**{name: options.pop(name) for name in names})
    train(
        Settings(
            output=output or Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S"),
            labels=tuple(name.strip() for name in labels.split(",")) if labels else None,
            head=head,
            **options,
        )
    )


@main.command(
    context_settings=_HELP,
    help=tr("Score the classifier of a run on one split of labelled reviews."),
)
@click.argument("run_directory", metavar="RUN", type=click.Path(path_type=Path))
@_data_options
@click.option("--split", type=click.Choice(["train", "dev", "test"]), default="test")
@click.option("--encoder", metavar="DIR|HUB_ID", help=tr("Where the encoder is now, if it moved."))
@_device
@click.option("--json", "as_json", is_flag=True, help=tr("Print the scores as JSON."))
def evaluate(as_json: bool, split: str, **options: Any) -> None:
    from trainer.report import show_scores
    from trainer.training import evaluate_run

    scores = evaluate_run(split=split, **options)
    if as_json:
        click.echo(json.dumps(scores, ensure_ascii=False))
    else:
        show_scores({split: scores})


if __name__ == "__main__":
    run(main, "python -m trainer")
