"""Has a one-file model read traditional characters, as if trained with `--simplify`.

    python -m benchmarks.builtin.simplify MODEL TEXTS OUT

For a model that was trained before there was that option: the same map goes into its tokenizer, and
its weights stay what they are. Refused where the labels of TEXTS, which are in simplified
characters, do not stay the same.
"""

from dataclasses import replace
from pathlib import Path

import click
import onnx

from benchmarks.builtin.prepare import read
from export.pipeline import write_model
from models.manifest import Manifest
from models.predictor import Predictor
from models.vetting import model_digest
from trainer.traditional import simplified


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("texts", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def main(model: Path, texts: Path, out: Path) -> None:
    """Write MODEL with the map of traditional characters to OUT."""
    if out.exists():
        raise click.ClickException(f"{out} exists")
    graph = onnx.load(model)
    manifest = Manifest.from_metadata({item.key: item.value for item in graph.metadata_props})
    tokenizer = simplified(manifest.tokenizer)
    ours = model_digest(graph, tokenizer, manifest.labels)
    write_model(graph, replace(manifest, tokenizer=tokenizer, digest=ours), out)
    sample = [text for _, text in read(texts)]
    before, after = (Predictor.open(path, device="cpu").predict(sample) for path in (model, out))
    same = (before.ids == after.ids).mean()
    click.echo(f"{same:.2%} of {len(sample):,} texts keep their label")
    if same < 1:
        out.unlink()
        raise click.ClickException("the map costs labels")


if __name__ == "__main__":
    main()
