"""Measures models side by side where the built-in one is to be good.

    python -m benchmarks.builtin.measure OUT CHNSENTICORP MODEL...

On ChnSentiCorp test, as it is and in the characters and words of Taiwan (by OpenCC), on the tenths
of each review file, of the neutral texts and of the written reviews that `prepare.py` held out in
OUT, and on the check list; and how often a model is right where it does not say "to review".
Beside the one-file models stand naive Bayes on character n-grams, which learns from the same train,
and SnowNLP as it comes, whose own training text has most of ChnSentiCorp's test rows.
It needs `pip install scikit-learn snownlp`.
"""

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from opencc import OpenCC
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from snownlp import SnowNLP

from benchmarks.builtin.prepare import CHECKLIST, NEUTRAL, read
from benchmarks.builtin.written import Row
from models.metrics import Metrics, calibration_error
from models.predictor import Predictor
from models.session import providers
from trainer.data.duplicates import seen_rows

Probabilities = NDArray[np.float32]  # [N, 2]
Model = Callable[[Sequence[str]], Probabilities]

FIRST = ("book", "computer", "hotel", "mixed_shop", "phone", "shampoo")
"""The kinds that the first built-in model had learned."""


@click.command()
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("chnsenticorp", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument(
    "files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    nargs=-1,
    required=True,
)
def main(out: Path, chnsenticorp: Path, files: tuple[Path, ...]) -> None:
    """Measure one-file models on what prepare.py laid out in OUT, and on CHNSENTICORP test."""
    learned = [row for row in read(out / "train.tsv") if row[0] != NEUTRAL]
    models = {"naive Bayes": naive_bayes(learned), "SnowNLP": snownlp}
    limits = {}
    providers()  # imports ONNX Runtime
    for path in files:
        start = time.perf_counter()
        predictor = Predictor.open(path)
        predictor.predict(["好"])
        seconds = time.perf_counter() - start
        models[path.stem] = predictor_of(predictor)
        limits[path.stem] = predictor.manifest.review[1].below
        print(
            f"{path.stem}: {path.stat().st_size / 1e6:.2f} MB, {predictor.manifest.digest}, ",
            end="",
        )
        print(f"{seconds:.2f} s from the file to its first answer")

    taiwan = OpenCC("s2twp").convert
    test = read(chnsenticorp / "test.tsv")
    known = seen_rows(texts(read(chnsenticorp / "train.tsv")), texts(test))
    unseen = [row for row, is_known in zip(test, known, strict=True) if not is_known]
    held_out = {path.stem: read(path) for path in sorted((out / "held-out").glob("*.tsv"))}
    together = [row for rows in held_out.values() for row in rows]
    sets = {
        "ChnSentiCorp test": test,
        "… not in its train": unseen,
        "all of test, in traditional characters": [(label, taiwan(text)) for label, text in test],
        **{f"{name}, held out": rows for name, rows in held_out.items()},
        "all held out": together,
        "written reviews, held out": read(out / "written.tsv"),
    }
    answers = {
        name: {title: model(texts(rows)) for title, rows in sets.items()}
        for name, model in models.items()
    }
    for name, score in (("accuracy", right), ("macro-F1", macro_f1)):
        table(f"{name} | rows", models)
        for title, rows in sets.items():
            line(
                title, f"{len(rows):,}", *(f"{score(answers[m][title], rows):.2%}" for m in models)
            )
    for title, names in groups(held_out).items():
        means = (
            np.mean([macro_f1(answers[m][f"{name}, held out"], held_out[name]) for name in names])
            for m in models
        )
        line(f"mean of the {len(names)} {title}", "", *(f"{mean:.2%}" for mean in means))

    table("how sure, on all held out | ", models)
    given = {m: answers[m]["all held out"] for m in models}
    errors = {m: calibration_error(given[m], labels(together)) for m in models}
    line("expected calibration error", "", *(f"{error:.2%}" for error in errors.values()))
    shares = {m: unsure_errors(given[m], together) for m in models}
    line("errors in the tenth least sure", "", *(f"{share:.0%}" for share in shares.values()))

    table("right where it is not to review (share of the rows that are not) | rows", limits)
    for name, rows in held_out.items():
        cells = (sure(answers[m][f"{name}, held out"], rows, limits[m]) for m in limits)
        line(name, f"{len(rows):,}", *cells)
    neutral = texts(read(out / "neutral.tsv"))
    cells = (f"{(models[m](neutral).max(axis=1) < limits[m]).mean():.0%}" for m in limits)
    line("neutral texts that are to review", len(neutral), *cells)

    kinds = [row.split("\t")[1] for row in CHECKLIST.read_text(encoding="utf-8").splitlines()[1:]]
    sentences = read(CHECKLIST)
    said = {m: model(texts(sentences)).argmax(axis=1) for m, model in models.items()}
    table("check list, right | of", models)
    for kind in dict.fromkeys(kinds):
        of = [number for number, own in enumerate(kinds) if own == kind]
        counts = (sum(said[m][of] == labels(sentences)[of]) for m in models)
        line(kind, len(of), *counts)
    line("all", len(kinds), *(sum(said[m] == labels(sentences)) for m in models))


def predictor_of(predictor: Predictor) -> Model:
    """Give the probabilities of a one-file model."""
    return lambda texts: predictor.predict(list(texts)).probabilities


def naive_bayes(train: Sequence[Row]) -> Model:
    """Learn from counts of one to three characters."""
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, binary=True)
    model = make_pipeline(counts, MultinomialNB())
    model.fit(texts(train), labels(train))
    return lambda texts: model.predict_proba(texts).astype(np.float32)


def snownlp(texts: Sequence[str]) -> Probabilities:
    """Ask SnowNLP's classifier, as it comes."""
    praise = np.array([SnowNLP(text).sentiments for text in texts], dtype=np.float32)
    return np.stack([1 - praise, praise], axis=1)


def texts(rows: Sequence[Row]) -> list[str]:
    """Return the texts of rows."""
    return [text for _, text in rows]


def labels(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Return the label ids of rows."""
    return np.array([int(label) for label, _ in rows])


def right(given: Probabilities, rows: Sequence[Row]) -> float:
    """Return the accuracy."""
    return Metrics.of(labels(rows), given.argmax(axis=1), 2).accuracy


def macro_f1(given: Probabilities, rows: Sequence[Row]) -> float:
    """Return the macro-F1."""
    return Metrics.of(labels(rows), given.argmax(axis=1), 2).macro_f1


def groups(held_out: dict[str, list[Row]]) -> dict[str, list[str]]:
    """Return the names of the held-out files whose scores are averaged, by what they are."""
    return {
        "first kinds": [name for name in held_out if name in FIRST],
        "later kinds of 200 rows or more": [
            name for name, rows in held_out.items() if name not in FIRST and len(rows) >= 200
        ],
    }


def sure(given: Probabilities, rows: Sequence[Row], limit: float) -> str:
    """Return the accuracy of the answers that are at least so sure, and their share."""
    kept = given.max(axis=1) >= limit
    found = given[kept].argmax(axis=1) == labels(rows)[kept]
    return f"{found.mean():.1%} ({kept.mean():.0%})"


def unsure_errors(given: Probabilities, rows: Sequence[Row]) -> float:
    """Return the share of the errors that is in the tenth of the rows that it is least sure of."""
    wrong = given.argmax(axis=1) != labels(rows)
    least_sure = np.argsort(given.max(axis=1))[: len(rows) // 10]
    return float(wrong[least_sure].sum() / max(wrong.sum(), 1))


def table(title: str, models: Collection[str]) -> None:
    """Print the head of a table: a column for each model."""
    line(f"\n| {title}", *models, start="")
    print("|---" + "|---:" * (len(models) + 1) + "|")


def line(*cells: object, start: str = "| ") -> None:
    """Print a line of a table."""
    print(start + " | ".join(map(str, cells)), "|")


if __name__ == "__main__":
    main()
