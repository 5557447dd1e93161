"""The command line of `python -m export`."""

import sys
from pathlib import Path

# `python -m` looks in the working directory first, where a `models.py` may be anyone's.
if (
    __name__ == "__main__"
    and sys.path[0] == str(Path.cwd())
    and sys.path[0] != str(Path(__file__).parents[1])  # this checkout
):
    del sys.path[0]

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from models.console import aligned, tr
from models.console.command import run
from models.label_map import checked_map
from models.locations import LATEST

if TYPE_CHECKING:
    from export.parity import Agreement


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    help=tr(
        "Merge the encoder and head of RUN (default: the newest in runs/) into one ONNX graph with "
        "softmax output, check it against torch, and write it as models/NAME.onnx. RUN can also be "
        "a BERT-like ...ForSequenceClassification of transformers."
    ),
)
@click.argument("run_directory", metavar="[RUN]", type=click.Path(path_type=Path), default=LATEST)
@click.option(
    "--opset", type=click.IntRange(14, 20), default=17, help=tr("Version of the ONNX operators.")
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8", "auto"]),
    default="fp32",
    help=tr(
        "int8 (CPU) is a quarter of the size, faster, and close to fp32 or refused; fp16 is for "
        "CUDA; auto takes what is fastest and passes."
    ),
)
@click.option(
    "--target",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    help=tr("The device that the graph is made for."),
)
@click.option(
    *("--output", "-o"),
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=tr("The file to write. [default: models/NAME.onnx]"),
)
@click.option("--force", is_flag=True, help=tr("Replace the file if it exists."))
@click.option("--encoder", metavar="DIR|HUB_ID", help=tr("Where the encoder is now, if it moved."))
@click.option(
    "--dev",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=tr("Table of text and label, to check the int8 of a classifier of transformers."),
)
@click.option(
    "--label-map",
    metavar="MAP",
    callback=checked_map,
    help=tr(
        "Names for the labels of a classifier of transformers, and of --dev: "
        "'LABEL_0=负向评价; LABEL_1=正向评价'."
    ),
)
def main(run_directory: Path, output: Path | None, **options: Any) -> None:
    from export.pipeline import ExportSettings, export

    folder = run_directory.resolve()
    output = output or Path("models") / f"{folder.name}.onnx"
    done = export(ExportSettings(run=folder, output=output, **options))
    graph = done.summary
    rows = [
        (tr("file"), f"{done.path}, {done.size / 1e6:.1f} MB"),
        (tr("opset"), ", ".join([str(graph.opset), *graph.domains])),
        *((tr("input"), line) for line in graph.inputs),
        *((tr("output"), line) for line in graph.outputs),
        (
            tr("graph"),
            tr("{count} nodes, the last {op}", count=graph.nodes, op=graph.last_operator),
        ),
        (tr("operators"), ", ".join(f"{n} {op}" for op, n in graph.operators.most_common(8))),
        (tr("precision"), done.precision),
        *((tr("{form}, against torch", form=form), _line(one)) for form, one in done.tried),
    ]
    click.echo("\n".join(aligned(rows)))
    click.echo(tr("next: sentiment-tui --model {path}", path=done.path), err=True)


def _line(agreement: "Agreement") -> str:
    return tr(
        "{texts} texts, {same:.2%} same labels ({low:.1%} to {high:.1%}), {lost:.2%} accuracy "
        "lost, largest difference {difference:.1e}, {neighbours:.1e} by neighbours, {speed:.0f}/s",
        **asdict(agreement),
        low=agreement.interval[0],
        high=agreement.interval[1],
    )


if __name__ == "__main__":
    run(main, "python -m export")
