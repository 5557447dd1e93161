"""Measures a model where the built-in one is to be good: `python -m benchmarks.builtin.measure`.

On ChnSentiCorp test, on the tenth of each review file that `prepare.py` held out, and on the check
list. The expected calibration error is that of all held-out rows together.
"""

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.builtin.prepare import CHECKLIST, read
from models.metrics import Metrics, calibration_error
from models.predictor import Predictor
from trainer.sameness import seen_rows


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("chnsenticorp", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(model: Path, out: Path, chnsenticorp: Path) -> None:
    """Measure MODEL on what prepare.py laid out in OUT, and on CHNSENTICORP test."""
    predictor = Predictor.open(model)
    print(f"{model.name}, {model.stat().st_size / 1e6:.2f} MB, {predictor.manifest.digest}\n")
    print("| | rows | accuracy | macro-F1 | ECE |\n|---|---:|---:|---:|---:|")

    def answer(rows: list[tuple[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        labels = np.array([int(label) for label, _ in rows])
        return labels, predictor.predict([text for _, text in rows]).probabilities

    def show(name: str, labels: NDArray[np.int64], given: NDArray[np.float32]) -> Metrics:
        scores = Metrics.of(labels, given.argmax(axis=1), 2)
        error = calibration_error(given, labels)
        print(
            f"| {name} | {len(labels):,} | {scores.accuracy:.2%} | {scores.macro_f1:.2%} | ", end=""
        )
        print(f"{error:.2%} |")
        return scores

    test = read(chnsenticorp / "test.tsv")
    known = seen_rows(
        [text for _, text in read(chnsenticorp / "train.tsv")], [text for _, text in test]
    )
    labels, given = answer(test)
    show("ChnSentiCorp test", labels, given)
    show("… not in its train", labels[~known], given[~known])

    held_out = {path.stem: answer(read(path)) for path in sorted((out / "held-out").glob("*.tsv"))}
    scores = [show(name, *answers).macro_f1 for name, answers in held_out.items()]
    labels = np.concatenate([labels for labels, _ in held_out.values()])
    given = np.concatenate([given for _, given in held_out.values()])
    show("held out, all", labels, given)

    wrong = given.argmax(axis=1) != labels
    least_sure = np.argsort(given.max(axis=1))[: len(labels) // 10]
    print(f"\nmean macro-F1 of the held-out files: {np.mean(scores):.2%}")
    print(f"of their errors, in the 10 % least sure: {wrong[least_sure].sum() / wrong.sum():.1%}")

    rows = [line.split("\t") for line in CHECKLIST.read_text(encoding="utf-8").splitlines()[1:]]
    labels, given = answer([(label, text) for label, _, text in rows])
    right = given.argmax(axis=1) == labels
    kinds = np.array([kind for _, kind, _ in rows])
    each = (
        f"{kind} {right[kinds == kind].sum()}/{(kinds == kind).sum()}"
        for kind in dict.fromkeys(kinds)
    )
    print(f"check list: {right.sum()} of {len(right)} ({', '.join(each)})")


if __name__ == "__main__":
    main()
