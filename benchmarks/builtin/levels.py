"""Sets the limit of "to review" so that a one-file model is as right as promised on each kind.

    python -m benchmarks.builtin.levels MODEL DATA OUT

DATA is what `prepare.py` laid out. The limit rises until, of each kind in DATA/chosen, 97 % of the
answers above it are right. A kind that no limit makes so, because its labels cannot tell, and one
with too few rows has no say. Only metadata changes: the digest of a file, of weights, tokenizer and
labels, stays what it is.
"""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import onnx

from benchmarks.builtin.prepare import read
from export.pipeline import write_model
from models.arrays import Floats, Int64
from models.levels import counted, levels_of
from models.manifest import Manifest
from models.predictor import Predictor
from models.review import limited
from models.vetting import validate

PROMISED = 0.97
"""Share of the answers above the limit that are right."""

SHARE = 0.3
"""Share of a kind's rows that has to be above a limit for that to be set for it."""

ROWS = 50
"""Rows of a kind from which its share of errors says something."""

LIMITS = np.arange(800, 990, 5) / 1000

Answers = tuple[Floats, Int64]
"""Probabilities, `[rows, C]`, and true label ids, `[rows]`."""


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def main(model: Path, data: Path, out: Path) -> None:
    """Write MODEL with the limit that all kinds of DATA ask for, counted on its dev, to OUT."""
    if out.exists():
        raise click.ClickException(f"{out} exists")
    predictor = Predictor.open(model, device="cpu")
    dev = answers(predictor, data / "dev.tsv")
    limit = 0.0
    for path in sorted((data / "chosen").glob("*.tsv")):
        kind = answers(predictor, path)
        wanted = limit_of(*kind)
        says = "no limit" if wanted is None else f"{wanted}"
        if len(kind[1]) < ROWS:
            says += f", but has {len(kind[1])} rows alone"
        elif wanted is not None:
            limit = max(limit, wanted)
        click.echo(f"{path.stem} asks for {says}")
    levels = counted(limited(levels_of(*dev), limit), *dev)
    graph = onnx.load(model)
    manifest = Manifest.from_metadata({item.key: item.value for item in graph.metadata_props})
    write_model(graph, replace(manifest, review=levels), out)
    validate(out)
    for level in levels:
        rate = level.wrong / max(level.rows, 1)
        click.echo(f"below {level.below}: {level.wrong} of {level.rows} wrong ({rate:.1%})")


def answers(predictor: Predictor, path: Path) -> Answers:
    """Return what a model answers to the rows of a file, and what is right."""
    rows = read(path)
    given = predictor.predict([text for _, text in rows]).probabilities
    return given, np.array([int(label) for label, _ in rows])


def limit_of(probabilities: Floats, labels: Int64) -> float | None:
    """Return the lowest limit above which a kind is right as promised, and None without one."""
    confidences = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    for limit in LIMITS:
        above = confidences >= limit
        if above.mean() < SHARE:
            return None
        if right[above].mean() >= PROMISED:
            return float(limit)
    return None


if __name__ == "__main__":
    main()
