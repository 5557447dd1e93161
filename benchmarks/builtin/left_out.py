"""Leaves each review file out of training in turn, and measures what is made of it then.

    python -m benchmarks.builtin.left_out DATA ENCODER OUT

A student of the built-in model's size (`left-out.toml`: no teacher, one epoch), for each file, from
every second row of all the others and of the reviews written of other kinds of things (see
`prepare.py`); scored on the tenth of the file that `prepare.py` holds out, as every other figure of
that file is. A finished run is not trained again.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np

from trainer.evaluate import evaluate_run

CONFIG = Path(__file__).with_name("left-out.toml")


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("encoder")
@click.argument("out", type=click.Path(path_type=Path))
def main(data: Path, encoder: str, out: Path) -> None:
    """Train and score a student for each review file of DATA, in runs under OUT."""
    found = {}
    for path in sorted((data / "reviews").glob("*.tsv")):
        name = path.stem
        laid_out, run, unseen = (out / f"{name}{part}" for part in ("-data", "", "-unseen"))
        if not run.exists():
            call("benchmarks.builtin.prepare", data, laid_out, "--leave-out", name)
            unseen.mkdir(exist_ok=True)
            shutil.copy(laid_out / "held-out" / path.name, unseen / "test.tsv")
            options = ("--config", CONFIG, "--encoder", encoder, "--data", laid_out)
            call("trainer", *options, "--output", run)
        found[name] = evaluate_run(run, (str(unseen),), "test")
    print(
        "| left out | rows | accuracy | macro-F1 | calibration error |\n|---|---:|---:|---:|---:|"
    )
    for name, scores in found.items():
        print(f"| {name} | {scores['rows']:,} | {row(scores)} |")
    names = ("accuracy", "macro_f1", "ece")
    print(f"| mean | | {row({n: np.mean([s[n] for s in found.values()]) for n in names})} |")


def call(module: str, *arguments: object) -> None:
    """Run a module, and stop where it fails."""
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)


def row(scores: dict[str, float]) -> str:
    """Return the cells of some scores."""
    return " | ".join(f"{scores[name]:.2%}" for name in ("accuracy", "macro_f1", "ece"))


if __name__ == "__main__":
    main()
