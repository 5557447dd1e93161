"""Counts on dev how often a one-file model errs, and writes that into it, as an export does.

    python -m benchmarks.builtin.levels MODEL DEV OUT

For a model that was exported before there were levels. Only its metadata changes: its digest, of
weights, tokenizer and labels, stays what it is.
"""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import onnx

from benchmarks.builtin.prepare import read
from export.pipeline import write_model
from models.levels import levels_of
from models.manifest import Manifest
from models.predictor import Predictor
from models.vetting import validate


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("dev", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def main(model: Path, dev: Path, out: Path) -> None:
    """Write MODEL with the review levels of DEV, a TSV of label and text, to OUT."""
    if out.exists():
        raise click.ClickException(f"{out} exists")
    rows = read(dev)
    labels = np.array([int(label) for label, _ in rows])
    given = Predictor.open(model, device="cpu").predict([text for _, text in rows])
    levels = levels_of(given.probabilities, labels)
    graph = onnx.load(model)
    manifest = Manifest.from_metadata({item.key: item.value for item in graph.metadata_props})
    write_model(graph, replace(manifest, review=levels), out)
    validate(out)
    for level in levels:
        rate = level.wrong / max(level.rows, 1)
        click.echo(f"below {level.below}: {level.wrong} of {level.rows} wrong ({rate:.1%})")


if __name__ == "__main__":
    main()
