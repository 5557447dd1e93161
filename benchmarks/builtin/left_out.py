"""Leaves kinds of reviews out of training in turn, and measures what is made of them then.

    python -m benchmarks.builtin.left_out DATA ENCODER OUT

A student of the built-in model's size (`left-out.toml`: no teacher, one epoch), for each kind, from
every second row of all the others and of the reviews written of other kinds of things (see
`prepare.py`); scored on the tenth of its files that `prepare.py` holds out, as every other figure
of them is. A finished run is not trained again.
"""

import subprocess
import sys
from pathlib import Path

import click
import numpy as np

from benchmarks.builtin.prepare import read, write
from trainer.evaluate import evaluate_run

CONFIG = Path(__file__).with_name("left-out.toml")

KINDS = {
    "takeaway": ("takeaway",),
    "fruit": ("fruit", "food"),
    "film_short": ("film_short", "movie"),
    "app_store": ("app_store", "app", "game"),
    "restaurants": ("restaurant_long", "restaurant_sentences", "restaurant", "two_sides"),
    "hk_restaurant": ("hk_restaurant",),
}
"""What is not learned for each kind: files of DATA, and domains of reviews.tsv."""


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("encoder")
@click.argument("out", type=click.Path(path_type=Path))
def main(data: Path, encoder: str, out: Path) -> None:
    """Train and score a student for each of KINDS, in runs under OUT."""
    found = {}
    for name, names in KINDS.items():
        laid_out, run, unseen = (out / f"{name}{part}" for part in ("-data", "", "-unseen"))
        if not run.exists():
            left_out = [part for own in names for part in ("--leave-out", own)]
            call("benchmarks.builtin.prepare", data, laid_out, *left_out)
            files = [laid_out / "held-out" / f"{own}.tsv" for own in names]
            rows = [row for path in files if path.exists() for row in read(path)]
            write(unseen / "test.tsv", rows)
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
